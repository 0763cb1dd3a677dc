"""A replay on the board: the stream's times are shown as they are, and only its age counts from now."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from tests.reports.test_detecting import (
    START_MINUTE,
    WARM_MINUTES,
    MovedClock,
    counted,
    lost,
    write_world,
)

from outlast.app.options import open_world
from outlast.app.reports.boarding import BEAT_S, Boarding, paced
from outlast.app.reports.grids import grid_of
from outlast.app.reports.remembering import ALARMS_MAX, ROLE
from outlast.app.reports.watching import Entry, Watcher
from outlast.app.wiring import World
from outlast.detect.belief import Belief
from outlast.detect.cells import Grid
from outlast.detect.roads import roads_of
from outlast.detect.verdict import Outcome
from outlast.drivers.entries import Note
from outlast.drivers.reports.beliefs import read_belief
from outlast.model.units import NS_PER_S, iso
from outlast.ports import Store

pytestmark = pytest.mark.slow

Found = TypeVar("Found")

LATER_S = 10**8
"""The board is watched three years after the day that is replayed."""

BROKE = START_MINUTE + WARM_MINUTES
OVER = BROKE + 45
"""Until then it is told that it is over."""

SPEED = 120.0


@dataclass
class Wall:
    """A board's world and what was read from its store, by a clock that stands still but for waiting."""

    world: World
    clock: MovedClock
    grid: Grid
    beliefs: list[Belief] = field(default_factory=list)

    def now_s(self) -> float:
        return self.clock.at_ns / NS_PER_S

    def wait(self, for_s: float) -> None:
        """Let time pass, and look at the board before it does."""
        belief = self.belief()
        assert belief is not None
        self.beliefs.append(belief)
        self.clock.at_ns += round(for_s * NS_PER_S)

    def read(self, work: Callable[[Store], Awaitable[Found]]) -> Found:
        """Open the store as anybody else would."""

        async def reading() -> Found:
            store = await self.world.store()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(reading())

    def belief(self) -> Belief | None:
        return self.read(read_belief)

    def journal(self) -> list[Note]:
        """The lines of the journal, oldest first."""
        return self.read(lambda store: self.world.ledger(store, ROLE).history(None, limit=10_000))

    def entries(self, watcher: Watcher) -> Iterator[Entry]:
        """Quiet hours; then all that stands in the east is lost, and is back."""
        for minute in range(START_MINUTE, BROKE):
            yield from watcher.count(counted(self.grid, minute, lambda _: 3))
        for minute in range(BROKE, BROKE + 12):
            yield from watcher.count(counted(self.grid, minute, lost("app-")))
        for minute in range(BROKE + 12, OVER):
            yield from watcher.count(counted(self.grid, minute, lambda _: 3))
        yield from watcher.finish()

    def play(
        self, speed: float = SPEED, *, only: Callable[[Entry], bool] = lambda _: True
    ) -> list[tuple[Entry, Belief]]:
        """Replay it; return each line with what the board shows as it is printed."""
        watcher = Watcher(self.grid, roads_of(self.world.topology), tracing=True)
        found = []
        with Boarding(self.world, watcher) as shown:
            lines = paced(
                filter(only, self.entries(watcher)), speed, shown, now_s=self.now_s, wait=self.wait
            )
            for entry in lines:
                belief = self.belief()
                assert belief is not None
                found.append((entry, belief))
        return found


@pytest.fixture
def wall(tmp_path: Path) -> Wall:
    clock = MovedClock()
    clock.at_ns += LATER_S * NS_PER_S
    world = replace(open_world(write_world(tmp_path), None), clock=clock)
    world.state.make()
    return Wall(world, clock, grid_of(world.topology))


def test_what_is_believed_is_on_the_board_when_it_is_told(wall: Wall) -> None:
    """With the stream's times: nothing of it is of the day on which it is watched."""
    entry, belief = next(one for one in wall.play() if one[0].kind == "verdict")
    assert belief.outcome is Outcome.CAUSE
    assert [str(one.cause) for one in belief.suspects] == ["region `east`"]
    assert belief.since_ns == entry.minute * 60 * NS_PER_S
    assert BROKE <= belief.minute == entry.minute < BROKE + 12
    assert belief.traces
    assert belief.replay
    assert not belief.is_stale(wall.clock.now_ns())


def test_its_age_counts_from_now_while_the_times_of_the_stream_stay(wall: Wall) -> None:
    """A minute takes three beats at this speed; until the next line the same is told anew."""
    wall.play(speed=60 / (3 * BEAT_S))
    cause = [one for one in wall.beliefs if one.outcome is Outcome.CAUSE]
    beats = [one for one in cause if one.minute == cause[0].minute]
    apart = {two.at_ns - one.at_ns for one, two in pairwise(beats)}
    assert len(beats) > 3
    assert apart == {round(BEAT_S * NS_PER_S)}
    assert all(replace(one, at_ns=beats[0].at_ns) == beats[0] for one in beats)


def test_the_board_is_never_ahead_of_its_time(wall: Wall) -> None:
    """Whoever waits for a line has judged it already; nobody is shown it before it is due."""
    began_ns = wall.clock.now_ns()
    first: int | None = None
    for entry, belief in wall.play():
        first = entry.minute if first is None else first
        assert belief.minute <= entry.minute
    assert first is not None
    for belief in wall.beliefs:
        passed_s = (belief.at_ns - began_ns) / NS_PER_S
        assert belief.minute <= first + passed_s * SPEED / 60


def test_the_journal_says_of_each_line_that_it_is_a_replay(wall: Wall) -> None:
    """And of what minute; the alarms of one minute share a bounded number of lines."""
    told = [one for one, _ in wall.play(speed=0.0)]
    lines = wall.journal()
    assert {one.event for one in lines} == {"alarm", "verdict"}
    assert all(one.text.startswith("replayed, 20") for one in lines)
    verdict = next(one for one in told if one.kind == "verdict")
    at = iso(verdict.minute * 60 * NS_PER_S)[:16]
    assert f"replayed, {at}: {verdict.text}" in {one.text for one in lines}
    alarms = [one for one in told if one.kind == "alarm"]
    minutes = {one.minute for one in alarms}
    assert len(alarms) > ALARMS_MAX + len(minutes)
    assert sum(one.event == "alarm" for one in lines) <= (ALARMS_MAX + 1) * len(minutes)


def test_a_stream_that_ends_with_alarms_leaves_them_in_the_journal(wall: Wall) -> None:
    wall.play(speed=0.0, only=lambda one: one.kind == "alarm" and one.minute < BROKE + 12)
    assert len(wall.journal()) == ALARMS_MAX + 1
