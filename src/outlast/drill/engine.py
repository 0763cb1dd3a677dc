"""The engine: runs a scenario on a topology and returns what it showed.

Deterministic: the same topology and scenario give the same bits. Where the faults are over and the world
is down still, or operators had to act, a copy of the instant at which the last fault ended is left to
itself, and what keeps it down is named (see `metastable`).
"""

from collections.abc import Callable
from dataclasses import replace

from outlast.drill.metastable import sustaining
from outlast.drill.outcome import Loop, Outcome
from outlast.drill.running import MINUTE_S, Run
from outlast.drill.scenario import ActionKind, Scenario
from outlast.model.topology import Topology

HORIZON_S = 7200.0
"""How long a world that is left to itself is watched at most."""


def run(
    topology: Topology,
    scenario: Scenario,
    *,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Run a scenario on a topology.

    Args:
        progress: is told once a minute of simulated time how far it is, 0 to 1.

    Raises:
        KeyError: a fault or action names something that the topology does not have.
    """
    made = Run(topology, scenario)
    minutes, ended, acts_before = made.meters.minutes, None, 0
    for minute in range(minutes):
        made.minute()
        if ended is None and made.calm and made.down():
            ended, acts_before = made.fork(), len(made.timeline.taken)
        if progress is not None:
            progress((minute + 1) / minutes)
    outcome = made.outcome()
    if ended is None:
        return outcome
    helped = [
        one for one in made.timeline.taken[acts_before:] if one.act.kind is not ActionKind.ANNOUNCE
    ]
    if not made.down() and not helped:
        return outcome
    return replace(outcome, metastable=_loops(ended, made.now_s))


def _loops(ended: Run, end_s: float) -> tuple[Loop, ...]:
    horizon_s = min(HORIZON_S, max(10 * MINUTE_S, end_s - ended.now_s))
    return tuple(one for one in sustaining(ended, horizon_s) if one.healed_s is not None)
