"""How a run's faults are drawn from its seed: what, on whom, when, and for how long.

Faults on different things overlap freely; two faults on one thing never do.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.catalogue import CATALOGUE, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One fault to be done: when, counted from the start of the run, and for how long."""

    number: int
    at_s: float
    kind: Kind
    target: str
    for_s: float
    dice: int


def draw(
    seed: int,
    *,
    count: int,
    per_s: float,
    offers: frozenset[str],
    kinds: Sequence[Kind] = CATALOGUE,
) -> list[Planned]:
    """Draw a run's faults from its seed, in the order of their beginning.

    Args:
        count: how many.
        per_s: how many begin a second, as far as the things they hold are free.
        offers: what this machine offers.
    """
    dice = random.Random(f"faults {seed}")
    usable = [one for one in kinds if not one.needs or one.needs in offers]
    free: dict[str, float] = {}
    planned: list[Planned] = []
    at_s = 0.0
    for number in range(1, count + 1):
        at_s += dice.expovariate(per_s)
        while not (fits := _fitting(usable, free, at_s)):
            at_s += 0.05
        weights = [one.weight / len(one.targets) for one, _ in fits]
        kind, target = dice.choices(fits, weights)[0]
        spread_s = kind.longest_s - kind.shortest_s
        for_s = kind.shortest_s + spread_s * dice.random() ** 2
        for thing in kind.things(target):
            free[thing] = at_s + for_s + kind.apart_s
        bits = dice.getrandbits(32)
        planned.append(
            Planned(number=number, at_s=at_s, kind=kind, target=target, for_s=for_s, dice=bits)
        )
    return planned


def _fitting(kinds: Sequence[Kind], free: dict[str, float], at_s: float) -> list[tuple[Kind, str]]:
    return [
        (one, target)
        for one in kinds
        for target in one.targets
        if all(free.get(thing, 0.0) <= at_s for thing in one.things(target))
    ]
