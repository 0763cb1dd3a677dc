"""The kernel: a heap of (time, serial), run in order. Nothing else.

Ties are where determinism dies: two events of one instant must come out in one order in every process,
so each carries the serial number of its scheduling, and events themselves are never compared.
Time is an integer count of nanoseconds and never goes back.
"""

import heapq
from typing import Generic, TypeVar

from outlast.model.units import Nanos

Event = TypeVar("Event")


class Kernel(Generic[Event]):
    """A clock and what is due on it.

    Attributes:
        now_ns: the instant of the event taken last.
    """

    __slots__ = ("_heap", "_serial", "now_ns")

    def __init__(self, now_ns: int = 0) -> None:
        self.now_ns = Nanos(now_ns)
        self._heap: list[tuple[int, int, Event]] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_ns(self) -> float:
        """The instant of the event that `take` would return; infinite: nothing is due."""
        return self._heap[0][0] if self._heap else float("inf")

    def wait_until(self, at_ns: int) -> None:
        """Let time pass in which nothing is due.

        Raises:
            ValueError: something is due before.
        """
        if self.next_ns < at_ns:
            raise ValueError("an event is due before")
        self.now_ns = Nanos(max(self.now_ns, at_ns))

    def after(self, delay_ns: int, event: Event) -> None:
        """Schedule an event.

        Raises:
            ValueError: the delay is negative; nothing happens before now.
        """
        if delay_ns < 0:
            raise ValueError(f"an event {-delay_ns} ns before now")
        self._serial += 1
        heapq.heappush(self._heap, (self.now_ns + delay_ns, self._serial, event))

    def take(self) -> Event:
        """Take the next event and move the clock to its instant.

        Raises:
            IndexError: nothing is due any more.
        """
        at_ns, _, event = heapq.heappop(self._heap)
        self.now_ns = Nanos(at_ns)
        return event
