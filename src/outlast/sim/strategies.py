"""Strategies: who moves next. Each is one function that runs a design once, from its start to a stop.

No single scheduler finds everything. A uniform random walk misses the October 2025 race at a realistic
clean-up age altogether, because one enactor must stand still while dozens of plans pass it by:

- `uniform`: each actor that can move is as likely as the others.
- `partial_order` (POS): each event gets a fresh random priority; the highest that can move goes first. A
  low draw keeps an actor waiting for a long time, which is what a delayed enactor does.
- `pct` (probabilistic concurrency testing): fixed random priorities, and at d - 1 random steps the actor
  at the top falls to the bottom. A bug that needs d orderings is hit with a known least probability.
- `delays`: actors run until they wait, in rotation; at d random steps the running one is put last.
- `stalls`: virtual time; each move takes its pace times an exponential draw, and now and then one stalls
  with a heavy tail. The one strategy that says how *likely* something is.

All are pure functions of the generator they are handed. The loops are written out in full, because a call
more in each step costs a fifth of all schedules.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from outlast.model.units import NS_PER_MS, NS_PER_S
from outlast.sim.design import AnyDesign, Step
from outlast.sim.kernel import Kernel

STALL_MAX_NS = 4 * 3600 * NS_PER_S
"""A process that was suspended comes back within a shift."""


@dataclass(slots=True)
class Run:
    """One schedule: what it broke, the steps taken, and how much virtual time passed.

    Attributes:
        waits_ms: milliseconds before each step; empty in runs without a clock.
    """

    found: str
    steps: list[Step]
    waits_ms: list[int] = field(default_factory=list)
    virtual_ns: int = 0


@dataclass(frozen=True, slots=True)
class Luck:
    """How a run treats its open decisions.

    Attributes:
        fault_ratio: how often a move with several options takes another than the ordinary one.
        limit: steps after which a run ends without a finding.
        length: how many steps runs take, for strategies that spread their interventions over a run.
        rare_ratio: how often an actor of `Design.rare` moves when a strategy picks it; else the next one
            is taken. Without it all strokes of fortune fall into the first moments of a run.
    """

    fault_ratio: float
    limit: int
    length: int
    rare_ratio: float = 1.0


Strategy = Callable[[AnyDesign, Random, Luck], Run]


def uniform(design: AnyDesign, random: Random, luck: Luck) -> Run:
    """Run once with the next actor drawn among all that can move."""
    options, move, judge = design.options, design.move, design.judge
    shared, locals_ = design.begin()
    count, draw, rare = len(locals_), random.random, design.rare
    steps: list[Step] = []
    for _ in range(luck.limit):
        actor = int(draw() * count)
        local = locals_[actor]
        choices = options(actor, shared, local)
        if not choices or (actor in rare and draw() >= luck.rare_ratio):
            able = [one for one in range(count) if options(one, shared, locals_[one])]
            if rare and len(able) > 1:
                able = [one for one in able if one not in rare] or able
            if not able:
                break
            actor = able[int(draw() * len(able))]
            local = locals_[actor]
            choices = options(actor, shared, local)
        option = 0 if choices == 1 or draw() >= luck.fault_ratio else int(draw() * choices)
        steps.append((actor, option))
        deed = move(actor, option, shared, local)
        if deed:
            found = judge(shared, deed)
            if found:
                return Run(found, steps)
    return Run("", steps)


def partial_order(design: AnyDesign, random: Random, luck: Luck) -> Run:
    """Run once with a fresh random priority for each event (POS)."""
    options, move, judge = design.options, design.move, design.judge
    shared, locals_ = design.begin()
    draw, rare = random.random, design.rare
    order = sorted((draw(), actor) for actor in range(len(locals_)))
    steps: list[Step] = []
    for _ in range(luck.limit):
        for entry in order:
            actor = entry[1]
            local = locals_[actor]
            choices = options(actor, shared, local)
            if choices:
                break
        else:
            break
        order.remove(entry)
        low = 1.0 - luck.rare_ratio if actor in rare else 0.0
        insort(order, (low + draw() * (1.0 - low), actor))
        option = 0 if choices == 1 or draw() >= luck.fault_ratio else int(draw() * choices)
        steps.append((actor, option))
        deed = move(actor, option, shared, local)
        if deed:
            found = judge(shared, deed)
            if found:
                return Run(found, steps)
    return Run("", steps)


def pct(depth: int) -> Strategy:
    """Return the strategy for bugs that need `depth` ordered events."""

    def run(design: AnyDesign, random: Random, luck: Luck) -> Run:
        options, move, judge = design.options, design.move, design.judge
        shared, locals_ = design.begin()
        draw, rare = random.random, design.rare
        order = list(range(len(locals_)))
        random.shuffle(order)
        falls = {int(draw() * luck.length) for _ in range(depth - 1)}
        steps: list[Step] = []
        for number in range(luck.limit):
            for actor in order:
                local = locals_[actor]
                choices = options(actor, shared, local)
                if choices and (actor not in rare or draw() < luck.rare_ratio):
                    break
            else:
                actor, choices = _first_able(design, order, shared, locals_)
                if not choices:
                    break
                local = locals_[actor]
            option = 0 if choices == 1 or draw() >= luck.fault_ratio else int(draw() * choices)
            steps.append((actor, option))
            deed = move(actor, option, shared, local)
            if deed:
                found = judge(shared, deed)
                if found:
                    return Run(found, steps)
            if number in falls:
                order.remove(actor)
                order.append(actor)
        return Run("", steps)

    return run


def delays(bound: int) -> Strategy:
    """Return the strategy that rotates through the actors and delays one at `bound` random steps."""

    def run(design: AnyDesign, random: Random, luck: Luck) -> Run:
        options, move, judge = design.options, design.move, design.judge
        shared, locals_ = design.begin()
        draw, rare = random.random, design.rare
        order = list(range(len(locals_)))
        random.shuffle(order)
        put_off = {int(draw() * luck.length) for _ in range(bound)}
        steps: list[Step] = []
        for number in range(luck.limit):
            if number in put_off:
                order.append(order.pop(0))
            for actor in order:
                local = locals_[actor]
                choices = options(actor, shared, local)
                if choices and (actor not in rare or draw() < luck.rare_ratio):
                    break
            else:
                actor, choices = _first_able(design, order, shared, locals_)
                if not choices:
                    break
                local = locals_[actor]
            if actor != order[0]:
                place = order.index(actor)
                order = order[place:] + order[:place]
            option = 0 if choices == 1 or draw() >= luck.fault_ratio else int(draw() * choices)
            steps.append((actor, option))
            deed = move(actor, option, shared, local)
            if deed:
                found = judge(shared, deed)
                if found:
                    return Run(found, steps)
        return Run("", steps)

    return run


def _first_able(
    design: AnyDesign, order: list[int], shared: object, locals_: list[object]
) -> tuple[int, int]:
    """Return the first actor in the order that can move, and its options; (0, 0): none."""
    for actor in order:
        choices = design.options(actor, shared, locals_[actor])
        if choices:
            return actor, choices
    return 0, 0


def stalls(design: AnyDesign, random: Random, luck: Luck) -> Run:
    """Run once in virtual time, with stalls whose length has a heavy tail."""
    options, move = design.options, design.move
    shared, locals_ = design.begin()
    draw, exponential = random.random, random.expovariate
    ratio = (0.001, 0.003, 0.01, 0.03)[int(draw() * 4)]
    kernel: Kernel[int] = Kernel()
    waiting = list(range(len(locals_)))
    run = Run("", [], [])
    last_ns = 0
    for _ in range(luck.limit):
        still = []
        for actor in waiting:
            local = locals_[actor]
            if not options(actor, shared, local):
                still.append(actor)
                continue
            takes_ns = int(design.pace_ns(actor, shared, local) * exponential(1.0))
            if draw() < ratio:
                takes_ns += min(int(10 * NS_PER_S / max(draw(), 1e-4)), STALL_MAX_NS)
            kernel.after(takes_ns, actor)
        waiting = still
        if not len(kernel):
            break
        actor = kernel.take()
        waiting.append(actor)
        local = locals_[actor]
        choices = options(actor, shared, local)
        if not choices:
            continue
        option = 0 if choices == 1 or draw() >= luck.fault_ratio else int(draw() * choices)
        run.steps.append((actor, option))
        run.waits_ms.append((kernel.now_ns - last_ns) // NS_PER_MS)
        last_ns += run.waits_ms[-1] * NS_PER_MS
        deed = move(actor, option, shared, local)
        run.found = design.judge(shared, deed) if deed else ""
        if run.found:
            break
    run.virtual_ns = kernel.now_ns
    return run


def portfolio() -> tuple[tuple[str, Strategy], ...]:
    """Return all strategies by name, in the order in which a search takes turns."""
    return (
        ("uniform", uniform),
        ("pos", partial_order),
        ("pct-3", pct(3)),
        ("pct-4", pct(4)),
        ("pct-5", pct(5)),
        ("pct-6", pct(6)),
        ("delays-3", delays(3)),
        ("delays-5", delays(5)),
        ("stalls", stalls),
    )
