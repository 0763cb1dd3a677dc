"""The fleet: thousands of targets probed from one process, each at its own interval.

What it promises. A subject is probed once in each of its slots (`schedule`), and never twice at a time. A
target that stops answering right after a good probe has its `fall`-th bad report within interval x fall,
plus one time-out if it is a black hole, since no probe waits for another subject's as long as fewer than
`concurrency_max` are under way. Bad results do not speed anything up: what counts as down is the core's
business (`core.observe`), and a sick target needs no extra load.

What it does under overload, in this order. Probes wait for their turn, first come, first served, so a
region full of black holes delays the others but starves nobody. A slot that comes while its subject's
former probe still waits or runs is begun right after it, if no later than half an interval, else skipped.
All of that is counted (`statistics`). What could not be judged is no report: missing evidence, not bad
news.
"""

import asyncio
import resource
from collections import deque
from collections.abc import Callable, Iterable

from outlast.drivers.probes.prober import WireProber
from outlast.drivers.probes.schedule import Schedule, Slots
from outlast.drivers.probes.statistics import Counters, Statistics
from outlast.model.health import Report
from outlast.model.names import Subject, VantageName
from outlast.model.units import NS_PER_MS, as_seconds, seconds
from outlast.ports import Assignment, Clock, Prober, Unjudged

CONCURRENCY_MAX = 2_000
"""Probes under way at most, where file handles allow: 1,000 black holes a second at a time-out of 2 s."""

GRAIN_NS = 5 * NS_PER_MS
"""Slots within so much time begin together, the later ones early: one wake-up for several probes, and no
idling round a timer that an event loop rounds down to its own grain (uvloop: 1 ms)."""

Emit = Callable[[tuple[Report, ...]], None]
"""Takes a batch of reports, in the order in which the probes ended. Must not block, nor raise."""

_Task = asyncio.Task[Report | Unjudged]


class _Member:
    """A subject with what is going on about it.

    Attributes:
        waiting: the slot of a probe that waits for its turn.
        overdue: the slot that came while a probe was waiting or under way.
        task: the probe under way.
    """

    __slots__ = ("overdue", "slots", "task", "waiting")

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.waiting: int | None = None
        self.overdue: int | None = None
        self.task: _Task | None = None


