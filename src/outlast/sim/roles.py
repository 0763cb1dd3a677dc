"""Planner and enactor in the virtual world: the production machines, and what they have under way.

Each move of a role carries out one command or takes one turn, so anything may happen between any two of
them: between reading the fence and fetching the plan, between sending a write and its answer, between an
answer and its confirmation. That is where every pause, however long, has its place.

A role that has nothing to do waits for something new: a planner until the store, the overrides, the
health, the topology or the clock differ from what it looked at last; an enactor until the newest plan or
the zone differ from what it acted on last. Nobody polls.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from outlast.core import enact, loop
from outlast.core import retire as retiring
from outlast.core.messages import (
    CommitLost,
    CommitPlan,
    Confirm,
    Confirmed,
    EnactCommand,
    EnactEvent,
    FetchNewest,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Newest,
    Observed,
    OverridesChanged,
    PlaceFreeze,
    Read,
    ReadFailed,
    ReadProvider,
    ReportDrift,
    RetryAt,
    Ticked,
    TopologyChanged,
    Woken,
    Write,
    Wrote,
)
from outlast.core.plan import layout_of
from outlast.model.fence import parse_fence
from outlast.model.health import Health
from outlast.model.names import EnactorName
from outlast.model.override import Override
from outlast.model.plan import Outcome, OutcomeKind, Plan, Transaction
from outlast.model.records import RecordType
from outlast.model.topology import Endpoint, Provider, Settings
from outlast.model.units import Generation, Nanos
from outlast.sim.checks import allowed_anyhow, groundless, hashed, judge_write, retained
from outlast.sim.world import Row, World, find, generation_at, observe

Broken = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What never changes while a run lasts: which endpoint a role works on, and where.

    Attributes:
        kept: retired plans kept beside what must stay.
    """

    index: int
    provider: Provider
    settings: Settings
    kept: int


def write(
    site: Site,
    world: World,
    transaction: Transaction,
    plan: Plan | None = None,
    *,
    dropping: bool = False,
) -> tuple[bool, Broken]:
    """Let the server carry a write out, and the checks judge it.

    Args:
        plan: the one it publishes, where that is known.
        dropping: the server forgets the addresses; what is then missing is not our write's doing.
    """
    if dropping:
        kept = tuple(one for one in transaction.additions if one.rtype is RecordType.TXT)
        transaction = replace(transaction, additions=kept)
    layout = layout_of(world.endpoints[site.index], site.provider) if plan is None else plan.layout
    before, truth = world.zone, world.truths[site.index]
    if not world.write(transaction):
        return False, ()
    broken = judge_write(layout, before, world.zone, truth, floor=1)
    if dropping:
        broken = tuple(one for one in broken if one[:2] not in {"S1", "S3"})
    generation = generation_at(world.zone, layout)
    good = truth.good
    if plan is not None and generation == plan.generation:
        good = plan
    world.truths[site.index] = replace(truth, high=max(truth.high, generation), good=good)
    return True, broken


# the planner


@dataclass(frozen=True, slots=True)
class Looked:
    """What a planner has taken notice of."""

    row: Row = Row()
    overrides: tuple[Override, ...] = ()
    health: tuple[Health, ...] = ()
    endpoint: Endpoint | None = None
    now_ns: Nanos = Nanos(0)


