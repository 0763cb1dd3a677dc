"""Live: reports beside the control plane's own evidence, and all that follows from them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from tests.reports.receiver import Receiver, receiving
from tests.support.waiting import eventually

from outlast.app.options import open_world
from outlast.app.reports.detecting import Detecting
from outlast.app.reports.grids import grid_of
from outlast.app.reports.watching import Entry
from outlast.app.wiring import World
from outlast.core.observe import RegionView, VantageView
from outlast.detect.belief import Advice, Belief, Tie
from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, none
from outlast.detect.kinds import Evidence
from outlast.detect.verdict import Outcome, State
from outlast.drivers.reports.beliefs import read_belief
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.sources import Sources
from outlast.drivers.trail.scribe import Scribe, hide_people
from outlast.model.health import Verdict, Vote
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.topology import Topology
from outlast.model.units import NS_PER_S, Nanos
from outlast.trail.entry import TrailEntry, unpack

START_MINUTE = 29_000_000
WARM_MINUTES = 200
APPS = 12
WAIT_S = 60.0

TOPOLOGY = """\
outlast: 1
regions:
  east: {country: US}
  west: {country: IE}
providers:
  dns: {kind: embedded, server: 127.0.0.1:5399, zones: [shop.test]}
vantages: {frankfurt: {}, dublin: {region: west}}
endpoints:
  tables:
    names: [tables.shop.test]
    provider: dns
    ttl_s: 5
    targets:
      e: {region: east, ipv4: 127.0.0.11}
      w: {region: west, ipv4: 127.0.0.12}
