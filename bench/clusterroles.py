"""The roles of `bench.cluster` at work: one planner and ten enactors over etcd, beside a DNS in memory.

The DNS answers at once, so what is measured is ours and etcd's: from a vote that says that a target is down
to its plan in the store, and from there to ten enactors who have read back that it stands, one of whom wrote
it. It holds what was published before for all endpoints, and the store the receipts, as after a quiet night.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import builders
from tests.support.waiting import eventually

from outlast.core.observe import VantageView
from outlast.drivers import entries
from outlast.drivers.clock import SystemClock
from outlast.drivers.enactor import Enactor
from outlast.drivers.facts import Event, Fact
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.planner import Planner
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.drivers.witness import Witness
from outlast.model.fence import Fence, epoch_name
from outlast.model.health import Verdict, Vote
from outlast.model.names import DnsName, EnactorName, EndpointName, ProviderName, VantageName
from outlast.model.plan import (
    Absent,
    Layout,
    Observation,
    Outcome,
    OutcomeKind,
    Plan,
    Receipt,
    Transaction,
)
from outlast.model.records import Family, RecordSet, RecordType
from outlast.model.shares import Share
from outlast.model.topology import (
    Address,
    Endpoint,
    PublishedName,
    Settings,
    Topology,
    subject_of,
)
from outlast.model.units import Nanos
from outlast.ports import Change

ENACTORS = 10
ALONE = 11
TOGETHER = 200
PROBED = 1 + ALONE + TOGETHER
BATCH = 60
DEADLINE_S = 600.0
HERE = VantageName("here")
DNS = ProviderName("dns")
Key = tuple[DnsName, RecordType]


@dataclass(frozen=True, slots=True)
class Roles:
    """What changes cost while the roles are at work.

    Attributes:
        start_s: until the planner has looked at every endpoint, and the enactors have read them.
        plan_ms: from one vote to its plan in the store, the median; applied_ms: to its receipt there.
        rate: publications a second, of `TOGETHER` targets that die at once.
        reads: questions to the DNS for each change that was made alone, by all ten.
    """

    start_s: float
    plan_ms: float
    applied_ms: float
    rate: float
    reads: float


class MemoryDns:
    """A name server that answers at once."""

    def __init__(self) -> None:
        self.values: dict[Key, RecordSet] = {}
        self.reads = 0

    def put(self, *record_sets: RecordSet) -> None:
        """Hold these."""
        for one in record_sets:
            self.values[one.name, one.rtype] = one

    def _at(self, name: DnsName, rtype: RecordType) -> tuple[str, ...]:
        found = self.values.get((name, rtype))
        return found.values if found is not None else ()

    async def read(self, layout: Layout) -> Observation:
        """Return what stands."""
        self.reads += 1
        sets = [self.values.get((name, one)) for name in layout.names for one in RecordType]
        return Observation(
            endpoint=layout.endpoint,
            provider=layout.provider,
            epoch=self._at(epoch_name(layout.zone), RecordType.TXT),
            fence=self._at(layout.fence_at, RecordType.TXT),
            record_sets=tuple(
                sorted((it for it in sets if it), key=lambda it: (it.name, it.rtype))
            ),
            at_ns=Nanos(time.time_ns()),
        )

    async def write(self, transaction: Transaction) -> Outcome:
        """Carry out a transaction if all its conditions hold."""
        for one in transaction.conditions:
            wanted = () if isinstance(one, Absent) else tuple(sorted(one.values))
            if self._at(one.name, one.rtype) != wanted:
                return Outcome(kind=OutcomeKind.REFUSED)
        for key in transaction.deletions:
            self.values.pop(key, None)
        self.put(*transaction.additions)
        return Outcome(kind=OutcomeKind.APPLIED)

    async def close(self) -> None:
        """Nothing is open."""


def endpoint_of(number: int) -> Endpoint:
    """Make an endpoint of three targets, of which the first ones' are probed."""
    name = f"e{number:06d}"
    probed = number < PROBED
    return builders.endpoint(
        *(builders.target(one, probed=probed) for one in ("eu-1", "us-1", "ap-1")),
        name=name,
        names=(PublishedName(name=DnsName(f"{name}.example.net")),),
    )


def fence_of(plan: Plan, number: int) -> Fence:
    """Make the fence that stands beside a plan."""
    return Fence(plan.generation, plan.digest, builders.nonce(number), "enactor-1")


async def receive(store: EtcdStore, plans: Sequence[Plan], dns: MemoryDns) -> None:
    """Have all plans published and confirmed."""
    dns.put(RecordSet(epoch_name(builders.ZONE), RecordType.TXT, 30, (builders.epoch(),)))
    puts = []
    for number, plan in enumerate(plans):
        fence = fence_of(plan, number)
        dns.put(
            RecordSet(plan.layout.fence_at, RecordType.TXT, 30, (str(fence),)), *plan.record_sets
        )
        receipt = Receipt(
            endpoint=plan.endpoint,
            provider=DNS,
            enactor=EnactorName("enactor-1"),
            fence=fence,
            at_ns=plan.made_at_ns,
        )
        puts.append((f"endpoint/{plan.endpoint}/receipt", entries.encode(receipt)))
    changes = [Change(puts=tuple(puts[at : at + BATCH])) for at in range(0, len(puts), BATCH)]
    for at in range(0, len(changes), BATCH):
        await asyncio.gather(*(store.commit(one) for one in changes[at : at + BATCH]))


