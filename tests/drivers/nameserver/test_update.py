"""Updates: RFC 2136's rules, the same table against this server and a real BIND; races; signatures."""

import asyncio
import hmac
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest
from dns.rcode import (
    FORMERR,
    NOERROR,
    NOTAUTH,
    NOTZONE,
    NXDOMAIN,
    NXRRSET,
    REFUSED,
    YXDOMAIN,
    YXRRSET,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.drivers.nameserver.harness import (
    DNS_KEY,
    SECRET,
    ZONE,
    Desk,
    a_records,
    addresses,
    new_update,
    resolve,
    send,
    serving,
    txt_records,
    wire_name,
)
from tests.support import nameservers

from outlast.drivers.nameserver import FactKind
from outlast.drivers.nameserver.gate import Updating
from outlast.drivers.nameserver.update import RRSET_RECORDS_MAX

Update = dns.update.UpdateMessage
OLD, NEW = '"outlast1 g=1 n=aa"', '"outlast1 g=2 n=bb"'


def fill(update: Update) -> None:
    """What stands in the zone before each case."""
    update.add("www", 60, "A", "192.0.2.1")
    update.add("www", 60, "A", "192.0.2.2")
    update.add("_outlast.www", 0, "TXT", OLD)
    update.add("two", 0, "TXT", '"one"')
    update.add("two", 0, "TXT", '"two"')
    update.add("split", 0, "TXT", '"ab" "cd"')
    update.add("alias", 60, "CNAME", "Www.example.com.")


def swap(update: Update) -> None:
    update.delete("www", "A")
    update.add("www", 60, "A", "192.0.2.9")
    update.delete("_outlast.www", "TXT")
    update.add("_outlast.www", 0, "TXT", NEW)


def both(update: Update) -> None:
    update.present("two", "TXT", '"one"', '"two"')
    update.present("www", "MX")


def too_many(update: Update) -> None:
    for number in range(RRSET_RECORDS_MAX + 1):
        update.add("many", 60, "A", f"10.0.{number >> 8}.{number & 255}")


@dataclass(frozen=True)
class Case:
    """A condition before the swap, and the code it must give; the swap is made exactly if NOERROR."""

    rule: str
    condition: Callable[[Update], None]
    rcode: dns.rcode.Rcode


CASES = (
    Case("fence holds", lambda u: u.present("_outlast.www", "TXT", OLD), NOERROR),
    Case("fence moved", lambda u: u.present("_outlast.www", "TXT", NEW), NXRRSET),
    Case("case matters", lambda u: u.present("_outlast.www", "TXT", OLD.upper()), NXRRSET),
    Case("fence absent, but there", lambda u: u.absent("_outlast.www", "TXT"), YXRRSET),
    Case("fence absent, and so", lambda u: u.absent("_outlast.new", "TXT"), NOERROR),
    Case("value where nothing is", lambda u: u.present("new", "TXT", OLD), NXRRSET),
    Case("a part of the set", lambda u: u.present("two", "TXT", '"one"'), NXRRSET),
    Case("all of the set", lambda u: u.present("two", "TXT", '"two"', '"one"'), NOERROR),
    Case("more than the set", lambda u: u.present("two", "TXT", '"one"', '"two"', '"x"'), NXRRSET),
    Case("strings are kept apart", lambda u: u.present("split", "TXT", '"abcd"'), NXRRSET),
    Case("strings as they are", lambda u: u.present("split", "TXT", '"ab" "cd"'), NOERROR),
    Case("names in any case", lambda u: u.present("ALIAS", "CNAME", "wWW.example.com."), NOERROR),
    Case("set present", lambda u: u.present("www", "A"), NOERROR),
    Case("set not present", lambda u: u.present("www", "AAAA"), NXRRSET),
    Case("name in use", lambda u: u.present("www"), NOERROR),
    Case("name not in use", lambda u: u.present("nowhere"), NXDOMAIN),
    Case("name free, but used", lambda u: u.absent("www"), YXDOMAIN),
    Case("name free", lambda u: u.absent("nowhere"), NOERROR),
    Case("outside the zone", lambda u: u.present("www.example.com.", "A"), NOTZONE),
    Case("addresses as a set", lambda u: u.present("www", "A", "192.0.2.2", "192.0.2.1"), NOERROR),
    Case(
        "one of two fails",
        both,
        NXRRSET,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_conditions_hold_or_nothing_happens(case: Case) -> None:
    desk = Desk()
    first = new_update()
    fill(first)
    assert desk.update(first) == NOERROR
    update = new_update()
    case.condition(update)
    swap(update)
    assert desk.update(update) == case.rcode
    moved = case.rcode == NOERROR
    assert addresses(desk.look_up("_outlast.www.example.test", "TXT")) == [NEW if moved else OLD]
    assert (addresses(desk.look_up("www.example.test")) == ["192.0.2.9"]) == moved


@pytest.fixture(scope="module")
def bind() -> Iterator[nameservers.NameServer]:
    with nameservers.running(nameservers.BIND) as server:
        yield server


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_bind_gives_the_same_codes(case: Case, bind: nameservers.NameServer) -> None:
    """The table above is no invention of ours."""
    name = dns.name.from_text(f"{nameservers.KEY_NAME}.")
    ring = dns.tsigkeyring.from_text({str(name): nameservers.SECRET_BASE64})

    def ask(update: Update) -> dns.rcode.Rcode:
        update.use_tsig(ring, name, algorithm=dns.tsig.HMAC_SHA256)
        return dns.query.tcp(update, nameservers.HOST, timeout=10, port=bind.port).rcode()

    first = Update(f"{bind.zone}.")
    for owner in ("www", "_outlast.www", "two", "split", "alias", "_outlast.new"):
        first.delete(owner)
    fill(first)
    assert ask(first) == NOERROR
    update = Update(f"{bind.zone}.")
    case.condition(update)
    swap(update)
    assert ask(update) == case.rcode


def test_deletions_of_every_kind() -> None:
    desk = Desk(a_records("www.example.test", "192.0.2.1", "192.0.2.2"))
    desk.zone.apply(txt_records("t.example.test", "a", "b"))
    update = new_update()
    update.delete("www", "A", "192.0.2.1")
    update.delete("www", "A", "192.0.2.77")
    update.delete("t")
    update.delete("nowhere", "A")
    assert desk.update(update) == NOERROR
    assert addresses(desk.look_up("www.example.test")) == ["192.0.2.2"]
    assert desk.look_up("t.example.test", "TXT").rcode() == NXDOMAIN


def test_the_apex_keeps_soa_and_ns_whatever_is_deleted() -> None:
    desk = Desk()
    first = new_update()
    first.add("@", 60, "TXT", "hello")
    assert desk.update(first) == NOERROR
    update = new_update()
    update.delete("@")
    update.delete("@", "NS")
    update.delete("@", "NS", "ns.example.test.")
    update.delete("@", "SOA")
    assert desk.update(update) == NOERROR
    assert len(desk.look_up("example.test", "NS").answer) == 1
    assert len(desk.look_up("example.test", "SOA").answer) == 1
    assert not desk.look_up("example.test", "TXT").answer


def test_the_newest_ttl_holds_for_the_whole_set() -> None:
    desk = Desk(a_records("www.example.test", "192.0.2.1", ttl_s=60))
    update = new_update()
    update.add("www", 5, "A", "192.0.2.2")
    assert desk.update(update) == NOERROR
    assert desk.look_up("www.example.test").answer[0].ttl == 5


REFUSED_CHANGES: dict[str, Callable[[Update], None]] = {
    "address beside CNAME": lambda u: u.add("alias", 60, "A", "192.0.2.1"),
    "CNAME beside address": lambda u: u.add("www", 60, "CNAME", "x.example.test."),
    "wildcard": lambda u: u.add("*.www", 60, "A", "192.0.2.1"),
    "delegation": lambda u: u.add("sub", 60, "NS", "ns.example.test."),
    "apex NS": lambda u: u.add("@", 60, "NS", "ns9.example.test."),
    "DNAME": lambda u: u.add("tree", 60, "DNAME", "example.com."),
    "more than one answer holds": too_many,
}


@pytest.mark.parametrize("change", REFUSED_CHANGES.values(), ids=REFUSED_CHANGES.keys())
def test_what_cannot_be_done_refuses_the_whole_message(change: Callable[[Update], None]) -> None:
    """Others drop such a record silently and acknowledge the rest: then the fence lies."""
    desk = Desk()
    first = new_update()
    fill(first)
    assert desk.update(first) == NOERROR
    update = new_update()
    update.present("_outlast.www", "TXT", OLD)
    update.delete("_outlast.www", "TXT")
    update.add("_outlast.www", 0, "TXT", NEW)
    change(update)
    assert desk.update(update) == REFUSED
    assert addresses(desk.look_up("_outlast.www.example.test", "TXT")) == [OLD]


def test_one_change_outside_the_zone_refuses_all() -> None:
    desk = Desk()
    update = new_update()
    update.add("www", 60, "A", "192.0.2.1")
    update.add("www.example.com.", 60, "A", "192.0.2.1")
    assert desk.update(update) == NOTZONE
    assert desk.look_up("www.example.test").rcode() == NXDOMAIN


def test_a_cname_is_replaced_by_another() -> None:
    desk = Desk()
    for target in ("a.example.com.", "b.example.com."):
        update = new_update()
        update.add("alias", 60, "CNAME", target)
        assert desk.update(update) == NOERROR
    raw = desk.ask_raw(dns.message.make_query("alias.example.test", "CNAME"))
    assert raw[6:8] == b"\x00\x01"  # dnspython keeps the last of two by itself
    assert addresses(dns.message.from_wire(raw)) == ["b.example.com."]


def test_rare_types_are_stored_and_answered() -> None:
    desk = Desk()
    update = new_update()
    update.add("m", 60, "MX", "10 Mail.example.test.")
    update.add("s", 60, "SRV", "1 2 3 www.example.test.")
    update.add("c", 60, "CAA", '0 issue "ca.example"')
    assert desk.update(update) == NOERROR
    assert addresses(desk.look_up("m.example.test", "MX")) == ["10 mail.example.test."]
    assert addresses(desk.look_up("c.example.test", "CAA")) == ['0 issue "ca.example"']


def raw_update(section: str, rdclass: int, rtype: str, ttl: int) -> Update:
    update = new_update()
    rdata = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.from_text(rtype), b"")
    rrset = dns.rrset.from_rdata("www.example.test.", ttl, rdata)
    rrset.rdclass = dns.rdataclass.RdataClass(rdclass)
    update.sections[1 if section == "condition" else 2].append(rrset)
    return update


@pytest.mark.parametrize(
    ("section", "rdclass", "rtype", "ttl"),
    [
        ("condition", 255, "A", 5),
        ("condition", 254, "A", 5),
        ("condition", 3, "A", 0),
        ("condition", 1, "A", 0),
        ("condition", 255, "AXFR", 0),
        ("change", 255, "A", 5),
        ("change", 255, "AXFR", 0),
        ("change", 254, "ANY", 0),
        ("change", 254, "A", 5),
        ("change", 3, "A", 0),
        ("change", 1, "ANY", 0),
        ("change", 1, "A", 0),
    ],
)
def test_malformed_updates_are_formerr(section: str, rdclass: int, rtype: str, ttl: int) -> None:
    assert Desk().update(raw_update(section, rdclass, rtype, ttl)) == FORMERR


def test_zones_that_are_not_ours_are_notauth() -> None:
    update = Update("example.com.", keyring=DNS_KEY)
    update.add("www", 60, "A", "192.0.2.1")
    assert Desk().update(update) == NOTAUTH


def test_unsigned_updates_and_updates_over_udp_are_refused() -> None:
    desk = Desk()
    unsigned = Update(f"{ZONE}.")
    unsigned.add("www", 60, "A", "192.0.2.1")
    reply = desk.enter(unsigned.to_wire(), udp=False)
    assert isinstance(reply, bytes)
    assert reply[3] & 15 == REFUSED
    signed = new_update()
    signed.add("www", 60, "A", "192.0.2.1")
    reply = desk.enter(signed.to_wire(), udp=True)
    assert isinstance(reply, bytes)
    answer = dns.message.from_wire(reply, keyring=DNS_KEY, request_mac=signed.mac)
    assert (answer.rcode(), answer.had_tsig) == (REFUSED, True)
    assert [fact.kind for fact in desk.facts] == [FactKind.UPDATE_REFUSED] * 2


ADDRESS = st.integers(1, 254).map(lambda n: f"192.0.2.{n}")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "delete", "replace"]), ADDRESS), max_size=30))
def test_any_sequence_of_changes_is_what_a_set_would_do(steps: list[tuple[str, str]]) -> None:
    """One message with many changes, against a Python set as the model."""
    desk, update, model = Desk(), new_update(), set[str]()
    for verb, address in steps:
        if verb == "add":
            update.add("www", 60, "A", address)
            model.add(address)
        elif verb == "delete":
            update.delete("www", "A", address)
            model.discard(address)
        else:
            update.replace("www", 60, "A", address)
            model = {address}
    assert desk.update(update) == NOERROR
    reply = desk.ask(dns.message.make_query("www.example.test", "A"), udp=False)
    assert set(addresses(reply)) == model
    assert desk.zone.exists(b"\x03www\x07example\x04test\x00") == bool(model)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(12, 200))
