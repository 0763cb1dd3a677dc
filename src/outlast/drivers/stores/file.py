"""The SQLite file: made whole, opened with care, checked before use, and watched while in use.

Three traps lie here. A database that is made in place leaves, after a crash, an empty file that looks
like one which lost everything: ours is made under another name and linked into place when it is whole, so
an empty file is always damage. A write-ahead log that outlived its database is replayed into the next
one of that name, and mixes both: it is refused. And a file that was deleted while open takes
writes as gladly as before, into nothing: so its inode is compared before and after each transaction.
"""

import contextlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from outlast.drivers.stores import faults
from outlast.model.errors import StoreError

APPLICATION_ID = 0x4F75746C
"""`Outl`: how `file` and we ourselves know the file."""

SCHEMA_VERSION = 1
BUSY_S = 5.0
"""How long to wait for another process's transaction. One takes some 30 ms at most."""

CHECK_S = 2.0
"""How long the check at opening may take; a store of 100,000 entries needs less than half a second."""

SIZE_MAX_BYTES = 4 * 1024**3
"""The file never grows beyond; a hundred times what 100,000 endpoints take."""

WAL_BYTES_MAX = 64 * 1024 * 1024
"""The log is cut back to this after a checkpoint; a long read can let it grow beyond for a while."""

CONNECTIONS = 3
"""One to write, one to read, one to look out for others' commits."""

_INTERRUPT_S = 0.01
_PAGE_BYTES = 4096
_MARKS = f"""
    PRAGMA page_size = {_PAGE_BYTES};
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA_VERSION};
    PRAGMA journal_mode = WAL;
"""
_TABLES = """
    CREATE TABLE entry (key TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL);
    CREATE INDEX entry_by_revision ON entry (revision);
    CREATE TABLE store (revision INTEGER NOT NULL);
    INSERT INTO store VALUES (0);
"""


class Durability(StrEnum):
    """What an acknowledged commit has survived."""

    FULL = "full"
    """Synced to the disk: survives the loss of power."""
    NORMAL = "normal"
    """Handed to the system: survives kill -9; the last commits may be lost with the power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How a store's file is opened.

    Attributes:
        durability: what an acknowledged commit has survived.
        size_max_bytes: the file does not grow beyond; at least 64 KiB.
        busy_s: how long to wait for another process's transaction.
        check_s: how long the check at opening may take; None: `CHECK_S`.
    """

    durability: Durability = Durability.FULL
    size_max_bytes: int = SIZE_MAX_BYTES
    busy_s: float = BUSY_S
    check_s: float | None = None


