"""Whatever befalls the file, the SQLite store says so in one clear error, and never hangs."""
# ruff: noqa: ASYNC221, ASYNC240 - a test may block its own event loop

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outlast.drivers.stores import file as store_file
from outlast.drivers.stores import sqlite as sqlite_store
from outlast.drivers.stores.file import Durability, FileOptions
from outlast.drivers.stores.role import RoleLock
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.model.errors import StoreCorrupt, StoreError, StoreReplaced
from outlast.ports import Change

DEADLINE_S = 20.0


def put(key: str, value: bytes = b"x") -> Change:
    return Change(puts=((key, value),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(path)
    yield opened
    await opened.close()


async def filled(path: Path, entries: int = 200) -> None:
    """Make a store with some pages in it, and close it."""
    store = await SqliteStore.open(path)
    await asyncio.gather(*(store.commit(put(f"k{i:04}", os.urandom(500))) for i in range(entries)))
    await store.close()


async def begun(store: SqliteStore, revision: int) -> asyncio.Task[int]:
    """Return a wait that has come to its waiting: what it finds at the beginning is behind it."""
    waiting = asyncio.create_task(store.wait(revision))
    async with asyncio.timeout(DEADLINE_S):
        while not store._revisions.waiting:  # noqa: ASYNC110 - the store has no event for this
            await asyncio.sleep(0)
    return waiting


def has_remedy(error: StoreError) -> bool:
    return "DNS is untouched" in error.remedy and "outlast rescue" in error.remedy


async def test_the_file_and_a_new_directory_are_for_their_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store.db"
    store = await SqliteStore.open(path)
    await store.commit(put("a"))
    for suffix in ("", "-wal", "-shm"):
        assert stat.S_IMODE(Path(f"{path}{suffix}").stat().st_mode) == 0o600
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, path.parent.parent)] == [
        0o700,
        0o700,
    ]
    await store.close()
    assert [one.name for one in path.parent.iterdir()] == ["store.db"], "drafts were left behind"


async def test_durability_is_full_unless_asked_otherwise(path: Path) -> None:
    levels = []
    for options in (FileOptions(), FileOptions(durability=Durability.NORMAL)):
        store = await SqliteStore.open(path, options)
        levels.append(store._writing.execute("PRAGMA synchronous").fetchone()[0])
        assert store._writing.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        await store.close()
    assert levels == [2, 1]


@pytest.mark.parametrize("content", [b"", b"hello", b"not a database at all " * 500])
async def test_a_file_that_is_no_database_is_damage_and_stays_as_it_is(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt) as caught:
        await SqliteStore.open(path)
    assert has_remedy(caught.value)
    assert str(path) in caught.value.what
    assert path.read_bytes() == content


