"""Plans beside each other: what one answers otherwise than another, and a slider through all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from outlast.model.plan import Plan
from outlast.model.records import RecordSet

Changes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A plan, and what it changed of the one before; None: there is none before, or it is not kept."""

    plan: Plan
    changes: Changes | None


def differences(before: Plan, after: Plan) -> Changes:
    """Return what a plan drops (`-`) and adds (`+`) of another's answers, value by value."""
    old, new = _values(before.record_sets), _values(after.record_sets)
    gone = [("-", one) for one in old if one not in new]
    come = [("+", one) for one in new if one not in old]
    return tuple(sorted(gone + come, key=lambda one: (one[1], one[0] == "+")))


def _values(sets: tuple[RecordSet, ...]) -> dict[str, None]:
    return {
        f"{one.name} {one.ttl_s} {one.rtype} {value}": None for one in sets for value in one.values
    }


def steps(plans: Sequence[Plan]) -> list[Step]:
    """Return the plans, newest first, each with what it changed."""
    found = [Step(plans[0], None)] if plans else []
    found += [Step(after, differences(before, after)) for before, after in pairwise(plans)]
    return found[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two generations to compare.

    Without an older one: the newest two that are kept up to the newer one, so that a slider may stand
    between two generations that are kept.
    """

    older: int = 0
    newer: int = 0

    def of(self, plans: Sequence[Plan]) -> tuple[Plan, Plan] | None:
        """Return the two plans; None: one of them is not kept."""
        known = {int(one.generation): one for one in plans}
        numbers = [self.older, self.newer]
        if not self.older:
            numbers = [one for one in known if not self.newer or one <= self.newer][-2:]
        if len(numbers) < 2 or not known.keys() >= set(numbers):
            return None
        return known[numbers[0]], known[numbers[1]]
