"""A store that was replaced is told of once, and opened anew at the next use."""

import asyncio

import pytest

from outlast.drivers.stores.memory import MemoryStore
from outlast.drivers.stores.reopening import ReopeningStore
from outlast.model.errors import StoreReplaced
from outlast.ports import Change, Entry, Page, Store


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


async def test_of_two_who_find_out_at_once_the_second_leaves_the_new_store_alone() -> None:
    """It asked the old one, and hears of it after the first has gone on with the new one."""
    both, opened = asyncio.Event(), list[MemoryStore]()

    class Slow(Gone):
        async def scan(self, prefix: str, *, newer_than: int = 0, limit: int = 0) -> Page:
            await both.wait()
            raise StoreReplaced("the file is gone")

    async def reopen() -> Store:
        opened.append(Gone())
        return opened[-1]

    store = ReopeningStore(Slow(), reopen)
    late = asyncio.create_task(store.share().scan(""))
    await asyncio.sleep(0)
    with pytest.raises(StoreReplaced):
        await store.get("a")
    await store.commit(Change(puts=(("a", b"1"),)))
    both.set()
    with pytest.raises(StoreReplaced):
        await late
    assert (await store.scan("")).entries
    assert [one.closed for one in opened if isinstance(one, Gone)] == [False]
    await store.close()


async def test_whoever_shares_a_store_is_told_too_that_it_was_replaced() -> None:
    """Else they would go on with what they remember of the one that went away."""
    gone = Gone()

    async def reopen() -> Store:
        return MemoryStore()

    store = ReopeningStore(gone, reopen)
    other = store.share()
    await other.commit(Change(puts=(("a", b"1"),)))
    with pytest.raises(StoreReplaced):
        await store.get("a")
    with pytest.raises(StoreReplaced):
        await other.scan("")
    assert (await other.scan("")).entries == ()
    assert await store.get("a") is None
    assert await store.share().get("a") is None
    await store.close()
