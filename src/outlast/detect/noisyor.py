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

_HIDDEN: Reals = np.concatenate([np.array([0.0, 0.01]), HITS])
"""With probes, a failure can be seen of which the services show next to nothing yet, or no longer."""

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
            mine, share = rows.leaning(cause)
            well[mine] *= 1 - share * np.where(mine < rows.services, hit, PROBE_HIT)
        return well

    def likelihood(self) -> float:
        """The logarithm of the likelihood of all that is seen, up to a constant."""
        return float((_seen(self.well, np.exp(self.rows.weight)) * self.rows.counted).sum())


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


def hits_of(rows: Rows) -> Reals:
    """Return the hit ratios that are thought of."""
    return _HIDDEN if len(rows.weight) > rows.services else HITS


def gains(picture: Picture, without: int | None = None) -> tuple[Reals, Reals]:
    """Return for each candidate the log Bayes factor of adding it, and its likeliest hit ratio.

    Args:
        picture: the explanation so far.
        without: a chosen cause to leave out of it first, so that its own gain is told.
    """
    rows = picture.rows
    well = picture.well
    if without is not None:
        mine, share = rows.leaning(without)
        hit = np.where(mine < rows.services, picture.chosen[without], PROBE_HIT)
        well[mine] /= 1 - share * hit
    factor = np.exp(rows.weight)
    before = _seen(well, factor)
    # Rows of which nothing is known say nothing of any cause.
    row_of, cause_of, share = rows.telling
    edge_well, edge_factor = well[row_of], factor[row_of]
    probe = row_of >= rows.services
    times = rows.counted[row_of]
    grid = hits_of(rows)
    by_hit = np.empty((len(grid), picture.count))
    for number, hit in enumerate(grid):
        left = edge_well * (1 - share * np.where(probe, PROBE_HIT, hit))
        delta = (_seen(left, edge_factor) - before[row_of]) * times
        by_hit[number] = np.bincount(cause_of, delta, picture.count)
    best = by_hit.argmax(axis=0)
    top = by_hit.max(axis=0)
    mean = np.log(np.exp(by_hit - top).mean(axis=0)) + top
    mean[rows.cleared] = -np.inf
    for cause in picture.chosen:
        if cause != without:
            mean[cause] = -np.inf
    return mean, grid[best]


def _seen(well: Reals, factor: Reals) -> Reals:
    """The log-likelihood of each row; the constant part, its likelihood if well, left out."""
    found: Reals = np.log(well + (1 - well) * factor)
    return found


def dependents(rows: Rows, cause: int) -> Codes:
    """Return the services that lean on a cause."""
    mine = rows.row_of[rows.cause_of == cause]
    return np.sort(mine[mine < rows.services])
