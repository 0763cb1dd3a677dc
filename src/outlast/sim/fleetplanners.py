"""Fleet planners: machines of which one leads; each with its own view of every endpoint and of the cells."""

from collections.abc import Callable
from dataclasses import dataclass, field

from outlast.core import loop
from outlast.core.blast import published
from outlast.core.cells import Book
from outlast.core.messages import CellChanged, CommitPlan, HeadChanged, LoopEvent, TopologyChanged
from outlast.model.units import seconds
from outlast.sim.fleetplace import BAKE_S, LEASE_S, PLANNERS
from outlast.sim.fleetscene import Job, Scene
from outlast.sim.roleplanner import Planner

Committed = Callable[[int, bool], None]
"""What follows a commit: of which endpoint, and whether it had a plan before."""


@dataclass(slots=True)
class _Head:
    """A planner's machine: its own view of every endpoint, and of the cells."""

    book: Book
    roles: list[Planner]
    silent_ns: int = 0
    due: dict[int, int] = field(default_factory=dict)


class Planners:
    """The planners' machines."""

    def __init__(self, scene: Scene, committed: Committed) -> None:
        self._scene = scene
        self._committed = committed
        self._heads = [self._head() for _ in range(PLANNERS)]
        self._leads = {0}

    def _head(self) -> _Head:
        head = _Head(Book(self._scene.cells, BAKE_S), [Planner() for _ in self._scene.worlds])
        for one in self._scene.place.endpoints:
            head.book.meet(one)
        return head

    def fail_over(self) -> None:
        """The leader falls silent for ten minutes; both believe to lead until its lease has run out."""
        self._heads[0].silent_ns = self._scene.kernel.now_ns + seconds(600)
        self._leads = {0, 1}
        self._scene.after(LEASE_S, self._take_over)

    def _take_over(self) -> None:
        self._leads = {1}
        head = self._heads[1]
        for index in range(len(self._scene.worlds)):
            self._recall(head, index)
        for index in range(len(self._scene.worlds)):
            self.plan_soon(index, 0.001)

    def _recall(self, head: _Head, index: int) -> None:
        """What was taken away within the window stands in the archived plans."""
        role, world, now_ns = (
            head.roles[index],
            self._scene.worlds[index],
            self._scene.kernel.now_ns,
        )
        endpoint = world.endpoints[0]
        known: list[LoopEvent] = [
            CellChanged(standing=head.book.standing(endpoint.cell, now_ns), at_ns=now_ns),
            TopologyChanged(
                endpoint=endpoint,
                provider=self._scene.place.provider,
                settings=self._scene.settings,
                at_ns=now_ns,
            ),
        ]
        archive = sorted(world.rows[0].archive, key=lambda one: one.generation)
        known += [HeadChanged(plan=one, at_ns=now_ns) for one in archive]
        role.state = loop.recall(role.state, *known)
        self._count_in(head, role)

    def plan_soon(self, index: int, delay_s: float) -> None:
        """Let whoever leads look at an endpoint."""
        for number in sorted(self._leads):
            self._plan_at(number, index, self._scene.kernel.now_ns + seconds(delay_s))

    def _plan_at(self, number: int, index: int, at_ns: int) -> None:
        head = self._heads[number]
        if at_ns < head.due.get(index, at_ns + 1):
            head.due[index] = at_ns
            self._scene.kernel.after(
                at_ns - self._scene.kernel.now_ns, self._planning(number, index, at_ns)
            )

    def _planning(self, number: int, index: int, at_ns: int) -> Job:
        def turn() -> None:
            head = self._heads[number]
            if head.due.get(index) != at_ns:
                return
            del head.due[index]
            if number in self._leads and head.silent_ns <= self._scene.kernel.now_ns:
                self._plan(head, index)

        return turn

    def _plan(self, head: _Head, index: int) -> None:
        world, site, role = self._scene.worlds[index], self._scene.sites[index], head.roles[index]
        now_ns = world.now_ns = self._scene.kernel.now_ns
        cell = self._scene.place.endpoints[index].cell
        self._scene.count["turns"] += 1
        standing = head.book.standing(cell, now_ns)
        self._scene.judge(*role.look(site, world, CellChanged(standing=standing, at_ns=now_ns)))
        if role.blind:
            self._scene.count["reads"] += 1
            self._scene.judge(*role.read(site, world))
        self._count_in(head, role)
        while role.todo and not self._scene.broken:
            before = world.rows[0].head
            commit = isinstance(role.todo[0], CommitPlan)
            self._scene.judge(
                *role.carry_out(site, world, told=self._scene.chance.random() >= 0.01)
            )
            self._count_in(head, role)
            after = world.rows[0].head
            if commit and after is not None and after is not before:
                self._committed(index, before is not None)
                dead = self._scene.dead(index)
                self._scene.judge(self._scene.checks.planned(before, after, cell, dead, now_ns))
        if role.lost:
            self.plan_soon(index, 0.5)
        self._wake_later(head, role, index)

    def _wake_later(self, head: _Head, role: Planner, index: int) -> None:
        """As `loop` asks with `WakeAt`: when the budget frees, or the other cell has baked."""
        state = role.state
        if state.announced is None or state.cell is None:
            return
        now_ns = self._scene.kernel.now_ns
        times = [it for it in (state.cell.frees_at_ns, state.cell.other_until_ns) if it > now_ns]
        if times:
            self._plan_at(self._heads.index(head), index, min(times))

    def _count_in(self, head: _Head, role: Planner) -> None:
        state: loop.State = role.state
        if state.endpoint is not None:
            before = published(state.head)
            head.book.take(state.endpoint, before, state.withdrawals, state.reserved)
