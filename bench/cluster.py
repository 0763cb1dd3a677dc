"""The store on etcd as the number of endpoints grows: what a change costs, and a start.

    python -m bench.cluster [--quick]

A real etcd of one member holds a plan with three targets for each endpoint, as the planner commits them.
Ten followers, each with a connection of its own, read it as ten enactors on ten machines do: everything
once, then what changes. Not measured: the DNS, and the time that a plan takes to make.

- *start*: one follower reads every endpoint.
- *change*: one plan is committed; until all ten have read it.
- *requests*, *KiB*: asked of etcd and answered by it for one such change, by all eleven together, without
  what the watches bring.
- *plans a second*: committed one endpoint each, up to 64 at once, while the ten follow.
- *listings*: how often a follower listed endpoints instead of reading what is new, in all changes.
"""

import asyncio
import contextlib
import gc
import resource
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.harness import machine, options
from tests.support import builders
from tests.support.etcd import Cluster, running

from outlast.core.messages import CommitPlan
from outlast.drivers import entries
from outlast.drivers.clock import SystemClock
from outlast.drivers.entries import Head
from outlast.drivers.ledger import Ledger
from outlast.drivers.stores.etcd.link import Access, Link
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.model.names import EndpointName
from outlast.model.plan import Plan, Ruling
from outlast.model.units import Generation
from outlast.ports import Change

FOLLOWERS = 10
BATCH = 60
CHANGES = 40
SIZES = (1_000, 10_000, 100_000)


class CountedLink(Link):
    """A link that counts what it asks and receives."""

    requests = 0
    received = 0
    listings = 0

    async def send(self, method: str, request: bytes) -> bytes:
        """Send a request once, and count it."""
        answer = await super().send(method, request)
        CountedLink.requests += 1
        CountedLink.received += len(answer)
        CountedLink.listings += b"k/endpoint0" in request
        return answer


@dataclass(frozen=True, slots=True)
class Line:
    """What came out for one number of endpoints."""

    endpoints: int
    start_s: float
    change_ms: float
    slowest_ms: float
    requests: float
    kib: float
    rate: float
    listings: int
    ours_mb: float
    etcd_mb: float
    disk_mb: float

    def row(self) -> str:
        """The line in Markdown."""
        return (
            f"| {self.endpoints:,} | {self.start_s:.2f} | {self.change_ms:.1f} | {self.slowest_ms:.1f} "
            f"| {self.requests:.0f} | {self.kib:.0f} | {self.rate:,.0f} | {self.listings} "
            f"| {self.ours_mb:.0f} | {self.etcd_mb:.0f} | {self.disk_mb:.0f} |"
        )


HEAD = (
    "| endpoints | start, s | change, ms (median) | slowest | requests | KiB | plans/s | listings "
    "| ours, MB (11 stores) | etcd, MB | its disk, MB |\n|---:|" + "---:|" * 10
)


def head_of(number: int, generation: int) -> Head:
    """Make the plan of an endpoint with three targets."""
    endpoint = builders.endpoint("eu-1", "us-1", "ap-1", name=f"e{number:06d}")
    plan = builders.plan(endpoint, generation=generation)
    return Head(plan=plan, ruling=ruling_of(plan))


def ruling_of(plan: Plan) -> Ruling:
    """Make a ruling that lets a plan pass."""
    return Ruling(endpoint=plan.endpoint, generation=plan.generation, findings=())


async def load(store: EtcdStore, count: int) -> None:
    """Put a head for each endpoint."""
    heads = (head_of(number, 1) for number in range(count))
    puts = [(f"endpoint/{one.plan.endpoint}/head", entries.encode(one)) for one in heads]
    changes = [Change(puts=tuple(puts[at : at + BATCH])) for at in range(0, count, BATCH)]
    for at in range(0, len(changes), BATCH):
        await asyncio.gather(*(store.commit(one) for one in changes[at : at + BATCH]))


def counted(access: Access) -> EtcdStore:
    """Open a store whose requests are counted."""
    return EtcdStore(access, link=CountedLink(access))


