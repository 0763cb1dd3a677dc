"""The case: a topology with all that rules ask of it, each answer worked out once and when first wanted."""

from datetime import date
from functools import cached_property

from outlast.audit.boot import Boot, boot
from outlast.audit.falls import Falls
from outlast.audit.finding import Kind, Road, Thing
from outlast.audit.graph import Mode, build
from outlast.audit.roads import roads
from outlast.model.facts import Role, Zone
from outlast.model.names import ServiceName, zone_of
from outlast.model.service import DependencyKind, Service
from outlast.model.topology import Endpoint, Provider, Region, Topology

PLACES = frozenset({Kind.REGION, Kind.SHARED, Kind.PROVIDER, Kind.ZONE})
"""Places whose loss is a matter of when; vendors, countries and networks have rules of their own."""

ROADS_SHOWN = 6
"""More roads than this for one finding are counted, not drawn."""


class Case:
    """What a rule is given.

    Attributes:
        topology: what is judged.
        today: the day of the audit; drills grow old.
    """

    def __init__(self, topology: Topology, today: date) -> None:
        self.topology = topology
        self.today = today
        self._falls: dict[Mode, Falls] = {}

    @cached_property
    def regions(self) -> dict[str, Region]:
        """Regions by name."""
        return {one.name: one for one in self.topology.regions}

    @cached_property
    def services(self) -> dict[ServiceName, Service]:
        """Services by name."""
        return {one.name: one for one in self.topology.services}

    @cached_property
    def providers(self) -> dict[str, Provider]:
        """Providers by name."""
        return {one.name: one for one in self.topology.providers}

    @cached_property
    def zones(self) -> dict[str, Zone]:
        """Zones by name."""
        return {one.name: one for one in self.topology.zones}

    @cached_property
    def essential(self) -> tuple[Service, ...]:
        """The services that must survive the loss of a region."""
        return tuple(one for one in self.topology.services if one.essential)

    def with_role(self, *roles: Role) -> tuple[Service, ...]:
        """Return the services that are one of these to the others."""
        return tuple(one for one in self.topology.services if one.role in roles)

    @cached_property
    def _kinds(self) -> frozenset[DependencyKind]:
        return frozenset(need.kind for one in self.topology.services for need in one.needs)

    def falls(self, mode: Mode) -> Falls:
        """Return what falls with what, in a mode. Modes that come to the same share one answer.

        While it is running, everything is asked about; in other modes only places and suppliers.
        """
        same = next(one for one in Mode if one.kinds & self._kinds == mode.kinds & self._kinds)
        found = self._falls.get(same)
        if found is None:
            graph = build(self.topology, same)
            found = Falls(graph) if same is Mode.RUNNING else Falls(graph, self._is_place)
            self._falls[same] = found
        return found

    def _is_place(self, thing: Thing) -> bool:
        return thing.kind in PLACES or (
            thing.kind is Kind.SERVICE and self.services[ServiceName(thing.name)].role is not None
        )

    @cached_property
    def reach(self) -> Falls:
        """What each service leans on in any way: every edge counts, and a spare road is a road."""
        graph = build(self.topology, Mode.ANY)
        graph.any_of = bytearray(len(graph.things))
        asked = {of_service(one) for one in self.essential}
        return Falls(graph, lambda one: one.kind is Kind.ENDPOINT or one in asked)

    def leans(self, service: Service, thing: Thing) -> bool:
        """Whether a service leans on a thing in any way, however far."""
        return self.reach.fells(thing, self.reach.graph.number[of_service(service)])

    def fallers(self, mode: Mode, kinds: frozenset[Kind]) -> dict[Thing, list[Service]]:
        """Return for each thing of some kinds the essential services that its loss takes down."""
        falls = self.falls(mode)
        found: dict[Thing, list[Service]] = {}
        mask = falls.mask(kinds)
        for service in self.essential:
            for thing in falls.fell(falls.graph.number[of_service(service)], mask):
                found.setdefault(thing, []).append(service)
        return found

    def fallen(self, thing: Thing, mode: Mode) -> list[Service]:
        """Return the essential services that the loss of one thing takes down."""
        falls = self.falls(mode)
        number = falls.graph.number
        return [one for one in self.essential if falls.fells(thing, number[of_service(one)])]

    def roads(self, services: list[Service], thing: Thing, mode: Mode) -> tuple[Road, ...]:
        """Return how the loss of a thing reaches the first few of some services."""
        starts = [of_service(one) for one in services[:ROADS_SHOWN]]
        return roads(self.falls(mode), starts, thing)

    def leanings(self, service: Service, things: list[Thing]) -> tuple[Road, ...]:
        """Return how a service leans on the first few of some things."""
        start = [of_service(service)]
        return tuple(
            one for thing in things[:ROADS_SHOWN] for one in roads(self.reach, start, thing)
        )

    @cached_property
    def boot(self) -> Boot:
        """How everything could come up from cold."""
        return boot(self.topology)

    @cached_property
    def essential_endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints that essential services lean on, or all where no service is essential."""
        if not self.essential or not self.topology.endpoints:
            return self.topology.endpoints
        nodes = [self.reach.graph.number[of_service(one)] for one in self.essential]
        return tuple(
            one
            for one in self.topology.endpoints
            if any(self.reach.fells(Thing(Kind.ENDPOINT, one.name), node) for node in nodes)
        )

    def zone_of(self, endpoint: Endpoint) -> str:
        """Return the zone that an endpoint lies in, as its provider has it; empty: none of them."""
        provider = self.providers.get(endpoint.provider)
        return str(zone_of(endpoint.names[0].name, provider.zones) or "") if provider else ""


def of_service(service: Service) -> Thing:
    """Return a service as something that can fail."""
    return Thing(Kind.SERVICE, service.name)
