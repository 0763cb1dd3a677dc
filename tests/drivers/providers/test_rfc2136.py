"""Servers that lie or break off: reading raises, writing never claims what is not known."""

import asyncio
import socket
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig
import pytest
from tests.support.liars import Behaviour, as_answer, frame, lying, read_frame
from tests.support.nameservers import HOST, free_port

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.authority import ask
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.transfer import transfer
from outlast.drivers.providers.tsig import Key
from outlast.model.api import ProviderKind
from outlast.model.errors import Denied, ProviderError, Unreachable
from outlast.model.fence import fence_name
from outlast.model.names import DnsName, EndpointName, ProviderName
from outlast.model.plan import Absent, Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet, RecordType
from outlast.model.topology import Address, Provider

ZONE = DnsName("example.org")
NAME = DnsName("api.example.org")
LAYOUT = Layout(
    endpoint=EndpointName("api"),
    provider=ProviderName("main"),
    zone=ZONE,
    fence_at=fence_name(NAME),
    names=(NAME,),
)
WRITE = Transaction(
    zone=ZONE,
    conditions=(Absent(name=LAYOUT.fence_at, rtype=RecordType.TXT),),
    deletions=(),
    additions=(RecordSet.of(NAME, RecordType.A, 60, ["192.0.2.1"]),),
)
KEY = Key(DnsName("outlast"), "hmac-sha256", b"secret")
ORACLE_KEY = dns.tsig.Key("outlast.", b"secret")


def provider_at(server: Address, *, key: Key | None = KEY, timeout_s: float = 5) -> Rfc2136Provider:
    noun = Provider(
        name=ProviderName("main"),
        kind=ProviderKind.RFC2136,
        server=server,
        zones=(ZONE,),
        timeout_s=timeout_s,
    )
    return Rfc2136Provider(noun, key, SystemClock())


def answering(**changes: bool | int) -> Behaviour:
    """A server that answers everything by dnspython, with one thing wrong."""

    def respond(request: bytes) -> bytes:
        read = dns.message.from_wire(request, keyring=ORACLE_KEY)
        answer = dns.message.make_response(read)
        answer.set_rcode(dns.rcode.Rcode(int(changes.get("rcode", 0))))
        if changes.get("authoritative", True):
            answer.flags |= dns.flags.AA
        if changes.get("truncated"):
            answer.flags |= dns.flags.TC
        if changes.get("unsigned"):
            answer.tsig = None
        if changes.get("elsewhere"):
            answer.question = dns.message.make_query("else.where.", "A").question
        return answer.to_wire()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(frame(respond(await read_frame(reader))))

    return serve


async def test_an_honest_empty_server_reads_as_absent() -> None:
    """The liars below differ from this one in one thing each."""
    async with lying(answering()) as server:
        provider = provider_at(server)
        found = await provider.read(LAYOUT)
        assert (found.fence, found.epoch, found.record_sets) == ((), (), ())
        assert (await provider.write(WRITE)).kind is OutcomeKind.APPLIED
        await provider.close()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"authoritative": False}, ProviderError, "not authoritative"),
        ({"truncated": True}, ProviderError, "cut off"),
        ({"unsigned": True}, ProviderError, "without a valid signature"),
        ({"elsewhere": True}, ProviderError, "something else"),
        ({"rcode": 2}, ProviderError, "SERVFAIL"),
        ({"rcode": 1}, ProviderError, "FORMERR"),
        ({"rcode": 5}, Denied, "REFUSED"),
        ({"rcode": 9}, Denied, "NOTAUTH"),
    ],
)
async def test_an_answer_that_is_no_proper_one_is_an_error(
    changes: dict[str, bool | int], error: type[ProviderError], words: str
) -> None:
    """What cannot be believed must not be taken for "nothing there": that would look like a wipe."""
    async with lying(answering(**changes)) as server:
        provider = provider_at(server)
        with pytest.raises(error, match=words):
            await provider.read(LAYOUT)
        await provider.close()


