"""TCP probes, and what happens when it is we who cannot look."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest
from tests.drivers.probes.targets import (
    HOST,
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
from outlast.drivers.probes.wire import STALL_S, OwnFault, Wire
from outlast.model.topology import CheckKind, HealthCheck
from outlast.ports import Unjudged


def tcp_check(port: int, timeout_s: float = 5.0) -> HealthCheck:
    return HealthCheck(kind=CheckKind.TCP, port=port, timeout_s=timeout_s)


async def test_an_open_port_is_good_and_a_closed_one_is_refused() -> None:
    before = sockets_open()
    async with serving(saying(b"")) as port:
        report = await report_of(assignment(tcp_check(port)))
        assert (report.good, report.detail) == (True, "connected")
    report = await report_of(assignment(tcp_check(port)))
    assert (report.good, report.detail) == (False, "connection refused")
    await eventually(lambda: sockets_open() == before)


async def test_connections_end_with_a_reset_and_leave_no_time_wait() -> None:
    """Whoever closes first holds TIME_WAIT for 60 s; thousands of probes would pile up."""
    ends: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
            ends.append("end")
        except ConnectionResetError:
            ends.append("reset")

    async with serving(handle) as port:
        assert (await report_of(assignment(tcp_check(port)))).good
        await eventually(lambda: bool(ends))
    assert ends == ["reset"]


async def test_a_socket_connected_to_itself_is_nobody() -> None:
    """The kernel may give a probe of a port of its own host that very port."""
    with socket.socket() as own:
        own.bind((HOST, 0))
        own.settimeout(1.0)
        own.connect(own.getsockname())
        assert own.getsockname() == own.getpeername()
    port = free_port()
    wire = Wire(HOST, deadline=asyncio.get_running_loop().time() + 5.0)
    wire._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    wire._socket.bind((HOST, port))
    await wire.connect(HOST, port)
    assert wire.is_self_connected()
    wire.abort()


async def test_a_full_backlog_is_a_time_out() -> None:
    """The black hole that a machine without a firewall can make: SYNs are dropped."""
    port = free_port()
    with socket.socket() as listener:
        listener.bind((HOST, port))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.settimeout(0)
            one.connect_ex((HOST, port))
        report = await report_of(assignment(tcp_check(port, timeout_s=0.2)))
        for one in fillers:
            one.close()
    assert (report.good, report.detail) == (False, "no answer in 0.2 s")


@pytest.mark.parametrize("host", ["shop.example.org", "", "127.0.0.1\0", "fe80::1%lo", "300.1.1.1"])
async def test_a_host_that_is_no_address_is_our_own_fault(host: str) -> None:
    """A look-up would block every other probe, and its failure is not the target's."""
    outcome = await WireProber(VANTAGE, SystemClock()).probe(assignment(tcp_check(80), host=host))
    assert isinstance(outcome, Unjudged)
    assert "no IP address" in outcome.reason


async def test_no_route_from_here_is_our_own_fault() -> None:
    """Class E is refused by the kernel itself, as every address is once our own uplink is gone."""
    one = assignment(tcp_check(80), host="255.255.255.255")
    outcome = await WireProber(VANTAGE, SystemClock()).probe(one)
    assert isinstance(outcome, Unjudged)
    assert "no connection from here" in outcome.reason


async def test_a_deadline_that_our_own_process_slept_through_is_no_evidence() -> None:
    async with serving(saying(b"", hold=True)) as port:
        loop = asyncio.get_running_loop()
        prober = WireProber(VANTAGE, SystemClock())
        task = asyncio.ensure_future(prober.probe(assignment(http_check(port, timeout_s=0.2))))
        began_s = loop.time()
        await asyncio.sleep(0.01)
        stop = _stopper(STALL_S + 0.7)
        outcome = await task
        stop.wait()
        assert loop.time() - began_s >= STALL_S
    assert isinstance(outcome, Unjudged)
    assert "stood still" in outcome.reason


def _stopper(seconds: float) -> "subprocess.Popen[bytes]":
    """Stop this whole process at once, and let it go on after so many seconds."""
    code = (
        "import os, signal, sys, time\n"
        "os.kill(int(sys.argv[1]), signal.SIGSTOP)\n"
        "time.sleep(float(sys.argv[2]))\n"
        "os.kill(int(sys.argv[1]), signal.SIGCONT)\n"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(os.getpid()), str(seconds)])


EXHAUSTED = """
import asyncio, resource, socket, sys
from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import Fleet
from outlast.model.names import Subject, VantageName
from outlast.model.topology import CheckKind, HealthCheck
from outlast.ports import Assignment

async def main():
    check = HealthCheck(kind=CheckKind.TCP, port=int(sys.argv[1]), interval_s=0.05, timeout_s=0.05)
    one = Assignment(subject=Subject("a/b/ipv4"), host="127.0.0.1", server_name="", check=check)
    reports = []
    fleet = Fleet(VantageName("here"), SystemClock(), reports.extend)
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    taken = []
    try:
        while True:
            taken.append(socket.socket())
    except OSError:
        pass
    fleet.update([one])
    while fleet.statistics().unjudged < 3:
        await asyncio.sleep(0.01)
    assert not reports, reports
    print(fleet.statistics().unjudged_reason)
    for each in taken:
        each.close()
    while not reports:
        await asyncio.sleep(0.01)
    assert reports[0].good, reports
    await fleet.close()

asyncio.run(asyncio.wait_for(main(), 20))
"""


@pytest.mark.slow
async def test_without_file_handles_nothing_is_reported_until_there_are_some() -> None:
    """A monitor that ran out of handles must not take every healthy target out."""
    async with serving(saying(b"")) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            EXHAUSTED,
            str(port),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert out.decode().strip() == "no socket: Too many open files"


async def test_an_expired_wire_waits_for_nothing_more() -> None:
    async with serving(saying(b"x")) as port:
        loop = asyncio.get_running_loop()
        wire = Wire(HOST, deadline=loop.time() + 0.02)
        await wire.connect(HOST, port)
        with pytest.raises(TimeoutError):
            await wire.receive()
        with pytest.raises(TimeoutError):
            await wire.receive()
        wire.abort()
        wire.abort()


def test_our_own_fault_can_never_be_taken_for_an_error_of_the_target() -> None:
    """Errors of the target are `OSError`s and make bad reports."""
    assert not issubclass(OwnFault, OSError)
