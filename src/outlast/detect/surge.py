"""Everybody talking: the factor by which reports rise for everything at once, to be divided out.

An outage in the news makes people report whatever stutters. Such a surge lifts nearly all series together,
an outage lifts some. So the factor is a low quartile of observed over expected: it moves only once three
quarters of what is looked at has moved, and never beyond a bound, since an outage can be that wide too.
"""

import numpy as np

from outlast.detect.cells import Codes, Counts, Flags, Reals
from outlast.detect.compiled import compiled
from outlast.detect.profile import Reals32

_LOOKED_AT = 64
"""How many of the busiest services speak for a country, and for the world."""

EXPECTED_LEAST = 1.0
"""Who expects less does not speak."""

_SPEAKERS_LEAST = 8
_QUARTILE = 0.25


def surge(counts: Counts, expected: Reals32, most: float) -> float:
    """Return how much louder everything is, from 1 to `most`; 1 where too little is expected to tell.

    Args:
        counts: reports of each service in a window.
        expected: what was expected in it.
        most: the bound.
    """
    some = np.flatnonzero(expected >= EXPECTED_LEAST)
    loudest = _quartiles(counts.reshape(-1, 1), expected.reshape(-1, 1), some)[0]
    return 1.0 if np.isnan(loudest) else float(np.clip(loudest, 1.0, most))


def surges(
    counts: Counts, expected: Reals32, everywhere: float, most: float, *, some: Codes, live: Flags
) -> Reals32:
    """Return the factor of each country, from arrays of shape (services, countries).

    A country in which too little is expected talks as everybody does.

    Args:
        some: services that are looked at, in order.
    """
    found = _quartiles(counts, expected, some)
    factors: Reals32 = np.clip(found, 1.0, most).astype(np.float32)
    factors[np.isnan(found) | ~live] = everywhere
    return factors


@compiled
def _quartiles(counts: Counts, expected: Reals32, some: Codes) -> Reals:
    """Return of each column the low quartile of the busiest's ratios; NaN where too few are expected."""
    columns = expected.shape[1]
    speakers = np.empty((columns, len(some)), np.int64)
    held = np.zeros(columns, np.int64)
    for row in some:
        for column in range(columns):
            if expected[row, column] >= EXPECTED_LEAST:
                speakers[column, held[column]] = row
                held[column] += 1
    found = np.full(columns, np.nan)
    for column in range(columns):
        if held[column] < _SPEAKERS_LEAST:
            continue
        mine = speakers[column, : held[column]]
        means = np.array([expected[row, column] for row in mine])
        if len(mine) > _LOOKED_AT:
            # The busiest, of equally busy ones the first.
            least = np.partition(means, len(means) - _LOOKED_AT)[len(means) - _LOOKED_AT]
            left = _LOOKED_AT - np.count_nonzero(means > least)
            busiest = np.empty(_LOOKED_AT, np.int64)
            kept = 0
            for at in range(len(means)):
                level = means[at] == least and left > 0
                if level or means[at] > least:
                    busiest[kept] = at
                    kept += 1
                    left -= level
            mine, means = mine[busiest], means[busiest]
        seen = np.array([counts[row, column] for row in mine])
        found[column] = np.quantile(seen / means, _QUARTILE)
    return found
