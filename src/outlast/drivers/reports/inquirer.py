"""Inquirer: one vantage that carries out the probes which detection orders.

Three roads to an endpoint. *asked*: does the DNS have addresses for its name. *pinned*: do the targets that
the topology names serve, by their addresses. *resolved*: what clients do, one after the other: ask for the
name, then go to what was answered, whatever it is. A region has no name: its targets are probed, pinned.

Beside the prober and with its means, since it is meant to see what the prober would see. A fault of our own
(no socket, no file left) is no answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from outlast.core.plan import layout_of
from outlast.detect.kinds import Road
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.prober import assignments_of
from outlast.drivers.probes.prober import WireProber
from outlast.drivers.providers.authority import ask
from outlast.drivers.reports.orders import Answer, Orders, Wanted
from outlast.model.errors import ProviderError, StoreError
from outlast.model.health import Report
from outlast.model.names import Subject, VantageName
from outlast.model.plan import Layout, Observation
from outlast.model.records import RecordType
from outlast.model.topology import (
    NO_SERVER,
    Address,
    CheckKind,
    Endpoint,
    HealthCheck,
    Provider,
    Topology,
)
from outlast.ports import Assignment, Clock, Unjudged

LOOK_S = 1.0
EVERY_S = 15.0
"""How often a probe is made anew while its order lasts."""

TARGETS_MAX = 40
"""Of a large region so many, evenly chosen."""

Probe = Callable[[Assignment], Awaitable[Report | Unjudged]]
Ask = Callable[[Address, Layout], Awaitable[Observation]]


def orderable(topology: Topology) -> frozenset[tuple[str, Road]]:
    """Return what can be probed, and by which road: endpoints by all, regions by their targets."""
    providers = {one.name: one for one in topology.providers}
    regions = {region for _, region in assignments_of(topology)}
    found = {(str(one), Road.PINNED) for one in regions}
    for endpoint in topology.endpoints:
        name = str(endpoint.name)
        if any(one.check.kind is not CheckKind.NONE for one in endpoint.targets):
            found.add((name, Road.PINNED))
        if _servers(providers[endpoint.provider]):
            found |= {(name, Road.ASKED), (name, Road.RESOLVED)}
    return frozenset(found)


def _servers(provider: Provider) -> tuple[Address, ...]:
    """Return whom clients' resolvers ask, as far as the topology says."""
    own = (provider.server,) if provider.server != NO_SERVER else ()
    return provider.verify_servers or own


class Inquirer:
    """One vantage. `run` works until it is cancelled."""

    def __init__(
        self,
        vantage: VantageName,
        topology: Topology,
        *,
        orders: Orders,
        clock: Clock,
        tell: Tell,
        probe: Probe | None = None,
        ask_server: Ask | None = None,
    ) -> None:
        self._vantage = vantage
        self.role = f"orders {vantage}"
        self._topology = topology
        self._orders = orders
        self._clock = clock
        self._tell = tell
        self._probe = probe or WireProber(vantage, clock).probe
        self._ask = ask_server or (lambda server, layout: ask(server, layout, clock))
        self._due: dict[str, float] = {}

    def change_topology(self, topology: Topology) -> None:
        """Go on with another topology."""
        self._topology = topology

    async def run(self) -> None:
        """Look for orders and carry them out until cancelled."""
        lost = False
        while True:
            try:
                await self.turn()
                lost = False
            except StoreError as error:
                if not lost:
                    self._tell(Fact(event=Event.STORE_LOST, role=self.role, detail=error.what))
                lost = True
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """Carry out what is due."""
        now_s = asyncio.get_running_loop().time()
        orders = {one.key: one for one in await self._orders.lasting()}
        self._due = {key: due for key, due in self._due.items() if key in orders}
        for key, order in orders.items():
            if self._due.get(key, 0.0) > now_s:
                continue
            self._due[key] = now_s + EVERY_S
            found = await self.carry_out(order)
            if found is not None:
                await self._orders.answer(order, found)

    async def carry_out(self, order: Wanted) -> Answer | None:
        """Probe; None: there is nothing of the kind here, or we could not look."""
        endpoint = next(
            (one for one in self._topology.endpoints if one.name == order.subject), None
        )
        judged: tuple[bool, str] | None
        if endpoint is None or order.road is Road.PINNED:
            judged = await self._pinned(order.subject)
        else:
            judged = await self._by_name(endpoint, order.road)
        if judged is None:
            return None
        return Answer(
            vantage=self._vantage,
            subject=order.subject,
            road=order.road,
            good=judged[0],
            at_ns=self._clock.now_ns(),
            detail=judged[1],
        )

    # by address

    async def _pinned(self, subject: str) -> tuple[bool, str] | None:
        mine = [
            one
            for one, region in assignments_of(self._topology)
            if subject in (region, one.subject.partition("/")[0])
        ]
        step = max(1, -(-len(mine) // TARGETS_MAX))
        return await self._probed(mine[::step])

    async def _probed(self, assignments: Sequence[Assignment]) -> tuple[bool, str] | None:
        """Probe all at once; good where most are."""
        some = [one for one in assignments if one.check.kind is not CheckKind.NONE]
        found = await asyncio.gather(*(self._probe(one) for one in some))
        reports = [one for one in found if isinstance(one, Report)]
        if not reports:
            return None
        good = sum(one.good for one in reports)
        bad = next((one.detail for one in reports if not one.good), "")
        text = f"{good} of {len(reports)} serve" + (f"; {bad}" if bad else "")
        return good * 2 > len(reports), text

    # by name

    async def _by_name(self, endpoint: Endpoint, road: Road) -> tuple[bool, str] | None:
        provider = self._topology.provider(endpoint.provider)
        servers = _servers(provider)
        if not servers:
            return None
        addresses, why = await self._answered(servers, layout_of(endpoint, provider))
        if not addresses:
            return False, why or "the name has no address"
        if road is Road.ASKED:
            return True, f"{len(addresses)} addresses"
        return await self._probed([_assignment(endpoint, one) for one in addresses])

    async def _answered(
        self, servers: Iterable[Address], layout: Layout
    ) -> tuple[tuple[str, ...], str]:
        """Return the addresses of the first name, from the first server that answers."""
        why = ""
        for server in servers:
            try:
                observation = await self._ask(server, layout)
            except ProviderError as error:
                why = error.what
                continue
            return _addresses(observation, layout), ""
        return (), why


def _addresses(observation: Observation, layout: Layout) -> tuple[str, ...]:
    first = layout.names[0]
    return tuple(
        value
        for one in observation.record_sets
        if one.name == first and one.rtype in (RecordType.A, RecordType.AAAA)
        for value in one.values
    )


def _assignment(endpoint: Endpoint, address: str) -> Assignment:
    """Return the probe of an address that was answered, as its target is probed if it is one of ours."""
    known = [one for one in endpoint.targets if address in (one.ipv4, one.ipv6)]
    check: HealthCheck = known[0].check if known else endpoint.check
    return Assignment(
        subject=Subject(f"{endpoint.name}/{known[0].name if known else 'foreign'}/{address}"),
        host=address,
        server_name=check.host or str(endpoint.names[0].name),
        check=check,
    )
