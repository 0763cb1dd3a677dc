"""Cells in planner and enactor: what is spent outlives a restart, trouble in one leaves the others alone."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.drivers.test_enactor import World as EnactorWorld
from tests.support.builders import ZONE, endpoint, epoch, plan, provider, target
from tests.support.heldprovider import HeldProvider
from tests.support.modeldns import put, values_at
from tests.support.waiting import eventually

from outlast.core import loop
from outlast.core.messages import LoopEvent
from outlast.drivers.clock import SystemClock
from outlast.drivers.entries import EndpointRow
from outlast.drivers.facts import Event, Fact
from outlast.drivers.ledger import Ledger
from outlast.drivers.planner import Planner
from outlast.drivers.stores.memory import MemoryStore
from outlast.model.fence import FENCE_TTL_S, epoch_name
from outlast.model.names import CellName, DnsName, EnactorName, EndpointName
from outlast.model.policy import Reach
from outlast.model.records import RecordSet, RecordType
from outlast.model.shares import Share
from outlast.model.topology import (
    Budget,
    Cell,
    Endpoint,
    Floors,
    PublishedName,
    Settings,
    Topology,
)

PAY, SEARCH = CellName("pay"), CellName("search")
CELLS = (Cell(name=PAY, budget=Budget(removed_ratio=0.25)), Cell(name=SEARCH))


def shop(name: str, cell: CellName, *targets: str) -> Endpoint:
    """An endpoint of four targets that nobody probes, and that may lose three of them."""
    made = endpoint(
        *(target(one, probed=False) for one in targets or ("eu-1", "eu-2", "us-1", "us-2")),
        name=name,
        names=(PublishedName(name=DnsName(f"{name}.example.net")),),
        budget=Budget(removed_ratio=1.0),
        floors=Floors(share_ratio=0.0),
    )
    return replace(made, cell=cell)


def topology(*endpoints: Endpoint) -> Topology:
    return Topology(
        providers=(provider(),), endpoints=endpoints, cells=CELLS, settings=Settings(cell_bake_s=0)
    )


class World:
    """A ledger and a zone that planners come and go at."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.ledger = Ledger(MemoryStore(), self.clock, "test")
        self.dns = HeldProvider()
        record = RecordSet(epoch_name(ZONE), RecordType.TXT, FENCE_TTL_S, (epoch(),))
        self.dns.zone = put((), record)
        self.facts: list[Fact] = []

    def planner(self, *endpoints: Endpoint) -> Planner:
        return Planner(
            topology(*endpoints),
            ledger=self.ledger,
            providers={provider().name: self.dns},
            clock=self.clock,
            tell=self.facts.append,
        )

    async def row(self, name: str) -> EndpointRow:
        return await self.ledger.row(EndpointName(name))

    async def planned(self, name: str, generation: int) -> None:
        """Wait until an endpoint's newest plan has this number."""
        revision = 0
        async with asyncio.timeout(30):
            while (head := (await self.row(name)).head) is None or (
                head.plan.generation < generation
            ):
                revision = await self.ledger.wait(revision)

    async def blocked(self, name: str) -> str:
        """Wait until an endpoint's next plan is blocked; return by which rules."""
        revision = 0
        async with asyncio.timeout(30):
            while (blocked := (await self.row(name)).blocked) is None:
                revision = await self.ledger.wait(revision)
        return " ".join(one.rule for one in blocked.ruling.findings)


@pytest.fixture
def world() -> World:
    return World()


async def test_what_a_cell_spent_is_known_to_a_planner_that_starts(world: World) -> None:
    """Else a planner that is restarted, or taken over from, lets the same budget be spent once more."""
    first = world.planner(shop("a", PAY), shop("b", PAY))
    running = asyncio.create_task(first.run())
    await world.planned("a", 1)
    await world.planned("b", 1)
    pushed = shop("a", PAY, "eu-1", "us-1")
    first.change_topology(topology(pushed, shop("b", PAY)))
    await world.planned("a", 2)
    assert first.cells() == ["cell pay: 2 of 8 ipv4 withdrawn in 3600 s"]
    running.cancel()
    second = world.planner(shop("b", PAY, "eu-1", "eu-2", "us-1"), pushed)
    running = asyncio.create_task(second.run())
    assert await world.blocked("b") == "cell-budget"
    running.cancel()


async def test_an_endpoint_whose_planning_fails_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that only one endpoint's situation brings out must not stop the planning of all."""
    real = loop.step

    def step(state: loop.State, *events: LoopEvent) -> loop.Step:
        stepped = real(state, *events)
        if stepped[0].endpoint is not None and stepped[0].endpoint.cell == SEARCH:
            raise ZeroDivisionError
        return stepped

    monkeypatch.setattr(loop, "step", step)
    planner = world.planner(shop("a", SEARCH), shop("b", PAY))
    running = asyncio.create_task(planner.run())
    await world.planned("b", 1)
    running.cancel()
    assert {one.subject for one in world.facts if one.event is Event.BUG} == {"a"}


async def test_an_enactor_of_one_cell_leaves_the_others_alone(tmp_path: Path) -> None:
    """And goes on with an endpoint only for as long as it is in its cell."""
    world = EnactorWorld(tmp_path)
    share = Share(peers=(EnactorName("e1"),), reach=Reach(only=(PAY,)))
    world.enactor._share = share
    theirs, mine = plan(shop("a", SEARCH)), plan(shop("b", PAY))
    await world.commit(theirs)
    await world.commit(mine)
    running = asyncio.create_task(world.enactor.run())
    await eventually(lambda: _standing(world, "b") == 1)
    assert set(world.enactor.states) == {"b"}
    moved = replace(plan(shop("b", SEARCH), generation=2), base=mine.generation)
    await world.commit(moved, expected=1)
    await world.commit(plan(shop("c", PAY)))
    await eventually(lambda: _standing(world, "c") == 1)
    assert _standing(world, "b") == 1
    assert _standing(world, "a") == 0
    assert "of 1 endpoints" in world.enactor.doing, "it does not look after the others any more"
    running.cancel()


def _standing(world: EnactorWorld, name: str) -> int:
    """How many fences stand for an endpoint, by the generation in them."""
    layout = plan(shop(name, PAY)).layout
    values = values_at(world.dns.zone, layout.fence_at, RecordType.TXT)
    return len(values)
