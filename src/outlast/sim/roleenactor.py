"""An enactor in the virtual world: the production machine, and what it has under way.

One move carries out one command, so anything may happen between reading the fence and fetching the plan,
between sending a write and its answer, between an answer and its confirmation. That is where every pause,
however long, has its place. With nothing to do it waits until the newest plan or the zone differ from what
it acted on last, or a publication stands unconfirmed. Nobody polls.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from outlast.core import bounds, enact
from outlast.core.laying import Growing
from outlast.core.messages import (
    Confirm,
    EnactCommand,
    EnactEvent,
    FetchNewest,
    Newest,
    Read,
    ReadFailed,
    ReadProvider,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.core.plan import layout_of
from outlast.core.sweep import Laid
from outlast.model.fence import parse_fence
from outlast.model.names import EnactorName
from outlast.model.plan import Outcome, OutcomeKind, Plan, Transaction
from outlast.model.policy import Reach
from outlast.model.records import RecordType
from outlast.model.topology import Endpoint
from outlast.model.units import Generation
from outlast.sim.checks import hashed
from outlast.sim.site import Broken, Site, write
from outlast.sim.world import World, find, generation_at, observe


@dataclass(slots=True)
class Enactor:
    """An enactor of one endpoint: its machine, commands still to do, and what it acted on last.

    Attributes:
        retry: whether it asked to be woken again.
        got, read: the newest plan and the zone as it last knew them.
        writes: how many nonces it used.
        mark: the highest generation it ever read; the checks' own note, not the machine's.
        reach: the cells that it may write in.
    """

    state: enact.State
    todo: tuple[EnactCommand, ...] = ()
    retry: bool = True
    got: Hashable = None
    read: Hashable = None
    writes: int = 0
    mark: int = 0
    reach: Reach = Reach()

    def freeze(self) -> Hashable:
        """Return the cells as a tuple."""
        return self.state, self.todo, self.retry, self.got, self.read, self.writes, self.mark

    @classmethod
    def fresh(cls, name: str, site: Site, endpoint: Endpoint, seen: int = 0) -> "Enactor":
        """Return one that has just started, with the mark from its file."""
        layout = layout_of(endpoint, site.provider)
        state = enact.State(
            enactor=EnactorName(name),
            layout=layout,
            seen=Generation(seen),
            carries=site.carries,
        )
        return cls(state)

    def idle(self, site: Site, world: World) -> bool:
        """Whether there is nothing new and nothing to do."""
        if self.todo or self.retry:
            return False
        if not isinstance(self.state.phase, enact.Idle):
            return True
        row = world.rows[site.index]
        if self.got != _head(row.head) or self.read != self._zone(world):
            return False
        # What is published but not confirmed, since the store forgot, is looked at again.
        newest = row.head.generation if row.head is not None else 0
        return row.confirmed == newest or generation_at(world.zone, self.state.layout) != newest

    def _zone(self, world: World) -> Hashable:
        seen = observe(world.zone, self.state.layout, world.now_ns)
        return seen.epoch, seen.fence, seen.record_sets

    def take(self, event: EnactEvent) -> None:
        """Hand an event to the machine, and put its commands with those still to do."""
        if isinstance(event, Read):
            seen = event.observation
            self.read = (seen.epoch, seen.fence, seen.record_sets)
            fence = parse_fence(seen.fence)
            self.mark = max(self.mark, fence.generation if fence is not None else 0)
        elif isinstance(event, Newest):
            self.got = _head(event.plan)
        self.state, commands = enact.step(self.state, event)
        for command in commands:
            if isinstance(command, RetryAt):
                self.retry = True
            else:
                self.todo += (command,)

    def wake(self, site: Site, world: World) -> None:
        """Start work, or the retry that was asked for."""
        del site
        self.retry = False
        self.take(Woken(layout=self.state.layout, at_ns=world.now_ns))

    def carry_out(self, site: Site, world: World, fault: str, nonce: str) -> Broken:
        """Carry out the next command, struck by a fault or (empty) not."""
        command, self.todo = self.todo[0], self.todo[1:]
        match command:
            case ReadProvider():
                self._read(command, world, fault)
            case FetchNewest():
                self._fetch(site, world, fault, nonce)
            case Write():
                if isinstance(self.state.phase, Growing):  # written down before it is laid
                    note(world, Laid.of(self.state.phase.aim.plan))
                return self._write(command.transaction, site, world, fault)
            case Confirm():
                return self._confirm(command, site, world, fault)
            case ReportDrift():
                if fault != "store-lost-write":
                    row = world.rows[site.index]
                    world.rows[site.index] = replace(row, found=command)
            case RetryAt():
                self.retry = True
        return ()

    def _confirm(self, command: Confirm, site: Site, world: World, fault: str) -> Broken:
        if not self._saw(command):
            return (f"S3 authentic: {command.receipt.enactor} confirmed what it never saw",)
        if command.plan.layout.tree:
            note(world, replace(Laid.of(command.plan), was_live=True))
        if fault != "store-lost-write":
            row = world.rows[site.index]
            world.rows[site.index] = replace(row, receipt=command.receipt, found=None)
        return ()

    def _saw(self, command: Confirm) -> bool:
        """Whether what is being confirmed is what was read last."""
        assert isinstance(self.read, tuple)
        _, fence, record_sets = self.read
        return parse_fence(fence) == command.receipt.fence and hashed(record_sets) == (
            command.receipt.fence.digest
        )

    def _read(self, command: ReadProvider, world: World, fault: str) -> None:
        if fault == "lost-request":
            self.take(ReadFailed(detail="no answer", at_ns=world.now_ns))
            return
        zone = world.before if fault == "read-behind" else world.zone
        seen = observe(zone, command.layout, world.now_ns)
        self.take(Read(observation=seen, at_ns=world.now_ns))

    def _fetch(self, site: Site, world: World, fault: str, nonce: str) -> None:
        row = world.rows[site.index]
        plan = row.head
        if fault == "store-down":
            self.todo = (FetchNewest(endpoint=self.state.layout.endpoint), *self.todo)
            return
        if fault == "store-stale":
            older = [
                one for one in row.archive if row.head and one.generation < row.head.generation
            ]
            plan = min(older, key=lambda one: one.generation, default=plan)
        self.writes += 1
        newest = Newest(plan=plan, confirmed=row.confirmed, nonce=nonce, at_ns=world.now_ns)
        self.take(bounds.within(self.reach, newest))
        if plan is not None and not self.reach.covers(plan.layout.cell):
            self.got = _head(plan)  # nothing of its own is left to do here

    def _write(self, transaction: Transaction, site: Site, world: World, fault: str) -> Broken:
        plan = getattr(self.state.phase, "plan", None)
        kind = OutcomeKind.UNKNOWN
        broken: Broken = ()
        if fault in {"", "duplicate", "lost-reply", "drops-silently"}:
            dropping = fault == "drops-silently"
            done, broken = write(site, world, transaction, plan, dropping=dropping)
            if done and plan is not None and plan.generation < self.mark:
                broken = (
                    *broken,
                    (
                        f"S2 monotone: {self.state.enactor} published plan {plan.generation} "
                        f"after it had read plan {self.mark}"
                    ),
                )
            if fault != "lost-reply":
                kind = OutcomeKind.APPLIED if done else OutcomeKind.REFUSED
        if fault in {"duplicate", "late-write"}:
            world.late = (*world.late, transaction)
        if fault == "throttled":
            kind = OutcomeKind.BUSY
        elif fault == "read-only":
            kind = OutcomeKind.REJECTED
        self.take(Wrote(outcome=Outcome(kind=kind, detail=fault), at_ns=world.now_ns))
        return broken


def note(world: World, tree: Laid) -> None:
    """Put a tree on the store's list; what was live once stays so."""
    known = {one.top: one for one in world.laid}
    if tree.top not in known or tree.was_live:
        known[tree.top] = tree
        world.laid = tuple(known[top] for top in sorted(known))


def _head(plan: Plan | None) -> Hashable:
    return (plan.generation, plan.digest, plan.layout) if plan is not None else ()


def live_generation(world: World, layout_fence: str) -> str:
    """Return the fence at a name for people: `plan 3 by enactor-1`, `no fence` or `garbage`."""
    for one in world.zone:
        if one.name == layout_fence and one.rtype is RecordType.TXT:
            fence = parse_fence(find(world.zone, one.name, RecordType.TXT))
            return f"plan {fence.generation} by {fence.writer}" if fence else "garbage"
    return "no fence"
