"""Remembered: what this machine knows of publications that once stood, whatever is left of it.

`outlast rescue` needs nothing but the enactors' last-known-good files. Those are written a moment after a
publication; if every enactor is killed in that moment, the store may be the only one that knows of it. So
where the store can still be read, it is asked as well. Where it cannot, nothing is lost but that moment.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from outlast.app.wiring import World
from outlast.drivers.entries import EndpointRow
from outlast.drivers.goodlines import GoodPublication
from outlast.drivers.lastgood import LastGood, merge_last_good
from outlast.model.errors import LastGoodError, StoreError
from outlast.model.names import EndpointName
from outlast.model.units import NO_GENERATION, Generation


async def remember(world: World, files: Sequence[Path], *, content: bool) -> LastGood:
    """Gather the last known good publications, and the highest generation known of each endpoint.

    Args:
        files: last-known-good files.
        content: whether a newer publication that only the store knows counts; else only its number does,
            since the files were chosen by hand.
    """
    good = merge_last_good(files, world.last_good_keys())
    try:
        rows = await _rows(world)
    except StoreError as error:
        problem = LastGoodError(f"the store was not asked: {error.what}")
        return replace(good, problems=(*good.problems, problem))
    entries: dict[EndpointName, GoodPublication] = dict(good.entries)
    highest: dict[EndpointName, Generation] = dict(good.highest)
    for row in rows:
        newest = _highest(row)
        highest[row.endpoint] = max(newest, highest.get(row.endpoint, NO_GENERATION))
        found = _publication(row)
        known = entries.get(row.endpoint)
        newer = known is None or (found and found.plan.generation > known.plan.generation)
        if content and found is not None and newer:
            entries[row.endpoint] = found
    return replace(good, entries=entries, highest=highest)


async def _rows(world: World) -> list[EndpointRow]:
    if not world.has_store():
        return []
    store = await world.store()
    try:
        rows, _ = await world.ledger(store, "rescue").rows()
    finally:
        await store.close()
    return rows


def _highest(row: EndpointRow) -> Generation:
    head = row.head.plan.generation if row.head is not None else NO_GENERATION
    return max(head, row.confirmed)


def _publication(row: EndpointRow) -> GoodPublication | None:
    """The newest plan, if it was confirmed exactly so."""
    if row.head is None or row.receipt is None:
        return None
    plan, fence = row.head.plan, row.receipt.fence
    if (fence.generation, fence.digest) != (plan.generation, plan.digest):
        return None
    return GoodPublication(plan=plan, fence=fence, confirmed_at_ns=row.receipt.at_ns)
