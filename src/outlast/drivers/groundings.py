"""Groundings: for each plan of the store, a fingerprint of what it rests on, once somebody took one.

They stand beside the plans under keys of their own, since reading 100,000 plans to look at 100,000
fingerprints would take as long as planning. Whoever commits a plan puts `UNKNOWN` here in the same change,
so a fingerprint is always about the newest plan; whoever has a plan has an entry.
"""

from collections.abc import Sequence

from outlast.drivers.entries import EndpointRow
from outlast.model.names import EndpointName
from outlast.ports import Change, Store

UNKNOWN = b"-"
"""Stands for a plan that nobody has taken the fingerprint of; no fingerprint is that short."""

BATCH = 120
"""Fingerprints written in one commit, each conditional on a plan."""

_PREFIX = "grounds/"


def key_of(endpoint: EndpointName) -> str:
    """Return where an endpoint's fingerprint stands."""
    return f"{_PREFIX}{endpoint}"


async def fetch(store: Store) -> dict[EndpointName, bytes]:
    """Return every endpoint that has a plan, with its fingerprint."""
    page = await store.scan(_PREFIX)
    return {EndpointName(entry.key[len(_PREFIX) :]): entry.value for entry in page.entries}


async def put(store: Store, found: Sequence[tuple[EndpointRow, bytes]]) -> None:
    """Store fingerprints, each for the very plan that its row holds.

    Where one endpoint has a newer plan by now, its whole batch is left out: that costs planning once more.
    """
    for start in range(0, len(found), BATCH):
        some = found[start : start + BATCH]
        await store.commit(
            Change(
                requires=tuple(
                    (f"endpoint/{row.endpoint}/head", row.head_revision) for row, _ in some
                ),
                puts=tuple((key_of(row.endpoint), value) for row, value in some),
            )
        )
