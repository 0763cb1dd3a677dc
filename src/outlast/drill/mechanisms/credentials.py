"""Credentials that run out: renewed evenly over their life, so lost in a straight line once nobody renews.

After `ttl_s` without renewal all are gone. When the issuer is back, whoever has none asks at once, with
retries; a minute is taken for that (the issuer's own queue, where it has one, is modelled there).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RETURN_S = 60.0
"""Time constant of the return, once they can be had again."""


def step_valid(valid: Floats, via: Floats, ttl_s: Floats, dt_s: float) -> Floats:
    """Return the share of valid credentials after a step; `via` is how well the issuer works."""
    lost = (1.0 - via) * dt_s / ttl_s
    back = via * (1.0 - valid) * (1.0 - np.exp(-dt_s / RETURN_S))
    return np.asarray(np.clip(valid - lost + back, 0.0, 1.0))


@dataclass(slots=True)
class Credentials:
    """Valid shares [row, region] and how long credentials last [row, 1]."""

    ttl_s: Floats
    valid: Floats

    def step(self, via: Floats, dt_s: float) -> None:
        """Move on by a step."""
        self.valid = step_valid(self.valid, via, self.ttl_s, dt_s)
