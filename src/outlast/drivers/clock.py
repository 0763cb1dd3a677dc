"""Real time and real chance: the only clock that production decisions are handed.

The system clock may be set back, by hand or by NTP. An instant that is handed out is never less than an
earlier one of the same clock: while the system's time lies behind, the last instant is repeated. Whoever
measures a length of time gets 0 then, never a negative one.
"""

import secrets
import threading
import time
from collections.abc import Callable

from outlast.model.units import Nanos

NONCE_BYTES = 8
"""64 bits: the chance that two of a billion writes share a nonce is about 3 in 100."""


class SystemClock:
    """UTC from the system, never backwards within the process; nonces from its entropy."""

    def __init__(self, source: Callable[[], int] = time.time_ns) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._last_ns = 0

    def now_ns(self) -> Nanos:
        """Return the time in UTC; never less than an earlier answer. Safe from any thread."""
        with self._lock:
            self._last_ns = max(self._last_ns, self._source())
            return Nanos(self._last_ns)

    def nonce(self) -> str:
        """Return 16 fresh hex digits that nobody can guess or repeat."""
        return secrets.token_hex(NONCE_BYTES)
