"""What a drill showed: one sample a minute of everything, and the events between.

Every later part reads it and none writes it: the report draws it, expectations judge it, report streams
for detection are made from it, the operator's dashboard shows it.

People are kept as factors and multiplied when somebody asks, since minutes x services x countries of a
large world would not fit in memory: `people` (who uses what in which country), `homes` (which region
serves them), `awake` (who is on line at that minute) and `served` (how well the region served).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class EventKind(StrEnum):
    """What happened."""

    FAULT = "fault"
    FAULT_OVER = "fault-over"
    ACTION = "action"
    DOWN = "down"
    """A service fell below nine tenths of its demand in a region."""
    UP = "up"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        at_s: seconds after the start.
        because: for DOWN and UP: the service, endpoint, fault or mechanism that was decisive.
    """

    at_s: float
    kind: EventKind
    subject: str
    region: str = ""
    because: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A feedback that keeps the world down after the fault is over.

    Attributes:
        mechanism: such as `retries`, `leases`, `health checks`.
        services: on the loop.
        healed_s: how soon the world comes back once the loop is cut; None: not within the run.
    """

    mechanism: str
    services: tuple[str, ...]
    healed_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How an expectation fared: `shown` beside `wanted`, in the expectation's unit."""

    name: str
    held: bool
    shown: float
    wanted: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run. Axes: minute, service, region, country, in this order of the name tuples.

    Attributes:
        served: share of the demand that was answered well [minute, service, region]; NaN where a service
            does not run.
        degraded: share that was answered with less than the full function [minute, service, region].
        meters: further series [minute, service, region] by name with unit, such as `queue`, `latency_s`,
            `retry_ratio`, `leased_ratio`, `removed_ratio`, `capacity_ratio`, `backlog_s`; they end before
            the services that only follow others.
        names: share of resolvers that have an answer [minute, name] for each of `name_of`.
        people: who uses a service in a country [service, country].
        homes: which region serves them [service, country, region], sums to 1 over the regions.
        awake: share of the people that use services at that minute [minute, country].
        cut: in minutes in which countries are cut off: the share of their traffic that is lost on its way
            [country, region].
        reports: expected user reports [minute, country], all services together.
        feedback: edges that had to be taken one step late, since they close a circle.
        metastable: loops that kept the world down; empty: none.
    """

    scenario: str
    title: str
    start: datetime
    services: tuple[str, ...]
    regions: tuple[str, ...]
    countries: tuple[str, ...]
    name_of: tuple[str, ...]
    served: Array
    degraded: Array
    meters: Mapping[str, Array]
    names: Array
    people: Array
    homes: Array
    awake: Array
    reports: Array
    cut: dict[int, Array] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    feedback: tuple[tuple[str, str], ...] = ()
    judgements: tuple[Judgement, ...] = ()
    metastable: tuple[Loop, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def minutes(self) -> int:
        """How many samples there are."""
        return len(self.served)

    def affected(self) -> Iterator[NDArray[np.float32]]:
        """Yield the people hit, minute by minute: [service, country].

        Whoever is cut off from the region that serves them is hit, however well it fares.
        """
        for minute in range(self.minutes):
            trouble = 1.0 - np.nan_to_num(self.served[minute], nan=1.0)
            cut = self.cut.get(minute)
            if cut is None:
                hit = np.einsum("scr,sr->sc", self.homes, trouble)
            else:
                missed = cut[None] + (1.0 - cut[None]) * trouble[:, None, :]
                hit = (self.homes * missed).sum(axis=2)
            yield (hit * self.people * self.awake[minute]).astype(np.float32)
