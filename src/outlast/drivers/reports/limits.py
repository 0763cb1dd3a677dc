"""Limits: how much anybody may ask of the desk, before anything is decoded.

A bucket of tokens for each network or source. The number of buckets is bounded: when there are too many,
the fullest go, which are those of senders that ask for little; one that comes back finds a full bucket.
"""

from dataclasses import dataclass

BUCKETS_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sender may do.

    Attributes:
        body_bytes: of one request.
        body_s: how long a body may take to arrive.
        public_batch: reports in one request without a token.
        bulk_batch: reports in one request with one.
        public_reports_s: reports a second from one network without a token, and up to ten times so many
            at once.
    """

    body_bytes: int = 8 << 20
    body_s: float = 10.0
    public_batch: int = 100
    bulk_batch: int = 50_000
    public_reports_s: float = 50.0


BURST = 10
"""Seconds of the rate that may be used at once."""


class Buckets:
    """Token buckets by sender."""

    def __init__(self, limit: int = BUCKETS_MAX) -> None:
        self._limit = limit
        self._full_at: dict[str, float] = {}

    def take(self, sender: str, number: int, *, rate_s: float, now_s: float) -> float:
        """Take `number` from a sender's bucket; return 0, or the seconds after which to come again.

        What is kept is when the bucket will be full: one float, which says all.
        """
        full_at = max(self._full_at.get(sender, 0.0), now_s)
        after = full_at + number / rate_s
        if after > now_s + BURST:
            return min(after - now_s - BURST, 3600.0)
        if sender not in self._full_at and len(self._full_at) >= self._limit:
            self._drop(now_s)
        self._full_at[sender] = after
        return 0.0

    def _drop(self, now_s: float) -> None:
        kept = {sender: at for sender, at in self._full_at.items() if at > now_s}
        if len(kept) > self._limit // 2:
            emptiest = sorted(kept.items(), key=lambda one: -one[1])
            kept = dict(emptiest[: self._limit // 2])
        self._full_at = kept
