"""Preview: what would be planned now, and how the guard would rule, without changing anything.

The same `core.loop` that decides in production is asked, with all that it could know: the store's newest
plans, overrides, the vantages' votes, and what the DNS holds. Where no prober is running, each target is
probed once, here and now, and the preview says so. Endpoints of whose plan nothing changed that it rests
on (`grounds`) are known to be as wanted and need no preview: that is what makes 100,000 a matter of seconds.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from outlast.app.grounds import Fingerprints
from outlast.app.observing import Observations, observe
from outlast.app.wiring import World
from outlast.config.quiet import collector_paused
from outlast.core import loop
from outlast.core.messages import (
    Announce,
    CommitPlan,
    Confirmed,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Observed,
    OverridesChanged,
    TopologyChanged,
)
from outlast.core.observe import VantageView
from outlast.core.verify import compare
from outlast.drivers import groundings
from outlast.drivers.cellkeeper import CellKeeper
from outlast.drivers.entries import EndpointRow
from outlast.drivers.ledger import Ledger
from outlast.drivers.prober import assignments_of
from outlast.drivers.probes.prober import WireProber
from outlast.drivers.wellness import Wellness
from outlast.model.health import Health, Report, Verdict, Vote
from outlast.model.names import EndpointName, ProviderName, Subject, VantageName
from outlast.model.override import Override
from outlast.model.plan import Plan, Proof, Ruling
from outlast.model.topology import Endpoint, Topology, subject_of
from outlast.model.units import NO_GENERATION, Nanos, seconds
from outlast.ports import Assignment, Provider, Unjudged

PROBES_AT_ONCE = 200
ROWS_ALONE_MAX = 500
"""Rows of the store fetched one by one; for more all of them are read in one go."""

HERE = VantageName("this-command")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Knowledge:
    """Everything that is known, gathered once for a command.

    Without a `repr`: `asyncio.run` makes one of its result on the way out, only to throw it away
    (`signal` looks its own handler up by value), which took eleven seconds for 100,000 endpoints.

    Attributes:
        rows: what the store holds, by endpoint; orphans among them, grounded endpoints perhaps not.
        earlier: plans before the newest one within the budget's window, oldest first: what they took
            away counts. Without them a preview, and `apply` with it, would have a budget of its own.
        planned: every endpoint that has a plan in the store.
        grounded: endpoints that are as wanted, and the DNS holds exactly that, as nothing changed
            since that was last found.
        observations: what the DNS holds; an endpoint whose provider could not be read is missing.
        prints: takes fingerprints of what this knowledge says.
        cells: what was taken away lately in each cell, with what is previewed counted as it comes.
        probed_now: whether the health is from probes made just now, since no prober runs.
    """

    rows: Mapping[EndpointName, EndpointRow]
    earlier: Mapping[EndpointName, tuple[Plan, ...]]
    planned: AbstractSet[EndpointName]
    grounded: AbstractSet[EndpointName]
    overrides: tuple[Override, ...]
    health: Mapping[Subject, Health]
    sick: Mapping[VantageName, str]
    observations: Observations
    prints: Fingerprints
    probed_now: bool
    at_ns: Nanos
    cells: CellKeeper = field(default_factory=lambda: CellKeeper(Topology()))

    @property
    def unread(self) -> Mapping[EndpointName, str]:
        """Why an endpoint could not be read in the DNS."""
        return self.observations.unread


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Preview:
    """What would become of one endpoint.

    Attributes:
        state: what the planner would know.
        plan: the plan it would make; None: the newest one already says what is wanted.
        ruling: the guard's ruling on it.
        commands: what the planner would ask for.
    """

    endpoint: Endpoint
    state: loop.State
    plan: Plan | None
    ruling: Ruling | None
    commands: tuple[LoopCommand, ...]

    @property
    def head(self) -> Plan | None:
        """The newest plan, before."""
        return self.state.head


async def learn(
    world: World,
    ledger: Ledger,
    providers: Mapping[ProviderName, Provider],
    *,
    endpoints: Iterable[Endpoint] | None = None,
    probe: bool = True,
    shortcut: bool = False,
) -> Knowledge:
    """Gather what is known of some endpoints, or of all.

    Args:
        probe: whether to probe where no prober has reported lately.
        shortcut: whether to leave out what rests on the same grounds as when it was last looked at.
    """
    wanted = list(world.topology.endpoints if endpoints is None else endpoints)
    overrides, _ = await ledger.overrides()
    views, _ = await ledger.views()
    votes, _ = await ledger.votes()
    now_ns = world.clock.now_ns()
    since_ns = now_ns - seconds(world.topology.settings.evidence_max_age_s)
    probed_now = probe and all(view.heard_at_ns < since_ns for view in views)
    if probed_now:
        views, votes = [], await probe_once(world, wanted)
        now_ns = world.clock.now_ns()
    wellness = _heard(world, views, votes, now_ns)
    health = Healths(wellness, now_ns)
    with collector_paused():
        # The store first: what is published meanwhile then looks ahead of it, never behind.
        grounds = await groundings.fetch(ledger.store)
        rows = {} if shortcut else await _rows_of(ledger, None)
        observations = await observe(world, wanted, providers)
        prints = Fingerprints(world.topology, overrides or (), health)
        grounded = _grounded(wanted, grounds, observations, prints) if shortcut else frozenset()
        if shortcut:
            rows = await _rows_of(ledger, _ungrounded(world, wanted, grounded))
    known = Knowledge(
        rows=rows,
        earlier=await _earlier_plans(ledger, _counted(world, wanted), rows, now_ns),
        planned=grounds.keys(),
        grounded=grounded,
        overrides=tuple(overrides or ()),
        health=health,
        sick=wellness.sick,
        observations=observations,
        prints=prints,
        probed_now=probed_now,
        at_ns=now_ns,
    )
    return _with_cells(world, known) if world.topology.cells else known


def _heard(
    world: World, views: list[VantageView], votes: list[tuple[Subject, Vote]], now_ns: Nanos
) -> Wellness:
    wellness = Wellness(world.topology.settings)
    wellness.hear(views, votes, now_ns)
    return wellness


def _ungrounded(
    world: World, wanted: list[Endpoint], grounded: AbstractSet[EndpointName]
) -> list[EndpointName] | None:
    """Whose rows are needed; None: everybody's, since what one may lose depends on its cell."""
    if world.topology.cells:
        return None
    return [it.name for it in wanted if it.name not in grounded]


