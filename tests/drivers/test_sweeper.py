"""Trees driven by a whole enactor: written down before they are laid, swept by whoever looks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.builders import ZONE, endpoint, epoch, plan
from tests.support.heldprovider import HeldProvider
from tests.support.modeldns import put
from tests.support.waiting import eventually

from outlast.core.messages import CommitPlan
from outlast.core.verify import compare
from outlast.drivers import entries
from outlast.drivers.clock import SystemClock
from outlast.drivers.entries import Head
from outlast.drivers.facts import Event, Fact
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.mirrored import MirroredEnactor
from outlast.drivers.stores.limits import VALUE_BYTES_MAX
from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.sweeper import trees_of
from outlast.drivers.through import read_through
from outlast.drivers.witness import Witness
from outlast.model.errors import ProviderError, StoreCorrupt, StoreError, Unreachable
from outlast.model.fence import FENCE_TTL_S, epoch_name
from outlast.model.names import DnsName, EnactorName, ProviderName
from outlast.model.plan import Layout, Observation, Plan, Proof, Ruling
from outlast.model.records import RecordSet, RecordType
from outlast.model.shares import Share
from outlast.model.topology import Address, Settings
from outlast.model.treenames import generation_of
from outlast.model.units import Generation
from outlast.ports import Change, Entry

AT_ONCE = endpoint("eu-1", "us-1", ttl_s=0)
"""Its quarantine is over at the second look."""


class Through(HeldProvider):
    """A zone in memory that is read as drivers read: along pointers."""

    async def read(self, layout: Layout) -> Observation:
        """Read what stands there now."""
        return await read_through(super().read, layout)


def treed(generation: int, ttl_s: int = 0) -> Plan:
    """A plan that lies in a tree."""
    of = replace(AT_ONCE, ttl_s=ttl_s)
    made = plan(of, *(["eu-1"] if generation % 2 else []), generation=generation)
    return replace(made, layout=replace(made.layout, tree=True), base=Generation(generation - 1))


class World:
    """A store and a zone that outlive the enactors that work on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dns = Through()
        record = RecordSet(epoch_name(ZONE), RecordType.TXT, FENCE_TTL_S, (epoch(),))
        self.dns.zone = put((), record)
        self.store = MemoryStore()
        self.ledger = Ledger(self.store, SystemClock(), "planner")
        self.facts: list[Fact] = []

    def enactor(self) -> MirroredEnactor:
        """A fresh one."""
        clock, e1, dns = SystemClock(), EnactorName("e1"), ProviderName("dns")

        async def ask(server: Address, layout: Layout) -> Observation:
            raise Unreachable(f"{server} does not answer for {layout.fence_at}")

        ledger = Ledger(self.store, clock, "e1")
        tell = self.facts.append
        return MirroredEnactor(
            e1,
            share=Share(peers=(e1,)),
            settings=Settings(verify_interval_s=0.02, takeover_s=0.02),
            ledger=ledger,
            providers={dns: self.dns},
            last_good=LastGoodFile(self.folder / "e1.log", {dns: b"s" * 32}),
            witness=Witness("e1", {}, ask=ask, ledger=ledger, clock=clock, tell=tell),
            clock=clock,
            tell=tell,
        )

    async def commit(self, wanted: Plan) -> None:
        """Make a plan the newest."""
        ruling = Ruling(endpoint=wanted.endpoint, generation=wanted.generation, findings=())
        command = CommitPlan(plan=wanted, ruling=ruling, expected=wanted.base)
        assert await self.ledger.commit_plan(command)

    async def publish(self, wanted: Plan) -> None:
        """Commit a plan and wait until it stands."""
        await self.commit(wanted)
        async with asyncio.timeout(30):
            # What stands is asked for; there is no event to wait for.
            while not isinstance(compare(wanted, await self.dns.read(wanted.layout)), Proof):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def standing(self) -> list[int]:
        """The generations whose trees stand in the zone."""
        tops = {str(one.name).partition(".")[0] for one in self.dns.zone}
        return sorted({int(generation_of(one)) for one in tops} - {0})

    async def listed(self) -> list[int]:
        """The generations whose trees are written down."""
        return [one.generation for one in await trees_of(self.store, AT_ONCE.name)]