async def test_an_unsigned_success_is_unknown() -> None:
    """Anybody on the way could have sent it."""
    async with lying(answering(unsigned=True)) as server:
        provider = provider_at(server)
        assert (await provider.write(WRITE)).kind is OutcomeKind.UNKNOWN
        await provider.close()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The right number, then octets that are no message."""
    while True:
        request = await read_frame(reader)
        writer.write(frame(request[:2] + b"\xff" * 60))


async def reflect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The request itself, with the answer bit set."""
    while True:
        writer.write(frame(as_answer(await read_frame(reader))))


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Some other protocol that speaks first."""
    writer.write(b"220 mail.example.org ESMTP ready\r\n")
    await reader.read()


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything, says nothing."""
    assert writer is not None
    while await reader.read(4096):
        pass


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half an answer, then the end."""
    whole = frame(as_answer(await read_frame(reader)))
    writer.write(whole[: len(whole) // 2])
    await writer.drain()


@pytest.mark.parametrize("behaviour", [garbage, reflect, greet, swallow, break_off])
async def test_a_liar_leaves_a_write_unknown_and_a_reading_an_error(behaviour: Behaviour) -> None:
    """Something was sent, so it is unknown, within the time-out, whatever comes back."""
    async with lying(behaviour) as server:
        provider = provider_at(server, timeout_s=0.3)
        assert (await provider.write(WRITE)).kind is OutcomeKind.UNKNOWN
        with pytest.raises(ProviderError):
            await provider.read(LAYOUT)
        with pytest.raises(ProviderError):
            await transfer(server, ZONE, KEY, at_s=1_760_000_000, timeout_s=0.3)
        await provider.close()


async def test_nobody_there_means_that_nothing_was_sent() -> None:
    """Refused before the first octet: busy, since nothing can have changed."""
    provider = provider_at(Address(host=HOST, port=free_port()))
    outcome = await provider.write(WRITE)
    assert outcome.kind is OutcomeKind.BUSY
    assert "nothing was sent" in outcome.detail
    with pytest.raises(Unreachable):
        await provider.read(LAYOUT)
    with pytest.raises(Unreachable):
        await provider.transfer(ZONE)
    assert "cannot be reached" in await provider.describe()
    await provider.close()


async def test_each_write_is_sent_exactly_once() -> None:
    """Whatever happens, one transaction is one message: the server counts."""
    seen = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_frame(reader))
        writer.close()

    async with lying(count) as server:
        provider = provider_at(server)
        for _ in range(3):
            assert (await provider.write(WRITE)).kind is OutcomeKind.UNKNOWN
        await provider.close()
    assert len(seen) == 3


async def test_without_a_key_nothing_is_signed() -> None:
    """A server on the same machine may be opened by address alone."""
    async with lying(answering(unsigned=True)) as server:
        provider = provider_at(server, key=None)
        assert (await provider.read(LAYOUT)).fence == ()
        assert (await provider.write(WRITE)).kind is OutcomeKind.APPLIED
        await provider.close()


async def test_over_udp_a_wrong_answer_is_passed_over() -> None:
    """A wrong number, a wrong question or garbage is not the answer; the true one may still come."""
    loop = asyncio.get_running_loop()
    port = free_port()

    class Liar(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            true = dns.message.make_response(dns.message.from_wire(data))
            true.flags |= dns.flags.AA
            wire = true.to_wire()
            elsewhere = dns.message.make_response(dns.message.make_query("else.where.", "A"))
            elsewhere.id = true.id
            other_number = bytes((wire[0] ^ 0xFF, wire[1])) + wire[2:]
            for one in (b"", b"garbage", other_number, elsewhere.to_wire(), wire):
                self.transport.sendto(one, addr)

    transport, _ = await loop.create_datagram_endpoint(Liar, local_addr=(HOST, port))
    found = await ask(Address(host=HOST, port=port), LAYOUT, SystemClock())
    assert (found.fence, found.record_sets) == ((), ())
    transport.close()


async def test_over_udp_silence_and_closed_ports_are_unreachable_in_bounded_time() -> None:
    """Verification must not hang on a dead secondary."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, free_port()))
        server = Address(host=HOST, port=silent.getsockname()[1])
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(Unreachable, match="did not answer"):
            await ask(server, LAYOUT, SystemClock(), timeout_s=0.3)
        assert asyncio.get_running_loop().time() - began_s < 5
        silent.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        asked = 0
        while True:
            try:
                silent.recv(4096)
            except BlockingIOError:
                break
            asked += 1
    assert asked == 3 * 5  # each question three times: datagrams get lost
    with pytest.raises(Unreachable):
        await ask(Address(host=HOST, port=free_port()), LAYOUT, SystemClock())