def _counted(world: World, wanted: list[Endpoint]) -> list[Endpoint]:
    """Whose lately lost addresses matter: where there are cells, those of everybody in them."""
    return list(world.topology.endpoints) if world.topology.cells else wanted


def _with_cells(world: World, known: Knowledge) -> Knowledge:
    """Count in each cell what its endpoints lost lately."""
    known = replace(known, cells=CellKeeper(world.topology))
    for one in world.topology.endpoints:
        known.cells.meet(one)
    for one in world.topology.endpoints:
        if one.name in known.earlier:
            state = known.cells.prepare(one.name, loop.State(), known.at_ns)
            known.cells.count(loop.recall(state, *_events_of(world, one, known)))
    return known


async def _earlier_plans(
    ledger: Ledger,
    endpoints: list[Endpoint],
    rows: Mapping[EndpointName, EndpointRow],
    now_ns: Nanos,
) -> dict[EndpointName, tuple[Plan, ...]]:
    """Recall, as the planner does after a start, what may count in the budget."""
    found = {}
    for one in endpoints:
        row = rows.get(one.name)
        newest = row.head.plan if row is not None and row.head is not None else None
        since_ns = now_ns - seconds(one.budget.window_s)
        if newest is None or not newest.base or newest.made_at_ns < since_ns:
            continue
        archived = [head.plan for head in await ledger.plans(one.name)]
        found[one.name] = tuple(it for it in archived if it.generation < newest.generation)
    return found


class Healths(dict[Subject, Health]):
    """Every subject's health at one moment, judged when it is asked for."""

    def __init__(self, wellness: Wellness, now_ns: Nanos) -> None:
        super().__init__()
        self._wellness = wellness
        self._now_ns = now_ns

    def __missing__(self, subject: Subject) -> Health:
        """Judge a subject."""
        self[subject] = health = self._wellness.judge(subject, self._now_ns)[0]
        return health


def _grounded(
    endpoints: list[Endpoint],
    grounds: Mapping[EndpointName, bytes],
    observations: Observations,
    prints: Fingerprints,
) -> frozenset[EndpointName]:
    found = []
    for one in endpoints:
        image, known = observations.image(one.name), grounds.get(one.name)
        if image is not None and known is not None and known == prints.of(one, image):
            found.append(one.name)
    return frozenset(found)


async def _rows_of(
    ledger: Ledger, names: list[EndpointName] | None
) -> dict[EndpointName, EndpointRow]:
    if names is None or len(names) > ROWS_ALONE_MAX:
        return {row.endpoint: row for row in (await ledger.rows())[0]}
    return {name: await ledger.row(name) for name in names}


async def remember_grounds(ledger: Ledger, known: Knowledge, previews: Iterable[Preview]) -> None:
    """Store the fingerprint of every endpoint that turned out to be as wanted, in the DNS too."""
    found = []
    for one in previews:
        image = known.observations.image(one.endpoint.name)
        row = known.rows.get(one.endpoint.name)
        if image is None or row is None or one.head is None or one.plan is not None:
            continue
        value = known.prints.of(one.endpoint, image)
        observation = known.observations.get(one.endpoint.name)
        proved = observation is not None and isinstance(compare(one.head, observation), Proof)
        if value is not None and proved:
            found.append((row, value))
    await groundings.put(ledger.store, found)


