"""Dual: several providers flip together, each behind its own fence, and lagging is the operator's choice."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from tests.support import modeldns
from tests.support.builders import at, endpoint, nonce, plan

from outlast.core import dual
from outlast.core.dual import RollBack
from outlast.core.messages import (
    Confirm,
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
from outlast.model.fence import parse_fence
from outlast.model.names import EnactorName, ProviderName
from outlast.model.plan import DriftKind, Lagging, Origin, Outcome, OutcomeKind, Plan, Transaction
from outlast.model.records import digest_of
from outlast.model.units import NO_GENERATION, Generation

A, B = ProviderName("dns"), ProviderName("other")
ONE, TWO = endpoint("eu-1", "us-1"), endpoint("eu-1")
Mutate = Callable[[ProviderName, Transaction], Transaction]


def as_dual(one: Plan, lagging: Lagging) -> Plan:
    """The same plan at two providers."""
    layout = replace(one.layout, mirrors=(B,), lagging=lagging, window_s=5.0)
    return replace(one, layout=layout)


def number(generation: int, lagging: Lagging = Lagging.HOLD) -> Plan:
    """The plan of this number; odd and even ones have other content."""
    made = plan(ONE if generation % 2 else TWO, generation=generation)
    return as_dual(made, lagging)


def untouched(_: ProviderName, transaction: Transaction) -> Transaction:
    """Let a write be as the core wants it."""
    return transaction


@dataclass
class World:
    """Two model servers, any number of enactors, and a scheduler that a test decides for.

    Attributes:
        late: writes that their sender has given up, and that may still arrive.
        down: providers that do not answer.
        marked: per provider the generations whose mark was ever taken there.
    """

    enactors: int = 1
    mutate: Mutate = untouched
    newest: Plan = field(default_factory=lambda: number(1))
    zones: dict[ProviderName, modeldns.Zone] = field(default_factory=lambda: {A: (), B: ()})
    second: float = 0.0
    late: list[tuple[ProviderName, Transaction]] = field(default_factory=list)
    down: set[ProviderName] = field(default_factory=set)
    todo: list[tuple[int, dual.Tagged]] = field(default_factory=list)
    told: list[dual.Tagged] = field(default_factory=list)
    marked: dict[ProviderName, set[int]] = field(default_factory=lambda: {A: set(), B: set()})
    nonces: int = 0
    states: list[dual.State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = [
            dual.begin(EnactorName(f"e{index}"), self.newest.layout, NO_GENERATION)
            for index in range(self.enactors)
        ]

    def feed(self, index: int, provider: ProviderName, event: EnactEvent) -> None:
        """Step one enactor's machine."""
        self.states[index], commands = dual.step(self.states[index], provider, event)
        self.todo += [(index, one) for one in commands]

    def wake(self, index: int) -> None:
        """Something may be to do."""
        for provider in (A, B):
            layout = replace(self.newest.layout, provider=provider)
            self.feed(index, provider, Woken(layout=layout, at_ns=at(self.second)))

    def do(self, at_index: int, fate: str = "") -> None:
        """Carry one command out; `fate`: what becomes of a write."""
        index, (provider, command) = self.todo.pop(at_index)
        now_ns = at(self.second)
        match command:
            case ReadProvider(layout=layout) if provider in self.down:
                self.feed(index, provider, ReadFailed(detail="down", at_ns=now_ns))
            case ReadProvider(layout=layout):
                found = modeldns.read(self.zones[provider], layout, now_ns)
                self.feed(index, provider, Read(observation=found, at_ns=now_ns))
            case FetchNewest():
                self.nonces += 1
                event = Newest(
                    plan=dual.at_place(self.newest, provider),
                    confirmed=NO_GENERATION,
                    nonce=nonce(self.nonces),
                    at_ns=now_ns,
                )
                self.feed(index, provider, event)
            case Write(transaction=transaction):
                kind = self._write(provider, self.mutate(provider, transaction), fate)
                self.feed(index, provider, Wrote(outcome=Outcome(kind=kind), at_ns=now_ns))
            case RetryAt():
                layout = replace(self.newest.layout, provider=provider)
                self.feed(index, provider, Woken(layout=layout, at_ns=now_ns))
            case Confirm() | ReportDrift() | RollBack():
                self.told.append((provider, command))

    def _write(self, provider: ProviderName, transaction: Transaction, fate: str) -> OutcomeKind:
        if provider in self.down or fate == "late":
            if fate == "late":
                self.late.append((provider, transaction))
            return OutcomeKind.UNKNOWN
        return self.arrive(provider, transaction)

    def arrive(self, provider: ProviderName, transaction: Transaction) -> OutcomeKind:
        """A write reaches its server; every invariant holds afterwards."""
        before = self.generation(provider)
        self.zones[provider], kind = modeldns.apply(self.zones[provider], transaction)
        for one in self.zones[provider]:
            if one.name.startswith("_next."):
                self.marked[provider].add(int(one.values[0].split()[1][2:]))
        after = self.generation(provider)
        assert after >= before, f"S2: {provider} went from {before} to {after}"
        if after > before:
            self.check_flip(provider, after)
        return kind

    def check_flip(self, provider: ProviderName, generation: int) -> None:
        """S1 and S3, and that no plan is published before all took its mark."""
        found = modeldns.read(self.zones[provider], self.newest.layout, at(self.second))
        fence = parse_fence(found.fence)
        assert fence is not None
        assert found.record_sets, f"S1: {provider} is empty"
        assert fence.digest == digest_of(found.record_sets), f"S3: {provider} shows something else"
        lagging = self.newest.layout.lagging
        if lagging is not Lagging.GO_ON and self.newest.origin is Origin.AUTOMATIC:
            ready = [one for one in (A, B) if generation in self.marked[one]]
            assert ready == [A, B], f"{provider} flipped to {generation}; ready: {ready}"

    def generation(self, provider: ProviderName) -> int:
        """What is published at a provider; 0: no fence."""
        found = modeldns.read(self.zones[provider], self.newest.layout, at(self.second))
        fence = parse_fence(found.fence)
        return fence.generation if fence is not None else 0

    def settle(self, steps: int = 400) -> None:
        """Let everything happen in order, time passing."""
        for _ in range(steps):
            if not self.todo:
                return
            self.second += 0.05
            self.do(0)


