"""Targets for probes: real servers on loopback that behave as each test says, and what probes them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from tests.support.nameservers import free_port

from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import Contexts, WireProber
from outlast.model.health import Report
from outlast.model.names import Subject, VantageName
from outlast.model.topology import CheckKind, HealthCheck
from outlast.ports import Assignment

HOST = "127.0.0.1"
VANTAGE = VantageName("here")
SUBJECT = Subject("shop/eu/ipv4")

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def assignment(
    check: HealthCheck, *, host: str = HOST, name: str = "shop.example.org"
) -> Assignment:
    """One thing to probe."""
    return Assignment(subject=SUBJECT, host=host, server_name=name, check=check)


def http_check(port: int, *, timeout_s: float = 5.0, path: str = "/healthz") -> HealthCheck:
    """An HTTP check with a time-out that a busy machine meets."""
    return HealthCheck(kind=CheckKind.HTTP, port=port, path=path, timeout_s=timeout_s)


async def report_of(
    one: Assignment, *, contexts: Contexts | None = None, prober: WireProber | None = None
) -> Report:
    """Probe once, and expect a report."""
    outcome = await (prober or WireProber(VANTAGE, SystemClock(), contexts=contexts)).probe(one)
    assert isinstance(outcome, Report), outcome
    return outcome


@contextlib.asynccontextmanager
async def serving(handler: Handler, **options: object) -> AsyncIterator[int]:
    """Serve connections with a handler; yield the port. Handlers still at work are ended."""
    port = free_port(HOST)
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, HOST, port, **options)  # type: ignore[arg-type]
    try:
        yield port
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def saying(*pieces: bytes, hold: bool = False) -> Handler:
    """Read a request, then send the pieces one by one, then close, or hold the connection for ever."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if hold:
            await asyncio.Event().wait()

    return handle


def sockets_open() -> int:
    """How many sockets this process holds."""
    count = 0
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(
            FileNotFoundError
        ):  # the handle of this very listing is gone by now
            count += str(handle.readlink()).startswith("socket:")
    return count
