"""The enactor of several providers: what it writes down of one that lags, and of a way back it cannot go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.builders import ZONE, endpoint, epoch, plan
from tests.support.heldprovider import HeldProvider
from tests.support.modeldns import put, values_at
from tests.support.waiting import eventually

from outlast.core.messages import CommitPlan
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Event, Fact
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.mirrored import MirroredEnactor
from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.witness import Witness
from outlast.model.errors import ConfigError, Unreachable
from outlast.model.fence import FENCE_TTL_S, epoch_name, parse_fence
from outlast.model.names import EnactorName, ProviderName
from outlast.model.plan import Lagging, Layout, Observation, Origin, Plan, Ruling
from outlast.model.records import RecordSet, RecordType
from outlast.model.shares import Share
from outlast.model.topology import Address, Settings
from outlast.model.units import Generation

OF = endpoint("eu-1", "us-1", "ap-1")
A, B = ProviderName("dns"), ProviderName("other")
FLIP = "_outlast."
"""Where a flip writes its fence; the mark before it stands at `_next._outlast.`."""


def at_both(made: Plan, lagging: Lagging) -> Plan:
    """The plan, for two providers."""
    return replace(made, layout=replace(made.layout, mirrors=(B,), lagging=lagging, window_s=0.1))


class World:
    """One enactor on two zones in memory, with a key for plans or without."""

    def __init__(self, folder: Path, lagging: Lagging, *, key: bool = True) -> None:
        self.dns = {A: HeldProvider(), B: HeldProvider()}
        for one in self.dns.values():
            name = epoch_name(ZONE)
            one.zone = put((), RecordSet(name, RecordType.TXT, FENCE_TTL_S, (epoch(),)))
        self.facts: list[Fact] = []
        clock, store, e1 = SystemClock(), MemoryStore(), EnactorName("e1")
        self.first = at_both(plan(OF), lagging)
        second = plan(OF, "eu-1", generation=2, head=plan(OF))
        self.second = at_both(second, lagging)
        self.planner = Ledger(store, clock, "planner")

        def no_key(made: Plan) -> Plan:
            raise ConfigError(f"plans.key cannot be read for {made.endpoint}")

        async def ask(server: Address, layout: Layout) -> Observation:
            raise Unreachable(f"{server} does not answer for {layout.fence_at}")

        self.ledger = Ledger(store, clock, "e1") if key else Ledger(store, clock, "e1", no_key)
        tell = self.facts.append
        self.enactor = MirroredEnactor(
            e1,
            share=Share(peers=(e1,)),
            settings=Settings(verify_interval_s=0.05, takeover_s=0.05),
            ledger=self.ledger,
            providers=self.dns,
            last_good=LastGoodFile(folder / "e1.log", dict.fromkeys(self.dns, b"s" * 32)),
            witness=Witness("e1", {}, ask=ask, ledger=self.ledger, clock=clock, tell=tell),
            clock=clock,
            tell=tell,
        )

    async def commit(self, wanted: Plan, *, expected: int = 0) -> None:
        ruling = Ruling(endpoint=wanted.endpoint, generation=wanted.generation, findings=())
        command = CommitPlan(plan=wanted, ruling=ruling, expected=Generation(expected))
        assert await self.planner.commit_plan(command)

    def generation(self, provider: ProviderName) -> int:
        zone = self.dns[provider].zone
        fence = parse_fence(values_at(zone, self.first.layout.fence_at, RecordType.TXT))
        return fence.generation if fence is not None else 0

    def both(self, generation: int) -> bool:
        return self.generation(A) == self.generation(B) == generation

    def drifts(self) -> list[str]:
        return [one.detail for one in self.facts if one.event is Event.DRIFT]


@contextlib.asynccontextmanager
async def working(world: World) -> AsyncIterator[None]:
    """The enactor at work, with the first plan at both and the second refused by the second."""
    await world.commit(world.first)
    task = asyncio.create_task(world.enactor.run())
    try:
        await eventually(lambda: world.both(1))
        world.dns[B].poison = FLIP
        await world.commit(world.second, expected=1)
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_with_the_key_what_was_before_is_published_again(tmp_path: Path) -> None:
    """As a new generation, and automation is held until somebody has looked."""
    world = World(tmp_path, Lagging.ROLL_BACK)
    async with working(world):
        await eventually(lambda: world.generation(A) == 3)
        row = await world.ledger.row(OF.name)
        assert row.head is not None
        assert row.head.plan.origin is Origin.ROLLBACK
        assert row.head.plan.record_sets == world.first.record_sets
        assert (await world.ledger.overrides())[0]


async def test_without_the_key_it_says_what_to_do_and_goes_on(tmp_path: Path) -> None:
    """No crash, no freeze, no plan unsigned; when the other is back, it follows."""
    world = World(tmp_path, Lagging.ROLL_BACK, key=False)
    async with working(world):
        await eventually(lambda: any("outlast rollback FILE" in one for one in world.drifts()))
        assert any(f"{OF.name} --to 1" in one for one in world.drifts())
        assert not (await world.ledger.overrides())[0]
        assert world.generation(A) == 2
        world.dns[B].poison = ""
        await eventually(lambda: world.both(2))
    assert not [one for one in world.facts if one.event is Event.BUG]


async def test_what_was_written_down_of_a_lag_is_taken_back(tmp_path: Path) -> None:
    """Also if it was the first provider that told of it: `status` would show it for ever."""
    world = World(tmp_path, Lagging.HOLD)
    async with working(world):
        await eventually(lambda: world.generation(A) == 2)
        world.dns[B].poison = ""
        await eventually(lambda: world.both(2))
        world.dns[B].poison = "_next."
        third = plan(OF, "us-1", generation=3, head=world.second)
        await world.commit(at_both(third, Lagging.HOLD), expected=2)
        await eventually(lambda: any("waits for other" in one for one in world.drifts()))
        assert await world.ledger.disagreements()
        world.dns[B].poison = ""
        await eventually(lambda: world.both(3))
        async with asyncio.timeout(5):
            # What the store holds is asked for; there is no event to wait for.
            while await world.ledger.disagreements():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
