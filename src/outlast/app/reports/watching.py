"""Watching: reports in, minute by minute through detection and blame; a timeline out.

The twin of the live desk: a file's own times are the clock, and the order of its rows is the order in which
they arrived. A minute is judged as soon as a report of the next one is there; what comes later is put where
it belongs and counts from then on.

Blame sees who depends on what, who is down and who is well, and the probes: nothing of where the reports
came from. Being asked again and again it answers anew only if something changed, and at most every
`blame_every` minutes, since a verdict that flickers helps nobody.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from outlast.detect.blame import blame
from outlast.detect.carry import carried, carried_cells
from outlast.detect.cells import Cells, Flags, Grid, Notice, ProbeSeen, Tick
from outlast.detect.counts import MinuteCounts, counts_of, part_of, pour
from outlast.detect.intake import Batch, Fate, Intake
from outlast.detect.step import DetectState, begin, step
from outlast.detect.traces import Traces
from outlast.detect.verdict import Alarm, Outcome, Roads, Series, State, Verdict

_WORTH_SAYING = 0.01
"""A runner-up below this posterior is not spoken of, nor how to tell it apart."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline.

    Attributes:
        minute: since 1970.
        who: `outlast`, or `provider` for what a supplier said of itself.
        kind: `alarm`, `verdict`, `silent`, `notice`.
    """

    minute: int
    who: str
    kind: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dated:
    """Other evidence with the minute from which it holds."""

    minute: int
    text: str = ""
    probe: ProbeSeen | None = None
    notice: Notice | None = None


def counted(batches: Iterable[Batch], intake: Intake, grid: Grid) -> Iterator[MinuteCounts]:
    """Yield what counts of reports in the order in which they arrived; their times are the clock."""
    for batch in batches:
        if len(batch):
            fates = intake.judge(batch, int(batch.at_s.max()))
            counts = fates == Fate.COUNTED
            yield counts_of(batch if counts.all() else batch.take(counts), grid)


class Watcher:
    """Detection and blame over time."""

    def __init__(
        self,
        grid: Grid,
        roads: Roads,
        *,
        others: Sequence[Dated] = (),
        blame_every: int = 5,
        tracing: bool = False,
    ) -> None:
        """Make it.

        Args:
            others: probes and notices, in any order.
            tracing: whether the minutes of the loudest alarms are kept for people to look at.
        """
        self._grid = grid
        self._roads = roads
        self._others = deque(sorted(others, key=lambda one: one.minute))
        self._blame_every = blame_every
        self._cells: Cells | None = None
        self._state: DetectState = begin(grid)
        self._probes: dict[tuple[str, ...], ProbeSeen] = {}
        self._felt: tuple[ProbeSeen, ...] = ()
        self._notices: dict[str, Notice] = {}
        self._blamed = 0
        self._told: tuple[object, ...] = ()
        self._since: int | None = None
        self.verdict = Verdict(outcome=Outcome.QUIET)
        self.alarms: dict[Series, Alarm] = {}
        self.traces = Traces()
        self._tracing = tracing
        self.live: Flags | None = None
        self.counted = 0

    @property
    def state(self) -> DetectState:
        """What detection believes."""
        return self._state

    @property
    def minute(self) -> int:
        """The newest minute; 0 before there is any."""
        return self._cells.newest if self._cells is not None else 0

    @property
    def since(self) -> int:
        """The minute from which the verdict stands as it is."""
        return self.minute if self._since is None else self._since

    @property
    def roads(self) -> Roads:
        """Who depends on what."""
        return self._roads

    def see(self, probes: Iterable[ProbeSeen], notices: Iterable[Notice]) -> None:
        """Take the other evidence as it stands now; what is not in it is not known any more."""
        self._probes = {(one.subject, one.road, one.country, one.place): one for one in probes}
        self._notices = {one.service: one for one in notices}
        self._felt = _felt(self._roads, self._probes.values())

    def change(self, grid: Grid, roads: Roads) -> None:
        """Go on with an edited topology; what was learnt of what stayed is kept."""
        self._roads = roads
        if grid == self._grid:
            return
        self._grid = grid
        self._state = carried(self._state, grid)
        if self._cells is not None:
            self._cells = carried_cells(self._cells, grid)
        left = {one.series for one in self._state.open.values()}
        self.alarms = {one: alarm for one, alarm in self.alarms.items() if one in left}
        self.live = None

    def take(self, batch: Batch, intake: Intake) -> Iterator[Entry]:
        """Take reports in the order in which they arrived; yield what follows."""
        for counts in counted([batch], intake, self._grid):
            yield from self.count(counts)

    def count(self, counts: MinuteCounts) -> Iterator[Entry]:
        """Take counts; every minute before the newest of them is judged."""
        if not len(counts):
            return
        self.counted += counts.total
        if self._cells is None:
            self._cells = Cells(self._grid, int(counts.minute[0]))
        cells, at = self._cells, 0
        while at < len(counts):
            here = max(int(counts.minute[at]), cells.newest)
            yield from self.until(here)
            end = int(counts.minute.searchsorted(here, side="right"))
            pour(part_of(counts, at, end), cells)
            at = end

    def until(self, minute: int) -> Iterator[Entry]:
        """Judge every minute before this one, whether anything was reported or not."""
        if self._cells is None:
            self._cells = Cells(self._grid, minute)
        while self._cells.newest < minute:
            yield from self._judge()
            self._cells.advance(self._cells.newest + 1)

    def finish(self) -> Iterator[Entry]:
        """Judge the last minute."""
        if self._cells is not None:
            yield from self._judge()

    def _judge(self) -> Iterator[Entry]:
        assert self._cells is not None
        minute = self._cells.newest
        yield from self._hear(minute)
        tick: Tick = self._cells.tick(
            live=self.live,
            probes=[*self._probes.values(), *self._felt],
            notices=[*self._notices.values()],
        )
        self._state, alarms = step(self._state, tick)
        if self._tracing:
            self.traces.add(self._state, tick)
        self._remember(alarms)
        yield from (_alarm(one) for one in alarms)
        due = minute - self._blamed >= self._blame_every
        if (alarms or self._state.open or self._told) and due:
            self._blamed = minute
            yield from self._blame(minute)

    def _remember(self, alarms: Iterable[Alarm]) -> None:
        for one in alarms:
            self.alarms.pop(one.series, None)
            if one.state is not State.OVER:
                self.alarms[one.series] = one

    def _hear(self, minute: int) -> Iterator[Entry]:
        """Take the other evidence that is due."""
        while self._others and self._others[0].minute <= minute:
            one = self._others.popleft()
            if one.probe is not None:
                key = (one.probe.subject, one.probe.road, one.probe.country, one.probe.place)
                self._probes[key] = one.probe
            if one.notice is not None:
                self._notices[one.notice.service] = one.notice
            if one.text:
                yield Entry(one.minute, "provider", "notice", one.text)

    def _blame(self, minute: int) -> Iterator[Entry]:
        down = self._state.down
        well = set(self._state.watched()) - set(down)
        # Probes alone say what is broken and not for whom: without anybody hit there is nothing to explain.
        probes = [*self._probes.values()] if down else []
        self.verdict = blame(self._roads, down, well, probes)
        # Whose posterior is a hair's breadth higher is no news.
        key = (self.verdict.outcome, frozenset(one.cause for one in self.verdict.suspects))
        if key == self._told or (not self._told and self.verdict.outcome is Outcome.QUIET):
            return
        self._since = minute
        self._told = key if self.verdict.outcome is not Outcome.QUIET else ()
        yield _verdict(minute, self.verdict, len(down))


def _felt(roads: Roads, probes: Iterable[ProbeSeen]) -> tuple[ProbeSeen, ...]:
    """Return what bad probes mean for services: those that lean wholly on what was probed would feel it.

    A probe of a region names no service, and yet it agrees with an alarm of one that stands there.
    """
    places: dict[str, set[tuple[str, str]]] = {}
    for one in probes:
        if not one.good:
            places.setdefault(one.subject, set()).add((one.country, one.place))
    whole = np.ones(len(roads.cause_of)) if roads.share_of is None else roads.share_of
    found: dict[str, set[tuple[str, str]]] = {}
    for code, cause in enumerate(roads.causes):
        if cause.name not in places:
            continue
        rows = roads.service_of[(roads.cause_of == code) & (whole == 1.0)]
        for row in np.unique(rows).tolist():
            found.setdefault(roads.services[row], set()).update(places[cause.name])
    return tuple(
        ProbeSeen(subject=service, good=False, country=country, place=place)
        for service, some in sorted(found.items())
        for country, place in sorted(some)
    )


def _alarm(alarm: Alarm) -> Entry:
    text = f"{alarm.state}: {alarm.series}"
    if alarm.state is not State.OVER:
        text += (
            f", {alarm.observed} reports in {alarm.window} min where {alarm.expected:.1f} are expected"
            f" (chance explains up to {alarm.high:.0f}); by chance at most"
            f" {alarm.false_a_year:.2g} times a year"
        )
    data = {
        "state": str(alarm.state),
        "series": str(alarm.series),
        "scope": str(alarm.series.scope),
        "service": alarm.series.service,
        "country": alarm.series.country,
        "since": alarm.since,
        "observed": alarm.observed,
        "expected": alarm.expected,
        "high": alarm.high,
        "chance": alarm.chance,
        "evidence": [str(one) for one in alarm.evidence],
        "countries": list(alarm.countries),
    }
    return Entry(alarm.minute, "outlast", "alarm", text, data)


def _verdict(minute: int, verdict: Verdict, down: int) -> Entry:
    data: dict[str, Any] = {
        "outcome": str(verdict.outcome),
        "down": down,
        "chance": verdict.chance,
        "unexplained": list(verdict.unexplained),
        "suspects": [
            {
                "cause": one.cause.name,
                "kind": str(one.cause.kind),
                "posterior": one.posterior,
                "explained": len(one.explained),
                "healthy": len(one.healthy),
            }
            for one in verdict.suspects
        ],
        "carried": [str(one) for one in verdict.carried],
        "runner_up": str(verdict.runner_up.cause) if verdict.runner_up else "",
    }
    return Entry(minute, "outlast", "verdict", _spoken(verdict, down), data)


def _spoken(verdict: Verdict, down: int) -> str:
    if verdict.outcome is Outcome.QUIET:
        return "quiet: nothing is down"
    if verdict.outcome is not Outcome.CAUSE:
        return f"{verdict.outcome}: {down} services are down, nothing they share explains it"
    parts = [
        f"{one.cause} ({one.posterior:.0%}; explains {len(one.explained)} of {down},"
        f" {len(one.healthy)} that need it are well)"
        for one in verdict.suspects
    ]
    text = "cause: " + " and ".join(parts)
    if verdict.carried:
        text += f"; through {', '.join(f'`{one.name}`' for one in verdict.carried)}"
    if verdict.runner_up is not None and verdict.runner_up.posterior >= _WORTH_SAYING:
        text += f"; else {verdict.runner_up.cause} ({verdict.runner_up.posterior:.0%})"
        if verdict.question is not None:
            text += f"; ask: probe `{verdict.question.subject}`, {verdict.question.road}"
    return text
