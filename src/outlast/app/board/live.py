"""Live: one look at the world for however many boards are open.

A board is told *that* something changed, and fetches what it shows; so a thousand open boards cost one
look at the store and the DNS, and a thousand small messages. While nobody watches, nobody looks.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from hashlib import sha256

import msgspec

from outlast.app.standing import Status

LOOK_S = 1.0
KEEP_ALIVE_S = 15.0

Look = Callable[[], Awaitable[Status]]


class Live:
    """The latest look, and who waits for the next one.

    Attributes:
        status: what the latest look showed; None: nobody has looked yet.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._wanted = asyncio.Event()
        self._watchers = 0
        self._news = asyncio.Condition()
        self._mark = ""
        self._number = 0
        self.status: Status | None = None

    async def run(self) -> None:
        """Look again and again while somebody watches, until cancelled."""
        while True:
            await self._wanted.wait()
            await self.refresh()
            await asyncio.sleep(LOOK_S)
            if not self._watchers:
                self._wanted.clear()

    async def refresh(self) -> Status:
        """Look now; tell the watchers if something changed."""
        status = await self._look()
        mark = _mark(status)
        self.status = status
        if mark != self._mark:
            self._mark = mark
            self._number += 1
            async with self._news:
                self._news.notify_all()
        return status

    async def events(self) -> AsyncGenerator[str, None]:
        """Yield a server-sent event whenever something changed, and a comment while nothing does."""
        self._watchers += 1
        self._wanted.set()
        seen = -1
        try:
            while True:
                if seen != self._number:
                    seen = self._number
                    yield f"id: {seen}\nevent: changed\ndata: {seen}\n\n"
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S), self._news:
                        while seen == self._number:
                            await self._news.wait()
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._watchers -= 1


def _mark(status: Status) -> str:
    """Return what differs when something worth showing differs: not the time, nor who did what just now."""
    still = (
        status.store,
        status.store_reachable,
        tuple((one.kind, one.name) for one in status.roles),
        status.gone,
        status.overrides,
        status.sick,
        status.disagreeing,
        status.endpoints,
        status.orphans,
    )
    return sha256(msgspec.json.encode(still)).hexdigest()
