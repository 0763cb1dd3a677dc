"""Boarding: what a replay believes, shown on the board of a running control plane.

A stream of some other day is watched as if it were today: the times on the board are the stream's, and only
how old the belief is counts from now. What was found goes into the journal as well, marked as a replay, so
that an exercise can be reviewed as an outage is. It goes the way of live detection, one value in the store,
so whoever detects live on that topology at the same time writes over it.
"""

import asyncio
from dataclasses import replace
from types import TracebackType
from typing import Self

from outlast.app.reports.believing import Beside, belief_of
from outlast.app.reports.remembering import ROLE, Memory
from outlast.app.reports.watching import Entry, Watcher
from outlast.app.wiring import World
from outlast.drivers.reports.beliefs import write_belief
from outlast.model.units import NS_PER_S, iso
from outlast.ports import Store

BEAT_S = 1.0
"""How often it is written anew: often enough to be watched."""


class Boarding:
    """Writes a watcher's belief into the store of a world. A context manager."""

    def __init__(self, world: World, watcher: Watcher) -> None:
        self._world = world
        self._watcher = watcher
        self._memory = Memory()
        self._runner = asyncio.Runner()
        self._store: Store | None = None
        self._belief = belief_of(watcher, world.clock.now_ns(), Beside())

    def __enter__(self) -> Self:
        self._store = self._runner.run(self._world.store())
        return self

    def show(self, *entries: Entry) -> None:
        """Show what is believed now, and put what was found on record, marked as a replay.

        Raises:
            StoreError: the store cannot be used.
        """
        told = [
            replace(one, text=f"replayed, {_minute(one.minute)}: {one.text}") for one in entries
        ]
        self._memory.alarms([one for one in told if one.kind == "alarm"])
        for one in told:
            if one.kind == "verdict":
                self._memory.verdict(one, self._watcher.verdict)
        self._belief = belief_of(self._watcher, self._world.clock.now_ns(), Beside())
        self._write()

    def beat(self) -> None:
        """Show the same once more, for the watcher may be ahead of the time on the board.

        Raises:
            StoreError: the store cannot be used.
        """
        self._belief = replace(self._belief, at_ns=self._world.clock.now_ns())
        self._write()

    def _write(self) -> None:
        if self._store is not None:
            self._runner.run(self._leave(self._store))

    async def _leave(self, store: Store) -> None:
        await write_belief(store, self._belief)
        await self._memory.write(self._world.ledger(store, ROLE))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._store is not None:
            self._runner.run(self._store.close())
        self._runner.close()


def _minute(minute: int) -> str:
    return iso(minute * 60 * NS_PER_S)[:16]
