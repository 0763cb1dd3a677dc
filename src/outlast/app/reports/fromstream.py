"""From a stream: detection on what workers on other machines count.

What is to be learnt lies in the stream: starting, it reads what the stream still holds, learns from it, and
says nothing of it; then it goes on by the minute, as detection does beside the desk. A minute is judged one
minute late, so that every worker has had the time to pass it on. Whole hours become history.
"""

import asyncio
import time
from collections.abc import Callable

from outlast.app.reports.detecting import Detecting
from outlast.app.reports.following import Followed
from outlast.app.reports.forecasting import Forecast, forecast
from outlast.app.reports.grids import grid_of
from outlast.app.reports.livecounts import LiveCounts
from outlast.app.reports.watching import Entry
from outlast.app.wiring import World
from outlast.config import load
from outlast.detect.counts import MinuteCounts
from outlast.drivers.reports.history import History
from outlast.drivers.reports.hours import Hours
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.sources import Sources
from outlast.drivers.reports.stream import Inbox, connect
from outlast.model.errors import OutlastError, StoreError
from outlast.model.units import NS_PER_S

TURN_S = 1.0
LAG_MINUTES = 1
AGAIN_S = 5.0
"""After which a stream that is away is looked for again."""

QUIET_S = 2.0
"""So long without a word, and the past has been read."""


class FromStream:
    """One process of `outlast reports detect`."""

    def __init__(
        self,
        world: World,
        url: str,
        tell: Callable[[Entry], None],
        *,
        outgoing: Outgoing,
        foretell: Forecast = forecast,
    ) -> None:
        self._world = world
        self._url = url
        self._tell = tell
        self._sources = Sources()
        self._grid = grid_of(world.topology)
        self._file = Followed(world.file)
        self._live = LiveCounts()
        self._inbox = Inbox(
            lambda name: self._sources.hear(name, time.monotonic()),
            lambda at_s, counts: self.hours.take(at_s, counts, self._grid),
        )
        self.hours = Hours(History(world.state.root / "reports" / "history"))
        self._full = False
        self._past = asyncio.Event()
        self.total = 0
        self.detecting = Detecting(
            world, self._grid, tell, sources=self._sources, outgoing=outgoing, foretell=foretell
        )

    async def run(self) -> None:
        """Detect until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self.detecting.pages.run())
            group.create_task(self._minutes())

    @property
    def _minute(self) -> int:
        """The last minute of which everything may be there."""
        return self._world.clock.now_ns() // (60 * NS_PER_S) - LAG_MINUTES

    async def _read(self) -> None:
        """Take what is in the stream, and what comes; one that is away is looked for again."""
        lost = False
        while True:
            try:
                await self._follow()
            except StoreError as error:
                if not lost:
                    self._tell(Entry(self._minute, "outlast", "lost", error.what))
                lost = True
                await asyncio.sleep(AGAIN_S)

    async def _follow(self) -> None:
        client, jetstream = await connect(self._url)
        try:
            async for counts in self._inbox.live(jetstream, patience_s=QUIET_S):
                if counts is not None:
                    self.total += counts.total
                    self._live.put(counts)
                if counts is None or int(counts.minute.max(initial=0)) >= self._minute:
                    self._past.set()
        finally:
            await client.close()

    async def _minutes(self) -> None:
        try:
            await self._past.wait()
            await self.detecting.warm(self._take(self._minute - 1))
            while True:
                self._look_at_topology()
                await self.detecting.turn(self._take(self._minute), self._minute)
                await self._settle()
                await asyncio.sleep(TURN_S)
        finally:
            await self.detecting.close()

    async def _settle(self) -> None:
        """Bring hours that ended into history; a disk that is full is told once, and tried again."""
        if not self.hours.ended:
            return
        try:
            await asyncio.to_thread(self.hours.settle)
            self._full = False
        except StoreError as error:
            if not self._full:
                self._tell(Entry(self._minute, "outlast", "lost", error.what))
            self._full = True

    def _take(self, minute: int) -> MinuteCounts:
        return self._live.take(self._grid, minute)

    def _look_at_topology(self) -> None:
        """Take an edited topology over; one with faults changes nothing."""
        if not self._file.changed():
            return
        try:
            topology = load(self._world.file).topology
        except OutlastError as error:
            self._tell(Entry(self._minute, "outlast", "topology", f"not taken over: {error}"))
            return
        self._grid = grid_of(topology)
        self.detecting.change(topology, self._grid)
