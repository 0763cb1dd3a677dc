"""Mutations of planning, retiring and the drivers; `mutations` has those of writing and enacting."""

from dataclasses import replace
from typing import Any

from outlast.core.messages import (
    CommitLost,
    CommitPlan,
    OverridesChanged,
)
from outlast.model.health import Verdict
from outlast.model.records import RecordType
from outlast.model.units import Generation
from outlast.sim.mutants import Change

# planning


def always_empty(_original: Any) -> Any:
    """Make no rules at all."""
    return ()


def without_rule(name: str) -> Change:
    """Take one rule away from the guard."""
    return lambda rules: tuple(one for one in rules if one.__name__ != name)


def down_when_unknown(original: Any) -> Any:
    """Take unknown for down."""

    def choose(question: Any) -> Any:
        health = tuple(
            (
                target,
                replace(
                    one, verdict=Verdict.DOWN if one.verdict is Verdict.UNKNOWN else one.verdict
                ),
            )
            for target, one in question.health
        )
        return original(replace(question, health=health))

    return choose


def lose_the_endpoint(original: Any) -> Any:
    """Forget the endpoint when a commit was lost."""

    def fold(state: Any, event: Any) -> Any:
        after, commands = original(state, event)
        if isinstance(event, CommitLost):
            after = replace(after, endpoint=None)
        return after, commands

    return fold


def collect_overrides(original: Any) -> Any:
    """Keep every override that was ever in force."""

    def fold(state: Any, event: Any) -> Any:
        if isinstance(event, OverridesChanged):
            event = replace(event, overrides=(*state.overrides, *event.overrides))
        return original(state, event)

    return fold


def only_the_future(original: Any) -> Any:
    """Ignore events dated before the start."""

    def fold(state: Any, event: Any) -> Any:
        return (state, ()) if event.at_ns < state.since_ns else original(state, event)

    return fold


def own_numbers(original: Any) -> Any:
    """Count generations by the own head alone."""
    del original
    return property(lambda self: self.head.generation if self.head is not None else 0)


# retiring


def by_age(original: Any) -> Any:
    """Keep the newest few, whatever is live."""
    del original
    return lambda state, kept: state.stored[: -(kept + 1)]


def no_predecessor(original: Any) -> Any:
    """Keep nothing older than what is live."""
    del original

    def retirable(state: Any, _kept: int) -> Any:
        oldest = min((generation for _, generation in state.live), default=0)
        return tuple(one for one in state.stored if one < oldest)

    return retirable


def touch_others(original: Any) -> Any:
    """Delete somebody else's record too."""

    def data_sets(layout: Any, found: Any, plan: Any) -> Any:
        sets = original(layout, found, plan)
        return [*sets, (f"_elsewhere.{layout.zone}", RecordType.A)]

    return data_sets


def forget_fence(original: Any) -> Any:
    """Leave the fence out of what is written."""

    def move(plan: Any, found: Any, fence: Any, *, spend_epoch: bool) -> Any:
        made = original(plan, found, fence, spend_epoch=spend_epoch)
        at = plan.layout.fence_at
        return replace(made, additions=tuple(one for one in made.additions if one.name != at))

    return move


def adopt_nothing(original: Any) -> Any:
    """Never adopt."""
    del original
    return lambda state, *_: (state, ())


def records_differ(original: Any) -> Any:
    """Only other records or another place make a new plan."""
    del original
    return lambda _state, head, plan: plan.digest != head.digest or plan.layout != head.layout


def same_place_only(original: Any) -> Any:
    """Plan anew only where the names stayed the same."""
    return lambda state, head, plan: plan.layout == head.layout and original(state, head, plan)


def commit_blindly(original: Any) -> Any:
    """The driver commits whatever the store's newest plan is by now."""

    def carry_out(self: Any, site: Any, world: Any, *, told: bool = True) -> Any:
        command = self.todo[0]
        if isinstance(command, CommitPlan):
            head = world.rows[site.index].head
            newest = Generation(head.generation if head is not None else 0)
            self.todo = (replace(command, expected=newest), *self.todo[1:])
        return original(self, site, world, told=told)

    return carry_out
