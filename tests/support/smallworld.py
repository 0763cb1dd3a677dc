"""A small world for the enactor's machine: two or three of them, one DNS, one store, few faults.

Everything that can happen next is enumerated, so that a search can visit every interleaving. A world is a
tuple of small numbers; the values behind them (machine states, zones, transactions) are interned, and each
step of a machine is taken once. Independent of `outlast.sim` on purpose: the two check each other.

One simplification, and why it is sound: a request is served and its answer delivered in one action. Between
the two only others could act, and what they do commutes with the delivery, which touches nobody else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.support.builders import NAME, ZONE, endpoint, nonce, plan
from tests.support.modeldns import Zone, apply, drop, read, values_at

from outlast.core import enact
from outlast.core.messages import (
    EnactEvent,
    FetchNewest,
    Newest,
    Read,
    ReadProvider,
    Woken,
    Write,
    Wrote,
)
from outlast.model.fence import Fence, parse_fence
from outlast.model.names import DnsName, EnactorName
from outlast.model.plan import (
    Absent,
    Condition,
    Held,
    Observation,
    Outcome,
    OutcomeKind,
    Transaction,
)
from outlast.model.records import RecordSet, RecordType
from outlast.model.units import Generation, Nanos

OF = endpoint("eu-1", "us-1", "ap-1")
_DOWN = ("", "eu-1", "us-1", "ap-1")
PLANS = tuple(plan(OF, _DOWN[number % 4], generation=number + 1) for number in range(10))
LAYOUT = PLANS[0].layout
EPOCH_AT = DnsName(f"_outlast-epoch.{ZONE}")
BESIDE = RecordSet.of(DnsName("mail.example.net"), RecordType.A, 60, ["10.8.8.8"])


@dataclass(frozen=True, slots=True)
class Budgets:
    """How often each thing may still happen."""

    plans: int = 1
    wipes: int = 0
    epoch_wipes: int = 0
    lost_replies: int = 0
    delays: int = 0
    crashes: int = 0
    stale_stores: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the future depends on.

    Attributes:
        zone: what the DNS holds.
        head: generation of the store's newest plan.
        top: the highest generation that was ever made.
        machines: each enactor with the request it waits for; None: it waits for nothing.
        limbo: writes whose senders gave up, and which may still arrive.
        drawn: how many nonces each machine has used.
        live: the last generation that was live, also if it was wiped since.
        stale, wiped: the store went back; the fence was wiped since the last write. Both together, and
            only both, may bring an older plan back, and only by an enactor that never saw a newer one.
        chosen: for the mutant that chooses first: the generation that each machine chose.
    """

    zone: int
    head: int
    top: int
    machines: tuple[tuple[int, int], ...]
    limbo: tuple[int, ...]
    drawn: tuple[int, ...]
    live: int
    stale: bool
    wiped: bool
    chosen: tuple[int, ...]
    left: Budgets


class Broken(AssertionError):
    """A promise does not hold; the message tells the way that led there."""