def chaos(world: World, random: Random, steps: int, lagging: Lagging) -> None:
    """Any order, late writes, silent providers, new plans, stalled enactors."""
    for _ in range(steps):
        chance = random.random()
        world.second += random.choice((0.01, 0.5, 3.0))
        if chance < 0.05:
            world.newest = number(world.newest.generation + 1, lagging)
        elif chance < 0.1:
            world.down = {random.choice((A, B))} if not world.down else set()
        elif chance < 0.2 and world.late:
            provider, transaction = world.late.pop(random.randrange(len(world.late)))
            world.arrive(provider, transaction)
        elif world.todo:
            fate = "late" if random.random() < 0.2 else ""
            world.do(random.randrange(len(world.todo)), fate)
        else:
            world.wake(random.randrange(world.enactors))


@pytest.mark.parametrize("lagging", list(Lagging))
@pytest.mark.parametrize("seed", range(25))
def test_in_any_order_each_provider_only_goes_forward_and_all_meet(
    lagging: Lagging, seed: int
) -> None:
    """Safety after every write; once faults stop, both show the newest plan."""
    world = World(enactors=2, newest=number(1, lagging))
    chaos(world, Random(seed), 250, lagging)
    world.down = set()
    for provider, transaction in world.late:
        world.arrive(provider, transaction)
    world.todo = [one for one in world.todo if not isinstance(one[1][1], RetryAt)]
    for _ in range(12):
        world.second += 10
        for index in range(2):
            world.wake(index)
        world.settle()
        world.todo.clear()
        world.states = [
            dual.begin(EnactorName(f"e{index}"), world.newest.layout, NO_GENERATION)
            for index in range(2)
        ]
    assert (world.generation(A), world.generation(B)) == (world.newest.generation,) * 2


