"""The running system for `bench.plan`: planner and enactor over a large world; what one change costs.

A hundred endpoints of the world have two probed targets each, all others stay as they are. A vote says that
one of them is down; the clock stops when the enactor has read back from the name server that its
address is gone.
"""

import asyncio
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from bench.planworld import World
from tests.support.waiting import eventually

from outlast.app.options import open_world
from outlast.app.wiring import World as Wired
from outlast.core.observe import VantageView
from outlast.drivers.enactor import Enactor
from outlast.drivers.facts import Event, Fact
from outlast.drivers.ledger import Ledger
from outlast.drivers.planner import Planner
from outlast.model.health import Verdict, Vote
from outlast.model.names import EnactorName, EndpointName, Subject, TargetName, VantageName
from outlast.model.records import Family
from outlast.model.shares import Share
from outlast.model.topology import CheckKind, HealthCheck, subject_of
from outlast.model.units import NS_PER_MS, Nanos

PROBED = 120
"""Endpoints that get a second target and checks."""

ALONE = 11
"""Single changes measured, one after the other."""

TOGETHER = 100
HERE = VantageName("here")
NAME = EnactorName("bench")
DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What changes cost a running system, in milliseconds, and how long it took to start, in seconds."""

    start_s: float
    one_ms: float
    hundred_ms: float


class _Watch:
    """Counts confirmed publications."""

    def __init__(self) -> None:
        self.count = 0
        self._news = asyncio.Event()

    def tell(self, fact: Fact) -> None:
        if fact.event is Event.PUBLISHED:
            self.count += 1
            self._news.set()

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.count < count:
                self._news.clear()
                await self._news.wait()


def measure(world: World) -> Cost:
    """Start planner and enactor over the world and change targets."""
    return asyncio.run(_measure(_probed(open_world(world.topology, world.state))))


def _probed(wired: Wired) -> Wired:
    """Give the first endpoints a second target, and checks."""
    endpoints = list(wired.topology.endpoints)
    check = HealthCheck(kind=CheckKind.HTTP)
    for index, one in enumerate(endpoints[:PROBED]):
        first = replace(one.targets[0], check=check)
        second = replace(first, name=TargetName("two"), ipv4=f"192.0.2.{index + 1}")
        endpoints[index] = replace(one, targets=(first, second))
    return replace(wired, topology=replace(wired.topology, endpoints=tuple(endpoints)))


async def _measure(wired: Wired) -> Cost:
    watch = _Watch()
    store = await wired.store(check_s=0.05)
    providers = wired.providers()
    ledger = wired.ledger(store, "bench")
    planner = Planner(
        wired.topology, ledger=ledger, providers=providers, clock=wired.clock, tell=watch.tell
    )
    enactor = Enactor(
        NAME,
        share=Share(peers=(NAME,)),
        settings=wired.topology.settings,
        ledger=ledger,
        providers=wired.providers(),
        last_good=wired.last_good(NAME),
        witness=wired.witness(NAME, ledger, watch.tell),
        clock=wired.clock,
        tell=watch.tell,
    )
    names = [one.name for one in wired.topology.endpoints[:PROBED]]
    await _vote(ledger, wired, names, Verdict.UP)
    began_s = time.perf_counter()
    tasks = [asyncio.create_task(one) for one in (planner.run(), enactor.run())]
    alive = asyncio.create_task(_live(ledger, wired))
    try:
        await watch.reach(len(names))
        everybody = len(wired.topology.endpoints)
        await eventually(lambda: len(planner.states) == everybody, deadline_s=DEADLINE_S)
        start_s = time.perf_counter() - began_s
        alone = [
            await _time(ledger, wired, watch, [names.pop()]) for _ in range(min(ALONE, len(names)))
        ]
        together = await _time(ledger, wired, watch, names[:TOGETHER])
    finally:
        for task in (*tasks, alive):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for provider in providers.values():
            await provider.close()
        await store.close()
    return Cost(start_s, statistics.median(alone), together)


async def _live(ledger: Ledger, wired: Wired) -> None:
    """Be the vantage that goes on probing."""
    while True:
        view = VantageView(vantage=HERE, regions=(), heard_at_ns=wired.clock.now_ns())
        await ledger.cast(view, (), ())
        await asyncio.sleep(1.0)


async def _time(ledger: Ledger, wired: Wired, watch: _Watch, names: list[EndpointName]) -> float:
    """Let one target of each endpoint die; return the milliseconds until all of that stands."""
    wanted = watch.count + len(names)
    began_ns = time.perf_counter_ns()
    await _vote(ledger, wired, names, Verdict.DOWN)
    await watch.reach(wanted)
    return (time.perf_counter_ns() - began_ns) / NS_PER_MS


async def _vote(ledger: Ledger, wired: Wired, names: list[EndpointName], verdict: Verdict) -> None:
    now_ns: Nanos = wired.clock.now_ns()
    view = VantageView(vantage=HERE, regions=(), heard_at_ns=now_ns)
    votes: list[Vote] = []
    subjects: list[Subject] = []
    for name in names:
        for target in ("one", "two"):
            up = verdict is Verdict.UP or target == "two"
            votes.append(
                Vote(
                    vantage=HERE,
                    verdict=Verdict.UP if up else Verdict.DOWN,
                    good_run=3 if up else 0,
                    bad_run=0 if up else 3,
                    since_ns=now_ns,
                    run_since_ns=now_ns,
                    at_ns=now_ns,
                )
            )
            subjects.append(subject_of(name, TargetName(target), Family.IPV4))
    await ledger.cast(view, tuple(votes), tuple(subjects))
