"""The two loops of a step over all series: who stands out, and what everybody learns.

Both are `charts` in one pass over memory, see there for why; `Known` is the memory of all series, moved on in
place, and `Numbers` are the setting's. Sums are made in double precision and kept in single.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outlast.detect.cells import Codes, Counts, Flags, Reals
from outlast.detect.compiled import compiled
from outlast.detect.profile import Reals32

PART = 512
"""Series that learn together."""


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
    loudest: Reals32
    groups: Codes


class Now(NamedTuple):
    """What holds in this step.

    Attributes:
        shares: of each window and group; shape (windows, groups).
        factor: of each series; empty: 1 everywhere.
        blind: series that are not judged; empty: none.
        still: those that learn no level, in order.
    """

    shares: Reals32
    factor: Reals32
    blind: Flags
    still: Codes


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
    minute: int
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
        if sums[last, one] == 0 or (len(now.blind) and now.blind[one]):
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


class Described(NamedTuple):
    """What stands out, beside `Standing`; see `charts.Loud`."""

    loudness: Reals32
    observed: Reals32
    expected: Reals32
    enough: Flags


@compiled
def described(
    sums: Counts, known: Known, now: Now, stood: Standing, rules: tuple[float, float, float]
) -> Described:
    """Return how loud those are that stand out, and remember the loudest of each.

    Args:
        rules: reports, and times what is expected, of which less is no outage to speak of; the share of
            minutes that lie beyond a threshold.
    """
    size = len(stood.at)
    loudness, enough = np.empty(size, np.float32), np.zeros(size, np.bool_)
    observed, expected = np.empty(size, np.float32), np.empty(size, np.float32)
    base = np.log(rules[2])
    for place in range(size):
        one = stood.at[place]
        level = known.level[one]
        if len(now.factor):
            level *= now.factor[one]
        for window in range(len(sums)):
            mean = level * now.shares[window, known.groups[one]]
            wanted = np.float32(rules[0]) + np.float32(rules[1]) * mean
            enough[place] |= sums[window, one] >= wanted
            if window == stood.row[place]:
                observed[place], expected[place] = sums[window, one], mean
        beyond = stood.deviate[place] - known.threshold[one]
        loudness[place] = beyond / known.excess[one] - base
        known.loudest[one] = max(known.loudest[one], loudness[place])
    return Described(loudness, observed, expected, enough)


@compiled
def _end(known: Known, one: int, numbers: Numbers) -> float:
    """A cluster is over and counts once, by its peak; return the mean excess, unrounded."""
    mean_excess = float(known.excess[one])
    peak = min(float(known.peak[one]), numbers.excess_cap * mean_excess)
    clusters = min(known.clusters[one] + 1.0, numbers.tail_clusters)
    mean_excess += (peak - mean_excess) / clusters
    known.clusters[one], known.peak[one] = clusters, 0
    known.excess[one] = mean_excess
    return float(mean_excess)


@compiled
def burst(known: Known, bursting: Codes, stood: Standing, numbers: Numbers) -> Codes:
    """Let every series learn its tail.

    Args:
        bursting: those with a peak, in any order: few, and so a cluster that ends is found among them.

    Returns:
        `bursting` as it is now.
    """
    n = numbers
    fall = -n.gain * n.tail_share
    at = np.empty(len(bursting) + len(stood.at), np.int64)
    threshold, left = np.empty(len(at), np.float32), np.empty(len(at), np.int64)
    moved, held = 0, 0
    for turn in range(2):
        for place in range(len(bursting) if turn else len(stood.at)):
            one = bursting[place] if turn else stood.at[place]
            mean_excess = float(known.excess[one])
            ends = known.peak[one] > 0 and known.last_excess[one] <= n.ended_before
            if turn and not ends:
                left[held] = one
                held += known.peak[one] > 0
                continue
            if ends:
                mean_excess = _end(known, one, n)
            rise = fall * mean_excess
            if not turn:
                beyond = stood.deviate[place] - known.threshold[one]
                if known.peak[one] == 0 and not ends:
                    left[held] = one
                    held += beyond > 0
                known.peak[one] = max(known.peak[one], beyond)
                known.last_excess[one] = n.minute
                rise += n.gain * mean_excess
            at[moved] = one
            threshold[moved] = max(known.threshold[one] + rise, n.threshold_least)
            moved += 1
    every, excess = known.threshold, known.excess
    for one in range(len(every)):
        every[one] = max(every[one] + fall * excess[one], n.threshold_least)
    for place in range(moved):
        every[at[place]] = threshold[place]
    return left[:held].copy()


class Runs(NamedTuple):
    """Series whose groups follow each other.

    Attributes:
        begins: of each run; then the number of series.
        parts: positions in `begins` of runs that make up a part; then the number of runs.
    """

    begins: Codes
    parts: Codes


def runs_of(groups: Codes) -> Runs:
    """Return the runs, in parts of at most `PART` series."""
    breaks = (np.flatnonzero(np.diff(groups) != 1) + 1).tolist()
    begins = [
        at for low, high in pairwise([0, *breaks, len(groups)]) for at in range(low, high, PART)
    ]
    parts = [0]
    for run, end in enumerate([*begins[1:], len(groups)]):
        if end - begins[parts[-1]] > PART:
            parts.append(run)
    return Runs(np.array([*begins, len(groups)]), np.array([*parts, len(begins)]))


@compiled
def learn(counts: Counts, known: Known, now: Now, runs: Runs, numbers: Numbers) -> Reals:
    """Let every series learn its level.

    In short parts, each operation over a whole part: a processor does eight series at once where no
    branch stands between, and a part does not leave its nearest cache.

    Returns:
        For each group the reports seen and those that the level alone gives, weighted; shape (2, groups).
    """
    sums = np.zeros((2, now.shares.shape[1]))
    one, two, three, heard = np.empty(PART), np.empty(PART), np.empty(PART), np.ones(PART)
    four, five, six = np.empty(PART), np.empty(PART), np.empty(PART)
    quiet = 0
    for part in range(len(runs.parts) - 1):
        mine = runs.begins[runs.parts[part] : runs.parts[part + 1] + 1]
        begin, end = mine[0], mine[-1]
        size = end - begin
        share, mean, seen = one[:size], two[:size], three[:size]
        reports, steps, level = four[:size], five[:size], six[:size]
        was = known.level[begin:end]
        _see(share, now.shares[0], known.groups, mine)
        for place in range(len(was)):
            mean[place] = np.float32(was[place] * share[place])
        _hear(seen, mean, counts[begin:end], now.factor[begin:end], numbers)
        _forget(reports, known.reports[begin:end], numbers.keep, seen)
        _forget(steps, known.steps[begin:end], numbers.keep, share)
        for place in range(len(was)):
            level[place] = (reports[place] + 0.5) / (steps[place] + 0.5)
        first = quiet
        while quiet < len(now.still) and now.still[quiet] < end:
            heard[now.still[quiet] - begin] = 0
            quiet += 1
        _weigh(seen, mean, was, heard, numbers.dispersion)
        _add(sums[0], seen, known.groups, mine)
        _add(sums[1], mean, known.groups, mine)
        for place in now.still[first:quiet] - begin:
            heard[place], level[place] = 1, was[place]
            reports[place] = known.reports[begin + place]
            steps[place] = known.steps[begin + place]
        _keep(known.level[begin:end], level)
        _keep(known.reports[begin:end], reports)
        _keep(known.steps[begin:end], steps)
    return sums


@compiled
def _see(share: Reals, shares: Reals32, groups: Codes, begins: Codes) -> None:
    """Put the share of each series of a part into `share`."""
    for run in range(len(begins) - 1):
        mine = share[begins[run] - begins[0] : begins[run + 1] - begins[0]]
        theirs = shares[groups[begins[run]] :]
        for place in range(len(mine)):
            mine[place] = theirs[place]


@compiled
def _hear(seen: Reals, mean: Reals, counts: Counts, factor: Reals32, numbers: Numbers) -> None:
    """Put into `seen` what is learnt of counts: no surge, and not too much above what is expected."""
    for place in range(len(seen)):
        seen[place] = counts[place]
    if len(factor):
        for place in range(len(seen)):
            seen[place] /= factor[place]
    if numbers.winsor:
        for place in range(len(seen)):
            variance = mean[place] + numbers.dispersion * mean[place] * mean[place]
            seen[place] = min(seen[place], mean[place] + numbers.winsor * np.sqrt(variance))


@compiled
def _forget(out: Reals, old: Reals32, keep: float, fresh: Reals) -> None:
    for place in range(len(out)):
        out[place] = old[place] * keep + fresh[place]


@compiled
def _weigh(seen: Reals, mean: Reals, level: Reals32, heard: Reals, dispersion: float) -> None:
    """Weigh what was seen; put into `mean` what the level alone gives, weighted."""
    for place in range(len(mean)):
        mean[place] = heard[place] / (1 + dispersion * mean[place])
    for place in range(len(mean)):
        seen[place] *= mean[place]
    for place in range(len(mean)):
        mean[place] *= level[place]


@compiled
def _add(sums: Reals, values: Reals, groups: Codes, begins: Codes) -> None:
    """Add the values of a part to those of their groups."""
    for run in range(len(begins) - 1):
        mine = values[begins[run] - begins[0] : begins[run + 1] - begins[0]]
        theirs = sums[groups[begins[run]] :]
        for place in range(len(mine)):
            theirs[place] += mine[place]


@compiled
def _keep(kept: Reals32, values: Reals) -> None:
    for place in range(len(kept)):
        kept[place] = values[place]


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


NONE_BLIND: NDArray[np.bool_] = np.zeros(0, np.bool_)
NONE_STILL: Codes = np.zeros(0, np.int64)
NO_FACTOR: Reals32 = np.zeros(0, np.float32)
