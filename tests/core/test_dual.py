"""Dual: several providers flip together, each behind its own fence; lagging is the operator's choice.

Interleavings are explored by `sim/designs/dual`; here are the stories."""

from dataclasses import dataclass, field, replace

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


def as_dual(one: Plan, lagging: Lagging) -> Plan:
    """The same plan at two providers."""
    layout = replace(one.layout, mirrors=(B,), lagging=lagging, window_s=5.0)
    return replace(one, layout=layout)


def number(generation: int, lagging: Lagging = Lagging.HOLD) -> Plan:
    """The plan of this number; odd and even ones have other content."""
    made = plan(ONE if generation % 2 else TWO, generation=generation)
    return as_dual(made, lagging)


@dataclass
class World:
    """Two model servers, any number of enactors, and a scheduler that a test decides for.

    Attributes:
        down: providers that do not answer.
        marked: per provider the generations whose mark was ever taken there.
    """

    enactors: int = 1
    newest: Plan = field(default_factory=lambda: number(1))
    zones: dict[ProviderName, modeldns.Zone] = field(default_factory=lambda: {A: (), B: ()})
    second: float = 0.0
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

    def do(self, at_index: int) -> None:
        """Carry one command out."""
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
                kind = self._write(provider, transaction)
                self.feed(index, provider, Wrote(outcome=Outcome(kind=kind), at_ns=now_ns))
            case RetryAt():
                layout = replace(self.newest.layout, provider=provider)
                self.feed(index, provider, Woken(layout=layout, at_ns=now_ns))
            case Confirm() | ReportDrift() | RollBack():
                self.told.append((provider, command))

    def _write(self, provider: ProviderName, transaction: Transaction) -> OutcomeKind:
        if provider in self.down:
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
    while world.generation(A) == 1 and world.second - began < 60:
        world.second += 0.05
        world.do(0)
    assert 5.0 <= world.second - began < 7.0
    world.down = set()
    world.settle()
    assert world.generation(B) == 2


@pytest.mark.parametrize(
    ("origin", "lagging", "laid", "live", "open_"),
    [
        (Origin.AUTOMATIC, Lagging.HOLD, (2, 2), (1, 1), True),
        (Origin.AUTOMATIC, Lagging.HOLD, (2, 0), (1, 1), False),
        (Origin.AUTOMATIC, Lagging.ROLL_BACK, (2, 0), (1, 1), False),
        (Origin.AUTOMATIC, Lagging.GO_ON, (2, 0), (1, 1), True),
        (
            Origin.AUTOMATIC,
            Lagging.GO_ON,
            (0, 0),
            (1, 1),
            False,
        ),  # nobody took a mark: who goes on?
        (Origin.AUTOMATIC, Lagging.GO_ON, (1, 1), (1, 1), False),  # marks of another plan
        (
            Origin.AUTOMATIC,
            Lagging.HOLD,
            (0, 0),
            (2, 0),
            True,
        ),  # published there: a heal, or a follower
        (Origin.RESCUE, Lagging.HOLD, (0, 0), (1, 1), True),
        (Origin.ADOPTED, Lagging.HOLD, (0, 0), (1, 1), True),
        (Origin.ROLLBACK, Lagging.HOLD, (0, 0), (1, 1), True),
    ],
)
def test_for_whom_the_gate_is_open_after_the_window(
    origin: Origin,
    lagging: Lagging,
    laid: tuple[int, int],
    live: tuple[int, int],
    open_: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Those by which people repair things wait for nobody, nor does what is published already."""
    wanted = replace(number(2, lagging), origin=origin)
    begun = dual.begin(EnactorName("e0"), wanted.layout, NO_GENERATION)
    lanes = tuple(
        replace(lane, laid=Generation(laid[k]), live=Generation(live[k]))
        for k, lane in enumerate(begun.lanes)
    )
    state = replace(begun, lanes=lanes, wanted=wanted.generation, since_ns=at(0))
    assert dual.is_open(state, wanted, at(5)) is open_


@pytest.mark.parametrize(
    ("lagging", "goes_back"),
    [(Lagging.ROLL_BACK, True), (Lagging.HOLD, False), (Lagging.GO_ON, False)],
)
def test_roll_back_alone_asks_for_what_was_before(lagging: Lagging, *, goes_back: bool) -> None:
    """One flipped, the other fails in the middle: after the window the plan before is asked for, once."""
    world = World(newest=number(1, lagging))
    publish(world)
    world.newest = number(2, lagging)
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
    assert asked == [RollBack(generation=Generation(2))] * goes_back


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
