"""The planner's pump: from news in the ledger to plans, whatever happens to store and provider."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.support.builders import ZONE, endpoint, epoch, freeze, live, plan, provider, target
from tests.support.heldprovider import HeldProvider
from tests.support.modeldns import put
from tests.support.waiting import eventually

from outlast.core.observe import RegionView, VantageView
from outlast.drivers import planner as module
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Event, Fact
from outlast.drivers.ledger import Ledger
from outlast.drivers.planner import Planner
from outlast.drivers.stores.memory import MemoryStore
from outlast.model.errors import StoreReplaced, Unreachable
from outlast.model.fence import FENCE_TTL_S, epoch_name
from outlast.model.health import Verdict, Vote
from outlast.model.names import DnsName, EndpointName, RegionName, Subject, VantageName
from outlast.model.plan import Layout, Observation, Origin, Plan
from outlast.model.records import RecordSet, RecordType
from outlast.model.topology import Endpoint, PublishedName, Region, Settings, Topology
from outlast.ports import Change, Entry, Page

API = EndpointName("api")
OF = endpoint("eu-1", "us-1", "ap-1")
REGIONS = tuple(Region(name=RegionName(one)) for one in ("eu", "us", "ap"))


def topology(*endpoints: Endpoint) -> Topology:
    """A topology of these endpoints."""
    return Topology(
        regions=REGIONS,
        providers=(provider(),),
        endpoints=tuple(endpoints),
        vantages=(),
        services=(),
        settings=Settings(sick_window_s=0.1),
    )


class Replaceable:
    """A store that a test can put an empty one in the place of."""

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.replaced = False

    def replace(self) -> None:
        """Lose everything; the next use tells."""
        self.inner, self.replaced = MemoryStore(), True

    def _check(self) -> None:
        if self.replaced:
            self.replaced = False
            raise StoreReplaced("the store was deleted")

    async def get(self, key: str) -> Entry | None:
        self._check()
        return await self.inner.get(key)

    async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
        self._check()
        return await self.inner.scan(prefix, newer_than=newer_than, limit=limit)

    async def commit(self, change: Change) -> int | None:
        self._check()
        return await self.inner.commit(change)

    async def wait(self, revision: int) -> int:
        self._check()
        return await self.inner.wait(revision)

    async def close(self) -> None:
        await self.inner.close()


class Dns(HeldProvider):
    """A zone that a test can make unreadable."""

    broken = False

    async def read(self, layout: Layout) -> Observation:
        if self.broken:
            raise Unreachable("192.0.2.53:53 did not answer in 3 s")
        return await super().read(layout)


class World:
    """One planner, with a hand that votes."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.store = Replaceable()
        self.ledger = Ledger(self.store, self.clock, "test")
        self.dns = Dns()
        record = RecordSet(epoch_name(ZONE), RecordType.TXT, FENCE_TTL_S, (epoch(),))
        self.dns.zone = put((), record)
        self.facts: list[Fact] = []
        self.planner = Planner(
            topology(OF),
            ledger=self.ledger,
            providers={provider().name: self.dns},
            clock=self.clock,
            tell=self.facts.append,
        )

    async def vote(self, **verdicts: Verdict) -> None:
        """Cast votes: `eu=UP` is about eu-1 in the region eu."""
        now_ns = self.clock.now_ns()
        regions = tuple(
            RegionView(region=RegionName(one), judged=1, failing=0, onset_ns=None)
            for one in sorted(verdicts)
        )
        view = VantageView(vantage=VantageName("v1"), regions=regions, heard_at_ns=now_ns)
        votes = tuple(
            Vote(
                vantage=VantageName("v1"),
                verdict=verdict,
                good_run=2 * (verdict is Verdict.UP),
                bad_run=3 * (verdict is Verdict.DOWN),
                since_ns=now_ns,
                run_since_ns=now_ns,
                at_ns=now_ns,
            )
            for verdict in verdicts.values()
        )
        subjects = tuple(Subject(f"api/{one}-1/ipv4") for one in verdicts)
        await self.ledger.cast(view, votes, subjects)

    async def head(self, generation: int) -> Plan:
        """Wait until the newest plan has this number."""
        async with asyncio.timeout(10):
            row = await self.ledger.row(API)
            revision = 0
            while row.head is None or row.head.plan.generation < generation:
                revision = await self.ledger.wait(revision)
                row = await self.ledger.row(API)
        assert row.head.plan.generation == generation
        return row.head.plan

    def told(self, event: Event) -> int:
        return sum(one.event is event for one in self.facts)


