"""Tree: laid under names of its own, read back, flipped by one write, swept only while another is live."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from tests.support import modeldns
from tests.support.builders import NAME, ZONE, at, nonce

from outlast.core import tree as trees
from outlast.core.tree import Tree, chunks, flip, is_laid, lay_chunk, may_sweep, plant, sweep_chunk
from outlast.model.errors import Bug
from outlast.model.fence import Epoch, Fence, epoch_name, fence_name, parse_fence
from outlast.model.names import DnsName, EndpointName, ProviderName
from outlast.model.plan import Layout, Observation, OutcomeKind, Transaction
from outlast.model.records import RecordSet, RecordType
from outlast.model.units import Generation

LAYOUT = Layout(
    endpoint=EndpointName("api"),
    provider=ProviderName("dns"),
    zone=ZONE,
    fence_at=fence_name(NAME),
    names=(NAME,),
)
TTL_S = 60
Sweepable = Callable[["World", int, Observation], bool]


def big(generation: int, leaves: int = 4) -> Tree:
    """A tree of some leaves, which fit two chunks in these tests."""
    bare = Tree(
        zone=ZONE,
        root=NAME,
        fence_at=LAYOUT.fence_at,
        generation=Generation(generation),
        ttl_s=TTL_S,
        leaves=(),
    )
    records = [("", RecordType.A, (f"10.0.{generation % 250}.1",))]
    records += [
        (f"lb{one}", RecordType.A, (f"10.{generation % 250}.{one // 250}.{one % 250 + 1}",))
        for one in range(leaves)
    ]
    return replace(bare, leaves=plant(bare, records))


def fence_of(one: Tree, number: int) -> Fence:
    """The fence that a flip to a tree writes."""
    return Fence(generation=one.generation, digest=one.digest, nonce=nonce(number), writer="e1")


def test_a_tree_is_cut_into_transactions_and_no_set_is_split() -> None:
    """Every record once, in order, each piece below the limit."""
    whole = big(1, leaves=5_000)
    pieces = chunks(whole.leaves)
    assert len(pieces) > 3
    assert tuple(one for piece in pieces for one in piece) == whole.leaves
    huge = RecordSet.of(
        NAME, RecordType.A, 60, [f"10.1.{one // 250}.{one % 250}" for one in range(2_500)]
    )
    with pytest.raises(Bug, match="does not fit"):
        chunks((huge,))


def seen(generation: int, second: float = 0) -> Observation:
    """What is read while a generation is live."""
    fence = str(fence_of(big(generation), 1)) if generation else ""
    return Observation(
        endpoint=LAYOUT.endpoint,
        provider=LAYOUT.provider,
        epoch=(str(Epoch(1, nonce(1))),),
        fence=(fence,) if fence else (),
        record_sets=(),
        at_ns=at(second),
    )


@pytest.mark.parametrize(
    ("doomed", "live", "before", "stood_s", "allowed"),
    [
        (1, 3, 2, TTL_S, True),
        (1, 3, 2, TTL_S - 1, False),  # somebody's resolver may still follow the old root
        (2, 3, 2, TTL_S, False),  # the one before: somebody may have to go back to it
        (3, 3, 2, TTL_S, False),  # live
        (4, 3, 2, TTL_S, False),  # laid, and about to be live
        (1, 0, 0, TTL_S, False),  # nobody knows what is live
    ],
)
def test_what_may_be_swept(
    doomed: int, live: int, before: int, stood_s: int, *, allowed: bool
) -> None:
    """Never the live tree, its predecessor, or one that is yet to come; and not before one maximum TTL."""
    found = seen(live, stood_s)
    verdict = may_sweep(
        Generation(doomed), found, Generation(before), live_since_ns=at(0), ttl_max_s=TTL_S
    )
    assert verdict is allowed


def test_the_core_refuses_what_must_never_be_sent() -> None:
    """A sweep of the live tree, names outside of the tree, a flip that goes back: faults of our own."""
    one, two = big(1), big(2)
    with pytest.raises(Bug, match="is live"):
        sweep_chunk(NAME, Generation(2), two.leaves, seen(2), ZONE)
    with pytest.raises(Bug, match="nobody knows"):
        sweep_chunk(NAME, Generation(1), one.leaves, seen(0), ZONE)
    with pytest.raises(Bug, match="does not lie below"):
        sweep_chunk(NAME, Generation(1), two.leaves, seen(3), ZONE)
    with pytest.raises(Bug, match="go back"):
        flip(one, seen(2), fence_of(one, 9))
    with pytest.raises(Bug, match="not to be laid"):
        lay_chunk(one, one.leaves, seen(1))


@dataclass
class Worker:
    """One enactor in the middle of its work on one tree; `step` says what comes next."""

    goal: Tree
    step: int = 0
    found: Observation = field(default_factory=lambda: seen(0))


@dataclass
class World:
    """A model server, workers that may stall anywhere, and writes that arrive late."""

    sweepable: Sweepable
    conditional: bool = True
    zone: modeldns.Zone = ()
    second: float = 0.0
    newest: int = 1
    workers: list[Worker] = field(default_factory=lambda: [Worker(big(1)), Worker(big(1))])
    late: list[Transaction] = field(default_factory=list)
    laid_at: dict[int, float] = field(default_factory=dict)
    flips: list[tuple[int, float]] = field(default_factory=list)
    nonces: int = 10

    def __post_init__(self) -> None:
        epoch = RecordSet(epoch_name(ZONE), RecordType.TXT, 0, (str(Epoch(1, nonce(1))),))
        self.zone = modeldns.put((), epoch)

    def read(self) -> Observation:
        """Fence, epoch and root."""
        return modeldns.read(self.zone, LAYOUT, at(self.second))

    def below(self, generation: int) -> tuple[RecordSet, ...]:
        """What stands under a tree's top."""
        top = trees.top_of(NAME, Generation(generation))
        return tuple(one for one in self.zone if one.name == top or one.name.endswith(f".{top}"))

    def write(self, transaction: Transaction) -> OutcomeKind:
        """A write arrives; what clients see is whole before and after."""
        before = trees.live_of(self.read())
        self.zone, kind = modeldns.apply(self.zone, transaction)
        live = trees.live_of(self.read())
        assert live >= before, f"S2: from {before} to {live}"
        if live != before:
            self.flips.append((live, self.second))
        if live:
            assert is_laid(big(live), self.below(live)), (
                f"S1: generation {live} is live and not whole"
            )
        return kind

    def work(self, worker: Worker, random: Random) -> None:
        """One step of one worker: read, lay two pieces, verify, flip; or, when done, sweep."""
        pieces = (worker.goal.leaves[:3], worker.goal.leaves[3:])
        match worker.step:
            case 0 | 1:
                if worker.step == 0:
                    worker.found = self.read()
                if trees.live_of(worker.found) >= worker.goal.generation:
                    self.sweep(worker, random)
                    return
                self.send(worker, lay_chunk(worker.goal, pieces[worker.step], worker.found), random)
                self.laid_at.setdefault(worker.goal.generation, self.second)
            case 2:
                whole = is_laid(worker.goal, self.below(worker.goal.generation))
                worker.step = 3 if whole else 0
            case _:
                self.nonces += 1
                fence = fence_of(worker.goal, self.nonces)
                self.send(worker, flip(worker.goal, worker.found, fence), random)
                worker.step = 0

    def send(self, worker: Worker, transaction: Transaction, random: Random) -> None:
        """Write, or lose the write on the way: it may arrive at any later time."""
        if random.random() < 0.15:
            self.late.append(transaction)
            worker.step = 0
            return
        worker.step = worker.step + 1 if self.write(transaction) is OutcomeKind.APPLIED else 0

    def sweep(self, worker: Worker, random: Random) -> None:
        """Look for a tree to sweep; then take up the newest plan."""
        for doomed in range(1, self.newest + 1):
            standing = self.below(doomed)
            if standing and self.sweepable(self, doomed, worker.found):
                self.send(worker, self.removal(doomed, standing, worker.found), random)
        worker.goal, worker.step = big(self.newest), 0

    def removal(
        self, doomed: int, standing: tuple[RecordSet, ...], found: Observation
    ) -> Transaction:
        """The sweep, with its condition; a mutant's has none but the epoch."""
        if self.conditional:
            return sweep_chunk(NAME, Generation(doomed), standing, found, ZONE)
        epoch = tuple(one for one in lay_chunk(big(99), big(99).leaves, found).conditions[:1])
        return Transaction(
            zone=ZONE,
            conditions=epoch,
            deletions=tuple((one.name, one.rtype) for one in standing),
            additions=(),
        )

    def run(self, random: Random, steps: int) -> None:
        """Any order."""
        for _ in range(steps):
            self.second += random.choice((0.1, 5.0, 70.0))
            chance = random.random()
            if chance < 0.08:
                self.newest += 1
            elif chance < 0.2 and self.late:
                self.write(self.late.pop(random.randrange(len(self.late))))
            else:
                self.work(random.choice(self.workers), random)


