"""Durability: what is on disk after every kind of ending."""

import errno
import os
from pathlib import Path

import pytest
from tests.drivers.nameserver.harness import ZONE, a_records, wire_name

from outlast.drivers.nameserver import frames
from outlast.drivers.nameserver.journal import Journal, Loaded, NotRolledBack
from outlast.drivers.nameserver.zone import Nodes
from outlast.model.errors import ConfigError, StoreCorrupt

APEX = wire_name(ZONE)


def change(number: int) -> dict[bytes, Nodes]:
    return {APEX: a_records("www.example.test", f"192.0.2.{number}")}


def reopened(folder: Path) -> Loaded:
    journal = Journal(folder)
    loaded = journal.open()
    journal.close()
    return loaded


def written(folder: Path, count: int) -> Path:
    """A folder with one journal of so many frames; returns the journal's path."""
    journal = Journal(folder)
    journal.open()
    for number in range(1, count + 1):
        journal.append(change(number))
    journal.close()
    (path,) = folder.glob("journal-*")
    return path


def last_address(loaded: Loaded) -> int:
    (rrset,) = loaded.zones[APEX][wire_name("www.example.test")]
    return rrset.rdatas[0][3]


def test_what_was_appended_is_found_again(tmp_path: Path) -> None:
    written(tmp_path, 3)
    assert last_address(reopened(tmp_path)) == 3


def test_a_torn_tail_loses_the_last_frame_alone_wherever_it_was_cut(tmp_path: Path) -> None:
    """Every length that a crash can leave."""
    path = written(tmp_path, 3)
    whole = path.read_bytes()
    frame = len(whole) // 3
    for length in range(2 * frame, len(whole)):
        path.write_bytes(whole[:length])
        loaded = reopened(tmp_path)
        assert last_address(loaded) == 2
        assert loaded.torn == length - 2 * frame
        assert path.stat().st_size == 2 * frame


def test_appending_goes_on_behind_a_torn_tail(tmp_path: Path) -> None:
    path = written(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-1])
    journal = Journal(tmp_path)
    journal.open()
    journal.append(change(9))
    journal.close()
    assert last_address(reopened(tmp_path)) == 9


