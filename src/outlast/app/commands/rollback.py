"""`outlast rollback`: an earlier plan's content again, as a new generation."""

import asyncio
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from outlast.app.oneshot import publish
from outlast.app.options import (
    DurationType,
    by_option,
    find_endpoint,
    open_world,
    reason_option,
    until,
    world_options,
)
from outlast.app.preview import learn, state_of
from outlast.app.session import DECLINED, Agree, Session, always, open_session
from outlast.app.show import console, print_diff, print_ruling
from outlast.app.wiring import World
from outlast.core import guard, loop
from outlast.core.messages import CommitPlan
from outlast.drivers.facts import Fact
from outlast.model.errors import ConfigError, OutlastError
from outlast.model.names import EnactorName
from outlast.model.override import Freeze
from outlast.model.plan import Origin, Plan, Proof
from outlast.model.topology import Endpoint
from outlast.model.units import Generation, Nanos

ENACTOR = EnactorName("operator")


@click.command(
    epilog="""
    \b
    Examples:
      outlast history world.yaml shop --plans
      outlast rollback world.yaml shop --to 17 --reason "18 sends everybody to the wrong place"
      outlast rollback world.yaml shop --to 17 --hold 1h --reason "..."

    The old content gets a new, higher number: generations never go back. The endpoint is then frozen, since
    automation would otherwise plan at once what it planned before; `outlast thaw` ends that.
    """
)
@world_options
@click.argument("name")
@click.option(
    "--to", "target", type=click.IntRange(1), required=True, help="The plan to go back to."
)
@click.option("--hold", "hold_s", type=DurationType(), help="Freeze only for so long.")
@reason_option
@by_option
def rollback(
    file: Path,
    state: Path | None,
    name: str,
    *,
    target: int,
    hold_s: float | None,
    reason: str,
    by: str,
) -> int:
    """Publish an earlier plan of NAME again, through the guard, as a new generation."""
    world = open_world(file, state, kept=True)
    endpoint = find_endpoint(world, name)
    freeze = Freeze(
        endpoint=endpoint.name,
        reason=f"rolled back to {target}: {reason}",
        by=by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, hold_s) if hold_s is not None else None,
    )
    return asyncio.run(_rollback(world, endpoint, Generation(target), freeze))


async def _rollback(world: World, endpoint: Endpoint, target: Generation, freeze: Freeze) -> int:
    async with open_session(world, "operator", writes=True) as session:
        return await roll_back(session, console(), endpoint, target, freeze=freeze)


async def roll_back(
    session: Session,
    out: Console,
    endpoint: Endpoint,
    target: Generation,
    *,
    freeze: Freeze,
    agree: Agree = always,
) -> int:
    """Show what an earlier plan would change and, if the guard allows it, publish it again."""
    old = await _old_plan(session, endpoint, target)
    plan, command = await _prepare(session, endpoint, old, freeze)
    row = await session.ledger.row(endpoint.name)
    before = row.head.plan.record_sets if row.head is not None else ()
    what = f"{endpoint.name}: generation {plan.generation} with the content of {target}"
    out.print(what)
    print_diff(out, before, plan.record_sets)
    print_ruling(out, command.ruling)
    if not command.ruling.allowed:
        out.print("[red]refused[/]: waive a rule by name (`outlast waive`) if it is meant")
        return 1
    if not agree(what):
        return DECLINED
    await session.ledger.place(freeze, freeze.reason)
    if not await session.ledger.commit_plan(command):
        raise OutlastError(
            "a newer plan was made meanwhile; nothing was rolled back",
            remedy="look at `outlast status`, then try again",
        )
    facts: list[Fact] = []
    found = await publish(session, [plan], name=ENACTOR, tell=facts.append, timeout_s=30.0)
    one = found[endpoint.name]
    if isinstance(one, Proof):
        out.print(f"[green]published[/] {one.fence}; frozen until `outlast thaw {endpoint.name}`")
        return 0
    out.print(f"[red]not confirmed[/]: {one.kind}: {escape(one.message)}")
    return 1


async def _old_plan(session: Session, endpoint: Endpoint, target: Generation) -> Plan:
    head = await session.ledger.plan(endpoint.name, target)
    if head is None:
        kept = ", ".join(map(str, await session.ledger.generations(endpoint.name))) or "none"
        raise ConfigError(
            f"plan {target} of {endpoint.name} is not kept", remedy=f"kept are: {kept}"
        )
    return head.plan


async def _prepare(
    session: Session, endpoint: Endpoint, old: Plan, freeze: Freeze
) -> tuple[Plan, CommitPlan]:
    """Make the new plan and have it judged, as if nothing were frozen: an operator asks."""
    known = await learn(session.world, session.ledger, session.providers, endpoints=[endpoint])
    thawed = tuple(one for one in known.overrides if not isinstance(one, Freeze))
    state, _ = state_of(session.world, endpoint, replace(known, overrides=thawed))
    situation = loop.situation_of(state, Nanos(known.at_ns))
    if situation is None or state.head is None:
        raise ConfigError(f"{endpoint.name} has no plan yet", remedy="outlast plan, then apply")
    plan = replace(
        old,
        generation=Generation(state.newest + 1),
        base=state.head.generation,
        layout=state.head.layout,
        owns=True,
        origin=Origin.ROLLBACK,
        made_at_ns=freeze.at_ns,
        reason=freeze.reason,
    )
    ruling = guard.rule(
        guard.Case(
            situation=situation,
            plan=plan,
            newest=state.newest,
            sick=state.sick,
            evidence_max_age_s=session.world.topology.settings.evidence_max_age_s,
        )
    )
    return plan, CommitPlan(plan=plan, ruling=ruling, expected=plan.base)
