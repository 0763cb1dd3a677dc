"""Retire: which old plans may leave the store. Never the live one, never its predecessor.

Retiring touches the store only. Plans are published as data, in place, so there is nothing in the DNS
that a clean-up could delete: the October 2025 shape (a clean-up by age that met a plan put back by a
delayed enactor) does not exist here. What is left to protect is that whatever is live anywhere can still
be fetched, for a rollback, a rescue, or to explain an answer.

Age plays no part. A plan is kept because somebody may need it, and counted by generation only after that.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from outlast.model.names import ProviderName
from outlast.model.units import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of one endpoint's plans.

    Attributes:
        stored: generations in the store, sorted.
        live: the generation last seen at each provider; sorted by provider.
    """

    stored: tuple[Generation, ...] = ()
    live: tuple[tuple[ProviderName, Generation], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A plan was committed."""

    generation: Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLive:
    """A generation was read at a provider, or confirmed there."""

    provider: ProviderName
    generation: Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove these plans from the store, if the newest plan is still generation `newest`."""

    generations: tuple[Generation, ...]
    newest: Generation


def step(state: State, event: Stored | SeenLive, *, kept: int) -> tuple[State, tuple[Delete, ...]]:
    """Fold one event in and say what may go, keeping `kept` more than what must stay."""
    match event:
        case Stored(generation=generation):
            stored = tuple(sorted({*state.stored, generation}))
            state = replace(state, stored=stored)
        case SeenLive(provider=provider, generation=generation):
            live = {**dict(state.live), provider: generation}
            state = replace(state, live=tuple(sorted(live.items())))
        case _:
            assert_never(event)
    going = _retirable(state, kept)
    if not going:
        return state, ()
    remaining = tuple(one for one in state.stored if one not in going)
    return replace(state, stored=remaining), (Delete(generations=going, newest=state.stored[-1]),)


def _retirable(state: State, kept: int) -> tuple[Generation, ...]:
    """Everything older than the oldest live plan's predecessor, but for the newest `kept` of those.

    Where nothing was seen live yet, nothing may go: not to know what is live is not to know that
    something is not.
    """
    if not state.live:
        return ()
    oldest_live = min(generation for _, generation in state.live)
    older = [one for one in state.stored if one < oldest_live]
    spare = older[:-1]
    return tuple(spare[: max(0, len(spare) - kept)])
