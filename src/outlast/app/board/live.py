"""Live: one look at the world for however many boards are open.

A board is told *that* something changed, and fetches what it shows; so a thousand open boards cost one
look at the store and the DNS, and a thousand small messages. While nobody watches, nobody looks.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from outlast.app.standing import Status
from outlast.glass.access import Request
from outlast.glass.detection import Detection
from outlast.glass.incident import Incident

LOOK_S = 0.4
"""From one look to the next while somebody watches: an update is to be seen in under a second."""
LOOK_SHARE = 4.0
"""Times as long as a look takes, nobody looks: with 10,000 endpoints the roles beside it come first."""
LOOKS_KEPT = 8
"""The shortest of so many says how long a look takes: beside a thousand boards that fetch it takes longer."""
KEEP_ALIVE_S = 15.0
FRESH_S = 0.5
"""How old a look may be that a page is made from: what a thousand boards ask for at once is one look."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look shows.

    Attributes:
        incidents: newest first; none while the store is lost.
        troubles: what the process itself says is wrong, by name: what `/readyz` tells.
        detection: what detection believes; None: nobody detects here.
        asked: whether the DNS itself was asked.
        waiting: what waits for a second person.
    """

    status: Status
    incidents: tuple[Incident, ...] = ()
    troubles: Mapping[str, str] = field(default_factory=dict)
    detection: Detection | None = None
    asked: bool = True
    waiting: tuple[Request, ...] = ()

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
            self.detection,
            self.waiting,
        )
        return sha256(msgspec.json.encode(still)).hexdigest()[:16]


Look = Callable[[], Awaitable[Sight]]


class Live:
    """The latest look, and who waits for the next one.

    A page carries the mark of the look that it shows, and asks for what comes after it: whoever shows the
    newest already is told nothing, and a change between page and first event is not lost.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._wanted = asyncio.Event()
        self._watchers = 0
        self._news = asyncio.Condition()
        self._looking = asyncio.Lock()
        self._sight: Sight | None = None
        self._at_s = -LOOK_S
        self._mark = ""
        self._number = 0

    async def run(self) -> None:
        """Look again and again while somebody watches, until cancelled."""
        took_s: deque[float] = deque(maxlen=LOOKS_KEPT)
        while True:
            await self._wanted.wait()
            began_s = _now_s()
            await self.refresh()
            took_s.append(_now_s() - began_s)
            await asyncio.sleep(pause_s(took_s))
            if not self._watchers:
                self._wanted.clear()

    async def sight(self) -> Sight:
        """Return what is to be seen now: the last look while it is fresh, else a new one."""
        async with self._looking:
            if self._sight is not None and _now_s() - self._at_s < FRESH_S:
                return self._sight
            return await self._refresh()

    async def refresh(self) -> Sight:
        """Look now; tell the watchers if something changed."""
        async with self._looking:
            return await self._refresh()

    async def _refresh(self) -> Sight:
        sight = await self._look()
        mark = sight.mark
        self._sight, self._at_s = sight, _now_s()
        if mark != self._mark:
            self._mark = mark
            self._number += 1
            async with self._news:
                self._news.notify_all()
        return sight

    async def events(self, mark: str = "") -> AsyncGenerator[str, None]:
        """Yield a server-sent event whenever something changed, and a comment while nothing does.

        Args:
            mark: of the look that whoever listens shows already; empty: none.
        """
        self._watchers += 1
        self._wanted.set()
        seen = self._number if mark and mark == self._mark else -1
        try:
            yield "retry: 2000\n\n"
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


def pause_s(took_s: Sequence[float]) -> float:
    """Return how long nobody looks, by how long the latest looks took."""
    return max(LOOK_S, LOOK_SHARE * min(took_s))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
