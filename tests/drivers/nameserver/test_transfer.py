"""Transfers: read by dnspython and dig, and served by a real BIND and a real Knot as secondaries."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest
from dns.rcode import FORMERR, NOERROR, NOTAUTH, REFUSED
from tests.drivers.nameserver.harness import (
    DNS_KEY,
    HOST,
    ZONE,
    Desk,
    a_records,
    addresses,
    new_update,
    resolve,
    send,
    serving,
)
from tests.support.nameservers import free_port

from outlast.drivers.nameserver import Fact, FactKind, NameServerSettings
from outlast.drivers.nameserver.gate import Transferring
from outlast.drivers.nameserver.notify import Notifier
from outlast.drivers.nameserver.settings import Counters
from outlast.drivers.nameserver.transfer import transfer_messages
from outlast.model.topology import Address

DEADLINE_S = 20.0


def to_us(*ports: int) -> NameServerSettings:
    secondaries = tuple(Address(host=HOST, port=port) for port in ports)
    return NameServerSettings(secondaries=secondaries, notify_delay_s=0.02)


async def fill(port: int, count: int) -> None:
    for start in range(0, count, 500):
        update = new_update()
        for number in range(start, min(count, start + 500)):
            update.add(f"n{number}", 60, "A", f"10.0.{number >> 8}.{number & 255}")
        assert await send(update, port) == NOERROR


async def fetch(query: dns.message.QueryMessage, port: int) -> dns.zone.Zone:
    zone = dns.zone.Zone(f"{ZONE}.")
    await dns.asyncquery.inbound_xfr(HOST, zone, query, port=port, timeout=10)
    return zone


def axfr() -> dns.message.QueryMessage:
    query = dns.message.make_query(f"{ZONE}.", "AXFR")
    query.use_tsig(DNS_KEY)
    return query


@pytest.mark.slow
async def test_a_long_zone_comes_whole_and_every_message_signed() -> None:
    async with serving() as (server, port):
        await fill(port, 3000)
        zone = await fetch(axfr(), port)
        assert len(zone.nodes) == 3002
        assert str(zone.find_rdataset("n2999", "A")[0]) == "10.0.11.183"
        assert server.stats().transfers == 1


async def test_a_transfer_shows_one_moment() -> None:
    """Updates that are acknowledged while it runs are wholly in it or not at all."""
    async with serving() as (_, port):
        await fill(port, 2000)

        async def change() -> None:
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
                update = new_update()
                update.replace("n0", 60, "A", address)
                update.replace("n1999", 60, "A", address)
                assert await send(update, port) == NOERROR

        zone, _ = await asyncio.gather(fetch(axfr(), port), change())
        pair = [str(zone.find_rdataset(name, "A")[0]) for name in ("n0", "n1999")]
        assert pair[0] == pair[1] or pair == ["10.0.0.0", "10.0.7.207"]


async def test_ixfr_is_the_soa_alone_where_nothing_is_new_and_the_zone_where_something_is() -> None:
    async with serving(settings=to_us(1)) as (_, port):
        soa = (await resolve(port, f"{ZONE}", "SOA")).answer[0]
        for serial, count in ((soa[0].serial, 1), (soa[0].serial - 1, 4)):
            query = dns.message.make_query(f"{ZONE}.", "IXFR")
            old = soa[0].replace(serial=serial)
            query.authority.append(dns.rrset.from_rdata(f"{ZONE}.", 0, old))
            reply = await dns.asyncquery.tcp(
                query, HOST, port=port, timeout=5, one_rr_per_rrset=True
            )
            assert len(reply.answer) == count
            short = await dns.asyncquery.udp(query, HOST, port=port, timeout=5)
            assert [one.rdtype for one in short.answer] == [dns.rdatatype.SOA]


@pytest.mark.parametrize(
    ("zone", "secondary", "udp", "rcode"),
    [
        (ZONE, False, False, REFUSED),
        (ZONE, True, True, FORMERR),
        ("example.com", True, False, NOTAUTH),
        (f"sub.{ZONE}", True, False, NOTAUTH),
    ],
)
def test_who_may_not_have_a_zone_is_told_why(
    zone: str, rcode: dns.rcode.Rcode, *, secondary: bool, udp: bool
) -> None:
    desk = Desk(secondaries=["192.0.2.99"] if secondary else [])
    query = dns.message.make_query(f"{zone}.", "AXFR")
    reply = desk.enter(query.to_wire(), udp=udp)
    assert isinstance(reply, bytes)
    assert dns.message.from_wire(reply).rcode() == rcode


async def test_too_many_transfers_at_once_are_told_to_come_back() -> None:
    none = replace(to_us(1), limits=replace(NameServerSettings().limits, transfers_max=0))
    async with serving(settings=none) as (_, port):
        query = dns.message.make_query(f"{ZONE}.", "AXFR")
        reply = await dns.asyncquery.tcp(query, HOST, port=port, timeout=5)
        assert reply.rcode() == dns.rcode.SERVFAIL


class Ear(asyncio.DatagramProtocol):
    """A secondary that hears NOTIFY, and answers from the second one on."""

    def __init__(self) -> None:
        self.heard: list[dns.message.Message] = []
        self.came = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(dns.message.from_wire(data))
        self.came.set()
        if len(self.heard) > 1 and self._transport is not None:
            self._transport.sendto(dns.message.make_response(self.heard[-1]).to_wire(), addr)


@pytest.mark.slow
async def test_notify_is_told_again_until_it_is_answered_and_changes_are_told_together() -> None:
    loop = asyncio.get_running_loop()
    ear_port = free_port()
    transport, ear = await loop.create_datagram_endpoint(Ear, local_addr=(HOST, ear_port))
    facts: list[Fact] = []
    async with serving(settings=to_us(ear_port), on_fact=facts.append) as (server, port):
        async with asyncio.timeout(DEADLINE_S):
            while len(ear.heard) < 2:
                ear.came.clear()
                await ear.came.wait()
        assert {one.opcode() for one in ear.heard} == {dns.opcode.NOTIFY}
        assert ear.heard[0].question == ear.heard[1].question
        ear.came.clear()
        await fill(port, 1500)  # three updates
        async with asyncio.timeout(DEADLINE_S):
            await ear.came.wait()
        assert server.stats().notifies <= 5
        assert FactKind.NOTIFY_UNANSWERED not in {fact.kind for fact in facts}
    transport.close()


BIND_CONFIG = """
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{folder}/pid"; session-keyfile "{folder}/session"; lock-file none; recursion no;
  managed-keys-directory "{folder}"; notify no; dnssec-validation no; }};
