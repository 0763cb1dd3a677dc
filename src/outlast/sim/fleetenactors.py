"""Fleet enactors: machines in cells, each with the production machine for every endpoint of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field

from outlast.core.messages import Confirm, FetchNewest, ReadProvider, Write
from outlast.model.names import CellName, EnactorName
from outlast.model.policy import Reach
from outlast.model.shares import Share
from outlast.model.units import millis, seconds
from outlast.sim.fleetplace import TAKEOVER_S, VERIFY_S
from outlast.sim.fleetscene import Job, Scene
from outlast.sim.roleenactor import Enactor

LOST = (("lost-reply", 0.02), ("late-write", 0.01), ("lost-request", 0.01), ("duplicate", 0.01))
"""How often each strikes a write."""


@dataclass(slots=True)
class _Machine:
    """An enactor's machine: what it is bound to, and until when it does nothing."""

    name: EnactorName
    cells: tuple[CellName, ...]
    silent_ns: int = 0
    roles: dict[int, Enactor] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)


class Enactors:
    """The enactors' machines.

    Args:
        news: told of each endpoint that was confirmed anew.
    """

    def __init__(self, scene: Scene, count: int, news: Callable[[int], None]) -> None:
        self._scene = scene
        self._news = news
        cells = scene.cells
        self._enactors = [
            _Machine(EnactorName(f"e{n}"), (cells[n % len(cells)].name,)) for n in range(count)
        ]
        self._of_cell: dict[CellName, list[_Machine]] = {one.name: [] for one in cells}
        for one in self._enactors:
            self._of_cell[one.cells[0]].append(one)
        own = {name: tuple(it.name for it in some) for name, some in self._of_cell.items()}
        self._share = Share(own=own)

    def trouble(self) -> None:
        """A tenth of the enactors stalls for five minutes, a tenth dies and starts again."""
        now_ns = self._scene.kernel.now_ns
        for one in self._enactors:
            drawn = self._scene.chance.random()
            if drawn < 0.1:
                one.silent_ns = now_ns + seconds(300)
            elif drawn < 0.2:
                self._crash(one)

    def _crash(self, machine: _Machine) -> None:
        for index, role in machine.roles.items():
            world, site = self._scene.worlds[index], self._scene.sites[index]
            if role.todo and isinstance(role.todo[0], Write):
                self._scene.late(index, role.todo[0])
            seen = role.state.seen
            fresh = Enactor.fresh(machine.name, site, world.endpoints[0], seen)
            fresh.reach, fresh.writes = role.reach, role.writes
            machine.roles[index] = fresh

    def committed(self, index: int, *, again: bool) -> None:
        """A plan was committed: those who watch take it up, one after the other."""
        self._scene.count["commits"] += 1
        self._scene.tell_store()
        endpoint = self._scene.place.endpoints[index]
        for machine in self._of_cell[endpoint.cell]:
            rank = self._rank(machine, index)
            delay_s = self._scene.chance.uniform(0.001, 0.02) + rank * TAKEOVER_S
            self._wake(
                machine, index, delay_s + (0.0 if again else self._scene.chance.uniform(0, 5))
            )

    def _rank(self, machine: _Machine, index: int) -> int:
        head = self._scene.worlds[index].rows[0].head
        return self._share.rank(machine.name, head.layout) if head is not None else 0

    def begin(self, index: int) -> None:
        """Look after an endpoint from now on."""
        for machine in self._of_cell[self._scene.place.endpoints[index].cell]:
            self._scene.kernel.after(
                seconds(30 + self._scene.chance.uniform(0, VERIFY_S)),
                self._verifying(machine, index),
            )

    def _verifying(self, machine: _Machine, index: int) -> Job:
        def verify() -> None:
            self._wake(machine, index, 0.0, look=True)
            wait_s = VERIFY_S * (1 + self._rank(machine, index))
            self._scene.kernel.after(seconds(wait_s), self._verifying(machine, index))

        return verify

    def _wake(self, machine: _Machine, index: int, delay_s: float, *, look: bool = False) -> None:
        def wake() -> None:
            if machine.silent_ns > self._scene.kernel.now_ns:
                self._scene.kernel.after(machine.silent_ns - self._scene.kernel.now_ns, wake)
                return
            role = self._role(machine, index)
            world = self._scene.worlds[index]
            if index in machine.busy or (not look and role.idle(self._scene.sites[index], world)):
                return
            machine.busy.add(index)
            world.now_ns = self._scene.kernel.now_ns
            if not role.todo:
                role.wake(self._scene.sites[index], world)
            self._go_on(machine, index)

        self._scene.kernel.after(seconds(delay_s), wake)

    def _role(self, machine: _Machine, index: int) -> Enactor:
        role = machine.roles.get(index)
        if role is None:
            endpoint = self._scene.worlds[index].endpoints[0]
            role = Enactor.fresh(machine.name, self._scene.sites[index], endpoint)
            role.reach = Reach(only=machine.cells)
            machine.roles[index] = role
        return role

    def _go_on(self, machine: _Machine, index: int) -> None:
        """One command after the other, each as long under way as packets are."""
        self._scene.kernel.after(
            millis(self._scene.chance.randrange(1, 20)), lambda: self._move(machine, index)
        )

    def _move(self, machine: _Machine, index: int) -> None:
        if machine.silent_ns > self._scene.kernel.now_ns:
            self._scene.kernel.after(
                machine.silent_ns - self._scene.kernel.now_ns, lambda: self._move(machine, index)
            )
            return
        role, world, site = (
            self._role(machine, index),
            self._scene.worlds[index],
            self._scene.sites[index],
        )
        world.now_ns = self._scene.kernel.now_ns
        if role.todo:
            self._carry_out(machine, index)
        if role.todo:
            self._go_on(machine, index)
            return
        machine.busy.discard(index)
        if role.retry:
            wait_s = min(5.0, 0.05 * 2 ** min(role.state.attempts, 7))
            self._wake(machine, index, wait_s, look=True)
        elif not role.idle(site, world):
            self._wake(machine, index, 0.1)

    def _carry_out(self, machine: _Machine, index: int) -> None:
        role, world = machine.roles[index], self._scene.worlds[index]
        command, fault = role.todo[0], ""
        if isinstance(command, Write):
            fault = self._strike()
        elif isinstance(command, ReadProvider) and self._scene.chance.random() < 0.01:
            fault = "lost-request"
        before, receipt = world.zone, world.rows[0].receipt
        nonce = f"{int(machine.name[1:]) + 1:08x}{role.writes + 1:08x}"
        self._scene.judge(*role.carry_out(self._scene.sites[index], world, fault, nonce))
        news = not isinstance(command, Confirm) or (
            receipt is None or command.receipt.fence != receipt.fence
        )
        self._count_command(command, changed=world.zone != before, news=news)
        if world.zone != before:
            endpoint = self._scene.place.endpoints[index]
            wrote = self._scene.checks.wrote(machine.name, machine.cells, endpoint)
            self._scene.judge(wrote)
        if world.late:
            for one in world.late:
                self._scene.late(index, Write(transaction=one))
            world.late = ()
        if isinstance(command, Confirm) and news:
            self._news(index)

    def _strike(self) -> str:
        drawn = self._scene.chance.random()
        for name, share in LOST:
            if drawn < share:
                return name
            drawn -= share
        return ""

    def _count_command(self, command: object, *, changed: bool, news: bool) -> None:
        match command:
            case ReadProvider():
                self._scene.count["reads"] += 1
            case FetchNewest():
                self._scene.count["fetches"] += 1
            case Write():
                self._scene.count["writes"] += 1
                self._scene.count["refused"] += not changed
            case _ if news:
                self._scene.count["commits"] += 1
                self._scene.tell_store()
