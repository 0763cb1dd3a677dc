"""Believing: what a watcher has come to, as the one value that others are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.app.reports.watching import Watcher
from outlast.detect.belief import ALARMS_MAX, NAMES_MAX, Belief, Feed, Held, Order, Suggestion
from outlast.model.units import NS_PER_S, Nanos


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside detection and blame."""

    suggestions: Sequence[Suggestion] = ()
    feeds: Sequence[Feed] = ()
    orders: Sequence[Order] = ()


def belief_of(watcher: Watcher, now_ns: Nanos, beside: Beside) -> Belief:
    """Return what is believed now."""
    verdict = watcher.verdict
    alarms = sorted(watcher.alarms.values(), key=lambda one: (one.chance, str(one.series)))
    runner = verdict.runner_up
    return Belief(
        at_ns=now_ns,
        minute=watcher.minute,
        since_ns=Nanos(watcher.since * 60 * NS_PER_S),
        outcome=verdict.outcome,
        down=len(watcher.state.down),
        suspects=tuple(Held.of(one) for one in verdict.suspects),
        carried=verdict.carried[:NAMES_MAX],
        runner_up=Held.of(runner) if runner is not None else None,
        chance=verdict.chance,
        unexplained=verdict.unexplained[:NAMES_MAX],
        unexplained_count=len(verdict.unexplained),
        question=verdict.question,
        orders=tuple(beside.orders),
        alarms=tuple(alarms[:ALARMS_MAX]),
        alarm_count=len(alarms),
        traces=watcher.traces.all(),
        suggestions=tuple(beside.suggestions),
        feeds=tuple(beside.feeds),
    )
