"""`outlast plan`: what would change, as a readable diff, with the guard's ruling."""

import asyncio
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from outlast.app.options import find_endpoint, json_option, open_world, world_options
from outlast.app.preview import Knowledge, Preview, checksum_of, learn, preview_all
from outlast.app.session import open_session
from outlast.app.show import console, members_table, print_diff, print_ruling
from outlast.app.wiring import World
from outlast.core.tree import chunks, label_of, leaves_of, pointers_of
from outlast.core.verify import compare
from outlast.model.plan import Origin, Plan, Proof
from outlast.model.records import RecordSet
from outlast.model.topology import Endpoint

DETAILS_MAX = 50
"""Changes shown in full. Of more at once nobody reads each; `--all` shows them."""


@click.command(
    epilog="""
    \b
    Examples:
      outlast plan world.yaml                  every endpoint that would change
      outlast plan world.yaml shop --all       one endpoint, also if nothing would change
      outlast plan world.yaml --json | jq .checksum

    Ends with 0 if all that would change is allowed, with 1 if the guard blocks something. The checksum at
    the end names exactly this preview: `outlast apply --checksum` publishes it, or refuses.
    """
)
@world_options
@click.argument("names", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="Show endpoints that would not change, too."
)
@json_option
def plan(
    file: Path, state: Path | None, names: tuple[str, ...], *, everything: bool, as_json: bool
) -> int:
    """Preview what Outlast would publish for FILE, and whether the guard would let it.

    Nothing is changed. Health comes from the running probers; where there is none, every target is probed
    once, now.
    """
    world = open_world(file, state, warn=True)
    endpoints = [find_endpoint(world, one) for one in names] or list(world.topology.endpoints)
    whole = everything or as_json or bool(names)
    known, previews = asyncio.run(gather(world, endpoints, whole=whole))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(as_data(known, previews))))
    else:
        print_previews(console(), world, known, previews, everything=everything or bool(names))
    blocked = any(one.ruling is not None and not one.ruling.allowed for one in previews)
    return 1 if blocked or known.unread else 0


async def gather(
    world: World, endpoints: list[Endpoint], *, whole: bool
) -> tuple[Knowledge, list[Preview]]:
    """Learn what is known and preview each endpoint.

    Args:
        whole: whether those are previewed too that are known to be as wanted.
    """
    async with open_session(world, "plan", writes=False) as session:
        known = await learn(
            world, session.ledger, session.providers, endpoints=endpoints, shortcut=not whole
        )
        return known, preview_all(world, endpoints, known)


def as_data(known: Knowledge, previews: list[Preview]) -> dict[str, object]:
    """The preview for machines."""
    return {
        "checksum": checksum_of(previews),
        "probed_now": known.probed_now,
        "unreadable": dict(known.unread),
        "endpoints": [
            {
                "endpoint": one.endpoint.name,
                "changes": one.plan is not None,
                "records_change": records_change(known, one),
                "allowed": one.ruling.allowed if one.ruling is not None else None,
                "base": one.head,
                "plan": one.plan,
                "ruling": one.ruling,
            }
            for one in previews
        ],
    }


def records_change(known: Knowledge, one: Preview) -> bool:
    """Whether any record would change; else a change is one of the fence alone, as after an import."""
    return one.plan is not None and records_before(known, one) != one.plan.record_sets


def records_before(known: Knowledge, one: Preview) -> tuple[RecordSet, ...]:
    """Return what is published: by the newest plan, or where there is none, what was found."""
    observation = known.observations.get(one.endpoint.name)
    if one.head is None and observation is not None:
        return observation.record_sets
    return one.head.record_sets if one.head is not None else ()


