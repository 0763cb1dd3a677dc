"""A store that was replaced is told of once, and opened anew at the next use."""

import pytest

from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.stores.reopening import ReopeningStore
from outlast.model.errors import StoreReplaced
from outlast.ports import Change, Entry, Store


class Gone(MemoryStore):
    """A store whose file was taken away."""

    closed = False

    async def get(self, key: str) -> Entry | None:
        raise StoreReplaced(f"{key}: the file is gone")

    async def close(self) -> None:
        self.closed = True


async def test_the_loss_is_told_once_and_the_next_use_meets_the_new_store() -> None:
    gone, opened = Gone(), list[Store]()

    async def reopen() -> Store:
        opened.append(MemoryStore())
        return opened[-1]

    store = ReopeningStore(gone, reopen)
    with pytest.raises(StoreReplaced):
        await store.get("a")
    assert gone.closed
    assert await store.commit(Change(puts=(("a", b"1"),))) is not None
    entry = await store.get("a")
    assert entry is not None
    assert entry.value == b"1"
    assert len(opened) == 1
    await store.close()
