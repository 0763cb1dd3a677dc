"""Signatures, with dnspython on the other side."""

import time

import dns.message
import dns.rcode
import dns.tsig
import pytest
from tests.drivers.nameserver.harness import DNS_KEY, SECRET, Desk, a_records, new_update

from outlast.drivers.nameserver import FactKind, Key
from outlast.drivers.nameserver.tsig import ALGORITHMS, Keyring
from outlast.drivers.nameserver.wire import parse
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_is_read_and_written_as_dnspython_does(algorithm: str) -> None:
    ring = Keyring((Key(DnsName("k.test"), algorithm, SECRET),))
    theirs = dns.tsig.Key("k.test.", SECRET, algorithm)
    query = dns.message.make_query("www.example.test", "A")
    query.use_tsig(theirs)
    data = query.to_wire()
    record = parse(data).tsig
    assert record is not None
    signature = ring.verify(data, record, int(time.time()))
    assert signature.error == 0
    reply = dns.message.make_response(dns.message.make_query("www.example.test", "A"))
    reply.id = query.id
    plain = reply.to_wire()
    signed = signature.sign(plain, int(time.time()))
    assert len(signed) <= len(plain) + signature.length
    assert dns.message.from_wire(signed, keyring=theirs, request_mac=query.mac).had_tsig


def test_a_signed_question_gets_a_signed_answer_within_its_size() -> None:
    desk = Desk(a_records("www.example.test", *(f"192.0.2.{n}" for n in range(29))))
    query = dns.message.make_query("www.example.test", "A")
    assert len(desk.ask(query).answer[0]) == 29
    query.use_tsig(DNS_KEY)
    raw = desk.enter(query.to_wire())
    assert isinstance(raw, bytes)
    assert len(raw) <= 512
    reply = dns.message.from_wire(raw, keyring=DNS_KEY, request_mac=query.mac)
    assert (reply.had_tsig, reply.answer) == (True, [])


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (dns.tsig.Key("stranger.test.", SECRET, "hmac-sha256"), dns.rcode.BADKEY),
        (dns.tsig.Key("writer.test.", SECRET, "hmac-sha512"), dns.rcode.BADKEY),
        (dns.tsig.Key("writer.test.", SECRET[::-1], "hmac-sha256"), dns.rcode.BADSIG),
    ],
)
def test_a_wrong_key_is_told_so_unsigned(key: dns.tsig.Key, error: dns.rcode.Rcode) -> None:
    """RFC 8945 section 5.3.2."""
    desk = Desk()
    update = new_update()
    update.add("www", 60, "A", "192.0.2.1")
    update.use_tsig(key)
    raw = desk.enter(update.to_wire(), udp=False)
    assert isinstance(raw, bytes)
    reply = dns.message.from_wire(raw, keyring=False)
    assert reply.rcode() == dns.rcode.NOTAUTH
    assert reply.tsig is not None
    assert (reply.tsig[0].error, reply.tsig[0].mac) == (error, b"")
    assert [fact.kind for fact in desk.facts] == [FactKind.SIGNATURE_REFUSED]


def test_a_wrong_clock_is_told_ours_and_signed() -> None:
    desk = Desk(wall_clock=lambda: time.time() + 301)
    update = new_update()
    raw = desk.enter(update.to_wire(), udp=False)
    assert isinstance(raw, bytes)
    with pytest.raises(dns.tsig.PeerBadTime):
        dns.message.from_wire(raw, keyring=DNS_KEY, request_mac=update.mac)
    reply = dns.message.from_wire(raw, keyring=False)
    assert reply.tsig is not None
    assert abs(int.from_bytes(reply.tsig[0].other, "big") - time.time() - 301) < 60
    assert reply.tsig[0].mac


def test_one_altered_bit_is_found() -> None:
    desk = Desk()
    update = new_update()
    update.add("www", 60, "A", "192.0.2.1")
    data = bytearray(update.to_wire())
    data[data.index(b"\xc0\x00\x02\x01")] ^= 1
    raw = desk.enter(bytes(data), udp=False)
    assert isinstance(raw, bytes)
    assert raw[3] & 15 == dns.rcode.NOTAUTH


def test_weak_keys_are_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="hmac-md5"):
        Key(DnsName("k.test"), "hmac-md5", SECRET)
    with pytest.raises(ConfigError, match="can be guessed"):
        Key(DnsName("k.test"), "hmac-sha256", b"short")


def test_a_secret_is_not_printed() -> None:
    assert "0123" not in repr(Key(DnsName("k.test"), "hmac-sha256", SECRET))