class _Facts:
    """When which endpoint was planned and published, by what the roles tell."""

    def __init__(self) -> None:
        self.planned: dict[str, float] = {}
        self.published: dict[str, float] = {}

    def tell(self, fact: Fact) -> None:
        if fact.event is Event.PLANNED:
            self.planned[fact.subject] = time.perf_counter()
        elif fact.event is Event.PUBLISHED:
            self.published[fact.subject] = time.perf_counter()


async def _nobody(server: Address, layout: Layout) -> Observation:
    raise AssertionError(f"{server} is not asked for {layout.endpoint}")


def _enactor(name: EnactorName, open_store: Callable[[], EtcdStore], at: "_Work") -> Enactor:
    clock = SystemClock()
    ledger = Ledger(open_store(), clock, name)
    witness = Witness(name, {}, ask=_nobody, ledger=ledger, clock=clock, tell=at.facts.tell)
    return Enactor(
        name,
        share=Share(peers=at.peers),
        settings=Settings(verify_interval_s=3600.0),
        ledger=ledger,
        providers={DNS: at.dns},
        last_good=LastGoodFile(at.folder / f"{name}.log", {DNS: b"s" * 32}),
        witness=witness,
        clock=clock,
        tell=at.facts.tell,
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """What the roles of a run share."""

    dns: MemoryDns
    folder: Path
    facts: _Facts
    peers: tuple[EnactorName, ...]


async def measure(
    open_store: Callable[[], EtcdStore],
    count: int,
    plans: Sequence[Plan],
    settled: Callable[[], None],
) -> Roles:
    """Let the roles work on as many endpoints, whose plans are in the store.

    Args:
        settled: called before and after the changes that are made alone.
    """
    dns, facts = MemoryDns(), _Facts()
    store = open_store()
    await receive(store, plans, dns)
    clock = SystemClock()
    ledger = Ledger(store, clock, "planner")
    topology = Topology(
        providers=(builders.provider(),), endpoints=tuple(map(endpoint_of, range(count)))
    )
    with tempfile.TemporaryDirectory() as folder:
        peers = tuple(EnactorName(f"enactor-{number + 1}") for number in range(ENACTORS))
        work = _Work(dns, Path(folder), facts, peers)
        enactors = [_enactor(name, open_store, work) for name in peers]
        planner = Planner(
            topology, ledger=ledger, providers={DNS: dns}, clock=clock, tell=facts.tell
        )
        began_s = time.perf_counter()
        jobs = [asyncio.create_task(planner.run())]
        jobs += [asyncio.create_task(one.run()) for one in enactors]
        jobs.append(asyncio.create_task(_live(ledger)))
        try:
            await eventually(
                lambda: (
                    len(planner.states) == count
                    and all(f"of {count} " in one.doing for one in enactors)
                ),
                deadline_s=DEADLINE_S,
            )
            return await _changes(ledger, work, time.perf_counter() - began_s, settled)
        finally:
            for job in jobs:
                job.cancel()
                with suppress(asyncio.CancelledError):
                    await job


async def _changes(
    ledger: Ledger, work: _Work, start_s: float, settled: Callable[[], None]
) -> Roles:
    facts = work.facts
    await _die(ledger, facts, [0])
    before = work.dns.reads
    settled()
    times = [await _die(ledger, facts, [1 + number]) for number in range(ALONE)]
    settled()
    reads = (work.dns.reads - before) / ALONE
    together = await _die(ledger, facts, range(1 + ALONE, PROBED))
    return Roles(
        start_s,
        statistics.median(one for one, _ in times),
        statistics.median(one for _, one in times),
        TOGETHER / (together[1] / 1000),
        reads,
    )


async def _die(ledger: Ledger, facts: _Facts, numbers: Sequence[int]) -> tuple[float, float]:
    """Let a target of each die; return the milliseconds until all are planned, and published."""
    names = [f"e{number:06d}" for number in numbers]
    now_ns = SystemClock().now_ns()
    vote = Vote(
        vantage=HERE,
        verdict=Verdict.DOWN,
        good_run=0,
        bad_run=3,
        since_ns=now_ns,
        run_since_ns=now_ns,
        at_ns=now_ns,
    )
    subjects = tuple(
        subject_of(EndpointName(one), builders.target("eu-1").name, Family.IPV4) for one in names
    )
    view = VantageView(vantage=HERE, regions=(), heard_at_ns=now_ns)
    began_s = time.perf_counter()
    await ledger.cast(view, (vote,) * len(names), subjects)
    await eventually(lambda: all(one in facts.published for one in names), deadline_s=DEADLINE_S)
    planned_s = max(facts.planned[one] for one in names)
    published_s = max(facts.published[one] for one in names)
    return 1000 * (planned_s - began_s), 1000 * (published_s - began_s)


async def _live(ledger: Ledger) -> None:
    """Be the vantage that goes on probing."""
    while True:
        now_ns = SystemClock().now_ns()
        await ledger.cast(VantageView(vantage=HERE, regions=(), heard_at_ns=now_ns), (), ())
        await asyncio.sleep(1.0)
