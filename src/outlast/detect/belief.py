"""Belief: all that detection holds to be so at one minute, as one value for whoever shows it.

It lies in the store under one key, written anew each minute: whoever reads it has one whole picture, never a
verdict of now beside alarms of before. Lists are cut to what a screen holds, with the whole number beside
them. There is no reporter in it, and no name that anybody made up: services are the topology's.

A belief that is not written anew is old. Old is not quiet: `is_stale` says so, and nothing may be read as
health from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from outlast.detect.cells import Evidence, Road
from outlast.detect.verdict import Alarm, Cause, Outcome, Question, Suspect
from outlast.model.units import NS_PER_S, Nanos

NAMES_MAX = 50
"""Names in one list."""

ALARMS_MAX = 100
STALE_S = 180
"""Three minutes without a word: nobody detects."""


class Tie(StrEnum):
    """What an edge of the cause graph says."""

    EXPLAINED = "explained"
    """The service is down and leans on the cause."""
    EXONERATING = "exonerating"
    """The service is well although it leans on the cause: it speaks against it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of the cause graph."""

    cause: Cause
    service: str
    tie: Tie


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A suspect as it is shown.

    Attributes:
        posterior, hit_ratio: as in `Suspect`.
        explained, healthy: the first names, sorted as blame has them.
        explained_count, healthy_count: how many there are.
    """

    cause: Cause
    posterior: float
    hit_ratio: float
    explained: tuple[str, ...]
    explained_count: int
    healthy: tuple[str, ...]
    healthy_count: int

    @classmethod
    def of(cls, suspect: Suspect) -> "Held":
        """Return a suspect with its lists cut."""
        return cls(
            cause=suspect.cause,
            posterior=suspect.posterior,
            hit_ratio=suspect.hit_ratio,
            explained=suspect.explained[:NAMES_MAX],
            explained_count=len(suspect.explained),
            healthy=suspect.healthy[:NAMES_MAX],
            healthy_count=len(suspect.healthy),
        )

    def edges(self) -> Iterator[Edge]:
        """Yield what speaks for it, then what speaks against it."""
        yield from (Edge(self.cause, one, Tie.EXPLAINED) for one in self.explained)
        yield from (Edge(self.cause, one, Tie.EXONERATING) for one in self.healthy)


@dataclass(frozen=True, slots=True)
class Moment:
    """One minute of a trace: reports, what was expected, and the most that chance explains (99 in 100)."""

    minute: int
    observed: int
    expected: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The last minutes of a series with an alarm, oldest first."""

    series: str
    moments: tuple[Moment, ...]


class Advice(StrEnum):
    """What a person may want to do."""

    EVACUATE = "evacuate"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What a person may want to do about a verdict. It is never done by itself.

    Attributes:
        subject: the region or endpoint.
        command: what to type; empty: it would be refused.
        proof: what planner and guard say of the capacity, a line an endpoint.
        refused: why not; empty: it may be done.
        forecast: what a drill says of it, in a line; empty: none was held.
        at_ns: when it was made.
    """

    advice: Advice
    subject: str
    command: str
    proof: tuple[str, ...] = ()
    refused: str = ""
    forecast: str = ""
    at_ns: Nanos = Nanos(0)

    def __str__(self) -> str:
        if self.refused:
            return f"to {self.advice} {self.subject} would be refused: {self.refused}"
        parts = [f"consider: {self.command}", *self.proof]
        parts += [f"a drill says: {self.forecast}"] if self.forecast else []
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One source of evidence.

    Attributes:
        evidence: its class.
        name: of the source: a bulk source, a vantage, the address of a status page.
        heard_ns: when it last said something; 0: never.
        silent: why what it says counts for nothing now; empty: it is heard.
        says: in a line what it says.
        trouble_ns: since when it admits trouble, as far as we looked; 0: it does not.
    """

    evidence: Evidence
    name: str
    heard_ns: Nanos
    silent: str = ""
    says: str = ""
    trouble_ns: Nanos = Nanos(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A probe that was ordered, since it would separate two candidates.

    Attributes:
        good_means, bad_means: the candidate that an answer would speak for.
        answer: `good`, `bad`, `divided`, or empty while none is there.
    """

    subject: str
    road: Road
    good_means: str
    bad_means: str
    at_ns: Nanos
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is down where, why, and how sure that is.

    Attributes:
        at_ns: when it was written.
        minute: the last minute that was judged, since 1970.
        since_ns: since when the outcome with its suspects stands.
        outcome: what sort of answer blame gives.
        down: how many services are down.
        suspects: the causes that together explain best; their `edges` are the cause graph.
        carried: services that pass a suspect's failure on.
        runner_up: the next best explanation; None: none comes near.
        chance: how likely so good an explanation is when nothing shared has failed.
        unexplained: services that are down and lean on no suspect, `unexplained_count` of them.
        question: the probe that would tell the leader from the runner-up.
        orders: such probes that were ordered, with their answers.
        alarms: the open ones, loudest first, of `alarm_count`.
        traces: observed and expected of the loudest ones, minute by minute.
        suggestions: what to consider.
        feeds: where evidence comes from.
        replay: whether another day is watched as if it were this one.
    """

    at_ns: Nanos
    minute: int
    since_ns: Nanos
    outcome: Outcome
    down: int = 0
    suspects: tuple[Held, ...] = ()
    carried: tuple[Cause, ...] = ()
    runner_up: Held | None = None
    chance: float = 1.0
    unexplained: tuple[str, ...] = ()
    unexplained_count: int = 0
    question: Question | None = None
    orders: tuple[Order, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    alarm_count: int = 0
    traces: tuple[Trace, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    feeds: tuple[Feed, ...] = ()
    replay: bool = False

    def edges(self) -> Iterator[Edge]:
        """Yield the cause graph: what each suspect explains, and who exonerates it."""
        for one in self.suspects:
            yield from one.edges()

    def is_stale(self, now_ns: Nanos) -> bool:
        """Whether it is too old to be believed."""
        return now_ns - self.at_ns > STALE_S * NS_PER_S
