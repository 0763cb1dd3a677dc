"""`outlast freeze`, `thaw` and `waive`: what an operator puts above automation, by name and with a reason."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

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
from outlast.app.session import DECLINED, Agree, Session, always, open_session
from outlast.app.show import console
from outlast.app.standing import describe
from outlast.app.wiring import World
from outlast.core.guard import WAIVABLE
from outlast.model.errors import ConfigError
from outlast.model.names import EndpointName
from outlast.model.override import Freeze, Waiver
from outlast.model.units import iso


def scope_of(world: World, name: str | None, *, everything: bool) -> EndpointName | None:
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
    scope = scope_of(world, name, everything=everything)
    override = Freeze(
        endpoint=scope,
        reason=reason,
        by=by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, for_s) if for_s is not None else None,
    )
    asyncio.run(_run(world, lambda session: place_freeze(session, console(), override)))


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
    scope = scope_of(world, name, everything=everything)

    return asyncio.run(_run(world, lambda session: lift_freeze(session, console(), scope, by=by)))


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
    scope = scope_of(world, name, everything=everything)
    waiver = Waiver(
        rule=rule,
        endpoint=scope,
        reason=reason,
        by=by,
        at_ns=world.clock.now_ns(),
        until_ns=until(world, for_s),
    )
    asyncio.run(_run(world, lambda session: place_waiver(session, console(), waiver)))


async def place_freeze(
    session: Session, out: Console, freeze: Freeze, agree: Agree = always
) -> int:
    """Freeze one endpoint or everything."""
    scope = freeze.endpoint or "everything"
    if not agree(f"freeze {scope}"):
        return DECLINED
    end = f" until {iso(freeze.until_ns)}" if freeze.until_ns is not None else ""
    await session.ledger.place(freeze, f"frozen{end}: {freeze.reason}")
    out.print(f"{scope} is frozen{end or ' until thawed'}")
    return 0


async def lift_freeze(
    session: Session,
    out: Console,
    scope: EndpointName | None,
    *,
    by: str,
    agree: Agree = always,
) -> int:
    """End a freeze of exactly that scope."""
    overrides, _ = await session.ledger.overrides()
    meant = [one for one in overrides or () if isinstance(one, Freeze) and one.endpoint == scope]
    for one in meant:
        out.print(escape(f"{describe(one)}"))
    if not meant:
        out.print(f"{scope or 'everything'} was not frozen")
        return 1
    if not agree(f"thaw {scope or 'everything'}"):
        return DECLINED
    for one in meant:
        await session.ledger.lift(one, "thawed", by=by)
    out.print(f"{scope or 'everything'} is thawed")
    return 0


async def place_waiver(
    session: Session, out: Console, waiver: Waiver, agree: Agree = always
) -> int:
    """Switch a rule of the guard off for a while."""
    scope = waiver.endpoint or "everything"
    if not agree(f"waive {waiver.rule} for {scope}"):
        return DECLINED
    what = f"{waiver.rule} is waived for {scope} until {iso(waiver.until_ns)}"
    await session.ledger.place(waiver, f"{what}: {waiver.reason}")
    out.print(what)
    return 0


async def _run(world: World, work: Callable[[Session], Awaitable[int]]) -> int:
    async with open_session(world, "operator", writes=True) as session:
        return await work(session)