services:
@SERVICES@
"""


class MovedClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at_ns = START_MINUTE * 60 * NS_PER_S

    def now_ns(self) -> Nanos:
        return Nanos(self.at_ns)

    def nonce(self) -> str:
        return "0123456789abcdef"


@dataclass
class Live:
    """Detection that is under way."""

    detecting: Detecting
    clock: MovedClock
    world: World
    grid: Grid
    there: Receiver
    sources: Sources
    told: list[Entry] = field(default_factory=list)

    async def pass_minutes(self, number: int, reports: Callable[[str], int] = lambda _: 3) -> None:
        """Let minutes pass with so many reports of each service in each of two countries."""
        for _ in range(number):
            minute = self.clock.at_ns // (60 * NS_PER_S)
            counts = counted(self.grid, minute, reports)
            self.clock.at_ns += 60 * NS_PER_S
            await self.detecting.turn(counts)

    async def belief(self) -> Belief:
        """What others are shown."""
        store = await self.world.store()
        try:
            found = await read_belief(store)
        finally:
            await store.close()
        assert found is not None
        return found

    async def trail(self) -> list[TrailEntry]:
        """The audit trail of the journal."""
        store = await self.world.store()
        try:
            scribe = Scribe(store, hide_people(b"secret"))
            size = await scribe.copy()
            return [unpack(one) for one in await scribe.read(0, size)]
        finally:
            await store.close()

    async def vote(self, vantage: str, *, east: Verdict, west: Verdict = Verdict.UP) -> None:
        """Let a vantage say what it thinks of both regions."""
        store = await self.world.store()
        now_ns = self.clock.now_ns()
        targets = {"e": ("east", east), "w": ("west", west)}
        votes = {
            Subject(f"tables/{name}/ipv4"): Vote(
                vantage=VantageName(vantage),
                verdict=verdict,
                good_run=int(verdict is Verdict.UP),
                bad_run=int(verdict is Verdict.DOWN),
                since_ns=now_ns,
                run_since_ns=now_ns,
                at_ns=now_ns,
            )
            for name, (_, verdict) in targets.items()
        }
        regions = tuple(
            RegionView(
                region=RegionName(region),
                judged=1,
                failing=int(verdict is Verdict.DOWN),
                onset_ns=now_ns if verdict is Verdict.DOWN else None,
            )
            for region, verdict in targets.values()
        )
        view = VantageView(vantage=VantageName(vantage), regions=regions, heard_at_ns=now_ns)
        try:
            ledger = self.world.ledger(store, f"prober-{vantage}")
            await ledger.cast(view, tuple(votes.values()), tuple(votes))
        finally:
            await store.close()


def counted(grid: Grid, minute: int, reports: Callable[[str], int]) -> MinuteCounts:
    """So many reports of each service from two countries in a minute."""
    cells, numbers = [], []
    for service, name in enumerate(grid.services):
        for country in ("DE", "US"):
            if reports(name):
                cells.append(grid.flat(service, grid.countries.index(country)))
                numbers.append(reports(name))
    if not cells:
        return none(grid)
    order = np.argsort(cells)
    size = len(cells)
    return MinuteCounts(
        grid,
        np.full(size, minute, np.int64),
        np.array(cells, np.int64)[order],
        np.array(numbers, np.int32)[order],
    )


def lost(prefix: str) -> Callable[[str], int]:
    """Services whose name begins so are down."""
    return lambda name: 90 if name.startswith(prefix) else 3


def write_world(folder: Path, more: str = "") -> Path:
    """A world in which `app-*` stand in the east and `own-*` in the west."""
    lines = [f"  app-{one}: {{regions: [east]}}" for one in range(APPS)]
    lines += [f"  own-{one}: {{regions: [west]}}" for one in range(APPS)]
    path = folder / "world.yaml"
    path.write_text(TOPOLOGY.replace("@SERVICES@", "\n".join(lines) + more))
    return path


async def foretold(topology: Topology, advice: Advice, subject: str) -> str:
    """A forecast that was not worked out."""
    del topology
    return f"a drill of {advice} {subject}"


@asynccontextmanager
async def detected(folder: Path, *, warm: bool = True) -> AsyncIterator[Live]:
    """Detection on a world, some hours after its start."""
    clock = MovedClock()
    world = replace(open_world(write_world(folder), None, kept=False), clock=clock)
    grid, told, sources = grid_of(world.topology), list[Entry](), Sources()
    with receiving() as there:
        detecting = Detecting(
            world,
            grid,
            told.append,
            sources=sources,
            outgoing=Outgoing(f"{there.url}/hook", there.url),
            foretell=foretold,
        )
        live = Live(detecting, clock, world, grid, there, sources, told)
        if warm:
            parts = [
                counted(grid, START_MINUTE - WARM_MINUTES + one, lambda _: 3)
                for one in range(WARM_MINUTES)
            ]
            await detecting.warm(joined(grid, parts))
        try:
            yield live
        finally:
            await detecting.close()


def joined(grid: Grid, parts: list[MinuteCounts]) -> MinuteCounts:
    """Counts of minutes that follow each other."""
    columns = (
        np.concatenate(one)
        for one in zip(*((p.minute, p.cell, p.number) for p in parts), strict=True)
    )
    return MinuteCounts(grid, *columns)


def kinds(live: Live) -> set[str]:
    return {one.kind for one in live.told}


@pytest.mark.slow
async def test_an_outage_is_told_suggested_and_remembered_and_nothing_is_done(
    tmp_path: Path,
) -> None:
    """One outage from the first minute to the audit trail; the store holds no override after it."""
    async with detected(tmp_path) as live:
        for _ in range(2):
            for vantage in ("frankfurt", "dublin"):
                await live.vote(vantage, east=Verdict.DOWN)
            await live.pass_minutes(1, lost("app-"))
        await eventually(lambda: "suggestion" in kinds(live), deadline_s=WAIT_S)
        await eventually(lambda: len(live.there.hooks) >= 2, deadline_s=WAIT_S)
        belief, trail = await live.belief(), await live.trail()
        store = await live.world.store()
        overrides, _ = await live.world.ledger(store, "test").overrides()
        await store.close()
    assert belief.outcome is Outcome.CAUSE
    assert [one.cause.name for one in belief.suspects] == ["east"]
    assert {(one.service, one.tie) for one in belief.edges()} >= {
        (f"app-{one}", Tie.EXPLAINED) for one in range(APPS)
    }
    alarm = next(one for one in belief.alarms if one.series.service == "app-0")
    assert alarm.state is State.CONFIRMED
    assert alarm.evidence == (Evidence.USER, Evidence.PROBE)
    assert alarm.observed > alarm.high > alarm.expected
    assert belief.traces[0].moments[-1].observed > belief.traces[0].moments[-1].high
    (suggestion,) = belief.suggestions
    assert (suggestion.advice, suggestion.subject) == (Advice.EVACUATE, "east")
    assert overrides == []
    assert live.there.refused == []
    assert live.there.alerts[-1][0]["labels"] == {
        "alertname": "OutlastCause",
        "cause": "east",
        "key": "region/east",
        "kind": "region",
    }
    found = {one.event: one for one in trail}
    assert found.keys() >= {"alarm", "verdict", "suggestion"}
    assert {one.by for one in trail} == {"detector"}
    verdict = found["verdict"]
    assert verdict.about == "east"
    assert verdict.data is not None
    assert {"app-0", "east"} <= set(verdict.data["concerns"])  # type: ignore[call-overload]
