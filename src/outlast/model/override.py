"""Overrides: what operators ask for. They win over automation, never erase what was measured, and end.

An override names what it overrides. There is no general "force".
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.names import EndpointName, RegionName
from outlast.model.units import Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Automation publishes nothing new for one endpoint, or (None) for all.

    Attributes:
        until_ns: when it ends by itself; None: when somebody thaws it.
    """

    endpoint: EndpointName | None
    reason: str
    by: str
    at_ns: Nanos
    until_ns: Nanos | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evacuation:
    """A region is being drained, in steps, or comes back in steps.

    Attributes:
        region: the region to be drained.
        step_count: in how many equal steps it is drained; 1: at once.
        step_s: seconds from one step to the next.
        at_ns: when the first step is taken.
        returning: the steps lead back from drained to full.
    """

    region: RegionName
    reason: str
    by: str
    at_ns: Nanos
    step_count: int = 1
    step_s: float = 0.0
    returning: bool = False

    def drained_ratio(self, now_ns: Nanos) -> float:
        """Return the share of the region's weight that should be gone by now, 0 to 1."""
        ratio = self._walked_ratio(now_ns)
        return 1.0 - ratio if self.returning else ratio

    def _walked_ratio(self, now_ns: Nanos) -> float:
        if now_ns < self.at_ns:
            return 0.0
        if self.step_count <= 1 or self.step_s <= 0:
            return 1.0
        steps = 1 + int((now_ns - self.at_ns) / (self.step_s * 1e9))
        return min(steps, self.step_count) / self.step_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One rule of the guard is switched off for one endpoint, or (None) all, until a stated time."""

    rule: str
    endpoint: EndpointName | None
    reason: str
    by: str
    at_ns: Nanos
    until_ns: Nanos


Override = Freeze | Evacuation | Waiver


class OverrideKind(StrEnum):
    """The kinds of override, as the store and the command line name them."""

    FREEZE = "freeze"
    EVACUATION = "evacuation"
    WAIVER = "waiver"


def is_over(override: Override, now_ns: Nanos) -> bool:
    """Whether an override has ended by itself."""
    match override:
        case Freeze(until_ns=until_ns) | Waiver(until_ns=until_ns):
            return until_ns is not None and until_ns <= now_ns
        case Evacuation(returning=returning):
            return returning and override.drained_ratio(now_ns) == 0.0
