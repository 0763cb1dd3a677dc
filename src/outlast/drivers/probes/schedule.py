"""When each subject is probed: a fixed grid of slots for each, and one heap for all.

A subject's slots are `phase + k * interval` of the event loop's own time, counted in whole nanoseconds: a
late probe does not push the later ones back, so there is no drift, ever. The phase comes from a hash of
vantage and subject: thousands of targets are spread evenly over the interval, the same way at every
start, and several vantages do not all knock at the same moment.
"""

import heapq
from dataclasses import dataclass, field
from hashlib import blake2b

from outlast.model.names import Subject, VantageName
from outlast.model.units import NS_PER_MS, seconds
from outlast.ports import Assignment

INTERVAL_NS_MIN = 10 * NS_PER_MS
"""A shorter interval counts as this one."""

_HASH_BITS = 64


def phase_ns(vantage: VantageName, subject: Subject, interval_ns: int) -> int:
    """Return where in the interval a subject's slots lie."""
    digest = blake2b(f"{vantage} {subject}".encode(), digest_size=_HASH_BITS // 8).digest()
    return int.from_bytes(digest) * interval_ns >> _HASH_BITS


@dataclass(slots=True, eq=False)
class Slots:
    """One subject's place in the schedule.

    Attributes:
        next_ns: its next slot.
        removed: it is probed no more.
    """

    assignment: Assignment
    interval_ns: int
    next_ns: int
    removed: bool = False


@dataclass(slots=True)
class Schedule:
    """All subjects' next slots. Not thread-safe; all instants are those of the event loop."""

    vantage: VantageName
    _heap: list[tuple[int, int, Slots]] = field(default_factory=list)
    _serial: int = 0

    def add(self, assignment: Assignment, now_ns: int) -> Slots:
        """Begin with the first slot that is not in the past."""
        interval_ns = max(INTERVAL_NS_MIN, seconds(assignment.check.interval_s))
        phase = phase_ns(self.vantage, assignment.subject, interval_ns)
        next_ns = now_ns + (phase - now_ns) % interval_ns
        slots = Slots(assignment, interval_ns, next_ns)
        self._push(slots)
        return slots

    @property
    def next_ns(self) -> int | None:
        """The next slot of all, if there is any."""
        while self._heap and self._heap[0][2].removed:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now_ns: int) -> tuple[Slots, int, int] | None:
        """Take one subject whose slot has come, with that slot and the number of slots missed since.

        Missed are whole slots that lie in the past too, since the process stood still: probing several
        times in a row to make up for them would count one outage several times.
        """
        next_ns = self.next_ns
        if next_ns is None or next_ns > now_ns:
            return None
        slots = heapq.heappop(self._heap)[2]
        missed = (now_ns - next_ns) // slots.interval_ns
        slots.next_ns += (missed + 1) * slots.interval_ns
        self._push(slots)
        return slots, next_ns + missed * slots.interval_ns, missed

    def _push(self, slots: Slots) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (slots.next_ns, self._serial, slots))
