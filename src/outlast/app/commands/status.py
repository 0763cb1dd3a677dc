"""`outlast status`: what is published, wanted and wrong, in one screen."""

import asyncio
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from outlast.app.options import json_option, open_world, world_options
from outlast.app.session import open_session
from outlast.app.show import console
from outlast.app.standing import Status, with_store, without_store
from outlast.app.wiring import World
from outlast.glass.words import plural
from outlast.model.errors import StoreError

ASKED_MAX = 200
"""More endpoints than this are told from the store alone, unless --dns asks for every one."""


@click.command(
    epilog="""
    \b
    Examples:
      outlast status world.yaml
      outlast status world.yaml --wrong            only what needs somebody
      watch -n 2 outlast status world.yaml

    Ends with 0 if every endpoint stands as wanted, 1 if something is wrong, 3 if the store is unusable
    (the DNS is then still asked and shown).
    """
)
@world_options
@click.option("--wrong", "only_wrong", is_flag=True, help="Show only what needs somebody.")
@click.option("--dns/--no-dns", default=None, help="Ask the DNS. [default: up to 200 endpoints]")
@json_option
def status(
    file: Path, state: Path | None, *, only_wrong: bool, dns: bool | None, as_json: bool
) -> int:
    """Show what is published, wanted and wrong for FILE."""
    world = open_world(file, state, kept=True)
    ask = dns if dns is not None else len(world.topology.endpoints) <= ASKED_MAX
    found, broken = asyncio.run(_gather(world, ask=ask))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        _print(console(), found, only_wrong=only_wrong)
    if broken:
        return 3
    return 0 if found.is_well else 1


async def _gather(world: World, *, ask: bool) -> tuple[Status, bool]:
    try:
        async with open_session(world, "status", writes=False) as session:
            return await with_store(session, ask=ask), False
    except StoreError as error:
        return await without_store(world, str(error)), True


def _print_head(out: Console, found: Status) -> None:
    out.print(f"{found.at}  {escape(found.topology)}  store {escape(found.store)}")
    if found.meanwhile:
        out.print(f"  [red]store lost[/]: {escape(found.meanwhile)}")


def _print_roles(out: Console, found: Status) -> None:
    for one in found.roles:
        races = f"; {plural(one.races, 'lost race')}" if one.races else ""
        out.print(f"  [green]alive[/] {one.kind} {one.name}: {escape(one.doing)}{races}")
    for gone in found.gone:
        out.print(f"  [red]gone[/]  {escape(gone)}")
    if not found.roles and not found.gone:
        out.print("  [yellow]no role is running[/]; what is published stays as it is")


def _print_cells(out: Console, found: Status) -> None:
    for cell in found.cells:
        bad = f"[red]{cell.wrong} not as they should be[/]" if cell.wrong else "[green]ok[/]"
        own = f"; enactors {', '.join(cell.enactors)}" if cell.enactors else ""
        spent = f"; {cell.spent}" if cell.spent else ""
        out.print(f"  cell {cell.cell}: {cell.endpoints} endpoints, {bad}{own}{escape(spent)}")


def _print(out: Console, found: Status, *, only_wrong: bool) -> None:
    _print_head(out, found)
    _print_roles(out, found)
    for sick in found.sick:
        out.print(f"  [red]sick vantage[/], nothing is removed on its word: {escape(sick)}")
    for server in found.disagreeing:
        out.print(f"  [red]differs[/] {escape(server)}")
    for override in found.overrides:
        out.print(f"  [cyan]{escape(override)}[/]")
    _print_cells(out, found)
    table = Table(box=None, pad_edge=False)
    for heading in ("endpoint", "DNS", "wanted", "answers", "state", "detail"):
        table.add_column(heading, overflow="fold")
    for line in found.wrong if only_wrong else found.endpoints:
        style = "green" if line.state == "ok" else "red"
        table.add_row(
            line.endpoint,
            str(line.published or "-"),
            str(line.wanted or "-"),
            line.answers,
            f"[{style}]{line.state}[/]",
            escape(line.detail),
        )
    out.print(table)
    for tree in () if only_wrong else found.trees:
        out.print(f"  {tree.told}")
    for orphan in found.orphans:
        out.print(f"[yellow]orphaned[/] {orphan}: not in the topology, still published")
    wrong = len(found.wrong)
    out.print(f"{len(found.endpoints)} endpoints, {wrong} not as they should be")