@pytest.mark.slow
async def test_a_truncated_file_is_found_at_opening(path: Path) -> None:
    await filled(path)
    whole = path.read_bytes()
    for length in (10, 100, 4096, 8192, len(whole) // 2, len(whole) - 4096):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreCorrupt) as caught:
            await SqliteStore.open(path)
        assert has_remedy(caught.value)


async def test_damaged_pages_are_found_at_opening(path: Path) -> None:
    await filled(path)
    whole = bytearray(path.read_bytes())
    for page in range(2, len(whole) // 4096, 3):
        whole[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    path.write_bytes(whole)
    with pytest.raises(StoreCorrupt) as caught:
        await SqliteStore.open(path)
    assert has_remedy(caught.value)


def test_the_check_at_opening_is_bounded() -> None:
    """A check of some seconds is cut short, and the connection can be used afterwards."""
    connection = sqlite3.connect(":memory:")
    counting = "SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000000"
    long = f"WITH RECURSIVE n(i) AS ({counting}) SELECT max(i) FROM n"
    work = connection.execute
    assert store_file._bounded(connection, lambda: work(long).fetchone(), 0.0) is None
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.close()


async def test_a_process_that_comes_second_in_making_the_file_leaves_the_first_ones(
    path: Path,
) -> None:
    await filled(path, 3)
    store_file._create(path)
    store = await SqliteStore.open(path)
    assert len((await store.scan("")).entries) == 3
    await store.close()


async def test_a_commit_cancelled_before_its_turn_is_not_carried_out(
    path: Path, store: SqliteStore
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first = asyncio.create_task(store.commit(put("first")))
    await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE_S):
        while store._writer._queue.qsize():  # noqa: ASYNC110 - the worker has no event for this
            await asyncio.sleep(0)
    second = asyncio.create_task(store.commit(put("second")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    other.execute("ROLLBACK")
    other.close()
    assert await first == 1
    assert await store.commit(put("third")) == 2
    assert [entry.key for entry in (await store.scan("")).entries] == ["first", "third"]


async def test_damage_that_is_met_later_is_an_error_of_that_call(path: Path) -> None:
    await filled(path)
    store = await SqliteStore.open(path)
    size = path.stat().st_size
    with path.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (size - 4096))
    with pytest.raises(StoreCorrupt) as caught:
        await store.scan("")
    assert has_remedy(caught.value)
    await store.close()


async def test_a_newer_schema_is_refused_with_both_versions(path: Path) -> None:
    await filled(path, 1)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {store_file.SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(
        StoreError, match=r"schema version 2; this outlast knows version 1"
    ) as caught:
        await SqliteStore.open(path)
    assert "newer outlast" in caught.value.remedy
    assert has_remedy(caught.value)


async def test_a_strangers_database_is_refused_and_not_changed(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE precious (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no store of Outlast's"):
        await SqliteStore.open(path)
    assert path.read_bytes() == before


async def test_a_log_without_its_database_is_refused(path: Path) -> None:
    """SQLite would replay the old log into the new file and mix both."""
    Path(f"{path}-wal").write_bytes(b"old log")
    with pytest.raises(StoreError, match="deleted or moved alone"):
        await SqliteStore.open(path)
    assert not path.exists()


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
async def test_a_file_deleted_while_running_is_noticed_and_never_written_to(
    path: Path, store: SqliteStore, suffix: str
) -> None:
    await store.commit(put("a"))
    waiting = await begun(store, (await store.scan("")).revision)
    Path(f"{path}{suffix}").unlink()
    for call in (store.commit(put("b")), store.get("a"), store.scan(""), waiting, store.wait(0)):
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(
                StoreReplaced, match=r"was deleted.*nothing more is written"
            ) as caught:
                await call
        assert "restart outlast" in caught.value.remedy
        assert has_remedy(caught.value)


async def test_a_file_deleted_during_the_transaction_is_not_acknowledged(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = store._carry_out

    def delete_first(change: Change, revision: int) -> int | None:
        path.unlink()
        return carry_out(change, revision)

    monkeypatch.setattr(store, "_carry_out", delete_first)
    with pytest.raises(StoreReplaced):
        await store.commit(put("a"))


async def test_yesterdays_copy_renamed_into_place_is_noticed(
    path: Path, store: SqliteStore, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    backup = sqlite3.connect(copy)
    source = sqlite3.connect(path)
    source.backup(backup)
    backup.close()
    source.close()
    revision = 0
    for _ in range(3):
        revision = await store.commit(put("a")) or 0
    waiting = await begun(store, revision)
    copy.replace(path)
    for call in (waiting, store.scan("", newer_than=revision), store.commit(put("b"))):
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(StoreReplaced, match="replaced by another file"):
                await call


async def test_after_a_restart_on_yesterdays_copy_what_was_remembered_is_void(
    path: Path, tmp_path: Path
) -> None:
    await filled(path, 1)
    shutil.copy(path, tmp_path / "copy.db")
    await filled(path, 3)
    shutil.copy(tmp_path / "copy.db", path)
    store = await SqliteStore.open(path)
    async with asyncio.timeout(DEADLINE_S):
        for call in (store.wait(4), store.scan("", newer_than=4)):
            with pytest.raises(StoreReplaced, match="is at revision 1, but was at 4"):
                await call
    await store.close()


async def test_a_revision_that_goes_back_in_the_same_file_is_noticed(
    path: Path, store: SqliteStore
) -> None:
    for _ in range(3):
        await store.commit(put("a"))
    revision = (await store.scan("")).revision
    waiting = await begun(store, revision)
    vandal = sqlite3.connect(path, isolation_level=None)
    vandal.execute("UPDATE store SET revision = 1")
    vandal.close()
    for call in (waiting, store.scan(""), store.commit(put("b"))):
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(StoreReplaced, match="is at revision 1, but was at 3"):
                await call


async def test_a_store_at_its_greatest_size_says_so_and_goes_on_reading(path: Path) -> None:
    store = await SqliteStore.open(path, FileOptions(size_max_bytes=256 * 1024))
    await store.commit(put("small"))
    with pytest.raises(StoreError, match="full") as caught:
        await store.commit(put("large", b"x" * 500_000))
    assert "make room" in caught.value.remedy
    assert has_remedy(caught.value)
    assert [entry.key for entry in (await store.scan("")).entries] == ["small"]
    assert await store.commit(put("next")) is not None
    await store.close()


async def test_a_store_held_by_another_process_says_so_and_goes_on_later(path: Path) -> None:
    store = await SqliteStore.open(path, FileOptions(busy_s=0.05))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process holds it"):
        await store.commit(put("a"))
    assert await store.get("a") is None
    other.execute("ROLLBACK")
    other.close()
    assert await store.commit(put("a")) is not None
    await store.close()


async def test_a_commit_of_ones_own_ends_a_wait_without_a_look_at_the_disk(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "POLL_S", 1_000.0)
    waiting = await begun(store, 0)
    await store.commit(put("a"))
    async with asyncio.timeout(DEADLINE_S):
        assert await waiting == 1


async def test_a_failed_group_leaves_nothing_and_the_next_one_works(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = store._carry_out

    def fail_second(change: Change, revision: int) -> int | None:
        if change.puts[0][0] == "bad":
            raise sqlite3.OperationalError("disk I/O error")
        return carry_out(change, revision)

    monkeypatch.setattr(store, "_carry_out", fail_second)
    together = (store.commit(put(key)) for key in ("good", "bad", "late"))
    results = await asyncio.gather(*together, return_exceptions=True)
    kept = {entry.key for entry in (await store.scan("")).entries}
    told = {
        key
        for key, result in zip(("good", "bad", "late"), results, strict=True)
        if isinstance(result, int)
    }
    assert kept == told
    assert "bad" not in kept
    assert await store.commit(put("after")) is not None


def test_a_role_is_held_by_one_process_and_ends_with_it(path: Path) -> None:
    held = RoleLock.take(path, "planner")
    with pytest.raises(StoreError, match=f"process {os.getpid()} is the planner"):
        RoleLock.take(path, "planner")
    other = RoleLock.take(path, "enactor-1")
    held.close()
    again = RoleLock.take(path, "planner")
    for lock in (other, again):
        lock.close()


UNPRIVILEGED = """
import asyncio, concurrent.futures.thread, os, sys
from pathlib import Path
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.model.errors import StoreError
from outlast.ports import Change
path = Path(sys.argv[1])
async def use():
    store = await SqliteStore.open(path)
    try:
        await store.commit(Change(puts=(("a", b"1"),)))
    finally:
        await store.close()
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    asyncio.run(use())
except StoreError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.slow
@pytest.mark.parametrize("case", ["file", "directory", "new"])
async def test_what_may_not_be_written_is_said_with_its_remedy(case: str) -> None:
    """Run as an ordinary user, since root may write anything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "store.db"
        if case != "new":
            await filled(path, 1)
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
            if path.exists():
                os.chown(path, 65534, 65534)
        if case == "file":
            path.chmod(0o400)
        folder.chmod(0o500 if case != "file" else 0o700)
        ran = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, path], check=False, capture_output=True, text=True
        )
        folder.chmod(0o700)
    assert ran.returncode == 7, ran.stderr
    assert str(path) in ran.stdout
    assert "let the user that runs outlast" in ran.stdout
    assert "DNS is untouched" in ran.stdout


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.model.errors import StoreError
from outlast.ports import Change
path = Path(sys.argv[1])
def bound(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
async def use():
    store = await SqliteStore.open(path)
    acknowledged = 0
    bound(200_000)
    try:
        for number in range(1000):
            await store.commit(Change(puts=((f"k{number}", bytes(1000)),)))
            acknowledged += 1
    except StoreError as error:
        assert "rescue" in str(error), error
    else:
        raise AssertionError("the bound was never met")
    assert len((await store.scan("")).entries) == acknowledged > 0
    bound(resource.RLIM_INFINITY)
    assert await store.commit(Change(puts=(("after", b"1"),))) is not None
    await store.close()
    store = await SqliteStore.open(path)
    assert len((await store.scan("")).entries) == acknowledged + 1
    await store.close()
asyncio.run(use())
"""


@pytest.mark.slow
def test_a_full_disk_loses_nothing_acknowledged_and_goes_on_once_there_is_room(path: Path) -> None:
    """A bound on the size of files stands for the full disk: writes fail in the middle of the log."""
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
