"""Reading a Route 53 zone, from what `aws route53 list-resource-record-sets` prints.

Simple, weighted, failover and multi-value sets move in. Sets that are chosen by latency, geography or
network do not: which answer a client gets there depends on where it is, and no first plan of ours could
say the same. Health checks have no address in the listing; each is told by its id.
"""

import importlib
import json
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from outlast.app.moving.found import Place, Seen, SeenAddress
from outlast.app.moving.records import FAMILIES, address_of, name_of, stays, ttl_of
from outlast.config.nodes import Mapping, Node, Scalar, Sequence
from outlast.config.reader import Unreadable, decode_utf8, read
from outlast.drivers.discover.found import word
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName, parse_dns_name

_BY_PLACE = {
    "Region": "by latency",
    "GeoLocation": "by geography",
    "GeoProximityLocation": "by distance",
    "CidrRoutingConfig": "by network",
    "TrafficPolicyInstanceId": "by a traffic policy",
}
_TIERS = {"PRIMARY": 0, "SECONDARY": 1}
_ESCAPE = re.compile(r"\\([0-7]{3})")


def read_listing(path: Path) -> Seen:
    """Read a listing that was kept as a file.

    Raises:
        ConfigError: it cannot be read as one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return read_listing_text(data, str(path))


def read_listing_text(data: bytes, file: str) -> Seen:
    """Read the bytes of a listing; `file` is how its places are named."""
    try:
        root, _ = read(decode_utf8(data))
    except Unreadable as error:
        raise ConfigError(f"{file}:{error.line}: {error.message}", remedy=error.remedy) from error
    sets = _at(root, "ResourceRecordSets")
    if not isinstance(sets, Sequence):
        raise ConfigError(
            f"{file} has no `ResourceRecordSets`",
            remedy="make it with: aws route53 list-resource-record-sets --hosted-zone-id ID",
        )
    zone = _zone(sets, file)
    seen = Seen(zones=[zone])
    for one in sets.items:
        _take(seen, zone, Place(file, one.line), one)
    _tell_routing(seen)
    if _text(_at(root, "IsTruncated")) == "true" or _at(root, "NextToken") is not None:
        seen.stay(
            Place(file), "more records", "the listing was cut off", "list without --max-items"
        )
    return seen


def _tell_routing(seen: Seen) -> None:
    """Say where a first plan must change sets that take turns: Outlast gives all addresses of a name at once.

    Weights that differ are drawn by as before.
    """
    by_name: dict[DnsName, list[SeenAddress]] = defaultdict(list)
    for one in seen.addresses:
        if one.label and one.name not in seen.mixed:
            by_name[one.name].append(one)
    for name, sets in by_name.items():
        if len({one.tier for one in sets}) > 1:
            why = "its failover: the first plan answers the first tier, and the other's set goes"
        elif len({one.weight for one in sets}) == 1 and len({one.label for one in sets}) > 1:
            why = (
                "its sets of equal weight: the first plan makes one of them, which answers them all"
            )
        else:
            continue
        seen.lose(sets[0].place, name, why, "read what `outlast plan` shows of it before you apply")


def _at(node: Node | None, key: str) -> Node | None:
    if isinstance(node, Mapping) and key in node.entries:
        return node.entries[key].value
    return None


def _text(node: Node | None, default: str = "") -> str:
    return node.text if isinstance(node, Scalar) else default


def _plain(text: str) -> str:
    """Return a name without its final dot, octal escapes (an asterisk is 052) undone."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text).rstrip(".").lower()


def _zone(sets: Sequence, file: str) -> DnsName:
    """The zone's name: that of its SOA, which every listing of a whole zone has."""
    for one in sets.items:
        if _text(_at(one, "Type")) == "SOA":
            return parse_dns_name(_plain(_text(_at(one, "Name"))))
    raise ConfigError(
        f"{file} has no SOA, so the zone's name is not known", remedy="list the whole zone"
    )


