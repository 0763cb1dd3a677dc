"""The two loops of a step over all series: who stands out, and what everybody learns.

Both are `charts` in one pass over memory, see there for why; `Known` is the memory of all series, moved on in
place, and `Numbers` are the setting's. Sums are made in double precision and kept in single.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outlast.detect.cells import Codes, Counts, Flags, Reals
from outlast.detect.compiled import compiled
from outlast.detect.profile import Reals32


class Known(NamedTuple):
    """What is remembered of each series; arrays of one length.

    Attributes:
        level: `(reports + 0.5) / (steps + 0.5)`: a Gamma posterior mean whose prior is half a report in
            half a step. Weak, and never zero.
    """

    level: Reals32
    reports: Reals32
    steps: Reals32
    threshold: Reals32
    excess: Reals32
    clusters: Reals32
    peak: Reals32
    last_excess: Codes
    groups: Codes


class Now(NamedTuple):
    """What holds in this step.

    Attributes:
        shares: of each window and group; shape (windows, groups).
        factor: of each series; empty: 1 everywhere.
        still: series that are not judged, or that learn nothing; empty: none.
    """

    shares: Reals32
    factor: Reals32
    still: Flags


class Numbers(NamedTuple):
    """The setting's numbers; `winsor` 0 before anything is known to winsorise by."""

    dispersion: float
    keep: float
    winsor: float
    gain: float
    tail_share: float
    threshold_least: float
    excess_cap: float
    tail_clusters: float
    ended_before: int


class Standing(NamedTuple):
    """Series that stand out: positions, deviates, the loudest window of each."""

    at: Codes
    deviate: Reals32
    row: Codes


@compiled
def standing(sums: Counts, known: Known, now: Now, dispersion: float) -> Standing:
    """Return the series whose deviate exceeds their threshold in one of the windows given.

    A deviance is at most the square of the distance over the variance, since its second derivative falls;
    so most series need no logarithm to be passed over.
    """
    count = len(known.threshold)
    last = len(sums) - 1
    at = np.empty(count, np.int64)
    deviate = np.empty(count, np.float32)
    rows = np.empty(count, np.int64)
    found = 0
    for one in range(count):
        if sums[last, one] == 0 or (len(now.still) and now.still[one]):
            continue
        level = float(known.level[one])
        if len(now.factor):
            level *= now.factor[one]
        # What is not known of the level is spread as well: 1/k = dispersion + 1/reports seen.
        spread = dispersion + 1.0 / (known.reports[one] + 0.5)
        size = 1.0 / spread
        best, row = float(known.threshold[one]), -1
        for window in range(len(sums)):
            seen = float(sums[window, one])
            mean = level * now.shares[window, known.groups[one]]
            away = seen - mean
            if away <= 0 or away * away <= best * best * (mean + mean * mean * spread):
                continue
            both = seen + size
            twice = 2 * (seen * np.log(seen / mean) - both * np.log(both / (mean + size)))
            if twice > best * best:
                best, row = np.sqrt(twice), window
        if row >= 0:
            at[found], deviate[found], rows[found] = one, best, row
            found += 1
    return Standing(at[:found].copy(), deviate[:found].copy(), rows[:found].copy())


@compiled
def learn(counts: Counts, known: Known, now: Now, stood: Standing, numbers: Numbers) -> Reals:
    """Let every series learn its tail and its level.

    Returns:
        For each group the reports seen and those that the level alone gives, weighted; shape (2, groups).
    """
    sums = np.zeros((2, now.shares.shape[1]))
    n = numbers
    next_ = 0
    for one in range(len(counts)):
        mean_excess = float(known.excess[one])
        if known.peak[one] > 0 and known.last_excess[one] <= n.ended_before:
            peak = min(float(known.peak[one]), n.excess_cap * mean_excess)
            clusters = min(known.clusters[one] + 1.0, n.tail_clusters)
            mean_excess += (peak - mean_excess) / clusters
            known.clusters[one], known.peak[one] = clusters, 0
            known.excess[one] = mean_excess
        rise = -n.gain * n.tail_share * mean_excess
        if next_ < len(stood.at) and stood.at[next_] == one:
            beyond = stood.deviate[next_] - known.threshold[one]
            known.peak[one] = max(known.peak[one], beyond)
            rise += n.gain * mean_excess
            next_ += 1
        known.threshold[one] = max(known.threshold[one] + rise, n.threshold_least)
        if len(now.still) and now.still[one]:
            continue
        group = known.groups[one]
        share = float(now.shares[0, group])
        level = float(known.level[one])
        mean = level * share
        seen = float(counts[one])
        if len(now.factor):
            seen /= now.factor[one]
        if n.winsor and seen > mean:
            seen = min(seen, mean + n.winsor * np.sqrt(mean + n.dispersion * mean * mean))
        reports = known.reports[one] * n.keep + seen
        steps = known.steps[one] * n.keep + share
        known.reports[one], known.steps[one] = reports, steps
        known.level[one] = (reports + 0.5) / (steps + 0.5)
        weight = 1 / (1 + n.dispersion * mean)
        sums[0, group] += seen * weight
        sums[1, group] += level * weight
    return sums


@compiled
def reached(mean: float, size: float, wanted: float) -> float:
    """Return the count at which the deviance reaches what is wanted; at most a billion."""
    low, high = mean, mean + 10.0
    bounded = False
    for _ in range(64):
        middle = (low + high) / 2 if bounded else high
        both = middle + size
        twice = 2 * (middle * np.log(middle / mean) - both * np.log(both / (mean + size)))
        if twice >= wanted:
            high, bounded = middle, True
        elif bounded:
            low = middle
        elif high >= 1e9:
            break
        else:
            low, high = high, high * 2
    return high


NONE_STILL: NDArray[np.bool_] = np.zeros(0, np.bool_)
NO_FACTOR: Reals32 = np.zeros(0, np.float32)