def test_a_signed_update_of_any_bytes_is_refused_or_carried_out(junk: bytes, at: int) -> None:
    """A writer with a key and a bug must not take the server down."""
    update = new_update()
    update.present("_outlast.www", "TXT", OLD)
    swap(update)
    update.tsig = None
    update.keyring = None
    plain = update.to_wire()
    broken = plain[:at] + junk + plain[at + len(junk) :]
    desk = Desk()
    passed = desk.enter(sign(broken), udp=False)
    assert isinstance(passed, bytes | Updating) or passed is None


def sign(data: bytes) -> bytes:
    """Sign bytes as they are, whatever they are."""
    owner, algorithm = wire_name("writer.test"), wire_name("hmac-sha256")
    timers = struct.pack("!HIH", 0, int(time.time()), 300)
    variables = owner + struct.pack("!HI", 255, 0) + algorithm + timers + bytes(4)
    mac = hmac.digest(SECRET, data + variables, "sha256")
    rdata = algorithm + timers + struct.pack("!H", 32) + mac + data[:2] + bytes(4)
    count = (int.from_bytes(data[10:12], "big") + 1) & 0xFFFF
    head = data[:10] + count.to_bytes(2, "big") + data[12:]
    return head + owner + struct.pack("!HHIH", 250, 255, 0, len(rdata)) + rdata


