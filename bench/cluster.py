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

Then, in an etcd of its own, the roles themselves (`bench.clusterroles`): one planner and ten enactors, all in
this process, beside a DNS in memory that holds everything already.

- *plan*, *applied*: one target dies; until its plan is in the store, until it stands in the DNS and is
  confirmed there. *together*: publications a second when two hundred die at once.
- *DNS reads*: questions for one such change, by all ten.

A full run also draws how it grows, as `docs/pictures/cluster-growth.svg`.
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

from bench.clusterroles import ALONE, Roles, endpoint_of
from bench.clusterroles import measure as measure_roles
from bench.drill_plot import Line as Curve
from bench.drill_plot import Panel, plot
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
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "cluster-growth.svg"


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
    plan = builders.plan(endpoint_of(number), generation=generation)
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


@dataclass(frozen=True, slots=True)
class RoleLine:
    """What came out for the roles at one number of endpoints."""

    endpoints: int
    roles: Roles
    requests: float
    kib: float
    ours_mb: float
    etcd_mb: float

    def row(self) -> str:
        """The line in Markdown."""
        one = self.roles
        return (
            f"| {self.endpoints:,} | {3 * self.endpoints:,} | {one.start_s:.1f} | {one.plan_ms:.0f} "
            f"| {one.applied_ms:.0f} | {one.rate:.0f} | {one.reads:.0f} | {self.requests:.0f} "
            f"| {self.kib:.0f} | {self.ours_mb:.0f} | {self.etcd_mb:.0f} |"
        )


ROLES_HEAD = (
    "| endpoints | targets | start, s | plan, ms | applied, ms | together, a second | DNS reads | requests "
    "| KiB | ours, MB (11 roles) | etcd, MB |\n|---:|" + "---:|" * 10
)


async def at_work(cluster: Cluster, count: int) -> RoleLine:
    """Measure the roles at one number of endpoints."""
    access = Access(endpoints=cluster.endpoints, request_s=20, patience_s=60)
    opened: list[EtcdStore] = []

    def open_store() -> EtcdStore:
        opened.append(counted(access))
        return opened[-1]

    await load(open_store(), count)
    plans = [head_of(number, 1).plan for number in range(count)]
    marks: list[tuple[int, int]] = []

    def settled() -> None:
        marks.append((CountedLink.requests, CountedLink.received))

    roles = await measure_roles(open_store, count, plans, settled)
    for one in opened:
        await one.close()
    (began, bytes_before), (ended, bytes_after) = marks
    return RoleLine(
        count,
        roles,
        (ended - began) / ALONE,
        (bytes_after - bytes_before) / ALONE / 1024,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        _resident_mb(cluster),
    )


def draw(stores: list[Line], roles: list[RoleLine]) -> str:
    """Draw how it grows."""

    def curve(name: str, *points: tuple[int, float]) -> Curve:
        return Curve(name, tuple((x / 1000, y) for x, y in points))

    thousands = "thousands of endpoints"
    start = curve("one follower reads all", *((one.endpoints, one.start_s) for one in stores))
    change = curve("change, ms", *((one.endpoints, one.change_ms) for one in stores))
    asked = curve("requests for it", *((one.endpoints, one.requests) for one in stores))
    etcd = curve("etcd", *((one.endpoints, one.etcd_mb) for one in stores))
    disk = curve("its disk", *((one.endpoints, one.disk_mb) for one in stores))
    plan = curve("vote to plan, ms", *((one.endpoints, one.roles.plan_ms) for one in roles))
    applied = curve(
        "vote to applied, ms", *((one.endpoints, one.roles.applied_ms) for one in roles)
    )
    return plot(
        (
            Panel("start", thousands, "s", (start,)),
            Panel("one change", thousands, "", (change, asked)),
            Panel("one change, roles at work", thousands, "ms", (plan, applied)),
            Panel("memory and disk", thousands, "MB", (etcd, disk)),
        )
    )


def main() -> None:
    """Print the tables, and draw."""
    given = options("The store on etcd as the number of endpoints grows.")
    sizes = SIZES[:2] if given.quick else SIZES
    print(machine())
    print()
    print(HEAD)
    stores, roles = [], []
    for count in sizes:
        with running(1) as cluster:
            stores.append(asyncio.run(measure(cluster, count)))
        print(stores[-1].row(), flush=True)
    print()
    print(ROLES_HEAD)
    for count in sizes:
        with running(1) as cluster:
            roles.append(asyncio.run(at_work(cluster, count)))
        print(roles[-1].row(), flush=True)
    if not given.quick:
        PICTURE.write_text(draw(stores, roles), encoding="utf-8")
        print("\n![how it grows with the number of endpoints](pictures/cluster-growth.svg)")


if __name__ == "__main__":
    main()
