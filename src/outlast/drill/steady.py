"""Steady: what is served once a region is empty and everything has settled, at the hour of the greatest load.

The guard's capacity proof adds up what endpoints declare. It cannot see what stands behind them: queues,
patience, retries, a need pinned to one region. Here the world is run with the region's users elsewhere
until nothing moves any more, and what is served then is read off. That a world passes through a worse
moment on its way is the business of a drill.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from outlast.drill.engine import run
from outlast.drill.judging import served_of
from outlast.drill.layout import lay_out
from outlast.drill.population import Population
from outlast.drill.scenario import Act, ActionKind, Expectation, ExpectKind, Scenario
from outlast.model.names import ServiceName
from outlast.model.topology import Topology

DAY = datetime(2026, 3, 4, tzinfo=UTC)
"""A Wednesday."""

MOVED_S = 120.0
LENGTH_S = 1800.0
"""Long enough for retries and queues to have done what they will do."""

READ_MIN = 5


@dataclass(frozen=True, slots=True)
class Steady:
    """An essential service before and after, as shares of its demand that are served."""

    service: ServiceName
    before: float
    after: float


def without(topology: Topology, region: str) -> tuple[Steady, ...]:
    """Return how essential services fare without a region, at the hour of the greatest load."""
    essential = [one.name for one in topology.services if one.essential]
    if not essential:
        return ()
    away = Act(kind=ActionKind.EVACUATE, subject=region, at_s=MOVED_S)
    scenario = Scenario(
        name="steady",
        world="",
        start=DAY + timedelta(hours=busiest_hour(topology)),
        length_s=LENGTH_S,
        actions=(away,),
    )
    shown = run(topology, scenario)
    found = []
    for name in essential:
        wanted = Expectation(name=name, kind=ExpectKind.SERVED_MIN)
        series = served_of(shown, wanted, name)
        first = int(MOVED_S // 60.0)
        found.append(Steady(name, float(series[:first].mean()), float(series[-READ_MIN:].mean())))
    return tuple(found)


def busiest_hour(topology: Topology) -> int:
    """Return the hour of the day (UTC) at which most is asked for."""
    people = Population.of(lay_out(topology), DAY)
    return int(np.argmax([people.load(hour * 3600.0, None).sum() for hour in range(24)]))
