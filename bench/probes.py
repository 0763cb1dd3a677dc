"""HTTP checks per second and CPU per check: Outlast's prober beside a bare protocol, aiohttp and httpx.

    python -m bench.probes [--quick] [--rounds N]

All ask the same small server (a second process, uvloop) for the same 200, with the same number of checks
under way. The bare protocol is the floor: asyncio's own transport, no deadline, no limits, no report, and
the status judged by a prefix. "New" is a new connection for each check, as Outlast probes by default; a
kept connection does not test whether the target still accepts any.

Rates depend on the server and on the other core too; CPU per check is the client process alone. The
fleet is paced by its intervals, so that its CPU alone says anything: the price of its schedule included.
"""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import httpx
import uvloop
from bench.harness import Case, Row, compare, machine, markdown, options

from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import Fleet, WireProber
from outlast.model.health import Report
from outlast.model.names import Subject, VantageName
from outlast.model.topology import HealthCheck
from outlast.ports import Assignment

HOST = "127.0.0.1"
CONCURRENCY = 500
VANTAGE = VantageName("bench")
FLEET_TARGETS = 2_000

SERVER = """
import asyncio, uvloop

RESPONSE = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 3\\r\\n\\r\\nok\\n"

class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        if self.received.endswith(b"\\r\\n\\r\\n"):
            self.transport.write(RESPONSE)
            if b"close" in self.received:
                self.transport.close()
            self.received = b""

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

uvloop.run(main())
"""

Check = Callable[[], Awaitable[bool]]
Client = Callable[[int], AbstractAsyncContextManager[Callable[[int], Check]]]
"""From the server's port to whatever makes the check of one worker."""


@contextlib.contextmanager
def running_server() -> Iterator[int]:
    """Run the server in a process of its own; yield its port."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class _Bare(asyncio.Protocol):
    """One request at a time, judged by the beginning of its response."""

    def __init__(self) -> None:
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.done.done():
            self.done.set_result(data.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.done.done():
            self.done.set_result(False)


def _request(port: int, connection: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: {connection}\r\n\r\n".encode()


@asynccontextmanager
async def bare_new(port: int) -> AsyncIterator[Callable[[int], Check]]:
    """A transport and a protocol for each check."""
    loop = asyncio.get_running_loop()
    request = _request(port, "close")

    async def check() -> bool:
        transport, protocol = await loop.create_connection(_Bare, HOST, port)
        transport.write(request)
        good = await protocol.done
        transport.abort()
        return good

    yield lambda _: check


@asynccontextmanager
async def bare_kept(port: int) -> AsyncIterator[Callable[[int], Check]]:
    """A transport and a protocol for each worker."""
    loop = asyncio.get_running_loop()
    request = _request(port, "keep-alive")
    pairs = [await loop.create_connection(_Bare, HOST, port) for _ in range(CONCURRENCY)]

    def of_worker(worker: int) -> Check:
        transport, protocol = pairs[worker]

        async def check() -> bool:
            protocol.done = loop.create_future()
            transport.write(request)
            return await protocol.done

        return check

    yield of_worker
    for transport, _ in pairs:
        transport.abort()


def ours(*, keep_alive: bool) -> Client:
    """Outlast's prober, judging in full and with a report for each check."""

    @asynccontextmanager
    async def client(port: int) -> AsyncIterator[Callable[[int], Check]]:
        prober = WireProber(VANTAGE, SystemClock(), keep_alive=keep_alive)

        def of_worker(worker: int) -> Check:
            assignment = _assignment(worker, port)

            async def check() -> bool:
                outcome = await prober.probe(assignment)
                return isinstance(outcome, Report) and outcome.good

            return check

        yield of_worker
        prober.close()

    return client


def _assignment(number: int, port: int, interval_s: float = 5.0) -> Assignment:
    check = HealthCheck(port=port, timeout_s=5.0, interval_s=interval_s)
    return Assignment(
        subject=Subject(f"bench/{number}/ipv4"), host=HOST, server_name=HOST, check=check
    )


def with_aiohttp(*, keep_alive: bool) -> Client:
    """One session for all, as its manual advises."""

    @asynccontextmanager
    async def client(port: int) -> AsyncIterator[Callable[[int], Check]]:
        url = f"http://{HOST}:{port}/"
        connector = aiohttp.TCPConnector(limit=CONCURRENCY, force_close=not keep_alive)
        timeout = aiohttp.ClientTimeout(total=5.0)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def check() -> bool:
                async with session.get(url, allow_redirects=False) as response:
                    return 200 <= response.status <= 399

            yield lambda _: check

    return client


def with_httpx(*, keep_alive: bool) -> Client:
    """One client for all, as its manual advises."""

    @asynccontextmanager
    async def client(port: int) -> AsyncIterator[Callable[[int], Check]]:
        url = f"http://{HOST}:{port}/"
        kept = CONCURRENCY if keep_alive else 0
        limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=kept)
        headers = {} if keep_alive else {"Connection": "close"}
        async with httpx.AsyncClient(
            limits=limits, timeout=30.0, headers=headers, trust_env=False
        ) as session:

            async def check() -> bool:
                response = await session.get(url)
                return 200 <= response.status_code <= 399

            yield lambda _: check

    return client


