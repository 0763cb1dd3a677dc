"""A deadline that travels down calls.

A context variable holds the absolute second (monotonic clock) until which the caller waits. Every guard
below clamps its own time-out to it and refuses to start when nothing is left; adapters clamp their socket
time-outs. Tasks inherit it with their context, threads do not: hand `left_s()` over yourself.

A wait of 2 s outside and three tries of 1 s inside is the usual mistake; here the third is cut short.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

DEADLINE: ContextVar[float | None] = ContextVar("outlast_deadline", default=None)

SOCKET_MIN_S = 0.001


def left_s() -> float | None:
    """Return the seconds left, at least 0; None: no deadline."""
    until_s = DEADLINE.get()
    return None if until_s is None else max(0.0, until_s - monotonic())


def clamp_s(limit_s: float | None) -> float | None:
    """Return the smaller of a limit and what is left; None: neither."""
    left = left_s()
    if left is None or limit_s is None:
        return limit_s if left is None else left
    return min(limit_s, left)


def socket_s(limit_s: float | None) -> float | None:
    """Return `clamp_s` for a socket: a millisecond at least, since 0 would mean "do not block"."""
    clamped_s = clamp_s(limit_s)
    return None if clamped_s is None else max(SOCKET_MIN_S, clamped_s)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything inside at most `seconds`, or what is left of an outer deadline if that is less."""
    until_s = monotonic() + seconds
    outer_s = DEADLINE.get()
    token = DEADLINE.set(until_s if outer_s is None else min(until_s, outer_s))
    try:
        yield
    finally:
        DEADLINE.reset(token)
