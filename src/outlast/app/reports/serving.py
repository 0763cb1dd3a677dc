"""Serving: one process that takes reports in, and detects; or takes them in and passes counts on.

What is on disk when it starts is the truth: segments of the journal that are closed go to history, and
detection learns from the last day of it, so a kill in the middle of a batch loses nothing that was
acknowledged and counts nothing twice.

Whatever people change meanwhile is taken over as it runs: the topology, tokens, names that were reviewed.
What has faults changes nothing, and says so.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from nats.js import JetStreamContext

from outlast.app.reports.detecting import Detecting
from outlast.app.reports.following import Followed
from outlast.app.reports.forecasting import Forecast, forecast
from outlast.app.reports.grids import grid_of
from outlast.app.reports.housekeeping import Housekeeping
from outlast.app.reports.livecounts import LiveCounts
from outlast.app.reports.watching import Entry
from outlast.app.wiring import World
from outlast.config import load
from outlast.detect.intake import Intake, Rules
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.desk import Desk
from outlast.drivers.reports.door import Door, Rights
from outlast.drivers.reports.history import History, settle
from outlast.drivers.reports.identity import Rotating
from outlast.drivers.reports.journal import Journal, segments
from outlast.drivers.reports.limits import Limits
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.review import RULES, Review
from outlast.drivers.reports.server import ReportsServer
from outlast.drivers.reports.sources import Sources
from outlast.drivers.reports.stream import Outbox, connect
from outlast.drivers.reports.tokens import Source, read_sources
from outlast.model.errors import OutlastError, StoreError
from outlast.model.units import NS_PER_S

TURN_S = 1.0
WARM_S = 86_400
"""How much of the history is learnt from at the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        foretell: what holds a drill of a suggestion.
    """

    nats: str = ""
    worker: str = "worker"
    public: bool = True
    proxies: frozenset[str] = frozenset()
    webhook: str = ""
    alertmanager: str = ""
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    foretell: Forecast = forecast


class Serving:
    """One process of `outlast reports serve`."""

    def __init__(self, world: World, wanted: Wanted, tell: Callable[[Entry], None]) -> None:
        self._world = world
        self._wanted = wanted
        self._tell = tell
        self._folder = world.state.root / "reports"
        self._grid = grid_of(world.topology)
        self._live = LiveCounts()
        self._sources = Sources(public=wanted.public)
        self._file = Followed(world.file)
        self._detecting = Detecting(
            world,
            self._grid,
            tell,
            sources=self._sources,
            outgoing=Outgoing(wanted.webhook, wanted.alertmanager),
            foretell=wanted.foretell,
        )
        self.history = History(self._folder / "history")
        self._names = Followed(self._folder / RULES)  # before they are read: none may be missed
        self.review = Review(self._folder)
        self.intake = Intake(wanted.rules)
        self.desk: Desk | None = None
        self.door: Door | None = None
        self.ready = asyncio.Event()

    @property
    def detecting(self) -> Detecting:
        """What detects, for tests."""
        return self._detecting

    def now_s(self) -> int:
        """The present second."""
        return self._world.clock.now_ns() // NS_PER_S

    async def run(self, sock: socket.socket) -> None:
        """Serve on a listening socket until cancelled.

        Raises:
            StoreError, ConfigError: the folder or the key cannot be used; nothing was served.
        """
        self._settle_old()
        outbox = self._outbox() if self._wanted.nats else None
        keeper = Journal(self._folder / "journal", self._grid)
        desk, door = self._open(keeper, outbox)
        self.desk, self.door = desk, door
        house = Housekeeping(self._folder, keeper, self.history, desk, outbox=outbox, say=self._say)
        server = ReportsServer(desk, door, clock=self._world.clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(desk.run())
            group.create_task(server.serve(sock))
            group.create_task(house.run())
            if outbox is None:
                group.create_task(self._detecting.pages.run())
                group.create_task(self._minutes())
            else:
                group.create_task(self._pass_on(outbox))
            self.ready.set()

    def _open(self, keeper: Journal, outbox: Outbox | None) -> tuple[Desk, Door]:
        keys = Rotating(self._folder / "reporters.key", self._say)
        desk = Desk(
            Coder(self._grid, self.review.accepted),
            self.intake,
            keeper,
            keys.identity(self.now_s()),
            clock=self._world.clock,
            review=self.review,
            counters=[self._live, *([outbox] if outbox else [])],
            renew=keys.identity,
        )
        door = Door(
            Rights(proxies=self._wanted.proxies, public=self._wanted.public),
            self._wanted.limits,
            heard=lambda name: self._sources.hear(name, time.monotonic()),
        )
        self._tokens = Followed(self._folder / "tokens.json")
        self._take_tokens(door)
        return desk, door

    # what was left behind

    def _settle_old(self) -> None:
        """Bring closed segments into history; reporters in them are remembered."""
        if self._wanted.nats:
            return  # then the journal is the outbox's, and the detector keeps the history
        for one in segments(self._folder / "journal"):
            settle(one, self.history, self.intake)

    def _outbox(self) -> Outbox:
        outbox = Outbox(self._wanted.worker, self._grid, folder=self._folder)
        outbox.recover(segments(self._folder / "journal"), self.intake)
        return outbox

    # by the minute

    async def _minutes(self) -> None:
        warming = asyncio.create_task(self._warm())
        try:
            while not warming.done():  # a day of a large world takes a while
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TURN_S):
                        await asyncio.shield(warming)
                self._look_at_rights()
            warming.result()
            while True:
                await asyncio.sleep(TURN_S)
                self._look_around()
                minute = self.now_s() // 60
                await self._detecting.turn(self._live.take(self._grid, minute), minute)
        finally:
            warming.cancel()
            await self._detecting.close()

    async def _warm(self) -> None:
        now_s = self.now_s()
        past = await asyncio.to_thread(self.history.minutes, now_s - WARM_S, now_s + 1, self._grid)
        await self._detecting.warm(past)

    async def _pass_on(self, outbox: Outbox) -> None:
        """Cut a message each second and send it; while the stream is away, keep and go on."""
        assert self.desk is not None
        jetstream: JetStreamContext | None = None
        lost = False
        while True:
            await asyncio.sleep(TURN_S)
            self._look_around()
            self._live.take(self._grid, 1 << 40)
            if outbox.due():
                self.desk.poke()
            try:
                if jetstream is None:
                    _, jetstream = await connect(self._wanted.nats)
                await outbox.send(jetstream)
                lost = False
            except StoreError as error:
                if not lost:
                    self._say("lost", error.what)
                lost = True

    # what people change meanwhile

    def _look_around(self) -> None:
        self._look_at_rights()
        self._look_at_topology()

    def _look_at_rights(self) -> None:
        """Take over who may report, and what the names stand for."""
        assert self.door is not None
        if self._tokens.changed():
            self._take_tokens(self.door)
        if self._names.changed() and self.desk is not None:
            try:
                self.review.read_rules()
            except OutlastError as error:
                self._say("review", f"not taken over: {error.what}")
            self.desk.change_coder(Coder(self._grid, self.review.accepted))

    def _take_tokens(self, door: Door) -> None:
        """Take tokens over that were made or ended meanwhile; a file with faults changes nothing."""
        try:
            sources = read_sources(self._tokens.path)
        except OutlastError as error:
            if not door.rights.sources and self.desk is None:
                raise
            self._say("tokens", f"not taken over: {error.what}")
            return
        if self.desk is not None:
            self._say("tokens", f"{len({one.name for one in sources})} bulk sources are known now")
        door.rights = replace(door.rights, sources=sources)
        self._sources.know(_ears(sources), time.monotonic())

    def _look_at_topology(self) -> None:
        """Take an edited topology over; one with faults changes nothing, and `config check` tells why."""
        assert self.desk is not None
        if not self._file.changed():
            return
        try:
            topology = load(self._world.file).topology
        except OutlastError as error:
            self._say("topology", f"not taken over: {error}")
            return
        grid = grid_of(topology)
        if grid != self._grid:
            self._grid = grid
            self.desk.change_coder(Coder(grid, self.review.accepted))
        self._detecting.change(topology, grid)
        self._say("topology", f"taken over: {len(grid.services)} services")

    def _say(self, kind: str, text: str) -> None:
        self._tell(Entry(self.now_s() // 60, "outlast", kind, text))


def _ears(sources: Sequence[Source]) -> dict[str, tuple[str, ...]]:
    """Return of which countries each source is the ear."""
    found: dict[str, tuple[str, ...]] = {}
    for one in sources:
        found[one.name] = (*found.get(one.name, ()), *one.countries)
    return found
