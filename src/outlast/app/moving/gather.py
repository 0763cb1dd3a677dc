"""Gathering: addresses become endpoints, one a name.

One name is one endpoint, since whatever shares a fence moves together, and no source says what belongs
together. Whoever knows better merges them by hand: `names:` is a list.

The rule above all is that the first plan changes no record. What could not be published exactly as it
stands (addresses of one name with two TTLs, say) stays, with the remedy.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from outlast.app.moving.found import Place, Seen, SeenAddress
from outlast.drivers.discover.found import word
from outlast.model.names import DnsName
from outlast.model.records import Family

REGION = "imported"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTarget:
    """A target to be; `place` is where its first address was found."""

    name: str
    region: str
    ipv4: str | None
    ipv6: str | None
    weight: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An endpoint to be.

    Attributes:
        key: its key in the topology.
        order: tiers of regions, for failover; empty: every target at once.
        check: what the source said of health checks; empty: nothing.
    """

    key: str
    zone: DnsName
    name: DnsName
    ttl_s: int
    targets: tuple[DraftTarget, ...]
    order: tuple[tuple[str, ...], ...]
    check: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which region an address stands in: by network, else as the source says, else `default`."""

    networks: tuple[tuple[Network, str], ...] = ()
    default: str = REGION

    def region_of(self, one: SeenAddress) -> str:
        """Return an address's region."""
        address = ipaddress.ip_address(one.address)
        for network, region in self.networks:
            if address in network:
                return region
        return one.region or self.default


def gather(seen: Seen, places: Places) -> list[Draft]:
    """Return the endpoints that can be made; what cannot is added to what stays."""
    by_name: dict[DnsName, list[SeenAddress]] = defaultdict(list)
    for one in seen.addresses:
        by_name[one.name].append(one)
    drafts: list[Draft] = []
    keys: set[str] = set()
    for name, addresses in by_name.items():
        why, remedy = _hindrance(seen, name, addresses)
        if why:
            seen.stay(addresses[0].place, f"{name}", why, remedy)
            continue
        drafts.append(_draft(name, addresses, places, seen, _key(name, keys)))
    return drafts


def _hindrance(seen: Seen, name: DnsName, addresses: Sequence[SeenAddress]) -> tuple[str, str]:
    """Say why a name must stay, and what would change it; nothing if it can move in."""
    cut = next((one for one in sorted(seen.cuts) if name == one or name.endswith(f".{one}")), None)
    if cut is not None:
        return f"glue: the zone {cut} is delegated away", ""
    if name in seen.servers:
        return "a name server's own address: steering it would pull the ladder up", ""
    if name in seen.mixed:
        return "a part of it is answered by place, so all of it stays", ""
    ttls = sorted({one.ttl_s for one in addresses})
    if len(ttls) > 1:
        listed = ", ".join(str(one) for one in ttls)
        return f"its records have several TTLs ({listed})", "make them equal, then import again"
    return "", ""


def _key(name: DnsName, taken: set[str]) -> str:
    key = word(name)
    number = 2
    while key in taken:
        tail = f"-{number}"
        key, number = word(name)[: 63 - len(tail)] + tail, number + 1
    taken.add(key)
    return key


def _draft(
    name: DnsName, addresses: list[SeenAddress], places: Places, seen: Seen, key: str
) -> Draft:
    tiers: dict[int, list[str]] = defaultdict(list)
    for one in addresses:
        region = places.region_of(one)
        if region not in tiers[one.tier]:
            tiers[one.tier].append(region)
    flat = [region for tier in tiers.values() for region in tier]
    order: tuple[tuple[str, ...], ...] = ()
    if len(tiers) > 1 and len(flat) == len(set(flat)):
        order = tuple(tuple(tiers[tier]) for tier in sorted(tiers))
    elif len(tiers) > 1:
        seen.lose(addresses[0].place, name, "its failover order: the tiers share a region")
    return Draft(
        key=key,
        zone=addresses[0].zone,
        name=name,
        ttl_s=addresses[0].ttl_s,
        targets=_targets(addresses, places),
        order=order,
        check=seen.checks.get(name, ""),
    )


def _targets(addresses: list[SeenAddress], places: Places) -> tuple[DraftTarget, ...]:
    """One target an address; two where both families bear one label."""
    groups: dict[tuple[str, int], list[SeenAddress]] = {}
    known: set[str] = set()
    for at, one in enumerate(addresses):
        if one.address in known:
            continue
        known.add(one.address)
        same = [two for two in addresses if two.label == one.label]
        paired = bool(one.label) and sorted(two.family for two in same) == sorted(Family)
        groups.setdefault((one.label, -1 if paired else at), []).append(one)
    made: list[DraftTarget] = []
    for number, group in enumerate(groups.values(), start=1):
        first = group[0]
        of = {one.family: one.address for one in group}
        region = places.region_of(first)
        base = (first.label or region)[:50].rstrip("._-")
        made.append(
            DraftTarget(
                name=f"{base}-{number}",
                region=region,
                ipv4=of.get(Family.IPV4),
                ipv6=of.get(Family.IPV6),
                weight=first.weight,
                place=first.place,
            )
        )
    return tuple(made)
