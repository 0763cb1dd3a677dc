"""Seen: who has been counted already, in memory that does not grow.

A reporter counts once for a service and a window. What is remembered is a 64-bit key a report; two open-
addressing tables hold them, and when the younger is half full the older is forgotten. So at quiet times
the memory reaches back for days, in a storm it still holds the last `capacity` / 2 reports at least, and
in neither case does it take more bytes than it was made with. What is stated, then, is a number and not a
time: a duplicate counts twice only if it comes more than `capacity` / 2 counted reports after the first.

All at once, on arrays: one report at a time would cost more than everything else about it.
"""

import numpy as np
from numpy.typing import NDArray

from outlast.detect.cells import Flags
from outlast.detect.compiled import compiled

Hashes = NDArray[np.uint64]

_EMPTY = np.uint64(0)
_FORGOTTEN = np.uint64(1)
"""Stands where a key was taken back: an empty slot would cut off what lies behind it."""

_POSITION_BITS = 20
"""Keys that are taken at once; 44 bits are left to sort them by."""

FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


def mixed(values: Hashes) -> Hashes:
    """Spread every bit over all 64: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).

    It is no secret and keeps none: what must not be guessed has to be hashed with a key before.
    """
    out = values ^ (values >> np.uint64(30))
    out *= FIRST
    out ^= out >> np.uint64(27)
    out *= SECOND
    out ^= out >> np.uint64(31)
    return out


class Seen:
    """A set of keys with a bounded memory: the oldest half is forgotten first."""

    __slots__ = ("_held", "_old", "_shift", "_young", "forgotten")

    def __init__(self, capacity: int = 1 << 22) -> None:
        """Make it.

        Args:
            capacity: slots of each of the two tables, a power of two; 16 bytes of memory for each.

        Raises:
            ValueError: the capacity is no power of two.
        """
        if capacity < 4 or capacity & (capacity - 1):
            raise ValueError(f"a capacity of {capacity} is no power of two")
        self._shift = np.uint64(64 - (capacity.bit_length() - 1))
        self._young: Hashes = np.zeros(capacity, np.uint64)
        self._old: Hashes = np.zeros(capacity, np.uint64)
        self._held = 0
        self.forgotten = 0

    @property
    def nbytes(self) -> int:
        """Memory of both tables; constant."""
        return self._young.nbytes + self._old.nbytes

    def add(self, keys: Hashes) -> Flags:
        """Remember keys; say of each whether it is new, the first of its like in these included.

        Many keys are taken in parts, so that no table overflows.
        """
        new = np.zeros(len(keys), np.bool_)
        part = min(max(1, len(self._young) // 4), 1 << _POSITION_BITS)
        for begin in range(0, len(keys), part):
            new[begin : begin + part] = self._add(keys[begin : begin + part])
        return new

    def _add(self, keys: Hashes) -> Flags:
        if self._held > len(self._young) // 2:
            self._turn()
        new = np.zeros(len(keys), np.bool_)
        self._held += _remember(self._young, self._old, keys, new)
        return new

    def _turn(self) -> None:
        self.forgotten += int(np.count_nonzero(self._old > _FORGOTTEN))
        self._old, self._young = self._young, self._old
        self._young[:] = _EMPTY
        self._held = 0

    def forget(self, keys: Hashes) -> None:
        """Take keys back that were new a moment ago: what they stood for was not kept after all."""
        usable = np.maximum(keys, np.uint64(2))
        for table in (self._young, self._old):
            at = _places(table, usable, self._shift)
            table[at[at >= 0]] = _FORGOTTEN


@compiled
def _remember(young: Hashes, old: Hashes, keys: Hashes, new: Flags) -> int:
    """Put keys into the young table; say in `new` which stood in neither, and return how many.

    In the order of their upper bits, equal ones in the order given: a table is addressed by upper bits, so
    it is walked through from front to back in parts that a cache holds, and not at random.
    """
    places = np.zeros((1 << 10) + 1, np.int64)
    for key in keys:
        places[(key >> np.uint64(54)) + np.uint64(1)] += 1
    places = np.cumsum(places)
    order = np.empty(len(keys), np.int64)
    for at in range(len(keys)):
        part = keys[at] >> np.uint64(54)
        order[places[part]] = at
        places[part] += 1
    last = np.uint64(len(young) - 1)
    shift = np.uint64(64)
    while last >> (np.uint64(64) - shift):
        shift -= np.uint64(1)
    added = 0
    for place in range(len(order)):
        at = order[place]
        key = max(keys[at], np.uint64(2))
        slot = key >> shift
        while old[slot] != key and old[slot]:
            slot = (slot + np.uint64(1)) & last
        if old[slot] == key:
            continue
        slot = key >> shift
        while young[slot] != key and young[slot]:
            slot = (slot + np.uint64(1)) & last
        if young[slot] != key:
            young[slot] = key
            new[at] = True
            added += 1
    return added


def _places(table: Hashes, keys: Hashes, shift: np.uint64) -> NDArray[np.int64]:
    """Return the slot of each key, -1 where it is not held."""
    places = np.full(len(keys), -1, np.int64)
    left = np.arange(len(keys))
    slots = (keys >> shift).astype(np.int64)
    for _ in range(len(table)):
        if not len(left):
            break
        found = table[slots]
        hit = found == keys[left]
        places[left[hit]] = slots[hit]
        on = ~hit & (found != _EMPTY)
        left, slots = left[on], (slots[on] + 1) & (len(table) - 1)
    return places
