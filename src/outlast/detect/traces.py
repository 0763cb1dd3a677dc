"""Traces: what a few loud series did lately, minute by minute, beside what was expected of them.

For people who look: an alarm says what was so when it was raised, a trace how it went on. Kept for the
loudest open alarms alone, since nobody looks at two thousand curves.
"""

from collections import deque
from heapq import nsmallest

import numpy as np

from outlast.detect.belief import Moment, Trace
from outlast.detect.cells import Tick
from outlast.detect.step import DetectState, Open, highest
from outlast.detect.verdict import Scope

TRACES_MAX = 6
MOMENTS_MAX = 120
"""Two hours."""


class Traces:
    """The last minutes of the loudest open alarms."""

    def __init__(self) -> None:
        self._moments: dict[str, deque[Moment]] = {}

    def add(self, state: DetectState, tick: Tick) -> None:
        """Add the minute that was just judged; what is over is forgotten."""
        loudest = nsmallest(
            TRACES_MAX, state.open.values(), key=lambda one: (-state.charts.loudest[one.at], one.at)
        )
        known, self._moments = self._moments, {}
        if not loudest:
            return
        for one in loudest:
            name = str(one.series)
            moments = known.get(name) or deque(maxlen=MOMENTS_MAX)
            wanted = state.charts.expected_of(one.at)
            most = highest(state.charts, one.at, wanted)
            moments.append(Moment(tick.minute, _observed(state, tick, one), wanted, most))
            self._moments[name] = moments

    def all(self) -> tuple[Trace, ...]:
        """Return them, the loudest first."""
        return tuple(
            Trace(series=name, moments=tuple(moments)) for name, moments in self._moments.items()
        )


def _observed(state: DetectState, tick: Tick, one: Open) -> int:
    """Return the reports of the minute itself."""
    grid, minute, series = state.grid, tick.sums[0], one.series
    match series.scope:
        case Scope.CELL:
            return int(minute.reshape(-1)[one.at])
        case Scope.SERVICE:
            return int(minute[grid.services.index(series.service)].sum())
        case Scope.COUNTRY:
            return int(minute[:, grid.countries.index(series.country)].sum())
        case Scope.CATEGORY:
            mine = np.array(grid.categories) == series.category
            return int(minute[mine].sum())
