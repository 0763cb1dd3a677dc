"""The listing: the small format in which a source names its targets.

    {"outlast_targets": 1,
     "targets": {"eu-1": {"region": "eu-west", "ipv4": "192.0.2.11", "capacity": 1000}}}

It is taken as a whole or not at all. One wrong address among a hundred says that whoever wrote the list
was not well; to believe the other ninety-nine would be to believe half of a file.
"""

import ipaddress
from collections.abc import Collection
from typing import Annotated, Literal

import msgspec

from outlast.model.errors import OutlastError
from outlast.model.names import RegionName, TargetName, parse_word
from outlast.model.topology import HealthCheck, Target

BYTES_MAX = 8 * 1024 * 1024
"""Ten thousand targets take 1 MB."""


class SourceError(OutlastError):
    """A source that says nothing usable: what it names is unknown."""


class _Target(msgspec.Struct, forbid_unknown_fields=True):
    region: str
    ipv4: str | None = None
    ipv6: str | None = None
    weight: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 1
    capacity: Annotated[int, msgspec.Meta(ge=0, le=10**15)] = 0


class _Listing(msgspec.Struct, forbid_unknown_fields=True):
    outlast_targets: Literal[1]
    targets: dict[str, _Target]


def read_listing(
    data: bytes, regions: Collection[RegionName], check: HealthCheck
) -> tuple[Target, ...]:
    """Read a listing; each target is probed by `check`.

    Raises:
        SourceError: something in it is wrong; says what.
    """
    try:
        listing = msgspec.json.decode(data, type=_Listing)
        targets = tuple(_target(name, one, check) for name, one in listing.targets.items())
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SourceError(f"the listing cannot be used: {error}") from error
    strange = sorted({one.region for one in targets} - set(regions))
    if strange:
        raise SourceError(f"the listing names regions that the topology has not: {strange}")
    addresses = [str(one) for it in targets for one in (it.ipv4, it.ipv6) if one]
    twice = sorted({one for one in addresses if addresses.count(one) > 1}) if addresses else []
    if twice:
        raise SourceError(f"the listing has an address twice: {', '.join(twice)}")
    return targets


def _target(name: str, one: _Target, check: HealthCheck) -> Target:
    ipv4 = str(_usable(ipaddress.IPv4Address(one.ipv4))) if one.ipv4 is not None else None
    ipv6 = str(_usable(ipaddress.IPv6Address(one.ipv6))) if one.ipv6 is not None else None
    return Target(
        name=TargetName(parse_word(name)),
        region=RegionName(parse_word(one.region)),
        ipv4=ipv4,
        ipv6=ipv6,
        weight=one.weight,
        capacity=one.capacity,
        check=check,
    )


def _usable(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"no client can connect to {address}")
    return address


def write_listing(targets: tuple[Target, ...]) -> bytes:
    """Return the listing that names these targets."""
    known = {
        str(one.name): _Target(
            region=one.region,
            ipv4=one.ipv4,
            ipv6=one.ipv6,
            weight=one.weight,
            capacity=one.capacity,
        )
        for one in targets
    }
    return msgspec.json.format(
        msgspec.json.encode(_Listing(outlast_targets=1, targets=known)), indent=1
    )
