"""From a topology to what blame needs: for each service everything that it leans on, near or far.

Every service, endpoint, region, provider, zone, vendor, network, country and shared fate that is named is a
candidate. A need with no region leads to the whole service, one that is pinned to that region as well.
Dependencies that only matter while something is started or changed take nothing down that users would
report, so they are left out.
"""

from collections.abc import Iterator

import numpy as np

from outlast.detect.verdict import Cause, CauseKind, Roads
from outlast.model.names import zone_of
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Endpoint, Region, Topology

_FELT = frozenset({DependencyKind.HARD, DependencyKind.SOFT, DependencyKind.CACHED})


def roads_of(topology: Topology) -> Roads:
    """Return who depends on what. Circles are fine: each thing is visited once."""
    near = _near(topology)
    causes = tuple(sorted({*near, *(one for ends in near.values() for one in ends)}))
    number = {cause: code for code, cause in enumerate(causes)}
    above = {cause: tuple(sorted(_far(near, cause) - {cause})) for cause in causes}
    names = tuple(one.name for one in topology.services)
    rows: list[int] = []
    columns: list[int] = []
    for row, name in enumerate(names):
        own = Cause(CauseKind.SERVICE, name)
        leans = sorted({own, *above[own]})
        rows += [row] * len(leans)
        columns += [number[one] for one in leans]
    return Roads(
        names,
        causes,
        np.array(rows, np.int64),
        np.array(columns, np.int64),
        {cause: ends for cause, ends in above.items() if ends},
    )


def _near(topology: Topology) -> dict[Cause, list[Cause]]:
    found: dict[Cause, list[Cause]] = {}
    for region in topology.regions:
        found[Cause(CauseKind.REGION, region.name)] = [*_of_region(region)]
    zones = {one.name: one for one in topology.zones}
    for zone in topology.zones:
        vendors = {one.vendor for one in zone.name_servers}
        alone = vendors if len(vendors) == 1 else set[str]()
        found[Cause(CauseKind.ZONE, zone.name)] = [
            Cause(CauseKind.VENDOR, one) for one in sorted(alone - {""})
        ]
    providers = {one.name: one.zones for one in topology.providers}
    for endpoint in topology.endpoints:
        zone_name = zone_of(endpoint.names[0].name, providers.get(endpoint.provider, ()))
        known = zone_name if zone_name in zones else None
        found[Cause(CauseKind.NAME, endpoint.name)] = [*_of_endpoint(endpoint, known)]
    for service in topology.services:
        found[Cause(CauseKind.SERVICE, service.name)] = [*_of_service(service)]
    return found


def _of_region(region: Region) -> Iterator[Cause]:
    for word in region.shares:
        yield Cause(CauseKind.SHARED, word)
    if region.country:
        yield Cause(CauseKind.COUNTRY, region.country)
    if region.network:
        yield Cause(CauseKind.NETWORK, f"AS{region.network}")
    if region.vendor:
        yield Cause(CauseKind.VENDOR, region.vendor)


def _of_endpoint(endpoint: Endpoint, zone: str | None) -> Iterator[Cause]:
    yield Cause(CauseKind.PROVIDER, endpoint.provider)
    if zone is not None:
        yield Cause(CauseKind.ZONE, zone)
    for region in {one.region: None for one in endpoint.targets}:
        yield Cause(CauseKind.REGION, region)


def _of_service(service: Service) -> Iterator[Cause]:
    for region in service.regions:
        yield Cause(CauseKind.REGION, region)
    if service.vendor:
        yield Cause(CauseKind.VENDOR, service.vendor)
    for need in service.needs:
        if need.kind in _FELT:
            yield from _of_need(need)


def _of_need(need: Dependency) -> Iterator[Cause]:
    if need.service is not None:
        yield Cause(CauseKind.SERVICE, need.service)
    if need.endpoint is not None:
        yield Cause(CauseKind.NAME, need.endpoint)
    if need.region is not None:
        yield Cause(CauseKind.REGION, need.region)


def _far(near: dict[Cause, list[Cause]], start: Cause) -> set[Cause]:
    found = {start}
    pending = [start]
    while pending:
        for one in near.get(pending.pop(), ()):
            if one not in found:
                found.add(one)
                pending.append(one)
    return found
