"""HTTP probes against servers of every shape. Whatever a target does, the outcome is a report."""

import asyncio
import contextlib
import socket
import struct

import pytest
from hypothesis import HealthCheck as Hurdle
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.drivers.probes.targets import (
    VANTAGE,
    assignment,
    http_check,
    report_of,
    saying,
    serving,
    sockets_open,
)
from tests.support.nameservers import free_port
from tests.support.waiting import eventually

from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import WireProber
from outlast.drivers.probes.http import request
from outlast.model.topology import CheckKind, HealthCheck

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


@pytest.mark.parametrize(
    ("pieces", "good", "detail"),
    [
        ((OK,), True, "HTTP 200"),
        (tuple(bytes([one]) for one in OK), True, "HTTP 200"),
        ((b"HTTP/1.0 200 OK\r\n\r\nhello",), True, "HTTP 200"),
        ((b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n",), True, "HTTP 302"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", OK), True, "HTTP 200"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n",), True, "HTTP 200"),
        ((b"HTTP/1.1 200 OK\r\n", *[b"X-Big: " + b"y" * 60_000 + b"\r\n"] * 9), True, "HTTP 200"),
        ((b"HTTP/1.1 503 Service Unavailable\r\n\r\n",), False, "HTTP 503"),
        ((b"HTTP/1.1 404 Not Found\r\n\r\n",), False, "HTTP 404"),
        (
            (b"220 mail.example.org ESMTP\r\n",),
            False,
            "no HTTP/1 response: b'220 mail.example.org ESM'",
        ),
        ((b"HTTP/1.1 200",), False, "closed in the middle of an answer"),
        ((), False, "closed without an answer"),
    ],
)
async def test_a_target_is_judged_by_its_final_status(
    pieces: tuple[bytes, ...],
    good: bool,  # noqa: FBT001 - pytest hands over parameters by name
    detail: str,
) -> None:
    async with serving(saying(*pieces)) as port:
        report = await report_of(assignment(http_check(port)))
    assert (report.good, report.detail) == (good, detail)
    assert report.vantage == VANTAGE
    assert report.latency_ns > 0
    assert abs(report.at_ns - SystemClock().now_ns()) < 60e9


async def test_the_status_range_of_the_check_decides() -> None:
    async with serving(saying(b"HTTP/1.1 418 Teapot\r\n\r\n")) as port:
        check = HealthCheck(port=port, status_min=418, status_max=418, timeout_s=5.0)
        assert (await report_of(assignment(check))).good


async def test_the_request_names_host_and_path_and_holds_nothing_else() -> None:
    """A server that picks by Host must see the name that clients use."""
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with serving(handle) as port:
        await report_of(assignment(http_check(port, path="/a?b=c%20d")))
    lines = seen[0].split(b"\r\n")
    assert lines[0] == b"GET /a?b=c%20d HTTP/1.1"
    assert f"Host: shop.example.org:{port}".encode() in lines
    assert b"Connection: close" in lines


def test_a_default_port_is_left_out_and_nothing_smuggles_in_a_line() -> None:
    check = HealthCheck(kind=CheckKind.HTTPS, port=443, path="/x\r\nEvil: 1 \u00e9")
    asked = request(assignment(check, name="a\r\nb"), keep_alive=False)
    assert asked.startswith(b"GET /x%0D%0AEvil:%201%20%C3%A9 HTTP/1.1\r\nHost: a%0D%0Ab\r\n")
    assert asked.count(b"\r\n") == 6


def test_an_ipv6_literal_stands_in_brackets() -> None:
    asked = request(assignment(HealthCheck(port=8080), name="2001:db8::1"), keep_alive=False)
    assert b"\r\nHost: [2001:db8::1]:8080\r\n" in asked


async def test_nobody_listening_is_connection_refused() -> None:
    report = await report_of(assignment(http_check(free_port())))
    assert (report.good, report.detail) == (False, "connection refused")


async def test_a_reset_instead_of_an_answer_is_a_bad_report() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        held: socket.socket = writer.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serving(handle) as port:
        report = await report_of(assignment(http_check(port)))
    assert (report.good, report.detail) == (False, "connection reset")


@pytest.mark.parametrize("piece", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 2"])
async def test_a_target_that_stops_answering_is_bad_after_the_time_out(piece: bytes) -> None:
    async with serving(saying(piece, hold=True)) as port:
        report = await report_of(assignment(http_check(port, timeout_s=0.1)))
    assert (report.good, report.detail) == (False, "no answer in 0.1 s")
    assert 0.1e9 <= report.latency_ns < 5e9


@pytest.mark.slow
async def test_a_drip_does_not_stretch_the_deadline() -> None:
    """Each byte in time, the whole never: the deadline is of the probe, not of each read."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 ")
        while True:
            writer.write(b"O")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(drip) as port:
        report = await report_of(assignment(http_check(port, timeout_s=0.3)))
    assert report.detail == "no answer in 0.3 s"
    assert report.latency_ns < 3e9


async def test_an_endless_flood_is_cut_off() -> None:
    """Interim responses for ever: bounded by bytes, long before the deadline."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n" + b"A: b\r\n" * 5_000)
            await writer.drain()

    async with serving(flood) as port:
        report = await report_of(assignment(http_check(port, timeout_s=20.0)))
    assert (report.good, report.detail) == (False, "interim responses without end")


async def test_no_socket_is_left_whatever_happened() -> None:
    before = sockets_open()
    for handler in (saying(OK), saying(b"nonsense"), saying(), saying(b"", hold=True)):
        async with serving(handler) as port:
            await report_of(assignment(http_check(port, timeout_s=0.05)))
        await report_of(assignment(http_check(port)))
    await eventually(lambda: sockets_open() == before)


async def test_a_cancelled_probe_leaves_no_socket() -> None:
    """At whatever point it is cancelled: connecting, waiting, or before its first step."""
    async with serving(saying(b"HTTP/1.1 2", hold=True)) as port:
        before = sockets_open()
        prober = WireProber(VANTAGE, SystemClock())
        for steps in range(12):
            task = asyncio.ensure_future(prober.probe(assignment(http_check(port))))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.cancelled() or not task.exception()
    await eventually(lambda: sockets_open() <= before)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(Hurdle))
