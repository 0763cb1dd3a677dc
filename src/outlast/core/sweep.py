"""Sweep: which trees are taken away, and how. Never by age.

    Looked ---> which one may go? ---> read it ---> remove what stands, piece by piece ---> read it ---> Swept

This is where October 2025 went wrong: a clean-up judged by age took the tree that a delayed enactor had just
put back. Here a tree goes only

* while the fence is, in the same transaction, that of another plan: the condition of each piece;
* if it is older than the live one, and not the one before it, which somebody may still have to go back to;
* after that very fence has stood for one maximum TTL, as seen by the sweeper itself with its own clock, so
  that no resolver follows an old pointer any more; and only if all authoritative servers were seen to agree.

The condition alone would not do. While a finished tree waits for its flip the fence stands still, and whoever
may take what is old would take it away; hence nothing newer than the live plan ever goes. What may go can
never become live again, because generations never return and a tree's names bear number and digest.
"""

from dataclasses import dataclass, replace

from outlast.core.messages import Read, ReadFailed, ReadProvider, Write, Wrote
from outlast.core.transact import tend
from outlast.core.tree import CHUNK_BYTES_MAX, Piece, label_of, place_of, removals
from outlast.model.fence import Fence, parse_fence
from outlast.model.plan import Layout, Observation, OutcomeKind, Plan
from outlast.model.units import NO_GENERATION, Generation, Nanos, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A tree that stands, or may stand, in the DNS: what must be known to take it away.

    Attributes:
        top: its label.
        ttl_s: of the pointers that led, or may lead, to it.
        was_live: whether its plan was confirmed to be published.
        records: how many it holds; 0: not known.
    """

    layout: Layout
    generation: Generation
    top: str
    ttl_s: int
    was_live: bool = False
    records: int = 0

    @classmethod
    def of(cls, plan: Plan) -> "Laid":
        """Return what to remember of a plan that lies in a tree."""
        ttl_s = max(one.ttl_s for one in plan.record_sets)
        records = sum(len(one.values) for one in plan.record_sets)
        layout, top = plan.layout, label_of(plan)
        return cls(layout=layout, generation=plan.generation, top=top, ttl_s=ttl_s, records=records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The endpoint was read and found in order.

    Attributes:
        fence: the one that stands.
        top: label of the tree to which the names point; empty: to none.
        trees: those that may stand, the live one among them.
        ttl_s: of the plan that is live.
        agreed: whether no authoritative server is known to differ.
    """

    fence: Fence
    top: str
    trees: tuple[Laid, ...]
    ttl_s: int
    agreed: bool
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Nothing of a tree stands any more."""

    tree: Laid


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a sweeper knows of one endpoint.

    Attributes:
        fence: the one that it saw stand, and since when without a break.
        doomed: the tree it is taking away.
        left: the pieces not sent so far.
        carries: bytes that one transaction carries.
    """

    fence: Fence | None = None
    since_ns: Nanos = Nanos(0)
    doomed: Laid | None = None
    found: Observation | None = None
    left: tuple[Piece, ...] = ()
    carries: int = CHUNK_BYTES_MAX


Command = ReadProvider | Write | Swept
Step = tuple[State, tuple[Command, ...]]


def step(state: State, event: Looked | Read | ReadFailed | Wrote) -> Step:
    """Take one event; late echoes change nothing."""
    match event:
        case Looked():
            return _on_looked(state, event)
        case Read() if state.doomed is not None and not state.left:
            return _on_read(state, state.doomed, event.observation)
        case Wrote() if state.left:
            return _on_wrote(state, event)
        case ReadFailed():
            return _rest(state), ()
        case Read() | Wrote():
            return state, ()


def may_go(event: Looked, since_ns: Nanos) -> Laid | None:
    """Return a tree that may be taken away now; None: there is none.

    Args:
        since_ns: since when the fence that was just read is known to stand.
    """
    if event.at_ns - since_ns < quarantine_ns(event):
        return None
    return min(leaving(event), key=lambda one: (one.generation, one.top), default=None)


def leaving(event: Looked) -> tuple[Laid, ...]:
    """Return the trees that go after the quarantine: those older than the live one and the one before it."""
    live = event.fence.generation
    older = [one for one in event.trees if one.generation < live and one.top != event.top]
    known = [one.generation for one in older if one.was_live] or [it.generation for it in older]
    before = max(known, default=NO_GENERATION)
    return tuple(one for one in older if one.generation != before)


def quarantine_ns(event: Looked) -> Nanos:
    """For how long a fence must have stood: as long as any resolver may follow an older pointer."""
    return seconds(max([event.ttl_s, *(one.ttl_s for one in event.trees)]))


def _rest(state: State) -> State:
    return replace(state, doomed=None, found=None, left=())


def _on_looked(state: State, event: Looked) -> Step:
    state = _rest(state)
    if event.fence != state.fence or not event.agreed:
        return replace(state, fence=event.fence, since_ns=event.at_ns), ()
    going = may_go(event, state.since_ns)
    if going is None:
        return state, ()
    place = place_of(going.layout, going.top)
    return replace(state, doomed=going), (ReadProvider(layout=place),)


def _on_read(state: State, doomed: Laid, standing: Observation) -> Step:
    if parse_fence(standing.fence) != state.fence:
        return _rest(state), ()  # judged anew at the next look
    left = tuple(removals(standing.record_sets, state.carries))
    if not left:
        return _rest(state), (Swept(tree=doomed),)
    state = replace(state, found=standing, left=left)
    return state, (_write(doomed, left[0], standing),)


def _on_wrote(state: State, event: Wrote) -> Step:
    doomed, found = state.doomed, state.found
    if doomed is None or found is None or event.outcome.kind is not OutcomeKind.APPLIED:
        return _rest(state), ()
    state = replace(state, left=state.left[1:])
    if state.left:
        return state, (_write(doomed, state.left[0], found),)
    return state, (ReadProvider(layout=place_of(doomed.layout, doomed.top)),)


def _write(doomed: Laid, piece: Piece, found: Observation) -> Write:
    return Write(transaction=tend(doomed.layout, doomed.top, piece, found))
