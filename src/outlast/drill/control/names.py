"""Names: what DNS providers hold, and where their answers lead.

Zones and transactions are those of `outlast.sim.world`: carried out wholly or not at all, and only if each
condition holds. A provider that is gone answers nobody: neither resolvers nor enactors. Resolvers that get
no answer from one provider of a name ask another, so a name's answers are those of the providers that live,
in equal parts.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from outlast.core.plan import layout_of
from outlast.drill.layout import Layout as World
from outlast.model.fence import next_name, parse_fence
from outlast.model.names import DnsName, ProviderName
from outlast.model.plan import Layout, Observation, Transaction
from outlast.model.records import RecordSet, RecordType, parse_weight, weights_name
from outlast.model.topology import Endpoint
from outlast.model.units import Generation, Nanos
from outlast.sim.world import Zone, carry_out, drop, find, generation_at, observe, put

Floats = NDArray[np.float64]

Z = tuple[ProviderName, DnsName]
"""A zone at a provider."""


class Names:
    """The zones of all providers.

    Attributes:
        layouts: where each endpoint lies, in the order of the topology.
        version: counts changes, so that nobody reads what has not changed.
    """

    def __init__(self, world: World) -> None:
        topology = world.topology
        self.layouts = tuple(
            layout_of(one, topology.provider(one.provider)) for one in world.endpoints
        )
        self.version = 0
        self._zones: dict[Z, Zone] = {}
        self._seats = tuple(_seats(one, world) for one in world.endpoints)
        self._regions = len(world.regions)
        self._taken: dict[tuple[int, ProviderName], Zone] = {}

    def read(self, layout: Layout, at_ns: Nanos) -> Observation:
        """Read an endpoint at a provider."""
        zone = self._zone(layout.provider, layout.zone)
        laid = find(zone, next_name(layout.fence_at), RecordType.TXT)
        return replace(observe(zone, layout, at_ns), laid=laid)

    def write(self, provider: ProviderName, transaction: Transaction) -> bool:
        """Carry a transaction out; False: a condition did not hold."""
        after = carry_out(self._zone(provider, transaction.zone), transaction)
        if after is None:
            return False
        self._zones[provider, transaction.zone] = after
        self.version += 1
        return True

    def generation(self, door: int, provider: ProviderName) -> Generation:
        """Return the generation that a provider shows of an endpoint; 0: no fence."""
        layout = self.layouts[door]
        return generation_at(self._zone(provider, layout.zone), layout)

    def wipe(self, door: int) -> None:
        """Let a foreign hand delete an endpoint's addresses, weights and fence, wherever it is published."""
        layout = self.layouts[door]
        for provider in layout.providers:
            zone = self._zone(provider, layout.zone)
            mine = tuple(one for one in zone if _belongs(one, layout))
            self._taken[door, provider] = mine
            self._zones[provider, layout.zone] = drop(
                zone, *((one.name, one.rtype) for one in mine)
            )
        self.version += 1

    def restore(self, door: int) -> None:
        """Put back by hand what was deleted, where the control plane has not healed it by itself."""
        layout = self.layouts[door]
        for provider in layout.providers:
            zone = self._zone(provider, layout.zone)
            taken = self._taken.pop((door, provider), ())
            if parse_fence(find(zone, layout.fence_at, RecordType.TXT)) is None:
                self._zones[provider, layout.zone] = put(zone, *taken)
        self.version += 1

    def shares(self, door: int, lost: set[str]) -> Floats | None:
        """Return the share of an endpoint's answers that lead to each region; None: there are none.

        Args:
            lost: providers that answer nobody.
        """
        layout = self.layouts[door]
        found = []
        for provider in layout.providers:
            one = None if provider in lost else self._shown(door, provider)
            if one is not None:
                found.append(one)
        return np.mean(found, axis=0) if found else None

    def _zone(self, provider: ProviderName, zone: DnsName) -> Zone:
        return self._zones.get((provider, zone), ())

    def _shown(self, door: int, provider: ProviderName) -> Floats | None:
        """Where one provider's answers lead; each address family counts alike."""
        layout = self.layouts[door]
        zone = self._zone(provider, layout.zone)
        weights = dict(
            one
            for text in find(zone, weights_name(layout.names[0]), RecordType.TXT)
            if (one := parse_weight(text)) is not None
        )
        families = []
        for rtype in (RecordType.A, RecordType.AAAA):
            addresses = find(zone, layout.names[0], rtype)
            share = np.zeros(self._regions)
            for address in addresses:
                column = self._seats[door].get(address)
                if column is not None:
                    share[column] += weights.get(address, 0 if weights else 1)
            if share.sum() > 0:
                families.append(share / share.sum())
        return np.mean(families, axis=0) if families else None


def _belongs(one: RecordSet, layout: Layout) -> bool:
    names = {*layout.names, *(weights_name(name) for name in layout.names), layout.fence_at}
    return one.name in names


def _seats(endpoint: Endpoint, world: World) -> dict[str, int]:
    """Say in which region each address stands."""
    columns = {one.name: column for column, one in enumerate(world.regions)}
    return {
        address: columns[target.region]
        for target in endpoint.targets
        if target.region in columns
        for address in (target.ipv4, target.ipv6)
        if address is not None
    }
