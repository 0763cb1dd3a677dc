"""The running server: sockets, limits, restarts, and a disk that fails."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.update
import pytest
from dns.rcode import NOERROR, NXDOMAIN, SERVFAIL
from tests.drivers.nameserver.harness import (
    DNS_KEY,
    HOST,
    KEY,
    ZONE,
    addresses,
    new_update,
    resolve,
    send,
    serving,
)
from tests.support.nameservers import free_port

from outlast.drivers.nameserver import (
    Fact,
    FactKind,
    Limits,
    NameServer,
    NameServerSettings,
    journal,
)
from outlast.drivers.nameserver.journal import NotRolledBack
from outlast.drivers.nameserver.zone import Nodes
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName
from outlast.model.topology import Address

DEADLINE_S = 15.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    for _ in range(round(DEADLINE_S / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the condition did not come true in time")


def files_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def put(port: int, name: str, address: str) -> int:
    update = new_update()
    update.replace(name, 0, "A", address)
    return await send(update, port)


def framed(message: dns.message.Message) -> bytes:
    return message.to_wire(prepend_length=True)


async def read_reply(reader: asyncio.StreamReader) -> dns.message.Message:
    async with asyncio.timeout(DEADLINE_S):
        size = int.from_bytes(await reader.readexactly(2), "big")
        return dns.message.from_wire(await reader.readexactly(size), keyring=False)


async def test_a_taken_port_is_said_so_and_nothing_is_left_open(tmp_path: Path) -> None:
    """A stale server on the same port would answer half of the questions, from the past."""
    async with serving() as (_, port):
        other = NameServer((ZONE,), (Address(host=HOST, port=port),), (KEY,), tmp_path)
        with pytest.raises(
            ConfigError, match=rf"{HOST}:{port} .UDP.: Address already in use"
        ) as got:
            await other.start()
        assert "ss -lunt" in got.value.remedy
    await other.start()
    await other.close()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
async def test_a_stranger_that_shares_its_port_is_not_joined(kind: socket.SocketKind) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, kind) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind((HOST, port))
        if kind is socket.SOCK_STREAM:
            stranger.listen()
        server = NameServer((ZONE,), (Address(host=HOST, port=port),), (), None)
        with pytest.raises(ConfigError, match="Address already in use"):
            await server.start()


async def test_both_families_answer() -> None:
    port = free_port()
    listen = [Address(host=HOST, port=port)]
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", port))
            listen.append(Address(host="::1", port=port))
        except OSError:
            listen.append(Address(host="127.0.0.2", port=port))  # a machine without IPv6
    server = NameServer((ZONE,), tuple(listen), (KEY,), None)
    await server.start()
    try:
        query = dns.message.make_query("example.test", "SOA")
        for one in listen:
            for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
                reply = await ask(query, one.host, port=port, timeout=5)
                assert reply.rcode() == NOERROR
    finally:
        await server.close()


async def test_zones_survive_a_restart_and_the_serial_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, port):
        assert await put(port, "www", "192.0.2.1") == NOERROR
        before = (await resolve(port, "example.test", "SOA")).answer[0][0].serial
    async with serving(tmp_path) as (_, port):
        assert addresses(await resolve(port, "www.example.test")) == ["192.0.2.1"]
        assert (await resolve(port, "example.test", "SOA")).answer[0][0].serial == before
    changed = NameServerSettings(negative_ttl_s=9)
    async with serving(tmp_path, changed) as (_, port):
        soa = (await resolve(port, "example.test", "SOA")).answer[0][0]
        assert (soa.serial, soa.minimum) == (before + 1, 9)


async def test_a_zone_taken_out_of_the_settings_is_kept_for_its_return(tmp_path: Path) -> None:
    other = DnsName("other.test")
    small = NameServerSettings(snapshot_bytes=1)
    async with serving(tmp_path) as (_, port):
        assert await put(port, "www", "192.0.2.1") == NOERROR
    async with serving(tmp_path, small, zones=(other,)) as (_, port):
        assert (await resolve(port, "www.example.test")).rcode() == dns.rcode.REFUSED
        update = dns.update.UpdateMessage("other.test.", keyring=DNS_KEY)
        update.add("x", 0, "A", "192.0.2.2")
        assert await send(update, port) == NOERROR
    async with serving(tmp_path) as (_, port):
        assert addresses(await resolve(port, "www.example.test")) == ["192.0.2.1"]


async def test_the_journal_is_folded_while_updates_go_on(tmp_path: Path) -> None:
    facts: list[Fact] = []
    small = NameServerSettings(snapshot_bytes=2000)
    async with serving(tmp_path, small, on_fact=facts.append) as (_, port):
        for number in range(60):
            assert await put(port, f"n{number}", f"192.0.2.{number}") == NOERROR
        await until(lambda: any(fact.kind is FactKind.SNAPSHOT_WRITTEN for fact in facts))
    names = files_in(tmp_path)
    assert "snapshot" in names
    assert sum(name.startswith("journal-") for name in names) <= 2
    async with serving(tmp_path) as (_, port):
        for number in range(60):
            reply = await resolve(port, f"n{number}.example.test")
            assert addresses(reply) == [f"192.0.2.{number}"]


@pytest.mark.parametrize(("failure", "answered"), [(OSError(28, "No space"), True), (None, False)])
async def test_a_failing_disk_changes_nothing_and_answers_go_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: OSError | None,
    *,
    answered: bool,
) -> None:
    """SERVFAIL where it is sure that nothing is written; silence where it is not."""
    async with serving(tmp_path) as (server, port):
        assert await put(port, "www", "192.0.2.1") == NOERROR
        real = journal.Journal.append

        def full(self: journal.Journal, changes: dict[bytes, Nodes]) -> None:
            raise failure or NotRolledBack

        monkeypatch.setattr(journal.Journal, "append", full)
        if answered:
            assert await put(port, "www", "192.0.2.2") == SERVFAIL
        else:
            with pytest.raises(EOFError):
                await put(port, "www", "192.0.2.2")
        assert addresses(await resolve(port, "www.example.test")) == ["192.0.2.1"]
        monkeypatch.setattr(journal.Journal, "append", real)
        assert await put(port, "www", "192.0.2.3") == NOERROR
        assert addresses(await resolve(port, "www.example.test")) == ["192.0.2.3"]
        assert server.stats().updates_applied == 2


SCRIPT = """
import asyncio, sys
from pathlib import Path
from tests.drivers.nameserver.harness import serving
async def main():
    async with serving(Path(sys.argv[1]), port=int(sys.argv[2])):
        await asyncio.Event().wait()
