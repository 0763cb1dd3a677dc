"""A plan of 200,000 records: laid under names of its own, read back, flipped by one write, the old one swept.

    .venv/bin/python -m bench.bigplan [--quick] [--rounds N]

Each server runs as `docs/providers.md` configures it. While a second plan of the same size is laid, verified
and flipped, a client asks the root all the time; every answer must be one of the two plans. One round unless
more are asked for; quick: 4,000 records.
"""

import argparse
import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace

import dns.message
import dns.query
import dns.rdatatype
from bench.harness import machine
from tests.support.nameservers import BIND, KNOT, NameServer, Software, running
from tests.support.publishing import writing_to
from tests.support.waiting import eventually

from outlast.core.transact import seed_epoch
from outlast.core.tree import Tree, plant
from outlast.drivers.bigtree import TreePublisher
from outlast.drivers.clock import SystemClock
from outlast.model.fence import fence_name
from outlast.model.names import DnsName, EnactorName, EndpointName, ProviderName
from outlast.model.plan import Layout
from outlast.model.records import RecordType
from outlast.model.units import Generation

RECORDS = 200_000
RECORDS_QUICK = 4_000
TTL_S = 1
ASK_EVERY_S = 0.01
"""A client that asks without a pause takes the interpreter from the reader of a transfer, and Knot ends a
transfer whose reader stands still for half a second."""

HEARD_S = 20.0
"""Within so long a client hears a plan that was flipped."""

DEADLINE_S = 600.0
"""For everything that is done with one server."""


def tree(layout: Layout, generation: int, records: int) -> Tree:
    """A plan of so many records: load balancers of eight regions, and the top that clients reach."""
    bare = Tree(
        zone=layout.zone,
        root=layout.names[0],
        fence_at=layout.fence_at,
        generation=Generation(generation),
        ttl_s=TTL_S,
        leaves=(),
    )
    wanted = [("", RecordType.A, (f"198.18.0.{generation}",))]
    wanted += [
        (f"lb{one}.r{one % 8}", RecordType.A, (f"10.{one >> 16}.{(one >> 8) & 255}.{one & 255}",))
        for one in range(1, records)
    ]
    return replace(bare, leaves=plant(bare, wanted))


class Client(threading.Thread):
    """Asks the root over and over and counts what it hears."""

    def __init__(self, server: NameServer, root: DnsName) -> None:
        super().__init__(daemon=True)
        self.heard: dict[str, int] = {}
        self._server, self._root = server, root
        self._stop_asking = threading.Event()

    def run(self) -> None:
        """Ask until told to stop."""
        query = dns.message.make_query(self._root, "A")
        while not self._stop_asking.wait(ASK_EVERY_S):
            reply = dns.query.udp(query, self._server.address.host, 10, self._server.port)
            found = [
                rdata.to_text()
                for one in reply.answer
                if one.rdtype == dns.rdatatype.A
                for rdata in one
            ]
            answer = found[0] if found else "nothing"
            self.heard[answer] = self.heard.get(answer, 0) + 1

    def finish(self) -> dict[str, int]:
        """Stop; return how often each answer was heard."""
        self._stop_asking.set()
        self.join()
        return self.heard


async def measure(server: NameServer, records: int) -> dict[str, float]:
    """Publish two big plans and a small third, sweep the first; return seconds by step."""
    name = DnsName(f"www.{server.zone}")
    layout = Layout(
        endpoint=EndpointName("big"),
        provider=ProviderName(server.name),
        zone=server.zone,
        fence_at=fence_name(name),
        names=(name,),
    )
    clock, took = SystemClock(), dict[str, float]()
    async with writing_to(server, timeout_s=60.0) as provider:
        await provider.write(seed_epoch(layout, await provider.read(layout), clock.nonce()))
        publisher = TreePublisher(provider, layout, clock=clock, enactor=EnactorName("bench"))
        one, two, three = (
            tree(layout, at + 1, size) for at, size in enumerate((records, records, 10))
        )
        took["lay the first, s"] = await timed(lambda: publisher.lay(one))
        took["verify and flip, s"] = await timed(lambda: publisher.flip(one))
        client = Client(server, name)
        client.start()
        took["lay the second, asked all the time, s"] = await timed(lambda: publisher.lay(two))
        took["verify and flip the second, s"] = await timed(lambda: publisher.flip(two))
        await eventually(lambda: "198.18.0.2" in client.heard, deadline_s=HEARD_S)
        heard = client.finish()
        if heard.keys() - {"198.18.0.1", "198.18.0.2"}:
            raise SystemExit(f"{server.name}: clients heard {heard}")
        took["answers meanwhile, none wrong"] = float(sum(heard.values()))
        await publisher.lay(three)
        await publisher.flip(three)
        since_ns = clock.now_ns()
        await asyncio.sleep(TTL_S)  # the quarantine itself, which is what is shown
        began_s = time.perf_counter()
        swept = await publisher.sweep(
            Generation(1), Generation(2), live_since_ns=since_ns, ttl_max_s=TTL_S
        )
        took["sweep the first, s"] = time.perf_counter() - began_s
        took["transactions of the sweep"] = float(swept)
        if await publisher.standing(Generation(1)) or not await publisher.standing(Generation(2)):
            raise SystemExit(f"{server.name}: the sweep took the wrong tree")
    return took


async def timed(work: Callable[[], Coroutine[object, object, object]]) -> float:
    """Seconds that it takes."""
    began_s = time.perf_counter()
    await work()
    return time.perf_counter() - began_s


def run(software: Software, records: int) -> dict[str, float]:
    """Measure one server, within the deadline."""

    async def bounded(server: NameServer) -> dict[str, float]:
        async with asyncio.timeout(DEADLINE_S):
            return await measure(server, records)

    with running(software) as server:
        return asyncio.run(bounded(server))


def main() -> None:
    """Print a table: steps by server, medians of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, to check the bench")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each server")
    given = parser.parse_args()
    records, rounds = RECORDS_QUICK if given.quick else RECORDS, max(1, given.rounds)
    found = {
        software.name: [run(software, records) for _ in range(rounds)] for software in (BIND, KNOT)
    }
    print(f"{records:,} records; {rounds} round(s); {machine()}\n")
    print("| step | " + " | ".join(found) + " |")
    print("|---|" + "---:|" * len(found))
    for step in next(iter(found.values()))[0]:
        cells = [f"{statistics.median(one[step] for one in rows):,.2f}" for rows in found.values()]
        print(f"| {step} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
