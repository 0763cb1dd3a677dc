"""Everybody talking: the factor by which reports rise for everything at once, to be divided out.

An outage in the news makes people report whatever stutters. Such a surge lifts nearly all series together,
an outage lifts some. So the factor is a low quartile of observed over expected: it moves only once three
quarters of what is looked at has moved, and never beyond a bound, since an outage can be that wide too.
"""

import numpy as np

from outlast.detect.cells import Counts, Flags
from outlast.detect.profile import Reals32

_LOOKED_AT = 64
"""How many of the busiest services speak for a country, and for the world."""

_EXPECTED_LEAST = 1.0
_SPEAKERS_LEAST = 8
_QUARTILE = 0.25


def surge(counts: Counts, expected: Reals32, most: float) -> float:
    """Return how much louder everything is, from 1 to `most`; 1 where too little is expected to tell.

    Args:
        counts: reports of each service in a window.
        expected: what was expected in it.
        most: the bound.
    """
    speakers = np.flatnonzero(expected >= _EXPECTED_LEAST)
    if len(speakers) < _SPEAKERS_LEAST:
        return 1.0
    if len(speakers) > _LOOKED_AT:
        busiest = np.argpartition(expected[speakers], -_LOOKED_AT)[-_LOOKED_AT:]
        speakers = speakers[busiest]
    ratio = counts[speakers] / expected[speakers]
    return float(np.clip(np.quantile(ratio, _QUARTILE), 1.0, most))


def surges(
    counts: Counts, expected: Reals32, everywhere: float, most: float, live: Flags
) -> Reals32:
    """Return the factor of each country, from arrays of shape (services, countries).

    A country in which too little is expected talks as everybody does.
    """
    factors = np.full(counts.shape[1], everywhere, np.float32)
    enough = (expected >= _EXPECTED_LEAST).sum(axis=0) >= _SPEAKERS_LEAST
    for country in np.flatnonzero(enough & live):
        factors[country] = surge(counts[:, country], expected[:, country], most)
    return factors
