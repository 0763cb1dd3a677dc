"""Counts: reports summed to minutes and cells, sparse; what is kept, sent and added up again.

Sums can be added in any order and from anywhere, which is why everything beyond one process deals in them:
history, messages between machines, replays. By name, not by code: two processes may hold two versions of a
topology for some seconds, and code 17 of one is not code 17 of the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from outlast.detect.cells import Cells, Codes, Counts, Grid, Placed
from outlast.detect.compiled import compiled
from outlast.detect.intake import Batch
from outlast.model.errors import Bug

_BLOCK = 16
"""Cells that share a mark: a line of the cache."""

_SPARSE = 500
"""With fewer reports than one in so many cells of the minutes that they span, sorting beats counting."""


@dataclass(frozen=True, slots=True)
class MinuteCounts:
    """Numbers of reports; columns of one length, ordered by minute and cell, each pair once.

    Attributes:
        grid: what the codes mean.
        minute: whole minutes since 1970-01-01 UTC.
        cell: flat positions in the grid.
        number: of reports, at least 1.
    """

    grid: Grid
    minute: Codes
    cell: Codes
    number: Counts

    def __len__(self) -> int:
        return len(self.minute)

    @property
    def total(self) -> int:
        """All reports."""
        return int(self.number.sum())


def none(grid: Grid) -> MinuteCounts:
    """Return counts of nothing."""
    empty = np.zeros(0, np.int64)
    return MinuteCounts(grid, empty, empty, np.zeros(0, np.int32))


def counts_of(batch: Batch, grid: Grid) -> MinuteCounts:
    """Sum reports up."""
    minute = batch.at_s // 60
    cell = batch.service * len(grid.countries) + batch.country
    return _summed(grid, minute, cell, None)


def added(parts: Iterable[MinuteCounts], grid: Grid) -> MinuteCounts:
    """Add counts of one grid up."""
    some = [one for one in parts if len(one)]
    if not some:
        return none(grid)
    if len(some) == 1:
        return some[0]
    return _summed(
        grid,
        np.concatenate([one.minute for one in some]),
        np.concatenate([one.cell for one in some]),
        np.concatenate([one.number for one in some]),
    )


def _summed(grid: Grid, minute: Codes, cell: Codes, number: Counts | None) -> MinuteCounts:
    if not len(minute):
        return none(grid)
    first, last = int(minute.min()), int(minute.max())
    if int(cell.min()) < 0 or int(cell.max()) >= grid.size:
        raise Bug("a report was coded for a cell beyond the grid")
    if (last - first + 1) * grid.size <= _SPARSE * len(cell):
        step, cells, sums = _by_step(minute - first, cell, number, last - first + 1, grid.size)
        return MinuteCounts(grid, step + first, cells, sums)
    keys, inverse = np.unique((minute - first) * grid.size + cell, return_inverse=True)
    numbers = np.bincount(inverse, number, len(keys)).astype(np.int32)
    return MinuteCounts(grid, keys // grid.size + first, keys % grid.size, numbers)


@compiled
def _by_step(
    minute: Codes, cell: Codes, number: Counts | None, span: int, size: int
) -> tuple[Codes, Codes, Counts]:
    """Count minute by minute, from 0, over all cells; blocks that were met are marked, so few are read."""
    begins = np.zeros(span + 1, np.int64)
    for one in minute:
        begins[one + 1] += 1
    begins = np.cumsum(begins)
    rows = np.empty(len(minute), np.int64)
    for at in range(len(minute)):
        rows[begins[minute[at]]] = at
        begins[minute[at]] += 1
    sums, met = np.zeros(size, np.int32), np.zeros(size // _BLOCK + 1, np.bool_)
    minutes, cells = np.empty(len(minute), np.int64), np.empty(len(minute), np.int64)
    numbers = np.empty(len(minute), np.int32)
    found, begin = 0, 0
    for step in range(span):
        for row in rows[begin : begins[step]]:
            sums[cell[row]] += 1 if number is None else number[row]
            met[cell[row] // _BLOCK] = True
        begin = begins[step]
        for block in np.flatnonzero(met):
            met[block] = False
            low = int(block) * _BLOCK
            for one in range(low, min(low + _BLOCK, size)):
                if sums[one]:
                    minutes[found], cells[found], numbers[found] = step, one, sums[one]
                    sums[one] = 0
                    found += 1
    return minutes[:found].copy(), cells[:found].copy(), numbers[:found].copy()


def regrid(counts: MinuteCounts, grid: Grid) -> tuple[MinuteCounts, int]:
    """Return counts in the codes of another grid, and the number of reports whose cell it does not have.

    A country without a column goes to the last one, as it does when it is read.
    """
    old = counts.grid
    if old == grid:
        return counts, 0
    services = {name: code for code, name in enumerate(grid.services)}
    countries = {name: code for code, name in enumerate(grid.countries)}
    service_to = np.array([services.get(name, -1) for name in old.services], np.int64)
    country_to = np.array(
        [countries.get(name, len(grid.countries) - 1) for name in old.countries], np.int64
    )
    service = service_to[counts.cell // len(old.countries)]
    country = country_to[counts.cell % len(old.countries)]
    known = service >= 0
    cell = service[known] * len(grid.countries) + country[known]
    lost = int(counts.number[~known].sum())
    return _summed(grid, counts.minute[known], cell, counts.number[known]), lost


def part_of(counts: MinuteCounts, begin: int, end: int) -> MinuteCounts:
    """Return some rows that follow each other."""
    part = slice(begin, end)
    return MinuteCounts(counts.grid, counts.minute[part], counts.cell[part], counts.number[part])


def pour(counts: MinuteCounts, cells: Cells) -> Placed:
    """Put counts of the cells' own grid into them, minute by minute."""
    placed = Placed()
    begins = np.flatnonzero(np.r_[True, counts.minute[1:] != counts.minute[:-1]])
    ends = np.r_[begins[1:], len(counts)] if len(counts) else begins
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        if begin == end:
            continue
        part = part_of(counts, begin, end)
        placed += cells.put(int(part.minute[0]), part.cell, part.number)
    return placed
