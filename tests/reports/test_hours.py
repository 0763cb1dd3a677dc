"""What a detector reads from the stream becomes history, each hour once."""

import errno
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.reports.desks import GRID, NOW_S
from tests.reports.test_keeping import batch

from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, counts_of
from outlast.drivers.reports.history import History
from outlast.drivers.reports.hours import PARTS_MAX, Hours
from outlast.model.errors import StoreError

HOUR_S = NOW_S - NOW_S % 3600


def some(number: int) -> MinuteCounts:
    """So many reports of one minute."""
    return counts_of(batch(*range(2, 2 + number)), GRID)


def total(history: History) -> int:
    """All reports in history."""
    return sum(one.reports for one in history.series(0, 1 << 33, 3600))


def test_an_hour_is_written_once_a_later_one_has_begun(tmp_path: Path) -> None:
    """Never before: messages of it may still come, and a file is not added to."""
    history = History(tmp_path)
    hours = Hours(history)
    for minute in range(2 * PARTS_MAX):
        hours.take(HOUR_S + 20 * minute, some(3), GRID)
    assert not hours.ended
    hours.take(HOUR_S + 3600, some(5), GRID)
    assert hours.ended
    hours.settle()
    assert total(history) == 3 * 2 * PARTS_MAX
    assert not hours.ended


def test_a_stream_that_is_read_again_counts_nothing_twice_though_its_beginning_is_gone(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    for begin in (0, 2):
        hours = Hours(history)
        for hour in range(begin, 4):
            hours.take(HOUR_S + 3600 * hour, some(10 - begin), GRID)
        hours.settle()
    assert total(history) == 3 * 10


def test_a_topology_edited_within_the_hour_moves_counts_by_name(tmp_path: Path) -> None:
    history, grid = History(tmp_path), Grid(("new", *GRID.services), GRID.countries)
    hours = Hours(history)
    hours.take(HOUR_S, some(3), GRID)
    hours.take(HOUR_S + 3600, some(1), grid)
    hours.settle()
    found = history.minutes(0, 1 << 33, grid)
    assert found.total == 3
    assert grid.services[int(found.cell[0]) // len(grid.countries)] == "shop"
    assert np.all(found.number == 3)


def test_an_hour_that_finds_the_disk_full_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path)
    hours = Hours(history)
    hours.take(HOUR_S, some(3), GRID)
    hours.take(HOUR_S + 3600, some(1), GRID)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pq, "write_table", full)
        with pytest.raises(StoreError, match="No space"):
            hours.settle()
    assert total(history) == 0
    hours.settle()
    assert total(history) == 3