def _take(seen: Seen, zone: DnsName, place: Place, one: Node) -> None:
    rtype, text = _text(_at(one, "Type")), _plain(_text(_at(one, "Name")))
    what = f"{text} {rtype}"
    if _text(_at(one, "SetIdentifier")):
        what += f" ({_text(_at(one, 'SetIdentifier'))})"
    if _at(one, "AliasTarget") is not None:
        target = _plain(_text(_at(_at(one, "AliasTarget"), "DNSName")))
        remedy = "list the addresses behind it as targets, if they do not change by themselves"
        seen.stay(place, what, f"an alias to {target}, whose addresses AWS chooses", remedy)
        return
    if rtype not in FAMILIES:
        if rtype == "NS":
            for value in _values(one):
                seen.serve(zone, text, value.text)
        stays(seen, place, text, rtype)
        return
    by = [why for key, why in _BY_PLACE.items() if _at(one, key) is not None]
    if by:
        seen.stay(place, what, f"chosen {by[0]}: Outlast answers everybody alike")
        seen.mixed.add(text)
        return
    name = name_of(seen, place, text, rtype)
    ttl_s = ttl_of(seen, place, what, _text(_at(one, "TTL")))
    if name is not None and ttl_s is not None:
        _take_values(seen, place, one, (zone, name, ttl_s))
        _take_check(seen, place, what, one)


def _values(one: Node) -> list[Scalar]:
    records = _at(one, "ResourceRecords")
    found = (
        [_at(value, "Value") for value in records.items] if isinstance(records, Sequence) else []
    )
    return [value for value in found if isinstance(value, Scalar)]


def _take_values(seen: Seen, place: Place, one: Node, where: tuple[DnsName, DnsName, int]) -> None:
    zone, name, ttl_s = where
    label, weight = _text(_at(one, "SetIdentifier")), _text(_at(one, "Weight"), "1")
    rtype = _text(_at(one, "Type"))
    for value in _values(one):
        address = address_of(seen, place, f"{name} {rtype}", value.text)
        if address is not None:
            seen.addresses.append(
                SeenAddress(
                    zone=zone,
                    name=name,
                    family=FAMILIES[rtype],
                    address=address,
                    ttl_s=ttl_s,
                    place=Place(place.file, value.line),
                    region=word(label),
                    label=word(label),
                    weight=int(weight) if weight.isdigit() else 1,
                    tier=_TIERS.get(_text(_at(one, "Failover")), 0),
                )
            )


def _take_check(seen: Seen, place: Place, what: str, one: Node) -> None:
    check = _text(_at(one, "HealthCheckId"))
    if check:
        why = f"health check {check} is not part of the listing"
        remedy = (
            "write a `check:` for the endpoint: aws route53 get-health-check shows what it asked"
        )
        seen.lose(place, what, why, remedy)


def list_zone(zone_id: str) -> Seen:
    """Ask Route 53 itself for a hosted zone, with the credentials that the AWS CLI would use.

    Raises:
        ConfigError: boto3 is not installed, or Route 53 refuses.
    """
    try:
        client = importlib.import_module("boto3").client("route53")
    except ImportError as error:
        raise ConfigError(
            f"there is no file {zone_id}, and to ask Route 53 needs boto3",
            remedy="pip install boto3, or keep what the AWS CLI lists as a file",
        ) from error
    try:
        pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id)
        sets = [one for page in pages for one in page["ResourceRecordSets"]]
    except Exception as error:  # botocore's own tree, which is not installed with us
        raise ConfigError(f"Route 53 cannot list {zone_id}: {error}") from error
    listing = json.dumps({"ResourceRecordSets": sets}, indent=1).encode()
    seen = read_listing_text(listing, f"route53 {zone_id}")
    # Lines of a listing that nobody keeps would lead nowhere.
    seen.stays = [replace(one, place=Place(one.place.file)) for one in seen.stays]
    seen.addresses = [replace(one, place=Place(one.place.file)) for one in seen.addresses]
    return seen