UP = {"eu": Verdict.UP, "us": Verdict.UP, "ap": Verdict.UP}


@pytest.fixture
def still_world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A planner that looks again quickly, and does not run yet."""
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(module, "STORE_RETRY_S", 0.01)
    return World()


@pytest.fixture
async def world(still_world: World) -> AsyncIterator[World]:
    """The same, running."""
    async with running(still_world):
        yield still_world


@contextlib.asynccontextmanager
async def running(world: World) -> AsyncIterator[None]:
    """Let its planner run."""
    task = asyncio.create_task(world.planner.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def serving(wanted: Plan) -> set[str]:
    """The targets that a plan publishes."""
    return {one.target for one in wanted.members if one.published}


async def test_the_first_plan_waits_for_evidence_and_for_a_look_at_the_dns(world: World) -> None:
    await world.vote(**UP)
    first = await world.head(1)
    assert serving(first) == {"eu-1", "us-1", "ap-1"}
    assert world.dns.reads >= 1


async def test_a_vote_changes_the_plan(world: World) -> None:
    await world.vote(**UP)
    await world.head(1)
    await world.vote(us=Verdict.DOWN)
    assert serving(await world.head(2)) == {"eu-1", "ap-1"}


async def test_what_is_live_already_is_adopted_with_its_number(still_world: World) -> None:
    lived = plan(OF, generation=7)
    standing = live(OF, lived)
    fence = RecordSet(lived.layout.fence_at, RecordType.TXT, FENCE_TTL_S, standing.fence)
    still_world.dns.zone = put(still_world.dns.zone, *standing.record_sets, fence)
    async with running(still_world):
        await still_world.vote(**UP)
        assert (await still_world.head(7)).origin is Origin.ADOPTED


async def test_a_dns_that_cannot_be_read_is_told_and_read_again(still_world: World) -> None:
    still_world.dns.broken = True
    async with running(still_world):
        await still_world.vote(**UP)
        await eventually(lambda: still_world.told(Event.PROVIDER_LOST) >= 1)
        assert (await still_world.ledger.row(API)).head is None, "nothing is planned on a guess"
        still_world.dns.broken = False
        await still_world.head(1)


async def test_a_freeze_blocks_until_it_is_lifted_and_both_are_told(world: World) -> None:
    await world.vote(**UP)
    await world.head(1)
    await world.ledger.place(freeze("api"), "looking")
    await world.vote(us=Verdict.DOWN)
    await eventually(lambda: world.told(Event.BLOCKED) == 1)
    blocked = (await world.ledger.row(API)).blocked
    assert blocked is not None
    assert blocked.ruling.findings[0].rule == "frozen"
    await world.ledger.lift(freeze("api"), "thawed", by="ada")
    assert serving(await world.head(2)) == {"eu-1", "ap-1"}
    assert (await world.ledger.row(API)).blocked is None


async def test_a_wish_that_passes_while_blocked_is_not_blocked_any_more(world: World) -> None:
    await world.vote(**UP)
    await world.head(1)
    await world.ledger.place(freeze("api"), "looking")
    await world.vote(us=Verdict.DOWN)
    await eventually(lambda: world.told(Event.BLOCKED) == 1)
    await world.vote(us=Verdict.UP)
    async with asyncio.timeout(10):
        revision = 0
        while (await world.ledger.row(API)).blocked is not None:
            revision = await world.ledger.wait(revision)
    await world.head(1)


async def test_a_store_that_was_replaced_makes_it_start_over_above_what_it_knew(
    world: World,
) -> None:
    await world.vote(**UP)
    await world.head(1)
    await world.vote(us=Verdict.DOWN)
    await world.head(2)
    world.store.replace()
    await eventually(lambda: world.told(Event.STORE_BACK) == 1)
    await world.vote(**UP)
    assert (await world.head(3)).generation == 3, "never a number that it gave before"
    assert world.told(Event.STORE_LOST) == 1


async def test_a_store_that_goes_back_without_a_word_is_noticed_by_its_numbers(
    world: World,
) -> None:
    """Written over in place, it raises nothing; its newest plan is older than the one it had."""
    await world.vote(**UP)
    await world.head(1)
    old = await world.store.inner.get(f"endpoint/{API}/head")
    assert old is not None
    await world.vote(us=Verdict.DOWN)
    await world.head(2)
    await world.store.inner.commit(Change(puts=((old.key, old.value),)))
    await eventually(lambda: world.told(Event.STORE_BACK) == 1)
    assert (await world.head(3)).generation == 3, "never a number that it gave before"


async def test_a_store_that_lost_a_plan_is_noticed_at_the_next_commit(world: World) -> None:
    """Otherwise it would expect for ever what is not there any more."""
    await world.vote(**UP)
    await world.head(1)
    await world.store.inner.commit(Change(deletes=(f"endpoint/{API}/head",)))
    await world.vote(us=Verdict.DOWN)
    assert (await world.head(2)).generation == 2
    assert world.told(Event.STORE_LOST) == 1


async def test_two_planners_share_an_endpoint_without_giving_a_number_twice(world: World) -> None:
    second = Planner(
        topology(OF),
        ledger=Ledger(world.store, world.clock, "second"),
        providers={provider().name: world.dns},
        clock=world.clock,
        tell=world.facts.append,
    )
    task = asyncio.create_task(second.run())
    try:
        await world.vote(**UP)
        await world.head(1)
        await world.vote(us=Verdict.DOWN)
        await world.head(2)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    planned = [one.generation for one in world.facts if one.event is Event.PLANNED]
    assert planned == [1, 2]


async def test_another_topology_takes_effect_and_what_left_it_is_left_alone(world: World) -> None:
    await world.vote(**UP)
    await world.head(1)
    world.planner.change_topology(topology(endpoint("eu-1", "us-1")))
    assert serving(await world.head(2)) == {"eu-1", "us-1"}
    world.planner.change_topology(topology())
    await world.vote(us=Verdict.DOWN)
    await eventually(lambda: world.planner.states[API].endpoint is None)
    assert (await world.ledger.row(API)).head is not None, "orphaned, not deleted"
    assert [one.generation for one in world.facts if one.event is Event.PLANNED] == [1, 2]


async def test_what_was_released_and_comes_back_is_planned_anew(world: World) -> None:
    """A release leaves no entry that tells of it; with the old plan in mind there would be nothing to do."""
    await world.vote(**UP)
    await world.head(1)
    world.planner.change_topology(topology())
    await eventually(lambda: world.planner.states[API].endpoint is None)
    await world.ledger.forget(API)
    world.planner.change_topology(topology(OF))
    assert serving(await world.head(1)) == {"eu-1", "us-1", "ap-1"}
    assert world.told(Event.STORE_LOST) == 0, "the store did not go back in time"


async def test_an_orphan_that_comes_back_keeps_its_plan(world: World) -> None:
    await world.vote(**UP)
    await world.head(1)
    world.planner.change_topology(topology())
    await eventually(lambda: world.planner.states[API].endpoint is None)
    world.planner.change_topology(topology(OF))
    await world.vote(us=Verdict.DOWN)
    assert (await world.head(2)).base == 1, "the next one stands on it"


async def test_overrides_hold_for_endpoints_that_come_later(still_world: World) -> None:
    """They were read before it was there, and are not read again until one changes."""
    world = still_world
    world.planner.change_topology(topology())
    await world.ledger.place(freeze(None), "nothing new today")
    await world.vote(**UP)
    await world.planner.turn()
    world.planner.change_topology(topology(OF))
    async with asyncio.timeout(30):
        while not world.told(Event.BLOCKED) + world.told(Event.PLANNED):
            await world.planner.turn()
            await asyncio.sleep(0)  # the first look at the DNS goes on beside it
    assert world.told(Event.BLOCKED) == 1


class Together(MemoryStore):
    """A store that commits plans only once so many of them wait for it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._missing = count
        self._all_here = asyncio.Event()

    async def commit(self, change: Change) -> int | None:
        if any(key.startswith("plan/") for key, _ in change.puts):
            self._missing -= 1
            if not self._missing:
                self._all_here.set()
            await self._all_here.wait()
        return await super().commit(change)


async def test_the_plans_of_one_turn_wait_for_the_store_together(still_world: World) -> None:
    """One after the other, a hundred changes would cost a hundred syncs of the disk."""
    still_world.ledger = Ledger(Together(3), still_world.clock, "test")
    targets = [target(one, probed=False) for one in ("eu-1", "us-1")]
    endpoints = [
        endpoint(*targets, name=one, names=[PublishedName(name=DnsName(f"{one}.{ZONE}"))])
        for one in ("api", "shop", "www")
    ]
    still_world.planner = Planner(
        topology(*endpoints),
        ledger=still_world.ledger,
        providers={provider().name: still_world.dns},
        clock=still_world.clock,
        tell=still_world.facts.append,
    )
    async with running(still_world):
        await eventually(lambda: still_world.told(Event.PLANNED) == 3)