@dataclass(slots=True)
class Planner:
    """A planner of one endpoint: its machine, its retirement, what it saw, and commands still to do."""

    state: loop.State = loop.State()
    retire: retiring.State = retiring.State()
    looked: Looked = Looked()
    todo: tuple[LoopCommand, ...] = ()

    def freeze(self) -> Hashable:
        """Return the cells as a tuple."""
        return self.state, self.retire, self.looked, self.todo

    def sees(self, site: Site, world: World) -> Looked:
        """Return what there is to see now."""
        i = site.index
        return Looked(
            world.rows[i], world.overrides, world.health[i], world.endpoints[i], world.now_ns
        )

    def idle(self, site: Site, world: World) -> bool:
        """Whether there is nothing new and nothing to do."""
        return not (self.todo or self.blind) and self.looked == self.sees(site, world)

    @property
    def blind(self) -> bool:
        """Whether it must read the DNS before it may make a first plan."""
        state = self.state
        return state.endpoint is not None and state.head is None and not state.observed

    def read(self, site: Site, world: World) -> Broken:
        """Read the DNS before the first plan: there may be a publication that the store forgot."""
        layout = layout_of(world.endpoints[site.index], site.provider)
        seen = observe(world.zone, layout, world.now_ns)
        generation = generation_at(world.zone, layout)
        return self.look(
            site, world, Observed(observation=seen, seen=generation, at_ns=world.now_ns)
        )

    def look(self, site: Site, world: World, *first: LoopEvent) -> Broken:
        """Take notice of everything new, decide once, and retire what may go."""
        self._start_over_if_store_went_back(site, world)
        was, now = self.looked, self.sees(site, world)
        at_ns = world.now_ns
        events: list[LoopEvent] = list(first)
        if now.endpoint is not was.endpoint:
            provider = site.provider if now.endpoint is not None else None
            events.append(
                TopologyChanged(
                    endpoint=now.endpoint, provider=provider, settings=site.settings, at_ns=at_ns
                )
            )
        if now.health != was.health:
            events.append(HealthChanged(health=now.health, sick=(), at_ns=at_ns))
        if now.overrides != was.overrides:
            events.append(OverridesChanged(overrides=now.overrides, at_ns=at_ns))
        events += self._row_events(was.row, now.row, at_ns)
        self.looked = now
        self.state, commands = loop.step(self.state, *(events or [Ticked(at_ns=at_ns)]))
        self.todo += tuple(one for one in commands if isinstance(one, CommitPlan | PlaceFreeze))
        return self._retire(site, world, was.row)

    def _start_over_if_store_went_back(self, site: Site, world: World) -> None:
        """Forget everything when the store has become older than what was seen in it."""
        was, now = self.looked.row.head, world.rows[site.index].head
        if was is not None and (now is None or now.generation < was.generation):
            self.state, self.looked, self.todo = loop.State(), Looked(), ()

    def _row_events(self, was: Row, now: Row, at_ns: Nanos) -> list[LoopEvent]:
        events: list[LoopEvent] = []
        if now.head is not None and now.head is not was.head:
            events.append(HeadChanged(plan=now.head, at_ns=at_ns))
        if now.receipt is not None and now.receipt is not was.receipt:
            events.append(Confirmed(receipt=now.receipt, at_ns=at_ns))
        found = now.found
        if found is not None and found is not was.found and found.observation is not None:
            events.append(Observed(observation=found.observation, seen=found.seen, at_ns=at_ns))
        return events

    def _retire(self, site: Site, world: World, was: Row) -> Broken:
        row = world.rows[site.index]
        if row.head is None or row.receipt is None or row.receipt is was.receipt:
            return ()
        stored = tuple(sorted(one.generation for one in row.archive))
        live = retiring.SeenLive(
            provider=site.provider.name, generation=row.receipt.fence.generation
        )
        state = replace(self.retire, stored=stored)
        self.retire, deletions = retiring.step(state, live, kept=site.kept)
        for one in deletions:
            if row.head.generation != one.newest:
                continue
            kept = tuple(two for two in row.archive if two.generation not in one.generations)
            after = replace(row, archive=kept)
            world.rows[site.index] = after
            layout = layout_of(world.endpoints[site.index], site.provider)
            truth = world.truths[site.index]
            broken = "" if truth.hurt else retained(layout, world.zone, row, after)
            if broken:
                return (broken,)
        return ()

    def carry_out(self, site: Site, world: World, *, told: bool = True) -> Broken:
        """Carry out the next command. `told=False`: a commit's answer is lost."""
        command, self.todo = self.todo[0], self.todo[1:]
        if isinstance(command, PlaceFreeze):
            world.overrides = (*world.overrides, command.freeze)
            return ()
        if not isinstance(command, CommitPlan):
            return ()
        row = world.rows[site.index]
        newest = row.head.generation if row.head is not None else 0
        if newest != command.expected:
            return self.look(site, world, CommitLost(at_ns=world.now_ns))
        plan, truth = command.plan, world.truths[site.index]
        endpoint = world.endpoints[site.index]
        broken = groundless(plan, row.head, endpoint, self.looked.health, self.looked.overrides)
        if not broken and plan.generation <= newest:
            broken = (
                f"S2 monotone: the store's newest plan went back from {newest} to {plan.generation}"
            )
        if broken:
            return (broken,)
        if command.ruling.allowed and allowed_anyhow(plan):
            allowed = tuple(sorted({*truth.allowed, (plan.generation, plan.digest)}))
            world.truths[site.index] = replace(truth, allowed=allowed)
        world.store(site.index, row.archived(plan))
        # Told or not, it looks at the store again at once; only the answer differs.
        lost = () if told else (CommitLost(at_ns=world.now_ns),)
        return self.look(site, world, *lost)


# the enactor


@dataclass(slots=True)
class Enactor:
    """An enactor of one endpoint: its machine, commands still to do, and what it acted on last.

    Attributes:
        retry: whether it asked to be woken again.
        got, read: the newest plan and the zone as it last knew them.
        writes: how many nonces it used.
        mark: the highest generation it ever read; the checks' own note, not the machine's.
    """

    state: enact.State
    todo: tuple[EnactCommand, ...] = ()
    retry: bool = True
    got: Hashable = None
    read: Hashable = None
    writes: int = 0
    mark: int = 0

    def freeze(self) -> Hashable:
        """Return the cells as a tuple."""
        return self.state, self.todo, self.retry, self.got, self.read, self.writes, self.mark

    @classmethod
    def fresh(cls, name: str, site: Site, endpoint: Endpoint, seen: int = 0) -> "Enactor":
        """Return one that has just started, with the mark from its file."""
        layout = layout_of(endpoint, site.provider)
        state = enact.State(enactor=EnactorName(name), layout=layout, seen=Generation(seen))
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
                return self._write(command.transaction, site, world, fault)
            case Confirm():
                if not self._saw(command):
                    return (f"S3 authentic: {command.receipt.enactor} confirmed what it never saw",)
                if fault != "store-lost-write":
                    row = world.rows[site.index]
                    world.rows[site.index] = replace(row, receipt=command.receipt, found=None)
            case ReportDrift():
                if fault != "store-lost-write":
                    row = world.rows[site.index]
                    world.rows[site.index] = replace(row, found=command)
            case RetryAt():
                self.retry = True
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
        self.take(Newest(plan=plan, confirmed=row.confirmed, nonce=nonce, at_ns=world.now_ns))

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
                    f"S2 monotone: {self.state.enactor} published plan {plan.generation} "
                    f"after it had read plan {self.mark}",
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


def _head(plan: Plan | None) -> Hashable:
    return (plan.generation, plan.digest, plan.layout) if plan is not None else ()


def live_generation(world: World, layout_fence: str) -> str:
    """Return the fence at a name for people: `plan 3 by enactor-1`, `no fence` or `garbage`."""
    for one in world.zone:
        if one.name == layout_fence and one.rtype is RecordType.TXT:
            fence = parse_fence(find(world.zone, one.name, RecordType.TXT))
            return f"plan {fence.generation} by {fence.writer}" if fence else "garbage"
    return "no fence"