class Follower:
    """Reads as an enactor does: everything once, then what changes."""

    def __init__(self, store: EtcdStore) -> None:
        self.store = store
        self.ledger = Ledger(store, SystemClock(), "bench")
        self.seen: dict[EndpointName, Generation] = {}
        self.moved = asyncio.Event()
        self.revision = 0

    async def begin(self) -> None:
        """Read everything."""
        rows, self.revision = await self.ledger.rows()
        self.seen = {row.endpoint: row.head.plan.generation for row in rows if row.head}

    async def follow(self) -> None:
        """Read what changes, until cancelled."""
        while True:
            rows, seen = await self.ledger.rows(newer_than=self.revision)
            for row in rows:
                if row.head is not None:
                    self.seen[row.endpoint] = row.head.plan.generation
            self.moved.set()
            await self.ledger.wait(seen)
            self.revision = seen

    async def until(self, name: EndpointName, generation: int) -> None:
        """Return once this plan was read."""
        while self.seen.get(name, 0) < generation:
            self.moved.clear()
            await self.moved.wait()


@contextlib.asynccontextmanager
async def followers(access: Access) -> AsyncIterator[list[Follower]]:
    """Ten followers at work."""
    made = [Follower(counted(access)) for _ in range(FOLLOWERS)]
    for one in made:
        await one.begin()
    # Eleven processes' objects are in this one: without this, its collector is what is measured.
    gc.collect()
    gc.freeze()
    tasks = [asyncio.create_task(one.follow()) for one in made]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in made:
            await one.store.close()


async def commit(ledger: Ledger, number: int, generation: int) -> EndpointName:
    """Commit the next plan of an endpoint."""
    head = head_of(number, generation)
    command = CommitPlan(plan=head.plan, ruling=head.ruling, expected=Generation(generation - 1))
    if not await ledger.commit_plan(command):
        raise AssertionError("a plan that should have been committed was not")
    return head.plan.endpoint


async def measure(cluster: Cluster, count: int) -> Line:
    """Measure one number of endpoints."""
    access = Access(endpoints=cluster.endpoints, request_s=20, patience_s=60)
    store = counted(access)
    ledger = Ledger(store, SystemClock(), "bench")
    await load(store, count)
    began = time.perf_counter()
    await Follower(store).begin()
    start_s = time.perf_counter() - began
    times: list[float] = []
    async with followers(access) as ten:
        await commit(ledger, 0, 2)
        await asyncio.gather(*(one.until(EndpointName("e000000"), 2) for one in ten))
        await asyncio.sleep(0.5)
        before = CountedLink.requests, CountedLink.received, CountedLink.listings
        for at in range(CHANGES):
            began = time.perf_counter()
            name = await commit(ledger, 1 + at, 2)
            await asyncio.gather(*(one.until(name, 2) for one in ten))
            times.append(1000 * (time.perf_counter() - began))
        asked = CountedLink.requests - before[0]
        received = CountedLink.received - before[1]
        listings = CountedLink.listings - before[2]
        began = time.perf_counter()
        numbers = range(100, 900)
        await asyncio.gather(*(commit(ledger, number, 2) for number in numbers))
        rate = len(numbers) / (time.perf_counter() - began)
        await ten[0].until(EndpointName("e000899"), 2)
    await store.close()
    return Line(
        count,
        start_s,
        statistics.median(times),
        max(times),
        asked / CHANGES,
        received / CHANGES / 1024,
        rate,
        listings,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        _resident_mb(cluster),
        _disk_mb(cluster),
    )


def _resident_mb(cluster: Cluster) -> float:
    process = cluster.members[0].process
    status = Path(f"/proc/{process.pid}/status").read_text() if process is not None else ""
    line = next((one for one in status.splitlines() if one.startswith("VmRSS")), "VmRSS: 0 kB")
    return int(line.split()[1]) / 1024


def _disk_mb(cluster: Cluster) -> float:
    files = cluster.folder.rglob("*")
    return sum(one.stat().st_size for one in files if one.name == "db") / 1024**2


def main() -> None:
    """Print the table."""
    given = options("The store on etcd as the number of endpoints grows.")
    sizes = SIZES[:2] if given.quick else SIZES
    print(machine())
    print()
    print(HEAD)
    for count in sizes:
        with running(1) as cluster:
            print(asyncio.run(measure(cluster, count)).row(), flush=True)


if __name__ == "__main__":
    main()
