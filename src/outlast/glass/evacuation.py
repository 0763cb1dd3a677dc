"""Evacuation: what would remain without a region, how far a drain is, and when the power may go.

The proof is the production guard's own; this only sorts it for people. "Safe to power off" is said when the
region stands in no answer any more *and* the longest TTL has passed since the last confirmation: before that,
resolvers hand out addresses that the DNS no longer knows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outlast.model.override import Evacuation
from outlast.model.plan import Plan, Ruling
from outlast.model.units import Nanos, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What would remain of one endpoint.

    Attributes:
        stays: addresses that would be published, by region.
        capacity: what the planner says of demand and capacity.
        holds: whether it carries the demand; None: not declared.
        blocked: why the guard refuses; empty: it does not.
    """

    endpoint: str
    stays: tuple[tuple[str, int], ...]
    capacity: str
    holds: bool | None
    blocked: tuple[str, ...]

    @property
    def kind(self) -> str:
        """How it is marked."""
        if self.blocked:
            return "bad"
        return "good" if self.holds else "warn"


def proof(endpoint: str, plan: Plan | None, ruling: Ruling | None) -> Proof:
    """Return what the planner and the guard say of one endpoint."""
    if plan is None:
        return Proof(
            endpoint=endpoint, stays=(), capacity="nothing is published yet", holds=None, blocked=()
        )
    stays: dict[str, int] = {}
    for member in plan.members:
        if member.published:
            stays[member.region] = stays.get(member.region, 0) + 1
    blocked: tuple[str, ...] = ()
    if ruling is not None and not ruling.allowed:
        blocked = tuple(f"{one.rule}: {one.message}" for one in ruling.findings)
    return Proof(
        endpoint=endpoint,
        stays=tuple(sorted(stays.items())),
        capacity=str(plan.proof),
        holds=plan.proof.holds,
        blocked=blocked,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """An evacuation that was ordered.

    Attributes:
        steps: for each step when it is taken, and whether it has been.
        left: addresses of the region that are still published.
        unproved: endpoints whose newest plan is not confirmed yet.
        safe_ns: when the power may go; None: not known yet.
        is_safe: whether that time has come.
    """

    region: str
    reason: str
    by: str
    returning: bool
    steps: tuple[tuple[Nanos, bool], ...]
    left: int
    unproved: tuple[str, ...]
    safe_ns: Nanos | None
    is_safe: bool

    @property
    def taken(self) -> int:
        """How many steps have been taken."""
        return sum(done for _, done in self.steps)


def drain(
    one: Evacuation,
    now_ns: Nanos,
    *,
    left: int,
    unproved: Sequence[str],
    safe_ns: Nanos,
) -> Drain:
    """Return how far an evacuation is.

    Args:
        safe_ns: one TTL after the last confirmation.
    """
    times = [Nanos(one.at_ns + seconds(one.step_s * step)) for step in range(one.step_count)]
    empty = not one.returning and not left and not unproved
    return Drain(
        region=one.region,
        reason=one.reason,
        by=one.by,
        returning=one.returning,
        steps=tuple((at_ns, at_ns <= now_ns) for at_ns in times),
        left=left,
        unproved=tuple(unproved),
        safe_ns=safe_ns if empty else None,
        is_safe=empty and safe_ns <= now_ns,
    )


def refused(proofs: Iterable[Proof]) -> bool:
    """Whether the guard refuses any of them."""
    return any(one.blocked for one in proofs)
