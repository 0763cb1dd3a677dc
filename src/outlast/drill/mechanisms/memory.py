"""Memory: a dependency that may be gone for a while because its answers are remembered.

While it works everything is refreshed; once it is gone what is remembered serves for `cached_s`, then not
(stale-if-error, RFC 5861 section 4). A wiped memory helps from the next good answer on.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REFRESHING = 0.5
"""Above this share of good answers memory is kept fresh: with a few tries each entry gets one."""


def step_left(left_s: Floats, works: Floats, cached_s: Floats, dt_s: float) -> Floats:
    """Return for how long memory still serves, after a step."""
    return np.asarray(np.where(works > REFRESHING, cached_s, np.maximum(0.0, left_s - dt_s)))


def with_memory(works: Floats, left_s: Floats) -> Floats:
    """Return how well a need is met from the dependency or from memory."""
    return np.asarray(np.where(left_s > 0.0, 1.0, works))
