"""The records that every zone has by the settings: SOA and NS of its apex, and its servers' addresses.

They are made anew at each start, so that a changed setting holds; the serial number goes on from where
it was. A zone without a past begins at the time of day: should the folder be lost, the new zone is
still newer than the one that the secondaries hold (unless it changed more than once a second).
"""

import ipaddress
import struct
from collections.abc import Mapping

from outlast.drivers.nameserver.settings import Host, NameServerSettings
from outlast.drivers.nameserver.wire import Type, is_below, name_from_text
from outlast.drivers.nameserver.zone import (
    Node,
    Nodes,
    RRset,
    find,
    next_serial,
    serial_of,
    with_rrset,
    with_serial,
)
from outlast.model.names import DnsName
from outlast.model.topology import Address


def apex_changes(
    zone: DnsName,
    nodes: Mapping[bytes, Node],
    listen: tuple[Address, ...],
    settings: NameServerSettings,
    *,
    now_s: int,
) -> Nodes:
    """Return what must change in a zone's stored content so that it is as the settings say."""
    apex = name_from_text(zone)
    hosts = settings.nameservers or (_default_host(zone, listen),)
    changes: Nodes = {}
    for host in hosts:
        _add_host(apex, host, nodes, changes, settings.ns_ttl_s)
    names = tuple(sorted({name_from_text(host.name) for host in hosts}))
    old = changes.get(apex, nodes.get(apex, ()))
    soa = _soa(zone, hosts[0], settings)
    was = find(nodes.get(apex, ()), Type.SOA)
    if was is not None:
        soa = with_serial(soa, serial_of(was))
    node = with_rrset(with_rrset(old, RRset(Type.NS, settings.ns_ttl_s, names)), soa)
    if not changes and node == nodes.get(apex):
        return {}
    serial = max(now_s, 1) & 0xFFFFFFFF if was is None else next_serial(serial_of(was))
    changes[apex] = with_rrset(node, with_serial(soa, serial))
    return changes


def _default_host(zone: DnsName, listen: tuple[Address, ...]) -> Host:
    hosts = dict.fromkeys(one.host for one in listen)
    addresses = tuple(one for one in hosts if not ipaddress.ip_address(one).is_unspecified)
    return Host(name=DnsName(f"ns.{zone}"), addresses=addresses)


def _add_host(
    apex: bytes, host: Host, nodes: Mapping[bytes, Node], changes: Nodes, ttl_s: int
) -> None:
    name = name_from_text(host.name)
    if not is_below(name, apex):
        return
    node = before = changes.get(name, nodes.get(name, ()))
    for rtype, version in ((Type.A, 4), (Type.AAAA, 6)):
        addresses = [ipaddress.ip_address(one) for one in host.addresses]
        packed = sorted({one.packed for one in addresses if one.version == version})
        if packed and find(node, rtype) is None:
            node = with_rrset(node, RRset(rtype, ttl_s, tuple(packed)))
    if node != before:
        changes[name] = node


def _soa(zone: DnsName, host: Host, settings: NameServerSettings) -> RRset:
    contact = settings.contact or DnsName(f"hostmaster.{zone}")
    numbers = struct.pack(
        "!5I",
        0,
        settings.refresh_s,
        settings.retry_s,
        settings.expire_s,
        settings.negative_ttl_s,
    )
    rdata = name_from_text(host.name) + name_from_text(contact) + numbers
    return RRset(Type.SOA, settings.negative_ttl_s, (rdata,))
