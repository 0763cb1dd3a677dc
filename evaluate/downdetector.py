"""69 outages of one provider as users reported them, in 15-minute counts (Cloud Uptime Archive, MIT).

Each series is a day around the moment at which the site itself declared the outage; half a day of it is all
that may be learned from. Found: an alarm from two hours before to three hours after the declaration. False:
an alarm that opens in a quiet time, which is any time more than two hours before and twelve hours after
every declaration, the first two hours of each series apart.

Each count bears a time, and the source does not say whether the quarter of an hour begins or ends there. The
declaration coincides with the time of a count to the minute, so the site most likely counted back from it;
both readings are reported.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np

from evaluate.series import loudness
from outlast.detect.cells import Flags, Reals
from outlast.detect.setting import Setting

STEP_MINUTES = 15
_BEFORE, _AFTER = 8, 12
_QUIET_BEFORE_MINUTES, _QUIET_AFTER_MINUTES = 120, 720
_LEARNING_POINTS = 8
_APART_POINTS = 4


@dataclass(frozen=True, slots=True)
class Incident:
    """One series: times in minutes, counts, and when the site declared the outage."""

    name: str
    times: Reals
    counts: Reals
    declared: float


@dataclass(frozen=True, slots=True)
class Found:
    """What came of some incidents.

    Attributes:
        delays_minutes: of those found, from declaration to alarm, a count taken to end at its time.
        false: alarms in quiet times, in so many quiet days.
    """

    incidents: int
    delays_minutes: tuple[float, ...]
    false: int
    quiet_days: float

    @property
    def median_minutes(self) -> float:
        """The median delay over all incidents; those not found count as endless."""
        missed = self.incidents - len(self.delays_minutes)
        return float(np.median([*self.delays_minutes, *[np.inf] * missed]))


def read(path: Path) -> list[Incident]:
    """Read all incidents, in the order of the file."""
    with path.open() as lines:
        rows = [*csv.DictReader(lines)]
    found = []
    for name, group in groupby(rows, key=lambda row: row["incident"]):
        mine = [*group]
        times = [datetime.fromisoformat(row["bin_at"]).timestamp() / 60 for row in mine]
        declared = datetime.fromisoformat(mine[0]["declared_at"]).timestamp() / 60
        counts = np.array([float(row["reports"]) for row in mine])
        found.append(Incident(name, np.array(times), counts, declared))
    return found


def threshold() -> float:
    """The loudness at which a single series of this step opens an alarm, by the one setting."""
    rate = Setting().false_alarms_a_day * STEP_MINUTES / 1_440
    return float(-np.log(rate))


def judge(incidents: Sequence[Incident], everything: Sequence[Incident]) -> Found:
    """Count what is found among some incidents; quiet is judged by the declarations of all."""
    counts = np.stack([one.counts for one in incidents], axis=1)
    loud = loudness(counts, 0, STEP_MINUTES) >= threshold()
    delays: list[float] = []
    false, quiet_points = 0, 0
    for number, one in enumerate(incidents):
        alarms = loud[:, number]
        declared = int(np.argmin(np.abs(one.times - one.declared)))
        near = np.flatnonzero(alarms[declared - _BEFORE : declared + _AFTER + 1])
        if len(near):
            delays.append(float((near[0] - _BEFORE) * STEP_MINUTES))
        quiet = _quiet(one, everything)
        quiet_points += int(quiet.sum())
        opened = [
            point
            for point in np.flatnonzero(alarms & quiet)
            if not alarms[max(0, point - _APART_POINTS) : point].any()
        ]
        false += len(opened)
    return Found(len(incidents), tuple(delays), false, quiet_points * STEP_MINUTES / 1_440)


def _quiet(one: Incident, everything: Sequence[Incident]) -> Flags:
    quiet = np.ones(len(one.times), np.bool_)
    quiet[:_LEARNING_POINTS] = False
    for other in everything:
        since = one.times - other.declared
        quiet &= (since < -_QUIET_BEFORE_MINUTES) | (since > _QUIET_AFTER_MINUTES)
    return quiet
