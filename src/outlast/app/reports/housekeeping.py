"""Housekeeping: what is done now and then, so that neither disk nor history depends on a restart.

Segments are ended every hour, moved to history once they are, and deleted when nobody needs them any more:
two hours later, since reporters in them are remembered after a restart; and at a worker only once all of it
was acknowledged by the stream. A disk that is full ends none of this: the next turn tries again.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from outlast.detect.intake import Intake, Rules
from outlast.drivers.reports.desk import Desk
from outlast.drivers.reports.history import History, name_of, settle
from outlast.drivers.reports.journal import Journal, segments
from outlast.drivers.reports.stream import Outbox
from outlast.model.errors import OutlastError

TURN_S = 30.0
ROLL_S = 3_600.0
KEEP_S = 2 * 3_600.0
"""How long closed segments stay: reporters in them are remembered after a restart."""

SMALL = Rules(memory_slots=1 << 20, network_slots=1 << 10)
"""Enough to find what a failed write left twice within one segment."""


class Housekeeping:
    """Of one process that takes reports in."""

    def __init__(
        self,
        folder: Path,
        keeper: Journal,
        history: History,
        desk: Desk,
        *,
        outbox: Outbox | None,
        say: Callable[[str, str], None],
    ) -> None:
        """Make it.

        Args:
            outbox: where there is one, the journal is its memory, and others keep the history.
            say: told what went wrong, as a kind and a text.
        """
        self._folder = folder / "journal"
        self._keeper = keeper
        self._history = history
        self._desk = desk
        self._outbox = outbox
        self._say = say
        self._rolled_s = time.monotonic()
        self._lost = False

    async def run(self) -> None:
        """Tidy up until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(TURN_S)

    async def turn(self) -> None:
        """Do what is due."""
        if time.monotonic() - self._rolled_s >= ROLL_S:
            self._rolled_s = time.monotonic()
            self._desk.roll()
        try:
            await asyncio.to_thread(self._tidy, time.time())
            await asyncio.to_thread(self._desk.review.save)
            self._lost = False
        except (OutlastError, OSError) as error:
            if not self._lost:
                self._say("lost", f"the journal cannot be tidied: {error}")
            self._lost = True

    def _tidy(self, now_s: float) -> None:
        closed = [one for one in segments(self._folder) if one.number < self._keeper.number]
        if self._outbox is not None:
            done = self._outbox.done(closed)
            old = [one for one in closed if one.number <= done]
        else:
            for one in closed:
                if not self._history.has(name_of(one)):
                    settle(one, self._history, Intake(SMALL))
            old = closed
        for one in old:
            if now_s - one.path.stat().st_mtime > KEEP_S:
                one.path.unlink(missing_ok=True)
