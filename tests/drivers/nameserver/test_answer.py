"""The protocol, question by question, with dnspython as the reader."""

from dataclasses import dataclass

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.drivers.nameserver.harness import (
    CNAME,
    ZONE,
    Desk,
    a_records,
    addresses,
    txt_records,
    wire_name,
)

from outlast.drivers.nameserver import NameServerSettings
from outlast.drivers.nameserver.wire import parse
from outlast.drivers.nameserver.zone import RRset
from outlast.model.names import DnsName
from outlast.model.records import format_weight


def alias(name: str, target: str) -> dict[bytes, tuple[RRset, ...]]:
    return {wire_name(name): (RRset(CNAME, 30, (wire_name(target),)),)}


def full_desk() -> Desk:
    return Desk(
        a_records("www.example.test", "192.0.2.1", "192.0.2.2"),
        txt_records("_outlast.www.example.test", "outlast1 g=1"),
        a_records("deep.down.example.test", "192.0.2.9"),
        alias("alias.example.test", "www.example.test"),
        alias("dangling.example.test", "nothing.example.test"),
        alias("away.example.test", "www.example.com"),
        alias("loop-a.example.test", "loop-b.example.test"),
        alias("loop-b.example.test", "loop-a.example.test"),
    )


@dataclass(frozen=True)
class Row:
    name: str
    rtype: str
    rcode: dns.rcode.Rcode
    answers: tuple[str, ...] = ()
    soa: bool = False
    authoritative: bool = True


NOERROR, NXDOMAIN, REFUSED = dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.REFUSED
TABLE = (
    Row("www.example.test", "A", NOERROR, ("192.0.2.1", "192.0.2.2")),
    Row("WWW.eXample.TEST", "A", NOERROR, ("192.0.2.1", "192.0.2.2")),
    Row("www.example.test", "AAAA", NOERROR, soa=True),
    Row("_outlast.www.example.test", "TXT", NOERROR, ('"outlast1 g=1"',)),
    Row("nothing.example.test", "A", NXDOMAIN, soa=True),
    Row("down.example.test", "A", NOERROR, soa=True),  # an empty non-terminal (RFC 8020)
    Row("example.test", "NS", NOERROR, ("ns.example.test.",)),
    Row("ns.example.test", "A", NOERROR, ("192.0.2.53",)),
    Row("alias.example.test", "A", NOERROR, ("www.example.test.", "192.0.2.1", "192.0.2.2")),
    Row("alias.example.test", "AAAA", NOERROR, ("www.example.test.",), soa=True),
    Row("alias.example.test", "CNAME", NOERROR, ("www.example.test.",)),
    Row("dangling.example.test", "A", NXDOMAIN, ("nothing.example.test.",), soa=True),
    Row("away.example.test", "A", NOERROR, ("www.example.com.",)),
    Row("www.example.test", "ANY", NOERROR, ("192.0.2.1", "192.0.2.2")),
    Row("www.example.com", "A", REFUSED, authoritative=False),
    Row(".", "NS", REFUSED, authoritative=False),
    Row("test", "A", REFUSED, authoritative=False),
    Row("www.example.test", "MAILB", dns.rcode.NOTIMP, authoritative=False),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.name}-{row.rtype}")
def test_each_question_gets_its_code_its_records_and_soa_where_it_is_negative(row: Row) -> None:
    desk = full_desk()
    for _ in range(2):  # the second time from what was prepared
        reply = desk.look_up(row.name, row.rtype)
        assert reply.rcode() == row.rcode
        found = tuple(sorted(one.to_text() for rrset in reply.answer for one in rrset))
        assert found == tuple(sorted(row.answers))
        assert bool(reply.authority) == row.soa
        assert bool(reply.flags & dns.flags.AA) == row.authoritative


def test_negative_answers_live_as_long_as_the_smaller_of_soa_ttl_and_minimum() -> None:
    """RFC 2308 section 5."""
    desk = Desk(settings=NameServerSettings(negative_ttl_s=7))
    soa = desk.look_up("nothing.example.test").authority[0]
    assert (soa.ttl, soa[0].minimum, str(soa.name)) == (7, 7, "example.test.")


def test_the_question_comes_back_in_the_case_it_was_asked_in() -> None:
    """Resolvers mix the case as a second secret (0x20)."""
    raw = full_desk().ask_raw(dns.message.make_query("wWw.ExAmPlE.tEsT", "A"))
    assert b"\x03wWw\x07ExAmPlE\x04tEsT\x00" in raw


