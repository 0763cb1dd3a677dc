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
from typing import NamedTuple

import numpy as np

from outlast.detect.cells import Codes, Reals
from outlast.detect.compiled import compiled
from outlast.detect.evidence import Rows

HITS: Reals = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
"""The grid of hit ratios; all alike beforehand."""

PROBE_HIT = 0.97
"""What is certainly hit when its cause fails: a probe that needs it."""

_HIDDEN: Reals = np.concatenate([np.array([0.0, 0.01]), HITS])
"""With probes, a failure can be seen of which the services show next to nothing yet, or no longer."""

_BACKGROUND_LEAST = 1e-4
_ROUNDS = 4


class Edges(NamedTuple):
    """Edges of rows of which something is seen, ordered by cause."""

    row: Codes
    cause: Codes
    share: Reals


@dataclass(slots=True)
class Picture:
    """What is seen, and how likely each row is well under the present explanation.

    Attributes:
        background: the share of services that are down for reasons of their own.
        chosen: each cause with its hit ratio.
        edges: of all causes.
        begins: where the edges of each cause begin; one more, where the last ones end.
        cleared: causes that are seen to be well by themselves.
    """

    rows: Rows
    count: int
    background: float
    chosen: dict[int, float]
    edges: Edges
    begins: Codes
    cleared: Codes

    def leaning(self, cause: int) -> Edges:
        """Return the edges of one cause."""
        mine = slice(self.begins[cause], self.begins[cause + 1])
        return Edges(self.edges.row[mine], self.edges.cause[mine], self.edges.share[mine])

    @property
    def well(self) -> Reals:
        """The probability of each row to be well."""
        rows = self.rows
        well = np.full(len(rows.weight), 1 - self.background)
        well[rows.services :] = 1 - _BACKGROUND_LEAST
        for cause, hit in self.chosen.items():
            mine, _, share = self.leaning(cause)
            well[mine] *= 1 - share * np.where(mine < rows.services, hit, PROBE_HIT)
        return well


def begin(rows: Rows, count: int) -> Picture:
    """Return the picture in which nothing shared has failed; `count` causes are candidates."""
    row_of, cause_of, share = rows.telling
    order = np.argsort(cause_of, kind="stable")
    edges = Edges(row_of[order], cause_of[order], share[order])
    begins = np.searchsorted(edges.cause, np.arange(count + 1))
    picture = Picture(rows, count, _BACKGROUND_LEAST, {}, edges, begins, rows.cleared)
    settle(picture)
    return picture


def settle(picture: Picture) -> None:
    """Estimate the background and the hit ratios anew, each in the light of the others."""
    rows = picture.rows
    factor = np.exp(rows.weight)
    known = (rows.weight != 0) & (np.arange(len(rows.weight)) < rows.services)
    for _ in range(_ROUNDS):
        for cause in picture.chosen:
            picture.chosen[cause] = _hit(picture, cause)
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
    by_hit = _by_hit(picture, without, picture.edges)
    best = by_hit.argmax(axis=0)
    top = by_hit.max(axis=0)
    mean = np.log(np.exp(by_hit - top).mean(axis=0)) + top
    mean[picture.cleared] = -np.inf
    for cause in picture.chosen:
        if cause != without:
            mean[cause] = -np.inf
    return mean, hits_of(picture.rows)[best]


def _hit(picture: Picture, cause: int) -> float:
    """Return the likeliest hit ratio of a chosen cause, the others as they are."""
    by_hit = _by_hit(picture, cause, picture.leaning(cause))
    return float(hits_of(picture.rows)[by_hit[:, cause].argmax()])


def _by_hit(picture: Picture, without: int | None, edges: Edges) -> Reals:
    """Return the log-likelihood ratio of each cause at each hit ratio, shape (hit ratios, causes)."""
    rows = picture.rows
    well = picture.well
    if without is not None:
        mine, _, share = picture.leaning(without)
        hit = np.where(mine < rows.services, picture.chosen[without], PROBE_HIT)
        well[mine] /= 1 - share * hit
    seen = _Seen(well, np.exp(rows.weight), rows.counted, rows.services)
    return _ratios(edges, seen, hits_of(rows), picture.count)


class _Seen(NamedTuple):
    """Of each row: how likely it is well, how its evidence multiplies, and how often it counts."""

    well: Reals
    factor: Reals
    times: Reals
    services: int


@compiled
def _ratios(edges: Edges, seen: _Seen, grid: Reals, count: int) -> Reals:
    """Return what adding each cause at each hit ratio does to the log-likelihood of its rows.

    Factors are multiplied, and a logarithm is taken only before they leave the range of a number: that is
    once for some fifty edges instead of once for each.
    """
    found = np.zeros((len(grid), count))
    product = np.ones((count, len(grid)))
    for edge in range(len(edges.row)):
        row, cause = edges.row[edge], edges.cause[edge]
        well, factor = seen.well[row], seen.factor[row]
        before = well + (1 - well) * factor
        for number in range(len(grid)):
            hit = grid[number] if row < seen.services else PROBE_HIT
            left = well * (1 - edges.share[edge] * hit)
            ratio = (left + (1 - left) * factor) / before
            for _ in range(int(seen.times[row])):
                product[cause, number] *= ratio
            if not 1e-100 < product[cause, number] < 1e100:
                found[number, cause] += np.log(product[cause, number])
                product[cause, number] = 1
    return found + np.log(product.T)


def dependents(rows: Rows, cause: int) -> Codes:
    """Return the services that lean on a cause."""
    mine = rows.row_of[rows.cause_of == cause]
    return np.sort(mine[mine < rows.services])
