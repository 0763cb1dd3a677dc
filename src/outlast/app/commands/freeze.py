"""`outlast freeze`, `thaw` and `waive`: what an operator puts above automation, by name and with a reason."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import click

from outlast.app.options import (
    DurationType,
    by_option,
    find_endpoint,
    open_world,
    operator,
    reason_option,
    until,
    world_options,
)
from outlast.app.session import open_session
from outlast.app.wiring import World
from outlast.core.guard import WAIVABLE
from outlast.model.errors import ConfigError
from outlast.model.names import EndpointName
from outlast.model.override import Freeze, Override, Waiver
from outlast.model.units import iso


def _scope(world: World, name: str | None, *, everything: bool) -> EndpointName | None:
    """The endpoint meant; None: everything."""
    if (name is None) != everything:
        raise ConfigError(
            "say what is meant: one endpoint, or everything",
            remedy="give a NAME, or --all, not both",
        )
    return find_endpoint(world, name).name if name is not None else None


@click.command(
    epilog="""
    \b
    Examples:
      outlast freeze world.yaml shop --reason "load test until noon" --for 2h
      outlast freeze world.yaml --all --reason "something is wrong with the probes"

    What is published stays as it is, and is still mended if somebody else alters it. Only new plans stop.
    """
)
@world_options
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Freeze every endpoint.")
@click.option("--for", "for_s", type=DurationType(), help="Ends by itself after this time.")
@reason_option
@by_option
def freeze(
    file: Path,
    state: Path | None,
    name: str | None,
    *,
    everything: bool,
    for_s: float | None,
    reason: str,
    by: str,
) -> None:
    """Stop automation from publishing anything new for NAME, or for everything."""
    world = open_world(file, state, kept=True)
    scope = _scope(world, name, everything=everything)
    override = Freeze(
        endpoint=scope,
        reason=reason,
        by=by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, for_s) if for_s is not None else None,
    )
    end = f" until {iso(override.until_ns)}" if override.until_ns is not None else ""
    asyncio.run(_place(world, override, f"frozen{end}: {reason}"))
    click.echo(f"{scope or 'everything'} is frozen{end or ' until thawed'}")


@click.command(
    epilog="""
    \b
    Examples:
      outlast thaw world.yaml shop
      outlast thaw world.yaml --all          ends the freeze of everything, not those of single endpoints
    """
)
@world_options
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="End the freeze of everything.")
@click.option("--by", default=operator, show_default="your login", help="Who asks for it.")
def thaw(file: Path, state: Path | None, name: str | None, *, everything: bool, by: str) -> int:
    """Let automation go on for NAME, or for everything."""
    world = open_world(file, state, kept=True)
    scope = _scope(world, name, everything=everything)

    def is_meant(one: Override) -> bool:
        return isinstance(one, Freeze) and one.endpoint == scope

    count = asyncio.run(_lift(world, is_meant, by=by))
    click.echo(f"{scope or 'everything'} {'is thawed' if count else 'was not frozen'}")
    return 0 if count else 1


@click.command(
    epilog="""
    \b
    Examples:
      outlast waive world.yaml budget shop --for 10m --reason "moving to new hosts"
      outlast waive world.yaml capacity --all --for 1h --reason "night, a third of the load"

    Rules that can never be waived: never-empty, authentic, newer, stale-base, transaction-size.
    """
)
@world_options
@click.argument("rule", type=click.Choice(WAIVABLE))
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="For every endpoint.")
@click.option("--for", "for_s", type=DurationType(), required=True, help="How long.")
@reason_option
@by_option
def waive(
    file: Path,
    state: Path | None,
    rule: str,
    name: str | None,
    *,
    everything: bool,
    for_s: float,
    reason: str,
    by: str,
) -> None:
    """Switch one RULE of the guard off for NAME, or for everything, for a stated time."""
    world = open_world(file, state, kept=True)
    scope = _scope(world, name, everything=everything)
    waiver = Waiver(
        rule=rule,
        endpoint=scope,
        reason=reason,
        by=by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, for_s),
    )
    what = f"{rule} is waived for {scope or 'everything'} until {iso(waiver.until_ns)}"
    asyncio.run(_place(world, waiver, f"{what}: {reason}"))
    click.echo(what)


async def _place(world: World, override: Override, text: str) -> None:
    async with open_session(world, "operator", writes=True) as session:
        await session.ledger.place(override, text)


async def _lift(world: World, is_meant: Callable[[Override], bool], *, by: str) -> int:
    async with open_session(world, "operator", writes=True) as session:
        overrides, _ = await session.ledger.overrides()
        meant = [one for one in overrides or () if is_meant(one)]
        for one in meant:
            await session.ledger.lift(one, "thawed", by=by)
    return len(meant)
