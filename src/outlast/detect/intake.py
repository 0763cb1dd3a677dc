"""Intake: which reports count. Everything that a stranger may send is judged here, and nowhere else.

The question is never "is it true", which nobody can tell of one report, but "may it weigh". So:

- one report of a reporter for a service and window weighs; the others are acknowledged and weigh nothing;
- one network weighs at most so much for a service and window: a campaign needs many networks;
- a time in the future is refused: it would lie in wait and go off later; a late one is put where it
  belongs, down to `late_max_s`; older ones are an import, and go by file;
- a service that the topology does not know is kept apart, for people to review. It is no reason to refuse
  the batch around it, and no reason to grow an array.

Reporters and networks come as hashes made with a key (see the drivers). Nothing here can tell who they are.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from outlast.detect.cells import Codes, Flags
from outlast.detect.compiled import compiled
from outlast.detect.seen import FIRST, SECOND, Hashes, Seen, mixed

UNKNOWN_SERVICE = -1
"""The code of a service that the topology does not know."""

NO_NETWORK = np.uint64(0)
"""The hash of a network that is not known, which has no cap."""


class Fate(IntEnum):
    """What becomes of one report."""

    COUNTED = 0
    DUPLICATE = 1
    CAPPED = 2
    UNKNOWN = 3
    FUTURE = 4
    OLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What may weigh.

    Attributes:
        window_s: within it one report of a reporter for a service counts.
        network_cap: reports of one network for one service that count within a window.
        skew_max_s: how far a clock may be ahead.
        late_max_s: how old a report may be.
        memory_slots: reporters remembered, see `Seen`; a power of two.
        network_slots: networks told apart, a power of two; two that share a slot share its cap.
    """

    window_s: int = 900
    network_cap: int = 100
    skew_max_s: int = 120
    late_max_s: int = 86_400
    memory_slots: int = 1 << 22
    network_slots: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Reports as columns of one length.

    Attributes:
        at_s: when it was noticed, whole seconds since 1970-01-01 UTC.
        service: codes of the grid, `UNKNOWN_SERVICE` where it does not know the name.
        country: codes of the grid.
        reporter, network: keyed hashes; `NO_NETWORK` where it is not known.
    """

    at_s: Codes
    service: Codes
    country: Codes
    reporter: Hashes
    network: Hashes

    def __len__(self) -> int:
        return len(self.at_s)

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Batch":
        """Return some of them, by flags or by positions."""
        return Batch(
            self.at_s[which],
            self.service[which],
            self.country[which],
            self.reporter[which],
            self.network[which],
        )


def joined(batches: list[Batch]) -> Batch:
    """Return several as one, in order."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        np.concatenate([one.at_s for one in batches]),
        np.concatenate([one.service for one in batches]),
        np.concatenate([one.country for one in batches]),
        np.concatenate([one.reporter for one in batches]),
        np.concatenate([one.network for one in batches]),
    )


class Intake:
    """The judge, with its memory."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.seen = Seen(rules.memory_slots)
        self._weight: NDArray[np.int32] = np.zeros(rules.network_slots, np.int32)
        self._window = 0

    @property
    def nbytes(self) -> int:
        """Memory for reporters and networks; constant."""
        return self.seen.nbytes + self._weight.nbytes

    def judge(self, batch: Batch, now_s: int) -> NDArray[np.int8]:
        """Return the fate of each report; those that count are remembered from now on."""
        rules = self.rules
        fates = np.zeros(len(batch), np.int8)
        fates[batch.service < 0] = Fate.UNKNOWN
        fates[batch.at_s < now_s - rules.late_max_s] = Fate.OLD
        fates[batch.at_s > now_s + rules.skew_max_s] = Fate.FUTURE
        self._turn(now_s)
        known = batch.network != NO_NETWORK
        if not known.any():
            return self._unshared(batch, fates)
        slots = self._slots(batch)
        # Whoever has used up its weight does not reach the memory of reporters: it would flush it.
        fates[(fates == 0) & known & (self._weight[slots] >= rules.network_cap)] = Fate.CAPPED
        open_ = np.flatnonzero(fates == 0)
        new = self.seen.add(self.keys(batch.take(open_)))
        fates[open_[~new]] = Fate.DUPLICATE
        fresh = open_[new & known[open_]]
        over = self._weigh(slots[fresh])
        fates[fresh[over]] = Fate.CAPPED
        return fates

    def _unshared(self, batch: Batch, fates: NDArray[np.int8]) -> NDArray[np.int8]:
        """Judge reports of which no network is known; those that are out already keep their fate."""
        open_ = np.flatnonzero(fates == 0)
        every = len(open_) == len(batch)
        new = self.seen.add(self.keys(batch if every else batch.take(open_)))
        fates[open_[~new]] = Fate.DUPLICATE
        return fates

    def take_back(self, batch: Batch) -> None:
        """Forget reports that counted: they could not be kept, and whoever sent them will try again."""
        self.seen.forget(self.keys(batch))
        known = batch.network != NO_NETWORK
        slots = self._slots(batch)[known]
        np.subtract.at(self._weight, slots, 1)

    def remember(self, batch: Batch) -> Flags:
        """Take reports as counted that were counted before a restart; True for the first of its like."""
        return self.seen.add(self.keys(batch))

    def keys(self, batch: Batch) -> Hashes:
        """Return what must be unique: reporter, service and window in one number."""
        return _keys(batch.at_s, batch.service, batch.reporter, self.rules.window_s)

    def _turn(self, now_s: int) -> None:
        """A new window begins: every network may weigh again."""
        window = now_s // self.rules.window_s
        if window != self._window:
            self._weight[:] = 0
            self._window = window

    def _slots(self, batch: Batch) -> Hashes:
        place = mixed(batch.network ^ mixed(batch.service.astype(np.uint64)))
        return place & np.uint64(len(self._weight) - 1)

    def _weigh(self, slots: Hashes) -> Flags:
        """Count new reports of networks; True for those above the cap, in the order in which they came."""
        order = np.argsort(slots, kind="stable")
        ordered = slots[order]
        begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(slots) else order
        sizes = np.diff(np.r_[begins, len(ordered)])
        rank = np.arange(len(ordered)) - np.repeat(begins, sizes)
        over = np.zeros(len(slots), np.bool_)
        over[order] = self._weight[ordered] + rank >= self.rules.network_cap
        np.add.at(self._weight, slots[~over], 1)
        return over


@compiled
def _keys(at_s: Codes, service: Codes, reporter: Hashes, window_s: int) -> Hashes:
    """Return `mixed(reporter ^ mixed(window << 24 ^ service))` of each report."""
    keys = np.empty(len(at_s), np.uint64)
    for one in range(len(at_s)):
        value = (np.uint64(at_s[one] // window_s) << np.uint64(24)) ^ np.uint64(service[one])
        for turn in range(2):
            value ^= value >> np.uint64(30)
            value *= FIRST
            value ^= value >> np.uint64(27)
            value *= SECOND
            value ^= value >> np.uint64(31)
            if not turn:
                value ^= reporter[one]
        keys[one] = value
    return keys
