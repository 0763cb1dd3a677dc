"""Reopening: a store whose file was replaced or deleted is opened anew at the next use.

The embedded store is bound to the file that it opened and says so when somebody takes it away: what it
then acknowledged would be lost. The roles hear a `StoreError`, forget what the store had told them, and
try again; what they meet then is the file that is there by now, or a new one.

Several roles of one process share it, each through a handle of its own (`share`). All of them are told
once, also those who asked nothing at that moment: else a planner would go on with plans which the store
that went away had acknowledged, and wait for ever until they are published.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from outlast.model.errors import StoreReplaced
from outlast.ports import Change, Entry, Page, Store

T = TypeVar("T")


@dataclass(slots=True)
class _Shared:
    """The store that is open, if one is, and how often one was left before it."""

    store: Store | None
    reopen: Callable[[], Awaitable[Store]]
    left: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ReopeningStore:
    """A store that is opened again after it was replaced."""

    def __init__(self, store: Store, reopen: Callable[[], Awaitable[Store]]) -> None:
        self._shared = _Shared(store, reopen)
        self._left = 0

    def share(self) -> "ReopeningStore":
        """Return another handle to the same store, for another role. Closing one closes all."""
        return copy.copy(self)

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
        store, self._shared.store = self._shared.store, None
        if store is not None:
            await store.close()

    async def _use(self, work: Callable[[Store], Awaitable[T]]) -> T:
        shared = self._shared
        async with shared.lock:
            if self._left != shared.left:
                self._left = shared.left
                raise StoreReplaced(
                    "the store is not the one that it was: another role of this process found out",
                    remedy="nothing to do: what was remembered of it is forgotten, and all is read anew",
                )
            if shared.store is None:
                shared.store = await shared.reopen()
            store = shared.store
        try:
            return await work(store)
        except StoreReplaced:
            async with shared.lock:
                if shared.store is store:
                    shared.store = None
                    shared.left += 1
                    await store.close()
                self._left = shared.left  # it is being told now
            raise


def share(store: Store) -> Store:
    """Return a role's own handle to a store that several share; a store that cannot be left is itself."""
    return store.share() if isinstance(store, ReopeningStore) else store
