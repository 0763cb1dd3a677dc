"""A run in progress: the world, the timeline, and the meters, minute by minute.

Deterministic: the same topology and scenario give the same bits. Time goes in steps of the scenario's
`step_s`; series are kept once a minute, and the moment at which a service falls or comes back to the step.
"""

import copy

import numpy as np
from numpy.typing import NDArray

from outlast.drill.calls import with_calls
from outlast.drill.causes import because
from outlast.drill.compiled.choice import stepper
from outlast.drill.compiled.wanted import Engine, wanted
from outlast.drill.conditions import Conditions, act, suffer
from outlast.drill.control.choice import steered
from outlast.drill.layout import lay_out
from outlast.drill.levers import flush, gauges, handle
from outlast.drill.mechanisms.demand import ONLINE_AT_ONCE_RATIO
from outlast.drill.meters import DOWN_BELOW, Meters
from outlast.drill.outcome import Event, EventKind, Outcome
from outlast.drill.population import Population
from outlast.drill.scenario import Act, ActionKind, Fault, FaultKind, Scenario
from outlast.drill.starting import Starting
from outlast.drill.timeline import Timeline
from outlast.drill.world import World
from outlast.model.topology import Topology

Floats = NDArray[np.float64]

MINUTE_S = 60.0


class Run:
    """A run in progress.

    Attributes:
        world: the state.
        timeline: what is still to come.
        now_s: seconds after the start.
    """

    def __init__(
        self, topology: Topology, scenario: Scenario, engine: Engine | None = None
    ) -> None:
        self.scenario = scenario
        self.layout = lay_out(with_calls(topology))
        self.population = Population.of(self.layout, scenario.start)
        self.steps = max(1, round(MINUTE_S / scenario.step_s))
        self.dt_s = MINUTE_S / self.steps
        self.world = World.at_rest(self.layout, self.population, self.dt_s)
        self.world.steering = steered(self.layout, scenario)
        self.starting = Starting.of(self.layout)
        self.timeline = Timeline.of(scenario)
        minutes = max(1, round(scenario.length_s / MINUTE_S))
        self.meters = Meters(
            self.layout, minutes, len(self._names()), len(self.population.countries)
        )
        self.minute_index = 0
        self.now_s = 0.0
        self._reporting = True
        self._stepper = stepper(wanted() if engine is None else engine)
        self._cut: Floats | None = None
        self._cuts: dict[int, NDArray[np.float32]] = {}

    def _names(self) -> tuple[str, ...]:
        names = self.world.parts.names
        rows = () if names is None else tuple(int(row) for row in names.rows)
        return (
            *(str(one.name) for one in self.layout.endpoints),
            *(str(self.layout.services[row].name) for row in rows),
        )

    def minute(self) -> None:
        """Run one minute."""
        if self.starting.look(self.world.needs.works):
            self._turn()
        self.world.minute(self.now_s, self._cut)
        left = self.steps
        while left:
            left -= self.stride(left)
        meters, at = self.meters, self.minute_index
        followers = self._followers()
        meters.close(at, followers)
        self._keep(at)
        if self._cut is not None:
            self._cuts[at] = self._cut.astype(np.float32)
        if self.population.countries and self._reporting:
            trouble = 1.0 - np.where(self.layout.placed, meters.served[at], 1.0)
            self._report(at, trouble.astype(float))
        if self.timeline.waiting:
            self._rules()
        self.minute_index += 1

    def stride(self, most: int) -> int:
        """Run one step, or more at once, so many at most; return how many."""
        if self.timeline.next_s <= self.now_s or self.timeline.ramping(self.now_s - self.dt_s):
            self._turn()
        world, made = self.world, 1
        if self._stepper is None:
            world.step()
            self.meters.add(world.home, world.soft, world.needs.works)
        else:
            made = self._stepper.steps(world, self.meters, self._undisturbed(most))
        for _ in range(made - 1):
            self._tick()
        for row, column, down in self.meters.changes(world.home, 0):
            self._note(row, column, down=down)
        for at_s, subject, text in world.steering.news():
            self.meters.fault(at_s, EventKind.NOTE, subject, "", text)
        self._tick()
        return made

    def _tick(self) -> None:
        self.now_s = round(self.now_s + self.dt_s, 9)

    def _undisturbed(self, most: int) -> int:
        """Return for how many steps the timeline has nothing to say, so many at most."""
        if self.timeline.ramping(self.now_s):
            return 1
        next_s, at_s = self.timeline.next_s, self.now_s
        for count in range(1, most):
            at_s = round(at_s + self.dt_s, 9)
            if next_s <= at_s:
                return count
        return most

    def _followers(self) -> tuple[Floats, Floats]:
        world, first = self.world, self.layout.active
        served, degraded = world.followers(self.meters.mean_works())
        if world.steering.active and len(served):
            from_home = world.followed_home(served)
            served = from_home
        for row, column, down in self.meters.changes(served, first):
            self._note(row, column, down=down)
        return served, degraded

    def _report(self, at: int, trouble: Floats) -> None:
        if self._stepper is None:
            self.meters.report(at, self.population.hit(trouble, self.now_s, self._cut))
        else:
            felt = self.population.felt(self.now_s, self._cut)
            self._stepper.report(self.meters, at, trouble, felt)

    def _note(self, row: int, column: int, *, down: bool) -> None:
        self.meters.note(
            Event(
                at_s=self.now_s,
                kind=EventKind.DOWN if down else EventKind.UP,
                subject=str(self.layout.services[row].name),
                region=str(self.layout.regions[column].name),
                because=because(self.world, row, column) if down else "",
            )
        )

    def _turn(self) -> None:
        """Take up what begins, ends and is done now."""
        begun, over, acts = self.timeline.advance(self.now_s, self.starting.allows)
        for one in self.timeline.refused:
            note = f"{one.kind} waits: what changes {one.subject} is down"
            self.meters.fault(self.now_s, EventKind.NOTE, one.subject, one.region, note)
        for fault in begun:
            self.meters.fault(self.now_s, EventKind.FAULT, fault.subject, fault.region, fault.kind)
            self._strike(fault)
        for fault in over:
            self.meters.fault(
                self.now_s, EventKind.FAULT_OVER, fault.subject, fault.region, fault.kind
            )
        for one in acts:
            note = one.note or str(one.kind)
            self.meters.fault(self.now_s, EventKind.ACTION, one.subject, one.region, note)
            self._do(one)
        now = Conditions.calm(self.layout)
        for fault in self.timeline.lasting:
            suffer(now, fault, self.layout)
        for taken in self.timeline.taken:
            act(now, taken.act, taken.share(self.now_s), self.layout)
        self.starting.suffer(self.world.conditions, now)
        self.world.conditions = now
        self.world.needs.sever(now.roads)
        self._cut = self._countries(now)
        self.world.minute(self.now_s, self._cut)

    def _countries(self, now: Conditions) -> Floats | None:
        if not now.cut:
            return None
        cut = np.zeros((len(self.population.countries), len(self.layout.regions)))
        for code, lost in now.cut.items():
            if code in self.population.countries:
                cut[self.population.countries.index(code)] = lost
        return cut

    def _strike(self, fault: Fault) -> None:
        """Do what a fault does once, at its beginning."""
        if fault.kind is FaultKind.CACHE_WIPE:
            row = self.layout.row(fault.subject)
            self.world.needs.forget(row, self.layout.columns(fault.region))
        if fault.kind is FaultKind.CREDENTIALS and self.world.parts.credentials is not None:
            fitted = self.world.parts.credentials
            at = np.nonzero(fitted.rows == self.layout.row(fault.subject))[0]
            fitted.part.valid[np.ix_(at, self.layout.columns(fault.region))] = 0.0

    def _do(self, one: Act) -> None:
        """Do what operators do once."""
        if one.kind in (ActionKind.RESTART, ActionKind.SET_RATE):
            row, columns = self.layout.row(one.subject), self.layout.columns(one.region)
            handle(self.world, one, row, columns)
            if one.kind is ActionKind.RESTART:
                self.starting.restart(row, columns)
        elif one.kind is ActionKind.FLUSH:
            flush(self.world, one.subject, one.amount)

    def _rules(self) -> None:
        watched = {rule.when_service for rule, _ in self.timeline.waiting}
        served = {}
        for name in sorted(watched):
            row = self.layout.row(name)
            seen = self.meters.served[self.minute_index, row][self.layout.placed[row]]
            served[name] = float(seen.mean()) if len(seen) else 1.0
        self.timeline.fire(served, self.now_s)

    def _keep(self, at: int) -> None:
        """Write down the meters of a minute."""
        for name, rows, values in gauges(self.world):
            self.meters.series.keep(name, at, rows, values)
        doors, names = self.world.parts.doors, self.world.parts.names
        count = len(self.layout.endpoints)
        if doors is not None:
            self.meters.names[at, :count] = doors.has.mean(axis=1)
        if names is not None:
            placed = self.layout.placed[names.rows]
            self.meters.names[at, count:] = np.where(placed, names.part.has, 1.0).min(axis=1)

    def fork(self) -> "Run":
        """Return a copy of this instant that goes its own way, with meters of its own."""
        fixed = (self.layout, self.population, self.meters, self.scenario)
        shared = {id(one): one for one in (*fixed, *self.world.needs.fixed())}
        other = copy.deepcopy(self, shared)
        other.meters = Meters(self.layout, 0, len(self._names()), len(self.population.countries))
        other.minute_index = 0
        other._reporting = False  # noqa: SLF001 - nobody asks a copy how many people wrote reports
        return other

    @property
    def calm(self) -> bool:
        """Whether faults have been and none is or will be."""
        return (
            bool(self.scenario.faults) and not self.timeline.lasting and not self.timeline.to_begin
        )

    def down(self) -> tuple[str, ...]:
        """Return the services that are down somewhere now."""
        low = (self.world.home < DOWN_BELOW) & self.layout.placed[: self.layout.active]
        return tuple(str(self.layout.services[row].name) for row in np.nonzero(low.any(axis=1))[0])

    def outcome(self) -> Outcome:
        """Return what the run showed."""
        people = self.population
        homes = people.homes.astype(np.float32)[people.pattern]
        awake = np.zeros((self.meters.minutes, len(people.countries)), dtype=np.float32)
        for at in range(self.meters.minutes):
            awake[at] = people.daytime(at * MINUTE_S)[0] * ONLINE_AT_ONCE_RATIO
        layout = self.layout
        return Outcome(
            scenario=self.scenario.name,
            title=self.scenario.title,
            start=self.scenario.start,
            services=tuple(str(one.name) for one in layout.services),
            regions=tuple(str(one.name) for one in layout.regions),
            countries=people.countries,
            name_of=self._names(),
            served=self.meters.masked(),
            degraded=self.meters.degraded,
            meters=self.meters.series,
            names=self.meters.names,
            people=people.people.astype(np.float32),
            homes=homes,
            awake=awake,
            cut=self._cuts,
            reports=self.meters.reports,
            events=tuple(self.meters.events),
            feedback=layout.feedback,
            provenance={"engine": Engine.NUMPY if self._stepper is None else Engine.COMPILED},
        )
