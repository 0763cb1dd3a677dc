"""The share of a quarter of an hour: of the day first, of the week as evidence grows.

Each slot holds two sums, weighted: reports seen, and reports that the level alone would give. Their quotient
is the slot's share; a prior weight draws it to the coarser answer (week to day, day to 1), so that a group
with little evidence has a flat profile and a busy one has its own. Neighbouring slots are smoothed 1-2-1.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from outlast.detect.cells import Codes, Reals
from outlast.detect.setting import DAY_SLOTS, SLOT_MINUTES, WEEK_SLOTS, Setting

Reals32 = NDArray[np.float32]


class Profile:
    """Profiles of groups of series, and what they say at present."""

    def __init__(self, count: int, longest: int, groups: Codes | None, setting: Setting) -> None:
        """Begin flat; `longest` is the longest window in steps, `groups` as in `Charts`."""
        self._groups: Codes = np.arange(count) if groups is None else groups
        self._size = int(self._groups.max()) + 1 if count else 0
        self._day_weight = setting.day_weight
        self._week_weight = setting.week_weight
        self._keep = setting.profile_keep
        self._day = np.zeros((2, DAY_SLOTS, self._size), np.float32)
        self._week = np.zeros((2, WEEK_SLOTS, self._size), np.float32)
        self._slot = -1
        self._recent: deque[Reals32] = deque(maxlen=longest)
        self._summed: dict[int, Reals32] = {}

    @property
    def nbytes(self) -> int:
        """Memory in bytes; constant."""
        return self._day.nbytes + self._week.nbytes + self._groups.nbytes

    @property
    def groups(self) -> Codes:
        """The group of each series."""
        return self._groups

    def begin(self, minute: int) -> None:
        """Turn to a step."""
        slot = minute // SLOT_MINUTES % WEEK_SLOTS
        if slot != self._slot:
            self._slot = slot
            self._day[:, slot % DAY_SLOTS] *= self._keep
            self._week[:, slot] *= self._keep
        self._recent.appendleft(self._shares(slot))
        self._summed = {}

    @property
    def learnt(self) -> tuple[Reals32, Reals32]:
        """What is remembered of each group by slot of the day and of the week; no copies."""
        return self._day, self._week

    @property
    def slot(self) -> int:
        """The present slot of the week; -1 before the first step."""
        return self._slot

    @property
    def recent(self) -> tuple[Reals32, ...]:
        """The shares of the last steps, newest first."""
        return tuple(self._recent)

    def carry(self, old: "Profile", here: Codes, there: Codes) -> None:
        """Take over what another has learnt: of its groups `there` for our series `here`."""
        groups = self._groups[here]
        for mine, theirs in zip(self.learnt, old.learnt, strict=True):
            mine[:, :, groups] = theirs[:, :, there]
        self._slot, self._summed = old.slot, {}
        for shares in old.recent:
            flat = np.ones(self._size, np.float32)
            flat[groups] = shares[there]
            self._recent.append(flat)

    def over(self, window: int) -> Reals32:
        """Return the sum of the shares of each series over the last steps, this one included."""
        return self.summed(window)[self._groups]

    def summed(self, window: int) -> Reals32:
        """Return `over` for each group."""
        found = self._summed.get(window)
        if found is None:
            recent = [one for _, one in zip(range(window), self._recent, strict=False)]
            found = np.add.reduce(recent, axis=0)
            self._summed[window] = found
        return found

    def usual(self, window: int) -> Reals32:
        """Return `summed` for the step before this one; flat before there was any."""
        if not self._recent:
            return np.full(self._size, window, np.float32)
        return self.summed(window)

    def learn(self, reports: Reals, level: Reals) -> None:
        """Add what each group saw in this step, and what its level gave, both already weighted."""
        for half, sums in enumerate((reports, level)):
            self._day[half, self._slot % DAY_SLOTS] += sums
            self._week[half, self._slot] += sums

    def _shares(self, slot: int) -> Reals32:
        day = _smooth(self._day, slot % DAY_SLOTS)
        daily = (day[0] + self._day_weight) / (day[1] + self._day_weight)
        week = _smooth(self._week, slot)
        shares: Reals32 = (week[0] + self._week_weight * daily) / (week[1] + self._week_weight)
        return shares.astype(np.float32)


def _smooth(sums: Reals32, slot: int) -> Reals32:
    after = (slot + 1) % sums.shape[1]
    smoothed: Reals32 = 2 * sums[:, slot] + sums[:, slot - 1] + sums[:, after]
    return smoothed
