"""Shared by the tests of the embedded name server: a running one, clients, and a gate without sockets."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
from tests.support.nameservers import free_port

from outlast.drivers.nameserver import Fact, Key, NameServer, NameServerSettings
from outlast.drivers.nameserver.answer import Responder
from outlast.drivers.nameserver.apex import apex_changes
from outlast.drivers.nameserver.gate import Gate, Passed, Updating
from outlast.drivers.nameserver.settings import Counters
from outlast.drivers.nameserver.tsig import Keyring
from outlast.drivers.nameserver.update import Refusal, evaluate
from outlast.drivers.nameserver.wire import name_from_text
from outlast.drivers.nameserver.zone import RRset, Zone
from outlast.model.names import DnsName
from outlast.model.topology import Address

ZONE = DnsName("example.test")
NOW_S = 1_800_000_000
SECRET = b"0123456789abcdef0123456789abcdef"
KEY = Key(DnsName("writer.test"), "hmac-sha256", SECRET)
DNS_KEY = dns.tsig.Key("writer.test.", SECRET, "hmac-sha256")
HOST = "127.0.0.1"

A, AAAA, TXT, CNAME, MX = 1, 28, 16, 5, 15


def wire_name(text: str) -> bytes:
    return name_from_text(DnsName(text))


def a_records(name: str, *addresses: str, ttl_s: int = 60) -> dict[bytes, tuple[RRset, ...]]:
    packed = sorted(bytes(map(int, one.split("."))) for one in addresses)
    return {wire_name(name): (RRset(A, ttl_s, tuple(packed)),)}


def txt_records(name: str, *texts: str) -> dict[bytes, tuple[RRset, ...]]:
    packed = sorted(bytes((len(one),)) + one.encode() for one in texts)
    return {wire_name(name): (RRset(TXT, 0, tuple(packed)),)}


class Desk:
    """A gate over zones in memory, without sockets: packets in, answers out."""

    def __init__(
        self,
        *nodes: dict[bytes, tuple[RRset, ...]],
        settings: NameServerSettings | None = None,
        random: Callable[[], float] = lambda: 0.0,
        zones: Iterable[DnsName] = (ZONE,),
        secondaries: Iterable[str] = (),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or NameServerSettings()
        self.counters = Counters()
        self.facts: list[Fact] = []
        self.zones: dict[bytes, Zone] = {}
        for name in zones:
            address = (Address(host="192.0.2.53", port=53),)
            changes = apex_changes(name, {}, address, self.settings, now_s=NOW_S)
            self.zones[wire_name(name)] = Zone(wire_name(name), changes)
        self.responder = Responder(self.zones, self.settings, self.counters, random)
        for one in nodes:
            self.zones[wire_name(ZONE)].apply(one)
        self.gate = Gate(
            self.zones,
            self.responder,
            Keyring((KEY,)),
            counters=self.counters,
            transfer_hosts=frozenset(secondaries),
            on_fact=self.facts.append,
            wall_clock=wall_clock,
        )

    @property
    def zone(self) -> Zone:
        return self.zones[wire_name(ZONE)]

    def enter(self, data: bytes, *, udp: bool = True, host: str = "192.0.2.99") -> Passed:
        return self.gate.enter(data, host, udp=udp)

    def ask_raw(self, query: dns.message.Message, *, udp: bool = True) -> bytes:
        """Ask as the UDP socket would: the prepared answers first."""
        data = query.to_wire()
        hot = self.responder.hot.get(data[2:]) if udp else None
        if isinstance(hot, bytes):
            return data[:2] + hot
        if isinstance(hot, tuple):
            return data[:2] + hot[int(self.responder.random() * len(hot))]
        if hot is not None:
            return data[:2] + hot.draw(self.responder.random)
        reply = self.enter(data, udp=udp)
        assert isinstance(reply, bytes)
        return reply

    def ask(self, query: dns.message.Message, *, udp: bool = True) -> dns.message.Message:
        reply = dns.message.from_wire(self.ask_raw(query, udp=udp))
        assert reply.id == query.id
        assert reply.flags & dns.flags.QR
        return reply

    def look_up(self, name: str, rtype: str = "A") -> dns.message.Message:
        return self.ask(dns.message.make_query(name, rtype))

    def update(self, update: dns.update.UpdateMessage) -> dns.rcode.Rcode:
        """Carry an update out at once, as the writer would."""
        passed = self.enter(update.to_wire(), udp=False)
        if isinstance(passed, bytes):
            return dns.message.from_wire(passed, keyring=DNS_KEY, request_mac=update.mac).rcode()
        assert isinstance(passed, Updating)
        try:
            changes = evaluate(passed.update, self.zone)
        except Refusal as refusal:
            return dns.rcode.Rcode(refusal.rcode)
        self.zone.apply(changes)
        self.responder.forget(changes)
        return dns.rcode.NOERROR


def addresses(reply: dns.message.Message) -> list[str]:
    """The values of an answer's last record set, in the order in which they came."""
    return [one.to_text() for one in reply.answer[-1]] if reply.answer else []


@contextlib.asynccontextmanager
async def serving(
    data_dir: Path | None = None,
    settings: NameServerSettings | None = None,
    *,
    port: int = 0,
    on_fact: Callable[[Fact], None] = lambda fact: None,
    zones: tuple[DnsName, ...] = (ZONE,),
) -> AsyncIterator[tuple[NameServer, int]]:
    """A running server on a free port of loopback."""
    port = port or free_port()
    server = NameServer(
        zones, (Address(host=HOST, port=port),), (KEY,), data_dir, settings, on_fact=on_fact
    )
    await server.start()
    try:
        yield server, port
    finally:
        await server.close()


def new_update() -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage(f"{ZONE}.", keyring=DNS_KEY)


async def send(update: dns.update.UpdateMessage, port: int) -> dns.rcode.Rcode:
    """Send an update over TCP, check the answer's signature, return its code."""
    reply = await dns.asyncquery.tcp(update, HOST, timeout=10, port=port)
    assert reply.had_tsig
    return reply.rcode()


async def resolve(port: int, name: str, rtype: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, rtype)
    return await dns.asyncquery.udp(query, HOST, timeout=5, port=port)
