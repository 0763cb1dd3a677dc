"""Records: record sets in one canonical form, and the digest of a publication.

The digest is taken over what stands in the DNS, so anybody who can ask the DNS can compute it again
and compare it with the one in the fence. Weights that a server can honour are published as a record
of their own (`weights_name`), which keeps this true for them as well.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from outlast.model.names import DnsName

TTL_MAX_S = 2**31 - 1
"""RFC 2181 section 8: the upper bound of a TTL."""

WEIGHT_MAX = 65535
"""The largest weight of an address, as in SRV records (RFC 2782)."""


class RecordType(StrEnum):
    """The record types that Outlast reads or writes."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    TXT = "TXT"


class Family(StrEnum):
    """The two address families. Floors and votes are counted for each alone."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def rtype(self) -> RecordType:
        """The type of the record that carries an address of this family."""
        return RecordType.A if self is Family.IPV4 else RecordType.AAAA


@dataclass(frozen=True, slots=True)
class RecordSet:
    """All records of one name and type (an RRset, RFC 2181 section 5).

    Attributes:
        name: owner name.
        rtype: record type.
        ttl_s: time to live in seconds, 0 to 2**31 - 1.
        values: distinct values in text form, sorted, at least one.
    """

    name: DnsName
    rtype: RecordType
    ttl_s: int
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"a record set without records: {self.name} {self.rtype}")
        if not 0 <= self.ttl_s <= TTL_MAX_S:
            raise ValueError(f"TTL {self.ttl_s} s is outside 0 to {TTL_MAX_S}")
        if any(a >= b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise ValueError(f"values not sorted or not distinct: {self.name} {self.rtype}")

    @classmethod
    def of(cls, name: DnsName, rtype: RecordType, ttl_s: int, values: list[str]) -> Self:
        """Make a record set from values in any order and spelling, duplicates dropped."""
        canonical = sorted({canonical_value(rtype, value) for value in values})
        return cls(name, rtype, ttl_s, tuple(canonical))

    def __str__(self) -> str:
        return f"{self.name} {self.ttl_s} {self.rtype} {' '.join(self.values)}"


def canonical_value(rtype: RecordType, value: str) -> str:
    """Return the one spelling of a value: compressed addresses, lower-case names.

    Raises:
        ValueError: an address that is none.
    """
    match rtype:
        case RecordType.A:
            return str(ipaddress.IPv4Address(value))
        case RecordType.AAAA:
            return str(ipaddress.IPv6Address(value))
        case RecordType.CNAME:
            return value.rstrip(".").lower()
        case RecordType.TXT:
            return value


def sort_record_sets(record_sets: list[RecordSet]) -> tuple[RecordSet, ...]:
    """Put record sets in the canonical order: by name, then by type."""
    return tuple(sorted(record_sets, key=lambda one: (one.name, one.rtype)))


def digest_of(record_sets: tuple[RecordSet, ...]) -> str:
    """Digest a publication: SHA-256 over its canonical text, first 128 bits, as 32 hex digits.

    The text has one line a record set, `name ttl type value value...`, in canonical order. The fence
    itself is not part of it.
    """
    text = "".join(f"{one}\n" for one in sort_record_sets(list(record_sets)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def weights_name(name: DnsName) -> DnsName:
    """Return where the weights of a name's addresses stand, as TXT, on servers that honour them."""
    return DnsName(f"_weights.{name}")


def format_weight(address: str, weight: int) -> str:
    """Return one value of the `_weights` record set: `192.0.2.1=3`, `2001:db8::1=3`.

    One TXT record of one string for each address; both families stand in the same set. A TXT set is
    unordered and without duplicates (RFC 2181 section 5), so an address must stand in it once.

    Args:
        address: an IPv4 or IPv6 address in any spelling.
        weight: its share of the answers relative to its family's other addresses, 0 to 65535; 0: given
            only where no address of the family has a weight above 0.

    Raises:
        ValueError: no address, or a weight out of range.
    """
    if not 0 <= weight <= WEIGHT_MAX:
        raise ValueError(f"weight {weight} is outside 0 to {WEIGHT_MAX}")
    return f"{ipaddress.ip_address(address)}={weight}"


def parse_weight(text: str) -> tuple[str, int] | None:
    """Read what `format_weight` wrote: the address in canonical spelling, and its weight.

    Anything else that stands at the name is None and counts for nothing: a foreign hand's record must
    not silence the addresses beside it.
    """
    address, equals, digits = text.partition("=")
    if not equals or not digits.isascii() or not digits.isdigit() or len(digits) > len("65535"):
        return None
    try:
        canonical = str(ipaddress.ip_address(address))
    except ValueError:
        return None
    weight = int(digits)
    return (canonical, weight) if weight <= WEIGHT_MAX else None
