"""Which addresses an answer holds, and in what order.

Clients mostly take the first address, so "share of the answers" means "share of the first places".
Where weights stand beside the addresses, the first one is drawn by weight, the second by weight among
the rest, and so on (drawing without replacement). Where none do, or all are equal, the set is turned
by a random number of places, which puts each address first equally often.

A weight of 0 marks a standby: it is given only where nothing else is there. An address that the
weights do not name counts 1: whoever put it there wants it to be found.

Small sets are laid out completely, as a table of finished answers with their probabilities, so that an
answer costs one random number and a bisection.
"""

import math
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, permutations

Random = Callable[[], float]
"""Draws a number from 0 to 1, the 1 excluded."""

TABLE_MAX = 64
TURNS_MAX = 16


@dataclass(frozen=True, slots=True)
class Table:
    """Finished answers with their cumulated probabilities; without these, all are equally likely."""

    bodies: tuple[bytes, ...]
    cumulated: tuple[float, ...]
    count: int

    def draw(self, random: Random) -> bytes:
        """Return one of the answers."""
        if not self.cumulated:
            return self.bodies[int(random() * len(self.bodies))]
        # The last sum can end a rounding error below 1.
        at = bisect(self.cumulated, random())
        return self.bodies[min(at, len(self.bodies) - 1)]


@dataclass(frozen=True, slots=True)
class Turned:
    """A set too long for a table, turned by a random number of places."""

    records: tuple[bytes, ...]
    count: int

    def draw(self, random: Random) -> bytes:
        """Return one answer."""
        at = int(random() * len(self.records))
        return b"".join((self.records[at:] + self.records[:at])[: self.count])


@dataclass(frozen=True, slots=True)
class Weighted:
    """A set too long for a table, drawn without replacement."""

    records: tuple[bytes, ...]
    weights: tuple[int, ...]
    count: int

    def draw(self, random: Random) -> bytes:
        """Return one answer.

        Waiting times of rates equal to the weights, in order, are a draw without replacement by weight
        (Efraimidis and Spirakis 2006): one random number and one logarithm an address.
        """
        log = math.log
        waits = [-log(1.0 - random()) / weight for weight in self.weights]
        order = sorted(range(len(waits)), key=waits.__getitem__)
        return b"".join([self.records[at] for at in order[: self.count]])


Choice = Table | Turned | Weighted


def choose(records: tuple[bytes, ...], weights: tuple[int, ...], shown_max: int) -> Choice:
    """Make the choice for one record set.

    Args:
        records: the packed records, at least one.
        weights: one for each, 0 or more; empty: none are known.
        shown_max: how many records an answer may hold; 0: all.
    """
    positive = [at for at, weight in enumerate(weights) if weight]
    if positive:
        records = tuple(records[at] for at in positive)
        weights = tuple(weights[at] for at in positive)
    count = min(shown_max, len(records)) if shown_max else len(records)
    if len(set(weights)) > 1:
        return _by_weight(records, weights, count)
    if len(records) > TURNS_MAX:
        return Turned(records, count)
    turns = [(records[at:] + records[:at])[:count] for at in range(len(records))]
    return Table(tuple(b"".join(turn) for turn in turns), (), count)


def _by_weight(records: tuple[bytes, ...], weights: tuple[int, ...], count: int) -> Choice:
    if len(records) > TABLE_MAX or math.perm(len(records), count) > TABLE_MAX:
        return Weighted(records, weights, count)
    orders = list(permutations(range(len(records)), count))
    chances = [_chance(order, weights) for order in orders]
    bodies = tuple(b"".join(records[at] for at in order) for order in orders)
    return Table(bodies, tuple(accumulate(chances)), count)


def _chance(order: tuple[int, ...], weights: tuple[int, ...]) -> float:
    left, chance = sum(weights), 1.0
    for at in order:
        chance *= weights[at] / left
        left -= weights[at]
    return chance
