"""A certificate: what one DNS did when its fence was put to the test, and what that is worth.

It speaks of one provider, one place and one version of the software there. Another version is another
server: it needs a run of its own.
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.facts import FenceGrade
from outlast.model.names import DnsName, ProviderName
from outlast.model.units import Nanos


class Weight(StrEnum):
    """What the failure of a check means."""

    FENCE = "fence"
    """A late write can go through: nothing but a lock keeps writers apart."""
    TOGETHER = "together"
    """Fence and data are not changed as one."""
    CAVEAT = "caveat"
    """Known, and harmless to what Outlast writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One trial.

    Attributes:
        name: such as `stale-swap`.
        meaning: what must be, in one line.
        fault: what was seen instead; empty: it passed.
        evidence: figures, where there are some.
    """

    name: str
    meaning: str
    weight: Weight
    fault: str = ""
    evidence: str = ""

    @property
    def passed(self) -> bool:
        """Whether what must be was seen."""
        return not self.fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The outcome of a run.

    Attributes:
        place: kind and address of what was tried, all writable servers of it.
        version: as the software tells it; empty: it does not.
    """

    provider: ProviderName
    place: str
    version: str
    zone: DnsName
    checks: tuple[Check, ...]
    at_ns: Nanos

    @property
    def grade(self) -> FenceGrade:
        """What its fence is worth."""
        failed = {one.weight for one in self.checks if not one.passed}
        if Weight.FENCE in failed:
            return FenceGrade.LEASE
        return FenceGrade.RECORD_SET if Weight.TOGETHER in failed else FenceGrade.FULL

    @property
    def caveats(self) -> tuple[Check, ...]:
        """What is to be known and does no harm."""
        return tuple(one for one in self.checks if not one.passed and one.weight is Weight.CAVEAT)
