"""Fleet: thousands of machines under virtual time, with the production core in each of them.

What cannot be started here is played: enactors in cells of five, planners of which one leads, and vantages.
Each endpoint has a zone, and a row in the store, of its own. Every decision is made by `core.loop`,
`core.enact`, `core.retire`, `core.cells` and `core.bounds`; every single move is judged by S1 to S6
(`sim.checks`) and by what cells promise (`sim.fleetchecks`).

The plot, in minutes: everything is published (0), a tenth of the enactors stalls with its hands full and a
tenth dies (1), a region dies (2), a foreign hand wipes every fiftieth endpoint (4), the leading planner
falls silent and another takes over (5), a wrong push takes two of three targets from every endpoint (8)
and is taken back (14). All the while packets and answers are lost or late. After 20 all must be well.

Everything follows from the seed. What it does not model: the time that a store or a name server needs under
this load, which `bench.cluster` and `bench.fence` measure on real ones.
"""

from collections.abc import Callable
from dataclasses import replace

from outlast.model.names import RegionName
from outlast.model.topology import Endpoint
from outlast.model.units import as_seconds, seconds
from outlast.sim import fortune
from outlast.sim.fleetenactors import Enactors
from outlast.sim.fleetplace import (
    DETECTION_S,
    ENACTORS_A_CELL,
    END_S,
    PLANNERS,
    REMOVED_RATIO,
    T0_NS,
    TARGETS,
    VANTAGES,
    Load,
)
from outlast.sim.fleetplanners import Planners
from outlast.sim.fleetscene import Job, Scene


class Fleet:
    """One run.

    Args:
        machines: enactors, planners and vantages together.
        seed: whatever happens by chance follows from it.
    """

    def __init__(self, machines: int, seed: int = 1) -> None:
        self._count_enactors = max(2 * ENACTORS_A_CELL, machines - PLANNERS - VANTAGES)
        cells = max(2, self._count_enactors // ENACTORS_A_CELL)
        self._scene = Scene(self._count_enactors, cells, seed)
        self._planners = Planners(self._scene, self._committed)
        self._enactors = Enactors(self._scene, self._count_enactors, self._confirmed)

    def _committed(self, index: int, again: bool) -> None:  # noqa: FBT001 - a callback
        self._enactors.committed(index, again=again)

    def _confirmed(self, index: int) -> None:
        self._planners.plan_soon(index, 0.05)

    def run(self) -> Load:
        """Play it all."""
        plot: list[tuple[float, Job]] = [
            (60, self._enactors.trouble),
            (120, lambda: self._turn_region(up=False)),
            (240, self._wipe),
            (300, self._planners.fail_over),
            (480, self._push),
            (840, self._take_back),
            (900, lambda: self._turn_region(up=True)),
        ]
        for at_s, job in plot:
            self._scene.kernel.after(seconds(at_s), job)
        marks = {
            name: self._mark(at_s) for name, at_s in (("first", 0), ("region", 137), ("wipe", 240))
        }
        for index in range(len(self._scene.worlds)):
            self._planners.plan_soon(index, 0.001)
            self._enactors.begin(index)
        end_ns = T0_NS + seconds(END_S)
        while (
            len(self._scene.kernel)
            and self._scene.kernel.now_ns < end_ns
            and not self._scene.broken
        ):
            self._scene.kernel.take()()
        return self._load({name: done() for name, done in marks.items()})

    def _mark(self, at_s: float) -> Callable[[], float]:
        """Look, from a moment on each second, whether everything is right; return how long that took."""
        found: list[float] = []

        def look() -> None:
            if not self._scene.unsettled(limit=1):
                found.append(as_seconds(self._scene.kernel.now_ns - T0_NS) - at_s)
            elif as_seconds(self._scene.kernel.now_ns - T0_NS) < at_s + 600:
                self._scene.kernel.after(seconds(1), look)

        self._scene.kernel.after(seconds(at_s + 1), look)
        return lambda: found[0] if found else -1.0

    def _turn_region(self, *, up: bool) -> None:
        """A region dies, or comes back; vantages notice, each in its own time, and most of them decide."""
        for index, world in enumerate(self._scene.worlds):
            ups = tuple(
                up or one.region != RegionName("r1")
                for one in self._scene.place.endpoints[index].targets
            )
            delay_s = sorted(self._scene.chance.uniform(2, DETECTION_S) for _ in range(VANTAGES))
            self._scene.count["commits"] += VANTAGES
            world.ups[0] = ups
            job = self._told(index, ups)
            self._scene.kernel.after(seconds(delay_s[VANTAGES // 2]), job)

    def _told(self, index: int, ups: tuple[bool, ...]) -> Job:
        def tell() -> None:
            world = self._scene.worlds[index]
            known = self._scene.place.endpoints[index]
            now_ns = self._scene.kernel.now_ns
            world.health[0] = fortune.health_of(known, ups, now_ns)
            self._scene.tell_store()
            self._planners.plan_soon(index, 0.05)

        return tell

    def _wipe(self) -> None:
        for world in self._scene.worlds[::50]:
            world.change(())

    def _push(self) -> None:
        """An edit leaves one target to each endpoint."""
        for index, whole in enumerate(self._scene.place.endpoints):
            self._edit(index, replace(whole, targets=whole.targets[-1:]))

    def _take_back(self) -> None:
        hit = {
            self._scene.place.endpoints[index].cell
            for index, world in enumerate(self._scene.worlds)
            if (head := world.rows[0].head) is not None
            and sum(1 for one in head.members if one.published) < 2
        }
        self._scene.count["hit"] = len(hit)
        for index, whole in enumerate(self._scene.place.endpoints):
            self._edit(index, whole)

    def _edit(self, index: int, endpoint: Endpoint) -> None:
        self._scene.worlds[index].endpoints[0] = endpoint
        self._planners.plan_soon(index, 0.05)

    def _load(self, marks: dict[str, float]) -> Load:
        count = self._scene.count
        return Load(
            machines=self._count_enactors + PLANNERS + VANTAGES,
            cells=len(self._scene.cells),
            endpoints=len(self._scene.worlds),
            reads=count["reads"],
            writes=count["writes"],
            refused=count["refused"],
            fetches=count["fetches"],
            commits=count["commits"],
            told=count["told"],
            turns=count["turns"],
            first_s=marks["first"],
            region_s=marks["region"],
            wipe_s=marks["wipe"],
            most=max(self._scene.checks.most.values(), default=0),
            allowed=int(
                REMOVED_RATIO * TARGETS * -(-len(self._scene.worlds) // len(self._scene.cells))
            ),
            hit=count["hit"],
            broken=tuple(self._scene.broken),
            unsettled=tuple(self._scene.unsettled(limit=10)),
        )