controls {{ }};
key "writer.test" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "example.test" {{ type secondary; file "zone"; primaries {{ 127.0.0.1 port {primary}{key}; }}; }};
"""
KNOT_CONFIG = """
server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
database:
    storage: {folder}/db
remote:
  - id: primary
    address: 127.0.0.1@{primary}
acl:
  - id: notified
    address: 127.0.0.1
    action: notify
zone:
  - domain: example.test
    storage: {folder}
    master: primary
    acl: notified
"""


def write_config(kind: str, folder: Path, **values: object) -> list[str]:
    text = KNOT_CONFIG if kind == "knot" else BIND_CONFIG
    key = " key writer.test" if kind == "bind-signed" else ""
    secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    (folder / "config").write_text(text.format(folder=folder, key=key, secret=secret, **values))
    if kind == "knot":
        return ["/usr/sbin/knotd", "-c", str(folder / "config")]
    return ["/usr/sbin/named", "-g", "-4", "-c", str(folder / "config")]


@contextlib.asynccontextmanager
async def secondary(kind: str, folder: Path, primary: int, port: int) -> AsyncIterator[None]:
    command = write_config(kind, folder, primary=primary, port=port)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def wait_for_answer(port: int, name: str, wanted: list[str]) -> None:
    query = dns.message.make_query(name, "A")
    found: list[str] = []
    for _ in range(round(DEADLINE_S / 0.02)):
        with contextlib.suppress(OSError, dns.exception.DNSException):
            reply = await dns.asyncquery.udp(query, HOST, port=port, timeout=1)
            found = sorted(addresses(reply))
            if found == wanted:
                return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name}: {found}, not {wanted}")


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bind", "bind-signed", "knot"])
async def test_a_real_secondary_serves_the_zone_and_follows_its_changes(
    kind: str, tmp_path: Path
) -> None:
    second = free_port()
    async with serving(settings=to_us(second)) as (server, port):
        await fill(port, 1000)
        async with secondary(kind, tmp_path, port, second):
            await wait_for_answer(second, "n999.example.test", ["10.0.3.231"])
            update = new_update()
            update.replace("n999", 60, "A", "192.0.2.1")
            update.add("n999", 60, "A", "192.0.2.2")
            update.add("_weights.n999", 60, "TXT", "192.0.2.1=3")
            update.delete("n0")
            assert await send(update, port) == NOERROR
            # Refresh is a minute away: only NOTIFY can bring it sooner than the deadline.
            await wait_for_answer(second, "n999.example.test", ["192.0.2.1", "192.0.2.2"])
            await wait_for_answer(second, "n0.example.test", [])
        assert server.stats().transfers >= 2


@pytest.mark.servers
@pytest.mark.slow
async def test_dig_falls_back_to_tcp_for_what_does_not_fit() -> None:
    async with serving() as (server, port):
        update = new_update()
        for number in range(200):
            update.add("big", 60, "A", f"192.0.2.{number}")
        assert await send(update, port) == NOERROR
        process = await asyncio.create_subprocess_exec(
            "dig", f"@{HOST}", "-p", str(port), "+short", "big.example.test", stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert len(out.split()) == 200
        stats = server.stats()
        assert (stats.truncated, stats.queries_udp, stats.queries_tcp) == (1, 1, 2)


@pytest.mark.servers
@pytest.mark.slow
async def test_dig_reads_a_transfer_and_nsupdate_writes_an_update() -> None:
    async with serving() as (_, port):
        secret = "hmac-sha256:writer.test:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        script = (
            f"server {HOST} {port}\nzone example.test\nprereq nxrrset f.example.test TXT\n"
            "update add f.example.test 0 TXT x\nupdate add www.example.test 60 A 192.0.2.1\nsend\n"
        )
        for code in (0, 2):  # the second time the fence is there
            process = await asyncio.create_subprocess_exec(
                "nsupdate", "-v", "-y", secret, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            await process.communicate(script.encode())
            assert process.returncode == code
        process = await asyncio.create_subprocess_exec(
            "dig", f"@{HOST}", "-p", str(port), "-y", secret, "AXFR", "example.test", "+noall",
            "+answer", stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert out.count(b"\tSOA\t") == 2
        assert b'f.example.test.\t\t0\tIN\tTXT\t"x"' in out


def test_a_transfer_that_takes_long_does_not_see_what_comes_meanwhile() -> None:
    """Its next message is made after the zone has changed and grown."""
    desk = Desk(*(a_records(f"n{n}.example.test", "192.0.2.1") for n in range(2000)))
    query = dns.message.make_query(f"{ZONE}.", "AXFR")
    query.use_tsig(DNS_KEY)
    data = query.to_wire()
    request = desk.enter(data, udp=False)
    assert isinstance(request, Transferring)
    messages = transfer_messages(request, data)
    seen = next(messages)
    desk.zone.apply(a_records("n1999.example.test", "192.0.2.99"))
    desk.zone.apply(a_records("new.example.test", "192.0.2.99"))
    seen += b"".join(messages)
    assert bytes((192, 0, 2, 99)) not in seen


async def test_changes_within_the_delay_are_one_notify() -> None:
    loop = asyncio.get_running_loop()
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    sent, first = list[bytes](), asyncio.Event()

    def send_to(data: bytes, secondary: Address) -> None:
        sent.append(data)
        first.set()

    notifier = Notifier(
        (Address(host=HOST, port=1),),
        0.01,
        send=send_to,
        random=lambda: 0.5,
        counters=Counters(),
        on_fact=lambda fact: None,
    )
    for _ in range(3):
        notifier.changed(b"\x04test\x00")
    await asyncio.wait_for(first.wait(), DEADLINE_S)
    notifier.received(
        dns.message.make_response(dns.message.from_wire(sent[0])).to_wire(), (HOST, 1)
    )
    for _ in range(5):
        await asyncio.sleep(0)
    assert (len(sent), faults) == (1, [])
    notifier.close()
