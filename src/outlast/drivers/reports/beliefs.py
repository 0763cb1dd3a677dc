"""Beliefs: where detection leaves what it believes, and whoever shows it finds it.

One key in the store, `detection/now`. Detection and dashboard need not be one process, nor one machine.
"""

import msgspec

from outlast.detect.belief import Belief
from outlast.drivers import entries
from outlast.ports import Change, Store

KEY = "detection/now"
_BELIEF = msgspec.json.Decoder(Belief)


async def write_belief(store: Store, belief: Belief) -> None:
    """Leave it in the place of the one before.

    Raises:
        StoreError: the store cannot be used.
    """
    await store.commit(Change(puts=((KEY, entries.encode(belief)),)))


async def read_belief(store: Store) -> Belief | None:
    """Return what detection believes; None: nobody has ever detected here.

    Raises:
        StoreError: the store cannot be used.
        StoreCorrupt: it cannot be read.
    """
    entry = await store.get(KEY)
    return entries.decode(_BELIEF, entry) if entry is not None else None
