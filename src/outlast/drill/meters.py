"""Meters: what a run writes down, once a minute, and the moments when something falls or comes back."""

import numpy as np
from numpy.typing import NDArray

from outlast.drill.layout import Layout
from outlast.drill.outcome import Event, EventKind
from outlast.drill.series import Series

Floats = NDArray[np.float64]

DOWN_BELOW = 0.9
"""Less than this share of the demand served is "down"."""

SESSION_MIN = 30.0
"""How long people stay; those who come anew into an outage report it too."""

REMEMBERED_RATIO = 1.0 - 1.0 / SESSION_MIN
"""Share of those who know of an outage that are still there a minute later."""

REPORT_DELAY_MIN = 5.0
"""Mean time from noticing to writing a report."""


class Meters:
    """Series of a run, minute by minute.

    Attributes:
        events: what happened so far.
        sum, works, degraded_sum: of the minute so far: how well users are served by home, the whole graph,
            and what was answered with less than the full function.
        steps: how many these are.
        down: what is down now [service, region].
        ratio: share of the people newly hit who write a report [service].
        reported: people who were hit before and know it [service, country].
        touched: services that have hit anybody yet; only the compiled engine keeps it.
    """

    def __init__(self, layout: Layout, minutes: int, names: int, countries: int) -> None:
        services, regions = layout.placed.shape
        self.layout = layout
        self.served = np.ones((minutes, services, regions), dtype=np.float32)
        self.degraded = np.zeros((minutes, services, regions), dtype=np.float32)
        self.names = np.ones((minutes, names), dtype=np.float32)
        self.reports = np.zeros((minutes, countries), dtype=np.float32)
        self.series = Series(minutes, layout.active, regions)
        self.events: list[Event] = []
        self.minutes = minutes
        self.sum = np.zeros((layout.active, regions))
        self.works = np.zeros((services + 2 * len(layout.endpoints), regions + 1))
        self.degraded_sum = np.zeros((layout.active, regions))
        self.steps = 0
        self.down = np.zeros((services, regions), dtype=bool)
        self.ratio = np.array(
            [one.audience.report_ratio if one.audience else 0.0 for one in layout.services]
        )
        self.reported = np.zeros((services, countries))
        self.touched = np.zeros(services, dtype=np.uint8)
        self._writing = np.zeros(countries)

    def add(self, home: Floats, soft: Floats | None, works: Floats) -> None:
        """Add a step: how well users are served by home, soft needs, and the whole graph."""
        active, doors = self.layout.active, len(self.layout.services)
        self.sum += home
        # Nobody needs those who only follow, and there may be thousands of them.
        self.works[:active] += works[:active]
        self.works[doors:] += works[doors:]
        if soft is not None:
            self.degraded_sum += home * (1.0 - soft)
        self.steps += 1

    def changes(self, home: Floats, first: int) -> list[tuple[int, int, bool]]:
        """Return what fell or came back: (service, region, down), for rows from `first` on."""
        rows = slice(first, first + len(home))
        down = (home < DOWN_BELOW) & self.layout.placed[rows]
        changed = down != self.down[rows]
        if not changed.any():
            return []
        self.down[rows] = down
        found = np.argwhere(changed)
        return [(int(r) + first, int(c), bool(down[r, c])) for r, c in found]

    def note(self, event: Event) -> None:
        """Write an event down."""
        self.events.append(event)

    def mean_works(self) -> Floats:
        """Return the mean of the whole graph over the minute so far."""
        return self.works / max(1, self.steps)

    def close(self, minute: int, followers: tuple[Floats, Floats]) -> None:
        """End a minute."""
        active = self.layout.active
        steps = max(1, self.steps)
        self.served[minute, :active] = self.sum / steps
        served, degraded = followers
        self.served[minute, active:] = served
        # Memory that nobody has written to costs nothing, and most minutes are well.
        if self.degraded_sum.any():
            self.degraded[minute, :active] = self.degraded_sum / steps
        if degraded.any():
            self.degraded[minute, active:] = degraded
        self.sum[:] = 0.0
        self.works[:] = 0.0
        self.degraded_sum[:] = 0.0
        self.steps = 0

    def lengthen(self, minutes: int) -> None:
        """Make room for more minutes."""
        more = minutes - self.minutes
        if more <= 0:
            return
        for name in ("served", "degraded", "names", "reports"):
            series = getattr(self, name)
            added = np.zeros((more, *series.shape[1:]), dtype=np.float32)
            setattr(self, name, np.concatenate([series, added]))
        self.series.lengthen(minutes)
        self.minutes = minutes

    def report(self, minute: int, hit: Floats) -> None:
        """Count the reports that people newly hit write, some minutes later."""
        fresh = np.subtract(hit, self.reported)
        np.maximum(fresh, 0.0, out=fresh)
        self.reported *= REMEMBERED_RATIO
        self.reported += fresh
        self.write(minute, self.ratio @ fresh)

    def write(self, minute: int, noticed: Floats) -> None:
        """Let people who noticed just now write, by country: most of them some minutes later."""
        self._writing = self._writing + noticed
        written = self._writing * (1.0 - np.exp(-1.0 / REPORT_DELAY_MIN))
        self._writing = self._writing - written
        self.reports[minute] = written

    def masked(self) -> NDArray[np.float32]:
        """Return what was served, with no value where a service does not run; in place, it is large."""
        self.served[:, ~self.layout.placed] = np.nan
        return self.served

    def fault(self, at_s: float, kind: EventKind, subject: str, region: str, note: str) -> None:
        """Write down that a fault began or ended or that operators did something."""
        self.events.append(Event(at_s=at_s, kind=kind, subject=subject, region=region, note=note))
