"""The enactor's pump: what is due is taken up, in turn, whatever happened meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.builders import ZONE, endpoint, epoch, plan
from tests.support.heldprovider import HeldProvider
from tests.support.modeldns import put, values_at
from tests.support.waiting import eventually

from outlast.core.messages import CommitPlan
from outlast.drivers import enactor
from outlast.drivers.clock import SystemClock
from outlast.drivers.enactor import Enactor
from outlast.drivers.facts import Event, Fact
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.witness import Witness
from outlast.model.errors import Unreachable
from outlast.model.fence import FENCE_TTL_S, epoch_name, parse_fence
from outlast.model.names import DnsName, EnactorName, EndpointName, ProviderName
from outlast.model.plan import Layout, Observation, Plan, Ruling
from outlast.model.records import RecordSet, RecordType
from outlast.model.shares import Share, order_of
from outlast.model.topology import Address, PublishedName, Settings

OF = endpoint("eu-1", "us-1", "ap-1")
FIRST = plan(OF)
SETTINGS = Settings(verify_interval_s=0.02, takeover_s=0.05)
DNS = ProviderName("dns")


class World:
    """One enactor on a zone in memory."""

    def __init__(self, folder: Path) -> None:
        self.dns = HeldProvider()
        self.dns.zone = put(
            (), RecordSet(epoch_name(ZONE), RecordType.TXT, FENCE_TTL_S, (epoch(),))
        )
        self.facts: list[Fact] = []
        clock = SystemClock()
        self.ledger = Ledger(MemoryStore(), clock, "test")
        self.secondary: Observation | None = None

        async def ask(server: Address, layout: Layout) -> Observation:
            del layout
            if self.secondary is None:
                raise Unreachable(f"{server} did not answer")
            return self.secondary

        self.enactor = Enactor(
            EnactorName("e1"),
            share=Share(peers=(EnactorName("e1"),)),
            settings=SETTINGS,
            ledger=self.ledger,
            providers={DNS: self.dns},
            last_good=LastGoodFile(folder / "e1.log", {DNS: b"s" * 32}),
            witness=Witness(
                "e1",
                {DNS: [Address(host="192.0.2.53", port=53)]},
                ask=ask,
                ledger=self.ledger,
                clock=clock,
                tell=self.facts.append,
            ),
            clock=clock,
            tell=self.facts.append,
        )

    async def commit(self, wanted: Plan, *, expected: int = 0) -> None:
        ruling = Ruling(endpoint=wanted.endpoint, generation=wanted.generation, findings=())
        command = CommitPlan(plan=wanted, ruling=ruling, expected=type(wanted.base)(expected))
        assert await self.ledger.commit_plan(command)

    def generation(self) -> int:
        fence = parse_fence(values_at(self.dns.zone, FIRST.layout.fence_at, RecordType.TXT))
        return fence.generation if fence is not None else 0

    def told(self, event: Event) -> list[Fact]:
        return [one for one in self.facts if one.event is event]


@contextlib.asynccontextmanager
async def _working(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.enactor.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_plan_made_while_another_is_being_written_is_taken_up(tmp_path: Path) -> None:
    """What fell due during the work used to be dropped, and never looked at again."""
    world = World(tmp_path)
    world.dns.open.clear()
    await world.commit(FIRST)
    async with _working(world):
        await eventually(lambda: len(world.dns.sent) == 1)
        second = plan(OF, "eu-1", generation=2, head=FIRST)
        await world.commit(second, expected=1)
        await asyncio.sleep(0.01)  # the news arrives while the write hangs
        world.dns.open.set()
        await eventually(lambda: world.generation() == 2)


async def test_a_wiped_endpoint_is_found_and_mended(tmp_path: Path) -> None:
    """Every endpoint is compared with the DNS each verify interval."""
    world = World(tmp_path)
    await world.commit(FIRST)
    async with _working(world):
        await eventually(lambda: world.generation() == 1)
        world.dns.zone = tuple(one for one in world.dns.zone if one.name == epoch_name(ZONE))
        await eventually(lambda: world.generation() == 1)
        await eventually(lambda: bool(world.told(Event.HEALED)))


async def test_what_was_confirmed_stands_in_the_last_known_good_file(tmp_path: Path) -> None:
    """Rescue has nothing else."""
    world = World(tmp_path)
    await world.commit(FIRST)
    async with _working(world):
        await eventually(lambda: bool(world.told(Event.PUBLISHED)))
    loaded = LastGoodFile(tmp_path / "e1.log", {DNS: b"s" * 32}).load()
    assert loaded.entries[OF.name].plan == FIRST


async def test_a_secondary_that_stays_behind_is_told_once_and_again_when_it_agrees(
    tmp_path: Path,
) -> None:
    """What clients get comes from the secondaries."""
    world = World(tmp_path)
    await world.commit(FIRST)
    async with _working(world):
        await eventually(lambda: bool(world.told(Event.DRIFT)))
        assert "192.0.2.53:53: unreachable" in world.told(Event.DRIFT)[0].detail
        assert [server for server, _ in await world.ledger.disagreements()] == ["192.0.2.53:53"]
        assert world.enactor.disagreeing == 1
        world.secondary = await world.dns.read(FIRST.layout)
        await eventually(
            lambda: any("agrees again" in one.detail for one in world.told(Event.VERIFIED))
        )
    assert len(world.told(Event.DRIFT)) == 1
    assert world.enactor.disagreeing == 0
    assert await world.ledger.disagreements() == []


async def test_a_released_endpoint_is_left_alone(tmp_path: Path) -> None:
    """Without a plan in the store nothing is put back."""
    world = World(tmp_path)
    await world.commit(FIRST)
    async with _working(world):
        await eventually(lambda: world.generation() == 1)
        await world.ledger.forget(OF.name)
        world.dns.zone = tuple(one for one in world.dns.zone if one.name == epoch_name(ZONE))
        reads = world.dns.reads
        await eventually(lambda: world.dns.reads > reads)  # the sweep that finds no plan any more
        sent, reads = len(world.dns.sent), world.dns.reads
        await asyncio.sleep(5 * SETTINGS.verify_interval_s)  # five sweeps that must not be
        assert (len(world.dns.sent), world.dns.reads) == (sent, reads)
        assert world.generation() == 0


def test_each_endpoint_has_its_own_order_of_enactors() -> None:
    """Work is spread, and the order is the same for whoever asks."""
    names = [EnactorName(f"enactor-{index}") for index in range(3)]
    orders = {tuple(order_of(EndpointName(f"e{index}"), names)) for index in range(50)}
    assert len(orders) == 6
    assert order_of(OF.name, names) == order_of(OF.name, names[::-1])


async def test_a_sweep_of_very_many_endpoints_takes_as_long_as_it_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a bounded rate, from the first moment on; its length is told."""
    world = World(tmp_path)
    for name in ("shop", "api", "auth"):  # none of them is first in the sweep
        names = [PublishedName(name=DnsName(f"{name}.{ZONE}"))]
        await world.commit(plan(endpoint("eu-1", "us-1", name=name, names=names)))
    async with _working(world):
        await eventually(lambda: len(world.told(Event.PUBLISHED)) == 3)
    monkeypatch.setattr(enactor, "VERIFY_RATE_MAX", 0.5)
    again = World(tmp_path)
    again.ledger = again.enactor._ledger = world.ledger
    again.dns.zone = world.dns.zone
    async with _working(again):
        await eventually(lambda: "each verified every 6 s" in again.enactor.doing)
        await asyncio.sleep(5 * SETTINGS.verify_interval_s)  # five sweeps of the interval asked for
    assert again.told(Event.VERIFIED) == []
