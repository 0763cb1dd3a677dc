"""`outlast release`: take an endpoint out of the DNS, asked for by name."""

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from outlast.app.options import open_world, world_options
from outlast.app.session import DECLINED, Agree, Session, open_session
from outlast.app.show import console
from outlast.app.wiring import World
from outlast.core.dual import places
from outlast.core.transact import release as release_transaction
from outlast.core.transact import tend
from outlast.core.tree import place_of, removals
from outlast.drivers.lastgood import merge_last_good
from outlast.drivers.sweeper import strike_out, trees_of
from outlast.model.errors import ConfigError, OutlastError
from outlast.model.fence import parse_epoch, parse_fence
from outlast.model.names import EndpointName
from outlast.model.plan import Layout, Observation, OutcomeKind


@click.command(
    epilog="""
    \b
    Examples:
      outlast status world.yaml                    names the orphans
      outlast release world.yaml old-shop
      outlast release world.yaml old-shop --keep-records --yes    give the records to somebody else

    Only an endpoint that is no longer in the topology can be released: as long as it stands there,
    automation would put it back. Nothing else ever deletes an endpoint.
    """
)
@world_options
@click.argument("name")
@click.option("--keep-records", is_flag=True, help="Remove the fence only; leave the records.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def release(file: Path, state: Path | None, name: str, *, keep_records: bool, yes: bool) -> int:
    """Take the orphaned endpoint NAME out of the DNS, in one fenced write."""
    world = open_world(file, state)
    check_orphan(world, name)

    def agree(what: str) -> bool:
        del what
        return yes or click.confirm("take this out of the DNS?")

    return asyncio.run(_release(world, EndpointName(name), agree, keep_records=keep_records))


async def _release(world: World, name: EndpointName, agree: Agree, *, keep_records: bool) -> int:
    async with open_session(world, "operator", writes=True) as session:
        return await take_out(session, console(), name, agree, keep_records=keep_records)


def check_orphan(world: World, name: str) -> None:
    """Refuse what automation would put back.

    Raises:
        ConfigError: the endpoint stands in the topology.
    """
    if any(one.name == name for one in world.topology.endpoints):
        raise ConfigError(
            f"{name} is in {world.file}: automation would put it back",
            remedy="remove it from the topology first",
        )


async def take_out(
    session: Session, out: Console, name: EndpointName, agree: Agree, *, keep_records: bool
) -> int:
    """Show what would be deleted, and delete it in one fenced write a provider."""
    looked = [
        (place, await _find(session, place)) for place in places(await _layout(session, name))
    ]
    # One of several may have been released by a run that got no further: the rest is still ours.
    found = [(place, one) for place, one in looked if _is_ours(one)]
    if not found:
        raise OutlastError(
            f"no fence of ours stands at {looked[0][0].fence_at}: "
            "these records are not ours to delete",
            remedy="look who else writes there; remove them by hand if they are not needed",
        )
    for _, one in found:
        _print(out, one, keep_records=keep_records)
    fences = ", ".join(value for _, one in found for value in one.fence)
    if not agree(f"release {name}, {'fence alone' if keep_records else 'records'}: {fences}"):
        return DECLINED
    # The store first: an enactor that sees the name gone must find no plan to put it back.
    trees = await trees_of(session.ledger.store, name)
    await session.ledger.forget(name)
    for place, one in found:
        await _take_out(session, place, one, keep_records=keep_records)
        tops = [tree.top for tree in trees] or ([one.below] if one.below else [])
        for top in () if keep_records else tops:
            await _take_tree(session, place, top)
    await strike_out(session.ledger.store, *trees)
    out.print(f"[green]{name} is released[/]: its fence is gone")
    return 0


async def _find(session: Session, place: Layout) -> Observation:
    """Read what stands at one provider."""
    provider = session.providers.get(place.provider)
    if provider is None:
        raise ConfigError(
            f"{place.endpoint} is published at {place.provider}, which is not in the topology",
            remedy="put the provider back into the file, then release",
        )
    return await provider.read(place)


def _is_ours(found: Observation) -> bool:
    """Whether a fence of ours stands there; we touch nothing else."""
    return parse_fence(found.fence) is not None and parse_epoch(found.epoch) is not None


async def _take_out(
    session: Session, place: Layout, found: Observation, *, keep_records: bool
) -> None:
    provider = session.providers[place.provider]
    outcome = await provider.write(release_transaction(place, found, keep_records=keep_records))
    after = await provider.read(place)
    if after.fence == found.fence or outcome.kind is OutcomeKind.REJECTED:
        raise OutlastError(
            f"{place.endpoint} still stands at {place.provider}: {outcome.kind}: {outcome.detail}",
            remedy="run the same command again",
        )


async def _take_tree(session: Session, place: Layout, top: str) -> None:
    """Take away a tree that the names pointed to: nobody points there any more."""
    provider = session.providers[place.provider]
    standing = await provider.read(place_of(place, top))
    for piece in removals(standing.record_sets):
        outcome = await provider.write(tend(place, top, piece, standing))
        if outcome.kind is not OutcomeKind.APPLIED:
            raise OutlastError(
                f"{place.endpoint} is released, but some of its tree {top} still stands: {outcome}",
                remedy=f"nothing points there; remove what lies below {top} by hand",
            )


async def _layout(session: Session, name: EndpointName) -> Layout:
    """Where it lies: from the store, else from what this machine's enactors remember."""
    row = await session.ledger.row(name)
    if row.head is not None:
        return row.head.plan.layout
    world = session.world
    good = merge_last_good(world.state.last_good_files(), world.last_good_keys())
    if name in good.entries:
        return good.entries[name].plan.layout
    rows, _ = await session.ledger.rows()
    known = {one.name for one in world.topology.endpoints}
    orphans = ", ".join(sorted(row.endpoint for row in rows if row.endpoint not in known)) or "none"
    raise ConfigError(f"nothing is known of {name}", remedy=f"orphaned endpoints: {orphans}")


def _print(out: Console, found: Observation, *, keep_records: bool) -> None:
    sign = "  " if keep_records else "- "
    for one in found.record_sets:
        out.print(escape(f"    {sign}{one}"))
    for value in found.fence:
        out.print(escape(f"    - fence {value}"))
