"""Of several that play one role one works, and what it plans stands under its term."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from tests.drivers.test_ledger import API, FIRST, SECOND, command
from tests.support.waiting import eventually

from outlast.drivers import leadership
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Fact
from outlast.drivers.leadership import Deposed, Leadership
from outlast.drivers.ledger import Ledger
from outlast.drivers.stores.memory import MemoryStore
from outlast.model.plan import Plan
from outlast.ports import Change

LONG_S = 3600.0


@dataclass
class Planner:
    """A planner of several: its seat, its ledger, and a job that does what it is told."""

    name: str
    store: MemoryStore
    facts: list[Fact] = field(default_factory=list)
    working: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: asyncio.Queue[Plan] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        self.seat = Leadership(self.store, "planner", self.name, self.facts.append)
        self.ledger = Ledger(self.store, SystemClock(), self.name)
        self.ledger.term = self.seat.term

    @property
    def said(self) -> list[str]:
        """What it told of its seat."""
        return [one.detail for one in self.facts]

    async def commit(self, wanted: Plan) -> bool:
        """Commit a plan on top of the one before it."""
        return await self.ledger.commit_plan(command(wanted, wanted.base))

    async def _job(self) -> None:
        self.working.set()
        while True:
            await self.commit(await self.wanted.get())

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Let it take part."""
        task = asyncio.create_task(self.seat.keep(self._job))
        try:
            async with asyncio.timeout(30):
                await self.working.wait()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def seats(monkeypatch: pytest.MonkeyPatch) -> tuple[Planner, Planner]:
    """Two planners: nobody renews what it holds, and whoever comes takes over at once."""
    monkeypatch.setattr(leadership, "RENEW_S", LONG_S)
    monkeypatch.setattr(leadership, "TTL_S", 0.0)
    store = MemoryStore()
    return Planner("one", store), Planner("two", store)


async def generation(store: MemoryStore) -> int:
    """The newest plan's."""
    head = (await Ledger(store, SystemClock(), "test").row(API)).head
    return head.plan.generation if head is not None else 0


async def test_who_was_overtaken_commits_nothing(seats: tuple[Planner, Planner]) -> None:
    """It stood still, and goes on in the middle of a turn: the head is as it knows it, its term is over."""
    one, two = seats
    async with one.at_work():
        assert await one.commit(FIRST)
        async with two.at_work():
            with pytest.raises(Deposed, match="another planner leads"):
                await one.commit(SECOND)
            assert await generation(one.store) == 1
            assert await two.commit(SECOND)


async def test_a_plan_that_lost_for_another_reason_is_only_lost(
    seats: tuple[Planner, Planner],
) -> None:
    one, _ = seats
    async with one.at_work():
        assert await one.commit(FIRST)
        assert not await one.commit(FIRST), "the head is another one; the term goes on"


async def test_nobody_commits_who_does_not_lead_yet(seats: tuple[Planner, Planner]) -> None:
    one, two = seats
    async with two.at_work():
        with pytest.raises(Deposed):
            await one.commit(FIRST)


async def test_who_was_overtaken_stands_by(
    seats: tuple[Planner, Planner], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job ends at the plan that was not taken, and begins again when it is its turn."""
    one, two = seats
    async with one.at_work():
        async with two.at_work():
            monkeypatch.setattr(leadership, "TTL_S", LONG_S)
            one.wanted.put_nowait(FIRST)
            await eventually(lambda: "stands by for two" in one.said)
            assert one.said == ["leads", "another planner leads", "stands by for two"]
            assert await two.commit(FIRST)
        assert not one.seat.leads


@pytest.mark.parametrize("lost", ["lead/planner", "term/planner"])
async def test_a_store_that_went_back_begins_a_new_term(
    seats: tuple[Planner, Planner], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """To a time before ours, or to a moment within it: who leads goes on leading, and plans again."""
    one, _ = seats
    monkeypatch.setattr(leadership, "RENEW_S", 0.01)
    async with one.at_work():
        before = one.seat.term.revision
        entry = await one.store.get("lead/planner")
        assert entry is not None
        again = Change(deletes=(lost,), puts=(("lead/planner", entry.value),) * (lost[0] == "t"))
        assert await one.store.commit(again)
        await eventually(lambda: one.seat.term.revision > before)
        assert await one.commit(FIRST)


async def test_each_take_over_begins_a_term(seats: tuple[Planner, Planner]) -> None:
    """Whoever led before leads under a new one, and the one between them does not."""
    one, two = seats
    for leader in (one, two, one):
        leader.working.clear()
        async with leader.at_work():
            assert leader.seat.leads
    assert await one.commit(FIRST)
    with pytest.raises(Deposed):
        await two.commit(SECOND)
