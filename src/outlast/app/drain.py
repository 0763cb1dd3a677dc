"""Drain: what evacuating or restoring a region means for every endpoint, proved before it begins.

The proof is made by the production planner and guard, on the situation as it would be at the last step. It
is followed by doing: where a planner runs it does the work and this only watches; where none runs, plans
are made and published from here, with the same code.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from outlast.app.oneshot import publish
from outlast.app.preview import Knowledge, Preview, learn, preview
from outlast.app.session import Session
from outlast.app.wiring import World
from outlast.core.messages import CommitPlan
from outlast.drivers.facts import Fact
from outlast.model.names import EnactorName, RegionName
from outlast.model.override import Evacuation, Override, Waiver
from outlast.model.plan import Plan
from outlast.model.topology import Endpoint
from outlast.model.units import NS_PER_S, Nanos, seconds

ENACTOR = EnactorName("operator")
LOOK_S = 0.25
ALIVE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is.

    Attributes:
        left: addresses of the region that the newest plans still publish, over all endpoints.
        unproved: endpoints whose newest plan is not confirmed yet.
        confirmed_ns: when the last of them was confirmed.
    """

    left: int
    unproved: tuple[str, ...]
    confirmed_ns: Nanos


def endpoints_in(world: World, region: RegionName) -> list[Endpoint]:
    """Return the endpoints that have targets in a region."""
    return [
        one
        for one in world.topology.endpoints
        if any(target.region == region for target in one.targets)
    ]


def at_the_end(
    known: Knowledge, evacuation: Evacuation, waivers: Sequence[Waiver] = ()
) -> Knowledge:
    """Return what would be known once the last step of an evacuation is taken."""
    whole = replace(evacuation, step_count=1, step_s=0.0, at_ns=known.at_ns)
    overrides = (*with_override(known.overrides, whole), *waivers)
    return replace(known, overrides=overrides)


def with_override(overrides: tuple[Override, ...], new: Evacuation) -> tuple[Override, ...]:
    """Return the overrides with an evacuation put in, in the place of one of the same region."""
    others = [
        one for one in overrides if not (isinstance(one, Evacuation) and one.region == new.region)
    ]
    return (*others, new)


async def prove(
    session: Session,
    endpoints: list[Endpoint],
    evacuation: Evacuation,
    waivers: Sequence[Waiver] = (),
) -> list[Preview]:
    """Preview each endpoint as it would be when the region is empty."""
    known = await learn(session.world, session.ledger, session.providers, endpoints=endpoints)
    end = at_the_end(known, evacuation, waivers)
    return [preview(session.world, one, end) for one in endpoints]


async def follow(
    session: Session,
    endpoints: list[Endpoint],
    is_done: Callable[[Progress], bool],
    *,
    region: RegionName,
    deadline_ns: int,
    tell: Callable[[Progress], None],
) -> Progress:
    """Watch, or do, until the work is done or the time is over."""
    while True:
        if not await _planner_lives(session):
            await _do(session, endpoints)
        progress = await measure(session, endpoints, region)
        tell(progress)
        if is_done(progress) or session.world.clock.now_ns() > deadline_ns:
            return progress
        await asyncio.sleep(LOOK_S)


async def _planner_lives(session: Session) -> bool:
    now_ns = session.world.clock.now_ns()
    roles = await session.ledger.roles()
    return any(one.kind == "planner" and now_ns - one.at_ns < ALIVE_S * NS_PER_S for one in roles)


async def _do(session: Session, endpoints: list[Endpoint]) -> None:
    """Make and publish the plans that are due, as the planner and an enactor would."""
    known = await learn(session.world, session.ledger, session.providers, endpoints=endpoints)
    plans: list[Plan] = []
    for endpoint in endpoints:
        plans += [
            one.plan
            for one in preview(session.world, endpoint, known).commands
            if isinstance(one, CommitPlan) and await session.ledger.commit_plan(one)
        ]
    facts: list[Fact] = []
    await publish(session, plans, name=ENACTOR, tell=facts.append, timeout_s=10.0)


async def measure(session: Session, endpoints: list[Endpoint], region: RegionName) -> Progress:
    """Return how far the draining of a region is, as the store knows it."""
    left, unproved, confirmed_ns = 0, [], 0
    for endpoint in endpoints:
        row = await session.ledger.row(endpoint.name)
        if row.head is None or row.receipt is None:
            unproved.append(str(endpoint.name))
            continue
        plan = row.head.plan
        left += sum(1 for one in plan.members if one.published and one.region == region)
        if row.confirmed < plan.generation:
            unproved.append(str(endpoint.name))
        confirmed_ns = max(confirmed_ns, row.receipt.at_ns)
    return Progress(left=left, unproved=tuple(unproved), confirmed_ns=Nanos(confirmed_ns))


def safe_at_ns(endpoints: list[Endpoint], confirmed_ns: int) -> Nanos:
    """Return when the last resolver may have forgotten the region's addresses: one TTL later."""
    longest_s = max((one.ttl_s for one in endpoints), default=0)
    return Nanos(confirmed_ns + seconds(longest_s))
