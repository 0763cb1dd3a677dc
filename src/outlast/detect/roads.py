"""From a topology to what blame needs: for each service everything that it leans on, near or far.

Every service, endpoint, region, provider, zone, vendor, network, country and shared fate that is named is a
candidate. A need with no region leads to the whole service, one that is pinned to that region as well.
Dependencies that only matter while something is started or changed take nothing down that users would
report, so they are left out.

Somebody who probes a service region by region can tell its parts apart, and who asks for its name there can
tell the name from what it leads to. Then, and only then, are part and name candidates of their own: without
such probes nobody could choose between them. Which they are follows from what is probed, never from what
failed. A need with no region is then met in the caller's own region, if the service runs there.

Not every edge passes all of a failure on. What memory bridges, what is done without, and what only new
machines or new leases wait for is felt late or in part, so it counts faintly (`FAINT`): otherwise a store
on which everything leans in some way would be cleared by all that goes on without it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from outlast.detect.evidence import FAINT
from outlast.detect.verdict import Cause, CauseKind, Roads
from outlast.model.behaviour import Behaviour
from outlast.model.names import RegionName, ServiceName, zone_of
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Endpoint, Region, Topology

_FELT = frozenset({DependencyKind.HARD, DependencyKind.SOFT, DependencyKind.CACHED})

_WIDE = frozenset(
    {
        CauseKind.COUNTRY,
        CauseKind.NETWORK,
        CauseKind.PROVIDER,
        CauseKind.SHARED,
        CauseKind.VENDOR,
        CauseKind.ZONE,
    }
)
"""Kinds that say what other things have in common, and are nothing by themselves."""

Edge = tuple[Cause, bool]
"""What something leans on, and whether faintly."""
_Near = dict[Cause, list[Edge]]


def part_of(service: str, region: str) -> str:
    """Return how a service in one region is called."""
    return f"{service} in {region}"


def name_in(service: str, region: str) -> str:
    """Return how the name is called by which a service is reached in one region."""
    return f"{service}.{region}"


def roads_of(topology: Topology, probed: Collection[str] = ()) -> Roads:
    """Return who depends on what. Circles are fine: each thing is visited once.

    Args:
        probed: what probes are pointed at, among it `part_of` and `name_in`.
    """
    parts = _Parts.of(topology, frozenset(probed))
    near = _told_apart(_near(topology, parts))
    causes = tuple(sorted({*near, *(one for ends in near.values() for one, _ in ends)}))
    far = {cause: _far(near, cause) for cause in causes}
    names = tuple(one.name for one in topology.services)
    rows, columns, shares = _edges(causes, far, [[*parts.own(one)] for one in topology.services])
    return Roads(
        names,
        causes,
        rows,
        columns,
        {cause: tuple(sorted(ends)) for cause, ends in far.items() if ends},
        own=parts.called,
        faint={
            cause: frozenset(end for end, faint in ends.items() if faint)
            for cause, ends in far.items()
            if any(ends.values())
        },
        share_of=shares,
    )


def _edges(
    causes: tuple[Cause, ...], far: dict[Cause, dict[Cause, bool]], own: list[list[Cause]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    number = {cause: code for code, cause in enumerate(causes)}
    rows: list[int] = []
    columns: list[int] = []
    shares: list[float] = []
    for row, mine in enumerate(own):
        leans = dict.fromkeys(mine, False)
        for one in mine:
            for end, faint in far[one].items():
                leans[end] = leans.get(end, True) and faint
        rows += [row] * len(leans)
        columns += [number[one] for one in sorted(leans)]
        shares += [FAINT if leans[one] else 1.0 for one in sorted(leans)]
    return np.array(rows, np.int64), np.array(columns, np.int64), np.array(shares, np.float64)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Services that are told apart by region, and by what name they are called there.

    Attributes:
        regions: of such a service, those in which it is told apart.
        called: the name of a part.
    """

    regions: dict[ServiceName, tuple[RegionName, ...]]
    called: dict[Cause, Cause]

    @classmethod
    def of(cls, topology: Topology, probed: frozenset[str]) -> "_Parts":
        regions: dict[ServiceName, tuple[RegionName, ...]] = {}
        called: dict[Cause, Cause] = {}
        for one in topology.services:
            if not any(part_of(one.name, region) in probed for region in one.regions):
                continue
            regions[one.name] = one.regions
            for region in one.regions:
                if name_in(one.name, region) in probed:
                    name = Cause(CauseKind.NAME, name_in(one.name, region))
                    called[Cause(CauseKind.SERVICE, part_of(one.name, region))] = name
        return cls(regions, called)

    def own(self, service: Service) -> Iterator[Cause]:
        """Return what a service is: itself, or its parts."""
        yield from self.met(service.name, None)

    def met(self, service: ServiceName, region: RegionName | None) -> Iterator[Cause]:
        """Return where a need is met, for a caller in a region."""
        regions = self.regions.get(service)
        if regions is None:
            yield Cause(CauseKind.SERVICE, service)
            return
        for one in (region,) if region in regions else regions:
            yield Cause(CauseKind.SERVICE, part_of(service, one or ""))


