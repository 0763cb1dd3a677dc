"""Starvation: how far behind the newest plan is what gets published? L3, measured in virtual time.

On 20 October 2025 one enactor lost several times in a row, backed off, and fell dozens of generations
behind. Here both designs run under the same clock, without any fault: a new plan every few seconds, every
move takes a second on average, back-offs double. Whenever something is published its *lag* is noted, the
number of generations by which a newer plan existed at that moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from outlast.model.units import seconds
from outlast.sim.design import AnyDesign
from outlast.sim.kernel import Kernel

Lag = Callable[[Any, Any], int | None]
"""From shared and local cells before a move: by how much what is about to be published is behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast things go: who makes the plans, how often, and how long any other move takes."""

    planners: frozenset[int]
    plan_s: float
    move_s: float = 1.0


def lags(design: AnyDesign, lag: Lag, pace: Pace, random: Random, *, limit: int) -> list[int]:
    """Run once for at most `limit` moves; return the lag of each publication."""
    shared, locals_ = design.begin()
    kernel: Kernel[int] = Kernel()
    waiting, found = list(range(len(locals_))), []
    for _ in range(limit):
        still = []
        for actor in waiting:
            if not design.options(actor, shared, locals_[actor]):
                still.append(actor)
                continue
            mean_s = pace.plan_s if actor in pace.planners else pace.move_s
            mean_ns = max(
                seconds(mean_s), _back_off_ns(design, actor, shared, locals_[actor], pace)
            )
            kernel.after(int(mean_ns * random.expovariate(1.0)), actor)
        waiting = still
        if not len(kernel):
            break
        actor = kernel.take()
        waiting.append(actor)
        options = design.options(actor, shared, locals_[actor])
        if not options:
            continue
        behind = lag(shared, locals_[actor])
        before = design.dns(shared) if behind is not None else ""
        design.move(actor, int(random.random() * options), shared, locals_[actor])
        if behind is not None and design.dns(shared) != before:
            found.append(behind)
    return found


def _back_off_ns(design: AnyDesign, actor: int, shared: Any, local: Any, pace: Pace) -> int:
    """The design's own pace where it is slower than an ordinary move: a loser that backs off."""
    return 0 if actor in pace.planners else design.pace_ns(actor, shared, local)
