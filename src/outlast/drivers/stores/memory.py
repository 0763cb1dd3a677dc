"""The store in memory: for demos, tests and a first look. Gone with the process.

Every method does its work before its first await, and all of it happens on one event loop: so each is
atomic, and a cancelled commit was either carried out or never begun.
"""

import bisect
from itertools import islice

from outlast.drivers.stores import limits
from outlast.drivers.stores.revisions import Revisions, closed, rewound
from outlast.ports import Change, Entry, Page


class MemoryData:
    """What several `MemoryStore`s of one event loop share, as several processes share one file."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        """By the time of their last change, oldest first: what is new stands at the end."""
        self.keys: list[str] = []
        self.revision = 0
        self.listeners: list[Revisions] = []

    def has(self, change: Change) -> bool:
        """Whether every required revision matches."""
        for key, revision in change.requires:
            entry = self.entries.get(key)
            if (entry.revision if entry else 0) != revision:
                return False
        return True

    def apply(self, change: Change) -> int:
        """Carry out a change whose requirements hold; return the store's revision."""
        gone = [key for key in change.deletes if key in self.entries]
        if not gone and not change.puts:
            return self.revision
        self.revision += 1
        for key in gone:
            del self.entries[key]
            del self.keys[bisect.bisect_left(self.keys, key)]
        for key, value in change.puts:
            if self.entries.pop(key, None) is None:
                bisect.insort(self.keys, key)
            self.entries[key] = Entry(key, bytes(value), self.revision)
        for listener in self.listeners:
            listener.advance(self.revision)
        return self.revision

    def below(self, prefix: str, newer_than: int) -> list[Entry]:
        """Return the entries below a prefix in key order."""
        if newer_than:
            return sorted(self._newer(prefix, newer_than), key=lambda entry: entry.key)
        found = []
        for key in islice(self.keys, bisect.bisect_left(self.keys, prefix), None):
            if not key.startswith(prefix):
                break
            found.append(self.entries[key])
        return found

    def _newer(self, prefix: str, newer_than: int) -> list[Entry]:
        found = []
        for entry in reversed(self.entries.values()):
            if entry.revision <= newer_than:
                break
            if entry.key.startswith(prefix):
                found.append(entry)
        return found


class MemoryStore:
    """A `Store` in memory, for one event loop.

    Args:
        data: what another `MemoryStore` holds, to see the same; None: nothing yet.
    """

    def __init__(self, data: MemoryData | None = None) -> None:
        self.data = data or MemoryData()
        self._revisions = Revisions(self.data.revision)
        self.data.listeners.append(self._revisions)
        self._closed = False

    async def get(self, key: str) -> Entry | None:
        """Return one entry."""
        self._check_open()
        limits.check_key(key)
        return self.data.entries.get(key)

    async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
        """Return the entries below a prefix, from one snapshot."""
        self._check_open()
        limits.check_prefix(prefix)
        self._check_revision(newer_than)
        found = self.data.below(prefix, newer_than)
        return Page(tuple(found[:limit] if limit else found), self.data.revision)

    async def commit(self, change: Change) -> int | None:
        """Carry out a change, or return None if a required revision does not match."""
        self._check_open()
        limits.check(change)
        return self.data.apply(change) if self.data.has(change) else None

    async def wait(self, revision: int) -> int:
        """Return the store's revision as soon as it is greater than the one given."""
        self._check_open()
        self._check_revision(revision)
        return await self._revisions.wait_above(revision)

    async def close(self) -> None:
        """End every wait of this store. The data stays with whoever else holds it."""
        if not self._closed:
            self._closed = True
            self.data.listeners.remove(self._revisions)
            self._revisions.fail(closed())

    def _check_open(self) -> None:
        if self._closed:
            raise closed()

    def _check_revision(self, given: int) -> None:
        if given > self.data.revision:
            raise rewound(given, self.data.revision)