def without_fence_at_the_second(provider: ProviderName, transaction: Transaction) -> Transaction:
    """The mutant: the second provider is written to on the zone's epoch alone."""
    if provider is not B:
        return transaction
    at_epoch = tuple(one for one in transaction.conditions if "_outlast-epoch" in one.name)
    return replace(transaction, conditions=at_epoch)


def test_going_on_without_the_fence_at_the_second_is_found() -> None:
    """The same search must see it, or it would prove nothing."""
    for seed in range(300):
        world = World(
            enactors=2, newest=number(1, Lagging.GO_ON), mutate=without_fence_at_the_second
        )
        try:
            chaos(world, Random(seed), 400, Lagging.GO_ON)
            for provider, transaction in world.late:
                world.arrive(provider, transaction)
        except AssertionError as found:
            assert "S2: other went" in str(found)  # noqa: PT017 - what the search finds is the point
            return
    pytest.fail("no seed found the mutant")


def publish(world: World) -> None:
    """Publish the newest plan at both."""
    world.wake(0)
    world.settle()
    assert world.generation(A) == world.generation(B) == world.newest.generation


def test_both_flip_in_one_round_once_both_are_ready() -> None:
    """Nothing that clients see changes before the last mark is taken; then both change at once."""
    world = World()
    publish(world)
    world.newest = number(2)
    world.wake(0)
    while world.marked[A] | world.marked[B] != {1, 2} or 2 not in world.marked[A] & world.marked[B]:
        assert (world.generation(A), world.generation(B)) == (1, 1)
        world.do(0)
    began = world.second
    world.settle()
    assert (world.generation(A), world.generation(B)) == (2, 2)
    assert world.second - began < 2.0


@pytest.mark.parametrize("lagging", [Lagging.HOLD, Lagging.ROLL_BACK])
def test_hold_changes_nothing_and_names_who_is_missing(lagging: Lagging) -> None:
    """However long it takes; then both flip."""
    world = World(newest=number(1, lagging))
    publish(world)
    world.newest = number(2, lagging)
    world.down = {B}
    world.wake(0)
    world.settle(300)
    assert (world.generation(A), world.generation(B)) == (1, 1)
    drifts = [one.drift for _, one in world.told if isinstance(one, ReportDrift)]
    lags = [one for one in drifts if one.kind is DriftKind.LAGGING]
    assert [one.message for one in lags] == ["generation 2 waits for other"]
    world.down = set()
    world.settle()
    assert (world.generation(A), world.generation(B)) == (2, 2)


def test_go_on_waits_for_the_window_and_no_longer() -> None:
    """The ready one flips after five seconds; the other follows when it can, with no mark needed."""
    world = World(newest=number(1, Lagging.GO_ON))
    publish(world)
    world.newest = number(2, Lagging.GO_ON)
    world.down = {B}
    world.wake(0)
    began = world.second
    while world.generation(A) == 1:
        world.second += 0.05
        world.do(0)
    assert 5.0 <= world.second - began < 7.0
    world.down = set()
    world.settle()
    assert world.generation(B) == 2


def test_roll_back_asks_for_what_was_before() -> None:
    """One flipped, the other fails in the middle: after the window the plan before is asked for, once."""
    world = World(newest=number(1, Lagging.ROLL_BACK))
    publish(world)
    world.newest = number(2, Lagging.ROLL_BACK)
    world.wake(0)
    while world.generation(A) == 1:
        world.do(0)
    world.down = {B}
    world.settle(300)
    for _ in range(3):
        world.second += 5
        world.wake(0)
        world.settle(20)
    asked = [one for _, one in world.told if isinstance(one, RollBack)]
    assert asked == [RollBack(generation=Generation(2))]


def test_a_wiped_provider_is_healed_while_the_other_is_away() -> None:
    """What is published anywhere needs no gate: a heal waits for nobody."""
    world = World()
    publish(world)
    world.zones[A] = modeldns.drop(
        world.zones[A], *world.newest.layout.names, world.newest.layout.fence_at
    )
    world.down = {B}
    world.wake(0)
    world.settle(60)
    assert world.generation(A) == 1
