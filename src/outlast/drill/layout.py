"""The world as numbers: services, regions and dependencies of a topology, laid out for stepping.

Rows are services, columns regions, so that the inner axis is what machines are quick at. Behind the services
come the endpoints as rows of their own, and behind the regions one column more: "wherever it works", for
needs that may be met from any region.

Levels: a service stands above all that it needs. Where needs run in a circle, one edge of it is taken a step
late; these edges are reported. A request itself never goes round in a circle, so they carry no calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outlast.drill.people import nearness
from outlast.model.behaviour import Behaviour
from outlast.model.names import EndpointName, RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Endpoint, Region, Topology

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

EVERYWHERE = Region(name=RegionName("everywhere"))
"""The one region of a topology that names none."""

EFFECTIVE = (DependencyKind.HARD, DependencyKind.SOFT, DependencyKind.CACHED)
"""Kinds that are felt while a service runs; the others matter when it starts or is changed."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A need of a service that is felt while it runs.

    Attributes:
        source: row of the dependent service.
        target: row of what it needs; endpoints stand behind the services.
        pinned: column of the region it is pinned to, or -1.
        group: number of the group within all groups; edges of one number stand in for each other.
        late: whether it closes a circle.
    """

    source: int
    target: int
    kind: DependencyKind
    pinned: int
    group: int
    cached_s: float
    calls_ratio: float
    late: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """A topology, laid out.

    Attributes:
        placed: where services run [service, region].
        edges: sorted by the level of their source, then source, then group.
        level: of each service: 0 needs nothing.
        nearest: for each region, the others by distance [region, rank].
        behind: for each service the endpoint row that its users come through, or -1.
        active: the first so many services have mechanisms or are needed by others; the rest only
            follows what it needs, and is worked out once a minute.
    """

    topology: Topology
    services: tuple[Service, ...]
    regions: tuple[Region, ...]
    endpoints: tuple[Endpoint, ...]
    placed: NDArray[np.bool_]
    edges: tuple[Edge, ...]
    level: NDArray[np.intp]
    nearest: Places
    behind: Places
    active: int

    def row(self, name: str) -> int:
        """Return a service's row.

        Raises:
            KeyError: there is none of this name.
        """
        for row, one in enumerate(self.services):
            if one.name == name:
                return row
        raise KeyError(name)

    def endpoint_row(self, name: str) -> int:
        """Return an endpoint's place among the endpoints.

        Raises:
            KeyError: there is none of this name.
        """
        for row, one in enumerate(self.endpoints):
            if one.name == name:
                return row
        raise KeyError(name)

    def columns(self, name: str) -> Places:
        """Return the columns that a region's name stands for; empty: all of them.

        Raises:
            KeyError: there is none of this name.
        """
        if not name:
            return np.arange(len(self.regions))
        for column, one in enumerate(self.regions):
            if one.name == name:
                return np.array([column])
        raise KeyError(name)

    @property
    def feedback(self) -> tuple[tuple[str, str], ...]:
        """Edges that close a circle, by name."""
        return tuple(
            (self.label(one.source), self.label(one.target)) for one in self.edges if one.late
        )

    def label(self, node: int) -> str:
        """Name a row."""
        count = len(self.services)
        return str(self.services[node].name if node < count else self.endpoints[node - count].name)


def lay_out(topology: Topology) -> Layout:
    """Lay a topology out.

    Raises:
        KeyError: a need names something that does not exist (files are checked before).
    """
    regions = topology.regions or (EVERYWHERE,)
    followers = _followers(topology.services)
    topology = replace(
        topology,
        services=(
            *(one for one in topology.services if one.name not in followers),
            *(one for one in topology.services if one.name in followers),
        ),
    )
    rows = {one.name: row for row, one in enumerate(topology.services)}
    doors = {one.name: row for row, one in enumerate(topology.endpoints)}
    placed = np.array(
        [
            [not one.regions or region.name in one.regions for region in regions]
            for one in topology.services
        ],
        dtype=bool,
    ).reshape(len(topology.services), len(regions))
    level, late = _levels(topology.services, rows)
    return Layout(
        topology=topology,
        services=topology.services,
        regions=regions,
        endpoints=topology.endpoints,
        placed=placed,
        edges=_edges(topology, regions, (rows, doors), (level, late)),
        level=np.array(level, dtype=np.intp),
        nearest=_nearest(regions),
        behind=_behind(topology, doors),
        active=len(topology.services) - len(followers),
    )


def _followers(services: Sequence[Service]) -> set[ServiceName]:
    """Find services that nobody needs and that remember nothing: they follow what they need.

    Not those that need an endpoint: their users are led elsewhere within seconds, not within a minute.
    """
    needed = {need.service for one in services for need in one.needs}
    for one in services:
        own = one.behaviour
        if own is not None:
            parts = (own.autoscaling, own.leasing, own.health, own.credentials)
            needed |= {part.via for part in parts if part is not None}
            needed |= {own.backlog.of} if own.backlog is not None else set()
    return {
        one.name
        for one in services
        if one.name not in needed
        and (one.behaviour is None or one.behaviour == Behaviour())
        and one.resolving is None
        and not any(
            need.kind is DependencyKind.CACHED or need.endpoint is not None for need in one.needs
        )
    }


def _nearest(regions: Sequence[Region]) -> Places:
    seats = [one.country for one in regions]
    return np.argsort(nearness(seats, seats) - np.eye(len(seats)), axis=1, kind="stable")


def _felt(service: Service) -> list[tuple[int, Dependency]]:
    return [(k, one) for k, one in enumerate(service.needs) if one.kind in EFFECTIVE]


def _levels(
    services: Sequence[Service], rows: dict[ServiceName, int]
) -> tuple[list[int], set[tuple[int, int]]]:
    """Return each service's level, and the edges (source, target) that close a circle.

    Depth-first, iteratively, in the order of the file: worlds may be deeper than Python's stack.
    """
    needs = [
        [rows[one.service] for _, one in _felt(service) if one.service is not None]
        for service in services
    ]
    level, state = [0] * len(services), [0] * len(services)
    late: set[tuple[int, int]] = set()
    for root in range(len(services)):
        stack = [(root, iter(needs[root]))] if not state[root] else []
        state[root] = state[root] or 1
        while stack:
            at, rest = stack[-1]
            for target in rest:
                if state[target] == 1:
                    late.add((at, target))
                elif state[target] == 0:
                    state[target] = 1
                    stack.append((target, iter(needs[target])))
                    break
            else:
                state[at] = 2
                stack.pop()
                good = [level[one] + 1 for one in needs[at] if (at, one) not in late]
                level[at] = max(good, default=0)
    return level, late


def _edges(
    topology: Topology,
    regions: Sequence[Region],
    names: tuple[dict[ServiceName, int], dict[EndpointName, int]],
    order: tuple[list[int], set[tuple[int, int]]],
) -> tuple[Edge, ...]:
    rows, doors = names
    level, late = order
    columns = {one.name: column for column, one in enumerate(regions)}
    edges: list[Edge] = []
    groups: dict[tuple[int, str], int] = {}
    for source, service in enumerate(topology.services):
        for number, one in _felt(service):
            target = (
                rows[one.service]
                if one.service is not None
                else len(rows) + doors[one.endpoint or EndpointName("")]
            )
            key = (source, one.group or f"\0{number}")
            edges.append(
                Edge(
                    source=source,
                    target=target,
                    kind=one.kind,
                    pinned=-1 if one.region is None else columns[one.region],
                    group=groups.setdefault(key, len(groups)),
                    cached_s=one.cached_s,
                    calls_ratio=one.calls_ratio,
                    late=(source, target) in late,
                )
            )
    return tuple(sorted(edges, key=lambda one: (level[one.source], one.source, one.group)))


def _behind(topology: Topology, doors: dict[EndpointName, int]) -> Places:
    """Say which endpoint steers a service's users: one it needs, with targets wherever it runs.

    A service that calls somebody else's endpoint runs elsewhere than that endpoint's targets, or is not
    placed at all; it is a client and steers nobody.
    """
    behind = np.full(len(topology.services), -1, dtype=np.intp)
    for row, service in enumerate(topology.services):
        for one in service.needs:
            if one.endpoint is None or one.kind is not DependencyKind.HARD or behind[row] >= 0:
                continue
            endpoint = topology.endpoints[doors[one.endpoint]]
            seats = {target.region for target in endpoint.targets}
            if service.regions and {*service.regions} <= seats:
                behind[row] = doors[one.endpoint]
    return behind