def _near(topology: Topology, parts: _Parts) -> _Near:
    found: _Near = {}
    for region in topology.regions:
        found[Cause(CauseKind.REGION, region.name)] = _plain(_of_region(region))
    zones = {one.name: one for one in topology.zones}
    for zone in topology.zones:
        vendors = {one.vendor for one in zone.name_servers}
        alone = vendors if len(vendors) == 1 else set[str]()
        found[Cause(CauseKind.ZONE, zone.name)] = _plain(
            Cause(CauseKind.VENDOR, one) for one in sorted(alone - {""})
        )
    providers = {one.name: one.zones for one in topology.providers}
    for endpoint in topology.endpoints:
        zone_name = zone_of(endpoint.names[0].name, providers.get(endpoint.provider, ()))
        known = zone_name if zone_name in zones else None
        found[Cause(CauseKind.NAME, endpoint.name)] = _plain(_of_endpoint(endpoint, known))
    for service in topology.services:
        for cause, region_of in _standing(service, parts):
            found[cause] = [*_of_service(service, cause, region_of, parts)]
    return found


def _told_apart(near: _Near) -> _Near:
    """Leave out what only one thing leans on: a country with one region, a provider with one name.

    Whatever shows when it fails shows when that one thing fails, so nobody could choose between the two,
    and the narrower is the one that somebody can do something about. What is behind it is leant on as before.
    """
    found = {cause: [*ends] for cause, ends in near.items()}
    while True:
        leaning = Counter(end for ends in found.values() for end in {one for one, _ in ends})
        alone = next(
            (one for one, count in leaning.items() if count == 1 and one.kind in _WIDE), None
        )
        if alone is None:
            return found
        behind = found.pop(alone, [])
        for cause, ends in found.items():
            through = [faint for one, faint in ends if one == alone]
            if through:
                kept = [edge for edge in ends if edge[0] != alone]
                faint = all(through)
                found[cause] = [*kept, *((one, faint or also) for one, also in behind)]


def _plain(ends: Iterable[Cause]) -> list[Edge]:
    return [(one, False) for one in ends]


def _standing(service: Service, parts: _Parts) -> Iterator[tuple[Cause, RegionName | None]]:
    regions = parts.regions.get(service.name)
    if regions is None:
        yield Cause(CauseKind.SERVICE, service.name), None
        return
    for one in regions:
        yield Cause(CauseKind.SERVICE, part_of(service.name, one)), one


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


def _of_service(
    service: Service, cause: Cause, region: RegionName | None, parts: _Parts
) -> Iterator[Edge]:
    for one in service.regions if region is None else (region,):
        yield Cause(CauseKind.REGION, one), False
    if service.vendor:
        yield Cause(CauseKind.VENDOR, service.vendor), False
    if cause in parts.called:
        yield parts.called[cause], False
    where = (region,) if region is not None else service.regions
    for need in service.needs:
        if need.kind in _FELT:
            faint = need.kind is not DependencyKind.HARD
            for end in _of_need(need, where, parts):
                yield end, faint
    for late in _waited_for(service.behaviour):
        for at in where:
            for end in parts.met(late, at):
                yield end, True


def _of_need(need: Dependency, where: tuple[RegionName, ...], parts: _Parts) -> Iterator[Cause]:
    if need.service is not None:
        for region in (need.region,) if need.region is not None else where or (None,):
            yield from parts.met(need.service, region)
    if need.endpoint is not None:
        yield Cause(CauseKind.NAME, need.endpoint)
    if need.region is not None:
        yield Cause(CauseKind.REGION, need.region)


def _waited_for(behaviour: Behaviour | None) -> Iterator[ServiceName]:
    """Return what a service's mechanisms wait for: leases, new machines, their network, credentials."""
    if behaviour is None:
        return
    for one in (behaviour.leasing, behaviour.autoscaling, behaviour.health, behaviour.credentials):
        if one is not None and one.via is not None:
            yield one.via
    if behaviour.backlog is not None:
        yield behaviour.backlog.of


def _far(near: _Near, start: Cause) -> dict[Cause, bool]:
    """Return everything that a thing leans on, and whether only faintly."""
    firmly = _reached(near, {start}, faintly=False)
    return {one: one not in firmly for one in _reached(near, firmly, faintly=True) - {start}}


def _reached(near: _Near, starts: set[Cause], *, faintly: bool) -> set[Cause]:
    found = {*starts}
    pending = [*starts]
    while pending:
        for one, faint in near.get(pending.pop(), ()):
            if one not in found and (faintly or not faint):
                found.add(one)
                pending.append(one)
    return found
