"""Control charts for many series at once: what is expected, and how loud what is seen is.

Baseline: level times profile. The level is a Gamma posterior mean with a memory of a week; the profile is
the share of a quarter of an hour of the day, then of the week, each shrunk towards the coarser one by the
evidence behind it, and shared by a group of series (the cells of a country), since one cell alone has too
few reports to know its own day.

Statistic: the signed root of the negative binomial deviance of the count in each window, the largest over
the windows. It behaves like a standard normal deviate where the model holds. It does not hold: real series
burst. So each series' own tail is estimated (threshold exceeded by a fixed share of minutes, exponential
excesses beyond it, clusters counted once), and *loudness* is minus the natural logarithm of the chance of
so much under that tail. A series that often shouts has to shout louder. Peaks over threshold: Siffer et al.,
KDD 2017 (SPOT).

The trap: an outage must not teach its own baseline. Counts enter winsorised, and not at all while a series
is loud; and the minutes of one outage are one excess, not hundreds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outlast.detect import loops
from outlast.detect.cells import Codes, Counts, Flags
from outlast.detect.profile import Profile, Reals32
from outlast.detect.setting import Setting

_SETTLED_STEPS = 8
"""Before so many steps a count enters the level as it is: nothing is known to winsorise it by."""

_GAIN_START = 3.0
_GAIN_STEPS = 30.0
"""The threshold's gain begins at `_GAIN_START / _GAIN_STEPS` and falls with the steps seen."""

LONG_AGO = -(1 << 30)


@dataclass(frozen=True, slots=True)
class Loud:
    """The series that stand out in one step; all arrays run beside `at`.

    Attributes:
        at: positions of the series.
        loudness: minus the natural logarithm of the chance.
        row: which window is loudest.
        observed, expected: counts in that window.
        enough: whether there are reports enough to speak of an outage.
    """

    at: Codes
    loudness: Reals32
    row: Codes
    observed: Reals32
    expected: Reals32
    enough: Flags


def windows_in_steps(windows: Sequence[int], step: int) -> tuple[int, ...]:
    """Return window lengths in steps of so many minutes: distinct, rising, at least one step."""
    return tuple(sorted({max(1, round(one / step)) for one in windows if one >= step} | {1}))


