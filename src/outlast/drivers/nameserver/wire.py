"""DNS messages as bytes (RFC 1035 section 4): read with suspicion, written with care.

dnspython reads a message into objects in 70 to 300 microseconds; a name server that answers 100,000
questions a second has seven for all of its work. So the few shapes that are hot are read here, and
dnspython is the oracle in the tests and the reader of rare record types.

Names are kept as lower-case wire bytes with the root label at the end. `bytes.lower` is safe on them:
a length byte is at most 63, and `A` is 65. Everything read may raise `Malformed`, and nothing else.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from outlast.model.names import DnsName

HEADER_LENGTH = 12
NAME_LENGTH_MAX = 255
MESSAGE_MAX = 65535
PAYLOAD_MIN = 512
"""RFC 1035 section 4.2.1 and RFC 6891 section 6.2.5: any smaller announced size counts as this."""

QR, AA, TC, RD = 0x8000, 0x0400, 0x0200, 0x0100
OPCODE_MASK = 0x7800
DO = 0x8000

IN, CH, NONE, ANY_CLASS = 1, 3, 254, 255


class Opcode(IntEnum):
    """What a message asks for."""

    QUERY = 0
    NOTIFY = 4
    UPDATE = 5


class Rcode(IntEnum):
    """How a message was answered."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10
    BADVERS = 16


class Type(IntEnum):
    """The record types that are treated specially."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    TXT = 16
    AAAA = 28
    DNAME = 39
    OPT = 41
    DS = 43
    RRSIG = 46
    NSEC = 47
    DNSKEY = 48
    NSEC3 = 50
    NSEC3PARAM = 51
    TSIG = 250
    IXFR = 251
    AXFR = 252
    ANY = 255


class Malformed(Exception):
    """Bytes that are no DNS message."""


class Question(NamedTuple):
    """A question: its name in lower case, and its bytes as they came, to be echoed (0x20)."""

    name: bytes
    rtype: int
    rclass: int
    raw: bytes


class Record(NamedTuple):
    """A record's place in a message: its own start, and where its data begins and ends."""

    owner: bytes
    rtype: int
    rclass: int
    ttl: int
    start: int
    data_at: int
    data_end: int


class Edns(NamedTuple):
    """What an OPT record says (RFC 6891): size the sender can take, version, and the DO bit."""

    payload: int
    version: int
    dnssec_ok: bool
    bare: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message taken apart. `tsig` is its last record if that is one."""

    ident: int
    flags: int
    question: Question | None
    answers: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]
    edns: Edns | None
    tsig: Record | None

    @property
    def opcode(self) -> int:
        """The opcode, whether or not we know it."""
        return (self.flags & OPCODE_MASK) >> 11


_HEADER = struct.Struct("!6H")
_FIXED = struct.Struct("!HHIH")
_PAIR = struct.Struct("!HH")


def name_from_text(name: DnsName) -> bytes:
    """Turn a name of the model into wire form."""
    labels = [label.encode("ascii") for label in name.split(".")]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def name_to_text(name: bytes) -> str:
    """Turn a name into text for people."""
    labels, at = [], 0
    while name[at]:
        labels.append(name[at + 1 : at + 1 + name[at]].decode("ascii", "backslashreplace"))
        at += 1 + name[at]
    return ".".join(labels) or "."


def parent_of(name: bytes) -> bytes:
    """Return a name without its first label; the root's parent is the root."""
    return name[name[0] + 1 :] if name[0] else name


def is_below(name: bytes, zone: bytes) -> bool:
    """Whether a name is a zone's apex or below it, by whole labels."""
    while len(name) > len(zone):
        name = parent_of(name)
    return name == zone


def read_name(data: bytes, at: int) -> tuple[bytes, int]:
    """Read a name that may be compressed; return it in lower case, and where the next thing begins.

    Each pointer must go further back than the one before it, so no chain of them can loop.
    """
    parts: list[bytes] = []
    length, after, limit = 1, -1, at
    while size := data[at]:
        if size < 64:
            length += size + 1
            part = data[at : at + 1 + size]
            if length > NAME_LENGTH_MAX or len(part) <= size:
                raise Malformed
            parts.append(part)
            at += 1 + size
        else:
            target = (size & 0x3F) << 8 | data[at + 1]
            if size < 192 or target >= limit:
                raise Malformed
            after = at + 2 if after < 0 else after
            at = limit = target
    return b"".join(parts).lower() + b"\0", at + 1 if after < 0 else after


