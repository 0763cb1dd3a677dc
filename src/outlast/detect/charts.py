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

from outlast.detect.cells import Codes, Counts, Flags
from outlast.detect.profile import Profile, Reals32
from outlast.detect.setting import Setting

_PRIOR_REPORTS = 0.5
"""Both parameters of the level's Gamma prior: half a report in half a step. Weak, and never zero."""

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
        self._keep = np.float32(np.exp(-step / s.level_minutes))
        self._reports: Reals32 = np.zeros(count, np.float32)
        self._steps: Reals32 = np.zeros(count, np.float32)
        self.threshold: Reals32 = np.full(count, s.tail_start, np.float32)
        self.excess: Reals32 = np.full(count, s.tail_mean, np.float32)
        self._clusters: Reals32 = np.full(count, s.tail_weight, np.float32)
        self._peak: Reals32 = np.zeros(count, np.float32)
        self.last_excess: Codes = np.full(count, LONG_AGO, np.int64)
        self._frozen_since: Codes = np.full(count, LONG_AGO, np.int64)
        self._seen = 0

    @property
    def settled(self) -> bool:
        """Whether enough has been seen to raise an alarm."""
        return self._seen * self.step > self.setting.learning_minutes

    @property
    def level(self) -> Reals32:
        """The expected count of a step, the profile apart."""
        return (self._reports + np.float32(_PRIOR_REPORTS)) / (
            self._steps + np.float32(_PRIOR_REPORTS)
        )

    @property
    def nbytes(self) -> int:
        """Memory of the state in bytes; constant."""
        own = (self._reports, self._steps, self.threshold, self.excess, self._clusters, self._peak)
        return sum(one.nbytes for one in own) + 2 * self.last_excess.nbytes + self.profile.nbytes

    @property
    def learnt(self) -> tuple[NDArray[Any], ...]:
        """All that is remembered of each series, the profile apart; no copies."""
        levels = (self._reports, self._steps, self.threshold, self.excess)
        return (*levels, self._clusters, self._peak, self.last_excess, self._frozen_since)

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
        self._seen = old.seen
        self.profile.carry(old.profile, here, groups[there])

    def observe(
        self,
        minute: int,
        sums: Sequence[Counts],
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
        level = self.level
        share = self.profile.begin(minute)
        level_now = level if factor is None else level * factor
        deviate, row = self._deviates(sums, level_now)
        if blind is not None:
            deviate[blind] = 0
        at = np.flatnonzero(deviate > self.threshold)
        loud = self._loud(at, deviate, row, sums, level_now)
        frozen = self._freeze(minute, loud)
        if blind is not None:
            frozen = np.union1d(frozen, np.flatnonzero(blind))
        self._learn_tail(minute, at, deviate)
        self._learn_level(sums[0], level, share, factor, frozen)
        self._seen += 1
        return loud

    def _deviates(self, sums: Sequence[Counts], level: Reals32) -> tuple[Reals32, Codes]:
        """Return each series' largest root deviance over the windows that have filled, and which it is."""
        deviate = np.zeros(len(level), np.float32)
        row = np.zeros(len(level), np.int64)
        dispersion = np.float32(self.setting.dispersion_ratio)
        unsure = self._reports + np.float32(_PRIOR_REPORTS)
        for number, window in enumerate(self.windows):
            if self._seen + 1 < window:
                break
            expected = level * self.profile.over(window)
            at = np.flatnonzero(sums[number] > expected)
            observed = sums[number][at].astype(np.float32)
            here = expected[at]
            # What is not known of the level is spread as well: 1/k = dispersion + 1/reports seen.
            size = np.reciprocal(dispersion + np.reciprocal(unsure[at]))
            root = np.sqrt(np.maximum(deviance(observed, here, size), 0))
            better = root > deviate[at]
            deviate[at[better]] = root[better]
            row[at[better]] = number
        return deviate, row

    def _loud(
        self,
        at: Codes,
        deviate: Reals32,
        row: Codes,
        sums: Sequence[Counts],
        level: Reals32,
    ) -> Loud:
        s = self.setting
        rows = row[at]
        observed = np.zeros(len(at), np.float32)
        expected = np.zeros(len(at), np.float32)
        enough = np.zeros(len(at), np.bool_)
        for number, window in enumerate(self.windows):
            counts = sums[number][at]
            means = level[at] * self.profile.over(window)[at]
            mine = rows == number
            observed[mine] = counts[mine]
            expected[mine] = means[mine]
            if self._seen + 1 >= window:
                enough |= counts >= s.reports_least + s.ratio_least * means
        loudness = (deviate[at] - self.threshold[at]) / self.excess[at] - np.log(s.tail_share)
        return Loud(at, loudness.astype(np.float32), rows, observed, expected, enough)

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

    def _learn_tail(self, minute: int, at: Codes, deviate: Reals32) -> None:
        s = self.setting
        ended = np.flatnonzero((self._peak > 0) & (self.last_excess <= minute - s.cluster_minutes))
        peak = np.minimum(self._peak[ended], s.excess_cap * self.excess[ended])
        count = np.minimum(self._clusters[ended] + 1, s.tail_clusters)
        self.excess[ended] += (peak - self.excess[ended]) / count
        self._clusters[ended] = count
        self._peak[ended] = 0
        self._peak[at] = np.maximum(self._peak[at], deviate[at] - self.threshold[at])
        self.last_excess[at] = minute
        gain = 2 * max(s.threshold_gain, _GAIN_START / (self._seen + _GAIN_STEPS))
        rise = np.float32(gain) * self.excess[at]
        self.threshold -= np.float32(gain * s.tail_share) * self.excess
        self.threshold[at] += rise
        np.maximum(self.threshold, np.float32(s.threshold_least), out=self.threshold)

    def _learn_level(
        self,
        counts: Counts,
        level: Reals32,
        share: Reals32,
        factor: Reals32 | None,
        frozen: Codes,
    ) -> None:
        s = self.setting
        expected = level * share
        seen = counts.astype(np.float32)
        if factor is not None:
            seen /= factor
        if self._seen >= _SETTLED_STEPS:
            over = np.flatnonzero(seen > expected)
            mean = expected[over]
            spread = np.sqrt(mean + np.float32(s.dispersion_ratio) * mean * mean)
            seen[over] = np.minimum(seen[over], mean + np.float32(s.winsor) * spread)
        kept = self._reports[frozen], self._steps[frozen]
        self._reports *= self._keep
        self._reports += seen
        self._steps *= self._keep
        self._steps += share
        self._reports[frozen], self._steps[frozen] = kept
        weight: Reals32 = np.reciprocal(1 + np.float32(s.dispersion_ratio) * expected)
        weight[frozen] = 0
        self.profile.learn(seen * weight, level * weight)


def deviance(observed: Reals32, expected: Reals32, size: Reals32) -> Reals32:
    """Return the negative binomial deviance of counts of at least one; 0 where they are as expected."""
    found: Reals32 = 2 * (
        observed * np.log(observed / expected)
        - (observed + size) * np.log((observed + size) / (expected + size))
    )
    return found
