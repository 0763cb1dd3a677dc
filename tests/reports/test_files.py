"""Reports from files: the same whatever the format, in a memory that does not grow with the file."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from tests.reports.desks import GRID, NOW_S, SECRET

from outlast.detect.counts import counts_of
from outlast.detect.intake import joined
from outlast.drivers.reports import files
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.files import FileReader
from outlast.drivers.reports.identity import Identity


def made(rows: int) -> pa.Table:
    """Reports that do not compress."""
    rng = np.random.default_rng(4)
    return pa.table(
        {
            "at": pa.array(NOW_S + np.arange(rows) // 100),
            "service": pa.array(rng.choice(["shop", "bank", "shpo"], rows)),
            "country": pa.array(rng.choice(["DE", "US", "XX"], rows)),
            "reporter": pa.array([f"r{one}" for one in rng.integers(0, 1 << 62, rows).tolist()]),
        }
    )


def reader() -> FileReader:
    """A reader of a small world."""
    return FileReader(Coder(GRID), Identity(SECRET), int(time.time()))


def test_a_file_says_the_same_in_every_format(tmp_path: Path) -> None:
    """Who, when, where and what; and which names nobody knows."""
    table = made(2_000)
    pq.write_table(table, tmp_path / "s.parquet")
    pacsv.write_csv(table, tmp_path / "s.csv")
    (tmp_path / "s.jsonl").write_bytes(
        b"\n".join(msgspec.json.encode(one) for one in table.to_pylist())
    )
    found = []
    for name in ("s.parquet", "s.csv", "s.jsonl"):
        file = reader()
        batch = joined([*file.read(tmp_path / name)])
        known = counts_of(batch.take(batch.service >= 0), GRID)
        rows = (known.minute, known.cell, known.number, batch.at_s, batch.service, batch.reporter)
        found.append(([one.tolist() for one in rows], file.unknown))
    assert found[0] == found[1] == found[2]
    assert 500 < found[0][1]["shpo"] < 900


def test_a_file_of_any_length_is_read_in_the_same_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is let go: a day of a large outage must not need more than its first hour."""
    monkeypatch.setattr(files, "PART_ROWS", 5_000)
    path = tmp_path / "s.parquet"
    table = made(1_000).select(["at", "service", "country"])
    strangers = np.random.default_rng(5).integers(2, 1 << 63, 400_000, dtype=np.uint64)
    table = pa.concat_tables([table] * 400).append_column("reporter", pa.array(strangers))
    pq.write_table(table, path, row_group_size=20_000)
    before, held = pa.total_allocated_bytes(), list[int]()
    for _ in reader().read(path):
        held.append(pa.total_allocated_bytes() - before)
    assert len(held) >= 80
    assert max(held) < path.stat().st_size / 3
