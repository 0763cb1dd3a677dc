"""Backlogs: work that others leave behind, worked off first come, first served.

After an outage of D seconds at utilisation rho the missed work is D * rho * mu, and it takes
D * rho / (1 - rho) to work off while new work keeps coming (Little and Graves, "Little's Law", 2008, for the
accounting): 156 minutes at 0.7 leave six hours, at 0.9 almost a day. Whoever joins waits queue / rate; with
work spread unevenly over many small queues the waits are taken as exponential about that mean, so that
the share done within t is 1 - exp(-t / wait).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def drain_s(outage_s: float, utilisation: float) -> float:
    """Return how long the backlog of an outage takes to work off."""
    return outage_s * utilisation / (1.0 - utilisation)


def in_time_ratio(wait_s: Floats, late_s: Floats) -> Floats:
    """Return the share of the work that is done within `late_s`."""
    return np.asarray(1.0 - np.exp(-late_s / np.maximum(wait_s, 1e-9)))


@dataclass(slots=True)
class Parameters:
    """What backlogs are like [row, 1]; see `outlast.model.behaviour.Backlog`."""

    rate: Floats
    units_ratio: Floats
    missed_ratio: Floats
    late_s: Floats


class Backlogs:
    """Backlogs in all regions of the services that have one."""

    def __init__(self, parameters: Parameters, regions: int, dt_s: float) -> None:
        self.parameters = parameters
        self.dt_s = dt_s
        rows = len(parameters.rate)
        self.rate = np.broadcast_to(parameters.rate, (rows, regions)).copy()
        self.queue = np.zeros((rows, regions))

    def step(self, good: Floats, failed: Floats, works: Floats, admit: Floats) -> Floats:
        """Take the work of a step's successes and failures (requests); return units done."""
        own = self.parameters
        self.queue = self.queue + (good * own.units_ratio + failed * own.missed_ratio) * admit
        done = np.minimum(self.queue, self.rate * works * self.dt_s)
        self.queue = self.queue - done
        return done

    def restart(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> None:
        """Throw away what waits."""
        self.queue[np.ix_(rows, columns)] = 0.0

    def wait_s(self) -> Floats:
        """Return how long what joins now waits."""
        return self.queue / np.maximum(self.rate, 1e-9)

    def in_time(self) -> Floats:
        """Return the share of new work that is done in time [row, region]."""
        return in_time_ratio(self.wait_s(), self.parameters.late_s)
