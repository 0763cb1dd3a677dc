"""Clients: what callers of a service do when a request fails.

A request is tried up to n times. With a share f of tries failing independently, a request causes
(1 - f^n) / (1 - f) tries and fails with f^n (M. Brooker, "Fixing retries with token buckets and circuit
breakers", 2022). In a chain of layers that each try thrice, three layers multiply to 27 and five to 243
(Google SRE book, chapter 22). Retries wait in an orbit, one pool for each number of tries: a pool empties
at 1 / wait, with wait = backoff * 2^(k - 1), halved on average by full jitter (M. Brooker, "Exponential
Backoff And Jitter", 2015).

A budget is a token bucket: each first try earns `budget_ratio` tokens, each retry costs one, and the bucket
holds ten seconds' worth at most (gRPC's retry throttling, gRFC A6; `outlast.client.budget` is the same
bucket for one process). A breaker opens at a share of failures in its window, and stays open for a time;
then a tenth of the requests go through as probes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BUCKET_S = 10.0
"""How many seconds' earnings a retry budget holds at most."""

WINDOW_S = 10.0
"""Over which time a breaker looks at failures, as in `outlast.client.breaker.Limits`."""

PROBES_RATIO = 0.1
"""Share of the requests that a half-open breaker lets through."""


def amplification(fail: float, attempts: int) -> float:
    """Return tries per request, where each try fails with this share."""
    if fail >= 1.0:
        return float(attempts)
    return (1.0 - fail**attempts) / (1.0 - fail)


def success(fail: float, attempts: int) -> float:
    """Return the share of requests that succeed at last."""
    return 1.0 - float(fail**attempts)


@dataclass(slots=True)
class Parameters:
    """What callers do [row, 1]; see `outlast.model.behaviour.Retrying`."""

    attempts: Floats
    backoff_s: Floats
    jitter: NDArray[np.bool_]
    budget_ratio: Floats
    breaker_ratio: Floats
    breaker_s: Floats
    hedge_ratio: Floats


class Clients:
    """The callers of the services that say what theirs do, in all regions.

    Attributes:
        orbit: requests that wait for their next try [try, row, region]: try 0 waits for the second one.
        outstanding: tries that wait for an answer, by their number.
        open_left_s: how long a breaker stays open yet [row, region].
        breaks, hedges, budgets: whether any of them has a breaker, a hedge, a budget.
        full: whether the buckets have been filled for the first time.
    """

    def __init__(self, parameters: Parameters, regions: int, dt_s: float) -> None:
        own = self.parameters = parameters
        self.dt_s = dt_s
        rows = len(own.attempts)
        tries = int(own.attempts.max(initial=1.0))
        self.orbit = np.zeros((max(0, tries - 1), rows, regions))
        numbers = np.arange(max(0, tries - 1), dtype=float)[:, None, None]
        wait_s = own.backoff_s[None] * 2.0**numbers * np.where(own.jitter, 0.5, 1.0)[None]
        self.leaving = 1.0 - np.exp(-dt_s / np.maximum(wait_s, 1e-9))
        self.allowed = (numbers + 1.0 < own.attempts[None]).astype(float)
        self.tokens = np.zeros((rows, regions))
        self.outstanding = np.zeros((tries, rows, regions))
        self.failing = np.zeros((rows, regions))
        self.open_left_s = np.zeros((rows, regions))
        self.breaks = bool((own.breaker_ratio > 0).any())
        self.hedges = bool((own.hedge_ratio > 0).any())
        self.budgets = bool((own.budget_ratio > 0).any())
        self.full = False

    def send(self, fresh: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the tries of a step, those that a breaker stops, and retries given up for want of budget."""
        own = self.parameters
        due = self.orbit * self.leaving
        self.orbit = self.orbit - due
        retries = due.sum(axis=0)
        dropped = np.zeros_like(retries)
        if self.budgets:
            cap = own.budget_ratio * fresh * (BUCKET_S / self.dt_s)
            if not self.full:
                self.tokens, self.full = cap.copy(), True
            self.tokens = np.minimum(cap, self.tokens + own.budget_ratio * fresh)
            paid = np.where(own.budget_ratio > 0, np.minimum(retries, self.tokens), retries)
            self.tokens = self.tokens - np.where(own.budget_ratio > 0, paid, 0.0)
            share = np.where(retries > 0, paid / np.maximum(retries, 1e-12), 1.0)
            dropped, due, retries = retries - paid, due * share, paid
        sent = fresh + retries
        self.outstanding = self.outstanding + np.concatenate([fresh[None], due])
        stopped = np.zeros_like(sent)
        if self.breaks:
            passing = np.where(self.open_left_s > 0, 0.0, 1.0)
            half = (
                (self.open_left_s <= 0)
                & (self.failing > own.breaker_ratio)
                & (own.breaker_ratio > 0)
            )
            stopped = sent * (1.0 - np.where(half, PROBES_RATIO, passing))
            sent = sent - stopped
        if self.hedges:
            sent = sent * (1.0 + np.where(self._calm(), own.hedge_ratio, 0.0))
        return sent, stopped, dropped

    def _calm(self) -> NDArray[np.bool_]:
        return self.open_left_s <= 0

    def fail(self, failed: Floats, good: Floats, sent: Floats) -> Floats:
        """Send failed tries into the orbit; return those that have no further try.

        Time-outs are seen long after the tries were sent. Whoever waits for an answer is kept by number
        of tries, and answers of either kind come to them in proportion: nobody tries more than n times.
        """
        own = self.parameters
        whole = np.maximum(self.outstanding.sum(axis=0), 1e-12)
        self.outstanding = self.outstanding * np.maximum(0.0, 1.0 - good / whole)
        whole = np.maximum(self.outstanding.sum(axis=0), 1e-12)
        by_try = self.outstanding * np.minimum(1.0, failed / whole)
        self.outstanding = self.outstanding - by_try
        again = by_try[: len(self.orbit)] * self.allowed
        self.orbit = self.orbit + again
        if self.breaks:
            share = np.clip(failed / np.maximum(sent, 1e-12), 0.0, 1.0)
            weight = np.where(sent > 1e-9, min(1.0, self.dt_s / WINDOW_S), 0.0)
            self.failing = self.failing + (share - self.failing) * weight
            trips = (own.breaker_ratio > 0) & (self.failing > own.breaker_ratio)
            left = np.maximum(0.0, self.open_left_s - self.dt_s)
            closed = (self.open_left_s <= 0) & trips & (share > own.breaker_ratio)
            self.open_left_s = np.where(closed, own.breaker_s, left)
        return np.asarray(failed - again.sum(axis=0))
