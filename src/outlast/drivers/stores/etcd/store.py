"""The store on etcd: for planners, enactors and probers on several machines.

Each commit is one etcd transaction, conditional on the session of its writer and on the revisions that
it requires, and leaves a mark (`marks`). If its answer is lost, it is not guessed: the session is
renewed, after which the commit can't happen any more, and the mark tells whether it did (`session`). So
a commit is either known to have happened or sent again, and only if etcd stays away is its outcome
told to be unknown.

Every read is linearizable. A member that is cut off from the others can't answer one, so it is left for
the next. An etcd that was restored from a snapshot shows an older mark, or another one at the revision
last seen: then the store says so (`StoreReplaced`), and whoever uses it starts over. That costs time, not
safety: what the DNS holds is never replaced by anything older, whatever the store says.
"""

import asyncio
import copy
import secrets
from types import TracebackType

from outlast.drivers.stores import limits
from outlast.drivers.stores.etcd import wire
from outlast.drivers.stores.etcd.faults import Trouble, store_error
from outlast.drivers.stores.etcd.follower import Follower
from outlast.drivers.stores.etcd.link import Access, Link
from outlast.drivers.stores.etcd.marks import Keys, Mark, Marks, mark_in
from outlast.drivers.stores.etcd.session import Session
from outlast.drivers.stores.revisions import Revisions, closed, rewound
from outlast.model.errors import StoreError
from outlast.ports import Change, Entry, Page

PREFIX = "outlast/"
AT_ONCE = 64
"""Requests under way; more would only wait in etcd, with their time-outs running."""

PAGE_ENTRIES = 500
"""Entries asked for at first; then as many as make a page of this size, since neither end shall hold all
of a big store in one message, and etcd looks at all keys of the range again for every page."""

PAGE_BYTES = 8 * 1024 * 1024
PAGE_ENTRIES_MAX = 20_000

_ATTEMPTS = 4
"""How often a commit is sent that was proven not to have happened."""


