"""Reading through pointers: what clients get at an endpoint's names, wherever its plan lies.

A plan that is too big for one transaction lies in a tree (`core.tree`). Whoever reads an endpoint should see
its records, not the pointers to them: enactors, witnesses, `outlast check`, a rescue. So a reading that finds
pointers reads on where they lead, and both together are one observation if fence and epoch did not move in
between.
"""

from collections.abc import Awaitable, Callable

from outlast.core.tree import leads_to, place_of, through
from outlast.model.errors import ProviderError
from outlast.model.plan import Layout, Observation

READS_MAX = 5
"""How often a reading is tried while somebody writes in the middle of it."""

Reading = Callable[[Layout], Awaitable[Observation]]


async def read_through(read: Reading, layout: Layout) -> Observation:
    """Read an endpoint, and on where its names point.

    Raises:
        ProviderError: as the reading; or the fence moves faster than the endpoint can be read.
    """
    for _ in range(READS_MAX):
        seen = await read(layout)
        top = leads_to(seen)
        if not top:
            return seen
        whole = through(seen, await read(place_of(layout, top)))
        if whole is not None:
            return whole
    raise ProviderError(
        f"the fence at {layout.fence_at} moves faster than the tree that its names point to can be read",
        remedy="who writes there so often? `dig TXT` shows the writer's name in the fence",
    )