class Charts:
    """Many series, one step after the other."""

    def __init__(
        self,
        count: int,
        windows: Sequence[int],
        *,
        step: int = 1,
        groups: Codes | None = None,
        setting: Setting | None = None,
    ) -> None:
        """Begin with nothing known.

        Args:
            count: number of series.
            windows: lengths in steps, the first one step.
            step: length of a step in minutes.
            groups: for each series the group whose profile it shares; None: each its own.
            setting: how series are judged.
        """
        self.setting = setting or Setting()
        self.windows = tuple(windows)
        self.step = step
        self.profile = Profile(count, max(self.windows), groups, self.setting)
        s = self.setting
        self._keep = float(np.exp(-step / s.level_minutes))
        self.level: Reals32 = np.ones(count, np.float32)
        self._reports: Reals32 = np.zeros(count, np.float32)
        self._steps: Reals32 = np.zeros(count, np.float32)
        self.threshold: Reals32 = np.full(count, s.tail_start, np.float32)
        self.excess: Reals32 = np.full(count, s.tail_mean, np.float32)
        self._clusters: Reals32 = np.full(count, s.tail_weight, np.float32)
        self._peak: Reals32 = np.zeros(count, np.float32)
        self.last_excess: Codes = np.full(count, LONG_AGO, np.int64)
        self.loudest: Reals32 = np.zeros(count, np.float32)
        self._frozen_since: Codes = np.full(count, LONG_AGO, np.int64)
        self._known = loops.Known._make((*self.learnt[:-1], self.profile.groups))
        self._runs = loops.runs_of(self.profile.groups)
        self._bursting: Codes = np.zeros(0, np.int64)
        self._seen = 0
        # Kept, since asking for four megabytes anew each minute costs more than filling them.
        self.room: Counts = np.zeros((len(self.windows), count), np.int32)
        self._wanted: Reals32 = np.zeros(count, np.float32)

    @property
    def settled(self) -> bool:
        """Whether enough has been seen to raise an alarm."""
        return self._seen * self.step > self.setting.learning_minutes

    def expected_of(self, at: int) -> float:
        """Return the expected count of one series in the present step."""
        return float(self.level[at]) * float(self.profile.summed(1)[self._known.groups[at]])

    def expected_cells(self, shape: tuple[int, int], live: Flags) -> Reals32:
        """Return what cells, which share the profile of their country, expect of the longest window.

        Those of countries that are not live expect nothing. The array is overwritten by the next call.
        """
        cells = shape[0] * shape[1]
        shares = self.profile.usual(self.windows[-1])[self._known.groups[: shape[1]]]
        found: Reals32 = self._wanted[:cells].reshape(shape)
        return np.multiply(self.level[:cells].reshape(shape), shares * live, out=found)

    @property
    def nbytes(self) -> int:
        """Memory of the state in bytes; constant."""
        return sum(one.nbytes for one in self.learnt) + self.profile.nbytes

    @property
    def learnt(self) -> tuple[NDArray[Any], ...]:
        """All that is remembered of each series, the profile apart; no copies."""
        levels = (self.level, self._reports, self._steps)
        tails = (self.threshold, self.excess, self._clusters, self._peak, self.last_excess)
        return (*levels, *tails, self.loudest, self._frozen_since)

    @property
    def seen(self) -> int:
        """How many steps were observed."""
        return self._seen

    def carry(self, old: "Charts", groups: Codes, at: Codes) -> None:
        """Take over what others have learnt.

        Args:
            groups: of the other's series.
            at: for each series here its position there; -1: it is new.
        """
        here = np.flatnonzero(at >= 0)
        there = at[here]
        for mine, theirs in zip(self.learnt, old.learnt, strict=True):
            mine[here] = theirs[there]
        self._bursting = np.flatnonzero(self._peak > 0)
        self._seen = old.seen
        self.profile.carry(old.profile, here, groups[there])

    def observe(
        self,
        minute: int,
        sums: Sequence[Counts] | Counts,
        *,
        factor: Reals32 | None = None,
        blind: Flags | None = None,
    ) -> Loud:
        """Judge one step, and learn from it.

        Args:
            minute: the step's number in minutes since 1970, of its end.
            sums: for each window the counts of all series up to now.
            factor: what the expected counts are multiplied by: how much louder everybody talks.
            blind: series whose sources are silent: not judged, nothing learned.
        """
        self.profile.begin(minute)
        usable = sum(1 for one in self.windows if one <= self._seen + 1)
        shares = np.stack([self.profile.summed(one) for one in self.windows[:usable]])
        heard = np.ascontiguousarray(sums[:usable], np.int32)
        now = loops.Now(
            shares,
            loops.NO_FACTOR if factor is None else factor,
            loops.NONE_BLIND if blind is None else blind,
            loops.NONE_STILL,
        )
        stood = loops.standing(heard, self._known, now, self.setting.dispersion_ratio)
        loud = self._loud(stood, heard, now)
        frozen = self._freeze(minute, loud)
        numbers = self._numbers(minute)
        self._bursting = loops.burst(self._known, self._bursting, stood, numbers)
        if blind is not None:
            blind = blind.copy()
            blind[frozen] = True
            frozen = np.flatnonzero(blind)
        now = now._replace(still=frozen)
        learnt = loops.learn(heard[0], self._known, now, self._runs, numbers)
        self.profile.learn(*learnt)
        self._seen += 1
        return loud

    def _numbers(self, minute: int) -> loops.Numbers:
        s = self.setting
        return loops.Numbers(
            dispersion=s.dispersion_ratio,
            keep=self._keep,
            winsor=s.winsor if self._seen >= _SETTLED_STEPS else 0.0,
            gain=2 * max(s.threshold_gain, _GAIN_START / (self._seen + _GAIN_STEPS)),
            tail_share=s.tail_share,
            threshold_least=s.threshold_least,
            excess_cap=s.excess_cap,
            tail_clusters=s.tail_clusters,
            minute=minute,
            ended_before=minute - s.cluster_minutes,
        )

    def _loud(self, stood: loops.Standing, sums: Counts, now: loops.Now) -> Loud:
        s = self.setting
        rules = s.reports_least, s.ratio_least, s.tail_share
        told = loops.described(sums, self._known, now, stood, rules)
        return Loud(stood.at, told.loudness, stood.row, told.observed, told.expected, told.enough)

    def _freeze(self, minute: int, loud: Loud) -> Codes:
        """Return the series whose baseline learns nothing in this step."""
        s = self.setting
        at = loud.at[(loud.loudness > s.freeze_loudness) & loud.enough]
        # An outage flickers: it is the same one if it was frozen within the last quarter of an hour.
        since = self._frozen_since
        fresh = self.last_excess[at] < minute - s.quiet_minutes - self.step
        since[at[fresh]] = minute
        new = since[at] == LONG_AGO
        since[at[new]] = minute
        return at[minute - since[at] < s.freeze_minutes]