asyncio.run(main())
"""


def start_process(folder: Path, port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), str(port)])
    deadline = time.monotonic() + DEADLINE_S
    query = dns.message.make_query("example.test", "SOA")
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            dns.query.udp(query, HOST, port=port, timeout=0.1)
        except (OSError, dns.exception.Timeout):
            continue
        return process
    process.kill()
    raise AssertionError("no answer in time")


@pytest.mark.slow
def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    """Five rounds: updates one after the other until the server is killed in their midst."""
    port = free_port()
    acknowledged = 0
    for round_ in range(5):
        process = start_process(tmp_path, port)
        try:
            if acknowledged:
                query = dns.message.make_query("www.example.test", "TXT")
                found = dns.query.udp(query, HOST, port=port, timeout=5)
                text = int(found.answer[0][0].strings[0])
                assert text in {acknowledged, acknowledged + 1}
                acknowledged = text
            acknowledged = update_until_killed(process, port, acknowledged, 20 + 7 * round_)
        finally:
            process.kill()
            process.wait()
    assert acknowledged > 100


def update_until_killed(
    process: subprocess.Popen[bytes], port: int, number: int, count: int
) -> int:
    for step in range(count + 1):
        update = new_update()
        update.replace("www", 0, "TXT", f'"{number + 1}"')
        if step == count:
            os.kill(process.pid, signal.SIGKILL)
        try:
            reply = dns.query.tcp(update, HOST, port=port, timeout=5)
        except (OSError, EOFError):
            break
        assert reply.rcode() == NOERROR
        number += 1
    return number


async def test_messages_may_come_in_pieces_and_in_a_row() -> None:
    async with serving() as (server, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        queries = [dns.message.make_query(f"n{n}.example.test", "A") for n in range(300)]
        data = b"".join(map(framed, queries))
        for at in range(0, len(data), 1001):
            writer.write(data[at : at + 1001])
            await writer.drain()
        replies = [await read_reply(reader) for _ in queries]
        assert [one.id for one in replies] == [one.id for one in queries]
        assert {one.rcode() for one in replies} == {NXDOMAIN}
        assert server.stats().queries_tcp == 300
        writer.close()


@pytest.mark.slow
async def test_pipelined_updates_are_carried_out_in_order() -> None:
    """A chain of fences on one connection: each needs the one before it."""
    async with serving() as (_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        first = new_update()
        first.add("f", 0, "TXT", '"0"')
        assert await send(first, port) == NOERROR
        for number in range(400):  # more than one connection may have under way
            update = new_update()
            update.present("f", "TXT", f'"{number}"')
            update.replace("f", 0, "TXT", f'"{number + 1}"')
            writer.write(framed(update))
        codes = [(await read_reply(reader)).rcode() for _ in range(400)]
        assert codes == [NOERROR] * 400
        assert addresses(await resolve(port, "f.example.test", "TXT")) == ['"400"']
        writer.close()


def limited(**limits: float) -> NameServerSettings:
    return NameServerSettings(limits=Limits(**limits))  # type: ignore[arg-type]


@pytest.mark.slow
async def test_idle_connections_are_closed_even_if_bytes_trickle_in() -> None:
    async with serving(settings=limited(idle_s=0.3)) as (server, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        end_s = time.monotonic() + DEADLINE_S
        while not reader.at_eof() and reader.exception() is None:
            assert time.monotonic() < end_s
            writer.write(b"\x7f")  # the first two say "32,639 bytes follow"
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(reader.read(1), 0.02)
        assert server.stats().connections == 0
        writer.close()


async def test_one_client_gets_so_many_connections_and_no_more() -> None:
    async with serving(settings=limited(connections_client_max=3)) as (server, port):
        pairs = [await asyncio.open_connection(HOST, port) for _ in range(5)]
        await until(lambda: server.stats().connections_refused == 2)
        assert server.stats().connections == 3
        for _, writer in pairs:
            writer.close()
        await until(lambda: server.stats().connections == 0)
        assert await put(port, "www", "192.0.2.1") == NOERROR


async def test_a_crowd_of_strangers_does_not_keep_a_writer_out() -> None:
    async with serving(settings=limited(connections_max=4)) as (server, port):
        strangers = [await asyncio.open_connection(HOST, port) for _ in range(4)]
        await until(lambda: server.stats().connections == 4)
        assert await put(port, "www", "192.0.2.1") == NOERROR
        assert server.stats().connections_refused == 0
        for _, writer in strangers:
            writer.close()


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    """Memory for its answers stays bounded, and everybody else is served."""
    async with serving() as (server, port):
        _, writer = await asyncio.open_connection(HOST, port)
        question = framed(dns.message.make_query("example.test", "SOA"))
        for _ in range(200):
            writer.write(question * 500)
        sent = len(question) * 500 * 200 // len(question)
        seen = -1
        while seen != server.stats().queries_tcp:
            seen = server.stats().queries_tcp
            for _ in range(50):
                assert (await resolve(port, "ns.example.test")).rcode() == NOERROR
        assert seen < sent
        writer.transport.abort()


async def test_a_full_queue_says_try_again() -> None:
    async with serving(settings=limited(updates_queued_max=0)) as (_, port):
        assert await put(port, "www", "192.0.2.1") == SERVFAIL


async def test_a_full_zone_takes_no_new_names() -> None:
    async with serving(settings=limited(names_max=3)) as (server, port):
        codes = [await put(port, name, "192.0.2.1") for name in ("a", "b", "a")]
        assert codes == [NOERROR, dns.rcode.REFUSED, NOERROR]
        assert server.stats().names == 3


async def test_figures_and_facts_tell_what_happened(tmp_path: Path) -> None:
    facts: list[Fact] = []
    async with serving(tmp_path, on_fact=facts.append) as (server, port):
        await put(port, "www", "192.0.2.1")
        for name in ("www", "www", "nowhere"):
            await resolve(port, f"{name}.example.test")
        stats = server.stats()
    assert (stats.queries_udp, stats.queries_tcp, stats.updates_applied) == (3, 1, 1)
    assert dict(stats.answers) == {"NOERROR": 3, "NXDOMAIN": 1}
    assert [fact.kind for fact in facts] == [FactKind.STARTED, FactKind.STOPPED]


async def test_a_fault_of_our_own_stops_writing_but_not_answering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever, and the fault comes out at the end."""

    def broken(self: journal.Journal, changes: dict[bytes, Nodes]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - it comes out of the end of the block
        async with serving(tmp_path) as (_, port):
            assert await put(port, "www", "192.0.2.1") == NOERROR
            monkeypatch.setattr(journal.Journal, "append", broken)
            with pytest.raises((EOFError, dns.exception.Timeout)):
                await dns.asyncquery.tcp(replacement(), HOST, port=port, timeout=0.2)
            assert await put(port, "www", "192.0.2.3") == SERVFAIL
            assert addresses(await resolve(port, "www.example.test")) == ["192.0.2.1"]


def replacement() -> dns.update.UpdateMessage:
    update = new_update()
    update.replace("www", 0, "A", "192.0.2.2")
    return update


@pytest.mark.slow
async def test_updates_that_come_together_are_all_there(tmp_path: Path) -> None:
    """One sync for many updates: each of them counts, in memory and after a restart."""

    async def check(port: int, serial: int) -> None:
        for number in range(100):
            reply = await resolve(port, f"n{number}.example.test")
            assert addresses(reply) == [f"192.0.2.{number}"]
        assert (await resolve(port, "example.test", "SOA")).answer[0][0].serial == serial

    async with serving(tmp_path) as (_, port):
        serial = (await resolve(port, "example.test", "SOA")).answer[0][0].serial + 100
        reader, writer = await asyncio.open_connection(HOST, port)
        updates = [new_update() for _ in range(100)]
        for number, update in enumerate(updates):
            update.replace(f"n{number}", 0, "A", f"192.0.2.{number}")
        writer.write(b"".join(map(framed, updates)))
        assert {(await read_reply(reader)).rcode() for _ in updates} == {NOERROR}
        writer.close()
        await check(port, serial)
    async with serving(tmp_path) as (_, port):
        await check(port, serial)


@pytest.mark.slow
async def test_a_connection_in_use_is_not_idle() -> None:
    async with serving(settings=limited(idle_s=0.2)) as (_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        end_s = time.monotonic() + 0.8
        while time.monotonic() < end_s:
            writer.write(framed(dns.message.make_query("example.test", "SOA")))
            assert (await read_reply(reader)).rcode() == NOERROR
        writer.close()
