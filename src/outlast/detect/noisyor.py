"""Explaining away: which few causes make what is seen likely, by a noisy-OR.

Each service is well unless something takes it down: its own trouble (the background) or a cause that it
leans on, which shows in a share of its dependents, the hit ratio. That share is not known and integrated
over a grid, so a cause that predicts many services which stayed well pays for it (Shrink, SIGCOMM MineNet
2005, and Sherlock, SIGCOMM 2007, fix it; with half of the dependents showing, a fixed one fails). Evidence
is soft, so a wrong edge, a missing edge or one liar costs a bounded amount.

The gain of a cause is the logarithm of a Bayes factor against the explanation so far. Under the assumption
that nothing shared has failed its expectation is 1, so it is an e-value: the chance that the mean over all
candidates reaches 1/a is at most a (Markov; Vovk and Wang, Annals of Statistics 2021).
"""

from dataclasses import dataclass

import numpy as np

from outlast.detect.cells import Codes, Reals
from outlast.detect.evidence import Rows

HITS: Reals = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
"""The grid of hit ratios; all alike beforehand."""

PROBE_HIT = 0.97
"""What is certainly hit when its cause fails: a probe that needs it."""

_BACKGROUND_LEAST = 1e-4
_ROUNDS = 4


@dataclass(slots=True)
class Picture:
    """What is seen, and how likely each row is well under the present explanation.

    Attributes:
        background: the share of services that are down for reasons of their own.
        chosen: each cause with its hit ratio.
    """

    rows: Rows
    count: int
    background: float
    chosen: dict[int, float]

    @property
    def well(self) -> Reals:
        """The probability of each row to be well."""
        rows = self.rows
        well = np.full(len(rows.weight), 1 - self.background)
        well[rows.services :] = 1 - _BACKGROUND_LEAST
        for cause, hit in self.chosen.items():
            mine = rows.row_of[rows.cause_of == cause]
            well[mine] *= 1 - np.where(mine < rows.services, hit, PROBE_HIT)
        return well

    def likelihood(self) -> float:
        """The logarithm of the likelihood of all that is seen, up to a constant."""
        return float(_seen(self.well, np.exp(self.rows.weight)).sum())


def begin(rows: Rows, count: int) -> Picture:
    """Return the picture in which nothing shared has failed; `count` causes are candidates."""
    picture = Picture(rows, count, _BACKGROUND_LEAST, {})
    settle(picture)
    return picture


def settle(picture: Picture) -> None:
    """Estimate the background and the hit ratios anew, each in the light of the others."""
    rows = picture.rows
    factor = np.exp(rows.weight)
    known = (rows.weight != 0) & (np.arange(len(rows.weight)) < rows.services)
    for _ in range(_ROUNDS):
        for cause in picture.chosen:
            _, hits = gains(picture, without=cause)
            picture.chosen[cause] = float(hits[cause])
        well = picture.well
        down = (1 - well) * factor
        down /= down + well
        # Of what is down, the part that the background explains.
        own = down * picture.background / np.maximum(1 - well, _BACKGROUND_LEAST)
        total = float(own[known].sum())
        picture.background = max((total + 0.5) / (int(known.sum()) + 50.0), _BACKGROUND_LEAST)


def gains(picture: Picture, without: int | None = None) -> tuple[Reals, Reals]:
    """Return for each candidate the log Bayes factor of adding it, and its likeliest hit ratio.

    Args:
        picture: the explanation so far.
        without: a chosen cause to leave out of it first, so that its own gain is told.
    """
    rows = picture.rows
    well = picture.well
    if without is not None:
        mine = rows.row_of[rows.cause_of == without]
        hit = np.where(mine < rows.services, picture.chosen[without], PROBE_HIT)
        well[mine] /= 1 - hit
    factor = np.exp(rows.weight)
    before = _seen(well, factor)
    edge_well, edge_factor = well[rows.row_of], factor[rows.row_of]
    probe = rows.row_of >= rows.services
    by_hit = np.empty((len(HITS), picture.count))
    for number, hit in enumerate(HITS):
        left = edge_well * (1 - np.where(probe, PROBE_HIT, hit))
        delta = _seen(left, edge_factor) - before[rows.row_of]
        by_hit[number] = np.bincount(rows.cause_of, delta, picture.count)
    best = by_hit.argmax(axis=0)
    top = by_hit.max(axis=0)
    mean = np.log(np.exp(by_hit - top).mean(axis=0)) + top
    for cause in picture.chosen:
        if cause != without:
            mean[cause] = -np.inf
    return mean, HITS[best]


def _seen(well: Reals, factor: Reals) -> Reals:
    """The log-likelihood of each row; the constant part, its likelihood if well, left out."""
    found: Reals = np.log(well + (1 - well) * factor)
    return found


def dependents(rows: Rows, cause: int) -> Codes:
    """Return the services that lean on a cause."""
    mine = rows.row_of[rows.cause_of == cause]
    return np.sort(mine[mine < rows.services])