def test_every_flipped_byte_before_the_last_frame_is_named_as_damage(tmp_path: Path) -> None:
    path = written(tmp_path, 3)
    whole = path.read_bytes()
    for at in range(2 * len(whole) // 3):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :])
        with pytest.raises(StoreCorrupt, match=r"journal-0.* is damaged at byte") as caught:
            reopened(tmp_path)
        assert "outlast rescue" in caught.value.remedy


@pytest.mark.parametrize("empty", [True, False])
def test_a_lost_journal_in_the_middle_is_damage(tmp_path: Path, *, empty: bool) -> None:
    """Even where the journal behind it has no frame yet that could tell by its number."""
    journal = Journal(tmp_path)
    journal.open()
    journal.append(change(1))
    journal.begin()
    if not empty:
        journal.append(change(2))
    journal.close()
    min(tmp_path.glob("journal-*")).unlink()
    with pytest.raises(StoreCorrupt):
        reopened(tmp_path)


def folded(folder: Path, *, adopt: bool) -> None:
    """Frames 1 and 2, a snapshot of them, and frame 3."""
    journal = Journal(folder)
    journal.open()
    journal.append(change(1))
    journal.append(change(2))
    sequence = journal.begin()
    journal.append(change(3))
    journal.write_snapshot(frames.pack_frame(sequence, change(2)), last=False)
    journal.write_snapshot(frames.pack_frame(sequence, {}), last=True)
    if adopt:
        journal.adopt(sequence)
    journal.close()


@pytest.mark.parametrize("adopt", [True, False])
def test_folding_can_end_at_any_point(tmp_path: Path, *, adopt: bool) -> None:
    folded(tmp_path, adopt=adopt)
    assert last_address(reopened(tmp_path)) == 3
    assert (tmp_path / "snapshot").exists() == adopt
    assert len(list(tmp_path.glob("journal-*"))) == (1 if adopt else 2)


def test_a_journal_left_over_after_folding_is_dropped(tmp_path: Path) -> None:
    folded(tmp_path, adopt=True)
    stale = tmp_path / f"journal-{1:020}"
    stale.write_bytes(frames.pack_frame(1, change(1)))
    assert last_address(reopened(tmp_path)) == 3
    assert not stale.exists()


@pytest.mark.parametrize("cut", [0, 5, -1, -30])
def test_a_snapshot_that_is_not_whole_is_damage(tmp_path: Path, cut: int) -> None:
    folded(tmp_path, adopt=True)
    path = tmp_path / "snapshot"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(StoreCorrupt, match="snapshot is damaged"):
        reopened(tmp_path)


def test_a_folder_belongs_to_one_server(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.open()
    with pytest.raises(ConfigError, match="another name server uses"):
        Journal(tmp_path).open()
    first.close()
    reopened(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        Journal(tmp_path / "file" / "folder").open()


class FullDisk:
    """Stands in for the two system calls that a full disk fails: half of the bytes fit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, at: str) -> None:
        self.full = False
        self._pwrite, self._fdatasync, self._ftruncate = os.pwrite, os.fdatasync, os.ftruncate
        self.failing = {at}
        monkeypatch.setattr(os, "pwrite", self.pwrite)
        monkeypatch.setattr(os, "fdatasync", self.fdatasync)
        monkeypatch.setattr(os, "ftruncate", self.ftruncate)

    def _check(self, call: str) -> None:
        if self.full and call in self.failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def pwrite(self, file: int, data: memoryview, at: int) -> int:
        if self.full and "pwrite" in self.failing:
            os.lseek(file, at, os.SEEK_SET)
            os.write(file, data[: len(data) // 2])
        self._check("pwrite")
        return self._pwrite(file, data, at)

    def fdatasync(self, file: int) -> None:
        self._check("fdatasync")
        self._fdatasync(file)

    def ftruncate(self, file: int, length: int) -> None:
        self._check("ftruncate")
        self._ftruncate(file, length)


@pytest.mark.parametrize("at", ["pwrite", "fdatasync"])
def test_a_full_disk_leaves_no_trace_of_the_refused_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    disk = FullDisk(monkeypatch, at=at)
    journal = Journal(tmp_path)
    journal.open()
    journal.append(change(1))
    size = journal.journal_bytes
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        journal.append(change(2))
    (path,) = tmp_path.glob("journal-*")
    assert path.stat().st_size == size
    disk.full = False
    journal.append(change(3))
    journal.close()
    assert last_address(reopened(tmp_path)) == 3


def test_a_change_that_cannot_be_taken_back_is_unknown_and_blocks_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saying SERVFAIL would be a lie: it may be found after a restart."""
    disk = FullDisk(monkeypatch, at="fdatasync")
    disk.failing.add("ftruncate")
    journal = Journal(tmp_path)
    journal.open()
    journal.append(change(1))
    disk.full = True
    with pytest.raises(NotRolledBack):
        journal.append(change(2))
    disk.failing.remove("fdatasync")
    with pytest.raises(OSError, match="No space"):
        journal.append(change(3))
    disk.full = False
    journal.append(change(4))
    journal.close()
    loaded = reopened(tmp_path)
    assert last_address(loaded) == 4


def test_a_frame_missing_in_the_middle_is_damage(tmp_path: Path) -> None:
    """Each frame is whole, and still one is not there: its number is missed."""
    path = written(tmp_path, 3)
    whole = path.read_bytes()
    third = len(whole) // 3
    path.write_bytes(whole[:third] + whole[2 * third :])
    with pytest.raises(StoreCorrupt, match=f"damaged at byte {third}"):
        reopened(tmp_path)
