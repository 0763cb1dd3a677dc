"""Messages packed by hand say what dnspython reads, and no fenced change leaves without its condition."""

import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.drivers.providers.tsig import ALGORITHMS, Key
from outlast.drivers.providers.wire import (
    MESSAGE_LENGTH_MAX,
    TYPE_CODES,
    MessageTooLarge,
    decode_text,
    encode_name,
    encode_value,
    pack_query,
    pack_update,
)
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Held, Transaction
from outlast.model.records import RecordSet, RecordType

ZONE = DnsName("example.org")
NOW_S = 1_760_000_000

labels = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)
names = st.one_of(
    st.just(ZONE),
    st.lists(labels, min_size=1, max_size=4).map(lambda one: DnsName(".".join((*one, ZONE)))),
    st.lists(labels, min_size=2, max_size=3).map(lambda one: DnsName(".".join(one))),
)
values = {
    RecordType.A: st.ip_addresses(v=4).map(str),
    RecordType.AAAA: st.ip_addresses(v=6).map(str),
    RecordType.TXT: st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).map(
        lambda one: one.replace("\\", "/")
    ),
}
types = st.sampled_from(list(values))


@st.composite
def record_sets(draw: st.DrawFn) -> RecordSet:
    rtype = draw(types)
    found = draw(st.lists(values[rtype], min_size=1, max_size=5))
    return RecordSet.of(draw(names), rtype, draw(st.integers(0, 2**31 - 1)), found)


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    held = record_sets().map(lambda one: Held(name=one.name, rtype=one.rtype, values=one.values))
    absent = st.builds(Absent, name=names, rtype=types)
    return Transaction(
        zone=ZONE,
        conditions=tuple(draw(st.lists(st.one_of(held, absent), min_size=1, max_size=4))),
        deletions=tuple(draw(st.lists(st.tuples(names, types), max_size=4))),
        additions=tuple(draw(st.lists(record_sets(), max_size=4))),
    )


keys = st.builds(
    Key,
    name=st.just(DnsName("outlast")),
    algorithm=st.sampled_from(list(ALGORITHMS)),
    secret=st.binary(min_size=1, max_size=80),
)


def oracle_key(key: Key) -> dns.tsig.Key:
    return dns.tsig.Key(f"{key.name}.", key.secret, f"{key.algorithm}.")


Line = tuple[str, str, str, int, str]


def lines_of(section: list[dns.rrset.RRset]) -> list[Line]:
    """A section of dnspython's reading, one line a record."""
    found: list[Line] = []
    for one in section:
        owner = one.name.to_text(omit_final_dot=True)
        rclass = dns.rdataclass.to_text(one.deleting or one.rdclass)
        rtype = dns.rdatatype.to_text(one.rdtype)
        texts = [dns.rdata.Rdata.to_text(rdata) for rdata in one] or [""]
        found += [(owner, rclass, rtype, one.ttl, text) for text in texts]
    return sorted(found)


def wanted_lines(
    name: DnsName, rtype: RecordType, ttl_s: int, found: tuple[str, ...]
) -> list[Line]:
    lines = []
    for value in found:
        wire = encode_value(rtype, value)
        rdata = dns.rdata.from_wire("IN", rtype.value, wire, 0, len(wire))
        lines.append((str(name), "IN", rtype.value, ttl_s, rdata.to_text()))
    return lines


@settings(max_examples=200, deadline=None)
@given(transaction=transactions(), key=keys, number=st.integers(0, 65535))
def test_dnspython_reads_what_we_packed_and_verifies_our_signature(
    transaction: Transaction, key: Key, number: int
) -> None:
    """Whatever we pack and sign is, to dnspython, the same update with a good signature."""
    signed, mac = key.sign(pack_update(transaction, number), NOW_S)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time", lambda: float(NOW_S))
        read = dns.message.from_wire(signed, keyring=oracle_key(key), one_rr_per_rrset=True)
    assert isinstance(read, dns.update.UpdateMessage)
    assert (read.id, read.had_tsig, read.mac) == (number, True, mac)
    assert read.zone[0].name == dns.name.from_text(ZONE)

    wanted: list[Line] = []
    for condition in transaction.conditions:
        name, rtype = condition.name, condition.rtype
        if isinstance(condition, Held):
            wanted += wanted_lines(name, rtype, 0, condition.values)
        else:
            wanted.append((str(name), "NONE", rtype.value, 0, ""))
    assert lines_of(read.prerequisite) == sorted(wanted)

    wanted = [(str(name), "ANY", rtype.value, 0, "") for name, rtype in transaction.deletions]
    for one in transaction.additions:
        wanted += wanted_lines(one.name, one.rtype, one.ttl_s, one.values)
    assert lines_of(read.update) == sorted(wanted)


def test_known_values_have_their_known_rdata() -> None:
    """The oracle above shares `encode_value` with us, so its results are pinned here by hand."""
    assert encode_value(RecordType.A, "192.0.2.1") == bytes((192, 0, 2, 1))
    assert encode_value(RecordType.AAAA, "2001:db8::1").hex() == "20010db8" + "0" * 23 + "1"
    assert encode_value(RecordType.CNAME, "a.example.org") == b"\1a\7example\3org\0"
    assert encode_value(RecordType.TXT, 'say "hi" \\\\ \\000\\|x') == b'\x0csay "hi" \\ \0\1x'


