"""What detection and blame say: values that explain themselves, for people, history and webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from outlast.detect.cells import Codes, Evidence, Reals, Road

# What detection says.


class State(StrEnum):
    """What is believed of a series."""

    NONE = "none"
    POSSIBLE = "possible"
    """One class of evidence from one country: somebody shouts."""
    CONFIRMED = "confirmed"
    """A second class of evidence, or a second country, agrees."""
    OVER = "over"
    """It was possible or confirmed, and has been quiet long enough."""


class Scope(StrEnum):
    """What a series sums over."""

    CELL = "cell"
    SERVICE = "service"
    COUNTRY = "country"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Series:
    """A series by name: a cell, or a pool of cells. Fields that it sums over are empty."""

    scope: Scope
    service: str = ""
    country: str = ""
    category: str = ""

    def __str__(self) -> str:
        return " in ".join(one for one in (self.service or self.category, self.country) if one)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A change of state of one series, and why.

    Attributes:
        minute: when it is said; `since`: when the first of its evidence came.
        window: length in minutes of the window that spoke loudest.
        observed, expected: reports within that window.
        high: the highest count within the window that chance explains 99 times in 100.
        chance: how likely so much or more is without an outage, calibrated on the series itself.
        false_a_year: how many such alarms chance alone would raise in a year over all series, at most.
        evidence: the classes that agree.
        countries: those that show it by themselves.
    """

    series: Series
    state: State
    minute: int
    since: int
    window: int
    observed: int
    expected: float
    high: float
    chance: float
    false_a_year: float
    evidence: tuple[Evidence, ...] = (Evidence.USER,)
    countries: tuple[str, ...] = ()


# What blame says.


class CauseKind(StrEnum):
    """What sort of thing services can share."""

    SERVICE = "service"
    NAME = "name"
    """An endpoint: a DNS name, or several that are published together."""
    REGION = "region"
    PROVIDER = "provider"
    """A DNS that publishes names."""
    VENDOR = "vendor"
    NETWORK = "network"
    SHARED = "shared fate"
    ZONE = "zone"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """A candidate: something that can fail as one."""

    kind: CauseKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} `{self.name}`"


class Outcome(StrEnum):
    """What sort of answer blame gives."""

    CAUSE = "cause"
    """One or several things explain what is seen."""
    NOTHING_SHARED = "nothing shared"
    """Services are down, and what they share explains them no better than chance does."""
    UNKNOWN = "unknown"
    """Too little is seen, or two causes explain it equally well."""
    QUIET = "quiet"
    """Nothing is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A cause with what speaks for and against it.

    Attributes:
        posterior: how likely it is to be a cause, 0 to 1.
        hit_ratio: the share of its dependents that show, estimated, 0 to 1.
        explained: services that are down and depend on it.
        healthy: services that depend on it and stayed well.
    """

    cause: Cause
    posterior: float
    hit_ratio: float
    explained: tuple[str, ...]
    healthy: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The probe that would separate two candidates.

    Attributes:
        subject: what to probe: a service or a cause's name.
        road: how; a name and the region that it leads to differ by the road alone.
        good_means, bad_means: the candidate that each answer would speak for; empty: neither.
        gain_bits: how much of the doubt an answer removes on average.
    """

    subject: str
    road: Road
    good_means: str
    bad_means: str
    gain_bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What explains the symptoms.

    Attributes:
        suspects: the causes that together explain best, likeliest first.
        carried: services that failed and lean on a suspect: they pass its failure on and are no cause.
        runner_up: the best explanation that the leading suspect displaced; None: none comes near.
        alternatives: other candidates by posterior, the runner-up first.
        unexplained: services that are down and depend on no suspect.
        background_ratio: the estimated share of services that are down for reasons of their own.
        chance: how likely so good an explanation is when nothing shared has failed.
        question: the probe that would separate the leader from the runner-up.
    """

    outcome: Outcome
    suspects: tuple[Suspect, ...] = ()
    carried: tuple[Cause, ...] = ()
    runner_up: Suspect | None = None
    alternatives: tuple[Suspect, ...] = ()
    unexplained: tuple[str, ...] = ()
    background_ratio: float = 0.0
    chance: float = 1.0
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class Roads:
    """Who depends on what, flattened: every candidate that each service leans on, near or far.

    Attributes:
        services: names; rows.
        causes: columns.
        service_of, cause_of: the edges, as two columns of codes of equal length.
        above: for a cause the causes that take it down with them: for a DNS name its region, its
            provider. A probe that resolves the name leans on all of them, one at a pinned address on
            those that have nothing to do with DNS.
        own: for a service in one region the name by which it is called there. A probe at its pinned address
            needs not this name, but whatever else the service leans on, names of others included.
        faint: of `above`, what is felt late, in part or not at all: reached over needs that a memory
            bridges or without which less is done, or over what only new machines wait for.
        share_of: for each edge how much of a failure passes it, 0 to 1; None: all of it, everywhere.
    """

    services: tuple[str, ...]
    causes: tuple[Cause, ...]
    service_of: Codes
    cause_of: Codes
    above: Mapping[Cause, tuple[Cause, ...]] = field(default_factory=dict)
    own: Mapping[Cause, Cause] = field(default_factory=dict)
    faint: Mapping[Cause, frozenset[Cause]] = field(default_factory=dict)
    share_of: Reals | None = None
