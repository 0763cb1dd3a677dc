"""Liveness: after any prefix the faults stop, and what must happen at last has to happen within a bound.

A safe design can still be useless: the automation of October 2025 was safe once the endpoint was empty, and
stayed so until people came. So each prefix of moves can be continued *calmly*: no fault any more, every
actor gets its turn, the planner makes two more plans. What does not hold after the bound never will, for
all that anybody can wait.

Two strengths. `heal` follows one fair schedule (rotation), which is cheap and belongs to every search.
`hopeless` follows *all* calm schedules from one state and tells whether any of them ever heals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.sim.design import AnyDesign, Step
from outlast.sim.exhaust import Bound, Exploration, Explorer

HEAL_BOUND = 4_000
"""Calm moves within which every promise must hold; our own design needs a few dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Healing:
    """What became of a world whose faults stopped.

    Attributes:
        unsettled: the promise that still does not hold at the bound; empty: all hold.
        broken: a safety invariant broken on the way; empty: none.
        steps: the calm moves, up to the moment from which all promises held.
    """

    unsettled: str
    broken: str
    steps: tuple[Step, ...]


def heal(design: AnyDesign, prefix: Sequence[Step], bound: int) -> Healing:
    """Continue a prefix calmly and fairly until every promise holds, or for `bound` moves."""
    shared, locals_ = design.begin()
    for actor, option in prefix:
        design.move(actor, option, shared, locals_[actor])
    design.calm(shared, locals_)
    steps: list[Step] = []
    broken = ""
    moved = True
    while moved and len(steps) < bound:
        moved = False
        for actor, local in enumerate(locals_):
            if not design.options(actor, shared, local):
                continue
            moved = True
            deed = design.move(actor, 0, shared, local)
            steps.append((actor, 0))
            broken = broken or (design.judge(shared, deed) if deed else "")
            if not design.unsettled(shared):
                return Healing(unsettled="", broken=broken, steps=tuple(steps))
    return Healing(unsettled=design.unsettled(shared), broken=broken, steps=tuple(steps))


def hopeless(design: AnyDesign, prefix: Sequence[Step], bound: Bound) -> tuple[bool, Exploration]:
    """Follow every calm schedule after a prefix.

    Returns:
        whether *no* reachable state fulfils the promises, and what was explored. Only where the
        exploration is complete is this a proof.
    """
    shared, locals_ = design.begin()
    for actor, option in prefix:
        design.move(actor, option, shared, locals_[actor])
    design.calm(shared, locals_)
    explorer = Explorer(design, bound, start=(shared, locals_))
    seen = explorer.run()
    return not any(not design.unsettled(one) for one in explorer.shared_states()), seen