@pytest.mark.parametrize("desired", [True, False])
def test_rd_is_copied_and_ra_is_not_set(*, desired: bool) -> None:
    query = dns.message.make_query("www.example.test", "A")
    query.flags = dns.flags.RD if desired else dns.flags.Flag(0)
    reply = full_desk().ask(query)
    assert bool(reply.flags & dns.flags.RD) == desired
    assert not reply.flags & (dns.flags.RA | dns.flags.AD)


def test_alias_loops_end() -> None:
    raw = full_desk().ask_raw(dns.message.make_query("loop-a.example.test", "A"))
    assert dns.message.from_wire(raw).rcode() == NOERROR
    assert raw[6:8] == b"\x00\x02"  # each link once


def test_alias_chains_are_followed_so_far_and_no_further() -> None:
    links = [alias(f"l{n}.example.test", f"l{n + 1}.example.test") for n in range(50)]
    reply = Desk(*links).look_up("l0.example.test")
    assert len(reply.answer) == 8


def test_the_server_says_what_it_is_and_nothing_more() -> None:
    query = dns.message.make_query("version.bind", "TXT", "CH")
    assert addresses(full_desk().ask(query)) == ['"outlast"']
    other = dns.message.make_query("hostname.bind", "TXT", "CH")
    assert full_desk().ask(other).rcode() == REFUSED


def test_edns_is_answered_with_our_size_and_the_do_bit_of_the_question() -> None:
    query = dns.message.make_query("www.example.test", "A", use_edns=0, want_dnssec=True)
    reply = full_desk().ask(query)
    assert (reply.edns, reply.payload) == (0, 1232)
    assert reply.ednsflags & dns.flags.DO
    assert full_desk().look_up("www.example.test").edns == -1


def test_an_unknown_edns_version_is_badvers() -> None:
    """RFC 6891 section 6.1.3."""
    reply = full_desk().ask(dns.message.make_query("www.example.test", "A", use_edns=1))
    assert (reply.rcode(), reply.edns, reply.answer) == (dns.rcode.BADVERS, 0, [])


def test_unknown_edns_options_are_ignored() -> None:
    option = dns.edns.GenericOption(dns.edns.OptionType.make(65001), b"whatever")
    query = dns.message.make_query("www.example.test", "A", use_edns=0, options=[option])
    reply = full_desk().ask(query)
    assert (reply.rcode(), len(reply.answer), reply.options) == (NOERROR, 1, ())


@pytest.mark.parametrize(
    ("count", "payload", "whole"),
    [(28, 0, True), (30, 0, False), (72, 1232, True), (80, 1232, False), (80, 4096, False)],
)
def test_what_does_not_fit_goes_out_empty_with_tc(count: int, payload: int, *, whole: bool) -> None:
    """Without EDNS 512 bytes; with it what they take, but never more than 1,232."""
    desk = Desk(a_records("big.example.test", *(f"192.0.2.{n}" for n in range(count))))
    query = dns.message.make_query("big.example.test", "A")
    if payload:
        query.use_edns(0, payload=payload)
    for _ in range(2):
        raw = desk.ask_raw(query)
        reply = dns.message.from_wire(raw)
        assert len(raw) <= max(512, min(payload, 1232))
        assert bool(reply.flags & dns.flags.TC) != whole
        assert (sum(map(len, reply.answer)) == count) == whole
    assert len(desk.ask(query, udp=False).answer[0]) == count


def test_a_tiny_announced_size_counts_as_512() -> None:
    query = dns.message.make_query("www.example.test", "A", use_edns=0, payload=10)
    assert len(full_desk().ask(query).answer) == 1


@pytest.mark.parametrize("opcode", [1, 2, 3, 6, 15])
def test_unknown_opcodes_are_not_implemented(opcode: int) -> None:
    query = dns.message.make_query("www.example.test", "A")
    query.set_opcode(dns.opcode.Opcode(opcode))
    data = full_desk().enter(query.to_wire())
    assert isinstance(data, bytes)
    assert (data[2] >> 3 & 15, data[3] & 15) == (opcode, dns.rcode.NOTIMP)


def test_notify_from_outside_is_refused() -> None:
    """We are the primary: nobody has news for us."""
    query = dns.message.make_query(f"{ZONE}.", "SOA")
    query.set_opcode(dns.opcode.NOTIFY)
    assert full_desk().ask(query).rcode() == REFUSED


