"""Serving: one process that takes reports in, and detects; or takes them in and passes counts on.

What is on disk when it starts is the truth: segments of the journal that are closed go to history, and what
they hold of the last hour is counted again, so a kill in the middle of a batch loses nothing that was
acknowledged and counts nothing twice.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nats.js import JetStreamContext

from outlast.app.reports.believing import Beside, belief_of
from outlast.app.reports.grids import grid_of
from outlast.app.reports.suggesting import finding_of, suggestion
from outlast.app.reports.watching import Entry, Watcher
from outlast.app.wiring import World
from outlast.config import load
from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, added, counts_of, regrid
from outlast.detect.intake import Batch, Intake, Rules
from outlast.detect.roads import roads_of
from outlast.drivers.reports.beliefs import write_belief
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.desk import Desk
from outlast.drivers.reports.door import Door, Rights
from outlast.drivers.reports.history import History, settle
from outlast.drivers.reports.identity import Identity, keep_key
from outlast.drivers.reports.journal import Journal, Record, segments
from outlast.drivers.reports.limits import Limits
from outlast.drivers.reports.outgoing import Finding, alerts_of, hook_of, post
from outlast.drivers.reports.review import Review
from outlast.drivers.reports.server import ReportsServer
from outlast.drivers.reports.sources import Sources
from outlast.drivers.reports.stream import Outbox, connect
from outlast.drivers.reports.tokens import read_sources
from outlast.model.errors import OutlastError, StoreError
from outlast.model.units import NS_PER_S

TURN_S = 1.0
KEEP_S = 2 * 3600
"""How long closed segments stay: reporters in them are remembered after a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for."""

    nats: str = ""
    worker: str = "worker"
    public: bool = True
    proxies: frozenset[str] = frozenset()
    webhook: str = ""
    alertmanager: str = ""
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)


class LiveCounts:
    """Counts since the last look, for detection in the same process."""

    def __init__(self) -> None:
        self._parts: list[MinuteCounts] = []

    def count(self, batch: Batch, grid: Grid) -> None:
        """Take reports that are kept."""
        self._parts.append(counts_of(batch, grid))

    def records(self) -> Sequence[Record]:
        """Nothing more needs to be kept."""
        return ()

    def kept(self, records: Sequence[Record]) -> None:
        """Nothing was."""

    def put(self, counts: MinuteCounts) -> None:
        """Take counts that were made before."""
        self._parts.append(counts)

    def take(self, grid: Grid) -> MinuteCounts:
        """Return what came, in the codes of a grid."""
        parts, self._parts = self._parts, []
        return added([regrid(one, grid)[0] for one in parts], grid)


class Serving:
    """One process of `outlast reports serve`."""

    def __init__(self, world: World, wanted: Wanted, tell: Callable[[Entry], None]) -> None:
        self._world = world
        self._wanted = wanted
        self._tell = tell
        self._folder = world.state.root / "reports"
        self._grid = grid_of(world.topology)
        self._live = LiveCounts()
        self._sources = Sources()
        self._silent: set[str] = set()
        self._watcher = Watcher(self._grid, roads_of(world.topology), tracing=True)
        self._stamp = _stamp(world.file)
        self._open: Finding | None = None
        self.history = History(self._folder / "history")
        self.review = Review()
        self.intake = Intake(wanted.rules)
        self.desk: Desk | None = None
        self.ready = asyncio.Event()

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
        key_file = self._folder / "reporters.key"
        identity = Identity(keep_key(key_file, self.now_s()))
        self.desk = Desk(
            Coder(self._grid),
            self.intake,
            keeper,
            identity,
            clock=self._world.clock,
            review=self.review,
            counters=[self._live, *([outbox] if outbox else [])],
        )
        door = Door(
            Rights(
                sources=read_sources(self._folder / "tokens.json"),
                proxies=self._wanted.proxies,
                public=self._wanted.public,
            ),
            self._wanted.limits,
            heard=lambda name: self._sources.hear(name, time.monotonic()),
        )
        server = ReportsServer(self.desk, door, clock=self._world.clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.desk.run())
            group.create_task(server.serve(sock))
            group.create_task(self._minutes() if outbox is None else self._pass_on(outbox))
            self.ready.set()

    # what was left behind

    def _settle_old(self) -> None:
        """Bring closed segments into history, and count their last hour again."""
        if self._wanted.nats:
            return  # then the journal is the outbox's, and the detector keeps the history
        for one in segments(self._folder / "journal"):
            counts = settle(one, self.history, self.intake)
            if counts is not None:
                self._live.put(counts)
            if self.now_s() - one.path.stat().st_mtime > KEEP_S:
                one.path.unlink()

    def _outbox(self) -> Outbox:
        outbox = Outbox(self._wanted.worker, self._grid, folder=self._folder)
        outbox.recover(segments(self._folder / "journal"), self.intake)
        return outbox

    # by the minute

    async def _minutes(self) -> None:
        while True:
            await asyncio.sleep(TURN_S)
            self._look_at_topology()
            for entry in self._watcher.count(self._live.take(self._grid)):
                await self._say(entry)
            before = self._watcher.minute
            for entry in self._watcher.until(self.now_s() // 60):
                await self._say(entry)
            if self._watcher.minute > before:
                await self._leave()
            for entry in self._silences():
                await self._say(entry)

    async def _pass_on(self, outbox: Outbox) -> None:
        """Cut a message each second and send it; while the stream is away, keep and go on."""
        assert self.desk is not None
        jetstream: JetStreamContext | None = None
        lost = False
        while True:
            await asyncio.sleep(TURN_S)
            self._live.take(self._grid)
            if outbox.due():
                self.desk.poke()
            try:
                if jetstream is None:
                    _, jetstream = await connect(self._wanted.nats)
                await outbox.send(jetstream)
                lost = False
            except StoreError as error:
                if not lost:
                    self._say_lost(error)
                lost = True

    def _silences(self) -> list[Entry]:
        """A source that has stopped is told once; while one is silent, its zeros mean nothing."""
        silent = self._sources.silent(time.monotonic())
        new = [one for one in silent if one not in self._silent]
        self._silent = set(silent)
        everyone = len(silent) == self._sources.all_known > 0 and not self._wanted.public
        live = self._watcher.live
        if everyone and live is None:
            self._watcher.blind()
        elif not everyone and live is not None:
            self._watcher.live = None
        minute = self.now_s() // 60
        return [
            Entry(minute, "outlast", "silent", f"{one} has gone silent: that is no sign of health")
            for one in new
        ]

    def _look_at_topology(self) -> None:
        """Take an edited topology over; one with faults changes nothing, and `config check` tells why."""
        assert self.desk is not None
        if (stamp := _stamp(self._world.file)) == self._stamp:
            return
        self._stamp = stamp
        try:
            topology = load(self._world.file).topology
        except OutlastError as error:
            self._tell(Entry(self.now_s() // 60, "outlast", "topology", f"not taken over: {error}"))
            return
        grid = grid_of(topology)
        if grid != self._grid:
            self._grid = grid
            self.desk.change_grid(grid)
        self._watcher = Watcher(
            grid, roads_of(topology), tracing=True
        )  # baselines of other cells would be wrong

    # telling

    async def _say(self, entry: Entry) -> None:
        self._tell(entry)
        if entry.kind != "verdict":
            return
        suggested = ""
        with contextlib.suppress(
            OutlastError
        ):  # the proof needs the DNS, which may be what is down
            suggested = await suggestion(self._world, self._watcher.verdict)
        if suggested:
            self._tell(Entry(entry.minute, "outlast", "suggestion", suggested))
        finding = finding_of(self._watcher.verdict, entry.minute, suggested)
        await self._note(entry, suggested)
        await self._send(finding, entry.minute)

    async def _note(self, entry: Entry, suggested: str) -> None:
        """Put it into the history that `outlast history` shows."""
        store = await self._world.store()
        try:
            text = entry.text + (f"; {suggested}" if suggested else "")
            await self._world.ledger(store, "detection").note("blame", text, by="detection")
        finally:
            await store.close()

    async def _leave(self) -> None:
        """Leave what is believed where others find it."""
        store = await self._world.store()
        try:
            now_ns = self._world.clock.now_ns()
            await write_belief(store, belief_of(self._watcher, now_ns, Beside()))
        finally:
            await store.close()

    async def _send(self, finding: Finding | None, minute: int) -> None:
        told: list[Finding] = []
        if self._open is not None and (finding is None or finding.key != self._open.key):
            told.append(replace(self._open, ended_s=minute * 60))
        if finding is not None:
            told.append(finding)
        self._open = finding
        try:
            if self._wanted.alertmanager and told:
                url = self._wanted.alertmanager.rstrip("/") + "/api/v2/alerts"
                await post(url, alerts_of(told))
            for one in told if self._wanted.webhook else ():
                await post(self._wanted.webhook, hook_of(one))
        except StoreError as error:
            self._say_lost(error)

    def _say_lost(self, error: StoreError) -> None:
        self._tell(Entry(self.now_s() // 60, "outlast", "lost", error.what))


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
