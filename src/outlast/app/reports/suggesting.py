"""Suggesting: what a person may want to do about a verdict. Never done by itself.

For a region that is held responsible the suggestion is its evacuation, with the capacity proof of the
production planner and guard; for a name, to freeze it, so that no automation moves while people look. What a
drill foretells is asked of a `Forecast`, where there is one.
"""

from typing import Protocol

from outlast.app.drain import endpoints_in, prove
from outlast.app.session import open_session
from outlast.app.wiring import World
from outlast.detect.verdict import Cause, CauseKind, Outcome, Verdict
from outlast.drivers.reports.outgoing import Finding
from outlast.model.names import RegionName
from outlast.model.override import Evacuation


class Forecast(Protocol):
    """What a drill says of a step before it is taken."""

    def __call__(self, region: str) -> str:
        """Return in one line how a drill of evacuating a region came out; empty: none was held."""


def no_forecast(region: str) -> str:
    """Say that no drill is known."""
    del region
    return ""


async def suggestion(world: World, verdict: Verdict, forecast: Forecast = no_forecast) -> str:
    """Return what to consider, as text with the command; empty where there is nothing to do here."""
    if verdict.outcome is not Outcome.CAUSE or not verdict.suspects:
        return ""
    cause = verdict.suspects[0].cause
    match cause.kind:
        case CauseKind.REGION:
            return await _evacuation(world, cause, forecast)
        case CauseKind.NAME if any(one.name == cause.name for one in world.topology.endpoints):
            return f'consider: outlast freeze {world.file} {cause.name} --reason "..."'
    return ""


async def _evacuation(world: World, cause: Cause, forecast: Forecast) -> str:
    region = RegionName(cause.name)
    endpoints = endpoints_in(world, region)
    if not endpoints:
        return ""
    wish = Evacuation(
        region=region,
        reason="what if",
        by="detection",
        at_ns=world.clock.now_ns(),
        step_count=1,
        step_s=0.0,
    )
    async with open_session(world, "detection", writes=False) as session:
        proofs = await prove(session, endpoints, wish)
    against = [
        f"{one.endpoint.name}: {one.ruling.findings[0].message}"
        for one in proofs
        if one.ruling is not None and not one.ruling.allowed
    ]
    if against:
        return f"evacuating {region} would be refused: {'; '.join(against)}"
    told = forecast(region)
    return (
        f"consider: outlast evacuate {world.file} {region} --reason ...; the rest carries the demand of "
        f"{len(endpoints)} endpoints{f'; a drill says: {told}' if told else ''}"
    )


def finding_of(verdict: Verdict, minute: int, suggested: str) -> Finding | None:
    """Return what to tell of a verdict; None if it names no cause."""
    if verdict.outcome is not Outcome.CAUSE or not verdict.suspects:
        return None
    lead = verdict.suspects[0]
    others = ", ".join(str(one.cause) for one in verdict.suspects[1:])
    text = f"{lead.cause} explains {len(lead.explained)} services ({lead.posterior:.0%})"
    return Finding(
        key=f"{lead.cause.kind}/{lead.cause.name}",
        cause=lead.cause.name,
        text=text + (f"; also {others}" if others else ""),
        started_s=minute * 60,
        suggestion=suggested,
        labels={"kind": str(lead.cause.kind)},
    )
