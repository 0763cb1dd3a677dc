r"""DNS messages packed by hand: the fenced UPDATE of RFC 2136, and the few questions beside it.

This is the hot path of everything that Outlast publishes. The same message built and signed by dnspython
costs some fifty times the CPU (`python -m bench.fence` prints both); dnspython stays the oracle
of the property tests and the reader of everything unusual.

Two traps are closed here. A condition without values packs to nothing at all, that is to an unconditional
write; it is refused. And a transaction that does not fit one message is refused as well, never split:
half a fenced change is no fenced change.

TXT values have one text form that loses nothing, since a heal must name exactly what a foreign hand left
at the fence's name. A single string of printable ASCII without a backslash stands for itself; a backslash
is doubled, any other octet is `\DDD`, and `\|` parts the strings of a record that has several.
"""

import re
import struct
from functools import lru_cache
from ipaddress import IPv6Address
from socket import AF_INET, AF_INET6, inet_ntoa, inet_ntop, inet_pton
from typing import assert_never

from outlast.model.errors import ProviderError
from outlast.model.names import LABEL_LENGTH_MAX, NAME_LENGTH_MAX, DnsName
from outlast.model.plan import Absent, Condition, Held, Transaction
from outlast.model.records import RecordSet, RecordType

MESSAGE_LENGTH_MAX = 65_535
"""What the two length octets before a message on TCP can say (RFC 1035 section 4.2.2)."""

TXT_STRING_LENGTH_MAX = 255
"""RFC 1035 section 3.3: one length octet before each string."""

CLASS_IN = 1
CLASS_CH = 3
CLASS_NONE = 254
CLASS_ANY = 255

TYPE_CODES = {RecordType.A: 1, RecordType.CNAME: 5, RecordType.TXT: 16, RecordType.AAAA: 28}
RECORD_TYPES = {code: rtype for rtype, code in TYPE_CODES.items()}
TYPE_SOA = 6
TYPE_TXT = 16
TYPE_OPT = 41
TYPE_TSIG = 250
TYPE_AXFR = 252

_OPCODE_UPDATE = 5 << 11
_ZONE_POINTER = b"\xc0\x0c"  # the zone's name always begins right behind the header
_POINTER_LIMIT = 0x4000  # a compression pointer has 14 bits (RFC 1035 section 4.1.4)
_EDNS_PAYLOAD = 1232  # what crosses every network unfragmented (DNS Flag Day 2020)

_HEADER = struct.Struct(">HHHHHH")
_RECORD = struct.Struct(">HHIH")
_ESCAPE = re.compile(r"\\(?:([0-9]{3})|(.))", re.DOTALL)


class MessageTooLarge(ProviderError):
    """A transaction that does not fit one DNS message."""

    def __init__(self, length: int) -> None:
        super().__init__(
            f"the update would have {length} octets; one DNS message holds {MESSAGE_LENGTH_MAX}",
            remedy="publish fewer addresses at this endpoint; about 4,000 IPv4 addresses fit",
        )


def encode_labels(text: str) -> bytes:
    """Return labels in wire form without the root's octet at the end.

    Raises:
        ValueError: an empty label, one of more than 63 octets, or a character beyond ASCII.
    """
    wire = bytearray()
    for label in text.encode("ascii").split(b"."):
        if not 0 < len(label) <= LABEL_LENGTH_MAX:
            raise ValueError(f"{text!r} has a label of {len(label)} octets")
        wire.append(len(label))
        wire += label
    return bytes(wire)


@lru_cache(maxsize=256)
def encode_name(name: str) -> bytes:
    """Return a whole name in wire form, uncompressed."""
    if len(name) > NAME_LENGTH_MAX:
        raise ValueError(f"{name!r} has {len(name)} characters; DNS allows {NAME_LENGTH_MAX}")
    return encode_labels(name) + b"\0"


def encode_value(rtype: RecordType, value: str) -> bytes:
    """Return a value's RDATA.

    Raises:
        ValueError: the value is none of this type.
    """
    match rtype:
        case RecordType.A:
            return _address(AF_INET, value)
        case RecordType.AAAA:
            return _address(AF_INET6, value)
        case RecordType.CNAME:
            return encode_name(value)
        case RecordType.TXT:
            return _encode_text(value)
        case _:
            assert_never(rtype)


def _address(family: int, value: str) -> bytes:
    try:
        return inet_pton(family, value)
    except OSError:
        raise ValueError(f"{value!r} is no address of this family") from None


def _encode_text(value: str) -> bytes:
    if "\\" not in value and len(value) <= TXT_STRING_LENGTH_MAX:
        return bytes((len(value),)) + value.encode("ascii")
    strings = [bytearray()]
    at = 0
    for found in _ESCAPE.finditer(value):
        strings[-1] += value[at : found.start()].encode("ascii")
        at = found.end()
        if found[1]:
            strings[-1].append(int(found[1]))
        elif found[2] == "|":
            strings.append(bytearray())
        else:
            strings[-1] += found[2].encode("ascii")
    strings[-1] += value[at:].encode("ascii")
    longest = max(len(one) for one in strings)
    if longest > TXT_STRING_LENGTH_MAX:
        raise ValueError(f"a TXT string of {longest} octets; DNS allows {TXT_STRING_LENGTH_MAX}")
    return b"".join(bytes((len(one),)) + one for one in strings)


