"""Serving: a fluid queue that knows how old its work is.

A plain "queue over capacity" cannot time out. Cumulative curves can (Newell, "Applications of Queueing
Theory", 1982): with A(t) arrived and S(t) taken into service since the start, whoever waits at the head
arrived when A was S(t), so with a caller's patience T

    good     = what is served in (max(S0, A(t - T)), S1]      still waited for
    wasted   = S1 - S0 - good                                 served too late
    expired  = A(t - T) newly passed and not yet served       time-outs that the callers see now

Two looks into a ring of A are all it costs. FIFO serves whoever waits longest and so, in overload,
everybody too late (goodput 0.03 of 10 a second at twice the load); LIFO serves those who came last; FRESH
drops the expired when their turn comes. What lies between two arrivals is not in a fluid; where the queue
is short, the share of waits beyond T is that of an M/M/1 queue, rho * exp(-(mu - lambda) T) (Kleinrock
1975, 3.27).

Latency that grows with concurrency, W = base + slope * L, gives L = lambda * base / (1 - slope * lambda)
with a pole at 1 / slope (Brooker, "Metastability and Distributed Systems", 2021, and his public
simulator).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RING_STEPS_MAX = 4096
"""Patience is followed for this many steps at most; beyond it callers count as waiting for ever."""


def serve_fifo(
    taken: Floats, arrived: Floats, expired: Floats, room: Floats
) -> tuple[Floats, Floats]:
    """Serve the oldest first, expired or not; return S1 and what was served in time."""
    after = np.minimum(arrived, taken + room)
    return after, np.maximum(0.0, after - np.maximum(taken, expired))


def serve_fresh(
    taken: Floats, arrived: Floats, expired: Floats, room: Floats
) -> tuple[Floats, Floats]:
    """Serve the oldest that is still wanted; the expired are dropped on the way at no cost."""
    start = np.maximum(taken, np.minimum(expired, arrived))
    after = np.minimum(arrived, start + room)
    return after, after - start


def late_ratio(load: Floats, rate: Floats, patience_s: Floats) -> Floats:
    """Return the share of waits beyond T in an M/M/1 queue; 0 where it is overloaded (the fluid tells)."""
    spare = np.maximum(rate - load, 0.0)
    busy = np.minimum(1.0, load / np.maximum(rate, 1e-9))
    return np.asarray(np.where(spare > 0, busy * np.exp(-spare * patience_s), 0.0))


def wait_s(load: Floats, rate: Floats) -> Floats:
    """Return the mean wait in an M/M/1 queue, rho / (mu - lambda), at most a second.

    Near saturation the mean is long in coming (relaxation takes 1 / (mu - lambda)^2); the fluid carries
    what builds up there, so this part is bounded.
    """
    spare = np.maximum(rate - load, 1e-9)
    return np.minimum(1.0, load / np.maximum(rate, 1e-9) / spare)


@dataclass(slots=True)
class Parameters:
    """What queues are like [row, 1]; see `outlast.model.behaviour.Serving`."""

    rate: Floats
    base_s: Floats
    timeout_s: Floats
    queue_max: Floats
    in_flight_max: Floats
    critical_ratio: Floats
    fresh: NDArray[np.bool_]
    lifo: NDArray[np.bool_]


@dataclass(slots=True)
class Result:
    """What a step made of the requests that arrived [row, region], in requests.

    Attributes:
        good: served in time.
        refused: turned away at once.
        expired: time-outs that callers see in this step.
        worked: all that was processed, wasted work too: it calls what the service needs.
        latency_s: from arrival to answer for whoever arrives now.
        queue: requests that wait.
    """

    good: Floats
    refused: Floats
    expired: Floats
    worked: Floats
    latency_s: Floats
    queue: Floats


class Queues:
    """Queues in all regions of the services that have one."""

    def __init__(self, parameters: Parameters, regions: int, dt_s: float) -> None:
        self.parameters = parameters
        self.dt_s = dt_s
        rows = len(parameters.rate)
        patience = np.where(parameters.timeout_s > 0, parameters.timeout_s, 0.0)
        self.lag = np.minimum(np.ceil(patience / dt_s), RING_STEPS_MAX - 1).astype(np.intp)[:, 0]
        self.ring = np.zeros((int(self.lag.max(initial=0)) + 2, rows, regions))
        self.arrived = np.zeros((rows, regions))
        self.taken = np.zeros((rows, regions))
        self.inside = np.zeros((rows, regions))
        self.step_index = 0
        self._rows = np.arange(rows)
        self._patient = parameters.timeout_s <= 0
        self.live = np.zeros((rows, regions))
        self.survival = np.ones((rows, regions))
        self.emptied = np.full((rows, regions), -1, dtype=np.int64)

    def restart(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> None:
        """Empty queues; whoever waited gets an error."""
        where = np.ix_(rows, columns)
        self.taken[where] = self.arrived[where]
        self.live[where] = 0.0
        self.inside[where] = 0.0
        self.emptied[where] = self.step_index

    def step(self, arriving: Floats, capacity: Floats, extra_s: Floats, admit: Floats) -> Result:
        """Take the arrivals of a step (requests), at a capacity in requests a second.

        Args:
            extra_s: how much longer service takes now: faults and what the service waits for.
            admit: share of the arrivals that is let in at all.
        """
        own = self.parameters
        waiting = self.arrived - self.taken
        room = capacity * self.dt_s
        limit = np.where(own.queue_max > 0, own.queue_max, np.inf)
        flight = np.where(own.in_flight_max > 0, own.in_flight_max, np.inf)
        limit = np.minimum(limit, np.maximum(0.0, flight - capacity * own.base_s))
        # Without a bound written as inf - inf: the room for new ones is the limit plus what is served.
        entering = np.minimum(arriving * admit, np.maximum(0.0, limit - waiting + room))
        refused = arriving - entering
        self._push(entering)
        expired = self._expired_before(0)
        newly = np.where(
            self._patient,
            0.0,
            np.maximum(0.0, expired - np.maximum(self._expired_before(1), self.taken)),
        )
        result = self._serve(entering, room, expired, newly, extra_s)
        result.refused = refused
        self.step_index += 1
        return result

    def _push(self, entering: Floats) -> None:
        self.arrived = self.arrived + entering
        self.ring[self.step_index % len(self.ring)] = self.arrived

    def _expired_before(self, earlier: int) -> Floats:
        """Return A(t - T), for now or some steps earlier; nothing had arrived before the start."""
        at = self.step_index - self.lag - earlier
        looked = self.ring[at % len(self.ring), self._rows]
        return np.asarray(np.where((at >= 0)[:, None], looked, 0.0))

    def _serve(
        self, entering: Floats, room: Floats, expired: Floats, newly: Floats, extra_s: Floats
    ) -> Result:
        own = self.parameters
        # A caller that never gives up is served in time however long it takes.
        expired = np.where(self._patient, self.taken, expired)
        load, rate = entering / self.dt_s, room / self.dt_s
        after, good = serve_fifo(self.taken, self.arrived, expired, room)
        worked = after - self.taken
        if own.fresh.any():
            fresh_after, fresh_good = serve_fresh(self.taken, self.arrived, expired, room)
            after = np.where(own.fresh, fresh_after, after)
            good = np.where(own.fresh, fresh_good, good)
            worked = np.where(own.fresh, fresh_good, worked)
        if own.lifo.any():
            after, good, worked, newly = self._serve_lifo(
                entering, room, newly, (after, good, worked)
            )
        queue = self.arrived - after
        self.taken = after
        service_s = own.base_s + extra_s
        latency = service_s + queue / np.maximum(rate, 1e-9)
        short = (queue <= room) & ~self._patient
        if short.any():
            spare_s = np.maximum(0.0, own.timeout_s - extra_s)
            late = np.where(short, late_ratio(load, rate, spare_s), 0.0) * good
            good = good - late
            newly = newly + late
        too_slow = ~self._patient & (service_s > own.timeout_s)
        newly = newly + np.where(too_slow, good, 0.0)
        good = np.where(too_slow, 0.0, good)
        latency = np.where(self._patient, latency, np.minimum(latency, own.timeout_s))
        return Result(good, newly, newly, worked, latency, queue)

    def _serve_lifo(
        self, entering: Floats, room: Floats, newly: Floats, others: tuple[Floats, Floats, Floats]
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Serve those who came last; what is left of older ones is kept by age, thinned by service.

        The ring of A has no use here, since whoever is served need not be at the head. Unserved arrivals
        of each step are kept divided by the share that survived until then, so that thinning all of
        them by one factor costs one multiplication.
        """
        lifo = self.parameters.lifo
        first = np.minimum(entering, room)
        left, spare = entering - first, room - first
        second = np.minimum(self.live, spare)
        keep = np.where(self.live > 0, 1.0 - second / np.maximum(self.live, 1e-12), 1.0)
        gone = keep <= 1e-9
        self.emptied = np.where(gone, self.step_index, self.emptied)
        self.survival = np.where(gone, 1.0, self.survival * keep)
        slot = self.step_index % len(self.ring)
        stored = self.ring[slot]
        self.ring[slot] = np.where(lifo, left / self.survival, stored)
        at = (self.step_index - self.lag)[:, None]
        looked = self.ring[(self.step_index - self.lag) % len(self.ring), self._rows]
        aged = np.where((at >= 0) & (at > self.emptied), looked * self.survival, 0.0)
        aged = np.where(self._patient, 0.0, aged)
        self.live = np.where(lifo, np.maximum(0.0, self.live - second + left - aged), 0.0)
        good = first + second
        stale = np.maximum(0.0, self.arrived - self.taken - entering - self.live)
        third = np.minimum(stale, np.maximum(0.0, spare - second))
        after = np.where(lifo, self.taken + good + third, others[0])
        return (
            np.minimum(after, self.arrived),
            np.where(lifo, good, others[1]),
            np.where(lifo, good + third, others[2]),
            np.where(lifo, aged, newly),
        )
