"""The planner in a drill: the production machine of each endpoint, and the votes that it goes by.

Twin of `drivers.planner` and `drivers.wellness`: hears votes, judges health, steps whom the news concerns.
It lives as long as its store: after a loss it starts over from what the store holds.
"""

from collections.abc import Iterable
from dataclasses import replace

from outlast.core import loop
from outlast.core.messages import (
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    OverridesChanged,
    Ticked,
    TopologyChanged,
)
from outlast.core.observe import (
    Spell,
    VantageView,
    combine,
    find_sick,
    follow_spells,
    in_doubt,
    weigh,
)
from outlast.model.health import Health, Vote
from outlast.model.names import EndpointName, Subject, VantageName
from outlast.model.override import Override
from outlast.model.topology import Endpoint, Topology, subject_of
from outlast.model.units import Nanos, seconds
from outlast.sim.world import Row

Asked = list[tuple[EndpointName, LoopCommand]]


class Planner:
    """The planner.

    Attributes:
        states: of each endpoint.
        sick: vantages that have lost their vote, with the reason.
        due_ns: when the clock alone may change the answer, by endpoint.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._settings = replace(topology.settings, signing_key=None)
        self.states: dict[EndpointName, loop.State] = {}
        self.sick: dict[VantageName, str] = {}
        self.due_ns: dict[EndpointName, int] = {}
        self._votes: dict[Subject, dict[VantageName, Vote]] = {}
        self._views: dict[VantageName, VantageView] = {}
        self._silent: frozenset[VantageName] = frozenset()
        self._spells: dict[VantageName, Spell] = {}
        self._doubt: frozenset[VantageName] = frozenset()
        self._health: dict[Subject, Health] = {}

    def begin(
        self, rows: dict[EndpointName, Row], overrides: tuple[Override, ...], at_ns: Nanos
    ) -> Asked:
        """Start, or start over, from what the store holds."""
        self.states = {
            name: loop.State(seen=one.newest, observed=one.observed, since_ns=one.since_ns)
            for name, one in self.states.items()
        }
        self.due_ns.clear()
        self._find_sick()
        asked: Asked = []
        for one in self._topology.endpoints:
            events: list[LoopEvent] = [
                TopologyChanged(
                    endpoint=one,
                    provider=self._topology.provider(one.provider),
                    settings=self._settings,
                    at_ns=at_ns,
                ),
                OverridesChanged(overrides=overrides, at_ns=at_ns),
                *_recalled(one, rows[one.name], at_ns),
            ]
            asked += self.step(one.name, events, at_ns)
        return asked

    def sees_nothing_yet(self, name: EndpointName) -> bool:
        """Whether it must read the DNS before it may make a first plan."""
        state = self.states[name]
        return state.head is None and not state.observed

    def step(self, name: EndpointName, events: Iterable[LoopEvent], at_ns: Nanos) -> Asked:
        """Step one endpoint with its health as of now."""
        endpoint = next(one for one in self._topology.endpoints if one.name == name)
        health = tuple(self._judge(one, at_ns) for one in _subjects(endpoint))
        heard = HealthChanged(health=health, sick=tuple(sorted(self.sick)), at_ns=at_ns)
        state = self.states.get(name) or loop.State()
        self.states[name], commands = loop.step(state, heard, *events)
        return [(name, one) for one in commands]

    def step_all(self, event: LoopEvent) -> Asked:
        """Step every endpoint."""
        found: Asked = []
        for one in self._topology.endpoints:
            found += self.step(one.name, [event], event.at_ns)
        return found

    def note(self, view: VantageView, subject: Subject, vote: Vote) -> None:
        """Write a vote down where the store keeps it, whether or not anybody plans."""
        self._votes.setdefault(subject, {})[vote.vantage] = vote
        self.alive(view)

    def heard(self, subject: Subject, at_ns: Nanos) -> Asked:
        """Judge anew after a vote on a subject."""
        if self._find_sick():
            return self.step_all(Ticked(at_ns=at_ns))
        return self.step(EndpointName(subject.partition("/")[0]), [Ticked(at_ns=at_ns)], at_ns)

    def _find_sick(self) -> bool:
        """Find the sick vantages and those just well again; return whether they are others than before."""
        views = tuple(self._views[name] for name in sorted(self._views))
        window_ns = seconds(self._settings.sick_window_s)
        doubt_ns = seconds(self._settings.evidence_max_age_s)
        sick = find_sick(views, sick_ratio=self._settings.sick_ratio, window_ns=window_ns)
        self._spells = follow_spells(
            self._spells, views, sick, window_ns=window_ns, doubt_ns=doubt_ns
        )
        doubt = in_doubt(self._spells, views, doubt_ns)
        same = self.sick.keys() == sick.keys() and self._doubt == doubt
        self.sick, self._doubt = sick, doubt
        return not same

    def alive(self, view: VantageView) -> None:
        """Take a vantage's sign of life."""
        self._views[view.vantage] = view

    def look(self, at_ns: Nanos) -> Asked:
        """Look at the clock: who is silent by now, and whose answer time alone may change."""
        max_age_ns = seconds(self._settings.evidence_max_age_s)
        silent = frozenset(
            name for name, one in self._views.items() if at_ns - one.heard_at_ns > max_age_ns
        )
        if self._find_sick() or silent != self._silent:
            self._silent = silent
            return self.step_all(Ticked(at_ns=at_ns))
        found: Asked = []
        for name in sorted(name for name, due_ns in self.due_ns.items() if due_ns <= at_ns):
            del self.due_ns[name]
            found += self.step(name, [Ticked(at_ns=at_ns)], at_ns)
        return found

    def _judge(self, subject: Subject, at_ns: Nanos) -> Health:
        max_age_ns = seconds(self._settings.evidence_max_age_s)
        votes = []
        for vantage, vote in sorted(self._votes.get(subject, {}).items()):
            view = self._views.get(vantage)
            heard_at_ns = view.heard_at_ns if view is not None else vote.at_ns
            spell = self._spells.get(vantage)
            weighed = weigh(vote, spell, heard_at_ns=heard_at_ns, doubt_ns=max_age_ns)
            votes.append((weighed, heard_at_ns))
        before = self._health.get(subject)
        health = combine(subject, tuple(votes), before=before, now_ns=at_ns, max_age_ns=max_age_ns)
        self._health[subject] = health
        return health


def _subjects(endpoint: Endpoint) -> list[Subject]:
    return [
        subject_of(endpoint.name, target.name, family)
        for target in endpoint.targets
        for family in target.families
    ]


def _recalled(endpoint: Endpoint, row: Row, at_ns: Nanos) -> list[HeadChanged]:
    """The newest plan, after those whose removals still weigh on the budget."""
    if row.head is None:
        return []
    since_ns = at_ns - seconds(endpoint.budget.window_s)
    older = [one for one in row.archive if one.generation < row.head.generation]
    kept = [*older, row.head] if row.head.made_at_ns >= since_ns else [row.head]
    return [HeadChanged(plan=one, at_ns=at_ns) for one in kept]
