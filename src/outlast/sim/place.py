"""Place: the topology of a run, made up or taken from the user's own file."""

from dataclasses import dataclass, replace

from outlast.model.api import ProviderKind
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName, EndpointName, ProviderName, RegionName, TargetName
from outlast.model.topology import (
    Address,
    Budget,
    Endpoint,
    Floors,
    Policy,
    Provider,
    PublishedName,
    Target,
    Topology,
    zone_of_endpoint,
)

ZONE = DnsName("example.net")


@dataclass(frozen=True, slots=True)
class Place:
    """The topology of a run: endpoints of one zone, and the provider that publishes them."""

    endpoints: tuple[Endpoint, ...]
    provider: Provider


def made_up(endpoints: int) -> Place:
    """Return endpoints with three targets in three regions; the third target has no IPv6 address."""
    provider = Provider(
        name=ProviderName("dns"),
        kind=ProviderKind.RFC2136,
        server=Address(host="127.0.0.1", port=53),
        zones=(ZONE,),
    )
    made = []
    for index in range(endpoints):
        targets = tuple(
            Target(
                name=TargetName(f"t{n}"),
                region=RegionName(f"r{n}"),
                ipv4=f"192.0.2.{16 * index + n}",
                ipv6=f"2001:db8::{index + 1}:{n}" if n < 3 else None,
            )
            for n in (1, 2, 3)
        )
        name = PublishedName(name=DnsName(f"api{index}.{ZONE}"))
        endpoint = EndpointName(f"api{index}")
        made.append(
            _plain(
                Endpoint(
                    name=endpoint, names=(name,), provider=provider.name, ttl_s=60, targets=targets
                )
            )
        )
    return Place(tuple(made), provider)


def place_of(topology: Topology) -> Place:
    """Return the endpoints of the topology's first zone, as the explorer takes them.

    Floors, budgets, weights and failover order are set aside, so that every change of health publishes
    and the checks can tell by themselves what should be published.

    Raises:
        ConfigError: there is no endpoint in it.
    """
    if not topology.endpoints:
        raise ConfigError("the topology has no endpoint", remedy="leave FILE away, or add one")
    first = topology.endpoints[0]
    provider = topology.provider(first.provider)
    zone = zone_of_endpoint(first, provider)
    endpoints = [
        _plain(one)
        for one in topology.endpoints
        if one.provider == provider.name and zone_of_endpoint(one, provider) == zone
    ]
    return Place(tuple(endpoints), provider)


def _plain(endpoint: Endpoint) -> Endpoint:
    return replace(
        endpoint,
        targets=tuple(replace(one, weight=1) for one in endpoint.targets),
        policy=Policy(),
        floors=Floors(targets=1, share_ratio=0.0),
        budget=Budget(removed_ratio=1.0, window_s=0.0),
        demand=0,
    )
