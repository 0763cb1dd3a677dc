"""Cells: dense minutes, exact windows, late reports in their place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.detect.cells import Cells, Grid, Placed

GRID = Grid(("a", "b", "c"), ("DE", "US"))

reports = st.lists(
    st.tuples(
        st.integers(0, 3),  # minutes to move on by first
        st.integers(-2, 12),  # age of the report
        st.integers(0, GRID.size - 1),
        st.integers(1, 5),
    ),
    max_size=40,
)


@given(reports)
def test_windows_are_the_sums_of_their_minutes_however_late_reports_come(
    given_: list[tuple[int, int, int, int]],
) -> None:
    """Whoever reads a window reads what a recount of all kept reports would give."""
    cells = Cells(GRID, 100, ring=8, windows=(1, 2, 5))
    kept: list[tuple[int, int, int]] = []
    for move, age, cell, number in given_:
        cells.advance(cells.newest + move)
        minute = cells.newest - age
        placed = cells.put(minute, np.array([cell]), np.array([number], np.int32))
        if age < 0:
            assert placed == Placed(early=number)
        elif age >= 8:
            assert placed == Placed(late=number)
        else:
            assert placed == Placed(kept=number)
            kept.append((minute, cell, number))
    sums = cells.tick().sums.reshape(3, GRID.size)
    for row, window in enumerate((1, 2, 5)):
        wanted = np.zeros(GRID.size, np.int64)
        for minute, cell, number in kept:
            if 0 <= cells.newest - minute < window:
                wanted[cell] += number
        assert sums[row].tolist() == wanted.tolist()


def test_a_long_silence_empties_the_ring() -> None:
    """After more minutes than the ring holds nothing old is left, in no window."""
    cells = Cells(GRID, 0, ring=8, windows=(1, 5))
    cells.put(0, np.array([1, 1, 4]))
    cells.advance(1_000)
    assert not cells.tick().sums.any()
    with pytest.raises(KeyError):
        cells.at(0)


def test_the_memory_of_the_counts_does_not_grow() -> None:
    """A ring is as large after a day as before it."""
    cells = Cells(GRID, 0)
    before = cells.nbytes
    for minute in range(1_440):
        cells.advance(minute)
        cells.put(minute, np.array([minute % GRID.size]))
    assert cells.nbytes == before


def test_a_grid_refuses_what_would_count_twice() -> None:
    """Codes are positions: a name that stands twice would split its reports."""
    with pytest.raises(ValueError, match="service"):
        Grid(("a", "a"), ("DE",))
    with pytest.raises(ValueError, match="country"):
        Grid(("a",), ("DE", "DE"))
    with pytest.raises(ValueError, match="categories"):
        Grid(("a", "b"), ("DE",), ("bank",))