def by_the_rule(world: World, doomed: int, found: Observation) -> bool:
    """The production rule."""
    flips = [one for one in world.flips if one[0] <= trees.live_of(found)]
    if len(flips) < 2 or flips[-1][0] != trees.live_of(found):
        return False
    (before, _), (_, since) = flips[-2:]
    return may_sweep(
        Generation(doomed), found, Generation(before), live_since_ns=at(since), ttl_max_s=TTL_S
    )


def by_age(world: World, doomed: int, found: Observation) -> bool:
    """The mutant: whatever was laid long ago and is not live may go, as in October 2025."""
    return doomed != trees.live_of(found) and world.second - world.laid_at.get(doomed, 0.0) > TTL_S


@pytest.mark.parametrize("seed", range(60))
def test_in_any_order_what_is_live_is_whole(seed: int) -> None:
    """Stalls and late writes included, the root leads to a whole tree after every single write."""
    world = World(by_the_rule)
    world.run(Random(seed), 400)
    assert len(world.flips) > 3, "something was published"


def test_old_trees_are_swept() -> None:
    """Safety is no excuse for leaving everything: the first trees are gone in the end."""
    world = World(by_the_rule)
    world.run(Random(5), 1_500)
    assert not world.below(1)
    assert parse_fence(world.read().fence) is not None


def test_a_clean_up_by_age_is_found() -> None:
    """A tree that waits to be flipped is old as well; taken away, the flip leads nowhere."""
    assert finds(World(by_age, conditional=False))


def test_a_clean_up_by_age_is_found_even_with_the_condition() -> None:
    """The fence does not move while a tree only waits: the condition alone does not replace the rule."""
    assert finds(World(by_age))


def finds(template: World) -> bool:
    """Whether some seed shows a live tree that is not whole."""
    for seed in range(300):
        world = World(template.sweepable, conditional=template.conditional)
        try:
            world.run(Random(seed), 400)
        except AssertionError as found:
            return "is live and not whole" in str(found)
    return False


def test_names_of_trees_lie_below_the_root() -> None:
    """One zone, one fence: a flip is one transaction."""
    assert trees.top_of(DnsName("www.example.org"), Generation(42)) == "g42.www.example.org"
