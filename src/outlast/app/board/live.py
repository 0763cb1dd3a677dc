"""Live: one look at the world for however many boards are open.

A board is told *that* something changed, and fetches what it shows; so a thousand open boards cost one
look at the store and the DNS, and a thousand small messages. While nobody watches, nobody looks.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from outlast.app.standing import Status
from outlast.glass.incident import Incident

LOOK_S = 1.0
KEEP_ALIVE_S = 15.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look shows.

    Attributes:
        incidents: newest first; none while the store is lost.
        troubles: what the process itself says is wrong, by name: what `/readyz` tells.
    """

    status: Status
    incidents: tuple[Incident, ...] = ()
    troubles: Mapping[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """What differs when something worth showing differs: not the time, nor who did what just now."""
        status = self.status
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
            self.incidents,
            self.troubles,
        )
        return sha256(msgspec.json.encode(still)).hexdigest()[:16]


Look = Callable[[], Awaitable[Sight]]


class Live:
    """The latest look, and who waits for the next one.

    A page carries the mark of the look that it shows, and an event the mark of the newest: whoever shows
    that already has nothing to fetch, and a change between page and first event is not lost.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._wanted = asyncio.Event()
        self._watchers = 0
        self._news = asyncio.Condition()
        self._mark = ""
        self._number = 0

    async def run(self) -> None:
        """Look again and again while somebody watches, until cancelled."""
        while True:
            await self._wanted.wait()
            await self.refresh()
            await asyncio.sleep(LOOK_S)
            if not self._watchers:
                self._wanted.clear()

    async def refresh(self) -> Sight:
        """Look now; tell the watchers if something changed."""
        sight = await self._look()
        mark = sight.mark
        if mark != self._mark:
            self._mark = mark
            self._number += 1
            async with self._news:
                self._news.notify_all()
        return sight

    async def events(self) -> AsyncGenerator[str, None]:
        """Yield a server-sent event whenever something changed, and a comment while nothing does."""
        self._watchers += 1
        self._wanted.set()
        seen = -1
        try:
            while True:
                if seen != self._number:
                    seen = self._number
                    yield f"id: {seen}\nevent: changed\ndata: {self._mark}\n\n"
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S), self._news:
                        while seen == self._number:
                            await self._news.wait()
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._watchers -= 1