class StoreFile:
    """The file of one open store: its identity, and a connection each for three threads."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        self.path = path
        self._options = options
        self.connections: list[sqlite3.Connection] = []
        self._wal = Path(f"{path}-wal")
        self._inodes: dict[Path, tuple[int, int]] = {}

    @classmethod
    def open(cls, path: Path, options: FileOptions) -> "StoreFile":
        """Open a store's file, made anew if there is none. Blocks for up to `check_s` and `busy_s`.

        Raises:
            StoreError: it cannot be used; StoreCorrupt: it is damaged.
        """
        file = cls(path, options)
        try:
            with file.mapped_errors():
                if not path.exists():
                    _create(path)
                _check_header(path)
                for _ in range(CONNECTIONS):
                    file._connect()
                _check_kind(path, file.connections[0])
                _check_content(path, file.connections[0], options.check_s)
                file._inodes = {one: _inode(one) for one in (path, Path(f"{path}-shm"))}
        except BaseException:
            file.close()
            raise
        return file

    def _connect(self) -> None:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._options.busy_s,
            isolation_level=None,
            check_same_thread=False,
        )
        self.connections.append(connection)
        connection.execute(f"PRAGMA synchronous = {self._options.durability}")
        connection.execute(f"PRAGMA max_page_count = {self._options.size_max_bytes // _PAGE_BYTES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")

    def check_same(self) -> None:
        """See that the file at the path is still the one that was opened.

        The log is only seen to be there: asking for its times, as `stat` does, makes the kernel keep
        finer ones at the next write (multigrain timestamps, Linux 6.13), and each commit dearer.

        Raises:
            StoreReplaced: it or its index was deleted or exchanged, or its log was deleted.
        """
        if self._inodes and not os.access(self._wal, os.F_OK):
            raise faults.replaced(self.path, f"{self._wal.name} was deleted")
        for path, inode in self._inodes.items():
            try:
                now = _inode(path)
            except FileNotFoundError:
                raise faults.replaced(self.path, f"{path.name} was deleted") from None
            if now != inode:
                raise faults.replaced(self.path, f"{path.name} was replaced by another file")

    @contextlib.contextmanager
    def mapped_errors(self) -> Iterator[None]:
        """Turn what SQLite and the system raise into errors for people."""
        try:
            yield
        except sqlite3.Error as error:
            raise faults.store_error(self.path, error) from error
        except OSError as error:
            raise faults.os_error(self.path, error) from error

    def close(self) -> None:
        """Close every connection. The last one of all processes also folds the log into the file."""
        for connection in self.connections:
            # What cannot be closed is given up with the process; nothing acknowledged depends on it.
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self.connections.clear()


def _create(path: Path) -> None:
    """Make an empty store and link it into place. Another process may win the race; that is as well."""
    wal = Path(f"{path}-wal")
    if wal.exists():
        raise StoreError(
            f"{path} is missing, but its log {wal.name} is here: it was deleted or moved alone",
            remedy=f"put {path.name} back, or move {wal.name} and {path.name}-shm away too",
        )
    for folder in [one for one in (path.parent, *path.parent.parents) if not one.exists()][::-1]:
        folder.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f"{path.name}.new-{secrets.token_hex(8)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.executescript(_MARKS + _TABLES)
        finally:
            connection.close()
        _sync(draft)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        _sync(path.parent)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{draft}{suffix}").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_header(path: Path) -> None:
    """Refuse an empty file, which SQLite would take for a new database, and one we may not write."""
    with path.open("r+b") as file:
        if not file.read(16):
            raise faults.corrupt(path, "the file is empty")


def _check_kind(path: Path, connection: sqlite3.Connection) -> None:
    kind = int(connection.execute("PRAGMA application_id").fetchone()[0])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if kind != APPLICATION_ID:
        raise StoreError(
            f"{path} is an SQLite database, but no store of Outlast's",
            remedy="name another file; this one was not changed",
        )
    if version != SCHEMA_VERSION:
        age = "newer" if version > SCHEMA_VERSION else "older"
        raise StoreError(
            f"{path} has schema version {version}; this outlast knows version {SCHEMA_VERSION}",
            remedy=f"it was made by a{'n' if age == 'older' else ''} {age} outlast: use that one, or "
            f"name another file. {faults.UNTOUCHED}",
        )


def _check_content(path: Path, connection: sqlite3.Connection, check_s: float | None) -> None:
    """Let SQLite check the file's structure for so long at most; what takes longer passes."""
    limit_s = CHECK_S if check_s is None else check_s
    answer = _bounded(
        connection, lambda: connection.execute("PRAGMA quick_check(1)").fetchone(), limit_s
    )
    if answer is not None and answer[0] != "ok":
        raise faults.corrupt(path, str(answer[0]))
    if connection.execute("SELECT count(*) FROM store").fetchone()[0] != 1:
        raise faults.corrupt(path, "its revision is missing")


def _bounded(
    connection: sqlite3.Connection, work: Callable[[], tuple[object, ...]], limit_s: float
) -> tuple[object, ...] | None:
    """Do something that may be cut short after a while, and then returns None."""
    done = threading.Event()

    def cut_short() -> None:
        if not done.wait(limit_s):
            # Again and again, since an interrupt before the statement has begun is lost.
            while not done.wait(_INTERRUPT_S):
                connection.interrupt()

    watch = threading.Thread(target=cut_short, name="store-check", daemon=True)
    watch.start()
    try:
        return work()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    finally:
        done.set()
        watch.join()


def _inode(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