QUESTION = b"\x03www\x07example\x04test\x00\x00\x01\x00\x01"
OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
MALFORMED = {
    "no question": b"\x00\x01\x00\x00" + b"\x00" * 8,
    "two questions": b"\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00" + QUESTION * 2,
    "cut off": b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + QUESTION[:-3],
    "rubbish behind": b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + QUESTION + b"x",
    "points at itself": b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01",
    "label type 01": b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x40\x00\x00\x01\x00\x01",
    "two OPT": b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x02" + QUESTION + OPT * 2,
    "OPT of a name": b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01"
    + QUESTION
    + b"\x01x"
    + OPT,
    "counts lie": b"\x00\x01\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff" + QUESTION,
    "name too long": b"\x00\x01\x00\x00\x00\x01" + b"\x00" * 6 + b"\x3f" + b"a" * 63 * 5,
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_questions_get_formerr_and_nothing_else(data: bytes) -> None:
    reply = full_desk().enter(data)
    assert isinstance(reply, bytes)
    assert (reply[:2], reply[3] & 15) == (data[:2], dns.rcode.FORMERR)
    assert reply[2] & 0x80


@pytest.mark.parametrize("data", [b"", b"\x00" * 11, b"\x00\x01\x80\x00" + b"\x00" * 8])
def test_fragments_and_answers_get_no_answer(data: bytes) -> None:
    """Answering answers lets two servers talk to each other for ever."""
    assert full_desk().enter(data) is None


FUZZED = full_desk()


def mutated(base: bytes) -> st.SearchStrategy[bytes]:
    cuts = st.integers(0, len(base))
    return st.builds(
        lambda at, to, junk: base[: min(at, to)] + junk + base[max(at, to) :],
        cuts,
        cuts,
        st.binary(max_size=12),
    )


SEEDS = [b"\xab\xcd\x01\x00\x00\x01" + b"\x00" * 6 + QUESTION, *MALFORMED.values()]


@settings(max_examples=1500, deadline=None)
@given(data=st.binary(max_size=600) | st.sampled_from(SEEDS).flatmap(mutated), udp=st.booleans())
@pytest.mark.slow
def test_any_bytes_get_one_proper_answer_at_most(data: bytes, *, udp: bool) -> None:
    reply = FUZZED.enter(data, udp=udp)
    if not isinstance(reply, bytes):
        assert reply is None
        return
    assert len(reply) <= (1232 if udp else 65535)
    if parse(reply).edns is None and udp:
        assert len(reply) <= 512
    assert reply[:2] == data[:2]
    assert reply[2] & 0x80
    dns.message.from_wire(reply)


def test_prepared_answers_are_forgotten_by_name() -> None:
    """An update is seen by the very next question, and leaves its neighbours' answers alone."""
    desk = full_desk()
    for _ in range(2):
        desk.look_up("www.example.test")
        desk.look_up("deep.down.example.test")
    assert len(desk.responder.hot) == 2
    changes = a_records("www.example.test", "192.0.2.77")
    desk.zone.apply(changes)
    desk.responder.forget(changes)
    assert addresses(desk.look_up("www.example.test")) == ["192.0.2.77"]
    assert len(desk.responder.hot) == 2


def test_new_weights_are_seen_at_the_name_they_are_for() -> None:
    desk = full_desk()
    assert len(addresses(desk.look_up("www.example.test"))) == 2
    changes = txt_records(
        "_weights.www.example.test", format_weight("192.0.2.1", 1), format_weight("192.0.2.2", 0)
    )
    desk.zone.apply(changes)
    desk.responder.forget(changes)
    assert addresses(desk.look_up("www.example.test")) == ["192.0.2.1"]


def test_prepared_answers_are_bounded() -> None:
    limits = NameServerSettings().limits.__class__(hot_answers_max=10)
    desk = Desk(
        *(a_records(f"n{n}.example.test", "192.0.2.1") for n in range(50)),
        settings=NameServerSettings(limits=limits),
    )
    for number in range(50):
        assert addresses(desk.look_up(f"n{number}.example.test")) == ["192.0.2.1"]
        assert len(desk.responder.hot) <= 10


def test_the_most_specific_zone_answers() -> None:
    inner = DnsName("sub.example.test")
    desk = Desk(a_records("x.sub.example.test", "192.0.2.1"), zones=(ZONE, inner))
    reply = desk.look_up("x.sub.example.test")
    assert reply.rcode() == NXDOMAIN
    assert str(reply.authority[0].name) == "sub.example.test."


def test_a_name_ends_with_the_last_name_below_it() -> None:
    desk = Desk(
        a_records("a.deep.down.example.test", "192.0.2.1"),
        a_records("b.deep.down.example.test", "192.0.2.1"),
    )
    for label, after in (("a", NOERROR), ("b", NXDOMAIN)):
        desk.zone.apply({wire_name(f"{label}.deep.down.example.test"): ()})
        assert desk.look_up("deep.down.example.test").rcode() == after
        assert desk.look_up("down.example.test").rcode() == after
