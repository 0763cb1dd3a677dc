"""`outlast history`: what happened, to one endpoint or to everything, and what old plans held."""

import asyncio
from pathlib import Path

import click
import msgspec
from rich.markup import escape

from outlast.app.options import find_endpoint, json_option, open_world, world_options
from outlast.app.session import Session, open_session
from outlast.app.show import console, members_table, print_ruling
from outlast.app.wiring import World
from outlast.drivers.entries import Head
from outlast.model.errors import ConfigError
from outlast.model.names import EndpointName
from outlast.model.units import Generation, iso


@click.command(
    epilog="""
    \b
    Examples:
      outlast history world.yaml                     the last 50 things that happened
      outlast history world.yaml shop --limit 500
      outlast history world.yaml shop --plans        the plans that can be rolled back to
      outlast history world.yaml shop --plan 17      one plan: records, targets, reasons, ruling
    """
)
@world_options
@click.argument("name", required=False)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="How many of the newest notes.",
)
@click.option("--plans", "as_plans", is_flag=True, help="List the plans that are kept.")
@click.option("--plan", "generation", type=click.IntRange(1), help="Show one plan.")
@json_option
def history(
    file: Path,
    state: Path | None,
    name: str | None,
    *,
    limit: int,
    as_plans: bool,
    generation: int | None,
    as_json: bool,
) -> None:
    """Tell what happened to NAME, or to everything, oldest first."""
    world = open_world(file, state, kept=True)
    if (as_plans or generation) and name is None:
        raise ConfigError(
            "plans belong to an endpoint", remedy="name it: outlast history FILE NAME"
        )
    endpoint = _named(world, name) if name is not None else None
    asyncio.run(
        _tell(
            world,
            endpoint,
            limit=limit,
            as_plans=as_plans,
            generation=Generation(generation) if generation else None,
            as_json=as_json,
        )
    )


def _named(world: World, name: str) -> EndpointName:
    """An endpoint that left the topology has a history too: then the name is taken as it is."""
    try:
        return find_endpoint(world, name).name
    except ConfigError:
        return EndpointName(name)


async def _tell(
    world: World,
    endpoint: EndpointName | None,
    *,
    limit: int,
    as_plans: bool,
    generation: Generation | None,
    as_json: bool,
) -> None:
    async with open_session(world, "history", writes=False) as session:
        if endpoint is not None and generation is not None:
            await _show_plan(session, endpoint, generation, as_json=as_json)
        elif endpoint is not None and as_plans:
            await _list_plans(session, endpoint, as_json=as_json)
        else:
            await _list_notes(session, endpoint, limit=limit, as_json=as_json)


async def _list_notes(
    session: Session, endpoint: EndpointName | None, *, limit: int, as_json: bool
) -> None:
    notes = await session.ledger.history(endpoint, limit=limit)
    if as_json:
        _print_json(notes)
        return
    out = console()
    for note in notes:
        generation = f" {note.generation}" if note.generation else ""
        scope = note.endpoint or "everything"
        head = f"[dim]{iso(note.at_ns)}[/] {note.event:<10} [bold]{scope}[/]{generation}"
        out.print(f"{head} [dim]{note.by}[/]: {escape(note.text)}")
    if not notes:
        out.print("nothing is on record")


async def _list_plans(session: Session, endpoint: EndpointName, *, as_json: bool) -> None:
    heads = await session.ledger.plans(endpoint)
    row = await session.ledger.row(endpoint)
    if as_json:
        _print_json([one.plan for one in heads])
        return
    out = console()
    for one in heads:
        live = " [green]live[/]" if one.plan.generation == row.confirmed else ""
        made = f"{iso(one.plan.made_at_ns)} {one.plan.origin}"
        out.print(f"{one.plan}{live}  [dim]{made}[/]: {escape(one.plan.reason)}")
    if not heads:
        out.print(f"no plan of {endpoint} is kept")


async def _show_plan(
    session: Session, endpoint: EndpointName, generation: Generation, *, as_json: bool
) -> None:
    head = await session.ledger.plan(endpoint, generation)
    if head is None:
        kept = await session.ledger.generations(endpoint)
        numbers = ", ".join(map(str, kept)) or "none"
        raise ConfigError(
            f"plan {generation} of {endpoint} is not kept", remedy=f"kept are: {numbers}"
        )
    if as_json:
        _print_json(head)
    else:
        _print_plan(head)


def _print_plan(head: Head) -> None:
    out, plan = console(), head.plan
    out.print(f"[bold]{plan}[/]  {plan.origin} at {iso(plan.made_at_ns)}")
    out.print(f"digest {plan.digest}; {escape(plan.reason)}; capacity: {plan.proof}")
    for one in plan.record_sets:
        out.print(f"    {escape(str(one))}")
    out.print(members_table(plan))
    print_ruling(out, head.ruling)


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
