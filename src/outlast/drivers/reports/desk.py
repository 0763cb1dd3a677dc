"""Desk: where reports are handed in. One turn: code, judge, keep, count, and only then answer.

Whoever hands in reports waits while the turn before is being synced; all that came meanwhile is the next
turn. So one sync serves everybody who waits (group commit), arrays are worth their overhead, and the busier
the desk the longer its turns: nothing needs to be tuned. A turn that cannot be kept is taken back, and its
senders are told to come again.

Everything but the sync runs on the event loop's thread, in order: what is counted is exactly what was kept.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from outlast.detect.cells import Grid
from outlast.detect.intake import Batch, Fate, Intake
from outlast.drivers.reports import journal
from outlast.drivers.reports.decode import Coder, Group
from outlast.drivers.reports.door import NOTHING, ONE, Busy, Tally
from outlast.drivers.reports.identity import Identity
from outlast.drivers.reports.journal import Journal, Record
from outlast.drivers.reports.review import Review
from outlast.model.errors import Bug, StoreError
from outlast.model.units import NS_PER_S
from outlast.ports import Clock

WAITING_MAX = 500_000
"""Reports that may wait for a turn; more are refused, so that memory stays what it is."""


class Counter(Protocol):
    """Whoever is told which reports count."""

    def count(self, batch: Batch, grid: Grid) -> None:
        """Take reports that are kept."""

    def records(self) -> Sequence[Record]:
        """Return what should be kept after the reports counted so far, such as the end of a message."""

    def kept(self, records: Sequence[Record]) -> None:
        """Learn that these are on disk."""


Done = Callable[[Tally | Exception], None]
"""Hears what became of reports: a tally once they are kept, or why they do not count."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    group: Group
    done: Done


class Desk:
    """Takes reports in, one turn after the other."""

    def __init__(
        self,
        coder: Coder,
        intake: Intake,
        keeper: Journal,
        identity: Identity,
        *,
        clock: Clock,
        review: Review,
        counters: Sequence[Counter] = (),
        renew: Callable[[int], Identity] | None = None,
    ) -> None:
        """Make it.

        Args:
            counters: told of every report that counts, after it is on disk.
            renew: returns the identity of the day, given the second.
        """
        self.coder = coder
        self.intake = intake
        self._journal = keeper
        self._identity = identity
        self._clock = clock
        self._review = review
        self._counters = tuple(counters)
        self._renew = renew
        self._queue: deque[_Waiting] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._next_coder: Coder | None = None
        self._rolling = False
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="reports")

    def now_s(self) -> int:
        """The present second."""
        return self._clock.now_ns() // NS_PER_S

    def put(self, group: Group, done: Done) -> None:
        """Hand reports in; `done` hears of it once they are kept, or that they are not."""
        size = len(group.reports)
        if self._waiting + size > WAITING_MAX:
            done(Busy())
            return
        if not size:
            done(NOTHING)
            return
        self._queue.append(_Waiting(group, done))
        self._waiting += size
        self._wake.set()

    @property
    def review(self) -> Review:
        """Names that nobody knows."""
        return self._review

    def change_coder(self, coder: Coder) -> None:
        """Use another coder from the next turn on: the topology was edited, or a name was accepted."""
        self._next_coder = coder
        self._wake.set()

    def roll(self) -> None:
        """End the journal's segment with the next turn."""
        self._rolling = True
        self._wake.set()

    def poke(self) -> None:
        """Let a turn begin even if nobody waits: a counter has something to keep."""
        self._wake.set()

    async def run(self) -> None:
        """Take turns until cancelled; who waits then is told to come again."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._turn()
        finally:
            for one in self._queue:
                one.done(StoreError("the desk is closing", remedy="come again"))
            self._queue.clear()
            await asyncio.to_thread(self._disk.shutdown)
            self._journal.close()

    async def _turn(self) -> None:
        taken = [*self._queue]
        self._queue.clear()
        self._waiting = 0
        try:
            self._take_coder()
            tallies = await self._keep([one.group for one in taken])
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            told = error if isinstance(error, StoreError) else Bug(f"a turn failed: {error!r}")
            for one in taken:
                one.done(told)
            return
        for one, tally in zip(taken, tallies, strict=True):
            one.done(tally)

    def _take_coder(self) -> None:
        """No write is under way between two turns, so the journal may be turned to."""
        if self._rolling:
            self._rolling = False
            self._journal.roll()
        if self._next_coder is not None:
            before, self.coder, self._next_coder = self.coder, self._next_coder, None
            if before.grid != self.coder.grid:
                self._journal.change_grid(self.coder.grid)

    async def _keep(self, groups: list[Group]) -> list[Tally]:
        """Judge and keep what was handed in; return a tally for each group.

        Raises:
            StoreError: it could not be kept, and does not count.
        """
        now_s, grid = self.now_s(), self.coder.grid
        if self._renew is not None:
            self._identity = self._renew(now_s)
        records: list[Record] = []
        counted: Batch | None = None
        fates = np.zeros(0, np.int8)
        unknown: dict[str, int] = {}
        if groups:
            decoded = self.coder.columns(groups, self._identity)
            fates = self.intake.judge(decoded.batch, now_s)
            counted = decoded.batch.take(fates == Fate.COUNTED)
            unknown = dict(decoded.unknown)
        if counted is not None and len(counted):
            records.append(journal.rows_record(counted, grid))
        if unknown:
            records.append(journal.unknown_record(unknown))
        extra = [record for one in self._counters for record in one.records()]
        await self._write([*extra, *records], counted)
        for one in self._counters:
            one.kept(extra)
            if counted is not None and len(counted):
                one.count(counted, grid)
        self._review.add(unknown, now_s)
        return self._tallies(groups, fates)

    async def _write(self, records: list[Record], counted: Batch | None) -> None:
        if not records:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, self._journal.append, records)
        except StoreError:
            if counted is not None:
                self.intake.take_back(counted)
            raise

    def _tallies(self, groups: list[Group], fates: np.typing.NDArray[np.int8]) -> list[Tally]:
        tallies: list[Tally] = []
        at = 0
        plain = fates.tolist() if len(groups) > 1 else []
        for group in groups:
            size = len(group.reports)
            if size == 1 and plain:
                tallies.append(ONE[plain[at]])
            else:
                part = fates[at : at + size]
                tallies.append(tuple(np.bincount(part, minlength=len(Fate)).tolist()))
            at += size
        return tallies
