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

from outlast.detect.cells import Codes, Flags
from outlast.detect.compiled import compiled

Hashes = NDArray[np.uint64]

_EMPTY = np.uint64(0)
_FORGOTTEN = np.uint64(1)
"""Stands where a key was taken back: an empty slot would cut off what lies behind it."""

_POSITION_BITS = 20
"""Keys that are taken at once; 44 bits are left to sort them by."""

_PARTS_BITS = 10
"""Upper bits by which keys are ordered before the tables are asked."""

FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)


def mixed(values: Hashes) -> Hashes:
    """Spread every bit over all 64: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).

    It is no secret and keeps none: what must not be guessed has to be hashed with a key before.
    """
    return _mixed(np.ascontiguousarray(values))


@compiled
def _mixed(values: Hashes) -> Hashes:
    out = np.empty_like(values)
    for at in range(len(values)):
        value = values[at] ^ (values[at] >> np.uint64(30))
        value *= FIRST
        value ^= value >> np.uint64(27)
        value *= SECOND
        out[at] = value ^ (value >> np.uint64(31))
    return out


class Seen:
    """A set of keys with a bounded memory: the oldest half is forgotten first."""

    __slots__ = ("_held", "_shift", "_tables", "_young", "forgotten")

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
        # Side by side: a key has the same slot in both, and then one line of the cache brings both.
        self._tables: Hashes = np.zeros((capacity, 2), np.uint64)
        self._young = 0
        self._held = 0
        self.forgotten = 0

    @property
    def nbytes(self) -> int:
        """Memory of both tables; constant."""
        return self._tables.nbytes

    def add(self, keys: Hashes) -> Flags:
        """Remember keys; say of each whether it is new, the first of its like in these included.

        Many keys are taken in parts, so that no table overflows.
        """
        new = np.zeros(len(keys), np.bool_)
        part = min(max(1, len(self._tables) // 4), 1 << _POSITION_BITS)
        for begin in range(0, len(keys), part):
            new[begin : begin + part] = self._add(keys[begin : begin + part])
        return new

    def _add(self, keys: Hashes) -> Flags:
        if self._held > len(self._tables) // 2:
            self._turn()
        new = np.zeros(len(keys), np.bool_)
        added, _ = _remember(self._tables, self._young, keys, new)
        self._held += added
        return new

    def _turn(self) -> None:
        self._young = 1 - self._young
        self.forgotten += _cleared(self._tables, self._young)
        self._held = 0

    def forget(self, keys: Hashes) -> None:
        """Take keys back that were new a moment ago: what they stood for was not kept after all."""
        usable = np.maximum(keys, np.uint64(2))
        for table in (self._tables[:, 0], self._tables[:, 1]):
            at = _places(table, usable, self._shift)
            table[at[at >= 0]] = _FORGOTTEN


@compiled
def _cleared(tables: Hashes, which: int) -> int:
    """Empty one table; return how many keys were in it."""
    held = 0
    for slot in range(len(tables)):
        held += tables[slot, which] > _FORGOTTEN
        tables[slot, which] = _EMPTY
    return held


@compiled
def _ordered(keys: Hashes) -> tuple[Codes, Hashes, NDArray[np.uint32]]:
    """Return where each part ends, the keys by their upper bits, and their places as they came."""
    begins = np.zeros((1 << _PARTS_BITS) + 1, np.int64)
    above = np.uint64(64 - _PARTS_BITS)
    for key in keys:
        begins[(key >> above) + np.uint64(1)] += 1
    begins = np.cumsum(begins)
    ordered, came = np.empty(len(keys), np.uint64), np.empty(len(keys), np.uint32)
    for at in range(len(keys)):
        place = begins[keys[at] >> above]
        begins[keys[at] >> above] += 1
        ordered[place], came[place] = max(keys[at], np.uint64(2)), at
    return begins[:-1], ordered, came


@compiled
def _remember(tables: Hashes, young: int, keys: Hashes, new: Flags) -> tuple[int, np.uint64]:
    """Put keys into the young table; say in `new` which stood in neither, and return how many.

    In the order of their upper bits, equal ones in the order given: a table is addressed by upper bits, so
    it is walked through from front to back in parts that a cache holds, and not at random. The slots of a
    part are touched before anything is decided by them: then memory is asked for many at once, and not for
    the next only when the one before was guessed wrong. What was touched is returned, lest it be left out.
    """
    ends, ordered, came = _ordered(keys)
    last = np.uint64(len(tables) - 1)
    shift = np.uint64(64)
    while last >> (np.uint64(64) - shift):
        shift -= np.uint64(1)
    touched, added, begin = np.uint64(0), 0, 0
    for end in ends:
        for place in range(begin, end):
            touched |= tables[ordered[place] >> shift, young]
        for place in range(begin, end):
            key = ordered[place]
            slot = key >> shift
            there = tables[slot, 1 - young]
            while there != key and there:
                slot = (slot + np.uint64(1)) & last
                there = tables[slot, 1 - young]
            if there:
                continue
            slot = key >> shift
            there = tables[slot, young]
            while there != key and there:
                slot = (slot + np.uint64(1)) & last
                there = tables[slot, young]
            if not there:
                tables[slot, young] = key
                new[came[place]] = True
                added += 1
        begin = end
    return added, touched


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
