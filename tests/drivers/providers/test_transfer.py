"""Zone transfers: the fast reader sees what dnspython sees, and believes nothing that is not proven."""

import asyncio
from typing import Any

import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.renderer
import dns.rrset
import dns.tsig
import dns.zone
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.liars import Behaviour, frame, lying, read_frame

from outlast.drivers.providers.reply import Malformed
from outlast.drivers.providers.transfer import UNSIGNED_MAX, ZoneReader, transfer
from outlast.drivers.providers.tsig import Key
from outlast.drivers.providers.wire import TYPE_AXFR, pack_query
from outlast.model.errors import Denied, ProviderError, Unreachable
from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType, canonical_value
from outlast.model.topology import Address

ZONE = DnsName("example.org")
SERVER = Address(host="192.0.2.53", port=53)
KEY = Key(DnsName("outlast"), "hmac-sha256", b"secret")
ORACLE_KEY = dns.tsig.Key("outlast.", b"secret")
NOW_S = 1_760_000_000
SOA = dns.rrset.from_text(f"{ZONE}.", 60, "IN", "SOA", f"ns.{ZONE}. a.{ZONE}. 1 2 3 4 5")

labels = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
names = st.lists(labels, max_size=3).map(lambda one: ".".join((*one, ZONE)))
texts = st.binary(max_size=40).map(
    lambda one: '"' + "".join(f"\\{octet:03d}" for octet in one) + '"'
)
rdatas = {
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "TXT": st.lists(texts, min_size=1, max_size=3).map(" ".join),
    "MX": names.map(lambda one: f"10 {one}."),
    "CNAME": names.map(lambda one: f"{one}."),
}


@st.composite
def rrsets(draw: st.DrawFn) -> dns.rrset.RRset:
    rtype = draw(st.sampled_from(list(rdatas)))
    most = 1 if rtype == "CNAME" else 4
    values = draw(st.lists(rdatas[rtype], min_size=1, max_size=most))
    return dns.rrset.from_text(f"{draw(names)}.", draw(st.integers(0, 9999)), "IN", rtype, *values)


def renderer_of(number: int) -> Any:
    """dnspython's writer of messages, which has no types."""
    make: Any = dns.renderer.Renderer
    return make(number, 0x8400, 65535)


def message_of(sets: list[dns.rrset.RRset]) -> bytes:
    """One message of a transfer, compressed as dnspython does."""
    renderer = renderer_of(1)
    renderer.add_question(dns.name.from_text(ZONE), dns.rdatatype.AXFR)
    for one in sets:
        renderer.add_rrset(dns.renderer.ANSWER, one)
    renderer.write_header()
    return bytes(renderer.get_wire())


@settings(max_examples=200, deadline=None)
@given(sets=st.lists(rrsets(), max_size=12, unique_by=lambda one: (one.name, one.rdtype)))
def test_the_fast_reader_sees_what_dnspython_sees(sets: list[dns.rrset.RRset]) -> None:
    """Names in any case and compression, four types, everything else passed over."""
    reader = ZoneReader(ZONE)
    message = message_of([SOA, *sets, SOA])
    reader.add(message)
    assert reader.complete
    found = {(one.name, one.rtype.value): one for one in reader.image(SERVER).record_sets()}
    wanted = {}
    for one in dns.message.from_wire(message, one_rr_per_rrset=False).answer:
        rtype = dns.rdatatype.to_text(one.rdtype)
        if rtype not in RecordType.__members__:
            continue
        name = one.name.to_text(omit_final_dot=True).lower()
        wanted[name, rtype] = RecordSet(
            DnsName(name),
            RecordType(rtype),
            one.ttl,
            tuple(sorted({text_of(RecordType(rtype), rdata.to_wire() or b"") for rdata in one})),
        )
    assert found == wanted


def text_of(rtype: RecordType, rdata: bytes) -> str:
    """A value as the slow way spells it."""
    if rtype is RecordType.TXT:
        strings = []
        at = 0
        while at < len(rdata):
            string = rdata[at + 1 : at + 1 + rdata[at]]
            strings.append("".join(escape(octet) for octet in string))
            at += 1 + rdata[at]
        return "\\|".join(strings)
    parsed = dns.rdata.from_wire("IN", rtype.value, rdata, 0, len(rdata))
    return canonical_value(rtype, parsed.to_text())


def escape(octet: int) -> str:
    if octet == 92:
        return "\\\\"
    return chr(octet) if 32 <= octet < 127 else f"\\{octet:03d}"


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_damaged_transfers_are_malformed_and_nothing_else(data: st.DataObject) -> None:
    """No octets from the network may crash the fast reader or keep it in a circle."""
    rrset = dns.rrset.from_text(f"api.{ZONE}.", 60, "IN", "TXT", '"abc"', '"def"')
    changed = bytearray(message_of([SOA, rrset, SOA]))
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        ZoneReader(ZONE).add(bytes(changed[: data.draw(st.integers(0, len(changed)))]))
    except Malformed:
        return