class EtcdStore:
    """A `Store` in an etcd, for one event loop. Reached for at its first use; `open` does so at once.

    Args:
        link: another way to etcd than the usual one, for measurements.
    """

    def __init__(self, access: Access, prefix: str = PREFIX, *, link: Link | None = None) -> None:
        self._link = link or Link(access)
        self._keys = Keys(prefix.encode())
        self._marks = Marks(self._link, self._keys)
        self._session = Session(self._link, self._keys)
        self._revisions = Revisions(0)
        self._follower = Follower(self._link, self._keys, self._marks, self._revisions)
        self._turn = _Turn(AT_ONCE)
        self._closed = False

    @classmethod
    async def open(cls, access: Access, prefix: str = PREFIX) -> "EtcdStore":
        """Open the store below a prefix; an empty one needs no making.

        Raises:
            StoreError: etcd refuses or cannot be reached.
        """
        store = cls(access, prefix)
        try:
            await store._marks.read()
        except BaseException:
            await store.close()
            raise
        return store

    async def get(self, key: str) -> Entry | None:
        """Return one entry."""
        self._check_open()
        limits.check_key(key)
        async with self._turn:
            answer = await self._link.ask(wire.RANGE, wire.ask_range(self._keys.entry(key)))
        entries = self._entries(wire.read_range(answer))
        return entries[0] if entries else None

    async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
        """Return the entries below a prefix, from one snapshot."""
        self._check_open()
        limits.check_prefix(prefix)
        if newer_than:
            self._follower.begin()
            mark = await self._marks.read()
            if mark.revision < newer_than:
                raise rewound(newer_than, mark.revision)
            log = await self._follower.reached(newer_than, mark.revision)
            self._check_open()
            if log is not None:
                found = log.newer(prefix, newer_than)
                return Page(tuple(found[:limit] if limit else found), log.mark.revision)
        for _ in range(_ATTEMPTS):
            try:
                return await self._scan(prefix, newer_than, limit)
            except Trouble as trouble:  # the snapshot was compacted between two of its pages
                missing = trouble
        raise store_error(missing)

    async def commit(self, change: Change) -> int | None:
        """Carry out a change, or return None if a required revision does not match."""
        self._check_open()
        limits.check(change)
        async with self._turn:
            for _ in range(_ATTEMPTS):
                number = await self._session.begun()
                done, revision = await self._try(change, number)
                if done:
                    return revision
        raise StoreError(
            f"etcd at {self._link.where}: a commit was cut off {_ATTEMPTS} times, and never happened",
            remedy="look at etcd's members and the network between; it goes on by itself",
        )

    async def wait(self, revision: int) -> int:
        """Return the store's revision as soon as it is greater than the one given."""
        self._check_open()
        mark = await self._marks.read()
        if mark.revision < revision:
            raise rewound(revision, mark.revision)
        self._check_open()
        self._follower.begin()
        if mark.revision > revision:
            return mark.revision
        return await self._revisions.wait_above(revision)

    async def close(self) -> None:
        """Release the store."""
        if self._closed:
            return
        self._closed = True
        self._revisions.fail(closed())
        await self._follower.close()
        await self._session.close()
        await self._link.close()

    def _check_open(self) -> None:
        if self._closed:
            raise closed()
        if self._marks.replaced is not None:
            raise copy.copy(self._marks.replaced)

    def _entries(self, found: wire.Found) -> tuple[Entry, ...]:
        return tuple(
            Entry(self._keys.name(one.key), one.value, one.revision) for one in found.entries
        )

    async def _scan(self, prefix: str, newer_than: int, limit: int) -> Page:
        """Read page after page, all as of the revision of the first, with the mark of that moment."""
        start, end = self._keys.below(prefix)
        changed_from = newer_than + 1 if newer_than else 0
        mark = Mark()
        entries: list[Entry] = []
        page = PAGE_ENTRIES
        while True:
            wanted = min(limit - len(entries), page) if limit else page
            request = wire.ask_range(
                start, end=end, limit=wanted, revision=mark.read_at, changed_from=changed_from
            )
            async with self._turn:
                if mark.read_at:
                    found = wire.read_range(await self._link.ask(wire.RANGE, request))
                else:
                    found, mark = await self._first(request)
            entries += self._entries(found)
            if not found.more or (limit and len(entries) >= limit):
                return Page(tuple(entries), mark.revision)
            start = found.entries[-1].key + b"\0"
            page = _page(found)

    async def _first(self, request: bytes) -> tuple[wire.Found, Mark]:
        known = self._marks.last
        mark = wire.range_step(wire.ask_range(self._keys.mark))
        both = wire.ask_txn([], [wire.range_step(request), mark], [])
        done = wire.read_txn(await self._link.ask(wire.TXN, both))
        found, marked = done.found
        return found, self._marks.note(mark_in(marked), known)

    async def _try(self, change: Change, number: bytes) -> tuple[bool, int | None]:
        """Try to commit once; return whether it is settled, and the outcome."""
        own = secrets.token_hex(8).encode()
        known = self._marks.last
        writes = bool(change.puts) or await self._has_any(change.deletes)
        try:
            request = self._request(change, number, own if writes else b"", known)
            done = wire.read_txn(await self._link.send(wire.TXN, request))
        except Trouble as trouble:
            if not trouble.open:
                raise store_error(trouble) from trouble
            await self._session.renew(number)
            revision = await self._marks.fate(own, since=known.revision)
            return revision is not None, revision
        except asyncio.CancelledError:
            self._session.doubt()
            raise
        if done.succeeded and writes:
            self._marks.left(Mark(done.revision, own, done.revision))
            return True, done.revision
        mark = self._marks.note(mark_in(done.found[-1]), known)
        if done.succeeded:
            appeared = any(one.entries for one in done.found[:-1])
            return not appeared, mark.revision
        found = done.found[0].entries
        if found and found[0].value == number:
            return True, None
        await self._session.renew(number)
        return False, None

    async def _has_any(self, keys: tuple[str, ...]) -> bool:
        """Whether any of these is there. To delete what is not there is no change and leaves no mark."""
        if not keys:
            return False
        steps = [wire.range_step(wire.ask_range(self._keys.entry(key))) for key in keys]
        done = wire.read_txn(await self._link.ask(wire.TXN, wire.ask_txn([], steps, [])))
        return any(one.entries for one in done.found)

    def _request(self, change: Change, number: bytes, own: bytes, known: Mark) -> bytes:
        """Return the transaction; without a number of its own, it only looks at what it would delete.

        An etcd that was restored may hold what is required, and not what its writer has read since.
        """
        keys, session = self._keys, self._session.key
        compare = [wire.if_value(session, number)]
        compare += [wire.if_revision(keys.entry(key), at) for key, at in change.requires]
        if known.revision:
            compare.append(wire.if_not_before(keys.mark, known.revision))
        if own:
            steps = [wire.put_step(keys.entry(key), value) for key, value in change.puts]
            steps += [wire.delete_step(keys.entry(key)) for key in change.deletes]
            steps.append(wire.put_step(keys.mark, own))
        else:
            looked = [*(keys.entry(key) for key in change.deletes), keys.mark]
            steps = [wire.range_step(wire.ask_range(one)) for one in looked]
        looks = [wire.range_step(wire.ask_range(one)) for one in (session, keys.mark)]
        return wire.ask_txn(compare, steps, looks)


def _page(found: wire.Found) -> int:
    """Return how many entries like these make a page."""
    size = sum(len(one.value) for one in found.entries) // len(found.entries) + 1
    return max(1, min(PAGE_ENTRIES_MAX, PAGE_BYTES // size))


class _Turn:
    """So many at once; and so many may wait, for more mean that etcd has stalled."""

    def __init__(self, at_once: int) -> None:
        self._semaphore = asyncio.Semaphore(at_once)
        self._inside = 0

    async def __aenter__(self) -> None:
        if self._inside >= limits.PENDING_MAX:
            raise StoreError(
                f"{limits.PENDING_MAX:,} requests wait for etcd",
                remedy="it has stalled: look at its members and their disks",
            )
        self._inside += 1
        try:
            await self._semaphore.acquire()
        except BaseException:
            self._inside -= 1
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside -= 1
        self._semaphore.release()
