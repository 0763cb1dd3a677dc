"""One timer for all calls of a guard, instead of one timer for each call.

`asyncio.timeout` costs 4 to 6 us, for it makes a timer and throws it away. All calls of one guard have the
same time-out, so they fall due in the order in which they began, and one timer on the eldest is enough: a
call is one entry in a dictionary and one removal. The timer is moved on when it rings, not when a call ends.

The rest is what `asyncio.timeout` does: `cancel()` on the task, `uncancel()` once it has been delivered, and
the caller's own cancellation wins. `cancelling()` is read when the call *begins*: read when the timer rings,
it would count somebody else's cancellation of this very moment as having been there before, and swallow it.
"""

from asyncio import AbstractEventLoop, Task
from time import monotonic
from typing import Any

EARLY_S = 0.001
"""Timers ring up to a tick of the clock early; what is due within it is due."""


class Watch:
    """The calls of one guard in one event loop.

    Attributes:
        pending: for each task its due time and its `cancelling()`, eldest first.
        fired: tasks that were cancelled here and have not come back yet, with their `cancelling()`.
    """

    __slots__ = ("armed", "fired", "loop", "pending")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.pending: dict[Task[Any], tuple[float, int]] = {}
        self.fired: dict[Task[Any], int] = {}
        self.armed = False

    def arm(self, delay_s: float) -> None:
        """Start the timer."""
        self.armed = True
        self.loop.call_later(delay_s, self._ring)

    def overdue(self, task: Task[Any]) -> bool:
        """End a call that is no longer pending: whether nobody but us has cancelled it."""
        before = self.fired.pop(task, None)
        return before is not None and task.uncancel() <= before

    def _ring(self) -> None:
        self.armed = False
        now_s = monotonic()
        while self.pending:
            task = next(iter(self.pending))
            due_s, before = self.pending[task]
            if due_s - now_s > EARLY_S:
                self.arm(due_s - now_s)
                return
            del self.pending[task]
            self.fired[task] = before
            task.cancel()
