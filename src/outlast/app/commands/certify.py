"""`outlast certify`: put the fence of a real DNS to the test, and keep what was seen."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from outlast.app.options import json_option, open_world, world_options
from outlast.app.show import console
from outlast.app.wiring import World, place_of
from outlast.config.texts import parse_server
from outlast.drivers.certify import Candidate, Trial, certify
from outlast.drivers.certify_stories import STORIES
from outlast.model.certificate import Certificate
from outlast.model.errors import ConfigError
from outlast.model.facts import FenceGrade
from outlast.model.topology import Address, Provider
from outlast.model.units import as_seconds

_WORTH = {
    FenceGrade.FULL: "[green]full[/]: one condition covers fence and data",
    FenceGrade.RECORD_SET: "[yellow]record-set[/]: fence and data do not move as one",
    FenceGrade.LEASE: "[red]lease[/]: a late write can go through; only a lock keeps writers apart",
}


@click.command(
    name="certify",
    epilog="""
    \b
    Examples:
      outlast certify world.yaml bind
      outlast certify world.yaml pdns --writer 192.0.2.54:53    another server on the same database
      outlast certify world.yaml --list

    Writes and removes names below `outlast-certify-*` in the provider's first zone, for some seconds. Ends
    with 0 if each fence is worth what the topology claims (`full` where it claims nothing), else with 1.
    """,
)
@world_options
@click.argument("names", nargs=-1)
@click.option(
    "--writer",
    "writers",
    multiple=True,
    help="One more server that takes updates for the same data, as IP:PORT; may be repeated.",
)
@click.option(
    "--rounds", default=40, type=click.IntRange(1, 10_000), help="Generations raced. [40]"
)
@click.option("--list", "listing", is_flag=True, help="Show what is certified; try nothing.")
@json_option
def certify_command(
    file: Path,
    state: Path | None,
    names: tuple[str, ...],
    writers: tuple[str, ...],
    *,
    rounds: int,
    listing: bool,
    as_json: bool,
) -> int:
    """Try the fence of the providers of FILE at scratch names, grade it, and keep the evidence."""
    world = open_world(file, state, warn=True)
    providers = [_provider(world, one) for one in names] or list(world.topology.providers)
    if writers and len(providers) != 1:
        raise ConfigError("--writer belongs to one provider", remedy="name the provider")
    certificates = world.certificates
    if not listing:
        more = [_address(one) for one in writers]
        for provider in providers:
            certificates.keep(asyncio.run(_certify(world, provider, more, rounds)))
    kept = certificates.read()
    shown = [kept[one.name] for one in providers if one.name in kept]
    if as_json:
        data = [{"grade": one.grade, **msgspec.to_builtins(one)} for one in shown]
        click.echo(msgspec.json.format(msgspec.json.encode(data)))
    else:
        _print(console(), world, providers, shown, brief=listing)
    worth = {one.provider: one.grade for one in shown}
    claims = {one.name: one.fence or FenceGrade.FULL for one in providers}
    order = list(FenceGrade)
    return int(
        any(
            name not in worth or order.index(worth[name]) > order.index(claim)
            for name, claim in claims.items()
        )
    )


def _provider(world: World, name: str) -> Provider:
    for one in world.topology.providers:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in world.topology.providers)
    raise ConfigError(f"there is no provider {name}", remedy=f"known here: {known}")


def _address(text: str) -> Address:
    try:
        return parse_server(text)
    except ValueError as error:
        raise ConfigError(f"--writer {text}: {error}", remedy="write it as 192.0.2.54:53") from None


async def _certify(
    world: World, provider: Provider, more: list[Address], rounds: int
) -> Certificate:
    async with _writers(world, provider, more) as writers:
        trial = Trial(
            provider=provider.name,
            place=place_of(provider, more),
            zone=provider.zones[0],
            writers=writers,
            clock=world.clock,
            rounds=rounds,
        )
        return await certify(trial, STORIES)


@contextlib.asynccontextmanager
async def _writers(
    world: World, provider: Provider, more: list[Address]
) -> AsyncIterator[list[Candidate]]:
    """A connection to each server that takes updates."""
    nouns = [provider, *(replace(provider, server=one) for one in more)]
    writers = [world.plain_provider(one) for one in nouns]
    try:
        yield writers
    finally:
        for one in writers:
            await one.close()


def _print(
    out: Console,
    world: World,
    providers: list[Provider],
    shown: list[Certificate],
    *,
    brief: bool,
) -> None:
    certified = {one.provider: one for one in shown}
    for provider in providers:
        one = certified.get(provider.name)
        if one is None:
            out.print(f"[bold]{provider.name}[/]  not certified; run: {command(world, provider)}")
            continue
        age_s = as_seconds(world.clock.now_ns() - one.at_ns)
        out.print(
            f"[bold]{provider.name}[/]  {escape(one.place)}  {escape(one.version or 'no version')}"
            f"  tried {age_s:.0f} s ago in {one.zone}"
        )
        out.print(f"    {_WORTH[one.grade]}")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 4))
        for check in one.checks:
            if brief and check.passed:
                continue
            state = "[green]ok[/]" if check.passed else f"[yellow]{check.weight}[/]"
            found = check.fault or check.meaning
            table.add_row(state, check.name, escape(found), escape(check.evidence))
        out.print(table)


def command(world: World, provider: Provider) -> str:
    """Return the command that certifies a provider."""
    return f"outlast certify {world.file} {provider.name}"
