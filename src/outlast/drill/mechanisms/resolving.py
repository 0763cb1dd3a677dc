"""Name resolution: what share of a service's callers finds its address.

Resolvers of a busy name ask again as soon as their entry runs out, so after a change the share of those that
still have the old entry falls in a straight line over its TTL (ages are spread evenly): loss takes the
positive TTL, return takes the *negative* TTL. That is the smaller of the SOA's TTL and its minimum field
(RFC 2308 section 5). On 20 October 2025 loss took seconds, return a quarter of an hour.

 - An empty answer (NOERROR, no records) is an answer: serve-stale (RFC 8767) does not help. No answer at
   all (SERVFAIL, time-out) is kept for seconds only (RFC 9520 section 3.2: at least 1 s, at most 5 min), and
   resolvers that serve stale bridge it.
 - Clients that ignore the TTL notice nothing while they run.
 - Open connections outlive the name; they end one by one, with a mean life `open_s`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SERVFAIL_S = 5.0
"""How long a resolver remembers that it got no answer: between 1 s and 5 min by RFC 9520."""

GOOD, EMPTY, SILENT = 0, 1, 2
"""What the authoritative servers say: addresses, nothing, or they say nothing."""


def hit_ratio(rate: float, ttl_s: float) -> float:
    """Return the share of lookups answered from a resolver's cache, for Poisson arrivals.

    One miss opens a window of TTL in which rate * TTL hits are expected (Jung, Berger and Balakrishnan,
    "Modeling TTL-based Internet Caches", INFOCOM 2003).
    """
    return rate * ttl_s / (1.0 + rate * ttl_s)


def negative_ttl_s(soa_ttl_s: float, minimum_s: float) -> float:
    """Return how long "there is nothing" is kept (RFC 2308 section 5)."""
    return min(soa_ttl_s, minimum_s)


@dataclass(slots=True)
class Resolving:
    """Resolver populations of names [row, region]; a row is a service with a name or an endpoint.

    Attributes:
        has: share of the resolvers that have an address.
        connected: share of the clients on connections that are still open, or that can open one.
        fall, climb: how fast `has` moves now, per second, since the last change.
        said: what the authoritative servers say: GOOD, EMPTY or SILENT.
    """

    ttl_s: Floats
    negative_ttl_s: Floats
    ignore_ratio: Floats
    stale_ratio: Floats
    open_s: Floats
    has: Floats
    connected: Floats
    fall: Floats
    climb: Floats
    said: NDArray[np.int8]

    @classmethod
    def of(cls, columns: Floats, regions: int) -> "Resolving":
        """Make populations at rest from rows of (ttl, negative ttl, ignore, stale, open)."""
        rows = len(columns)
        ttl, negative, ignore, stale, connection = (columns[:, k : k + 1] for k in range(5))
        return cls(
            ttl_s=np.maximum(ttl, 1e-3),
            negative_ttl_s=np.maximum(negative, 1e-3),
            ignore_ratio=ignore,
            stale_ratio=stale,
            open_s=connection,
            has=np.ones((rows, regions)),
            connected=np.ones((rows, regions)),
            fall=np.zeros((rows, regions)),
            climb=np.zeros((rows, regions)),
            said=np.zeros((rows, regions), dtype=np.int8),
        )

    def say(self, said: NDArray[np.int8]) -> None:
        """Take note of what the authoritative servers say from now on [row, region]."""
        changed = said != self.said
        if not changed.any():
            return
        bad = changed & (self.said == GOOD)
        good = changed & (said == GOOD)
        self.fall = np.where(bad, self.has / self.ttl_s, np.where(said == GOOD, 0.0, self.fall))
        tail = np.where(self.said == SILENT, np.minimum(SERVFAIL_S, self.negative_ttl_s), 0.0)
        tail = np.where(tail > 0, tail, self.negative_ttl_s)
        climb = np.where(good, (1.0 - self.has) / tail, self.climb)
        self.climb = np.where(said == GOOD, climb, 0.0)
        self.said = said.copy()

    def step(self, dt_s: float) -> None:
        """Move on by a step."""
        self.has = np.clip(self.has + (self.climb - self.fall) * dt_s, 0.0, 1.0)
        alive = np.where(self.open_s > 0, np.exp(-dt_s / np.maximum(self.open_s, 1e-9)), 0.0)
        self.connected = np.maximum(self.found(), self.connected * alive)

    def flush(self, ratio: float, rows: NDArray[np.intp]) -> None:
        """Flush a share of the caches of some names: they ask again now."""
        good = (self.said[rows] == GOOD).astype(float)
        self.has[rows] = self.has[rows] * (1.0 - ratio) + ratio * good
        self.fall[rows] *= 1.0 - ratio
        self.climb[rows] *= 1.0 - ratio

    def found(self) -> Floats:
        """Return the share of new connections that get an address."""
        stale = np.where(self.said == SILENT, self.stale_ratio, 0.0)
        fresh = stale + (1.0 - stale) * self.has
        return np.asarray(self.ignore_ratio + (1.0 - self.ignore_ratio) * fresh)

    def reach(self) -> Floats:
        """Return the share of requests that get to an address [row, region]."""
        return self.connected

    @property
    def settled(self) -> bool:
        """Whether nothing moves: every resolver has what is said, or nothing to lose."""
        return bool(((self.said == GOOD) & (self.has >= 1.0)).all())
