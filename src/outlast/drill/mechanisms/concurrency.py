"""Latency that grows with concurrency: W = base + slope * L.

Whoever comes when L requests are in progress takes base + slope * L seconds. In balance L = lambda * W, so
L = lambda * base / (1 - slope * lambda): a pole at lambda = 1 / slope, beyond which L grows without end. Work
that its caller gave up on goes on to the end, so retries push a system beyond the pole and keep it there
(M. Brooker, "Metastability and Distributed Systems", 2021, and his public simulator: W = 1 + 0.01 L s).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outlast.drill.mechanisms.serving import Result

Floats = NDArray[np.float64]


def in_progress(load: Floats, base_s: Floats, slope_s: Floats) -> Floats:
    """Return L in balance; infinite at and beyond the pole."""
    room = 1.0 - slope_s * load
    return np.asarray(np.where(room > 0, load * base_s / np.maximum(room, 1e-12), np.inf))


def step_inside(
    inside: Floats, arriving: Floats, base_s: Floats, slope_s: Floats, dt_s: float
) -> tuple[Floats, Floats]:
    """Move L on by a step with so many arrivals; return L and how many finished.

    Half of the arrivals count while departures are reckoned (midpoint rule): the step may be as long as
    the base time of service without ringing.
    """
    middle = inside + arriving / 2.0
    rate = 1.0 / (base_s + slope_s * middle)
    finished = (inside + arriving) * (1.0 - np.exp(-dt_s * rate))
    return inside + arriving - finished, finished


@dataclass(slots=True)
class Parameters:
    """What crowds are like [row, 1]; see `outlast.model.behaviour.Serving`."""

    rate: Floats
    base_s: Floats
    slope_s: Floats
    timeout_s: Floats
    in_flight_max: Floats


class Crowds:
    """Requests in progress at services whose latency grows with them, in all regions.

    Whoever will take longer than its caller waits is known to fail on arrival, but the caller sees it a
    time-out later; until then, and after, the work goes on.
    """

    def __init__(self, parameters: Parameters, regions: int, dt_s: float) -> None:
        self.parameters = parameters
        self.dt_s = dt_s
        rows = len(parameters.rate)
        self.inside = np.zeros((rows, regions))
        self.lag = np.maximum(1, np.ceil(parameters.timeout_s / dt_s)).astype(np.intp)[:, 0]
        self.doomed = np.zeros((int(self.lag.max(initial=1)) + 1, rows, regions))
        self.step_index = 0
        self._rows = np.arange(rows)

    def settle(self, load: Floats) -> None:
        """Begin in balance with a load, if there is one."""
        balance = in_progress(load, self.parameters.base_s, self.parameters.slope_s)
        self.inside = np.where(np.isfinite(balance), balance, 0.0)

    def restart(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> None:
        """Drop what is in progress."""
        self.inside[np.ix_(rows, columns)] = 0.0

    def step(self, arriving: Floats, capacity: Floats, extra_s: Floats) -> Result:
        """Take the arrivals of a step (requests).

        Args:
            capacity: share of the usual capacity that is there; the slope grows as it falls.
            extra_s: how much longer service takes now.
        """
        own = self.parameters
        space = np.maximum(0.0, own.in_flight_max - self.inside)
        entering = np.minimum(arriving, space)
        slope = own.slope_s / np.maximum(capacity, 1e-6)
        latency = own.base_s + extra_s + slope * (self.inside + entering / 2.0)
        slow = (own.timeout_s > 0) & (latency > own.timeout_s)
        self.inside, worked = step_inside(
            self.inside, entering, own.base_s + extra_s, slope, self.dt_s
        )
        self.doomed[(self.step_index + self.lag) % len(self.doomed), self._rows] = np.where(
            slow, entering, 0.0
        )
        expired = self.doomed[self.step_index % len(self.doomed)].copy()
        self.step_index += 1
        return Result(
            good=np.where(slow, 0.0, entering),
            refused=arriving - entering,
            expired=expired,
            worked=np.minimum(worked, own.rate * self.dt_s),
            latency_s=np.where(own.timeout_s > 0, np.minimum(latency, own.timeout_s), latency),
            queue=self.inside,
        )
