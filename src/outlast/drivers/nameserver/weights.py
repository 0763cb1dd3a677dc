"""Reading the weights that stand beside a name's addresses, as TXT at `_weights.NAME`."""

import ipaddress

from outlast.drivers.nameserver.wire import NAME_LENGTH_MAX, Type
from outlast.drivers.nameserver.zone import RRset, Zone, find
from outlast.model.records import parse_weight

WEIGHTS_LABEL = b"\x08_weights"

UNNAMED_WEIGHT = 1
"""What an address counts that the weights do not name."""


def _text_of(rdata: bytes) -> str:
    """Join the strings of a TXT record."""
    parts, at = [], 0
    while at < len(rdata):
        parts.append(rdata[at + 1 : at + 1 + rdata[at]])
        at += 1 + rdata[at]
    return b"".join(parts).decode("ascii", "replace")


def weights_of(zone: Zone, name: bytes, rrset: RRset) -> tuple[int, ...]:
    """Return the weight of each address of a record set; empty where no weights stand beside it."""
    beside = WEIGHTS_LABEL + name
    found = find(zone.node(beside), Type.TXT) if len(beside) <= NAME_LENGTH_MAX else None
    if found is None:
        return ()
    weights: dict[bytes, int] = {}
    for rdata in found.rdatas:
        parsed = parse_weight(_text_of(rdata))
        if parsed is not None:
            weights[ipaddress.ip_address(parsed[0]).packed] = parsed[1]
    return tuple(weights.get(rdata, UNNAMED_WEIGHT) for rdata in rrset.rdatas)
