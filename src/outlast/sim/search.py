"""Search in the large: a portfolio of strategies in turns, every run with its own draw of the world.

Work is cut in batches. A batch is a pure function of (spec, seed, number): its generator is keyed by all
three through BLAKE2, so that no two batches share a stream and any process may do any batch; that is what
makes a search resumable and its result independent of how many cores there were.

Each run draws its own subset of the faults (swarm testing: a fault that is always on hides what happens
without it) and its own rate. Now and then a run is cut at a random step and continued calmly, to see
whether the world heals from there.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from outlast.sim.design import AnyDesign, Spec, Step, judged
from outlast.sim.liveness import HEAL_BOUND, heal
from outlast.sim.strategies import Luck, Run, portfolio, uniform

RUNS_A_BATCH = 180
FAULT_RATIOS = (0.02, 0.05, 0.15, 0.4)
RARE_RATIOS = (0.02, 0.05, 0.15, 0.5)
STEPS_MAX = 6_000
HEAL_RATIO = 0.1
"""Share of runs that are also continued calmly."""

Build = Callable[[Spec], AnyDesign]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A failing run, before shrinking.

    Attributes:
        spec: the very world of this run, its drawn faults included.
        found: the broken invariant or promise.
        calm: whether it fails only after its steps, when the faults have stopped.
        strategy: who found it; batch is where.
    """

    spec: Spec
    found: str
    steps: tuple[Step, ...]
    waits_ms: tuple[int, ...]
    calm: bool
    strategy: str
    batch: int


@dataclass(slots=True)
class Tally:
    """Numbers of a search, added up over batches."""

    schedules: int = 0
    steps: int = 0
    healed: int = 0
    virtual_ns: int = 0
    batches: int = 0
    hits: dict[str, int] = field(default_factory=dict)
    heal_steps_max: int = 0

    def add(self, other: "Tally") -> None:
        """Add another batch's numbers."""
        self.schedules += other.schedules
        self.steps += other.steps
        self.healed += other.healed
        self.virtual_ns += other.virtual_ns
        self.batches += other.batches
        self.heal_steps_max = max(self.heal_steps_max, other.heal_steps_max)
        for name, count in other.hits.items():
            self.hits[name] = self.hits.get(name, 0) + count


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to search for.

    Attributes:
        heal_bound: calm moves within which every promise must hold; 0: liveness is not looked at.
        stop: end the batch at the first finding.
        only: names of strategies to use; empty: all.
    """

    spec: Spec
    seed: int = 1
    heal_bound: int = HEAL_BOUND
    stop: bool = True
    only: tuple[str, ...] = ()


def keyed(seed: int, *purpose: object) -> Random:
    """Return a generator of its own for a purpose. Never XOR: seeds would share streams."""
    text = "/".join([str(seed), *map(str, purpose)])
    # Chance here decides what is explored; nothing secret comes of it.
    return Random(hashlib.blake2b(text.encode(), digest_size=16).digest())  # noqa: S311


def search_batch(build: Build, wish: Wish, number: int) -> tuple[Tally, Finding | None]:
    """Run one batch of schedules."""
    random = keyed(wish.seed, wish.spec, number)
    worlds: dict[tuple[str, ...], AnyDesign] = {}
    strategies = [one for one in portfolio() if not wish.only or one[0] in wish.only]
    length = 0
    tally = Tally(batches=1)
    first: Finding | None = None
    for turn in range(RUNS_A_BATCH):
        faults = tuple(one for one in wish.spec.faults if random.random() < 0.5)
        if faults not in worlds:
            worlds[faults] = build(replace(wish.spec, faults=faults))
        design = worlds[faults]
        ratio = random.choice(FAULT_RATIOS)
        if not length:
            length = max(10, len(uniform(design, random, Luck(0.0, STEPS_MAX, 10)).steps))
        name, strategy = strategies[turn % len(strategies)]
        luck = Luck(ratio, STEPS_MAX, length, random.choice(RARE_RATIOS) if design.rare else 1.0)
        run = strategy(design, random, luck)
        tally.schedules += 1
        tally.steps += len(run.steps)
        tally.virtual_ns += run.virtual_ns
        calm = False
        if not run.found and wish.heal_bound and random.random() < HEAL_RATIO:
            calm = _cut_and_heal(design, run, random, wish, tally)
        if run.found:
            tally.hits[name] = tally.hits.get(name, 0) + 1
            first = first or Finding(
                spec=design.spec,
                found=run.found,
                steps=tuple(run.steps),
                waits_ms=tuple(run.waits_ms),
                calm=calm,
                strategy=name,
                batch=number,
            )
            if wish.stop:
                break
    return tally, first


def _cut_and_heal(design: AnyDesign, run: Run, random: Random, wish: Wish, tally: Tally) -> bool:
    """Continue a prefix of a run calmly; a promise or an invariant broken there becomes the run's."""
    cut = random.randrange(len(run.steps) + 1)
    prefix = run.steps[:cut]
    healing = heal(design, prefix, wish.heal_bound)
    tally.healed += 1
    tally.steps += len(healing.steps)
    tally.heal_steps_max = max(tally.heal_steps_max, len(healing.steps))
    run.found = judged(design.spec, healing.broken, healing.unsettled)
    run.steps, run.waits_ms = prefix, run.waits_ms[:cut]
    return bool(run.found)


def search(
    build: Build, wish: Wish, *, seconds: float, batches: int | None = None, begin: int = 0
) -> tuple[Tally, Finding | None]:
    """Search in this process, batch after batch, until something is found or time is up."""
    until = time.perf_counter() + seconds
    total = Tally()
    number = begin
    while time.perf_counter() < until and (batches is None or number - begin < batches):
        tally, finding = search_batch(build, wish, number)
        total.add(tally)
        number += 1
        if finding and wish.stop:
            return total, finding
    return total, None
