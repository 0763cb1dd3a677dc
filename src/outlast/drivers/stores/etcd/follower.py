"""The follower: keeps up with every change by one watch, and remembers the last of them.

To read "what changed since" from etcd costs as much as there are keys, each time. So what a watch
brings is kept in a log, and the question is answered from there, once the log has come as far as the
store is: that, a read of the mark tells. What the log no longer knows is still asked of etcd.

A watch may fall silent without an end: its member is cut off, or the network swallows what it sends. So,
while somebody waits, the mark is read every now and then, and a watch that lags behind it is left.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING

import grpc.aio

from outlast.drivers.stores.etcd import wire
from outlast.drivers.stores.etcd.faults import Trouble
from outlast.drivers.stores.etcd.link import Link
from outlast.drivers.stores.etcd.marks import Keys, Mark, Marks
from outlast.drivers.stores.revisions import Revisions
from outlast.model.errors import StoreError, StoreReplaced
from outlast.ports import Entry

if TYPE_CHECKING:
    from outlast.drivers.stores.etcd.link import Stream

LOG_MAX = 100_000
"""Changes remembered; those of some minutes at full load."""

LOG_BYTES_MAX = 64 * 1024 * 1024
BEAT_S = 2.0
"""How often the mark is read while somebody waits."""

LAG_S = 1.0
"""How long a watch may take to bring what the mark told of."""

_AGAIN_S = 0.2


class Log:
    """The last changes: each key once, with its value, oldest first.

    Attributes:
        floor: changes after this revision are all here.
        mark: how far it has come.
    """

    def __init__(self, mark: Mark) -> None:
        self.floor = mark.revision
        self.mark = mark
        self._entries: dict[str, Entry] = {}
        self._bytes = 0

    def take(self, keys: Keys, events: tuple[wire.Event, ...]) -> list[Mark]:
        """Take in the changes of one or several whole revisions; return their marks."""
        marks = []
        for event in events:
            place, revision = event.entry.key, event.entry.revision
            if place == keys.mark:
                self.mark = Mark(revision, event.entry.value, revision)
                marks.append(self.mark)
                continue
            name = keys.name(place)
            old = self._entries.pop(name, None)
            self._bytes -= len(old.value) if old is not None else 0
            if not event.deleted:
                self._entries[name] = Entry(name, event.entry.value, revision)
                self._bytes += len(event.entry.value)
        while len(self._entries) > LOG_MAX or self._bytes > LOG_BYTES_MAX:
            oldest = self._entries.pop(next(iter(self._entries)))
            self._bytes -= len(oldest.value)
            self.floor = oldest.revision
        return marks

    def newer(self, prefix: str, revision: int) -> list[Entry]:
        """Return what changed below a prefix after a revision not below the floor, in key order."""
        found = []
        for entry in reversed(self._entries.values()):
            if entry.revision <= revision:
                break
            if entry.key.startswith(prefix):
                found.append(entry)
        return sorted(found, key=lambda entry: entry.key)


class Follower:
    """Follows one store. Begins at the first need."""

    def __init__(self, link: Link, keys: Keys, marks: Marks, revisions: Revisions) -> None:
        self._link = link
        self._keys = keys
        self._marks = marks
        self._revisions = revisions
        self._log: Log | None = None
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stream: tuple[Stream, int] | None = None

    def begin(self) -> None:
        """Follow from now on."""
        if not self._tasks:
            jobs: tuple[Coroutine[None, None, None], ...] = (self._follow(), self._beat())
            self._tasks = [asyncio.create_task(one, name="store-follow") for one in jobs]

    async def reached(self, since: int, revision: int) -> Log | None:
        """Return the log once it has come to a revision; None if it does not know all changes since.

        None too if that takes too long: then etcd itself is to be asked.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAG_S):
                while self._log is None or self._log.mark.revision < revision:
                    if self._marks.replaced is not None:
                        return None
                    self._moved.clear()
                    await self._moved.wait()
                return self._log if self._log.floor <= since else None
        return None

    async def close(self) -> None:
        """Follow no longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch(await self._resume())
            except StoreReplaced as error:
                self._revisions.fail(error)
                self._moved.set()
                return  # the store is to be opened anew
            except StoreError as error:
                self._revisions.fail(error)
            except Trouble:
                pass  # the next member, or the next attempt; nobody needs to know
            await asyncio.sleep(_AGAIN_S)

    async def _resume(self) -> int:
        """Return the revision to watch from: the one after the last seen, if that still is our past.

        The first watch begins at the oldest mark that was seen, so that it brings all the later ones.
        """
        now = await self._marks.read()
        known = (self._marks.oldest_unproven or now) if self._log is None else self._log.mark
        await self._marks.prove_same(known, now)
        if self._log is None:
            self._log = Log(known)
            self._marks.brought(known)
            self._note()
        return known.read_at + 1

    async def _watch(self, start: int) -> None:
        """Watch until the stream ends."""
        stream, at = await self._link.open(wire.WATCH, needs_leader=True)
        self._stream = stream, at
        try:
            await stream.write(wire.ask_watch(*self._keys.watched, start=start))
            while True:
                answer = await stream.read()
                if not isinstance(answer, bytes):
                    return
                seen = wire.read_watch(answer)
                if seen.cancelled:
                    self._lost(seen)
                    return
                if seen.events and self._log is not None:
                    for mark in self._log.take(self._keys, seen.events):
                        self._marks.brought(mark)
                    self._note()
        except grpc.aio.AioRpcError as error:
            raise self._link.trouble(at, error) from None
        except asyncio.CancelledError:
            # A stream that we left ends its reader so, whom nobody asked to end.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        finally:
            self._stream = None
            stream.cancel()

    def _lost(self, seen: wire.Seen) -> None:
        """The watch could not begin where the last one ended. What was compacted since is unknown."""
        if seen.compacted and self._log is not None:
            raise self._marks.unproven(self._log.mark, f"compacted up to {seen.compacted}")

    def _note(self) -> None:
        if self._log is not None:
            self._revisions.advance(self._log.mark.revision)
        self._moved.set()

    async def _beat(self) -> None:
        """While somebody waits, see that the watch keeps up."""
        while True:
            await asyncio.sleep(BEAT_S)
            if not self._revisions.waiting:
                continue
            with contextlib.suppress(StoreError):
                mark = await self._read()
                await self.reached(mark.revision, mark.revision)
                if self._log is not None and self._log.mark.revision < mark.revision:
                    self._leave()

    async def _read(self) -> Mark:
        try:
            return await self._marks.read()
        except StoreReplaced as error:
            self._revisions.fail(error)
            raise

    def _leave(self) -> None:
        """End a watch that is silent; it is begun anew at the next member."""
        if self._stream is not None:
            stream, at = self._stream
            self._link.leave(at)
            stream.cancel()
