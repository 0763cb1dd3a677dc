"""Live: reports beside the control plane's own evidence, and all that follows from them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.reports.receiver import Receiver, receiving
from tests.support.waiting import eventually

from outlast.app.options import open_world
from outlast.app.reports.alarming import alarm_of
from outlast.app.reports.detecting import Detecting
from outlast.app.reports.forecasting import Forecast
from outlast.app.reports.grids import grid_of
from outlast.app.reports.remembering import ALARMS_MAX
from outlast.app.reports.watching import Entry
from outlast.app.wiring import World
from outlast.config import load
from outlast.core.observe import RegionView, VantageView
from outlast.detect.belief import Advice, Belief, Tie
from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, none
from outlast.detect.kinds import Evidence, Road
from outlast.detect.verdict import Outcome, State
from outlast.drivers.reports.beliefs import read_belief
from outlast.drivers.reports.orders import Orders
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.sources import Sources
from outlast.drivers.trail.scribe import Scribe, hide_people
from outlast.model.health import Verdict, Vote
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.topology import Topology
from outlast.model.units import NS_PER_S, Nanos
from outlast.trail.entry import TrailEntry, pack, unpack

START_MINUTE = 29_000_000
WARM_MINUTES = 200
COUNTRIES = ("DE", "US")
APPS = 12
WAIT_S = 240.0

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

    async def pass_minutes(
        self,
        number: int,
        reports: Callable[[str], int] = lambda _: 3,
        *,
        countries: tuple[str, ...] = COUNTRIES,
    ) -> None:
        """Let minutes pass with so many reports of each service in each country."""
        for _ in range(number):
            minute = self.clock.at_ns // (60 * NS_PER_S)
            counts = counted(self.grid, minute, reports, countries)
            self.clock.at_ns += 60 * NS_PER_S
            await self.detecting.turn(counts, minute + 1)

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

    def level(self, service: str, country: str) -> float:
        """What a cell expects of a minute, the profile apart."""
        state = self.detecting.watcher.state
        grid = state.grid
        at = grid.flat(grid.services.index(service), grid.countries.index(country))
        return float(state.charts.level[at])

    def edit(self) -> None:
        """Take the edited file over."""
        topology = load(self.world.file).topology
        self.grid = grid_of(topology)
        self.detecting.change(topology, self.grid)

    def break_store(self) -> None:
        """Put something else in the place of the store."""
        self.world.state.make()
        self.world.state.store.mkdir()

    def mend_store(self) -> None:
        """Take it away again."""
        self.world.state.store.rmdir()

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


def counted(
    grid: Grid,
    minute: int,
    reports: Callable[[str], int],
    countries: tuple[str, ...] = COUNTRIES,
) -> MinuteCounts:
    """So many reports of each service from each country in a minute."""
    cells, numbers = [], []
    for service, name in enumerate(grid.services):
        for country in countries:
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


def write_world(folder: Path, *, needs: str = "", official: str = "") -> Path:
    """A world in which `app-*` stand in the east and `own-*` in the west.

    Args:
        needs: an endpoint that every `app-*` needs.
        official: status page of the last `own-*`.
    """
    need = f", needs: [{{endpoint: {needs}}}]" if needs else ""
    lines = [f"  app-{one}: {{regions: [east]{need}}}" for one in range(APPS)]
    lines += [f"  own-{one}: {{regions: [west]}}" for one in range(APPS - 1)]
    page = f", official: {{url: {official}}}" if official else ""
    lines.append(f"  own-{APPS - 1}: {{regions: [west]{page}}}")
    path = folder / "world.yaml"
    path.write_text(TOPOLOGY.replace("@SERVICES@", "\n".join(lines)))
    return path


async def foretold(topology: Topology, advice: Advice, subject: str) -> str:
    """A forecast that was not worked out."""
    del topology
    return f"a drill of {advice} {subject}"


async def unforeseen(topology: Topology, advice: Advice, subject: str) -> str:
    """A forecast that fails."""
    del topology, advice, subject
    raise ZeroDivisionError("so many")


@asynccontextmanager
async def detected(
    folder: Path, *, needs: str = "", paged: bool = False, foretell: Forecast = foretold
) -> AsyncIterator[Live]:
    """Detection on a world, some hours after its start."""
    clock, told, sources = MovedClock(), list[Entry](), Sources()
    with receiving() as there:
        file = write_world(folder, needs=needs, official=f"{there.url}/c.json" if paged else "")
        world = replace(open_world(file, None, kept=False), clock=clock)
        grid = grid_of(world.topology)
        detecting = Detecting(
            world,
            grid,
            told.append,
            sources=sources,
            outgoing=Outgoing(f"{there.url}/hook", there.url),
            foretell=foretell,
        )
        live = Live(detecting, clock, world, grid, there, sources, told)
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


def concerns(entry: TrailEntry) -> list[str]:
    """What an entry concerns besides."""
    return [*msgspec.convert((entry.data or {}).get("concerns", ()), tuple[str, ...])]


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
    assert {"app-0", "east"} <= {*concerns(verdict)}


@pytest.mark.slow
async def test_no_name_of_anybody_is_in_journal_and_trail(tmp_path: Path) -> None:
    """Reporters, networks and unknown names never reach detection; the trail is asked all the same."""
    async with detected(tmp_path) as live:
        await live.pass_minutes(1, lost("app-"))
        text = b"".join(pack(one) for one in await live.trail()).decode()
        belief = msgspec.json.encode(await live.belief()).decode()
    for word in ("reporter", "network", "127.0.0.1", "@"):
        assert word not in text.replace("127.0.0.1:", ""), word
        assert word not in belief.replace("http://127.0.0.1:", ""), word


@pytest.mark.slow
async def test_on_a_bad_day_the_journal_gets_a_few_lines_a_minute(tmp_path: Path) -> None:
    """Each of 24 services rings in three series; the rest of them is one line that names them all."""
    async with detected(tmp_path) as live:
        await live.pass_minutes(1, lost(""))
        alarms = [one for one in await live.trail() if one.event == "alarm"]
    assert len(alarms) == ALARMS_MAX + 1
    named = {name for one in alarms for name in (one.about, *concerns(one))}
    assert {f"own-{one}" for one in range(APPS)} <= named


@pytest.mark.slow
async def test_a_vantage_that_is_not_heard_any_more_is_told_and_counts_for_nothing(
    tmp_path: Path,
) -> None:
    """Its last words were good: silence must not leave them standing."""
    async with detected(tmp_path) as live:
        await live.vote("frankfurt", east=Verdict.UP)
        await live.pass_minutes(1)
        assert [(one.subject, one.good) for one in live.detecting.seen] == [
            ("east", True),
            ("west", True),
        ]
        await live.pass_minutes(2)
        silent = [one.text for one in live.told if one.kind == "silent"]
        assert len(silent) == 1, silent
        assert silent[0].startswith("vantage frankfurt: not heard since")
        assert live.detecting.seen == ()
        feed = next(one for one in (await live.belief()).feeds if one.name == "vantage frankfurt")
        assert feed.silent


@pytest.mark.slow
async def test_a_country_whose_only_ear_is_silent_is_neither_judged_nor_learnt_from(
    tmp_path: Path,
) -> None:
    """Its zeros are no health: the baseline stays, and what comes back afterwards is no outage."""
    async with detected(tmp_path) as live:
        now_s = time.monotonic()
        live.sources.know({"carrier": ("DE",)}, now_s - 3600)
        level = live.level("app-0", "DE")
        await live.pass_minutes(60, lambda _: 0)
        told = [one for one in live.told if one.kind == "silent"]
        assert [one.data["source"] for one in told] == ["carrier"]
        assert live.level("app-0", "DE") == level
        assert live.level("app-0", "US") < 0.95 * level
        live.sources.hear("carrier", time.monotonic())
        await live.pass_minutes(1)
        assert live.detecting.watcher.live is None


@pytest.mark.slow
async def test_a_status_page_is_a_third_class_and_its_own_notice_is_dated(tmp_path: Path) -> None:
    """One country alone shouts; the supplier admits it: confirmed."""
    async with detected(tmp_path, paged=True) as live:
        last = f"own-{APPS - 1}"
        body = {"components": [{"name": last, "status": "major_outage"}]}
        live.there.pages["/c.json"] = 200, msgspec.json.encode(body)
        task = asyncio.create_task(live.detecting.pages.run())
        await eventually(lambda: bool(live.detecting.pages.notices()), deadline_s=WAIT_S)
        await live.pass_minutes(1, lost(last), countries=("DE",))
        task.cancel()
        belief = await live.belief()
        alarm = next(one for one in belief.alarms if one.series.country == "DE")
        assert alarm.evidence == (Evidence.USER, Evidence.OFFICIAL)
        assert alarm.state is State.CONFIRMED
        raised = await alarm_of((store := await live.world.store()), live.clock.now_ns())
        await store.close()
    assert raised.notice_ns == START_MINUTE * 60 * NS_PER_S
    assert last in raised.about


@pytest.mark.slow
async def test_a_topology_edited_in_the_middle_of_an_outage_forgets_nothing(tmp_path: Path) -> None:
    """New services come in front, one goes: series are found again by name, alarms and baselines too."""
    async with detected(tmp_path) as live:
        await live.pass_minutes(1, lost("app-"))
        level = live.level("app-3", "US")
        text = live.world.file.read_text()
        added = "".join(f"\n  aaa-{one}: {{regions: [west]}}" for one in range(5))
        text = text.replace("services:\n", f"services:{added}\n", 1)
        live.world.file.write_text(text.replace("  app-0: {regions: [east]}\n", ""))
        live.edit()
        assert live.level("app-3", "US") == level
        assert live.level("aaa-0", "US") != level
        before = len(live.told)
        await live.pass_minutes(2, lost("app-"))
        belief = await live.belief()
        hit = {one.series.service for one in belief.alarms}
        assert "app-3" in hit
        assert "app-0" not in hit
        again = [one for one in live.told[before:] if one.kind == "alarm"]
        assert again == [], [one.text for one in again][:5]
        assert [one.cause.name for one in belief.suspects] == ["east"]


@pytest.mark.slow
async def test_what_the_store_could_not_take_is_written_when_it_is_back(tmp_path: Path) -> None:
    """Detection goes on meanwhile, and the alerts go out."""
    async with detected(tmp_path) as live:
        live.break_store()
        await live.pass_minutes(1, lost("app-"))
        await eventually(lambda: bool(live.there.alerts), deadline_s=WAIT_S)
        assert [one.kind for one in live.told if one.kind == "lost"] == ["lost"]
        live.mend_store()
        await live.pass_minutes(1, lost("app-"))
        assert {"alarm", "verdict"} <= {one.event for one in await live.trail()}


@pytest.mark.slow
async def test_a_forecast_that_fails_costs_the_suggestion_and_nothing_else(tmp_path: Path) -> None:
    async with detected(tmp_path, foretell=unforeseen, needs="tables") as live:
        await live.vote("frankfurt", east=Verdict.UP)
        await live.pass_minutes(1, lost("app-"))
        await eventually(lambda: "lost" in kinds(live), deadline_s=WAIT_S)
        assert [one.text for one in live.told if one.kind == "lost"] == [
            "there is no suggestion: ZeroDivisionError('so many')"
        ]
        await live.pass_minutes(1, lost("app-"))
        assert (await live.belief()).outcome is Outcome.CAUSE


@pytest.mark.slow
async def test_what_would_separate_two_candidates_is_ordered(tmp_path: Path) -> None:
    """Everything in the east is down, and everything there needs one name: which is it? Probe the name."""
    async with detected(tmp_path, needs="tables") as live:
        await live.pass_minutes(1, lost("app-"))
        store = await live.world.store()
        orders = await Orders(store, live.clock).lasting()
        await store.close()
        question = (await live.belief()).question
    assert question is not None
    assert [(one.subject, one.road) for one in orders] == [("tables", Road.PINNED)]
    assert {orders[0].good_means, orders[0].bad_means} == {"name `tables`", "region `east`"}
