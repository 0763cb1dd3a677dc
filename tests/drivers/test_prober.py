"""The prober's pump: when votes travel, and what is said of what was not probed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import cast

import pytest
from tests.support.builders import endpoint, provider, target
from tests.support.waiting import eventually

from outlast.drivers import prober as module
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Event, Fact
from outlast.drivers.ledger import Ledger
from outlast.drivers.prober import Prober, assignments_of
from outlast.drivers.probes.fleet import Fleet
from outlast.drivers.stores.memory import MemoryStore
from outlast.model.errors import StoreError
from outlast.model.health import Report, Verdict
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.topology import HealthCheck, Region, Settings, Topology
from outlast.ports import Assignment, Change, Entry, Page

HERE = VantageName("here")
EU, US = Subject("api/eu-1/ipv4"), Subject("api/us-1/ipv4")


def topology(*targets: str) -> Topology:
    """A topology whose targets are probed every 50 ms, rise 1 and fall 2."""
    check = HealthCheck(interval_s=0.05, timeout_s=0.05, rise=1, fall=2)
    made = [replace(target(one), check=check) for one in targets]
    of = replace(endpoint(*made), provider=provider().name)
    names = dict.fromkeys(one.region for one in made)
    return Topology(
        regions=tuple(Region(name=RegionName(one)) for one in names),
        providers=(provider(),),
        endpoints=(of,),
        vantages=(),
        services=(),
        settings=Settings(),
    )


class FakeFleet:
    """A fleet that reports only what a test says."""

    def __init__(self, emit: Callable[[tuple[Report, ...]], None]) -> None:
        self.emit = emit
        self.assignments: list[Assignment] = []
        self.closed = False

    def update(self, assignments: list[Assignment]) -> None:
        """Take what is to be probed."""
        self.assignments = list(assignments)

    async def close(self) -> None:
        """Stop."""
        self.closed = True


class FaultyStore:
    """A store whose commits fail while a test says so."""

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.broken = False
        self.commits = 0

    async def get(self, key: str) -> Entry | None:
        return await self.inner.get(key)

    async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
        return await self.inner.scan(prefix, newer_than=newer_than, limit=limit)

    async def commit(self, change: Change) -> int | None:
        if self.broken:
            raise StoreError("the store is gone")
        self.commits += 1
        return await self.inner.commit(change)

    async def wait(self, revision: int) -> int:
        return await self.inner.wait(revision)

    async def close(self) -> None:
        await self.inner.close()


class World:
    """One prober with a fake fleet."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.store = FaultyStore()
        self.ledger = Ledger(self.store, self.clock, "test")
        self.facts: list[Fact] = []
        self.fleet: FakeFleet | None = None
        self.prober = Prober(
            HERE,
            topology("eu-1", "us-1"),
            ledger=self.ledger,
            clock=self.clock,
            tell=self.facts.append,
            fleet=self._make,
        )

    def _make(self, emit: Callable[[tuple[Report, ...]], None]) -> Fleet:
        self.fleet = FakeFleet(emit)
        return cast("Fleet", self.fleet)

    def report(self, subject: Subject, *, good: bool) -> None:
        assert self.fleet is not None
        one = Report(vantage=HERE, subject=subject, good=good, at_ns=self.clock.now_ns())
        self.fleet.emit((one,))

    async def until(self, **wanted: Verdict) -> None:
        """Wait until the votes, by region, are these."""
        async with asyncio.timeout(10):
            votes, revision = await self.ledger.votes()
            while {key.split("/")[1][:2]: it.verdict for key, it in votes} != wanted:
                revision = await self.ledger.wait(revision)
                votes, _ = await self.ledger.votes()

    def told(self, event: Event) -> int:
        return sum(one.event is event for one in self.facts)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A running prober with quick signs of life."""
    monkeypatch.setattr(module, "SIGN_OF_LIFE_S", 0.05)
    monkeypatch.setattr(module, "STORE_RETRY_S", 0.01)
    made = World()
    task = asyncio.create_task(made.prober.run())
    await eventually(lambda: made.fleet is not None)
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert made.fleet is not None
    assert made.fleet.closed


async def test_a_changed_verdict_travels_at_once(world: World) -> None:
    world.report(EU, good=True)
    world.report(US, good=True)
    await world.until(eu=Verdict.UP, us=Verdict.UP)
    world.report(EU, good=False)
    world.report(EU, good=False)
    await world.until(eu=Verdict.DOWN, us=Verdict.UP)
    assert "1 down" in world.prober.doing


async def test_a_view_tells_how_many_of_each_region_fail(world: World) -> None:
    world.report(EU, good=True)
    world.report(US, good=True)
    await world.until(eu=Verdict.UP, us=Verdict.UP)
    world.report(EU, good=False)
    world.report(EU, good=False)
    await world.until(eu=Verdict.DOWN, us=Verdict.UP)
    (view,), _ = await world.ledger.views()
    assert {one.region: one.failing for one in view.regions} == {"eu": 1, "us": 0}


async def test_what_was_not_probed_of_late_is_unknown_not_fresh(world: World) -> None:
    world.report(EU, good=True)
    await world.until(eu=Verdict.UP)
    await world.until(eu=Verdict.UNKNOWN)
    votes, _ = await world.ledger.votes()
    assert votes[0][1].detail == "not probed of late"


async def test_votes_wait_for_a_store_that_is_gone_and_the_loss_is_told_once(
    world: World,
) -> None:
    world.store.broken = True
    world.report(EU, good=True)
    await eventually(lambda: world.told(Event.STORE_LOST) == 1)
    world.report(US, good=True)
    world.store.broken = False
    await eventually(lambda: world.told(Event.STORE_BACK) == 1)
    await world.until(eu=Verdict.UP, us=Verdict.UP)
    assert world.told(Event.STORE_LOST) == 1


async def test_another_topology_changes_what_is_probed_and_forgets_the_rest(
    world: World,
) -> None:
    world.report(EU, good=True)
    world.report(US, good=True)
    await world.until(eu=Verdict.UP, us=Verdict.UP)
    world.prober.change_topology(topology("us-1", "ap-1"))
    assert world.fleet is not None
    assert {one.subject for one in world.fleet.assignments} == {US, "api/ap-1/ipv4"}
    world.report(EU, good=False)
    world.report(EU, good=False)
    assert "0 down" in world.prober.doing, "a late report of what is no longer probed"


def test_targets_without_a_check_are_not_probed() -> None:
    made = topology("eu-1")
    (of,) = made.endpoints
    unchecked = replace(made, endpoints=(replace(of, targets=(target("eu-1", probed=False),)),))
    assert len(assignments_of(made)) == 1
    assert assignments_of(unchecked) == []