class Physics:
    """Interned values, memoised steps, and the rules of the small world.

    Attributes:
        chooses_first: a mutant: the plan is chosen when the work begins, before the fence is read.
        unconditional: a mutant: the server ignores conditions.
    """

    def __init__(self, *, chooses_first: bool = False, unconditional: bool = False) -> None:
        self.chooses_first = chooses_first
        self.unconditional = unconditional
        self._values: list[object] = [None]
        self._numbers: dict[object, int] = {}
        self._steps: dict[tuple[int, str, int], tuple[int, int]] = {}
        self._writes: dict[tuple[int, int], tuple[int, bool]] = {}

    def number(self, value: object) -> int:
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self._values)
            self._values.append(value)
        return found

    def zone(self, world: World) -> Zone:
        found = self._values[world.zone]
        assert isinstance(found, tuple)
        return found

    def machine(self, number: int) -> enact.State:
        found = self._values[number]
        assert isinstance(found, enact.State)
        return found

    def begin(self, machines: int, left: Budgets) -> World:
        """An empty zone with somebody else's record in it, and one plan in the store."""
        states = tuple(
            (self.number(enact.State(enactor=EnactorName(f"e{n}"), layout=LAYOUT)), 0)
            for n in range(machines)
        )
        return World(
            zone=self.number((BESIDE,)),
            head=1,
            top=1,
            machines=states,
            limbo=(),
            drawn=(0,) * machines,
            live=0,
            stale=False,
            wiped=False,
            chosen=(0,) * machines,
            left=left,
        )

    def begin_published(self, machines: int, left: Budgets) -> World:
        """The same, but every enactor has seen the first plan stand."""
        world = self.begin(machines, left)
        for index in range(machines):
            world = self.wake(world, index)
            while world.machines[index][1]:
                world = self.serve(world, index)
        return world

    # what can happen

    def futures(self, world: World) -> Iterator[tuple[str, World]]:
        """Everything that may happen next, with a word for it."""
        for index, (state, request) in enumerate(world.machines):
            if request:
                yield from self._serve(world, index)
                yield from self._crash(world, index, request)
            elif isinstance(self.machine(state).phase, enact.Idle | enact.Doubting):
                yield f"e{index} wakes", self.wake(world, index)
        for late in dict.fromkeys(world.limbo):
            rest = list(world.limbo)
            rest.remove(late)
            yield "a late write arrives", self.arrive(replace(world, limbo=tuple(rest)), late)
        yield from self._others(world)

    def _others(self, world: World) -> Iterator[tuple[str, World]]:
        left = world.left
        if left.plans:
            fewer = replace(left, plans=left.plans - 1)
            yield "a plan is made", replace(self.plan(world), left=fewer)
        if left.wipes:
            gone = drop(self.zone(world), NAME, LAYOUT.fence_at)
            after = replace(world, zone=self.number(gone), wiped=True)
            yield "the name is wiped", replace(after, left=replace(left, wipes=left.wipes - 1))
        if left.epoch_wipes:
            gone = drop(self.zone(world), NAME, LAYOUT.fence_at, EPOCH_AT)
            after = replace(world, zone=self.number(gone), wiped=True)
            fewer = replace(left, epoch_wipes=left.epoch_wipes - 1)
            yield "name and epoch are wiped", replace(after, left=fewer)
        if left.stale_stores and world.head > 1:
            fewer = replace(left, stale_stores=left.stale_stores - 1)
            yield "the store goes back", replace(world, head=world.head - 1, stale=True, left=fewer)

    def plan(self, world: World) -> World:
        """The planner's next plan: beyond everything that it or any enactor saw."""
        return replace(world, head=world.top + 1, top=world.top + 1)

    def wake(self, world: World, index: int) -> World:
        if self.chooses_first:
            chosen = (*world.chosen[:index], world.head, *world.chosen[index + 1 :])
            world = replace(world, chosen=chosen)
        return self._step(world, index, "woken", Woken(layout=LAYOUT, at_ns=Nanos(0)), 0)

    def _crash(self, world: World, index: int, request: int) -> Iterator[tuple[str, World]]:
        """It comes back idle, with its mark; a write under way may still arrive."""
        if not world.left.crashes:
            return
        state, _ = world.machines[index]
        fresh = enact.State(
            enactor=self.machine(state).enactor, layout=LAYOUT, seen=self.machine(state).seen
        )
        value = self._values[request]
        limbo = world.limbo
        if isinstance(value, Write):
            limbo = tuple(sorted((*limbo, self.number(value.transaction))))
        left = replace(world.left, crashes=world.left.crashes - 1)
        machines = _put(world.machines, index, (self.number(fresh), 0))
        yield f"e{index} crashes", replace(world, machines=machines, limbo=limbo, left=left)

    def _serve(self, world: World, index: int) -> Iterator[tuple[str, World]]:
        request = self._values[world.machines[index][1]]
        match request:
            case ReadProvider():
                yield f"e{index} reads", self.serve(world, index)
            case FetchNewest():
                yield f"e{index} fetches", self.serve(world, index)
            case Write(transaction=transaction):
                yield f"e{index} writes", self.serve(world, index)
                number, left = self.number(transaction), world.left
                if left.lost_replies:
                    fewer = replace(left, lost_replies=left.lost_replies - 1)
                    after = self.arrive(replace(world, left=fewer), number)
                    yield f"e{index}'s reply is lost", self._answer(after, index, "unknown")
                if left.delays:
                    fewer = replace(left, delays=left.delays - 1)
                    limbo = tuple(sorted((*world.limbo, number)))
                    after = replace(world, limbo=limbo, left=fewer)
                    yield f"e{index}'s write is delayed", self._answer(after, index, "unknown")
            case _:
                raise Broken(f"nobody answers {request}")

    def serve(self, world: World, index: int) -> World:
        """Serve a machine's request as a healthy world does."""
        request = self._values[world.machines[index][1]]
        match request:
            case ReadProvider():
                seen = Read(observation=self._observe(world), at_ns=Nanos(0))
                return self._step(world, index, "read", seen, world.zone)
            case FetchNewest():
                head = world.chosen[index] if self.chooses_first else world.head
                used = world.drawn[index] + 1
                drawn = (*world.drawn[:index], used, *world.drawn[index + 1 :])
                event = Newest(
                    plan=PLANS[head - 1],
                    confirmed=Generation(0),
                    nonce=nonce(1000 * index + used),
                    at_ns=Nanos(0),
                )
                after = self._step(world, index, f"newest {head}", event, used)
                asked = self._values[after.machines[index][1]]
                return replace(after, drawn=drawn) if isinstance(asked, Write) else after
            case Write(transaction=transaction):
                number = self.number(transaction)
                refused = not self._written(world.zone, number)[1]
                after = self.arrive(world, number)
                return self._answer(after, index, "refused" if refused else "applied")
            case _:
                raise Broken(f"nobody answers {request}")

    def _observe(self, world: World) -> Observation:
        return read(self.zone(world), LAYOUT, Nanos(0))

    def _answer(self, world: World, index: int, kind: str) -> World:
        event = Wrote(outcome=Outcome(kind=OutcomeKind(kind)), at_ns=Nanos(0))
        return self._step(world, index, kind, event, 0)

    def _step(self, world: World, index: int, word: str, event: EnactEvent, more: int) -> World:
        state, _ = world.machines[index]
        key = (state, word, more)
        if key not in self._steps:
            after, commands = enact.step(self.machine(state), event)
            asked = [one for one in commands if isinstance(one, ReadProvider | FetchNewest | Write)]
            if len(asked) > 1:
                raise Broken(f"two requests at once: {asked}")
            if not asked and not isinstance(after.phase, enact.Idle | enact.Doubting):
                raise Broken(f"stuck: {after} waits for nothing")
            request = self.number(asked[0]) if asked else 0
            self._steps[key] = (self.number(after), request)
        machines = _put(world.machines, index, self._steps[key])
        return replace(world, machines=machines)

    # the DNS, and what must hold in it

    def _written(self, zone: int, transaction: int) -> tuple[int, bool]:
        key = (zone, transaction)
        if key not in self._writes:
            value, standing = self._values[transaction], self._values[zone]
            assert isinstance(value, Transaction)
            assert isinstance(standing, tuple)
            if self.unconditional:
                held = values_at(standing, EPOCH_AT, RecordType.TXT)
                value = replace(value, conditions=(_true(held),))
            after, kind = apply(standing, value)
            self._writes[key] = (self.number(after), kind is OutcomeKind.APPLIED)
        return self._writes[key]

    def arrive(self, world: World, transaction: int) -> World:
        """Let a write reach the server; check what must hold after it."""
        zone, applied = self._written(world.zone, transaction)
        if not applied:
            return world
        after = replace(world, zone=zone)
        found = self._observe(after)
        fence = parse_fence(found.fence)
        if fence is None:
            if found.record_sets:
                raise Broken(f"records without a fence: {found}")
            return after  # an epoch was seeded
        self._check(after, found, fence)
        return replace(after, live=fence.generation, wiped=False)

    def _check(self, world: World, found: Observation, fence: Fence) -> None:
        written = PLANS[fence.generation - 1]
        if fence.digest != written.digest or found.record_sets != written.record_sets:
            raise Broken(f"S3: under {fence} stands {found.record_sets}")
        if not found.record_sets:
            raise Broken("S1: empty")
        writer = self.machine(world.machines[int(fence.writer[1:])][0])
        forgiven = world.stale and world.wiped and writer.seen < world.live
        if fence.generation < world.live and not forgiven:
            raise Broken(f"S2: generation {fence.generation} after {world.live}")
        if BESIDE not in self.zone(world):
            raise Broken("S6: a record beside ours was touched")

    # once faults stop

    def settle(self, world: World, known: set[World]) -> None:
        """Run fairly without faults until the newest plan stands; `known` holds what is known to."""
        trail: list[World] = []
        for _ in range(80):
            if world in known or self._is_settled(world):
                known.update(trail)
                return
            trail.append(world)
            world = self._round(world)
        raise Broken(f"L1: plan {world.head} never stands; {self.show(world)}")

    def _is_settled(self, world: World) -> bool:
        found = self._observe(world)
        fence = parse_fence(found.fence)
        return (
            not world.limbo
            and fence is not None
            and fence.generation == world.head
            and found.record_sets == PLANS[world.head - 1].record_sets
        )

    def _round(self, world: World) -> World:
        for late in world.limbo:
            world = self.arrive(replace(world, limbo=world.limbo[1:]), late)
        fence = parse_fence(self._observe(world).fence)
        marks = [self.machine(state).seen for state, _ in world.machines]
        if max([*marks, fence.generation if fence else 0]) > world.head:
            world = self.plan(world)
        for index, (state, request) in enumerate(world.machines):
            if request:
                world = self.serve(world, index)
            elif isinstance(self.machine(state).phase, enact.Idle | enact.Doubting):
                world = self.wake(world, index)
        return world

    def show(self, world: World) -> str:
        machines = ", ".join(str(self.machine(state)) for state, _ in world.machines)
        return f"head {world.head}; {machines}; {self.zone(world)}"


