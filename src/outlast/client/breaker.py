"""A circuit breaker as a table of transitions.

               TRIP                 WAITED
    CLOSED ----------> OPEN ----------------> PROBING
       ^                 ^                       |  |
       |                 +------- PROBE_BAD -----+  |
       +------------------------- PROBE_GOOD -------+
    HELD_OPEN and HELD_CLOSED are a person's word; only RELEASE ends them.

A *rate* in a window of time trips it, not a run of failures: at half the calls failing, five in a row are
rare, and a busy service would never trip. Calls slower than `slow_s` count as failures, for a dependency
that answers in 30 s is down to its callers. The window is ten buckets of counts, so that its memory and its
cost do not grow with traffic (one peer's rate breaker takes seven times longer after 5,000 calls).

A call that its own caller cancelled proves nothing and counts as nothing; a probe that was cancelled gives
its place back, since a lost probe would keep the circuit open for ever. A call that *our* time-out ended is
a failure: with the time-out outside the breaker, all calls go on reaching a dependency that hangs.

Time is an argument: `at_s` is on any monotonic clock, the same for all calls of one breaker.
"""

from enum import StrEnum
from typing import NamedTuple

BUCKETS = 10


class State(StrEnum):
    """Where a circuit stands."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"
    HELD_OPEN = "held-open"
    HELD_CLOSED = "held-closed"


class Cause(StrEnum):
    """What moves it."""

    TRIP = "trip"
    WAITED = "waited"
    PROBE_GOOD = "probe-good"
    PROBE_BAD = "probe-bad"
    HOLD_OPEN = "hold-open"
    HOLD_CLOSED = "hold-closed"
    RELEASE = "release"


TABLE: dict[State, dict[Cause, State]] = {
    State.CLOSED: {Cause.TRIP: State.OPEN},
    State.OPEN: {Cause.WAITED: State.PROBING},
    State.PROBING: {Cause.PROBE_GOOD: State.CLOSED, Cause.PROBE_BAD: State.OPEN},
    State.HELD_OPEN: {Cause.RELEASE: State.CLOSED},
    State.HELD_CLOSED: {Cause.RELEASE: State.CLOSED},
}
"""Pairs that are missing change nothing. The two holds are reached from everywhere."""

HOLDS = {Cause.HOLD_OPEN: State.HELD_OPEN, Cause.HOLD_CLOSED: State.HELD_CLOSED}


def after(state: State, cause: Cause) -> State:
    """Return the state that follows."""
    return HOLDS.get(cause) or TABLE[state].get(cause, state)


class Limits(NamedTuple):
    """When a breaker trips, and how it comes back.

    Attributes:
        failing_ratio: share of failed or slow calls in the window that trips it, above 0 and up to 1.
        calls_min: fewer calls in the window say nothing.
        window_s: length of the window.
        open_s: how long it stays open before it lets probes through.
        probes: how many probes at once, and how many good ones in a row close it.
    """

    failing_ratio: float = 0.5
    calls_min: int = 10
    window_s: float = 10.0
    open_s: float = 5.0
    probes: int = 1


class Breaker:
    """One circuit.

    Attributes:
        state: where it stands. Guards read it without asking further while it is CLOSED.
        good: good calls in the newest bucket. Guards add to it themselves; it is the one step of a good
            call, and a count lost to a race of two threads shifts a rate by one call.
        turn_at_s: when the newest bucket ends.
        moved_at_s: when it last changed its state.
    """

    __slots__ = (
        "_bad", "_buckets", "_earlier", "_probes", "_proved", "good", "limits", "moved_at_s", "state",
        "turn_at_s",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.state = State.CLOSED
        self.good = 0
        self.turn_at_s = float("-inf")
        self.moved_at_s = float("-inf")
        self._bad = 0
        self._buckets: list[tuple[int, int]] = []
        self._earlier = 0
        self._probes = 0
        self._proved = 0

    @property
    def successes(self) -> int:
        """Good calls since the start, for the retry budget."""
        return self._earlier + self.good

    def admit(self, at_s: float) -> bool:
        """Whether a call may go out now. True in PROBING takes a probe's place."""
        if self.state is State.OPEN and at_s - self.moved_at_s >= self.limits.open_s:
            self._move(Cause.WAITED, at_s)
        if self.state is not State.PROBING:
            return self.state is not State.OPEN and self.state is not State.HELD_OPEN
        if self._probes >= self.limits.probes:
            return False
        self._probes += 1
        return True

    def succeeded(self, at_s: float) -> None:
        """A call came back well and in time."""
        self._turn(at_s)
        self.good += 1
        if self.state is State.PROBING:
            self.abandoned()
            self._proved += 1
            if self._proved >= self.limits.probes:
                self._move(Cause.PROBE_GOOD, at_s)

    def failed(self, at_s: float) -> None:
        """A call failed, was too slow, or was ended by our time-out."""
        self._turn(at_s)
        self._bad += 1
        if self.state is State.PROBING:
            self._move(Cause.PROBE_BAD, at_s)
        elif self.state is State.CLOSED and self._tripping():
            self._move(Cause.TRIP, at_s)

    def abandoned(self) -> None:
        """A call ended without proof: its caller left. A probe gives its place back."""
        self._probes = max(0, self._probes - 1)

    def hold(self, cause: Cause, at_s: float) -> None:
        """Carry out a person's word: `HOLD_OPEN`, `HOLD_CLOSED` or `RELEASE`."""
        self._move(cause, at_s)

    def counts(self, at_s: float) -> tuple[int, int]:
        """Return good and failed calls in the window."""
        self._turn(at_s)
        good = self.good + sum(one[0] for one in self._buckets)
        return good, self._bad + sum(one[1] for one in self._buckets)

    def _tripping(self) -> bool:
        good = self.good + sum(one[0] for one in self._buckets)
        bad = self._bad + sum(one[1] for one in self._buckets)
        calls = good + bad
        return calls >= self.limits.calls_min and bad >= self.limits.failing_ratio * calls

    def _turn(self, at_s: float) -> None:
        if at_s < self.turn_at_s:
            return
        width_s = self.limits.window_s / BUCKETS
        gone = BUCKETS
        if self.turn_at_s != float("-inf"):
            gone = min(BUCKETS, 1 + int((at_s - self.turn_at_s) / width_s))
        self._buckets.append((self.good, self._bad))
        self._buckets.extend([(0, 0)] * (gone - 1))
        del self._buckets[: -(BUCKETS - 1)]
        self._earlier += self.good
        self.good = self._bad = 0
        self.turn_at_s = at_s + width_s

    def _move(self, cause: Cause, at_s: float) -> None:
        new = after(self.state, cause)
        if new is self.state:
            return
        self.state, self.moved_at_s = new, at_s
        self._probes = self._proved = 0
        if new is State.CLOSED:
            # What tripped it lies in the window still; the first failure after must not trip it again.
            self._earlier += self.good
            self.good = self._bad = 0
            self._buckets.clear()