@pytest.mark.slow
@pytest.mark.parametrize("writers", [2, 8])
async def test_racing_writers_have_exactly_one_winner_a_generation(writers: int) -> None:
    async with serving() as (server, port):
        first = new_update()
        first.add("_outlast.www", 0, "TXT", '"g0"')
        assert await send(first, port) == NOERROR

        async def attempt(generation: int, writer: int) -> dns.rcode.Rcode:
            update = new_update()
            update.present("_outlast.www", "TXT", f'"g{generation}"')
            update.replace("_outlast.www", 0, "TXT", f'"g{generation + 1}"')
            update.replace("www", 0, "A", f"192.0.2.{writer + 1}")
            return await send(update, port)

        for generation in range(25):
            codes = await asyncio.gather(*(attempt(generation, one) for one in range(writers)))
            assert sorted(codes) == sorted([NOERROR] + [NXRRSET] * (writers - 1))
            winner = codes.index(NOERROR)
            reply = await resolve(port, "www.example.test")
            assert addresses(reply) == [f"192.0.2.{winner + 1}"]
        assert server.stats().updates_applied == 26
        assert server.stats().updates_refused == 25 * (writers - 1)


async def test_every_change_moves_the_serial_and_no_change_does_not() -> None:
    async with serving() as (_, port):

        async def serial() -> int:
            return int((await resolve(port, "example.test", "SOA")).answer[0][0].serial)

        before = await serial()
        for _ in range(2):
            update = new_update()
            update.add("www", 60, "A", "192.0.2.1")
            assert await send(update, port) == NOERROR
            assert await serial() == before + 1
