"""Reading the facts of the record from an outcome of the drill.

A window's edge is read to the minute, at the crossing nearest to the record's; a service that shows no such
crossing within three hours shows nothing, and the line is a miss. Peaks of reports are those of
hourly means, since neither press nor provider gives finer ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outlast.drill.incident.facts import NUMBERS, WINDOWS, Basis, Fact, Reading, at
from outlast.drill.outcome import Outcome
from outlast.drill.report.measure import spans
from outlast.drill.worlds.oct2025.listed import all_titles, name_of, resolved_titles

REGION = "us-east-1"
FAR_MIN = 180.0
FIRST_WAVE_ENDS = at("11:00")
IMPAIRED_BELOW = 0.99


@dataclass(frozen=True, slots=True)
class Compared:
    """A fact beside what the drill showed; NaN: it showed nothing of the kind."""

    fact: Fact
    shown: float

    @property
    def held(self) -> bool:
        """Whether it is within the tolerance."""
        return abs(self.shown - self.fact.wanted) <= self.fact.tolerance

    @property
    def is_clock(self) -> bool:
        """Whether the figures are times of the day."""
        return self.fact.reading is not Reading.NEAR or self.fact.key.endswith("_at")


def compared(outcome: Outcome) -> tuple[Compared, ...]:
    """Return every fact beside what the run showed."""
    windows = [Compared(one, _edge(outcome, one)) for one in WINDOWS]
    numbers = [Compared(one, READINGS[one.key](outcome)) for one in NUMBERS]
    return (*windows, *numbers)


def fitted_hold(lines: tuple[Compared, ...]) -> bool:
    """Whether everything that was fitted or put in is within its tolerance."""
    return all(one.held for one in lines if one.fact.basis is not Basis.PREDICTED)


def served(outcome: Outcome, service: str) -> NDArray[np.float32]:
    """Return what a service served in the region, by minute."""
    row, column = outcome.services.index(service), outcome.regions.index(REGION)
    return outcome.served[:, row, column]


def _edge(outcome: Outcome, fact: Fact) -> float:
    origin = _origin(outcome)
    edges = []
    for span in spans(served(outcome, fact.service), below=fact.level):
        if fact.reading is Reading.BEGIN:
            edges.append(span.from_min + origin)
        elif span.until_min is not None:
            edges.append(span.until_min + origin)
    near = [one for one in edges if abs(one - fact.wanted) <= FAR_MIN]
    return min(near, key=lambda one: abs(one - fact.wanted), default=math.nan)


def _origin(outcome: Outcome) -> int:
    return outcome.start.hour * 60 + outcome.start.minute


def _between(outcome: Outcome, service: str, begin: str, end: str) -> NDArray[np.float32]:
    origin = _origin(outcome)
    return served(outcome, service)[round(at(begin)) - origin : round(at(end)) - origin]


def _tail(outcome: Outcome) -> float:
    origin = _origin(outcome)
    back = served(outcome, "dynamodb")[round(at("09:25")) - origin :] >= 0.99
    return float(back.argmax()) if back.any() else math.nan


def _leases_left(outcome: Outcome) -> float:
    return float(_between(outcome, "ec2-dwfm", "09:24", "09:25").mean())


def _launches(outcome: Outcome) -> float:
    return float(_between(outcome, "ec2-launch", "09:40", "11:14").mean())


def _running(outcome: Outcome) -> float:
    return float(1.0 - served(outcome, "ec2-instances").min())


def _unreachable(outcome: Outcome) -> float:
    """Half the most instances that come up without network: when they are reached."""
    launched = served(outcome, "ec2-launch")
    without = launched * (1.0 - served(outcome, "ec2-network"))
    without = np.where(np.arange(len(without)) >= at("09:40") - _origin(outcome), without, 0.0)
    return float((without >= 0.5 * without.max()).argmax() + _origin(outcome))


def hourly(outcome: Outcome) -> NDArray[np.float64]:
    """Return reports a minute as means over an hour around each minute."""
    reports = outcome.reports.sum(axis=1).astype(float)
    return np.convolve(reports, np.ones(60) / 60.0, mode="same")


def _peaks(outcome: Outcome) -> tuple[int, int, float]:
    """Return the minutes of both peaks after the start, and the second over the first."""
    curve, middle = hourly(outcome), round(FIRST_WAVE_ENDS) - _origin(outcome)
    first, second = int(curve[:middle].argmax()), int(curve[middle:].argmax()) + middle
    return first, second, float(curve[second] / max(curve[first], 1e-9))


def _us_share(outcome: Outcome) -> float:
    until = outcome.reports[: round(at("20:00")) - _origin(outcome)].sum(axis=0)
    return float(until[outcome.countries.index("US")] / max(1.0, float(until.sum())))


def _listed(outcome: Outcome, *, resolved: bool) -> float:
    minute = round(at("17:03")) - _origin(outcome)
    names = [name_of(one) for one in all_titles() if (one in resolved_titles()) is resolved]
    column = outcome.regions.index(REGION)
    rows = [outcome.services.index(one) for one in names]
    well = outcome.served[minute, rows, column] - outcome.degraded[minute, rows, column]
    right = well >= IMPAIRED_BELOW if resolved else well < IMPAIRED_BELOW
    return float(right.mean())


READINGS: dict[str, Callable[[Outcome], float]] = {
    "tail_min": _tail,
    "leases_left": _leases_left,
    "launches_after_dns": _launches,
    "running_lost": _running,
    "unreachable_at": _unreachable,
    "reports": lambda one: float(one.reports.sum()),
    "countries": lambda one: float((one.reports.sum(axis=0) > 1000).sum()),
    "first_peak_at": lambda one: float(_peaks(one)[0] + _origin(one)),
    "peaks_apart_h": lambda one: (_peaks(one)[1] - _peaks(one)[0]) / 60.0,
    "second_larger": lambda one: _peaks(one)[2],
    "us_share": _us_share,
    "listed_impaired": lambda one: _listed(one, resolved=False),
    "listed_resolved": lambda one: _listed(one, resolved=True),
}
