"""Metastability: the fault is over, and the world stays down. Which loop keeps it there?

A system is *metastable* once a trigger has lasted long enough that the wait is longer than the patience:
then its own retries, stale work, lost leases or removed nodes hold it down (Bronson et al., HotOS 2021;
Huang et al., OSDI 2022, who found retries in more than half of the cases).

From the instant at which the last fault ended, without operators' help, does the world come to rest? If
not, one feedback after another is cut in a copy of that instant; what heals it, held it.
"""

from dataclasses import replace

from outlast.drill.levers import cut
from outlast.drill.outcome import Loop
from outlast.drill.running import MINUTE_S, Run
from outlast.drill.scenario import Scenario
from outlast.model.topology import Topology

SETTLED_S = 600.0
"""What is up for so long stays up: no mechanism has a longer memory while nothing is wrong."""

COLD_START = "cold start"

FEEDBACKS = ("retries", "stale work", "leases", "health checks", "waiting", COLD_START)
"""What can be cut: clients trying again, work that nobody waits for, leases submitted twice, removal by
health checks, callers that wait for slow answers, needs without which nothing starts."""


def loops(
    topology: Topology, scenario: Scenario, *, horizon_s: float | None = None
) -> tuple[Loop, ...]:
    """Return what keeps the world down once the faults of a scenario are over; empty: nothing does.

    Args:
        horizon_s: within which time it must come back by itself; None: what is left of the scenario, an
            hour at least.
    """
    end_s = last_end_s(scenario)
    if end_s is None:
        return ()
    made = Run(topology, replace(scenario, length_s=end_s + MINUTE_S))
    while made.now_s < end_s:
        made.minute()
    left_s = max(3600.0, scenario.length_s - made.now_s)
    return sustaining(made.fork(), left_s if horizon_s is None else horizon_s)


def sustaining(ended: Run, horizon_s: float) -> tuple[Loop, ...]:
    """Return the loops that keep a world down from an instant on, with no operator's help.

    A loop of unknown mechanism stands for a world that stays down and that no single cut heals.
    """
    ended.timeline.to_act = []
    ended.timeline.waiting = []
    if healed_s(ended.fork(), horizon_s) is not None:
        return ()
    found = []
    for name in FEEDBACKS:
        trial = ended.fork()
        services = trial.starting.ignore() if name == COLD_START else cut(trial.world, name)
        after_s = healed_s(trial, horizon_s) if services else None
        if after_s is not None:
            found.append(Loop(mechanism=name, services=services, healed_s=after_s))
    return tuple(found) or (Loop(mechanism="unknown", services=ended.down(), healed_s=None),)


def last_end_s(scenario: Scenario) -> float | None:
    """Return when the last fault ends by itself; None: there is none, or one lasts for ever."""
    ends = [one.until_s for one in scenario.faults]
    if not ends or any(one is None for one in ends):
        return None
    return max(one for one in ends if one is not None)


def healed_s(made: Run, horizon_s: float) -> float | None:
    """Run on; return after what time nothing is down any more; None: not within the horizon."""
    began = made.now_s
    made.meters.lengthen(made.minute_index + int(horizon_s / MINUTE_S) + 2)
    back: float | None = None
    while made.now_s - began < horizon_s:
        made.minute()
        if made.down():
            back = None
        elif back is None:
            back = made.now_s - began
        elif made.now_s - began - back >= SETTLED_S:
            break
    return back
