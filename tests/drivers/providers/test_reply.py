"""Replies: what dnspython signs we verify, what was changed we refuse, and no octets crash the reader."""

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.drivers.providers.outcome import outcome_of
from outlast.drivers.providers.reply import Malformed, Reply, parse, record_sets_at
from outlast.drivers.providers.tsig import ALGORITHMS, BADKEY, BADSIG, BADTIME, Key
from outlast.drivers.providers.wire import pack_query, pack_update
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Outcome, OutcomeKind, Transaction
from outlast.model.records import RecordSet, RecordType

ZONE = DnsName("example.org")
NAME = DnsName("api.example.org")
NOW_S = 1_760_000_000
KEY = Key(DnsName("outlast"), "hmac-sha256", b"secret")
UPDATE = pack_update(
    Transaction(
        zone=ZONE,
        conditions=(Absent(name=NAME, rtype=RecordType.TXT),),
        deletions=(),
        additions=(RecordSet.of(NAME, RecordType.TXT, 0, ["x"]),),
    ),
    4711,
)


def oracle_key(key: Key) -> dns.tsig.Key:
    return dns.tsig.Key(f"{key.name}.", key.secret, f"{key.algorithm}.")


def answer_to(
    request: bytes, key: Key = KEY, *, rcode: int = 0, error: int = 0, records: str = ""
) -> tuple[bytes, bytes]:
    """A request signed by us, and dnspython's signed answer: its octets and the request's MAC."""
    signed, mac = key.sign(request, NOW_S)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time", lambda: float(NOW_S))
        read = dns.message.from_wire(signed, keyring=oracle_key(key))
        answer = dns.message.make_response(read, tsig_error=error)
        answer.set_rcode(dns.rcode.Rcode(rcode))
        if records:
            answer.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "TXT", records))
        return answer.to_wire(), mac


@settings(deadline=None)
@given(
    algorithm=st.sampled_from(list(ALGORITHMS)),
    secret=st.binary(min_size=1, max_size=70),
    rcode=st.integers(0, 10),
)
def test_a_reply_that_dnspython_signed_verifies(algorithm: str, secret: bytes, rcode: int) -> None:
    """Whatever dnspython signs as an answer to our request, we accept, and read its code."""
    key = Key(DnsName("outlast"), algorithm, secret)
    answer, mac = answer_to(UPDATE, key, rcode=rcode)
    reply = parse(answer)
    assert (reply.rcode, reply.message_id) == (rcode, 4711)
    assert reply.signature is not None
    assert key.verifies(answer, reply.signature, mac)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_reply_changed_anywhere_does_not_verify(data: st.DataObject) -> None:
    """One changed octet is either no message any more or no valid signature."""
    answer, mac = answer_to(UPDATE)
    at = data.draw(st.integers(2, len(answer) - 1))  # the number itself is not signed
    changed = bytearray(answer)
    changed[at] ^= data.draw(st.integers(1, 255))
    # DNS names ignore case, so a changed case in the signature's own names is no change.
    if bytes(changed).lower() == answer.lower():
        return
    try:
        reply = parse(bytes(changed))
    except Malformed:
        return
    assert reply.signature is None or not KEY.verifies(bytes(changed), reply.signature, mac)


def test_a_reply_to_another_request_does_not_verify() -> None:
    """The request's MAC binds the answer: an old answer cannot stand for a new one."""
    answer, _ = answer_to(UPDATE)
    _, other_mac = KEY.sign(UPDATE, NOW_S + 1)
    signature = parse(answer).signature
    assert signature is not None
    assert not KEY.verifies(answer, signature, other_mac)


@settings(deadline=None, max_examples=500)
@given(octets=st.binary(max_size=200))
def test_garbage_is_malformed_or_a_message_and_nothing_else(octets: bytes) -> None:
    """No octets from the network may crash the reader."""
    consume(octets)


@settings(deadline=None, max_examples=500)
@given(data=st.data())
def test_damaged_messages_are_malformed_or_messages_and_nothing_else(data: st.DataObject) -> None:
    """The same from the other side: true messages with octets changed, cut off or added."""
    answer, _ = answer_to(pack_query(NAME, 16, 3), records='"abc" "def"')
    changed = bytearray(answer)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(changed)))
    consume(bytes(changed[:cut]) + data.draw(st.binary(max_size=4)))


def consume(octets: bytes) -> None:
    """Read octets as far as anything reads them."""
    try:
        reply = parse(octets)
        record_sets_at(reply, NAME)
    except Malformed:
        return
    assert reply.signature is None or not KEY.verifies(octets, reply.signature, b"mac")
    outcome_of(reply, ZONE, authentic=False)


