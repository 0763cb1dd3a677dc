"""What was acknowledged is on disk; what could not be kept does not count, and may come again."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports.desks import GRID, NOW_S, report, served

from outlast.detect.cells import Grid
from outlast.detect.counts import added, counts_of, none, regrid
from outlast.detect.intake import Batch, Fate, Intake, Rules
from outlast.detect.seen import Seen
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.history import History, settle
from outlast.drivers.reports.identity import Identity, Key, keep_key, network_of
from outlast.drivers.reports.journal import (
    Journal,
    Kind,
    batch_of,
    rows_record,
    segments,
)
from outlast.drivers.reports.sources import Sources
from outlast.drivers.reports.statuspage import read_page
from outlast.drivers.reports.tokens import (
    Source,
    find_source,
    fingerprint,
    read_sources,
    write_sources,
)
from outlast.model.errors import StoreError

RULES = Rules(memory_slots=1 << 10, network_slots=1 << 10)


def batch(*reporters: int, at_s: int = NOW_S) -> Batch:
    """Reports of reporters for the shop in Germany."""
    size = len(reporters)
    zeros = np.zeros(size, np.int64)
    names = np.array(reporters, np.uint64)
    return Batch(np.full(size, at_s), zeros, zeros, names, np.zeros(size, np.uint64))


def kept(folder: Path) -> list[int]:
    """The reporters in a journal."""
    return [
        int(one)
        for segment in segments(folder)
        for grid, record in segment.read()
        if record.kind is Kind.ROWS
        for one in batch_of(record, grid).reporter
    ]


# the journal


def test_a_torn_tail_is_no_record_and_the_next_segment_goes_on(tmp_path: Path) -> None:
    """Cut anywhere: the whole records before are read, nothing else is, and nothing fails."""
    journal = Journal(tmp_path, GRID)
    journal.append([rows_record(batch(5, 6), GRID)])
    journal.append([rows_record(batch(7), GRID)])
    journal.close()
    path = segments(tmp_path)[0].path
    data = path.read_bytes()
    for length in range(len(data) - 1, len(data) - 25, -1):
        path.write_bytes(data[:length])
        assert kept(tmp_path) == [5, 6]
    after = Journal(tmp_path, GRID)
    after.append([rows_record(batch(8), GRID)])
    assert kept(tmp_path) == [5, 6, 8]
    after.close()


def test_a_flipped_bit_ends_the_reading(tmp_path: Path) -> None:
    journal = Journal(tmp_path, GRID)
    journal.append([rows_record(batch(5), GRID)])
    journal.append([rows_record(batch(6), GRID)])
    journal.close()
    path = segments(tmp_path)[0].path
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert kept(tmp_path) == [5]


async def test_a_full_disk_is_told_counts_nothing_and_the_sender_may_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, and the same report counts once there is room: it must not be its own duplicate."""
    real, full = os.write, [True]

    def write(file: int, data: bytes) -> int:
        if full[0] and len(data) > 8:
            real(file, bytes(data)[: len(data) // 2])  # half of it still fits
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data)

    async with served(tmp_path) as door:
        assert (await door.post(report(1))).json()["counted"] == 1
        with monkeypatch.context() as patch:
            patch.setattr("outlast.drivers.reports.journal.os.write", write)
            answer = await door.post([report(2), report(3)])
            assert answer.status_code == 503
            assert "No space" in answer.json()["error"]
        full[0] = False
        assert (await door.post([report(2), report(3)])).json()["counted"] == 2
        assert door.counted.total == 3
    assert len(kept(tmp_path / "journal")) == 3


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
async def test_what_was_not_synced_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Neither the reports nor, of a new segment, its name: what only the cache holds a power cut takes."""

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with served(tmp_path) as door:
        with monkeypatch.context() as patch:
            patch.setattr(f"outlast.drivers.reports.journal.os.{call}", broken)
            assert (await door.post(report(1))).status_code == 503
        assert (await door.post(report(1))).json()["counted"] == 1


async def test_no_reporter_is_written_in_clear(tmp_path: Path) -> None:
    async with served(tmp_path) as door:
        await door.post(report(reporter="somebody@mail.example"))
    written = b"".join(one.path.read_bytes() for one in segments(tmp_path / "journal"))
    assert b"somebody" not in written
    assert b"127.0.0.1" not in written


def test_history_counts_once_what_a_failed_write_left_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", GRID)
    journal.append([rows_record(batch(5, 6), GRID)])
    journal.append([rows_record(batch(6, 7), GRID)])
    journal.close()
    history = History(tmp_path / "history")
    for _ in range(2):  # a crash between writing and deleting does it again
        settle(segments(tmp_path / "journal")[0], history, Intake(RULES))
    assert [one.reports for one in history.series(0, NOW_S + 60, 60)] == [3]
    only = history.series(0, NOW_S + 60, 3600, service="shop")
    assert [one.reports for one in only] == [3]
    assert history.series(0, NOW_S + 60, 3600, service="bank") == []
    again = history.minutes(0, NOW_S + 60, GRID)
    assert (again.total, again.minute.tolist()) == (3, [NOW_S // 60])


# judging


@given(st.lists(st.integers(2, 60), max_size=80))
@settings(max_examples=60, deadline=None)
def test_a_reporter_is_new_once_however_they_are_cut_into_batches(names: list[int]) -> None:
    whole, parts = Seen(1 << 8), Seen(1 << 8)
    keys = np.array(names, np.uint64) << np.uint64(50)
    new = whole.add(keys)
    assert int(new.sum()) == len({*names})
    assert [bool(parts.add(keys[one : one + 1])[0]) for one in range(len(names))] == new.tolist()


def test_memory_of_reporters_stays_what_it_is_and_the_last_are_known() -> None:
    seen = Seen(1 << 10)
    before = seen.nbytes
    keys = np.random.default_rng(1).integers(2, 1 << 63, 50_000, dtype=np.uint64)
    for begin in range(0, len(keys), 100):
        assert seen.add(keys[begin : begin + 100]).all()
    assert not seen.add(keys[-500:]).any()
    assert seen.nbytes == before
    assert seen.forgotten > 40_000


def test_what_is_taken_back_may_come_again_and_nothing_else() -> None:
    intake = Intake(RULES)
    assert (intake.judge(batch(*range(2, 50)), NOW_S) == Fate.COUNTED).all()
    intake.take_back(batch(7))
    fates = intake.judge(batch(7, 8), NOW_S).tolist()
    assert fates == [Fate.COUNTED, Fate.DUPLICATE]


def test_who_used_up_its_weight_flushes_nobody_out_of_the_memory() -> None:
    """Else a campaign from one network could make everybody else count again and again."""
    intake = Intake(Rules(network_cap=10, memory_slots=1 << 10, network_slots=1 << 10))
    intake.judge(batch(2), NOW_S)
    for first in range(100, 10_000, 100):
        storm = batch(*range(first, first + 100))
        fates = intake.judge(replace(storm, network=np.full(100, 7, np.uint64)), NOW_S)
        assert (fates == Fate.COUNTED).sum() == (10 if first == 100 else 0)
    assert intake.judge(batch(2), NOW_S).tolist() == [Fate.DUPLICATE]


def test_a_network_weighs_anew_in_the_next_window() -> None:
    intake = Intake(Rules(network_cap=10, memory_slots=1 << 10, network_slots=1 << 10))
    for at_s in (NOW_S, NOW_S + intake.rules.window_s):
        some = replace(batch(*range(2, 52), at_s=at_s), network=np.full(50, 7, np.uint64))
        assert (intake.judge(some, at_s) == Fate.COUNTED).sum() == 10


def test_sums_are_the_same_however_they_are_added() -> None:
    parts = [counts_of(batch(*range(n, n + 3), at_s=NOW_S + 60 * (n % 4)), GRID) for n in range(20)]
    one = added(parts, GRID)
    two = added([added(parts[:7], GRID), added(parts[7:], GRID), none(GRID)], GRID)
    assert (one.total, one.minute.tolist(), one.number.tolist()) == (
        60,
        two.minute.tolist(),
        two.number.tolist(),
    )


def test_an_edited_topology_moves_counts_by_name() -> None:
    """Code 0 was the shop; in the new grid it is the airline."""
    new = Grid(("airline", "shop"), ("US", "DE", "ZZ"))
    moved, lost = regrid(counts_of(batch(5, 6), GRID), new)
    assert (moved.cell.tolist(), lost) == ([new.flat(1, 1)], 0)
    assert regrid(counts_of(batch(5), GRID), Grid(("airline",), ("ZZ",)))[1] == 1


async def test_a_topology_edited_in_flight_begins_a_segment_of_its_own(tmp_path: Path) -> None:
    async with served(tmp_path) as door:
        await door.post(report(1, service="bank"))
        door.desk.change_coder(Coder(Grid(("airline", "bank"), ("DE", "ZZ"))))
        assert (await door.post(report(2, service="airline"))).json()["counted"] == 1
    found = [
        grid.services[int(batch_of(record, grid).service[0])]
        for segment in segments(tmp_path / "journal")
        for grid, record in segment.read()
    ]
    assert found == ["bank", "airline"]


# who reports


def test_reporters_are_told_apart_under_one_key_and_not_under_two() -> None:
    one, two = Identity(Key(b"k" * 16, 0)), Identity(Key(b"l" * 16, 0))
    names = ["a", "b", "a", "x" * 100, "ü", ""]
    assert len({*one.of(names).tolist()}) == 5
    assert one.of(["a"])[0] == one.of(names)[2]
    assert not {*one.of(names).tolist()} & {*two.of(names).tolist()}


def test_the_key_rotates_and_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = keep_key(path, 1000)
    assert keep_key(path, 2000) == first
    assert path.stat().st_mode & 0o077 == 0
    assert keep_key(path, 1000 + 86_400).secret != first.secret


def test_networks_are_prefixes_and_disguised_addresses_are_what_they_are() -> None:
    assert network_of("192.0.2.77") == network_of("::ffff:192.0.2.1") == "192.0.2.0/24"
    assert network_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert network_of("unix") == ""


def test_tokens_are_kept_as_hashes(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    write_sources(path, [Source(name="a", sha256=fingerprint("secret-a"), since_s=0)])
    assert b"secret-a" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    found = read_sources(path)
    assert find_source(found, "secret-a") == found[0]
    assert find_source(found, "secret-b") is None


def test_a_source_that_stops_is_silent_and_not_well() -> None:
    sources = Sources()
    for second in range(0, 600, 10):
        sources.hear("steady", second)
        if second < 300:
            sources.hear("stops", second)
    assert sources.silent(600) == {"stops": 310.0}


def test_only_trouble_on_a_status_page_says_anything() -> None:
    body = b"""{"components": [{"name": "API", "status": "partial_outage"},
        {"name": "Web", "status": "operational"}, {"name": "Other", "status": "major_outage"}]}"""
    found = read_page(body, {"API": "shop", "Web": "bank"})
    assert [(one.service, one.degraded) for one in found] == [("shop", True), ("bank", False)]
    with pytest.raises(StoreError):
        read_page(b"<html>", {})
