"""Fenced swaps per second on real name servers, beside raw unfenced `nsupdate` on the same server and disk.

    .venv/bin/python -m bench.fence [--quick] [--rounds N]

Each server runs as `docs/providers.md` configures it, durably: it syncs before it answers. A swap is one
signed UPDATE with the fence as its condition, two addresses and the next fence; `nsupdate` sends the same two
addresses, signed, without condition and fence, one after the other, which is all it can do. "Sequential"
waits for each answer, as nsupdate does; "in flight" moves many endpoints at once.

The second table is the client's own cost: CPU for each message, packed by hand and by dnspython.
"""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle

import dns.message
import dns.tsig
import dns.update
from bench.harness import Case, Options, compare, machine, markdown, options
from tests.support import nameservers
from tests.support.nameservers import NameServer, Software
from tests.support.publishing import key_of

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.reply import parse
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.tsig import Key
from outlast.drivers.providers.wire import pack_update
from outlast.model.fence import fence_name
from outlast.model.names import DnsName
from outlast.model.plan import Held, OutcomeKind, Transaction
from outlast.model.records import RecordSet, RecordType

IN_FLIGHT = 64
ENDPOINTS = {"bind": 1000, "knot": 1000, "powerdns": 100}
"""PowerDNS's cost grows with its zone, so its zone is smaller; nsupdate has the same one beside it."""

WINDOW_S = 3.0
WINDOW_QUICK_S = 0.4


@dataclass(slots=True)
class Course:
    """The endpoints of one server and where their fences stand."""

    server: NameServer
    window_s: float
    fences: list[str]
    serial: Iterator[int] = field(default_factory=lambda: count(1))
    nsupdate_count: int = 30

    def swap(self, endpoint: int) -> tuple[Transaction, str]:
        """The next fenced swap of an endpoint, and the fence that it moves to."""
        serial = next(self.serial)
        name = DnsName(f"ep{endpoint}.{self.server.zone}")
        new = f"outlast1 g={serial} d={serial:032x} n={serial:016x} w=bench"
        at = fence_name(name)
        transaction = Transaction(
            zone=self.server.zone,
            conditions=(Held(name=at, rtype=RecordType.TXT, values=(self.fences[endpoint],)),),
            deletions=((name, RecordType.A), (at, RecordType.TXT)),
            additions=(
                RecordSet.of(name, RecordType.A, 60, addresses(serial)),
                RecordSet(at, RecordType.TXT, 0, (new,)),
            ),
        )
        return transaction, new


def addresses(serial: int) -> list[str]:
    """Two addresses that change with each swap."""
    high, low = divmod(serial % 60_000, 250)
    return [f"198.18.{high}.{low + 1}", f"198.19.{high}.{low + 1}"]


def run(work: Coroutine[object, object, float]) -> float:
    """Run on the event loop that `outlast up` uses: uvloop where it is installed."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The way to make an event loop, uvloop's if the extra `fast` is installed."""
    try:
        import uvloop  # noqa: PLC0415 - an optional extra
    except ImportError:
        return asyncio.new_event_loop
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make


def swaps(course: Course, in_flight: int) -> float:
    """Move endpoints on for one window; return applied swaps per second."""
    return run(_swaps(course, in_flight))


async def _swaps(course: Course, in_flight: int) -> float:
    noun = course.server.provider()
    provider = Rfc2136Provider(noun, key_of(noun), SystemClock())
    await provider.describe()  # the connection stands before the clock runs
    began_s = time.perf_counter()
    until_s = began_s + course.window_s
    applied = 0

    async def work(first: int) -> None:
        nonlocal applied
        # Endpoints of its own: no two writes of one endpoint are ever under way together.
        endpoints = cycle(range(first, len(course.fences), in_flight))
        while time.perf_counter() < until_s:
            endpoint = next(endpoints)
            transaction, new = course.swap(endpoint)
            outcome = await provider.write(transaction)
            if outcome.kind is not OutcomeKind.APPLIED:
                raise RuntimeError(f"a swap was not applied: {outcome}")
            course.fences[endpoint] = new
            applied += 1

    async with asyncio.TaskGroup() as group:
        for first in range(in_flight):
            group.create_task(work(first))
    took_s = time.perf_counter() - began_s
    await provider.close()
    return applied / took_s


def nsupdate(course: Course) -> float:
    """Let nsupdate send unfenced updates for about one window; return updates per second."""
    program = shutil.which("nsupdate")
    if program is None:
        raise SystemExit("nsupdate is not installed; run: apt-get install bind9-dnsutils")
    server = course.server
    lines = [f"server {server.address.host} {server.address.port}", f"zone {server.zone}"]
    for number in range(course.nsupdate_count):
        name = f"ep{number % len(course.fences)}.{server.zone}."
        lines.append(f"update delete {name} A")
        lines += [f"update add {name} 60 A {one}" for one in addresses(next(course.serial))]
        lines.append("send")
    key = f"hmac-sha256:{nameservers.KEY_NAME}:{nameservers.SECRET_BASE64}"
    began_s = time.perf_counter()
    subprocess.run([program, "-y", key], input="\n".join(lines) + "\n", text=True, check=True)
    rate = course.nsupdate_count / (time.perf_counter() - began_s)
    course.nsupdate_count = max(30, int(rate * course.window_s))
    return rate