def _read_record(data: bytes, start: int) -> tuple[Record, int]:
    owner, at = read_name(data, start)
    rtype, rclass, ttl, length = _FIXED.unpack_from(data, at)
    end = at + 10 + length
    if end > len(data):
        raise Malformed
    return Record(owner, rtype, rclass, ttl, start, at + 10, end), end


def _read_records(data: bytes, at: int, count: int) -> tuple[tuple[Record, ...], int]:
    if count * 11 > len(data) - at:
        raise Malformed
    found: list[Record] = []
    for _ in range(count):
        record, at = _read_record(data, at)
        found.append(record)
    return tuple(found), at


def _read_edns(additional: tuple[Record, ...]) -> Edns | None:
    found = [record for record in additional if record.rtype == Type.OPT]
    if not found:
        return None
    if len(found) > 1 or found[0].owner != b"\0":  # RFC 6891 section 6.1.1
        raise Malformed
    opt = found[0]
    return Edns(
        opt.rclass, opt.ttl >> 16 & 0xFF, bool(opt.ttl & DO), bare=opt.data_at == opt.data_end
    )


def _read_tsig(sections: tuple[tuple[Record, ...], ...]) -> Record | None:
    found = [record for section in sections for record in section if record.rtype == Type.TSIG]
    if not found:
        return None
    if len(found) > 1 or not sections[-1] or sections[-1][-1] is not found[0]:
        raise Malformed  # RFC 8945 section 5.1: once, and last
    return found[0]


def _read_question(data: bytes, count: int) -> tuple[Question | None, int]:
    if count == 0:
        return None, HEADER_LENGTH
    if count > 1:
        raise Malformed
    name, at = read_name(data, HEADER_LENGTH)
    rtype, rclass = _PAIR.unpack_from(data, at)
    return Question(name, rtype, rclass, data[HEADER_LENGTH : at + 4]), at + 4


def parse(data: bytes) -> Message:
    """Take a message apart.

    Raises:
        Malformed: it is none, or it has something behind its end.
    """
    try:
        ident, flags, *counts = _HEADER.unpack_from(data)
        question, at = _read_question(data, counts[0])
        answers, at = _read_records(data, at, counts[1])
        authority, at = _read_records(data, at, counts[2])
        additional, at = _read_records(data, at, counts[3])
    except (IndexError, struct.error):
        raise Malformed from None
    if at != len(data):
        raise Malformed
    tsig = _read_tsig((answers, authority, additional))
    edns = _read_edns(additional)
    return Message(ident, flags, question, answers, authority, additional, edns, tsig)


def _check_strings(rdata: bytes) -> None:
    at = 0
    while at < len(rdata):
        at += 1 + rdata[at]
    if at != len(rdata) or not rdata:
        raise Malformed


def read_rdata(data: bytes, record: Record) -> bytes:
    """Return a record's data without compression, names in it in lower case, everything else as it is.

    TXT stays byte for byte: the fence is compared with regard to case (RFC 2136 section 3.2.3).
    """
    rdata = data[record.data_at : record.data_end]
    match record.rtype:
        case Type.A | Type.AAAA:
            if len(rdata) != (4 if record.rtype == Type.A else 16):
                raise Malformed
        case Type.TXT:
            _check_strings(rdata)
        case _:
            try:
                parsed = dns.rdata.from_wire(
                    dns.rdataclass.IN,
                    dns.rdatatype.RdataType.make(record.rtype),
                    data,
                    record.data_at,
                    record.data_end - record.data_at,
                )
                rdata = parsed.to_digestable()
            except (dns.exception.DNSException, ValueError, struct.error):
                raise Malformed from None
    return rdata


def pack_record(owner: bytes, rtype: int, ttl: int, rdata: bytes) -> bytes:
    """Pack one record of class IN."""
    return owner + _FIXED.pack(rtype, IN, ttl, len(rdata)) + rdata


def pack_header(ident: int, flags: int, counts: tuple[int, int, int, int]) -> bytes:
    """Pack a message's header."""
    return _HEADER.pack(ident, flags, *counts)


def pack_edns(payload: int, rcode: int, *, dnssec_ok: bool) -> bytes:
    """Pack an OPT record of version 0 with the upper bits of the response code."""
    return b"\0" + _FIXED.pack(Type.OPT, payload, (rcode >> 4) << 24 | DO * dnssec_ok, 0)