def print_previews(
    out: Console, world: World, known: Knowledge, previews: list[Preview], *, everything: bool
) -> None:
    """Print the preview for people."""
    if known.probed_now:
        out.print("No prober is running: each target was probed once, just now.", style="yellow")
    for zone, why in known.observations.untransferred.items():
        text = f"{escape(why)}: each endpoint of {zone} was asked for alone, which takes longer"
        out.print(text, style="yellow")
    for vantage, why in known.sick.items():
        out.print(f"Vantage {vantage} counts as sick: {escape(why)}", style="red")
    shown = [
        one
        for one in previews
        if one.plan is not None or everything or one.endpoint.name in known.unread
    ]
    for one in shown if everything else shown[:DETAILS_MAX]:
        _print_one(out, world, known, one)
    if len(shown) > DETAILS_MAX and not everything:
        out.print(f"\n... and {len(shown) - DETAILS_MAX} more; --all shows every one")
    changing = [one for one in previews if one.plan is not None]
    blocked = [one for one in changing if one.ruling is not None and not one.ruling.allowed]
    total = len(previews) + len(known.grounded)
    out.print(
        f"{total} endpoints: {total - len(changing)} as wanted, "
        f"{len(changing) - len(blocked)} to change, {len(blocked)} blocked, "
        f"{len(known.unread)} unreadable"
    )
    same = sum(1 for one in changing if not records_change(known, one))
    if same:
        out.print(f"of those to change, {same} keep every record: the fence alone moves")
    _print_orphans(out, world, known)
    if changing:
        out.print(f"checksum {checksum_of(previews)}")


def _print_one(out: Console, world: World, known: Knowledge, one: Preview) -> None:
    names = ", ".join(name.name for name in one.endpoint.names)
    out.print(f"\n[bold]{one.endpoint.name}[/]  {names}  at {one.endpoint.provider}")
    if one.endpoint.name in known.unread:
        out.print(f"    cannot be read: {escape(known.unread[one.endpoint.name])}", style="red")
    if one.plan is None:
        head = f"generation {one.head.generation}" if one.head is not None else "no plan"
        out.print(f"    as wanted: {head}{_standing(one, known)}")
        if one.head is not None:
            out.print(members_table(one.head))
        return
    base = f"generation {one.head.generation}" if one.head is not None else "nothing of ours"
    adopting = one.plan.origin in {Origin.ADOPTED, Origin.RESCUE}
    verb = "adopts what is live" if adopting else "publishes"
    out.print(f"    {base} -> generation {one.plan.generation} {verb}: {escape(one.plan.reason)}")
    print_diff(out, records_before(known, one), one.plan.record_sets)
    if not records_change(known, one):
        out.print("    no record changes: the fence alone moves")
    out.print(members_table(one.plan))
    out.print(f"    capacity: {one.plan.proof}")
    if one.plan.layout.tree:
        out.print(f"    {_tree(one.plan)}")
    for note in _notes(world, one):
        out.print(f"    note: {note}")
    if one.ruling is not None:
        print_ruling(out, one.ruling)


def _tree(plan: Plan) -> str:
    """How a plan that does not lie in place gets there."""
    records = sum(len(one.values) for one in plan.record_sets)
    pieces, pointers = len(chunks(leaves_of(plan))), len(pointers_of(plan))
    quarantine_s = max(one.ttl_s for one in plan.record_sets)
    return (
        f"laid as tree {label_of(plan)}: {records:,} records in {pieces} transactions, read back, then "
        f"{pointers} pointers and the fence in one; older trees are swept once it stood for {quarantine_s} s"
    )


def _standing(one: Preview, known: Knowledge) -> str:
    observation = known.observations.get(one.endpoint.name)
    if one.head is None or observation is None:
        return ""
    found = compare(one.head, observation)
    if isinstance(found, Proof):
        return ", and the DNS holds exactly that"
    return f", but the DNS differs: {found.kind}: {escape(found.message)}"


def _notes(world: World, one: Preview) -> list[str]:
    """What becomes of wishes that this provider cannot fulfil."""
    provider = world.topology.provider(one.endpoint.provider)
    weights = {target.weight for target in one.endpoint.targets}
    if provider.honours_weights:
        return []
    notes = []
    if len(weights - {0}) > 1:
        notes.append(
            f"{provider.name} gives every published address the same share: "
            f"weights {sorted(weights)} mean in or out there"
        )
    if one.endpoint.policy.ramp_s:
        notes.append(f"{provider.name} has no weights, so returning targets do not ramp up")
    return notes


def _print_orphans(out: Console, world: World, known: Knowledge) -> None:
    names = {one.name for one in world.topology.endpoints}
    for name in sorted(known.planned - names):
        out.print(
            f"{name} is no longer in the topology; it stays published until `outlast release {name}`",
            style="yellow",
        )