def measure(software: Software, given: Options) -> str:
    """Compare the three ways on one server; return the table."""
    endpoints = ENDPOINTS[software.name]
    lines = nameservers.endpoint_lines(endpoints)
    with nameservers.running(software, lines=lines) as server:
        course = Course(
            server=server,
            window_s=WINDOW_QUICK_S if given.quick else WINDOW_S,
            fences=[nameservers.seed_fence(number) for number in range(endpoints)],
        )
        raw = f"{server.name}: nsupdate, unfenced"
        cases = [
            Case(raw, run=lambda: nsupdate(course)),
            Case(f"{server.name}: fenced, sequential", run=lambda: swaps(course, 1), beside=raw),
            Case(
                f"{server.name}: fenced, {IN_FLIGHT} in flight",
                run=lambda: swaps(course, IN_FLIGHT),
                beside=raw,
            ),
        ]
        return markdown(compare(cases, rounds=given.rounds))


def cpu_us(work: Callable[[], object], times: int) -> float:
    """CPU of one call in microseconds."""
    began_ns = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - began_ns) / times / 1000


def messages(addresses_count: int) -> tuple[Callable[[], bytes], Callable[[], bytes]]:
    """The same signed update, packed by hand and by dnspython."""
    key = Key.from_base64(nameservers.KEY_NAME, "hmac-sha256", nameservers.SECRET_BASE64)
    oracle_key = dns.tsig.Key("outlast.", nameservers.SECRET_BASE64)
    zone = nameservers.ZONE
    name = DnsName(f"ep1.{zone}")
    at = fence_name(name)
    old, new = nameservers.seed_fence(1), nameservers.seed_fence(2)
    values = [f"10.0.{n >> 8}.{n & 255}" for n in range(addresses_count)]
    transaction = Transaction(
        zone=zone,
        conditions=(Held(name=at, rtype=RecordType.TXT, values=(old,)),),
        deletions=((name, RecordType.A), (at, RecordType.TXT)),
        additions=(
            RecordSet.of(name, RecordType.A, 60, values),
            RecordSet(at, RecordType.TXT, 0, (new,)),
        ),
    )

    def by_hand() -> bytes:
        return key.sign(pack_update(transaction, 1), 1_760_000_000)[0]

    def by_dnspython() -> bytes:
        update = dns.update.UpdateMessage(f"{zone}.", id=1)
        update.present(f"{at}.", "TXT", f'"{old}"')
        update.replace(f"{name}.", 60, "A", *values)
        update.replace(f"{at}.", 0, "TXT", f'"{new}"')
        update.use_tsig(oracle_key)
        return update.to_wire()

    return by_hand, by_dnspython


def answers() -> tuple[Callable[[], bool], Callable[[], object]]:
    """Reading and verifying one signed answer, by hand and by dnspython."""
    key = Key.from_base64(nameservers.KEY_NAME, "hmac-sha256", nameservers.SECRET_BASE64)
    oracle_key = dns.tsig.Key("outlast.", nameservers.SECRET_BASE64)
    request, mac = key.sign(pack_update(_small(), 1), int(time.time()))
    read = dns.message.from_wire(request, keyring=oracle_key)
    wire = dns.message.make_response(read).to_wire()

    def by_hand() -> bool:
        signature = parse(wire).signature
        return signature is not None and key.verifies(wire, signature, mac)

    def by_dnspython() -> object:
        return dns.message.from_wire(wire, keyring=oracle_key, request_mac=mac)

    return by_hand, by_dnspython


def _small() -> Transaction:
    name = DnsName(f"_outlast.{nameservers.ZONE}")
    held = Held(name=name, rtype=RecordType.TXT, values=("x",))
    return Transaction(zone=nameservers.ZONE, conditions=(held,), deletions=(), additions=())


def client_cost(given: Options) -> str:
    """Compare the CPU of a message packed by hand and by dnspython; return the table."""
    works: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (f"pack and sign, {size} addresses", *messages(size)) for size in (2, 100, 500)
    ]
    works.append(("read and verify an answer", *answers()))
    cases = []
    for what, by_hand, by_dnspython in works:
        cases += _pair(what, by_hand, by_dnspython, 20 if given.quick else 200)
    return markdown(compare(cases, rounds=given.rounds))


def _pair(
    what: str, by_hand: Callable[[], object], by_dnspython: Callable[[], object], times: int
) -> list[Case]:
    slow = Case(
        f"{what}: dnspython",
        run=lambda: cpu_us(by_dnspython, times),
        unit="us",
        more_is_better=False,
    )
    fast = Case(
        f"{what}: by hand",
        run=lambda: cpu_us(by_hand, times * 10),
        unit="us",
        beside=slow.name,
        more_is_better=False,
    )
    return [slow, fast]


def main() -> None:
    """Print the tables."""
    given = options("Fenced swaps per second on real name servers, beside unfenced nsupdate.")
    print(machine(), loop_factory().__module__, sep=", ")
    for software in nameservers.ALL:
        print(f"\n{measure(software, given)}", flush=True)
    print(f"\n{client_cost(given)}")


if __name__ == "__main__":
    main()
