"""Agreeing: what several authoritative servers of one name say, held against the newest signed plan.

Nothing but answers and a public key goes in, so anybody can judge, from anywhere, whether the control plane
is up, down or hostile. The newest plan is the highest generation that any server shows with a good
signature; each server is then odd in one way or in none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from outlast.model.fence import Fence, parse_fence
from outlast.model.plan import Observation
from outlast.model.records import digest_of
from outlast.model.topology import Address
from outlast.model.units import NO_GENERATION, Generation


class Oddity(StrEnum):
    """How a server differs."""

    NONE = "agrees"
    UNREACHABLE = "unreachable"
    NO_FENCE = "no-fence"
    UNSIGNED = "unsigned"
    FORGED = "forged"
    """A signature that the key did not make."""
    ALTERED = "altered"
    """The records are not those that the fence names."""
    BEHIND = "behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One server and what it said.

    Attributes:
        server: for people, name and address.
        fence: as it showed it; None: no well-formed one.
        answers: the records, one a line.
    """

    server: str
    oddity: Oddity
    detail: str
    fence: Fence | None = None
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """All servers; `newest`: the generation that the best signed fence shows, 0: there is none."""

    newest: Generation
    servers: tuple[Said, ...]

    @property
    def odd(self) -> tuple[Said, ...]:
        """The servers that differ."""
        return tuple(one for one in self.servers if one.oddity is not Oddity.NONE)


def judge(
    answers: Mapping[str, Observation | str], is_signed: Callable[[Fence], bool] | None
) -> Agreement:
    """Judge what servers said.

    Args:
        answers: by server: what it holds, or why it could not be asked.
        is_signed: whether a fence bears a good signature; None: there is no key, and servers are only
            compared with each other.
    """
    fences = {
        name: parse_fence(one.fence)
        for name, one in answers.items()
        if isinstance(one, Observation)
    }
    good = [
        one.generation
        for one in fences.values()
        if one is not None and (is_signed is None or is_signed(one))
    ]
    newest = max(good, default=NO_GENERATION)
    servers = [
        _said(name, one, fences.get(name), is_signed, newest) for name, one in answers.items()
    ]
    return Agreement(newest=newest, servers=tuple(servers))


def _said(
    name: str,
    answer: Observation | str,
    fence: Fence | None,
    is_signed: Callable[[Fence], bool] | None,
    newest: Generation,
) -> Said:
    if isinstance(answer, str):
        return Said(server=name, oddity=Oddity.UNREACHABLE, detail=answer)
    oddity, detail = _oddity(answer, fence, is_signed, newest)
    answers = tuple(str(one) for one in answer.record_sets)
    return Said(server=name, oddity=oddity, detail=detail, fence=fence, answers=answers)


def _oddity(
    answer: Observation,
    fence: Fence | None,
    is_signed: Callable[[Fence], bool] | None,
    newest: Generation,
) -> tuple[Oddity, str]:
    if fence is None:
        shown = " | ".join(answer.fence) or "nothing"
        return Oddity.NO_FENCE, f"where the fence should be stands {shown}"
    named = f"generation {fence.generation}, written by {fence.writer}"
    if is_signed is not None and not fence.signature:
        return Oddity.UNSIGNED, f"{named}, is not signed"
    if is_signed is not None and not is_signed(fence):
        return Oddity.FORGED, f"{named}, bears a signature that the key did not make"
    if digest_of(answer.record_sets) != fence.digest:
        return Oddity.ALTERED, f"{named}, but the records are others than it names"
    if fence.generation < newest:
        return Oddity.BEHIND, f"{named}; generation {newest} is signed elsewhere"
    return Oddity.NONE, named


def label(name: str, address: Address) -> str:
    """Name a server for people."""
    return f"{name} ({address})" if name else str(address)
