"""Detecting: live, by the minute: reports and the other evidence in, verdicts out to all who want them.

Each minute: look at what the control plane and the suppliers say, judge, remember what changed, leave the
belief in the store, tell webhook and Alertmanager. What takes long (the capacity proof, a drill, a receiver
that does not answer) goes on beside it: the next minute is judged in time whatever they do.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from outlast.app.reports.believing import Beside, belief_of
from outlast.app.reports.forecasting import Forecast, forecast
from outlast.app.reports.remembering import ROLE, Memory
from outlast.app.reports.suggesting import findings_of, suggest
from outlast.app.reports.watching import Entry, Watcher
from outlast.app.wiring import World
from outlast.detect.belief import Feed, Suggestion
from outlast.detect.cells import Evidence, Grid, ProbeSeen
from outlast.detect.counts import MinuteCounts
from outlast.detect.question import best_question
from outlast.detect.roads import roads_of
from outlast.detect.verdict import Outcome, Verdict
from outlast.drivers.ledger import Ledger
from outlast.drivers.reports.beliefs import write_belief
from outlast.drivers.reports.inquirer import orderable
from outlast.drivers.reports.orders import Orders
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.own import Look, OwnEvidence
from outlast.drivers.reports.pages import Pages
from outlast.drivers.reports.sources import Sources
from outlast.model.errors import StoreError
from outlast.model.topology import Topology
from outlast.model.units import NS_PER_S, Nanos
from outlast.ports import Store

DOUBT = 0.01
"""A runner-up below this posterior is worth no probe."""


@dataclass(slots=True)
class _Heard:
    """What the other sources said at the last look."""

    look: Look = field(default_factory=Look)
    silent: frozenset[str] = frozenset()


class Detecting:
    """Detection of one process, with all that stands around it."""

    def __init__(
        self,
        world: World,
        grid: Grid,
        tell: Callable[[Entry], None],
        *,
        sources: Sources,
        outgoing: Outgoing,
        foretell: Forecast = forecast,
    ) -> None:
        self._world = world
        self._tell = tell
        self._sources = sources
        self._outgoing = outgoing
        self._foretell = foretell
        self._store: Store | None = None
        self._memory = Memory()
        self._own = OwnEvidence(world.topology, world.clock)
        self._heard = _Heard()
        self._suggestions: tuple[Suggestion, ...] = ()
        self._suggesting: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._lost: set[str] = set()
        self._one = asyncio.Lock()
        self.pages = Pages(world.topology.services, world.clock)
        self.watcher = Watcher(grid, roads_of(world.topology), tracing=True)

    # what it is told

    def change(self, topology: Topology, grid: Grid) -> None:
        """Go on with an edited topology. What was learnt of series that stay is kept."""
        self._world = replace(self._world, topology=topology)
        self._own.change_topology(topology)
        self.pages.change(topology.services)
        self.watcher.change(grid, roads_of(topology))

    @property
    def seen(self) -> tuple[ProbeSeen, ...]:
        """What the control plane saw by itself at the last look."""
        return self._heard.look.probes

    async def warm(self, counts: MinuteCounts) -> None:
        """Learn from what was counted before the start; what was said of it then is not said again."""
        await asyncio.to_thread(self._replay, counts)
        if self.watcher.verdict.outcome is Outcome.CAUSE:
            self._begin_suggesting(
                self.watcher.minute
            )  # what was known of it died with the process

    def _replay(self, counts: MinuteCounts) -> None:
        for _ in self.watcher.count(counts):
            """Said when it happened."""

    async def turn(self, counts: MinuteCounts, minute: int) -> None:
        """Take counts, and judge every minute before this one."""
        before, entries = self.watcher.minute, list[Entry]()
        if minute > before:
            entries += await self._look(minute)
        entries += self.watcher.count(counts)
        entries += self.watcher.until(minute)
        if not entries and self.watcher.minute == before:
            return
        self._remember(entries)
        await self.leave()
        self._begin_telling()

    async def close(self) -> None:
        """Give up what goes on beside."""
        for task in (self._suggesting, self._telling):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._store is not None:
            await self._store.close()

    # evidence

    async def _look(self, minute: int) -> list[Entry]:
        """Take the other evidence as it stands; say which sources have gone silent."""
        look = await self._with_ledger(self._own.look) or Look()
        self.watcher.see(look.probes, self.pages.notices())
        self._heard.look = look
        self._blind()
        feeds = self._feeds()
        silent = {one.name: one.silent for one in feeds if one.silent}
        new = sorted(silent.keys() - self._heard.silent)
        self._heard.silent = frozenset(silent)
        return [
            Entry(
                minute,
                "outlast",
                "silent",
                f"{name}: {silent[name]}; that is no sign of health",
                {"source": name},
            )
            for name in new
        ]

    def _feeds(self) -> tuple[Feed, ...]:
        now_s = time.monotonic()
        now_ns = self._world.clock.now_ns()
        silent = self._sources.silent(now_s)
        users = [
            Feed(
                evidence=Evidence.USER,
                name=name,
                heard_ns=Nanos(now_ns - int((now_s - at_s) * NS_PER_S)),
                silent=f"nothing for {silent[name]:.0f} s" if name in silent else "",
            )
            for name, at_s in self._sources.heard.items()
        ]
        return (*users, *self._heard.look.feeds, *self.pages.feeds())

    def _blind(self) -> None:
        """Where nobody is left to hear from, zeros mean nothing."""
        countries = self.watcher.state.grid.countries
        deaf = self._sources.deaf(time.monotonic())
        live = np.array([one not in deaf and "" not in deaf for one in countries], np.bool_)
        self.watcher.live = None if live.all() else live

    # what follows

    def _remember(self, entries: Sequence[Entry]) -> None:
        for one in entries:
            self._tell(one)
        self._memory.alarms([one for one in entries if one.kind == "alarm"])
        verdicts = [one for one in entries if one.kind == "verdict"]
        if verdicts:
            self._memory.verdict(verdicts[-1], self.watcher.verdict)
            self._begin_suggesting(verdicts[-1].minute)

    def _begin_suggesting(self, minute: int) -> None:
        if self._suggesting is not None:
            self._suggesting.cancel()  # of a verdict that no longer holds
        self._suggestions = ()
        self._outgoing.put(findings_of(self.watcher.verdict, minute, ()), minute * 60)
        self._suggesting = asyncio.create_task(self._suggest(self.watcher.verdict, minute))

    async def _suggest(self, verdict: Verdict, minute: int) -> None:
        """Work out what to suggest; then say it, and tell whoever was told of the cause."""
        try:
            found = await suggest(self._world, verdict, self._foretell)
        except Exception as error:  # noqa: BLE001 - whatever it is, detection goes on without
            self._say_lost("suggestions", f"there is no suggestion: {error!r}")
            return
        self._suggestions = found
        for one in found:
            self._tell(Entry(minute, "outlast", "suggestion", str(one)))
            self._memory.suggestion(one)
        if found:
            self._outgoing.put(findings_of(verdict, minute, found), minute * 60)
            await self.leave()
            self._begin_telling()

    async def leave(self) -> None:
        """Order a probe, write the journal, and leave what is believed where others find it."""
        await self._with_ledger(self._write)

    async def _write(self, ledger: Ledger) -> None:
        await self._memory.write(ledger)
        await self._order(ledger.store)
        beside = Beside(self._suggestions, self._feeds(), self._heard.look.orders)
        now_ns = self._world.clock.now_ns()
        await write_belief(ledger.store, belief_of(self.watcher, now_ns, beside))

    async def _order(self, store: Store) -> None:
        """Order the probe that would tell the leader from the runner-up, if there is one for us to make."""
        verdict = self.watcher.verdict
        runner = verdict.runner_up
        if not verdict.suspects or runner is None or runner.posterior < DOUBT:
            return
        among = orderable(self._world.topology)
        found = best_question(self.watcher.roads, verdict.suspects[0], runner, among)
        if found is None:
            return
        await Orders(store, self._world.clock).place(
            found.subject, found.road, good_means=found.good_means, bad_means=found.bad_means
        )

    def _begin_telling(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_others())

    async def _tell_others(self) -> None:
        try:
            await self._outgoing.tell()
            self._lost.discard("outgoing")
        except StoreError as error:
            self._say_lost("outgoing", error.what)

    # the store

    async def _with_ledger(self, work: Callable[[Ledger], Awaitable[Look | None]]) -> Look | None:
        """Work on the store, one at a time; one that is lost is opened anew the next time, and told once.

        Two at once would both write the lines that wait.
        """
        async with self._one:
            return await self._work(work)

    async def _work(self, work: Callable[[Ledger], Awaitable[Look | None]]) -> Look | None:
        try:
            if self._store is None:
                self._store = await self._world.store()
            done = await work(self._world.ledger(self._store, ROLE))
            self._lost.discard("store")
        except StoreError as error:
            self._say_lost("store", error.what)
            store, self._store = self._store, None
            if store is not None:
                await store.close()
            return None
        return done

    def _say_lost(self, what: str, why: str) -> None:
        if what not in self._lost:
            self._lost.add(what)
            minute = self._world.clock.now_ns() // (60 * NS_PER_S)
            self._tell(Entry(minute, "outlast", "lost", why))
