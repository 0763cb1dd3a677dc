"""What detection believes, as pages show it: causes, what speaks for and against them, and the counts.

A belief is a snapshot with names already cut to what a screen holds. Old is not quiet: a stale belief is
shown as old, and nothing is concluded from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from outlast.glass.worldmap import Hit
from outlast.model.units import NS_PER_S, Nanos

MINUTE_NS = 60 * NS_PER_S


class Outcome(StrEnum):
    """What sort of answer detection gives; its own words."""

    CAUSE = "cause"
    NOTHING_SHARED = "nothing shared"
    UNKNOWN = "unknown"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A cause with what speaks for it (`explained`) and against it (`healthy`); counts are the whole."""

    cause: str
    posterior: float
    hit_ratio: float
    explained: tuple[str, ...]
    explained_count: int
    healthy: tuple[str, ...]
    healthy_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An open alarm: what was counted beside what was expected, and the most that chance explains."""

    series: str
    service: str
    country: str
    state: str
    since_ns: Nanos
    window_min: int
    observed: int
    expected: float
    high: float
    evidence: tuple[str, ...]
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A series minute by minute, oldest first; all of one length."""

    series: str
    at_ns: tuple[Nanos, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What to consider; `refused` says why not."""

    text: str
    command: str
    proof: tuple[str, ...]
    refused: str
    forecast: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A source of evidence, when it was last heard (0: never), and why it counts for nothing, if so."""

    evidence: str
    name: str
    heard_ns: Nanos
    silent: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """All that is believed at one minute; `replay`: one of another day."""

    at_ns: Nanos
    since_ns: Nanos
    outcome: Outcome
    stale: bool = False
    down: int = 0
    chance: float = 1.0
    suspects: tuple[Suspect, ...] = ()
    runner_up: Suspect | None = None
    carried: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    unexplained_count: int = 0
    question: str = ""
    orders: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    alarm_count: int = 0
    curves: tuple[Curve, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    feeds: tuple[Feed, ...] = ()
    replay: bool = False

    @property
    def down_services(self) -> frozenset[str]:
        """Services that are held to be down, as far as they are named."""
        named = {name for one in self.suspects for name in one.explained}
        return frozenset(named | set(self.unexplained))

    @property
    def well_services(self) -> frozenset[str]:
        """Services that speak against a cause by being well."""
        return frozenset(name for one in self.suspects for name in one.healthy)


def hits(alarms: Sequence[Alarm]) -> tuple[Hit, ...]:
    """Return the countries that show by themselves, by how many services are reported there."""
    services: dict[str, set[str]] = {}
    for one in alarms:
        for code in {one.country, *one.countries} - {"", "ZZ"}:
            services.setdefault(code, set()).add(one.service or one.series)
    most = max((len(one) for one in services.values()), default=1)
    return tuple(
        Hit(code=code, share_ratio=len(found) / most, services=len(found))
        for code, found in sorted(services.items())
    )