@given(strings=st.lists(st.binary(max_size=255), min_size=1, max_size=5))
def test_the_text_form_of_any_txt_record_loses_nothing(strings: list[bytes]) -> None:
    """A heal must name exactly what a foreign hand left, whatever octets and strings it has."""
    rdata = b"".join(bytes((len(one),)) + one for one in strings)
    text = decode_text(rdata)
    assert text.isascii()
    assert text.isprintable()
    assert encode_value(RecordType.TXT, text) == rdata


@pytest.mark.parametrize(
    ("rtype", "value"),
    [
        (RecordType.A, "2001:db8::1"),
        (RecordType.A, "192.0.2"),
        (RecordType.AAAA, "192.0.2.1"),
        (RecordType.TXT, "x" * 256),
        (RecordType.TXT, "x" * 255 + "\\000"),
        (RecordType.TXT, "\\999"),
        (RecordType.TXT, "é"),
        (RecordType.CNAME, "a..b"),
        (RecordType.CNAME, "a" * 64 + ".org"),
        (RecordType.CNAME, ".".join(["a" * 60] * 5)),
    ],
)
def test_a_value_that_is_none_is_refused(rtype: RecordType, value: str) -> None:
    """What cannot be packed faithfully is an error, never something else on the wire."""
    with pytest.raises(ValueError, match=r".+"):
        encode_value(rtype, value)


def test_a_condition_without_values_is_refused() -> None:
    """It would pack to no condition at all: an unconditional write."""
    empty = Held(name=DnsName("_outlast.a.example.org"), rtype=RecordType.TXT, values=())
    transaction = Transaction(zone=ZONE, conditions=(empty,), deletions=(), additions=())
    with pytest.raises(ValueError, match="no condition"):
        pack_update(transaction, 1)


def addresses(count: int) -> Transaction:
    name = DnsName("big.example.org")
    found = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(count)]
    return Transaction(
        zone=ZONE,
        conditions=(Absent(name=name, rtype=RecordType.TXT),),
        deletions=(),
        additions=(RecordSet.of(name, RecordType.A, 60, found),),
    )


def test_a_transaction_that_does_not_fit_is_refused_never_split() -> None:
    """Half a fenced change is no fenced change."""
    key = Key(DnsName("outlast"), "hmac-sha256", b"secret")
    fits = key.sign(pack_update(addresses(4080), 1), NOW_S)[0]
    assert MESSAGE_LENGTH_MAX - 200 < len(fits) <= MESSAGE_LENGTH_MAX
    with pytest.raises(MessageTooLarge, match="65535"):
        pack_update(addresses(4100), 1)
    with pytest.raises(MessageTooLarge, match="65535"):  # alone it fits, signed it does not
        key.sign(pack_update(addresses(4092), 1), NOW_S)


def test_names_are_compressed_to_the_zone_and_to_themselves() -> None:
    """One of 500 addresses costs 16 octets: a pointer, ten fixed octets and the address."""
    one, many = (len(pack_update(addresses(count), 1)) for count in (1, 501))
    assert many - one == 500 * 16


def test_names_beyond_the_reach_of_a_pointer_are_written_out() -> None:
    """A compression pointer has 14 bits; six hundred endpoints in one message need more."""
    many = [DnsName(f"endpoint{n}.{ZONE}") for n in range(600)]
    transaction = Transaction(
        zone=ZONE,
        conditions=(Absent(name=many[0], rtype=RecordType.TXT),),
        deletions=(),
        additions=tuple(
            RecordSet.of(name, RecordType.A, 60, ["192.0.2.1", "192.0.2.2"]) for name in many
        ),
    )
    packed = pack_update(transaction, 1)
    assert len(packed) > 0x4000
    read = dns.message.from_wire(packed, one_rr_per_rrset=True)
    found = [one.name.to_text(omit_final_dot=True) for one in read.sections[2]]
    assert found == [name for name in many for _ in range(2)]


@pytest.mark.parametrize("edns", [False, True])
def test_a_question_is_what_dnspython_reads(*, edns: bool) -> None:
    """Questions carry name, type and number, ask for no recursion, and EDNS where told."""
    read = dns.message.from_wire(
        pack_query("api.example.org", TYPE_CODES[RecordType.AAAA], 7, edns=edns)
    )
    assert (read.id, int(read.flags), read.edns) == (7, 0, 0 if edns else -1)
    assert read.question[0].to_text() == "api.example.org. IN AAAA"


def test_an_unsupported_algorithm_names_the_supported_ones() -> None:
    """MD5 and SHA-1 are not offered (RFC 8945 section 6)."""
    with pytest.raises(ConfigError, match="hmac-sha256"):
        Key(DnsName("outlast"), "hmac-md5", b"secret")


def test_a_secret_never_shows_in_a_print_of_its_key() -> None:
    """Logs print values; a key's print must not hold its secret."""
    assert "hush" not in repr(Key(DnsName("outlast"), "hmac-sha256", b"hush"))


def test_a_name_in_wire_form_ends_with_the_root() -> None:
    """RFC 1035 section 3.1."""
    assert encode_name("a.bc") == b"\1a\2bc\0"
