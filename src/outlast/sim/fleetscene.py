"""Fleet scene: the clock, the endpoints and what everybody in a fleet shares.

Each endpoint has a zone and a row in the store of its own; so none of their worlds grows with the fleet.
"""

import random
from collections import Counter
from collections.abc import Callable

from outlast.core.messages import Write
from outlast.core.verify import compare
from outlast.model.names import CellName
from outlast.model.plan import Proof
from outlast.model.policy import Budget, Cell
from outlast.model.topology import Endpoint, Settings
from outlast.model.units import seconds
from outlast.sim import fortune
from outlast.sim.fleetchecks import FleetChecks
from outlast.sim.fleetplace import (
    BAKE_S,
    KEPT,
    PLANNERS,
    REMOVED_RATIO,
    T0_NS,
    TAKEOVER_S,
    WINDOW_S,
    place_of,
)
from outlast.sim.kernel import Kernel
from outlast.sim.site import Site, write
from outlast.sim.world import Row, Truth, World, observe

Job = Callable[[], None]


class Scene:
    """What everybody shares."""

    def __init__(self, enactors: int, cells: int, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a simulation
        self.kernel: Kernel[Job] = Kernel(T0_NS)
        self.count: Counter[str] = Counter()
        self.broken: list[str] = []
        budget = Budget(removed_ratio=REMOVED_RATIO, window_s=WINDOW_S)
        self.cells = tuple(Cell(name=CellName(f"c{n}"), budget=budget) for n in range(cells))
        self.settings = Settings(cell_bake_s=BAKE_S, takeover_s=TAKEOVER_S)
        self.place = place_of(enactors, self.cells)
        self.watchers = enactors + PLANNERS
        self.sites: list[Site] = []
        self.worlds = [self._world(one) for one in self.place.endpoints]
        self.checks = FleetChecks(self.cells, self.place.endpoints, BAKE_S)

    def after(self, delay_s: float, job: Job) -> None:
        """Do something later."""
        self.kernel.after(seconds(delay_s), job)

    def _world(self, endpoint: Endpoint) -> World:
        self.sites.append(
            Site(index=0, provider=self.place.provider, settings=self.settings, kept=KEPT)
        )
        ups = (True,) * len(endpoint.targets)
        health = fortune.health_of(endpoint, ups, T0_NS)
        return World(
            zone=(),
            rows=[Row()],
            endpoints=[endpoint],
            health=[health],
            truths=[Truth()],
            faults=0,
            turns=0,
            now_ns=T0_NS,
            ups=[ups],
        )

    def judge(self, *broken: str) -> None:
        """Note what broke, if anything did."""
        self.broken += [one for one in broken if one]

    def tell_store(self) -> None:
        """Every machine watches the whole store."""
        self.count["told"] += self.watchers

    def dead(self, index: int) -> frozenset[str]:
        """The addresses of an endpoint that answer nobody."""
        world = self.worlds[index]
        return frozenset(
            str(one.address(family))
            for one, up in zip(self.place.endpoints[index].targets, world.ups[0], strict=True)
            for family in one.families
            if not up
        )

    def late(self, index: int, late: Write) -> None:
        """A write that nobody waits for any more arrives within ten minutes."""

        def arrive() -> None:
            world = self.worlds[index]
            world.now_ns = self.kernel.now_ns
            self.judge(*write(self.sites[index], world, late.transaction)[1])

        self.kernel.after(seconds(self.chance.uniform(1, 600)), arrive)

    def unsettled(self, limit: int) -> list[str]:
        """Endpoints that do not show, confirmed, a newest plan of exactly what is up."""
        found: list[str] = []
        for index, world in enumerate(self.worlds):
            endpoint = self.place.endpoints[index]
            row = world.rows[0]
            if row.head is None or not isinstance(
                compare(row.head, observe(world.zone, row.head.layout, world.now_ns)), Proof
            ):
                found.append(f"L1 converges: {endpoint.name} does not show its newest plan")
            elif row.confirmed != row.head.generation:
                found.append(f"L1 converges: the plan of {endpoint.name} is not confirmed")
            elif {(one.target, one.published) for one in row.head.members} != {
                (one.name, up) for one, up in zip(endpoint.targets, world.ups[0], strict=True)
            }:
                found.append(f"L2 heals: {endpoint.name} is not what healthy targets ask for")
            if len(found) >= limit:
                break
        return found