@dataclass(slots=True)
class Meter:
    """Runs one client for some time; keeps the CPU per check of each round.

    Attributes:
        seconds: how long workers begin new checks.
        cpu_us: of every run so far, the warm-up first.
    """

    client: Client
    port: int
    seconds: float
    fast_loop: bool = False
    cpu_us: list[float] = field(default_factory=list)

    def run(self) -> float:
        """Return the good checks per second."""
        factory = uvloop.new_event_loop if self.fast_loop else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(self._run())

    async def _run(self) -> float:
        async with self.client(self.port) as check_of:
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            end_s = began_s + self.seconds

            async def worker(number: int) -> int:
                check, good = check_of(number), 0
                while time.perf_counter() < end_s:
                    good += await check()
                return good

            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(worker(one)) for one in range(CONCURRENCY)]
            good = sum(one.result() for one in workers)
            self.cpu_us.append((time.process_time() - began_cpu_s) * 1e6 / max(good, 1))
            return good / (time.perf_counter() - began_s)


@dataclass(slots=True)
class FleetMeter:
    """Runs a whole fleet at its intervals, and returns the CPU per check."""

    port: int
    seconds: float
    fast_loop: bool = False

    def run(self) -> float:
        """Return microseconds of CPU per good report."""
        factory = uvloop.new_event_loop if self.fast_loop else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(self._run())

    async def _run(self) -> float:
        batches: list[tuple[Report, ...]] = []
        fleet = Fleet(VANTAGE, SystemClock(), batches.append, concurrency_max=CONCURRENCY)
        began_cpu_s = time.process_time()
        fleet.update(_assignment(one, self.port, 1.0) for one in range(FLEET_TARGETS))
        await asyncio.sleep(self.seconds)
        done = fleet.statistics()
        taken_s = time.process_time() - began_cpu_s
        await fleet.close()
        assert not done.bad, done
        return taken_s * 1e6 / max(done.good, 1)


def cpu_rows(meters: dict[str, Meter], beside: dict[str, str]) -> list[Row]:
    """Return the CPU per check as rows, from the same rounds as the rates."""
    rows = []
    for name, meter in meters.items():
        own = meter.cpu_us[1:]  # without the warm-up
        other = beside.get(name, "")
        ratios = (
            [theirs / mine for mine, theirs in zip(own, meters[other].cpu_us[1:], strict=True)]
            if other
            else []
        )
        rows.append(
            Row(
                name=name,
                unit="us CPU/check",
                median=statistics.median(own),
                low=min(own),
                high=max(own),
                ratio=statistics.median(ratios) if ratios else None,
                beside=other,
            )
        )
    return rows


def main() -> None:
    """Measure and print."""
    given = options("HTTP checks per second and CPU per check")
    seconds = 0.5 if given.quick else 2.0
    with running_server() as port:
        meters = {
            "bare protocol, new": Meter(bare_new, port, seconds),
            "outlast, new": Meter(ours(keep_alive=False), port, seconds),
            "aiohttp, new": Meter(with_aiohttp(keep_alive=False), port, seconds),
            "httpx, new": Meter(with_httpx(keep_alive=False), port, seconds),
            "bare protocol, kept": Meter(bare_kept, port, seconds),
            "outlast, kept": Meter(ours(keep_alive=True), port, seconds),
            "aiohttp, kept": Meter(with_aiohttp(keep_alive=True), port, seconds),
            "httpx, kept": Meter(with_httpx(keep_alive=True), port, seconds),
            "bare protocol, new, uvloop": Meter(bare_new, port, seconds, fast_loop=True),
            "outlast, new, uvloop": Meter(ours(keep_alive=False), port, seconds, fast_loop=True),
            "bare protocol, kept, uvloop": Meter(bare_kept, port, seconds, fast_loop=True),
            "outlast, kept, uvloop": Meter(ours(keep_alive=True), port, seconds, fast_loop=True),
        }
        beside = {
            name: name.replace(name.split(",", maxsplit=1)[0], "bare protocol")
            for name in meters
            if not name.startswith("bare")
        }
        cases = [Case(name, one.run, beside=beside.get(name, "")) for name, one in meters.items()]
        fleets = [
            Case(
                "fleet",
                FleetMeter(port, 2 * seconds).run,
                unit="us CPU/check",
                more_is_better=False,
            ),
            Case(
                "fleet, uvloop",
                FleetMeter(port, 2 * seconds, fast_loop=True).run,
                unit="us CPU/check",
                more_is_better=False,
            ),
        ]
        print(f"{machine()}; {CONCURRENCY} checks under way\n")
        print(markdown(compare(cases, given.rounds)), "\n")
        print(markdown(cpu_rows(meters, beside)), "\n")
        print(f"A fleet of {FLEET_TARGETS:,} targets, each once a second, a new connection each:\n")
        print(markdown(compare(fleets, given.rounds)))


if __name__ == "__main__":
    main()