def subjects_of(endpoint: Endpoint) -> list[Subject]:
    """Return what is probed of an endpoint."""
    return [
        subject_of(endpoint.name, target.name, family)
        for target in endpoint.targets
        for family in target.families
    ]


async def probe_once(world: World, endpoints: list[Endpoint]) -> list[tuple[Subject, Vote]]:
    """Probe every target once and take that one result for a verdict."""
    names = {one.name for one in endpoints}
    prober = WireProber(HERE, world.clock)
    slots = asyncio.Semaphore(PROBES_AT_ONCE)

    async def probe(assignment: Assignment) -> Report | Unjudged:
        async with slots:
            return await prober.probe(assignment)

    mine = [
        one for one, _ in assignments_of(world.topology) if one.subject.split("/", 1)[0] in names
    ]
    reports = await asyncio.gather(*(probe(one) for one in mine))
    prober.close()
    return [(one.subject, _vote(one)) for one in reports if isinstance(one, Report)]


def _vote(report: Report) -> Vote:
    return Vote(
        vantage=HERE,
        verdict=Verdict.UP if report.good else Verdict.DOWN,
        good_run=int(report.good),
        bad_run=int(not report.good),
        since_ns=report.at_ns,
        run_since_ns=report.at_ns,
        at_ns=report.at_ns,
        detail=report.detail,
    )


def state_of(
    world: World, endpoint: Endpoint, known: Knowledge
) -> tuple[loop.State, tuple[LoopCommand, ...]]:
    """Return what the planner would know of an endpoint, and what it would ask for."""
    # Known since ever: a preview does not wait for the first evidence, it shows what there is.
    begin = known.cells.prepare(endpoint.name, loop.State(since_ns=Nanos(1)), known.at_ns)
    state, commands = loop.step(begin, *_events_of(world, endpoint, known))
    known.cells.count(state)
    return state, commands


def _events_of(world: World, endpoint: Endpoint, known: Knowledge) -> list[LoopEvent]:
    events: list[LoopEvent] = [
        TopologyChanged(
            endpoint=endpoint,
            provider=world.topology.provider(endpoint.provider),
            settings=world.topology.settings,
            at_ns=known.at_ns,
        ),
        OverridesChanged(overrides=known.overrides, at_ns=known.at_ns),
        HealthChanged(
            health=tuple(known.health[one] for one in subjects_of(endpoint)),
            sick=tuple(sorted(known.sick)),
            at_ns=known.at_ns,
        ),
    ]
    row = known.rows.get(endpoint.name)
    earlier = known.earlier.get(endpoint.name, ())
    events += [HeadChanged(plan=plan, at_ns=known.at_ns) for plan in earlier]
    if row is not None and row.head is not None:
        events.append(HeadChanged(plan=row.head.plan, at_ns=known.at_ns))
    if row is not None and row.receipt is not None:
        events.append(Confirmed(receipt=row.receipt, at_ns=known.at_ns))
    observation = known.observations.get(endpoint.name)
    if observation is not None:
        events.append(Observed(observation=observation, seen=NO_GENERATION, at_ns=known.at_ns))
    return events


def preview(world: World, endpoint: Endpoint, known: Knowledge) -> Preview:
    """Return what would become of an endpoint."""
    state, commands = state_of(world, endpoint, known)
    plan, ruling = None, None
    for command in commands:
        if isinstance(command, CommitPlan | Announce):
            plan, ruling = command.plan, command.ruling
    return Preview(endpoint=endpoint, state=state, plan=plan, ruling=ruling, commands=commands)


def preview_all(world: World, endpoints: Iterable[Endpoint], known: Knowledge) -> list[Preview]:
    """Return what would become of each endpoint that is not known to be as wanted."""
    with collector_paused():
        return [preview(world, one, known) for one in endpoints if one.name not in known.grounded]


def checksum_of(previews: list[Preview]) -> str:
    """Digest what was previewed: which plans, on which bases, with which contents, ruled how."""
    by_endpoint: dict[str, list[str]] = defaultdict(list)
    for one in previews:
        if one.plan is not None and one.ruling is not None:
            allowed = "allowed" if one.ruling.allowed else "blocked"
            by_endpoint[one.endpoint.name] += [
                str(one.plan.generation),
                str(one.plan.base),
                one.plan.digest,
                allowed,
            ]
    text = "".join(f"{name} {' '.join(parts)}\n" for name, parts in sorted(by_endpoint.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
