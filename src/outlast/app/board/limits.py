"""Limits and sessions: how often somebody may ask, and who is logged in. In memory: a restart forgets both.

Forgotten sessions cost a log-in. Forgotten limits cost an attacker nothing: whoever guesses passwords has to
get past Argon2 and fifteen characters first.
"""

import secrets
from dataclasses import dataclass, replace
from hashlib import sha256

from outlast.drivers.accounts import Account, Known
from outlast.glass.access import Who
from outlast.model.units import NS_PER_S, Nanos, seconds

IDLE_S = 30 * 60.0
LENGTH_S = 12 * 3600.0
"""A session ends when nobody used it for half an hour, and after a shift in any case."""
KEPT_MAX = 10_000
"""Addresses and sessions that are remembered; the stalest give way."""


class Limits:
    """A token bucket for each key.

    Args:
        per_s: how many a second in the long run.
        burst: how many at once.
    """

    def __init__(self, *, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: dict[str, tuple[float, int]] = {}

    def wait_s(self, key: str, now_ns: int) -> float:
        """Take one; return how many seconds are to be waited instead, 0: none."""
        left, at_ns = self._buckets.pop(key, (float(self._burst), now_ns))
        left = min(self._burst, left + max(0, now_ns - at_ns) / NS_PER_S * self._per_s)
        allowed = left >= 1
        # Put back at the end: the first of a dict is then always the one that was longest idle.
        self._buckets[key] = (left - 1 if allowed else left, now_ns)
        if len(self._buckets) > KEPT_MAX:
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if allowed else (1 - left) / self._per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A session.

    Attributes:
        password: the hash that it was opened with: a new password ends it.
        csrf: what every form of it carries.
        used_ns: when a person last did something with it; a page that renews itself does not count.
    """

    name: str
    password: str
    csrf: str
    made_ns: Nanos
    used_ns: Nanos


class Sessions:
    """Who is logged in, by the hash of the cookie: what leaks from this process opens no session."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def open(self, account: Account, now_ns: Nanos) -> str:
        """Open a session; return what its cookie holds."""
        secret = secrets.token_urlsafe(32)
        self._seats = {key: one for key, one in self._seats.items() if not _is_over(one, now_ns)}
        while len(self._seats) >= KEPT_MAX:
            del self._seats[min(self._seats, key=lambda key: self._seats[key].used_ns)]
        self._seats[_digest(secret)] = Seat(
            name=account.name,
            password=account.password,
            csrf=secrets.token_urlsafe(32),
            made_ns=now_ns,
            used_ns=now_ns,
        )
        return secret

    def find(
        self, secret: str, known: Known, now_ns: Nanos, *, used: bool
    ) -> tuple[Who, str] | None:
        """Return who that is and what their forms carry; None: the session is over, or none.

        Args:
            known: the accounts as they are now.
            used: whether a person does something with it.
        """
        key = _digest(secret)
        seat = self._seats.get(key)
        if seat is None:
            return None
        account = known.account(seat.name)
        valid = account is not None and not account.disabled and account.password == seat.password
        if account is None or not valid or _is_over(seat, now_ns):
            del self._seats[key]
            return None
        if used:
            self._seats[key] = replace(seat, used_ns=now_ns)
        return account.who, seat.csrf

    def close(self, secret: str) -> None:
        """End a session."""
        self._seats.pop(_digest(secret), None)


def _is_over(seat: Seat, now_ns: int) -> bool:
    idle = now_ns - seat.used_ns >= seconds(IDLE_S)
    return idle or now_ns - seat.made_ns >= seconds(LENGTH_S)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
