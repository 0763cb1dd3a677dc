"""The point of no return: after which step of a failing run all redrawn futures fail.

For each prefix the rest is drawn anew many times. The share of futures that end badly is an estimate of
the chance of disaster at that moment; the step at which it reaches one for good is where it became
unavoidable, often long before anybody could see it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from outlast.sim.design import AnyDesign, Step, invariant_of

FUTURES = 200


@dataclass(frozen=True, slots=True)
class Fate:
    """How likely disaster was after each step.

    Attributes:
        ratios: share of futures that failed, before the first step and after each; the last is 1.
        point: the number of the step (from 1) from which on every future failed; 0: it was
            unavoidable from the start.
    """

    ratios: tuple[float, ...]
    point: int


def fate_of(
    design: AnyDesign,
    steps: Sequence[Step],
    found: str,
    random: Random,
    *,
    futures: int = FUTURES,
    limit: int = 400,
) -> Fate:
    """Redraw the rest after each prefix; `found` is what the run breaks."""
    invariant = invariant_of(found)
    ratios = []
    for cut in range(len(steps)):
        bad = sum(
            _future_fails(design, steps[:cut], invariant, random, limit) for _ in range(futures)
        )
        ratios.append(bad / futures)
    ratios.append(1.0)
    point = len(steps)
    while point > 0 and ratios[point - 1] >= 1.0:
        point -= 1
    return Fate(tuple(ratios), point)


def _future_fails(
    design: AnyDesign, prefix: Sequence[Step], invariant: str, random: Random, limit: int
) -> bool:
    shared, locals_ = design.begin()
    for actor, option in prefix:
        design.move(actor, option, shared, locals_[actor])
    for _ in range(limit):
        able = [
            (actor, options)
            for actor, local in enumerate(locals_)
            if (options := design.options(actor, shared, local))
        ]
        if not able:
            return False
        actor, options = able[int(random.random() * len(able))]
        option = int(random.random() * options)
        deed = design.move(actor, option, shared, locals_[actor])
        if deed and invariant_of(design.judge(shared, deed)) == invariant:
            return True
    return False
