"""How likely so good an explanation is when nothing shared has failed: two tests, the better one counts.

The Bayes factors over all candidates are an e-value: it holds for every kind of evidence, probes included,
and being Markov's bound it is far from sharp. With services alone there is an exact answer. If nothing
shared has failed, those that are down are any so many of those that are known, so the number of them among
the dependents of a candidate is hypergeometric (Fisher's test); times the number of candidates, since the
best of all is looked at (Bonferroni). A thing with twenty dependents of which seven are down passes the
second and not the first.

Two tests are two chances to be wrong, so they share the allowance: nine tenths for the exact one, since
where the other one speaks, it shouts.
"""

from math import lgamma

import numpy as np

from outlast.detect.cells import Codes, Reals
from outlast.detect.compiled import compiled
from outlast.detect.noisyor import Picture

_EXACT_SHARE = 0.9
_FIRM = 0.5
"""What passes less of a failure is no dependent for the exact test."""


def chance_of(picture: Picture, gain: Reals) -> float:
    """Return how often at most something would look as guilty as the best candidate does.

    Args:
        gain: the log Bayes factor of each candidate.
    """
    by_bayes = float(np.exp(-min(_mean_log(gain), 700.0)))
    return min(1.0, by_bayes / (1 - _EXACT_SHARE), _exact(picture) / _EXACT_SHARE)


def _mean_log(gain: Reals) -> float:
    """The logarithm of the mean of what the gains are logarithms of."""
    top = float(gain.max())
    return top + float(np.log(np.exp(gain - top).mean()))


def _exact(picture: Picture) -> float:
    rows, edges = picture.rows, picture.edges
    weight = rows.weight[: rows.services]
    firm = (edges.row < rows.services) & (edges.share > _FIRM)
    cause = edges.cause[firm]
    members = np.bincount(cause, minlength=picture.count)
    shown = np.bincount(cause[rows.weight[edges.row[firm]] > 0], minlength=picture.count)
    shown[picture.cleared] = 0
    known, down = int(np.count_nonzero(weight)), int(np.count_nonzero(weight > 0))
    return float(_tails(members, shown, known, down).min()) * picture.count


@compiled
def _tails(members: Codes, shown: Codes, known: int, down: int) -> Reals:
    """Return the hypergeometric chance of so many or more; 1 where none is shown."""
    found = np.ones(len(members))
    # ln of: ways to choose those that are down.
    all_ = lgamma(known + 1.0) - lgamma(down + 1.0) - lgamma(known - down + 1.0)
    for one in range(len(members)):
        size, least = members[one], shown[one]
        if not least:
            continue
        total = 0.0
        for number in range(least, min(size, down) + 1):
            others, rest = known - size, down - number
            if rest > others:
                continue
            inside = lgamma(size + 1.0) - lgamma(number + 1.0) - lgamma(size - number + 1.0)
            outside = lgamma(others + 1.0) - lgamma(rest + 1.0) - lgamma(others - rest + 1.0)
            total += np.exp(inside + outside - all_)
        found[one] = min(total, 1.0)
    return found
