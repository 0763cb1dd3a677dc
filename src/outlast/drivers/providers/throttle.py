"""A token bucket: how many requests a vendor allows, and who waits for how long.

A vendor counts all requests of an account, whoever sends them. So all parts of one process share one
bucket for each API (`Throttles`); what other processes send is not known here, and shows as answers
"throttled", after which everybody here pauses.

A request that would have to wait for longer than its sender has time is turned away at once: nothing was
sent, which is worth more than a write that leaves late.
"""

import asyncio
from dataclasses import dataclass, field

PAUSE_S = 1.0
"""How long nobody sends anything after the vendor has said "throttled"."""


class Throttle:
    """One bucket.

    Args:
        rate: requests a second.
        burst: how many may be sent at once after a pause.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at_s: float | None = None

    async def take(self, timeout_s: float, *, urgent: bool) -> bool:
        """Wait for the turn of one request; False, at once, if it would not come in time.

        Args:
            urgent: it belongs to a write. Others leave one token over, so that a change never waits
                behind a queue of comparisons.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        needed = 1.0 if urgent or self._burst == 1 else 2.0
        while True:
            self._refill()
            wait_s = max(0.0, (needed - self._tokens) / self._rate)
            if wait_s > deadline_s - loop.time() and wait_s > 0:
                return False
            if urgent or not wait_s:
                self._tokens -= 1  # before the wait, so that those who come later wait longer
                await asyncio.sleep(wait_s)
                return True
            await asyncio.sleep(wait_s)

    def pause(self) -> None:
        """Send nothing for a while: the vendor has had enough."""
        self._refill()
        self._tokens = min(self._tokens, 0.0) - PAUSE_S * self._rate

    def _refill(self) -> None:
        now_s = asyncio.get_running_loop().time()
        since_s = now_s - self._at_s if self._at_s is not None else 0.0
        self._tokens = min(float(self._burst), self._tokens + since_s * self._rate)
        self._at_s = now_s


@dataclass(slots=True)
class Throttles:
    """The buckets of one process, by what they are for."""

    _known: dict[tuple[str, ...], Throttle] = field(default_factory=dict)

    def of(self, key: tuple[str, ...], rate: float, burst: int) -> Throttle:
        """Return the bucket of an API and account, made when it is first asked for."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Throttle(rate, burst)
        return found
