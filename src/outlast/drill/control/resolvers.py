"""Resolvers: where users are led by what was published during the last TTL.

Resolvers of a busy name ask again when their entry runs out, and ages are spread evenly. So what they hold
now is the mean of what was published over the last TTL: after one change a straight line from the old to
the new over one TTL, after several exactly what a straight line could not say.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Resolvers:
    """The resolvers of one endpoint.

    Attributes:
        ttl_s: how long they keep an answer.
    """

    def __init__(self, ttl_s: float, published: Floats, at_s: float) -> None:
        self.ttl_s = max(1e-3, ttl_s)
        self._changes: list[tuple[float, Floats]] = [(at_s, published)]

    def publish(self, published: Floats, at_s: float) -> None:
        """Take note of what is published from now on."""
        if not np.array_equal(published, self._changes[-1][1]):
            self._changes.append((at_s, published))

    def hold(self, now_s: float) -> Floats:
        """Return the share of the answers held that lead to each region."""
        since_s = now_s - self.ttl_s
        changes = self._changes
        while len(changes) > 1 and changes[1][0] <= since_s:
            del changes[0]
        if len(changes) == 1:
            return changes[0][1]
        ends = [*(at_s for at_s, _ in changes[1:]), now_s]
        total = np.zeros_like(changes[0][1])
        for (from_s, published), until_s in zip(changes, ends, strict=True):
            total += published * (until_s - max(from_s, since_s)) / self.ttl_s
        return total