def _true(epoch: tuple[str, ...]) -> Condition:
    """A condition that holds, whatever happened to the fence."""
    if epoch:
        return Held(name=EPOCH_AT, rtype=RecordType.TXT, values=epoch)
    return Absent(name=EPOCH_AT, rtype=RecordType.TXT)


def _put(
    machines: tuple[tuple[int, int], ...], index: int, new: tuple[int, int]
) -> tuple[tuple[int, int], ...]:
    return (*machines[:index], new, *machines[index + 1 :])


def explore(physics: Physics, start: World, *, states_max: int) -> int:
    """Visit every reachable world, breadth first; return how many there are.

    Raises:
        Broken: a promise does not hold; with the shortest way that leads there.
    """
    came: dict[World, tuple[World, str] | None] = {start: None}
    level, known = [start], set[World]()
    while level:
        following: list[World] = []
        for world in level:
            try:
                physics.settle(world, known)
                for word, future in physics.futures(world):
                    if future not in came:
                        came[future] = (world, word)
                        following.append(future)
            except Broken as broken:
                raise Broken(f"{broken}; after: {way(came, world)}") from broken
        level = following
        if len(came) > states_max:
            raise Broken(f"more than {states_max} worlds: the bound of this test is wrong")
    return len(came)


def way(came: dict[World, tuple[World, str] | None], world: World) -> str:
    """Tell the shortest way to a world."""
    words: list[str] = []
    step = came[world]
    while step is not None:
        world, word = step
        words.append(word)
        step = came[world]
    return "; ".join(reversed(words))
