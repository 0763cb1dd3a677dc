"""A plan of 200,000 records through the production loop: laid, read back, flipped by one write, swept.

    .venv/bin/python -m bench.bigplan [--quick] [--rounds N]

400 names with 500 addresses each, as an endpoint's plan; an enactor as `outlast up` runs it publishes it at a
server as `docs/providers.md` configures it. While a second plan of the same size is laid, verified and
flipped, a client asks a name all the time; every answer must be whole, and of one of the two plans. One round
unless more are asked for; quick: 20 names.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
from bench.harness import machine
from tests.support.nameservers import BIND, KNOT, NameServer, Software, running
from tests.support.publishing import writing_to

from outlast.core.messages import CommitPlan
from outlast.core.plan import Situation, make
from outlast.core.tree import chunks, leaves_of
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Event, Fact
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.mirrored import MirroredEnactor
from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.sweeper import trees_of
from outlast.drivers.witness import Witness
from outlast.model.errors import Unreachable
from outlast.model.names import DnsName, EnactorName, EndpointName, RegionName, TargetName
from outlast.model.plan import Layout, Observation, Plan, Ruling
from outlast.model.shares import Share
from outlast.model.topology import (
    Address,
    CheckKind,
    Endpoint,
    HealthCheck,
    PublishedName,
    Settings,
    Target,
)
from outlast.model.topology import Provider as ProviderNoun
from outlast.model.units import Generation

NAMES, NAMES_QUICK = 400, 20
TARGETS = 500
TTL_S = 1
ASK_EVERY_S = 0.01
"""A client that asks without a pause takes the interpreter from the enactor in the same process."""

DEADLINE_S = 900.0
"""For everything that is done with one server."""


def endpoint_of(server: NameServer, names: int, targets: int) -> Endpoint:
    """An endpoint of so many names and targets, spread over eight regions."""
    unchecked = HealthCheck(kind=CheckKind.NONE)
    return Endpoint(
        name=EndpointName("big"),
        names=tuple(PublishedName(name=DnsName(f"n{one}.{server.zone}")) for one in range(names)),
        provider=server.provider().name,
        ttl_s=TTL_S,
        targets=tuple(
            Target(
                name=TargetName(f"lb{one}"),
                region=RegionName(f"r{one % 8}"),
                ipv4=f"10.0.{one // 250}.{one % 250 + 1}",
                check=unchecked,
            )
            for one in range(targets)
        ),
    )


def plan_of(endpoint: Endpoint, provider: ProviderNoun, head: Plan | None) -> Plan:
    """The next plan of an endpoint, as the planner makes it."""
    situation = Situation(
        endpoint=endpoint,
        provider=provider,
        health=(),
        head=head,
        overrides=(),
        removals=(),
        owned=head is not None,
        now_ns=SystemClock().now_ns(),
    )
    return make(situation, Generation(head.generation + 1 if head is not None else 1))


class Client(threading.Thread):
    """Asks a name over and over and counts how many addresses it hears."""

    def __init__(self, server: NameServer, name: str) -> None:
        super().__init__(daemon=True)
        self.heard: dict[int, int] = {}
        self._server, self._name = server, name
        self._stop_asking = threading.Event()

    def run(self) -> None:
        """Ask until told to stop."""
        query = dns.message.make_query(self._name, "A")
        while not self._stop_asking.wait(ASK_EVERY_S):
            reply = dns.query.tcp(query, self._server.address.host, 30, self._server.port)
            found = [len(one) for one in reply.answer if one.rdtype == dns.rdatatype.A]
            count = sum(found)
            self.heard[count] = self.heard.get(count, 0) + 1

    def finish(self) -> dict[int, int]:
        """Stop; return how often each number of addresses was heard."""
        self._stop_asking.set()
        self.join()
        return self.heard


class Control:
    """A ledger and one enactor at work on it."""

    def __init__(self, ledger: Ledger, enactor: MirroredEnactor, facts: list[Fact]) -> None:
        self.ledger, self.facts = ledger, facts
        self._enactor = enactor

    async def publish(self, plan: Plan) -> float:
        """Commit a plan; return the seconds until it is confirmed."""
        began_s = time.perf_counter()
        ruling = Ruling(endpoint=plan.endpoint, generation=plan.generation, findings=())
        command = CommitPlan(plan=plan, ruling=ruling, expected=plan.base)
        if not await self.ledger.commit_plan(command):
            raise SystemExit("somebody else plans here")
        while True:
            fence = self._enactor.receipt(plan.endpoint)
            if fence is not None and fence.generation == plan.generation:
                return time.perf_counter() - began_s
            await asyncio.sleep(0.02)

    async def swept(self, plan: Plan) -> float:
        """Return the seconds until a plan's tree is struck out."""
        began_s = time.perf_counter()
        while True:
            standing = await trees_of(self.ledger.store, plan.endpoint)
            if plan.generation not in {one.generation for one in standing}:
                return time.perf_counter() - began_s
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def control_at(server: NameServer) -> AsyncIterator[Control]:
    """An enactor as `outlast up` runs it, on a store in memory."""
    clock, facts = SystemClock(), list[Fact]()
    ledger = Ledger(MemoryStore(), clock, "bench")
    name, provider = EnactorName("bench"), server.provider().name

    async def ask(server: Address, layout: Layout) -> Observation:
        raise Unreachable(f"{server} is not asked for {layout.fence_at}")

    with tempfile.TemporaryDirectory() as folder:
        async with writing_to(server, timeout_s=60.0) as port:
            enactor = MirroredEnactor(
                name,
                share=Share(peers=(name,)),
                settings=Settings(verify_interval_s=0.5),
                ledger=ledger,
                providers={provider: port},
                last_good=LastGoodFile(Path(folder) / "bench.log", {provider: b"s" * 32}),
                witness=Witness(
                    "bench", {}, ask=ask, ledger=ledger, clock=clock, tell=facts.append
                ),
                clock=clock,
                tell=facts.append,
            )
            task = asyncio.create_task(enactor.run())
            try:
                yield Control(ledger, enactor, facts)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def measure(server: NameServer, names: int) -> dict[str, float]:
    """Publish two big plans and a third, let the first be swept; return seconds by step."""
    noun, took = server.provider(), dict[str, float]()
    one = plan_of(endpoint_of(server, names, TARGETS), noun, None)
    two = plan_of(endpoint_of(server, names, TARGETS - 1), noun, one)
    three = plan_of(endpoint_of(server, names, TARGETS), noun, two)
    took["records"] = float(sum(len(it.values) for it in one.record_sets))
    took["transactions that lay them"] = float(len(chunks(leaves_of(one))))
    async with control_at(server) as control:
        took["publish the first: lay, read back, flip, s"] = await control.publish(one)
        client = Client(server, one.layout.names[-1])
        client.start()
        took["publish the second, asked all the time, s"] = await control.publish(two)
        heard = client.finish()
        if heard.keys() - {TARGETS, TARGETS - 1}:
            raise SystemExit(f"{server.name}: a client heard {heard} addresses")
        took["answers meanwhile, each of one whole plan"] = float(sum(heard.values()))
        took["publish the third, s"] = await control.publish(three)
        took["until the first is swept, s"] = await control.swept(one)
        bugs = [it for it in control.facts if it.event is Event.BUG]
        kept = [it.generation for it in await trees_of(control.ledger.store, one.endpoint)]
        if bugs or kept != [2, 3]:
            raise SystemExit(f"{server.name}: {kept} stand; {bugs}")
    return took


def run(software: Software, names: int) -> dict[str, float]:
    """Measure one server, within the deadline."""

    async def bounded(server: NameServer) -> dict[str, float]:
        async with asyncio.timeout(DEADLINE_S):
            return await measure(server, names)

    with running(software) as server:
        return asyncio.run(bounded(server))


def main() -> None:
    """Print a table: steps by server, medians of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, to check the bench")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each server")
    given = parser.parse_args()
    names, rounds = NAMES_QUICK if given.quick else NAMES, max(1, given.rounds)
    found = {
        software.name: [run(software, names) for _ in range(rounds)] for software in (KNOT, BIND)
    }
    print(f"{names} names of {TARGETS} addresses; {rounds} round(s); {machine()}\n")
    print("| step | " + " | ".join(found) + " |")
    print("|---|" + "---:|" * len(found))
    for step in next(iter(found.values()))[0]:
        cells = [f"{statistics.median(one[step] for one in rows):,.1f}" for rows in found.values()]
        print(f"| {step} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
