"""Preview: what would be planned now, and how the guard would rule, without changing anything.

The same `core.loop` that decides in production is asked, with all that it could know: the store's newest
plans, overrides, the vantages' votes, and what the DNS holds. Where no prober is running, each target is
probed once, here and now, and the preview says so.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from outlast.app.wiring import World
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
from outlast.core.plan import layout_of
from outlast.drivers.entries import EndpointRow
from outlast.drivers.ledger import Ledger
from outlast.drivers.prober import assignments_of
from outlast.drivers.probes.prober import WireProber
from outlast.drivers.wellness import Wellness
from outlast.model.errors import ProviderError
from outlast.model.health import Health, Report, Verdict, Vote
from outlast.model.names import EndpointName, ProviderName, Subject, VantageName
from outlast.model.override import Override
from outlast.model.plan import Observation, Plan, Ruling
from outlast.model.topology import Endpoint, subject_of
from outlast.model.units import NO_GENERATION, Nanos, seconds
from outlast.ports import Assignment, Provider, Unjudged

PROBES_AT_ONCE = 200
READS_AT_ONCE = 64
HERE = VantageName("this-command")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Everything that is known, gathered once for a command.

    Attributes:
        rows: what the store holds, by endpoint; orphans among them.
        observations: what the DNS holds; an endpoint whose provider could not be read is missing.
        unread: why, for those.
        probed_now: whether the health is from probes made just now, since no prober runs.
    """

    rows: Mapping[EndpointName, EndpointRow]
    overrides: tuple[Override, ...]
    health: Mapping[Subject, Health]
    sick: Mapping[VantageName, str]
    observations: Mapping[EndpointName, Observation]
    unread: Mapping[EndpointName, str]
    probed_now: bool
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
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
) -> Knowledge:
    """Gather what is known of some endpoints, or of all.

    Args:
        probe: whether to probe where no prober has reported lately.
    """
    wanted = list(world.topology.endpoints if endpoints is None else endpoints)
    rows, _ = await ledger.rows()
    overrides, _ = await ledger.overrides()
    views, _ = await ledger.views()
    votes, _ = await ledger.votes()
    now_ns = world.clock.now_ns()
    limit_ns = seconds(world.topology.settings.evidence_max_age_s)
    probed_now = probe and not any(now_ns - view.heard_at_ns <= limit_ns for view in views)
    if probed_now:
        views, votes = [], await probe_once(world, wanted)
        now_ns = world.clock.now_ns()
    wellness = Wellness(world.topology.settings)
    wellness.hear(views, votes, now_ns)
    health = {
        subject: wellness.judge(subject, now_ns)[0]
        for one in wanted
        for subject in subjects_of(one)
    }
    observations, unread = await read_all(world, wanted, providers)
    return Knowledge(
        rows={row.endpoint: row for row in rows},
        overrides=tuple(overrides or ()),
        health=health,
        sick=wellness.sick,
        observations=observations,
        unread=unread,
        probed_now=probed_now,
        at_ns=now_ns,
    )


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


async def read_all(
    world: World, endpoints: list[Endpoint], providers: Mapping[ProviderName, Provider]
) -> tuple[dict[EndpointName, Observation], dict[EndpointName, str]]:
    """Read what the DNS holds for each endpoint; what cannot be read is told, not guessed."""
    slots = asyncio.Semaphore(READS_AT_ONCE)
    observations: dict[EndpointName, Observation] = {}
    unread: dict[EndpointName, str] = {}
    broken: dict[ProviderName, str] = {}

    async def read(endpoint: Endpoint) -> None:
        layout = layout_of(endpoint, world.topology.provider(endpoint.provider))
        async with slots:
            if endpoint.provider in broken:
                unread[endpoint.name] = broken[endpoint.provider]
                return
            try:
                observations[endpoint.name] = await providers[endpoint.provider].read(layout)
            except ProviderError as error:
                unread[endpoint.name] = broken[endpoint.provider] = str(error)

    await asyncio.gather(*(read(one) for one in endpoints))
    return observations, unread


def state_of(
    world: World, endpoint: Endpoint, known: Knowledge
) -> tuple[loop.State, tuple[LoopCommand, ...]]:
    """Return what the planner would know of an endpoint, and what it would ask for."""
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
    if row is not None and row.head is not None:
        events.append(HeadChanged(plan=row.head.plan, at_ns=known.at_ns))
    if row is not None and row.receipt is not None:
        events.append(Confirmed(receipt=row.receipt, at_ns=known.at_ns))
    observation = known.observations.get(endpoint.name)
    if observation is not None:
        events.append(Observed(observation=observation, seen=NO_GENERATION, at_ns=known.at_ns))
    # Known since ever: a preview does not wait for the first evidence, it shows what there is.
    return loop.step(loop.State(since_ns=Nanos(1)), *events)


def preview(world: World, endpoint: Endpoint, known: Knowledge) -> Preview:
    """Return what would become of an endpoint."""
    state, commands = state_of(world, endpoint, known)
    plan, ruling = None, None
    for command in commands:
        if isinstance(command, CommitPlan | Announce):
            plan, ruling = command.plan, command.ruling
    return Preview(endpoint=endpoint, state=state, plan=plan, ruling=ruling, commands=commands)


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
