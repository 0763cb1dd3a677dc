"""Observing: what the DNS holds for some endpoints, or for all 100,000.

A few are asked for one by one, as an enactor does. Many of one zone are looked up in a transfer of the
whole zone: half a second for 100,000 names, where asking would take 700,000 questions. A key that may not
transfer the zone costs time, not truth: then each endpoint is asked for after all, and people are told.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from outlast.app.wiring import World
from outlast.core.plan import layout_of
from outlast.drivers.providers.image import ZoneImage
from outlast.model.errors import ProviderError
from outlast.model.fence import epoch_name, fence_name
from outlast.model.names import DnsName, EndpointName, ProviderName
from outlast.model.plan import Observation
from outlast.model.topology import Endpoint, Provider, zone_of_endpoint
from outlast.model.units import Nanos
from outlast.ports import Provider as ProviderPort

READS_AT_ONCE = 64
TRANSFER_FROM = 200
"""Endpoints of one zone from which on a transfer of it is tried first."""


@runtime_checkable
class Portraying(Protocol):
    """A provider that can show a whole zone at once."""

    async def portray(self, zone: DnsName) -> ZoneImage:
        """Return all of a zone; raises as `read`."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an endpoint is to be looked up."""

    endpoint: Endpoint
    provider: Provider
    image: ZoneImage
    at_ns: Nanos


@dataclass(slots=True)
class Observations(Mapping[EndpointName, Observation]):
    """What the DNS holds. What comes from a transfer is made into an observation when it is asked for.

    Attributes:
        unread: why an endpoint is missing.
        untransferred: zones that could not be transferred, with the reason.
    """

    unread: dict[EndpointName, str] = field(default_factory=dict)
    untransferred: dict[DnsName, str] = field(default_factory=dict)
    _read: dict[EndpointName, Observation] = field(default_factory=dict)
    _places: dict[EndpointName, _Place] = field(default_factory=dict)

    def __getitem__(self, name: EndpointName) -> Observation:
        """Return an endpoint's observation.

        Raises:
            KeyError: it could not be read.
        """
        place = self._places.get(name)
        if place is None:
            return self._read[name]
        layout = layout_of(place.endpoint, place.provider)
        return place.image.observation(layout, place.at_ns)

    def __iter__(self) -> Iterator[EndpointName]:
        """Iterate over the endpoints that could be read."""
        yield from self._read
        yield from self._places

    def __len__(self) -> int:
        """Return how many endpoints could be read."""
        return len(self._read) + len(self._places)

    def __contains__(self, name: object) -> bool:
        """Whether an endpoint could be read."""
        return name in self._read or name in self._places

    def image(self, name: EndpointName) -> ZoneImage | None:
        """Return the transfer that shows an endpoint, if one does."""
        place = self._places.get(name)
        return place.image if place is not None else None

    def add(self, name: EndpointName, observation: Observation) -> None:
        """Take in what was read of one endpoint alone."""
        self._read[name] = observation

    def add_image(
        self, endpoints: list[Endpoint], provider: Provider, image: ZoneImage, at_ns: Nanos
    ) -> None:
        """Take in a transfer that shows these endpoints."""
        for one in endpoints:
            self._places[one.name] = _Place(one, provider, image, at_ns)
        aliases = image.aliases
        if epoch_name(image.zone) in aliases:
            suspects = endpoints
        else:
            suspects = [it for it in endpoints if fence_name(it.names[0].name) in aliases]
        for one in suspects:
            try:
                self[one.name]
            except ProviderError as error:
                self.unread[one.name] = str(error)
                del self._places[one.name]


async def observe(
    world: World, endpoints: list[Endpoint], providers: Mapping[ProviderName, ProviderPort]
) -> Observations:
    """Read what the DNS holds for each endpoint; what cannot be read is told, not guessed."""
    found = Observations()
    groups: dict[tuple[ProviderName, DnsName], list[Endpoint]] = {}
    nouns = {one.name: one for one in world.topology.providers}
    for one in endpoints:
        provider = nouns[one.provider]
        only = provider.zones[0] if len(provider.zones) == 1 else None
        groups.setdefault((provider.name, only or zone_of_endpoint(one, provider)), []).append(one)
    alone: list[Endpoint] = []
    for (name, zone), members in groups.items():
        port = providers[name]
        if len(members) < TRANSFER_FROM or not isinstance(port, Portraying):
            alone += members
            continue
        at_ns = world.clock.now_ns()
        try:
            found.add_image(members, nouns[name], await port.portray(zone), at_ns)
        except ProviderError as error:
            found.untransferred[zone] = error.what
            alone += members
    await _read_each(world, alone, providers, found)
    return found


async def _read_each(
    world: World,
    endpoints: list[Endpoint],
    providers: Mapping[ProviderName, ProviderPort],
    found: Observations,
) -> None:
    slots = asyncio.Semaphore(READS_AT_ONCE)
    broken: dict[ProviderName, str] = {}

    async def read(endpoint: Endpoint) -> None:
        layout = layout_of(endpoint, world.topology.provider(endpoint.provider))
        async with slots:
            if endpoint.provider in broken:
                found.unread[endpoint.name] = broken[endpoint.provider]
                return
            try:
                found.add(endpoint.name, await providers[endpoint.provider].read(layout))
            except ProviderError as error:
                found.unread[endpoint.name] = broken[endpoint.provider] = str(error)

    await asyncio.gather(*(read(one) for one in endpoints))