@contextlib.asynccontextmanager
async def working(world: World) -> AsyncIterator[None]:
    """An enactor at work."""
    task = asyncio.create_task(world.enactor().run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_all_but_the_live_tree_and_the_one_before_it_go(tmp_path: Path) -> None:
    """From the zone and from the list; the story is told."""
    world = World(tmp_path)
    async with working(world):
        for generation in (1, 2, 3, 4):
            await world.publish(treed(generation))
        await eventually(lambda: world.standing() == [3, 4])
        await eventually(lambda: any(one.event is Event.RETIRED for one in world.facts))
    assert await world.listed() == [3, 4]
    assert not [one for one in world.facts if one.event is Event.BUG]


async def test_nothing_goes_before_its_quarantine_and_a_restart_begins_it_anew(
    tmp_path: Path,
) -> None:
    """An hour's TTL: however often it is looked, and whoever looks, everything stands."""
    world = World(tmp_path)
    async with working(world):
        for generation in (1, 2, 3):
            await world.publish(treed(generation, ttl_s=3600))
    before = world.dns.reads
    async with working(world):
        await eventually(lambda: world.dns.reads > before + 10)
    assert world.standing() == await world.listed() == [1, 2, 3]


async def test_a_tree_that_was_abandoned_is_swept_by_the_next_enactor(tmp_path: Path) -> None:
    """It was written down before its first record was laid; a restart finds it there."""
    world = World(tmp_path)
    async with working(world):
        await world.publish(treed(1))
        world.dns.poison = "_outlast."
        await world.commit(treed(2))
        await eventually(lambda: world.standing() == [1, 2])
    assert await world.listed() == [1, 2]
    world.dns.poison = ""
    async with working(world):
        await world.publish(treed(3))
        await eventually(lambda: world.standing() == [1, 3])
    assert await world.listed() == [1, 3], "the one that was live before is kept"


async def test_trees_are_swept_after_the_plan_went_back_in_place(tmp_path: Path) -> None:
    """The last one is kept: it is what was live before."""
    world = World(tmp_path)
    async with working(world):
        await world.publish(treed(1))
        await world.publish(treed(2))
        flat = replace(treed(3), layout=replace(treed(3).layout, tree=False))
        await world.publish(flat)
        await eventually(lambda: world.standing() == [2])


async def test_a_reading_that_never_holds_still_is_an_error() -> None:
    """Two readings of two moments are never put together."""
    dns = HeldProvider()
    wanted = treed(1)
    calls = 0

    async def read(layout: Layout) -> Observation:
        nonlocal calls
        calls += 1
        seen = await dns.read(layout)
        top = f"g1-{wanted.digest[:12]}"
        name = wanted.layout.names[0]
        pointer = RecordSet(name, RecordType.CNAME, 0, (f"{top}.{name}",))
        found = (pointer,) if layout.names[0] == name else ()
        return replace(seen, record_sets=found, fence=(f"fence {calls}",))

    with pytest.raises(ProviderError, match="moves faster"):
        await read_through(read, wanted.layout)
    assert calls > 2


async def test_nothing_is_laid_that_could_not_be_written_down(tmp_path: Path) -> None:
    """A store that does not answer: no tree of which nobody would know."""
    world = World(tmp_path)
    enactor = world.enactor()
    await world.commit(treed(1))
    commit, refused = world.store.commit, []

    async def refuse(change: Change) -> int | None:
        if any(key.startswith("tree/") for key, _ in change.puts):
            refused.append(change)
            raise StoreError("it is away", remedy="wait")
        return await commit(change)

    world.store.commit = refuse  # type: ignore[method-assign]
    await enactor.drive(treed(1).layout)
    assert refused
    assert world.standing() == []


async def test_a_plan_of_many_records_fits_a_value_of_the_store() -> None:
    """400 names with the same 500 addresses say little, and are kept so."""
    values = [f"10.0.{one // 250}.{one % 250 + 1}" for one in range(500)]
    sets = tuple(
        RecordSet.of(DnsName(f"n{one:03}.{ZONE}"), RecordType.A, 60, values) for one in range(400)
    )
    head = Head(
        plan=replace(treed(1), record_sets=sets),
        ruling=Ruling(endpoint=AT_ONCE.name, generation=Generation(1), findings=()),
    )
    packed = entries.encode(head)
    assert 2 * len(packed) < VALUE_BYTES_MAX, "one commit holds it twice"
    assert entries.decode(entries.HEAD, Entry("k", packed, 1)) == head
    with pytest.raises(StoreCorrupt):
        entries.decode(entries.HEAD, Entry("k", packed[:-9], 1))
