"""Who waits for which revision: the half of `Store.wait` that all engines share.

It lives on one event loop and holds no lock. The newest revision that is known counts, not the news of
it: whoever comes late finds it there, so there is no moment between a scan and a wait in which a
wake-up could be lost.
"""

import asyncio
import copy

from outlast.model.errors import StoreError, StoreReplaced


class Revisions:
    """The newest revision known, and those who wait for a greater one."""

    def __init__(self, known: int) -> None:
        self.known = known
        self._serial = 0
        self._waiting: dict[int, tuple[int, asyncio.Future[int]]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def advance(self, revision: int) -> None:
        """Take note of a revision; older ones than the known one are no news."""
        if revision <= self.known:
            return
        self.known = revision
        for above, future in self._waiting.values():
            if revision > above and not future.done():
                future.set_result(revision)

    def fail(self, error: Exception) -> None:
        """Tell everybody who waits that there is nothing to wait for any more."""
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(copy.copy(error))

    async def wait_above(self, revision: int) -> int:
        """Return the known revision as soon as it is greater than the one given."""
        if self.known > revision:
            return self.known
        self._serial += 1
        serial = self._serial
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[serial] = (revision, future)
        try:
            return await future
        finally:
            del self._waiting[serial]


def rewound(given: int, found: int) -> StoreReplaced:
    """Return the error for a store whose revision lies behind one that it has shown before."""
    return StoreReplaced(
        f"the store is at revision {found}, but was at {given} before: an older copy took its place",
        remedy="restart outlast; what is published stays, and the DNS cannot go backwards with it",
    )


def closed() -> StoreError:
    """Return the error for a store that is used after its end."""
    return StoreError("the store was closed", remedy="open it anew")
