"""Reading DNS messages: total on any octets, and no more than we need.

Whatever a server sends, `parse` returns a `Reply` or raises `Malformed`, in time that grows with the
message's length only. A compression pointer must point before the name that it stands in, so no chain
of pointers can run in a circle.
"""

import struct
from dataclasses import dataclass

from outlast.drivers.providers.tsig import Signature
from outlast.drivers.providers.wire import (
    CLASS_ANY,
    CLASS_IN,
    RECORD_TYPES,
    TYPE_TSIG,
    decode_address,
    decode_text,
)
from outlast.model.names import DnsName
from outlast.model.records import RecordSet, RecordType

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE = range(6, 11)

RCODE_NAMES = (
    *("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"),
    *("YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"),
)

_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_NAME_OCTETS_MAX = 255
PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJKLMNOPQRSTUVWXYZ*"


class Malformed(ValueError):
    """Octets that are no DNS message."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the answer section; `rdata` is where its data begins and ends."""

    name: str
    code: int
    rclass: int
    ttl_s: int
    rdata: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reply:
    """A message, taken apart as far as we need it."""

    message: bytes
    flags: int
    question: tuple[str, int] | None
    answers: tuple[Record, ...]
    signature: Signature | None

    @property
    def message_id(self) -> int:
        """The number that tells which request it answers."""
        return int.from_bytes(self.message[:2], "big")

    @property
    def rcode(self) -> int:
        """The response code, 0 to 15."""
        return self.flags & 0xF

    @property
    def rcode_name(self) -> str:
        """The response code's name."""
        return rcode_name(self.rcode)

    @property
    def authoritative(self) -> bool:
        """The AA bit."""
        return bool(self.flags & 0x0400)

    @property
    def truncated(self) -> bool:
        """The TC bit."""
        return bool(self.flags & 0x0200)


def rcode_name(rcode: int) -> str:
    """Name a response code."""
    return RCODE_NAMES[rcode] if rcode < len(RCODE_NAMES) else f"rcode {rcode}"


def read_name(message: bytes, at: int) -> tuple[str, int]:
    """Read a name; return it in lower case without the final dot, and the offset behind it.

    Raises:
        Malformed: no name stands there.
    """
    labels: list[str] = []
    length = 1
    end = -1
    start = at
    while True:
        size = message[at]
        if size >= 0xC0:
            target = (size & 0x3F) << 8 | message[at + 1]
            if end < 0:
                end = at + 2
            if target >= start:
                raise Malformed("a compression pointer that does not point back")
            start = at = target
        elif size:
            if size > 0x3F:
                raise Malformed("a label of an unknown kind")
            length += size + 1
            if length > _NAME_OCTETS_MAX:
                raise Malformed("a name of more than 255 octets")
            label = message[at + 1 : at + 1 + size]
            labels.append(label_text(label))
            at += 1 + size
        else:
            return ".".join(labels), end if end >= 0 else at + 1


def label_text(label: bytes) -> str:
    """Return a label's text, lower case; what could be mistaken for another name is escaped."""
    if not label.translate(None, PLAIN):
        return label.decode("ascii").lower()
    return "".join(chr(octet).lower() if octet in PLAIN else f"\\{octet:03d}" for octet in label)


def parse(message: bytes) -> Reply:
    """Take a message apart.

    Raises:
        Malformed: it is none.
    """
    try:
        return _parse(message)
    except (IndexError, struct.error):
        raise Malformed("it ends in the middle") from None


def _parse(message: bytes) -> Reply:
    _, flags, questions, answers, authority, additional = _HEADER.unpack_from(message)
    at = _HEADER.size
    question = None
    for _ in range(questions):
        name, at = read_name(message, at)
        question = (name, int.from_bytes(message[at : at + 2], "big"))
        at += 4
    found = []
    for _ in range(answers):
        record, at = _read_record(message, at)
        found.append(record)
    signature = read_signature(message, at, authority, additional)
    return Reply(message, flags, question, tuple(found), signature)


def read_signature(message: bytes, at: int, authority: int, additional: int) -> Signature | None:
    """Read what stands behind the answers; return the signature at the end, if there is one.

    Raises:
        Malformed: the message does not end where it should, or a signature is not its last record.
    """
    for _ in range(authority + max(0, additional - 1)):
        record, at = _read_record(message, at)
        if record.code == TYPE_TSIG:
            raise Malformed("a TSIG record that is not the last one")
    signature = None
    if additional:
        start = at
        record, at = _read_record(message, at)
        if record.code == TYPE_TSIG:
            signature = _take_signature(message, start, record)
    if at != len(message):
        raise Malformed("octets behind its end")
    return signature


def _read_record(message: bytes, at: int) -> tuple[Record, int]:
    name, at = read_name(message, at)
    code, rclass, ttl_s, length = _RECORD.unpack_from(message, at)
    start = at + _RECORD.size
    end = start + length
    if end > len(message):
        raise Malformed("a record that runs over the message")
    return Record(name, code, rclass, ttl_s, (start, end)), end


def _take_signature(message: bytes, start: int, record: Record) -> Signature:
    if record.rclass != CLASS_ANY or record.ttl_s:
        raise Malformed("a TSIG record of another class or with a TTL (RFC 8945 section 4.2)")
    at, end = record.rdata
    algorithm, at = read_name(message, at)
    high, low, fudge_s, size = struct.unpack_from(">HIHH", message, at)
    at += 10
    mac = message[at : at + size]
    at += size
    original_id, error, other_length = struct.unpack_from(">HHH", message, at)
    at += 6
    if at + other_length != end:
        raise Malformed("a TSIG record whose lengths do not fit")
    return Signature(
        start=start,
        name=record.name,
        algorithm=algorithm,
        signed_at_s=high << 32 | low,
        fudge_s=fudge_s,
        mac=mac,
        original_id=original_id,
        error=error,
        other=message[at:end],
    )


def value_of(message: bytes, code: int, rdata: tuple[int, int]) -> str:
    """Return the canonical text of a record's data, for the types that Outlast knows.

    Raises:
        Malformed: it is none of its type.
    """
    start, end = rdata
    rtype = RECORD_TYPES[code]
    try:
        if rtype is RecordType.CNAME:
            name, after = read_name(message, start)
            if after != end:
                raise Malformed("a CNAME whose length does not fit")
            return name
        octets = message[start:end]
        return decode_text(octets) if rtype is RecordType.TXT else decode_address(rtype, octets)
    except (ValueError, IndexError) as error:
        raise Malformed(f"a {rtype} record that is none: {error}") from None


def record_sets_at(reply: Reply, name: DnsName) -> list[RecordSet]:
    """Return what an answer says to stand at a name itself, behind no CNAME.

    Raises:
        Malformed: a record that is none of its type.
    """
    values: dict[int, list[str]] = {}
    ttls: dict[int, int] = {}
    for one in reply.answers:
        if one.name != name or one.rclass != CLASS_IN or one.code not in RECORD_TYPES:
            continue
        values.setdefault(one.code, []).append(value_of(reply.message, one.code, one.rdata))
        # RFC 2181 section 8: a TTL with its highest bit set counts as 0.
        ttl_s = one.ttl_s if one.ttl_s < 1 << 31 else 0
        ttls[one.code] = min(ttl_s, ttls.get(one.code, ttl_s))
    return [
        RecordSet(name, RECORD_TYPES[code], ttls[code], tuple(sorted(set(found))))
        for code, found in values.items()
    ]