class Fleet:
    """Probes what it is assigned, from creation until `close`. Belongs to one running event loop.

    Args:
        emit: gets every batch of reports.
        concurrency_max: probes under way at most; default: `concurrency_default()`.
        prober: makes the probes; by default over real sockets, a new connection each.
    """

    def __init__(
        self,
        vantage: VantageName,
        clock: Clock,
        emit: Emit,
        *,
        concurrency_max: int | None = None,
        prober: Prober | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._prober: Prober = prober or WireProber(vantage, clock)
        self._emit = emit
        self._concurrency_max = concurrency_max or concurrency_default()
        self._schedule = Schedule(vantage)
        self._members: dict[Subject, _Member] = {}
        self._queue: deque[_Member] = deque()
        self._tasks: dict[_Task, _Member] = {}
        self._batch: list[Report] = []
        self._timer: asyncio.TimerHandle | None = None
        self._counters = Counters(self._now_ns())
        self._closed = False

    def update(self, assignments: Iterable[Assignment]) -> None:
        """Probe exactly these from now on.

        Whoever stays as it is notices nothing. A changed one is probed at its next slot; a probe of a
        removed or changed one that is under way is broken off without a report.

        Raises:
            ValueError: two assignments of one subject. Nothing was changed.
            RuntimeError: the fleet is closed.
        """
        if self._closed:
            raise RuntimeError("the fleet is closed")
        wanted: dict[Subject, Assignment] = {}
        for one in assignments:
            if wanted.setdefault(one.subject, one) is not one:
                raise ValueError(f"two assignments of {one.subject}")
        for subject, member in list(self._members.items()):
            if wanted.get(subject) != member.slots.assignment:
                self._remove(member)
        now_ns = self._now_ns()
        for subject, assignment in wanted.items():
            if subject not in self._members:
                self._members[subject] = _Member(self._schedule.add(assignment, now_ns))
        self._arm()

    def statistics(self) -> Statistics:
        """Return what was done so far and is going on now."""
        waiting = sum(not member.slots.removed for member in self._queue)
        return self._counters.snapshot(
            self._now_ns(),
            subjects=len(self._members),
            in_flight=len(self._tasks),
            waiting=waiting,
        )

    async def close(self) -> None:
        """Break off what is under way, emit what has ended, and end. May be called again."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for member in list(self._members.values()):
            self._remove(member)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._flush()

    def _remove(self, member: _Member) -> None:
        member.slots.removed = True
        del self._members[member.slots.assignment.subject]
        if member.task is not None:
            member.task.cancel()

    def _now_ns(self) -> int:
        return seconds(self._loop.time())

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        next_ns = self._schedule.next_ns
        if next_ns is not None and not self._closed:
            self._timer = self._loop.call_at(as_seconds(next_ns), self._begin_due)

    def _begin_due(self) -> None:
        now_ns = self._now_ns()
        while (due := self._schedule.take_due(now_ns + GRAIN_NS)) is not None:
            slots, slot_ns, missed = due
            self._counters.skipped += missed
            member = self._members[slots.assignment.subject]
            if member.waiting is None and member.task is None:
                self._enqueue(member, slot_ns)
            else:
                self._counters.skipped += member.overdue is not None
                member.overdue = slot_ns
        self._begin_waiting()
        self._arm()

    def _enqueue(self, member: _Member, slot_ns: int) -> None:
        member.waiting = slot_ns
        self._queue.append(member)

    def _begin_waiting(self) -> None:
        while self._queue and len(self._tasks) < self._concurrency_max:
            member = self._queue.popleft()
            if member.slots.removed or member.waiting is None:
                continue
            self._counters.begun(self._now_ns() - member.waiting)
            member.waiting = None
            task = self._loop.create_task(self._prober.probe(member.slots.assignment))
            member.task = task
            self._tasks[task] = member
            # Not in the task itself: one that is cancelled before its first step runs no line of it.
            task.add_done_callback(self._ended)

    def _ended(self, task: _Task) -> None:
        member = self._tasks.pop(task)
        member.task = None
        if not task.cancelled():
            self._record(task, member)
        if member.overdue is not None and not member.slots.removed:
            self._catch_up(member, member.overdue)
        self._begin_waiting()

    def _catch_up(self, member: _Member, slot_ns: int) -> None:
        member.overdue = None
        if self._now_ns() - slot_ns > member.slots.interval_ns // 2:
            self._counters.skipped += 1
        else:
            self._enqueue(member, slot_ns)

    def _record(self, task: _Task, member: _Member) -> None:
        self._counters.ended(self._now_ns())
        error = task.exception()
        if error is not None:
            self._counters.failed += 1
            subject = member.slots.assignment.subject
            self._loop.call_exception_handler(
                {"message": f"the probe of {subject} raised", "exception": error, "task": task}
            )
        elif not member.slots.removed:
            self._report(task.result())

    def _report(self, outcome: Report | Unjudged) -> None:
        if isinstance(outcome, Unjudged):
            self._counters.unjudged += 1
            self._counters.unjudged_reason = outcome.reason
            return
        self._counters.good += outcome.good
        self._counters.bad += not outcome.good
        if not self._batch:  # whatever else ends in this turn of the loop shares the batch
            self._loop.call_soon(self._flush)
        self._batch.append(outcome)

    def _flush(self) -> None:
        batch, self._batch = tuple(self._batch), []
        if batch:
            self._emit(batch)


def concurrency_default() -> int:
    """Return `CONCURRENCY_MAX`, or half of the file handles that this process may open, if fewer."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONCURRENCY_MAX if soft < 0 else max(1, min(CONCURRENCY_MAX, soft // 2))
