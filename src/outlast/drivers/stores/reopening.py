"""Reopening: a store whose file was replaced or deleted is opened anew at the next use.

The embedded store is bound to the file that it opened and says so when somebody takes it away: what it
then acknowledged would be lost. The roles hear a `StoreError`, forget what the store had told them, and
try again; what they meet then is the file that is there by now, or a new one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from outlast.model.errors import StoreReplaced
from outlast.ports import Change, Entry, Page, Store

T = TypeVar("T")


class ReopeningStore:
    """A store that is opened again after it was replaced."""

    def __init__(self, store: Store, reopen: Callable[[], Awaitable[Store]]) -> None:
        self._store: Store | None = store
        self._reopen = reopen
        self._lock = asyncio.Lock()

    async def get(self, key: str) -> Entry | None:
        """Return one entry."""
        return await self._use(lambda store: store.get(key))

    async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
        """Return the entries whose key begins with a prefix, from one snapshot."""
        return await self._use(lambda store: store.scan(prefix, newer_than=newer_than, limit=limit))

    async def commit(self, change: Change) -> int | None:
        """Commit durably; return the new revision, or None if a required revision did not match."""
        return await self._use(lambda store: store.commit(change))

    async def wait(self, revision: int) -> int:
        """Return the store's revision as soon as it is greater than the one given."""
        return await self._use(lambda store: store.wait(revision))

    async def close(self) -> None:
        """Release the store. Committed data stays."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def _use(self, work: Callable[[Store], Awaitable[T]]) -> T:
        async with self._lock:
            if self._store is None:
                self._store = await self._reopen()
            store = self._store
        try:
            return await work(store)
        except StoreReplaced:
            async with self._lock:
                if self._store is store:
                    self._store = None
                    await store.close()
            raise
