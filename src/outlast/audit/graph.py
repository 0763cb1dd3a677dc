"""The graph of what needs what: an and-or graph, because spare roads are the whole point.

A service works if *all* that it needs works and *one* of its regions does. So a node either needs all of
its children or any of them; nodes that stand for a `Thing` can also fail by themselves. Kinds of edges
decide which question is asked (`Mode`): what takes it down now, once caches have run out, while it has to
be started or changed, or what takes a part of it away.

A need with no region may be met anywhere (topology: "the dependent's own region, or any"), hence it leads
to the service as a whole; one that is pinned leads to the service in that region alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from outlast.audit.finding import Kind, Thing
from outlast.model.facts import Zone
from outlast.model.names import zone_of
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Endpoint, Provider, Region, Topology


class Mode(Enum):
    """Which kinds of dependencies count."""

    RUNNING = frozenset({DependencyKind.HARD})
    """It is up, and caches are warm."""
    MEMORY_GONE = frozenset({DependencyKind.HARD, DependencyKind.CACHED})
    """The outage lasts longer than caches do."""
    RECOVERY = frozenset(
        {
            DependencyKind.HARD,
            DependencyKind.CACHED,
            DependencyKind.STARTUP,
            DependencyKind.CONTROL,
        }
    )
    """It has to be started, moved or changed."""
    WHOLE = frozenset({DependencyKind.HARD, DependencyKind.CACHED, DependencyKind.SOFT})
    """Nothing of it may be missing."""
    ANY = frozenset(DependencyKind)
    """It is leaned on in any way."""

    @property
    def kinds(self) -> frozenset[DependencyKind]:
        """The kinds that count."""
        return self.value


@dataclass(slots=True)
class Graph:
    """Nodes are numbers.

    Attributes:
        things: for each node what can fail there by itself, or None for one that only joins others.
        labels: what people would call each node; a service in one region is still that service.
        needs: for each node its children; `hows` runs beside it and says what sort of edge each is.
        any_of: for each node whether one child is enough (1) or all are needed (0).
        number: for each thing the node that works if it does, anywhere.
    """

    things: list[Thing | None] = field(default_factory=list)
    labels: list[Thing | None] = field(default_factory=list)
    needs: list[list[int]] = field(default_factory=list)
    hows: list[list[str]] = field(default_factory=list)
    any_of: bytearray = field(default_factory=bytearray)
    number: dict[Thing, int] = field(default_factory=dict)

    def node(self, thing: Thing | None = None, *, any_of: bool = False) -> int:
        """Add a node."""
        made = len(self.things)
        self.things.append(thing)
        self.labels.append(thing)
        self.needs.append([])
        self.hows.append([])
        self.any_of.append(any_of)
        if thing is not None:
            self.number[thing] = made
        return made

    def join(self, label: Thing) -> int:
        """Add a node that stands for a thing and cannot fail by itself."""
        made = self.node()
        self.labels[made] = label
        return made

    def of(self, kind: Kind, name: str) -> int:
        """Return the node of a thing, made if it is new."""
        thing = Thing(kind, name)
        found = self.number.get(thing)
        return self.node(thing) if found is None else found

    def need(self, node: int, other: int, how: str) -> None:
        """Add an edge."""
        self.needs[node].append(other)
        self.hows[node].append(how)


def build(topology: Topology, mode: Mode) -> Graph:
    """Return the graph of a topology, with the dependencies that count in a mode."""
    return _Builder(topology, mode).graph


class _Builder:
    """Things first, so that edges have ends; then the edges of each."""

    def __init__(self, topology: Topology, mode: Mode) -> None:
        self.graph = Graph()
        self._kinds = mode.kinds
        self._places: dict[tuple[str, ...], int] = {}
        self._pinned: dict[tuple[str, str], int] = {}
        self._zones = {one.name: one for one in topology.zones}
        for region in topology.regions:
            self._region(region)
        providers = {one.name: one for one in topology.providers}
        for provider in topology.providers:
            self.graph.of(Kind.PROVIDER, provider.name)
        for zone in topology.zones:
            self._zone(zone)
        for endpoint in topology.endpoints:
            self._endpoint(endpoint, providers.get(endpoint.provider))
        # By name: to make and hash a `Thing` for each of 100,000 needs took a tenth of the audit.
        self._services: dict[str, int] = {
            one.name: self.graph.of(Kind.SERVICE, one.name) for one in topology.services
        }
        for service in topology.services:
            self._service(service)

    def _region(self, region: Region) -> None:
        graph = self.graph
        node = graph.of(Kind.REGION, region.name)
        for word in region.shares:
            graph.need(node, graph.of(Kind.SHARED, word), "by")
        if region.country:
            graph.need(node, graph.of(Kind.COUNTRY, region.country), "in")
        if region.network:
            graph.need(node, graph.of(Kind.NETWORK, f"AS{region.network}"), "in")
        if region.vendor:
            graph.need(node, graph.of(Kind.VENDOR, region.vendor), "by")

    def _zone(self, zone: Zone) -> None:
        graph = self.graph
        node = graph.of(Kind.ZONE, zone.name)
        if not zone.name_servers:
            return
        servers = graph.node(any_of=True)
        graph.need(node, servers, "by")
        for one in zone.name_servers:
            server = graph.of(Kind.NAME_SERVER, one.name)
            graph.need(servers, server, "by")
            if graph.needs[server]:
                continue  # it serves another zone as well
            if one.vendor:
                graph.need(server, graph.of(Kind.VENDOR, one.vendor), "by")
            if one.network:
                graph.need(server, graph.of(Kind.NETWORK, f"AS{one.network}"), "in")
            if one.country:
                graph.need(server, graph.of(Kind.COUNTRY, one.country), "in")

    def _endpoint(self, endpoint: Endpoint, provider: Provider | None) -> None:
        graph = self.graph
        node = graph.of(Kind.ENDPOINT, endpoint.name)
        if provider is not None:
            # What is published stays published while the provider cannot be *written*; without its
            # answers there is no name. The file does not part the two, so neither do we.
            graph.need(node, graph.of(Kind.PROVIDER, provider.name), "by")
            zone = zone_of(endpoint.names[0].name, provider.zones)
            if zone is not None and zone in self._zones:
                graph.need(node, graph.of(Kind.ZONE, zone), "in")
        targets = graph.node(any_of=True)
        graph.need(node, targets, "by")
        for target in endpoint.targets:
            one = graph.of(Kind.TARGET, f"{endpoint.name}/{target.name}")
            graph.need(targets, one, "by")
            graph.need(one, graph.of(Kind.REGION, target.region), "in")

    def _service(self, service: Service) -> None:
        graph = self.graph
        node = self._services[service.name]
        if service.regions:
            graph.need(node, self._place(service.regions), "in")
        if service.vendor:
            graph.need(node, graph.of(Kind.VENDOR, service.vendor), "by")
        groups: dict[str, int] = {}
        for need in service.needs:
            if need.kind not in self._kinds:
                continue
            end = self._end(need)
            if not need.group:
                graph.need(node, end, need.kind)
                continue
            group = groups.get(need.group)
            if group is None:
                group = groups[need.group] = graph.node(any_of=True)
                graph.need(node, group, need.kind)
            graph.need(group, end, need.kind)

    def _end(self, need: Dependency) -> int:
        if need.endpoint is not None:
            return self.graph.of(Kind.ENDPOINT, need.endpoint)
        name = str(need.service)
        if need.region is None:
            return self._services[name]
        return self._in_region(name, need.region)

    def _in_region(self, name: str, region: str) -> int:
        """Return the node of a service in one region: it works if the service and the region do."""
        found = self._pinned.get((name, region))
        if found is None:
            graph = self.graph
            found = self._pinned[name, region] = graph.join(Thing(Kind.SERVICE, name))
            graph.need(found, graph.of(Kind.REGION, region), "in")
            graph.need(found, self._services[name], "in")
        return found

    def _place(self, regions: Iterable[str]) -> int:
        """Return the node for "one of these regions", shared by all that run in the same ones."""
        key = tuple(regions)
        found = self._places.get(key)
        if found is None:
            graph = self.graph
            found = self._places[key] = graph.node(any_of=True)
            for region in key:
                graph.need(found, graph.of(Kind.REGION, region), "in")
        return found
