"""Names: DNS names and labels, checked once on entry and then known good.

A DNS name inside Outlast is lower case, without the final dot, in A-label ("punycode") form, since
two spellings of one name would be two keys (RFC 4343: comparison ignores ASCII case).
"""

import re
from typing import NewType

DnsName = NewType("DnsName", str)
"""A DNS name: lower case, no final dot, at most 253 characters (RFC 1035 section 2.3.4)."""

EndpointName = NewType("EndpointName", str)
TargetName = NewType("TargetName", str)
RegionName = NewType("RegionName", str)
ProviderName = NewType("ProviderName", str)
VantageName = NewType("VantageName", str)
ServiceName = NewType("ServiceName", str)
EnactorName = NewType("EnactorName", str)
CellName = NewType("CellName", str)

DEFAULT_CELL = CellName("default")
"""The cell of an endpoint that names none."""

Subject = NewType("Subject", str)
"""What is probed: `endpoint/target/ipv4` or `endpoint/target/ipv6`."""

NAME_LENGTH_MAX = 253
LABEL_LENGTH_MAX = 63

_DNS_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?\Z")


def parse_dns_name(text: str) -> DnsName:
    """Return the canonical form of a DNS name.

    Raises:
        ValueError: the text is no DNS name; the message says which rule it breaks.
    """
    name = text.rstrip(".").lower() if text != "." else ""
    if not name:
        raise ValueError("the name is empty")
    if not name.isascii():
        raise ValueError("write it in its A-label form, as in `xn--bcher-kva.example`")
    if len(name) > NAME_LENGTH_MAX:
        raise ValueError(f"it has {len(name)} characters; DNS allows {NAME_LENGTH_MAX}")
    for label in name.split("."):
        if not _DNS_LABEL.match(label):
            raise ValueError(
                f"the label {label!r} must have 1 to {LABEL_LENGTH_MAX} letters, digits, hyphens or "
                "underscores, and no hyphen at either end"
            )
    return DnsName(name)


def parse_word(text: str) -> str:
    """Return a name that people give to a region, target, provider and the like, if it is one.

    Such names stand in DNS records, file names, metrics and keys of the store, hence the narrow
    alphabet, and lower case: PowerDNS compares TXT values without regard to case.

    Raises:
        ValueError: the text is no such name.
    """
    if not _WORD.match(text):
        raise ValueError(
            "use 1 to 63 lower-case letters, digits, dots, hyphens or underscores, "
            "beginning and ending with a letter or digit"
        )
    return text


def is_below(name: DnsName, zone: DnsName) -> bool:
    """Whether a name is the zone's apex or below it."""
    return name == zone or name.endswith("." + zone)


def zone_of(name: DnsName, zones: tuple[DnsName, ...]) -> DnsName | None:
    """Return the most specific of the zones that holds a name, if any does."""
    holding = [zone for zone in zones if is_below(name, zone)]
    return max(holding, key=len) if holding else None
