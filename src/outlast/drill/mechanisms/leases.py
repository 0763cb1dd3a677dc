"""Leases: what becomes of them when none could be renewed for a while, and all must be taken anew.

Broken leases are work in a FIFO queue worked off at r a second. Whoever is not served within the deadline
T submits again, at the tail, while the old copy is still worked off: its result is of no use. Served in
time are the first r T, then stale copies for as long as the rest had been waiting, and so on. With N
broken at once

    done within T:                 r T
    re-submitted at T:             N - r T, behind N - r T stale copies
    served in time before 2 T:     r * (2 T - N / r)  =  2 r T - N

so nothing further is ever done once N > 2 r T: congestive collapse (J. Nagle, RFC 896, 1984, for the
effect; the threshold is derived here and confirmed by the event-by-event simulation in the tests). Either
dropping what nobody waits for, or admitting no more than r T at once, clears N in N / r seconds.

The two looks into a ring of arrivals are those of `serving`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WORKING = 0.5
"""Above this share of success what renewals need counts as back, and all that is broken is submitted."""


def finishes(count: float, rate: float, deadline_s: float) -> bool:
    """Whether so many leases, all broken at once, are ever all renewed without help."""
    return count <= 2.0 * rate * deadline_s


@dataclass(slots=True)
class Parameters:
    """What leases are like [row, 1]; see `outlast.model.behaviour.Leasing`."""

    count: Floats
    expire_s: Floats
    rate: Floats
    deadline_s: Floats
    admission_ratio: Floats
    drop_expired: NDArray[np.bool_]


class Leases:
    """Leases in all regions of the services that have them.

    Attributes:
        good: leases that hold.
        broken: broken and not submitted.
        pending: submitted once or again, and waited for.
    """

    def __init__(self, parameters: Parameters, regions: int, dt_s: float) -> None:
        own = self.parameters = parameters
        self.dt_s = dt_s
        rows = len(own.count)
        self.good = np.broadcast_to(own.count, (rows, regions)).copy()
        self.broken = np.zeros((rows, regions))
        self.rate = np.broadcast_to(own.rate, (rows, regions)).copy()
        self.admission = np.broadcast_to(own.admission_ratio, (rows, regions)).copy()
        self.lag = np.minimum(np.ceil(own.deadline_s / dt_s), 1 << 15).astype(np.intp)[:, 0]
        self.ring = np.zeros((int(self.lag.max(initial=0)) + 2, rows, regions), dtype=np.float64)
        self.arrived = np.zeros((rows, regions))
        self.taken = np.zeros((rows, regions))
        self.pending = np.zeros((rows, regions))
        self.step_index = 0
        self._rows = np.arange(rows)

    def restart(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> None:
        """Drop queues with their stale copies; what was waited for is submitted anew."""
        where = np.ix_(rows, columns)
        self.taken[where] = self.arrived[where]
        self.broken[where] += self.pending[where]
        self.pending[where] = 0.0

    def step(self, via: Floats, throttle: Floats) -> None:
        """Move on by a step; `via` is how well what renewals need works.

        Args:
            throttle: share of r T that is let in at once by operators; 1: no throttle.
        """
        own = self.parameters
        lost = np.minimum(self.good, own.count * (1.0 - via) * self.dt_s / own.expire_s)
        self.good = self.good - lost
        self.broken = self.broken + lost
        working = via > WORKING
        limit = np.where(
            self.admission > 0, self.admission, np.where(throttle < 1.0, throttle, np.inf)
        )
        limit = np.where(throttle < 1.0, np.minimum(limit, throttle), limit)
        queue = self.arrived - self.taken
        space = np.where(
            np.isfinite(limit),
            np.maximum(
                0.0, np.where(np.isfinite(limit), limit, 0.0) * self.rate * own.deadline_s - queue
            ),
            np.inf,
        )
        enter = np.where(working, np.minimum(self.broken, space), 0.0)
        self.broken = self.broken - enter
        self._work(enter, np.where(working, via, 0.0), np.isfinite(limit))

    def _work(self, enter: Floats, via: Floats, admitted: NDArray[np.bool_]) -> None:
        own = self.parameters
        expired = self._before(0)
        newly = np.maximum(0.0, expired - np.maximum(self._before(1), self.taken))
        newly = np.minimum(newly, self.pending)
        # Under admission control the expired go back to the gate, else straight to the tail.
        again = np.where(admitted, 0.0, newly)
        self.broken = self.broken + (newly - again)
        self.arrived = self.arrived + enter + again
        self.pending = self.pending + enter + again - newly
        self.ring[self.step_index % len(self.ring)] = self.arrived
        room = self.rate * via * self.dt_s
        start = np.where(own.drop_expired, np.maximum(self.taken, expired), self.taken)
        after = np.minimum(self.arrived, start + room)
        done = np.maximum(0.0, after - np.maximum(start, expired))
        done = np.minimum(done, self.pending)
        self.taken = np.maximum(self.taken, after)
        self.pending = self.pending - done
        self.good = self.good + done
        self.step_index += 1

    def _before(self, earlier: int) -> Floats:
        at = self.step_index - self.lag - earlier
        looked = self.ring[at % len(self.ring), self._rows]
        return np.asarray(np.where((at >= 0)[:, None], looked, 0.0))

    def leased(self) -> Floats:
        """Return the share under lease [row, region]."""
        return np.asarray(np.clip(self.good / self.parameters.count, 0.0, 1.0))

    def queue(self) -> Floats:
        """Return what stands in the queue, stale copies included."""
        return self.arrived - self.taken
