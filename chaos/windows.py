"""Windows: what the foreign hand broke and when it was whole again; and fair time, in which that counts.

An act of the foreign hand opens a window on its endpoint. The first sample that began after the act was
acknowledged and shows the endpoint whole closes it. Fair time is time in which somebody could have healed
it: name server and store were up, and at least one enactor was left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chaos.history import SECOND_NS, Act, Fault, History, Named, Run
from chaos.world import ENACTORS
from outlast.model.fence import parse_fence
from outlast.model.records import RecordType, digest_of

GRACE_S = 2.5
"""After a fault a process has to start, or a connection to be tried again (back-off up to 2 s)."""

BREAK_GLASS = "break-glass"
"""The wipe that is not automation's to heal: everything is stopped, and a rescue has its own bound."""

UNSURE_S = 15.0
"""How long an act may still be carried out that the server did not acknowledge."""

GRACE_STOPPED_S = 0.3
"""After SIGCONT a process goes on where it stood."""

SERVER_FAULTS = frozenset({"kill-server", "stop-server", "provider-unreachable", "provider-slow"})
"""With two providers a fault of one is taken as one of both: fair time is then short, never long."""

STORE_FAULTS = frozenset(
    {"store-deleted", "store-old", "disk-full"}
    | {"etcd-leader", "etcd-partition", "etcd-majority", "etcd-full"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heal:
    """One window: who opened it, how long it was open, and how much of that was fair.

    Attributes:
        sure: whether the act was acknowledged; how long one healed that was not, cannot be told.
    """

    kind: str
    endpoint: str
    opened_ns: int
    closed_ns: int
    fair_s: float
    closed: bool
    sure: bool = True

    @property
    def wall_s(self) -> float:
        """How long it was open."""
        return (self.closed_ns - self.opened_ns) / SECOND_NS


class FairTime:
    """The time in which healing can be asked for."""

    def __init__(self, history: History) -> None:
        common = [one for one in history.faults if one.kind in SERVER_FAULTS | STORE_FAULTS]
        unfair = [_with_grace(one) for one in common]
        alone = [
            [_with_grace(one) for one in history.faults if hits(one, enactor)]
            for enactor in ENACTORS
        ]
        together = _union(alone[0])
        for spans in alone[1:]:
            together = _intersection(together, _union(spans))
        self._unfair = _union([*unfair, *together])

    def between_s(self, from_ns: int, to_ns: int) -> float:
        """Return how many seconds between two times were fair."""
        unfair_ns = sum(
            max(0, min(to_ns, end) - max(from_ns, start)) for start, end in self._unfair
        )
        return max(0, to_ns - from_ns - unfair_ns) / SECOND_NS


def hits(fault: Fault, enactor: str) -> bool:
    """Whether a fault keeps an enactor from its work."""
    return fault.target == enactor or (fault.kind == "two-wipes" and enactor == "enactor-2")


Span = tuple[int, int]


def _with_grace(fault: Fault) -> Span:
    stopped = fault.kind.startswith("stop-") or fault.kind in {
        "stutter",
        "two-wipes",
        "rescue-in-need",
    }
    grace_s = GRACE_STOPPED_S if stopped and fault.target != "server" else GRACE_S
    return fault.began_ns, fault.ended_ns + int(grace_s * SECOND_NS)


def _union(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _intersection(one: list[Span], other: list[Span]) -> list[Span]:
    return [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]


def windows_of(history: History, named: Named, runs: list[Run], fair: FairTime) -> Iterator[Heal]:
    """For each act of the foreign hand: from before it was sent until the endpoint was whole again."""
    foreign = foreign_values(history, named.endpoint)
    whole = [one for one in runs if is_whole(one, named, foreign)]
    for act in history.acts:
        if act.endpoint != named.endpoint:
            continue
        closed_ns = _closed_ns(act, whole)
        until_ns = history.ended_ns if closed_ns is None else closed_ns
        yield Heal(
            kind=act.kind,
            endpoint=act.endpoint,
            opened_ns=act.began_ns,
            closed_ns=until_ns,
            fair_s=fair.between_s(act.ended_ns, until_ns) if act.taken else 0.0,
            sure=act.taken,
            closed=closed_ns is not None,
        )


def _closed_ns(act: Act, whole: list[Run]) -> int | None:
    """When a sample that began after the act was acknowledged first showed the endpoint whole."""
    until_ns = act.ended_ns if act.taken else act.ended_ns + int(UNSURE_S * SECOND_NS)
    for run in whole:
        if run.last_ns > until_ns:
            return max(run.first_end_ns, until_ns)
    return None if act.taken else until_ns


def foreign_values(history: History, endpoint: str) -> set[str]:
    """Return every value that the foreign hand put at an endpoint's fence."""
    return {value for one in history.acts if one.endpoint == endpoint for value in one.values}


def is_whole(run: Run, named: Named, foreign: set[str]) -> bool:
    """Whether a run shows a fence of ours at rest, just what it names beside it, and enough of it."""
    answer = run.answer
    fence = parse_fence(answer.fence)
    return (
        not answer.fault
        and fence is not None
        and answer.fence == answer.fence_after
        and str(fence) not in foreign
        and digest_of(answer.records) == fence.digest
        and not list(short(run, named))
    )


def short(run: Run, named: Named) -> Iterator[str]:
    """The names that have fewer addresses than they must."""
    for name in named.names:
        found = sum(
            len(one.values)
            for one in run.answer.records
            if one.name == name and one.rtype in (RecordType.A, RecordType.AAAA)
        )
        if found < named.floor:
            yield f"{name} has {found} addresses, at least {named.floor} must stay"
