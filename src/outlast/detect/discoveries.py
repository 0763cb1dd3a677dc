"""Which of many unlikely things to believe: Benjamini and Hochberg's step-up rule.

Of 210,000 series some always look strange. The rule keeps the expected share of false ones among those
believed below a rate (Benjamini and Hochberg 1995; it holds for positively dependent tests as well,
Benjamini and Yekutieli 2001). Pools of different size each get an equal share of the rate, so that a few
countries are not drowned by many cells.
"""

import numpy as np

from outlast.detect.cells import Flags
from outlast.detect.profile import Reals32

_ROUNDING = 1e-6


def discoveries(loudness: Reals32, tests: int, rate: float) -> Flags:
    """Return which of the loudest are believed.

    Args:
        loudness: minus the natural logarithm of each p-value; those left out count as 1.
        tests: how many series were looked at in all.
        rate: the false-discovery rate.
    """
    believed = np.zeros(len(loudness), np.bool_)
    if not len(loudness):
        return believed
    # Who would not pass as the last of all passes nowhere, and stands behind all who do.
    may = np.flatnonzero(loudness >= np.log(tests / (rate * len(loudness))) - _ROUNDING)
    order = may[np.argsort(-loudness[may])]
    ranks = np.arange(1, len(order) + 1)
    passes = loudness[order] >= np.log(tests / (rate * ranks))
    last = np.flatnonzero(passes)
    if len(last):
        believed[order[: last[-1] + 1]] = True
    return believed