def test_a_set_that_comes_in_pieces_is_put_together() -> None:
    """RFC 5936 section 2.2 promises no order of the records."""
    first, other, second = (
        dns.rrset.from_text(f"{name}.{ZONE}.", 60, "IN", "A", value)
        for name, value in (("a", "192.0.2.2"), ("b", "192.0.2.3"), ("a", "192.0.2.1"))
    )
    reader = ZoneReader(ZONE)
    for sets in ([SOA, first], [other], [second, SOA]):
        reader.add(message_of(sets))
    found = {one.name: one.values for one in reader.image(SERVER).record_sets()}
    assert found == {f"a.{ZONE}": ("192.0.2.1", "192.0.2.2"), f"b.{ZONE}": ("192.0.2.3",)}


@pytest.mark.parametrize("name", ["c00c", "c00e", "0161c00c", "ffff"])
def test_a_circle_of_pointers_is_malformed(name: str) -> None:
    """Each pointer must point before the name that it stands in, so a chain of them ends."""
    head = bytes.fromhex("000180000000000100000000")
    with pytest.raises(Malformed, match="point"):
        ZoneReader(ZONE).add(head + bytes.fromhex(name) + bytes.fromhex("00010001000000000000"))


def big_zone(count: int) -> list[list[dns.rrset.RRset]]:
    """A transfer's messages, each with one address."""
    middle = [
        [dns.rrset.from_text(f"n{n}.{ZONE}.", 60, "IN", "A", "192.0.2.1")] for n in range(count)
    ]
    return [[SOA], *middle, [SOA]]


def serving(
    messages: list[list[dns.rrset.RRset]],
    *,
    sign_every: int = 1,
    spoil: int = -1,
    sign_last: bool = True,
) -> Behaviour:
    """A server of one transfer; it signs every so many messages, and can alter one after signing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = dns.message.from_wire(await read_frame(reader), keyring=ORACLE_KEY)
        ctx = None
        for n, sets in enumerate(messages):
            renderer = renderer_of(request.id)
            for one in sets:
                renderer.add_rrset(dns.renderer.ANSWER, one)
            renderer.write_header()
            last = n == len(messages) - 1
            if n % sign_every == 0 or (last and sign_last):
                ctx = renderer.add_multi_tsig(
                    ctx, ORACLE_KEY.name, ORACLE_KEY, 300, request.id, 0, b"", request.mac
                )
                wire = bytearray(renderer.get_wire())
            else:
                wire = bytearray(renderer.get_wire())
                assert ctx is not None
                ctx.update(bytes(wire))
            if n == spoil:
                wire[-1 if n % sign_every else 30] ^= 1
            writer.write(frame(bytes(wire)))
        await reader.read()

    return serve


async def fetched(behaviour: Behaviour) -> tuple[RecordSet, ...]:
    async with lying(behaviour) as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.time", lambda: float(NOW_S))
            image = await transfer(server, ZONE, KEY, at_s=NOW_S, timeout_s=5)
            return image.record_sets()


@pytest.mark.parametrize("sign_every", [1, 2, 7, UNSIGNED_MAX + 1])
async def test_a_stream_signed_now_and_then_is_believed(sign_every: int) -> None:
    """RFC 8945 section 5.3.1 allows 99 unsigned messages between two signed ones."""
    assert len(await fetched(serving(big_zone(250), sign_every=sign_every))) == 250


async def test_a_stream_that_is_signed_too_seldom_is_refused() -> None:
    """One hundred unsigned messages in a row are one too many."""
    with pytest.raises(ProviderError, match="signature"):
        await fetched(serving(big_zone(250), sign_every=UNSIGNED_MAX + 2))


@pytest.mark.parametrize("spoil", [0, 1, 5, 7, 20, 21])
async def test_a_stream_changed_anywhere_is_refused(spoil: int) -> None:
    """Signed or not, first, middle or last: a changed octet shows at the next signature."""
    with pytest.raises(ProviderError, match="signature is wrong"):
        await fetched(serving(big_zone(20), sign_every=7, spoil=spoil))


async def test_an_end_that_is_not_signed_is_refused() -> None:
    """Whoever can add messages could otherwise end a transfer early."""
    with pytest.raises(ProviderError, match="end is not signed"):
        await fetched(serving(big_zone(22), sign_every=7, sign_last=False))


async def test_a_transfer_that_breaks_off_is_no_smaller_zone() -> None:
    """Without the closing SOA nothing is handed out."""

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_frame(reader)
        writer.write(frame(message_of([SOA, *big_zone(1)[1]])))
        await writer.drain()

    async with lying(break_off) as server:
        with pytest.raises(Unreachable, match="broke"):
            await transfer(server, ZONE, None, at_s=NOW_S, timeout_s=5)


@pytest.mark.parametrize(("rcode", "error"), [(5, Denied), (9, Denied), (2, ProviderError)])
async def test_a_refused_transfer_says_so(rcode: int, error: type[ProviderError]) -> None:
    """REFUSED and NOTAUTH name the grant to look at."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_frame(reader)
        writer.write(frame(request[:2] + bytes((0x80, rcode)) + bytes(8)))
        await reader.read()

    async with lying(refuse) as server:
        with pytest.raises(error, match=r"transfer of example\.org"):
            await transfer(server, ZONE, None, at_s=NOW_S, timeout_s=5)


def test_the_question_of_a_transfer_is_what_dnspython_reads() -> None:
    """AXFR for the zone's name."""
    read = dns.message.from_wire(pack_query(ZONE, TYPE_AXFR, 1))
    assert read.question[0].to_text() == f"{ZONE}. IN AXFR"
