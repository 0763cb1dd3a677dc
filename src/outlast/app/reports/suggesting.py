"""Suggesting: what a person may want to do about a verdict. Never done by itself.

For a region that is held responsible, and for each of those that share a fate that is, the suggestion is its
evacuation, with the capacity proof of the production planner and guard; for a name, to freeze it, so that no
automation moves while people look. Beside it stands what a drill foretells.

Why never by itself: whoever can send reports could then move our traffic.
"""

from collections.abc import Sequence
from dataclasses import replace

from outlast.app.drain import at_the_end, endpoints_in
from outlast.app.preview import Preview, learn, preview
from outlast.app.reports.forecasting import Forecast, forecast
from outlast.app.session import open_session
from outlast.app.wiring import World
from outlast.detect.belief import Advice, Suggestion
from outlast.detect.verdict import Cause, CauseKind, Outcome, Verdict
from outlast.drivers.reports.outgoing import Finding
from outlast.model.errors import OutlastError
from outlast.model.names import RegionName
from outlast.model.override import Evacuation
from outlast.model.topology import Endpoint

SUGGESTIONS_MAX = 3


async def suggest(
    world: World, verdict: Verdict, foretell: Forecast = forecast
) -> tuple[Suggestion, ...]:
    """Return what to consider, likeliest cause first; nothing where there is nothing to do here."""
    found: list[Suggestion] = []
    empty: list[RegionName] = []
    for advice, subject in _wanted(world, verdict)[:SUGGESTIONS_MAX]:
        if advice is Advice.EVACUATE:
            empty.append(RegionName(subject))
        made = await _proved(world, advice, subject, empty)
        if made is None:
            continue
        if not made.refused:
            made = replace(made, forecast=await foretell(world.topology, advice, subject))
        found.append(replace(made, at_ns=world.clock.now_ns()))
    return tuple(found)


def _wanted(world: World, verdict: Verdict) -> list[tuple[Advice, str]]:
    if verdict.outcome is not Outcome.CAUSE:
        return []
    steps = [step for one in verdict.suspects for step in _against(world, one.cause)]
    return [*dict.fromkeys(steps)]


def _against(world: World, cause: Cause) -> list[tuple[Advice, str]]:
    topology = world.topology
    match cause.kind:
        case CauseKind.REGION:
            return [(Advice.EVACUATE, cause.name)]
        case CauseKind.SHARED:
            return [
                (Advice.EVACUATE, one.name) for one in topology.regions if cause.name in one.shares
            ]
        case CauseKind.NAME if any(one.name == cause.name for one in topology.endpoints):
            return [(Advice.FREEZE, cause.name)]
    return []


async def _proved(
    world: World, advice: Advice, subject: str, empty: Sequence[RegionName]
) -> Suggestion | None:
    """Return a suggestion with its proof; None where the step would change nothing.

    Args:
        empty: the region itself, and those that would be evacuated before it: each of two regions can be
            spared, and both at once perhaps not.
    """
    if advice is Advice.FREEZE:
        command = f'outlast freeze {world.file} {subject} --reason "..."'
        return Suggestion(advice=advice, subject=subject, command=command)
    endpoints = endpoints_in(world, RegionName(subject))
    if not endpoints:
        return None
    try:
        proofs = await _previews(world, endpoints, empty)
    except OutlastError as error:  # the proof needs the DNS, which may be what is down
        refused = f"it cannot be proved now: {error.what}"
        return Suggestion(advice=advice, subject=subject, command="", refused=refused)
    against = [f"{one.endpoint.name}: {why}" for one in proofs if (why := _refusal(one, subject))]
    return Suggestion(
        advice=advice,
        subject=subject,
        command="" if against else f'outlast evacuate {world.file} {subject} --reason "..."',
        proof=tuple(_line(one, subject) for one in proofs),
        refused="; ".join(against),
    )


async def _previews(
    world: World, endpoints: list[Endpoint], regions: Sequence[RegionName]
) -> list[Preview]:
    """Preview each endpoint as it would be when all these regions are empty."""
    async with open_session(world, "detector", writes=False) as session:
        known = await learn(world, session.ledger, session.providers, endpoints=endpoints)
    for region in regions:
        wish = Evacuation(
            region=region,
            reason="what if",
            by="detector",
            at_ns=known.at_ns,
            step_count=1,
            step_s=0.0,
        )
        known = at_the_end(known, wish)
    return [preview(world, one, known) for one in endpoints]


def _refusal(one: Preview, region: str) -> str:
    """Return why an endpoint cannot do without a region; empty: it can."""
    if one.ruling is not None and not one.ruling.allowed:
        return one.ruling.findings[0].message
    stays = one.head is not None and any(
        it.published and it.region == region for it in one.head.members
    )
    if (
        one.plan is None and stays
    ):  # where nothing else is well, the newest plan stands, region and all
        return f"no plan can be made without {region} now"
    return ""


def _line(one: Preview, region: str) -> str:
    plan = one.plan or one.head
    if plan is None:
        return f"{one.endpoint.name}: nothing is published yet"
    stay: dict[str, int] = {}
    for member in plan.members:
        if member.published:
            stay[member.region] = stay.get(member.region, 0) + 1
    rest = " ".join(f"{name}:{count}" for name, count in sorted(stay.items()))
    return f"{one.endpoint.name} without {region}: {rest}; {plan.proof}"


def findings_of(verdict: Verdict, minute: int, suggestions: Sequence[Suggestion]) -> list[Finding]:
    """Return what to tell of a verdict: a finding a cause; none if it names none."""
    if verdict.outcome is not Outcome.CAUSE:
        return []
    return [
        Finding(
            key=f"{one.cause.kind}/{one.cause.name}",
            cause=one.cause.name,
            text=f"{one.cause} explains {len(one.explained)} services ({one.posterior:.0%})",
            started_s=minute * 60,
            suggestion=" | ".join(
                str(it) for it in suggestions if at == 0 or it.subject == one.cause.name
            ),
            labels={"kind": str(one.cause.kind)},
        )
        for at, one in enumerate(verdict.suspects)
    ]