@given(said=st.binary(max_size=300) | st.binary(max_size=99).map(lambda end: b"HTTP/1.1 " + end))
def test_whatever_bytes_a_target_says_the_outcome_is_a_report(said: bytes) -> None:
    async def probe() -> None:
        async with serving(saying(said)) as port:
            report = await report_of(assignment(http_check(port)))
        assert report.detail

    asyncio.run(probe())


async def test_connections_are_new_unless_asked_otherwise() -> None:
    connections: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK)

    before = sockets_open()
    async with serving(handle) as port:
        for keep_alive, expected in ((False, 3), (True, 1)):
            connections.clear()
            prober = WireProber(VANTAGE, SystemClock(), keep_alive=keep_alive)
            for _ in range(3):
                assert (await report_of(assignment(http_check(port)), prober=prober)).good
            assert len(connections) == expected
            prober.close()
    await eventually(lambda: sockets_open() == before)


async def test_a_kept_connection_that_ended_is_no_fault_of_the_target() -> None:
    """Servers end idle connections; the probe is then made on a new one."""
    connections: list[asyncio.StreamWriter] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")  # then closes, without a word

    async with serving(once) as port:
        prober = WireProber(VANTAGE, SystemClock(), keep_alive=True)
        for _ in range(3):
            assert (await report_of(assignment(http_check(port)), prober=prober)).good
        before = sockets_open()
        connections[-1].close()
        await eventually(lambda: sockets_open() < before - 1)  # ours is closed too, at once
        assert (await report_of(assignment(http_check(port)), prober=prober)).good
        prober.close()
    assert len(connections) == 4


async def test_a_kept_connection_that_is_reset_when_asked_is_no_fault_of_the_target() -> None:
    """The reset that meets our question on its way: the target had ended the connection before."""
    connections: list[int] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        held: socket.socket = writer.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serving(once) as port:
        prober = WireProber(VANTAGE, SystemClock(), keep_alive=True)
        for _ in range(2):
            assert (await report_of(assignment(http_check(port)), prober=prober)).good
        prober.close()
    assert len(connections) == 2


async def test_a_kept_connection_does_not_hide_a_time_out() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await asyncio.Event().wait()

    async with serving(once) as port:
        prober = WireProber(VANTAGE, SystemClock(), keep_alive=True)
        check = http_check(port, timeout_s=0.2)
        assert (await report_of(assignment(check), prober=prober)).good
        report = await report_of(assignment(check), prober=prober)
        prober.close()
    assert report.detail == "no answer in 0.2 s"
    assert report.latency_ns >= 0.2e9


async def test_ipv6_targets_are_probed() -> None:
    port = free_port()
    server = await asyncio.start_server(saying(OK), "::1", port)
    async with server:
        assert (await report_of(assignment(http_check(port), host="::1"))).good