def decode_text(rdata: bytes) -> str:
    """Return the text form of a TXT record's RDATA.

    Raises:
        ValueError: the lengths inside do not fit.
    """
    if rdata and rdata[0] + 1 == len(rdata):
        return _escape(rdata[1:])
    strings = []
    at = 0
    while at < len(rdata):
        end = at + 1 + rdata[at]
        if end > len(rdata):
            raise ValueError("a TXT string that runs over its record")
        strings.append(_escape(rdata[at + 1 : end]))
        at = end
    if not strings:
        raise ValueError("a TXT record without a string")
    return "\\|".join(strings)


def _escape(string: bytes) -> str:
    text = string.decode("latin-1")
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_escape_octet(octet) for octet in string)


def _escape_octet(octet: int) -> str:
    if octet == ord("\\"):
        return "\\\\"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def decode_address(rtype: RecordType, rdata: bytes) -> str:
    """Return the canonical text of an A or AAAA record's RDATA.

    Raises:
        ValueError: its length is wrong.
    """
    try:
        if rtype is RecordType.A:
            return inet_ntoa(rdata)
        text = inet_ntop(AF_INET6, rdata)
    except OSError:
        raise ValueError(f"{len(rdata)} octets are no {rtype} address") from None
    # The C library writes mapped addresses with dots; `canonical_value` spells them its own way.
    return str(IPv6Address(rdata)) if "." in text else text


class _Owners:
    """Owner names, compressed: to the zone's name, or to the same name where it stood first."""

    __slots__ = ("_seen", "_suffix")

    def __init__(self, zone: DnsName) -> None:
        self._seen: dict[str, bytes] = {zone: _ZONE_POINTER}
        self._suffix = f".{zone}"

    def encode(self, name: DnsName, at: int) -> bytes:
        """Return the wire form of a name that is about to stand at an offset."""
        known = self._seen.get(name)
        if known is not None:
            return known
        if name.endswith(self._suffix):
            wire = encode_labels(name[: -len(self._suffix)]) + _ZONE_POINTER
        else:
            wire = encode_name(name)
        if at < _POINTER_LIMIT:
            self._seen[name] = (0xC000 | at).to_bytes(2, "big")
        return wire


def pack_update(transaction: Transaction, message_id: int) -> bytes:
    """Pack a transaction as one UPDATE, not yet signed.

    Raises:
        MessageTooLarge: it does not fit.
        ValueError: a condition without values, or a value that is none.
    """
    out = bytearray(_HEADER.size)
    out += encode_name(transaction.zone) + TYPE_SOA.to_bytes(2, "big") + CLASS_IN.to_bytes(2, "big")
    owners = _Owners(transaction.zone)
    prerequisites = sum(_pack_condition(out, owners, one) for one in transaction.conditions)
    for name, rtype in transaction.deletions:
        out += owners.encode(name, len(out)) + _RECORD.pack(TYPE_CODES[rtype], CLASS_ANY, 0, 0)
    updates = len(transaction.deletions)
    for one in transaction.additions:
        updates += _pack_set(out, owners, one, one.ttl_s)
    if len(out) > MESSAGE_LENGTH_MAX:
        raise MessageTooLarge(len(out))
    _HEADER.pack_into(out, 0, message_id, _OPCODE_UPDATE, 1, prerequisites, updates, 0)
    return bytes(out)


def _pack_condition(out: bytearray, owners: _Owners, condition: Condition) -> int:
    match condition:
        case Absent(name=name, rtype=rtype):
            out += owners.encode(name, len(out)) + _RECORD.pack(TYPE_CODES[rtype], CLASS_NONE, 0, 0)
            return 1
        case Held(name=name, values=()):
            raise ValueError(f"a condition without values at {name} would be no condition")
        case Held():
            return _pack_set(out, owners, condition, 0)
        case _:
            assert_never(condition)


def _pack_set(out: bytearray, owners: _Owners, one: Held | RecordSet, ttl_s: int) -> int:
    code = TYPE_CODES[one.rtype]
    for value in one.values:
        rdata = encode_value(one.rtype, value)
        out += owners.encode(one.name, len(out))
        out += _RECORD.pack(code, CLASS_IN, ttl_s, len(rdata))
        out += rdata
    return len(one.values)


def pack_query(
    name: str, code: int, message_id: int, *, rclass: int = CLASS_IN, edns: bool = False
) -> bytes:
    """Pack a question, recursion not desired: we ask authoritative servers only."""
    question = encode_name(name) + code.to_bytes(2, "big") + rclass.to_bytes(2, "big")
    if not edns:
        return _HEADER.pack(message_id, 0, 1, 0, 0, 0) + question
    option = b"\0" + _RECORD.pack(TYPE_OPT, _EDNS_PAYLOAD, 0, 0)
    return _HEADER.pack(message_id, 0, 1, 0, 0, 1) + question + option
