"""One call's way through everything that is declared, as a machine without IO.

The drivers (`guard_sync`, `guard_async`) and a drill carry out its steps and tell it what came of them:

    step = course.begin(at_s)
    Try(region, wait_s)  -> wait, call, then `course.failed(...)` unless it went well
    Use(rung)            -> take the fallback, then `course.missed(...)` unless it gave a result
    Give(error)          -> raise the error

The order is ours and not the user's: permit, circuit, attempt with its time-out *inside* the circuit,
retries out of the shared budget, then the ladder. With the time-out outside the circuit, 20 of 20 calls
reach a dependency that hangs, since what cancels them is nobody's failure.
"""

from typing import NamedTuple

from outlast.client.errors import Refused
from outlast.client.gate import Gate
from outlast.client.ladder import Ladder, OtherRegion, Rung

BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 2.0
RETRIES_MAX = 3
"""Tries after the first one, however full the budget is: a fourth has never been the one that worked."""


class Try(NamedTuple):
    """Wait, then call a region."""

    region: int
    wait_s: float = 0.0
    attempt: int = 0


class Use(NamedTuple):
    """Take a fallback."""

    rung: Rung


class Give(NamedTuple):
    """Give the error to the caller."""

    error: Exception


Step = Try | Use | Give


class Course:
    """The state of one call.

    Attributes:
        why: why the dependency itself did not answer; empty: nothing is wrong yet.
    """

    __slots__ = ("_error", "_gate", "_idempotent", "_ladder", "_region", "_retries", "_rung", "why")

    def __init__(self, gate: Gate, ladder: Ladder, *, idempotent: bool) -> None:
        self._gate = gate
        self._ladder = ladder
        self._idempotent = idempotent
        self._error: Exception | None = None
        self._region = 0
        self._retries = 0
        self._rung = -1
        self.why = ""

    def begin(self, at_s: float) -> Step:
        """Return the first step."""
        if self._gate.off:
            return self.refused("switched-off", at_s)
        if self._gate.admit(0, at_s):
            return Try(0)
        return self.refused("open", at_s)

    def refused(self, why: str, at_s: float) -> Step:
        """Nothing may be sent: climb at once."""
        remedy = "nothing was sent; it is tried again by itself" if why == "open" else ""
        return self._blame(Refused(self._gate.name, why, remedy=remedy), why, at_s)

    def failed(
        self,
        error: Exception,
        at_s: float,
        *,
        jitter: float,
        left_s: float | None,
        pause_s: float | None,
    ) -> Step:
        """An attempt failed, and its circuit has been told.

        Args:
            jitter: a random share from 0 to 1 of the back-off ("full jitter").
            left_s: what is left of the caller's deadline.
            pause_s: what the dependency asked for with Retry-After, if it did.
        """
        backoff_s = jitter * min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2**self._retries)
        wait_s = backoff_s if pause_s is None else pause_s
        if (
            self._idempotent
            and self._retries < RETRIES_MAX
            and wait_s <= BACKOFF_MAX_S
            and (left_s is None or wait_s < left_s)
            and self._gate.may_retry()
            and self._gate.admit(self._region, at_s)
        ):
            self._retries += 1
            return Try(self._region, wait_s, self._retries)
        return self._blame(error, _word(error), at_s)

    def missed(self, at_s: float, error: Exception | None = None) -> Step:
        """The fallback gave no result; an error of its own joins the cause."""
        if error is not None and self._error is not None:
            self._error.add_note(f"the fallback failed too: {error!r}")
        return self._climb(at_s)

    def _blame(self, error: Exception, why: str, at_s: float) -> Step:
        if self._error is None:
            self._error, self.why = error, why
        return self._climb(at_s)

    def _climb(self, at_s: float) -> Step:
        if self._rung >= 0 and isinstance(self._ladder[self._rung], OtherRegion):
            self._rung -= 1  # the same rung serves as long as there are regions
        for index in range(self._rung + 1, len(self._ladder)):
            self._rung = index
            rung = self._ladder[index]
            if not isinstance(rung, OtherRegion):
                return Use(rung)
            region = self._next_region(at_s)
            if region is not None:
                self._region = region
                return Try(region)
        assert self._error is not None
        self._rung = len(self._ladder)
        return Give(self._error)

    def _next_region(self, at_s: float) -> int | None:
        if self._gate.off or self.why == "full":
            return None
        for region in range(self._region + 1, len(self._gate.circuits)):
            if self._gate.admit(region, at_s):
                return region
        return None


def _word(error: Exception) -> str:
    why = getattr(error, "why", None)
    return why if isinstance(why, str) else type(error).__name__
