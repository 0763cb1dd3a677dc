"""The embedded store: one SQLite file in WAL mode, for any number of processes on one machine.

Each store has three threads with a connection each, so that the event loop never waits for a disk: one
writes, one reads, one looks out for commits of other processes while somebody waits for one.

*Group commit.* Commits that wait at the same time share one transaction and one fsync. Each change is
compared and applied by itself, in the order of arrival, and sees what the earlier ones of its group
did; what each is told becomes true for all of them at one instant. If the transaction fails, so does
every change in it.

A store is bound to the file that it opened. If that is deleted, exchanged or goes back in time, the
store says so from then on (`StoreReplaced`), and acknowledges nothing that went into a deleted file. A
copy put in place must replace the file by a rename while nothing runs; copying *over* the open file is
damage, found only in part. On network file systems SQLite's locks cannot be trusted: keep the file
on a local disk.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar, cast

from outlast.drivers.stores import limits
from outlast.drivers.stores.file import FileOptions, StoreFile
from outlast.drivers.stores.revisions import Revisions, closed, rewound
from outlast.drivers.stores.worker import Worker
from outlast.ports import Change, Entry, Page

POLL_S = 0.02
"""How often to look for commits of other processes, while somebody waits: a look takes microseconds."""

_REVISION = "SELECT revision FROM store"
_GET = "SELECT key, value, revision FROM entry WHERE key = ?"
_SCAN = "SELECT key, value, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
# Told to use the index by revision, SQLite reads what changed; left alone, all that might have.
_SCAN_NEWER = (
    "SELECT key, value, revision FROM entry INDEXED BY entry_by_revision "
    "WHERE key >= ? AND key < ? AND revision > ? ORDER BY key LIMIT ?"
)
_PUT = (
    "INSERT INTO entry (key, value, revision) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision"
)

T = TypeVar("T")


class SqliteStore:
    """A `Store` in one SQLite file. Made by `open`, for one event loop."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._writing, self._reading, self._watching = file.connections
        self._lock = threading.Lock()
        self._seen = 0  # the greatest revision that any thread has seen; behind the lock
        self._version = -1
        self._writer = Worker[Change, int | None]("store-write", self._commit_group)
        self._reader = Worker[Callable[[], object], object]("store-read", _each)
        self._watcher = Worker[Callable[[], object], object]("store-watch", _each)
        self._revisions = Revisions(0)
        self._watch: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path, options: FileOptions | None = None) -> Self:
        """Open a store, made anew (0600, in a directory of 0700) if there is no file.

        Raises:
            StoreError: the file cannot be used; StoreCorrupt: it is damaged.
        """
        file = await asyncio.to_thread(StoreFile.open, path, options or FileOptions())
        return cls(file)

    async def get(self, key: str) -> Entry | None:
        """Return one entry."""
        limits.check_key(key)
        row = await self._read(lambda: self._reading.execute(_GET, (key,)).fetchone())
        return Entry(*row) if row else None

    async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
        """Return the entries below a prefix, from one snapshot."""
        limits.check_prefix(prefix)
        page = await self._read(lambda: self._scan(prefix, newer_than, limit))
        if newer_than > page.revision:
            raise rewound(newer_than, page.revision)
        return page

    async def commit(self, change: Change) -> int | None:
        """Carry out a change, or return None if a required revision does not match."""
        limits.check(change)
        revision = await self._writer.ask(change)
        if revision is not None:
            self._revisions.advance(revision)
        return revision

    async def wait(self, revision: int) -> int:
        """Return the store's revision as soon as it is greater than the one given."""
        now = await self._look()
        if now < revision:
            raise rewound(revision, now)
        if self._closed:
            raise closed()
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._keep_watch(), name="store-watch")
        return await self._revisions.wait_above(revision)

    async def close(self) -> None:
        """Finish what waits to be committed, then release the file."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
        self._revisions.fail(closed())
        for worker in (self._writer, self._reader, self._watcher):
            await worker.close()
        await asyncio.to_thread(self._file.close)

    async def _read(self, question: Callable[[], T]) -> T:
        return cast("T", await self._reader.ask(lambda: self._guarded(question)))

    async def _look(self) -> int:
        """Return the present revision, and wake whoever waits for it."""
        revision = cast("int", await self._watcher.ask(lambda: self._guarded(self._peek)))
        self._revisions.advance(revision)
        return self._revisions.known

    async def _keep_watch(self) -> None:
        """Look out for others' commits as long as somebody waits for one."""
        try:
            # The one who started this begins to wait only now: look at who waits after the first nap.
            while True:
                await asyncio.sleep(POLL_S)
                if not self._revisions.waiting:
                    return
                await self._look()
        except Exception as error:  # noqa: BLE001 - whatever it is, they must not wait for ever
            self._revisions.fail(error)

    # What follows runs in the store's threads.

    def _guarded(self, question: Callable[[], T]) -> T:
        """Read something, if the file is still ours and has not gone back in time."""
        with self._file.mapped_errors():
            self._file.check_same()
            return question()

    def _peek(self) -> int:
        """Return the revision; `data_version` moves with each commit of any other connection."""
        version = self._watching.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._see(self._watching, self._seen)
            self._version = version
        return self._seen

    def _see(self, connection: sqlite3.Connection, before: int) -> int:
        """Read the revision in the present snapshot, which began after `before` had been seen."""
        revision = int(connection.execute(_REVISION).fetchone()[0])
        if revision < before:
            raise rewound(before, revision)
        self._note(revision)
        return revision

    def _note(self, revision: int) -> None:
        with self._lock:
            self._seen = max(self._seen, revision)

    def _scan(self, prefix: str, newer_than: int, limit: int) -> Page:
        bounds = (prefix, _end_of(prefix))
        before = self._seen
        self._reading.execute("BEGIN")
        try:
            revision = self._see(self._reading, before)
            if newer_than:
                rows = self._reading.execute(_SCAN_NEWER, (*bounds, newer_than, limit or -1))
            else:
                rows = self._reading.execute(_SCAN, (*bounds, limit or -1))
            return Page(tuple(Entry(*row) for row in rows), revision)
        finally:
            self._reading.execute("ROLLBACK")

    def _commit_group(self, changes: Sequence[Change]) -> list[int | Exception | None]:
        with self._file.mapped_errors():
            self._file.check_same()
            before = self._seen
            self._writing.execute("BEGIN IMMEDIATE")
            try:
                began_at = revision = self._see(self._writing, before)
                answers: list[int | Exception | None] = []
                for change in changes:
                    after = self._carry_out(change, revision)
                    revision = after or revision
                    answers.append(after)
                if revision > began_at:
                    self._writing.execute("UPDATE store SET revision = ?", (revision,))
                self._writing.execute("COMMIT")
            except BaseException:
                # After some errors (disk full) SQLite has rolled back already, and says so.
                with contextlib.suppress(sqlite3.Error):
                    self._writing.execute("ROLLBACK")
                raise
            self._file.check_same()
            self._note(revision)
            return answers

    def _carry_out(self, change: Change, revision: int) -> int | None:
        """Compare and apply one change; return the revision after it, None if it does not match."""
        execute = self._writing.execute
        for key, required in change.requires:
            row = execute("SELECT revision FROM entry WHERE key = ?", (key,)).fetchone()
            if (row[0] if row else 0) != required:
                return None
        gone = 0
        for key in change.deletes:
            gone += execute("DELETE FROM entry WHERE key = ?", (key,)).rowcount
        for key, value in change.puts:
            execute(_PUT, (key, value, revision + 1))
        return revision + 1 if gone or change.puts else revision


def _each(questions: Sequence[Callable[[], object]]) -> list[object]:
    answers: list[object] = []
    for question in questions:
        try:
            answers.append(question())
        except Exception as error:  # noqa: BLE001 - one reader's error is not the next one's
            answers.append(error)
    return answers


def _end_of(prefix: str) -> str | bytes:
    """Return the first key after all that begin with a prefix.

    A blob sorts after every text, so it serves where the prefix is empty or ends in the last character.
    """
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return b""
    # U+D800 to U+DFFF are no characters of their own and cannot be encoded.
    after = 0xE000 if ord(kept[-1]) == 0xD7FF else ord(kept[-1]) + 1
    return kept[:-1] + chr(after)
