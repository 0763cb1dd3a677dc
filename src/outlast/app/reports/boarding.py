"""Boarding: what a replay believes, shown on the board of a running control plane.

A stream of some other day is watched as if it were today: the times on the board are the stream's, and only
how old the belief is counts from now. What was found goes into the journal as well, marked as a replay, so
that an exercise can be reviewed as an outage is. It goes the way of live detection, one value in the store,
so whoever detects live on that topology at the same time writes over it.

The trap: whoever reads a stream is ahead of the time on the board, for the next line is only known when the
minutes before it were judged. So what is believed is taken when a line is due, never before.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from outlast.app.reports.believing import Beside, belief_of
from outlast.app.reports.remembering import ROLE, Memory
from outlast.app.reports.watching import Entry, Watcher
from outlast.app.wiring import World
from outlast.detect.belief import Belief
from outlast.drivers.ledger import Ledger
from outlast.drivers.reports.beliefs import write_belief

BEAT_S = 1.0
"""How often it is written anew: often enough to be watched."""


class Boarding:
    """Writes a watcher's belief into the store of a world. A context manager."""

    def __init__(self, world: World, watcher: Watcher) -> None:
        self._world = world
        self._watcher = watcher
        self._memory = Memory(replay=True)
        self._runner = asyncio.Runner()
        self._ledger: Ledger | None = None
        self._belief = self._believed()
        self._ringing: list[Entry] = []

    def __enter__(self) -> Self:
        self._ledger = self._world.ledger(self._runner.run(self._world.store()), ROLE)
        return self

    def show(self, entry: Entry) -> None:
        """Show what is believed now, and put what was found on record, marked as a replay.

        Alarms of one minute are put on record together, and all of them are believed at the first.

        Raises:
            StoreError: the store cannot be used.
        """
        ringing = bool(self._ringing) and self._ringing[0].minute == entry.minute
        if entry.kind == "alarm" and ringing:
            self._ringing.append(entry)
            return
        self._take_alarms()
        if entry.kind == "alarm":
            self._ringing.append(entry)
        elif entry.kind == "verdict":
            self._memory.verdict(entry, self._watcher.verdict)
        self._belief = self._believed()
        self._write()

    def _believed(self) -> Belief:
        return replace(belief_of(self._watcher, self._world.clock.now_ns(), Beside()), replay=True)

    def _take_alarms(self) -> None:
        self._memory.alarms(self._ringing)
        self._ringing = []

    def beat(self) -> None:
        """Show the same once more, for the watcher may be ahead of the time on the board.

        Raises:
            StoreError: the store cannot be used.
        """
        self._take_alarms()
        self._belief = replace(self._belief, at_ns=self._world.clock.now_ns())
        self._write()

    def _write(self) -> None:
        if self._ledger is not None:
            self._runner.run(self._leave(self._ledger))

    async def _leave(self, ledger: Ledger) -> None:
        await write_belief(ledger.store, self._belief)
        await self._memory.write(ledger)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._take_alarms()
                self._write()
        finally:
            if self._ledger is not None:
                self._runner.run(self._ledger.store.close())
            self._runner.close()


def paced(
    entries: Iterator[Entry],
    speed: float,
    shown: Boarding | None,
    *,
    now_s: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Entry]:
    """Let the minutes pass at a speed; 0: at once. Meanwhile the board shows what is believed."""
    first, began_s = 0, now_s()
    for entry in entries:
        first = first or entry.minute
        due_s = began_s + (entry.minute - first) * 60 / speed if speed else 0.0
        while (left_s := due_s - now_s()) > 0:
            if shown is None:
                wait(left_s)
            else:
                shown.beat()
                wait(min(BEAT_S, left_s))
        if shown is not None:
            shown.show(entry)
        yield entry
