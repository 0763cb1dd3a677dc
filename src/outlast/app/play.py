"""Play: the targets of a topology as small real HTTP servers on loopback, for trying things out."""

import ipaddress
from collections.abc import Iterator

from outlast.drivers.regions import LocalRegion
from outlast.model.errors import ConfigError
from outlast.model.names import RegionName
from outlast.model.topology import CheckKind, Topology


def local_regions(topology: Topology) -> list[LocalRegion]:
    """Make a server for each loopback address and port that is probed over HTTP; not started yet.

    Raises:
        ConfigError: no target lies on loopback: this topology is about the real world.
    """
    found = list(dict.fromkeys(_addresses(topology)))
    if not found:
        raise ConfigError(
            "no target of this topology is probed over HTTP on a loopback address",
            remedy="leave --play-regions away: its targets are somewhere else",
        )
    return [LocalRegion(region, host, port) for region, host, port in found]


def _addresses(topology: Topology) -> Iterator[tuple[RegionName, str, int]]:
    for endpoint in topology.endpoints:
        for target in endpoint.targets:
            for family in target.families:
                host = str(target.address(family))
                if target.check.kind is CheckKind.HTTP and ipaddress.ip_address(host).is_loopback:
                    yield target.region, host, target.check.port