def test_a_pointer_that_points_forward_or_at_itself_is_malformed() -> None:
    """A chain of pointers must end: each points before the name that it stands in."""
    head = bytes.fromhex("000180000001000000000000")
    for name in ("c00c", "c00e", "0161c00c"):
        with pytest.raises(Malformed, match="point"):
            parse(head + bytes.fromhex(name) + bytes.fromhex("00010001"))


def test_answers_behind_a_cname_do_not_count_as_standing_at_the_name() -> None:
    """A server adds the records of a CNAME's target; they are not the name's own."""
    request = dns.message.make_query(f"{NAME}.", "A")
    answer = dns.message.make_response(request)
    answer.answer = [
        dns.rrset.from_text(f"{NAME}.", 60, "IN", "CNAME", "Other.example.org."),
        dns.rrset.from_text("other.example.org.", 60, "IN", "A", "192.0.2.9"),
    ]
    found = record_sets_at(parse(answer.to_wire()), NAME)
    assert found == [RecordSet(NAME, RecordType.CNAME, 60, ("other.example.org",))]


def test_a_label_with_a_dot_inside_is_not_taken_for_two_labels() -> None:
    """The label `api.example` is another name than the labels `api` and `example`."""
    request = dns.message.make_query("api\\.example.org.", "A")
    assert parse(request.to_wire()).question == ("api\\046example.org", 1)


def outcome(rcode: int, *, error: int = 0, signed: bool = True, forged: bool = False) -> Outcome:
    answer, mac = answer_to(UPDATE, rcode=rcode, error=error)
    if not signed:
        plain = dns.message.make_response(dns.message.from_wire(UPDATE))
        plain.set_rcode(dns.rcode.Rcode(rcode))
        answer = plain.to_wire()
    reply: Reply = parse(answer)
    signature = reply.signature
    authentic = signature is not None and KEY.verifies(answer, signature, mac) and not forged
    return outcome_of(reply, ZONE, authentic=authentic)


@pytest.mark.parametrize(
    ("rcode", "kind"),
    [
        (0, OutcomeKind.APPLIED),
        (1, OutcomeKind.REJECTED),
        (2, OutcomeKind.BUSY),
        (3, OutcomeKind.REFUSED),
        (4, OutcomeKind.REJECTED),
        (5, OutcomeKind.REJECTED),
        (6, OutcomeKind.REFUSED),
        (7, OutcomeKind.REFUSED),
        (8, OutcomeKind.REFUSED),
        (9, OutcomeKind.REJECTED),
        (10, OutcomeKind.REJECTED),
        (11, OutcomeKind.UNKNOWN),
    ],
)
def test_each_response_code_has_its_outcome(rcode: int, kind: OutcomeKind) -> None:
    """RFC 2136 section 2.2: what a signed answer with this code means for the write."""
    found = outcome(rcode)
    assert found.kind is kind
    assert bool(found.detail) is (kind is not OutcomeKind.APPLIED)


@pytest.mark.parametrize("rcode", [0, 2, 7, 8])
def test_an_unsigned_answer_proves_neither_success_nor_refusal(rcode: int) -> None:
    """Anybody on the way can send one; the fence is read back instead."""
    assert outcome(rcode, signed=False).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("rcode", range(11))
def test_an_answer_with_a_wrong_signature_proves_nothing(rcode: int) -> None:
    """A wrong signature is worse than none: somebody tried."""
    assert outcome(rcode, forged=True).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(("error", "word"), [(BADKEY, "BADKEY"), (BADSIG, "BADSIG")])
def test_a_fault_of_the_key_is_rejected_by_its_name(error: int, word: str) -> None:
    """Such answers cannot be signed (RFC 8945 section 5.3.2)."""
    found = outcome(9, error=error)
    assert found.kind is OutcomeKind.REJECTED
    assert word in found.detail


def test_clock_skew_tells_its_length_and_direction() -> None:
    """An operator must see which clock is wrong by how much."""
    signed, _ = KEY.sign(UPDATE, NOW_S)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time", lambda: float(NOW_S))
        read = dns.message.from_wire(signed, keyring=oracle_key(KEY))
        answer = dns.message.make_response(read)
        answer.set_rcode(dns.rcode.NOTAUTH)
        clock = (NOW_S - 1000).to_bytes(6, "big")
        answer.use_tsig(oracle_key(KEY), tsig_error=BADTIME, other_data=clock)
        reply = parse(answer.to_wire())
    found = outcome_of(reply, ZONE, authentic=False)
    assert found.kind is OutcomeKind.REJECTED
    assert "1000 s (behind)" in found.detail


def test_an_answer_to_a_question_is_no_answer_to_an_update() -> None:
    """The opcode must be UPDATE: NOERROR to something else proves nothing."""
    answer, _ = answer_to(pack_query(NAME, 16, 3))
    assert outcome_of(parse(answer), ZONE, authentic=True).kind is OutcomeKind.UNKNOWN
