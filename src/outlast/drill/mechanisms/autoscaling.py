"""Autoscaling: capacity that follows load, late, and only while machines can be launched.

The decision aims at load / target (target tracking, as in AWS Application Auto Scaling and the Horizontal
Pod Autoscaler: desired = current * usage / target). What is launched arrives after the delay and carries its
share after warm-up; both together are a first-order lag of that length. Machines that end (`churn_ratio` an
hour) are replaced by the same road: when the launching service is down capacity only falls. A scaler that
also takes machines away on low utilisation removes them just when an outage elsewhere keeps the load away
(Slack, 4 January 2021).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Parameters:
    """How capacity follows load [row, 1]; see `outlast.model.behaviour.Autoscaling`."""

    target_ratio: Floats
    delay_s: Floats
    warmup_s: Floats
    step_ratio: Floats
    low_ratio: Floats
    min_ratio: Floats
    max_ratio: Floats
    churn_ratio: Floats


class Scalers:
    """Capacity of the services that scale by themselves, as a share of that at the start.

    Attributes:
        running: what carries load.
        starting: what is on its way.
        frozen: where operators have stopped it.
    """

    def __init__(self, parameters: Parameters, regions: int, dt_s: float) -> None:
        self.parameters = parameters
        self.dt_s = dt_s
        rows = len(parameters.target_ratio)
        self.running = np.ones((rows, regions))
        self.starting = np.zeros((rows, regions))
        self.frozen = np.zeros((rows, regions), dtype=bool)

    def step(self, utilisation: Floats, via: Floats, at_rest: Floats) -> Floats:
        """Move on by a step; return the launches that were asked for (share of the start a second).

        Args:
            utilisation: of what runs now.
            via: how well launches work.
            at_rest: utilisation at the start. A fleet that is run above its target on purpose is not
                grown for that; its target is what it had.
        """
        own, dt_s = self.parameters, self.dt_s
        ended = self.running * own.churn_ratio * dt_s / 3600.0
        target = np.maximum(own.target_ratio, at_rest)
        wanted = np.clip(self.running * utilisation / target, own.min_ratio, own.max_ratio)
        # What was there at the start stays wanted: a fall in use is no reason to shrink, but for low_ratio.
        wanted = np.maximum(wanted, np.where(own.low_ratio > 0, own.min_ratio, 1.0))
        most = own.step_ratio * dt_s / 60.0
        asked = np.clip(wanted - self.running - self.starting, 0.0, most)
        asked = np.where(self.frozen, 0.0, asked)
        low = (own.low_ratio > 0) & (utilisation < own.low_ratio) & ~self.frozen
        shrink = np.where(low, np.minimum(most, np.maximum(0.0, self.running - own.min_ratio)), 0.0)
        arriving = self.starting * (
            1.0 - np.exp(-dt_s / np.maximum(own.delay_s + own.warmup_s, 1e-9))
        )
        self.starting = self.starting + asked * via - arriving
        self.running = np.maximum(0.0, self.running - ended - shrink + arriving)
        return np.asarray(asked / dt_s)
