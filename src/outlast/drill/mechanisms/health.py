"""Health checks that take capacity away, also where it is healthy.

Of a fleet, a share b fails its checks; those in service leave after `fall` bad results and come back after
`rise` good ones, so with an interval I

    d out / dt = (1 - out) * b / (fall * I) - out * (1 - b) / (rise * I)

Nodes whose results alternate (new ones whose network is not there yet) leave and return all the time; each
such change costs the checking system more checks, until it is late; late checks count as failed: the second
half of 20 October 2025 (AWS, "Summary of the Amazon DynamoDB Service Disruption", 2025). Against it stand a
velocity limit (share removed a minute), a cap on what may be out at once, and fail-open: below a share of
healthy nodes all are used (the "panic threshold" of Envoy's load balancing, 50 % by default).

A removal cascade needs no lies: of n equal nodes at utilisation u the rest is overloaded once more than
n (1 - u) are out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FLAP_CHECKS = 10.0
"""How many checks' worth of work one change of a node's state costs the checking system: the verdict, the
new configuration of its balancers, and the quicker checks until it is settled."""


def nodes_spare(nodes: int, utilisation: float) -> float:
    """Return how many of n equal nodes may be out before the rest is overloaded."""
    return nodes * (1.0 - utilisation)


@dataclass(slots=True)
class Parameters:
    """What health checks are like [row, 1]; see `outlast.model.behaviour.HealthRemoval`."""

    interval_s: Floats
    fall: Floats
    rise: Floats
    checker_rate: Floats
    velocity_ratio: Floats
    removable_ratio: Floats
    open_ratio: Floats
    nodes: Floats
    new_ratio: Floats


class Health:
    """Removal in all regions of the services that are checked.

    Attributes:
        out: share of the nodes that are out.
        late: share of the checks that come too late and count as failed.
        off: where operators have switched removal off.
    """

    def __init__(self, parameters: Parameters, regions: int, dt_s: float) -> None:
        self.parameters = parameters
        self.dt_s = dt_s
        rows = len(parameters.interval_s)
        self.out = np.zeros((rows, regions))
        self.late = np.zeros((rows, regions))
        self.off = np.zeros((rows, regions), dtype=bool)

    def step(self, bad: Floats) -> None:
        """Move on by a step; `bad` is the share of the nodes whose own checks fail."""
        own, dt_s = self.parameters, self.dt_s
        failing = np.clip(bad + (1.0 - bad) * self.late, 0.0, 1.0)
        leaving = (1.0 - self.out) * failing * dt_s / (own.fall * own.interval_s)
        coming = self.out * (1.0 - failing) * dt_s / (own.rise * own.interval_s)
        coming = np.minimum(coming, self.out)
        most = np.where(own.velocity_ratio > 0, own.velocity_ratio * dt_s / 60.0, np.inf)
        leaving = np.minimum(leaving, most)
        leaving = np.minimum(leaving, np.maximum(0.0, own.removable_ratio - self.out))
        leaving = np.where(self.off, 0.0, leaving)
        self._check(leaving + coming)
        self.out = np.where(self.off, 0.0, np.clip(self.out + leaving - coming, 0.0, 1.0))

    def _check(self, changes: Floats) -> None:
        own = self.parameters
        wanted = own.nodes / own.interval_s
        wanted = wanted + own.nodes * changes / self.dt_s * FLAP_CHECKS
        can = np.where(own.checker_rate > 0, own.checker_rate, np.inf)
        late = np.where(wanted > can, 1.0 - can / np.maximum(wanted, 1e-12), 0.0)
        weight = np.minimum(1.0, self.dt_s / (own.interval_s * own.fall))
        self.late = self.late + (late - self.late) * weight

    def removed(self) -> Floats:
        """Return the share of capacity that is out of use; none where fail-open has set in."""
        own = self.parameters
        opened = (own.open_ratio > 0) & (1.0 - self.out < own.open_ratio)
        return np.asarray(np.where(opened, 0.0, self.out))
