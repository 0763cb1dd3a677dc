"""Carrying: whether services carry an evacuation, by the drills' engine, beside the guard's sum."""

import asyncio
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from outlast.model.override import Waiver
from outlast.model.topology import Topology

SERVED_MIN = 0.99
CAPACITY = "capacity"
"""The guard's rule whose waiver holds for this proof too."""


async def carries(
    out: Console, topology: Topology, region: str, waivers: Sequence[Waiver] = ()
) -> bool:
    """Say how essential services fare once a region is empty; False: one of them does not.

    Where the engine is not installed nothing is said of them, and that is said.
    """
    if not any(one.essential for one in topology.services):
        return True
    try:
        from outlast.drill.steady import without  # noqa: PLC0415 - numpy need not be there
    except ImportError:
        hint = "services are not simulated: `pip install 'outlast[drill]'` brings the engine"
        out.print(hint, markup=False)
        return True
    found = await asyncio.to_thread(without, topology, region)
    worse = [one for one in found if one.after < min(SERVED_MIN, one.before)]
    for one in worse:
        out.print(
            f"[red]{escape(one.service)}[/] would serve {one.after:.1%} of its demand without "
            f"{escape(region)} (simulated, at the busiest hour; {one.before:.1%} with it)"
        )
    if not worse:
        out.print(f"simulated without {escape(region)}: essential services carry their load")
    waived = any(one.rule == CAPACITY for one in waivers)
    return waived or not worse
