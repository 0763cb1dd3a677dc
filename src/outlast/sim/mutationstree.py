"""Mutations of what lays and sweeps trees. `mutantlist` says which and where."""

from typing import Any

from outlast.core import sweep


def by_age(original: Any) -> Any:
    """What is not live and has had its TTL is taken for old: condition and quarantine as they are.

    October 2025: a tree that waits to be flipped to is not live either.
    """
    del original

    def may_go(event: Any, since_ns: Any) -> Any:
        if event.at_ns - since_ns < sweep.quarantine_ns(event):
            return None
        old = [it for it in event.trees if it.top != event.top]
        return min(old, key=lambda one: one.generation, default=None)

    return may_go


def once(original: Any) -> Any:
    """The tree is laid, and not read again before the flip."""

    def surveyed(phase: Any, standing: Any, limit: int) -> Any:
        return original(phase, standing, limit) if phase.times == 1 else None

    return surveyed


def second_unfenced(original: Any) -> Any:
    """The second provider is written to on its epoch alone."""

    def conditions(layout: Any, found: Any) -> Any:
        held = original(layout, found)
        return held[:1] if layout.provider in layout.mirrors else held

    return conditions


def wait_for_one(original: Any) -> Any:
    """One mark opens the gate, instead of all."""

    def is_open(state: Any, plan: Any, at_ns: Any) -> Any:
        ready = any(one.laid == plan.generation for one in state.lanes)
        return ready or original(state, plan, at_ns)

    return is_open
