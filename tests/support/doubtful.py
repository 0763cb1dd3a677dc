"""A DNS in memory that keeps its word about fences but for one fault, named by the test."""

from dataclasses import dataclass, field
from enum import StrEnum

from outlast.model.names import DnsName
from outlast.model.plan import (
    Absent,
    Condition,
    Layout,
    Observation,
    Outcome,
    OutcomeKind,
    Transaction,
)
from outlast.model.records import RecordSet, RecordType, sort_record_sets
from outlast.model.units import Nanos

Key = tuple[DnsName, RecordType]


class Fault(StrEnum):
    """What is wrong with it."""

    NONE = "none"
    STALE = "stale"  # a condition on something that once stood there holds, as in a well-known mock
    PARTIAL = "partial"  # one of several values is enough
    CASE = "case"  # values are compared without regard to case
    FIRST_ONLY = "first-only"  # only the first condition counts
    CREATES = "creates"  # "nothing there" always holds
    HALF = "half"  # what stands before a faulty part stays
    SPLIT = "split"  # the fence moves, the data does not


@dataclass
class Doubtful:
    """A candidate for a certificate."""

    zone: DnsName
    fault: Fault = Fault.NONE
    held: dict[Key, RecordSet] = field(default_factory=dict)
    once: dict[Key, set[tuple[str, ...]]] = field(default_factory=dict)

    async def version(self) -> str:
        return f"doubtful 1.0 ({self.fault})"

    async def read(self, layout: Layout) -> Observation:
        fence = self.held.get((layout.fence_at, RecordType.TXT))
        sets = [one for (name, _), one in self.held.items() if name in layout.names]
        return Observation(
            endpoint=layout.endpoint,
            provider=layout.provider,
            epoch=(),
            fence=fence.values if fence is not None else (),
            record_sets=sort_record_sets(sets),
            at_ns=Nanos(0),
        )

    def _holds(self, condition: Condition) -> bool:
        key = (condition.name, condition.rtype)
        found = self.held.get(key)
        values = found.values if found is not None else ()
        if isinstance(condition, Absent):
            return not values or self.fault is Fault.CREATES
        if self.fault is Fault.STALE and condition.values in self.once.get(key, ()):
            return True
        if self.fault is Fault.PARTIAL:
            return set(condition.values) <= set(values)
        if self.fault is Fault.CASE:
            return {one.lower() for one in values} == {one.lower() for one in condition.values}
        return set(values) == set(condition.values)

    async def write(self, transaction: Transaction) -> Outcome:
        conditions = transaction.conditions
        if self.fault is Fault.FIRST_ONLY:
            conditions = conditions[:1]
        if not all(self._holds(one) for one in conditions):
            return Outcome(kind=OutcomeKind.REFUSED)
        work = dict(self.held)
        for key in transaction.deletions:
            work.pop(key, None)
        for one in transaction.additions:
            if not one.name.endswith(self.zone):
                if self.fault is Fault.HALF:
                    self.held = work
                return Outcome(kind=OutcomeKind.REJECTED)
            if self.fault is Fault.SPLIT and one.rtype is RecordType.A and len(self.held) > 1:
                work |= {key: old for key, old in self.held.items() if key[1] is RecordType.A}
                continue
            work[one.name, one.rtype] = one
            self.once.setdefault((one.name, one.rtype), set()).add(one.values)
        self.held = work
        return Outcome(kind=OutcomeKind.APPLIED)

    async def close(self) -> None:
        """Nothing is open."""
