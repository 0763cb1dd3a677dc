"""The contract of `ports.Store`, the same for every engine of `tests/support/engines.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.engines import ENGINES, Engine, Etcds, Open

from outlast.drivers.stores import limits
from outlast.model.errors import StoreError, StoreReplaced
from outlast.ports import Change, Store

DEADLINE_S = 20.0
"""How long a test waits for what must come; only a failure takes this long."""


@pytest.fixture(params=ENGINES)
async def opener(
    request: pytest.FixtureRequest, tmp_path: Path, etcds: Etcds
) -> AsyncIterator[Open]:
    """Opens stores on the same data and closes them afterwards."""
    opened: list[Store] = []
    make: Engine = request.param
    engine = make(tmp_path, etcds)

    async def open_store() -> Store:
        opened.append(await engine())
        return opened[-1]

    yield open_store
    for store in opened:
        await store.close()


@pytest.fixture
async def store(opener: Open) -> Store:
    return await opener()


def put(key: str, value: bytes = b"x", *, at: int | None = None) -> Change:
    """Put one key, if it is `at` a revision or, by default, whatever it is at."""
    return Change(requires=() if at is None else ((key, at),), puts=((key, value),))


async def committed(store: Store, change: Change) -> int:
    revision = await store.commit(change)
    assert revision is not None
    return revision


async def content(store: Store) -> dict[str, tuple[bytes, int]]:
    page = await store.scan("")
    return {entry.key: (entry.value, entry.revision) for entry in page.entries}


async def until_waiting(task: asyncio.Task[int]) -> None:
    """Give a task the time to reach its wait: some turns of the loop, and a look at the disk."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.1)
    assert not task.done()


async def test_a_new_store_is_empty_and_at_some_revision_that_the_first_commit_exceeds(
    store: Store,
) -> None:
    page = await store.scan("")
    assert page.entries == ()
    assert await committed(store, put("a")) > page.revision


async def test_a_value_is_read_back_with_the_revision_of_its_commit(store: Store) -> None:
    revision = await committed(store, put("a", b"\x00\xff"))
    entry = await store.get("a")
    assert entry is not None
    assert (entry.key, entry.value, entry.revision) == ("a", b"\x00\xff", revision)
    assert await store.get("b") is None


async def test_revision_zero_means_that_the_key_must_not_exist(store: Store) -> None:
    first = await store.commit(put("a", b"1", at=0))
    assert first is not None
    assert await store.commit(put("a", b"2", at=0)) is None
    assert await content(store) == {"a": (b"1", first)}


async def test_a_stale_revision_is_refused_and_nothing_changes(store: Store) -> None:
    first = await committed(store, put("a", b"1", at=0))
    second = await committed(store, put("a", b"2", at=first))
    assert await store.commit(put("a", b"3", at=first)) is None
    assert await store.commit(put("a", b"3", at=second + 1)) is None
    assert (await store.scan("")).revision == second
    assert await content(store) == {"a": (b"2", second)}


async def test_a_change_of_several_keys_is_all_or_nothing(store: Store) -> None:
    first = await committed(store, Change(puts=(("a", b"1"), ("b", b"1"))))
    refused = Change(
        requires=(("a", first), ("b", first + 7)),
        puts=(("a", b"2"), ("c", b"2")),
        deletes=("b",),
    )
    assert await store.commit(refused) is None
    assert await content(store) == {"a": (b"1", first), "b": (b"1", first)}
    allowed = Change(requires=(("a", first), ("b", first)), puts=(("c", b"2"),), deletes=("b",))
    second = await committed(store, allowed)
    assert await content(store) == {"a": (b"1", first), "c": (b"2", second)}


async def test_a_requirement_may_stand_on_a_key_that_is_not_written(store: Store) -> None:
    lock = await committed(store, put("lock", b"mine"))
    assert await store.commit(Change(requires=(("lock", lock),), puts=(("a", b"1"),))) is not None
    await committed(store, put("lock", b"theirs"))
    assert await store.commit(Change(requires=(("lock", lock),), puts=(("a", b"2"),))) is None


async def test_a_deleted_key_is_absent_and_may_be_made_anew(store: Store) -> None:
    first = await committed(store, put("a"))
    second = await committed(store, Change(requires=(("a", first),), deletes=("a",)))
    assert second > first
    assert await store.get("a") is None
    assert await store.commit(put("a", at=first)) is None
    assert await committed(store, put("a", at=0)) > second


async def test_a_change_that_changes_nothing_returns_the_present_revision(store: Store) -> None:
    first = await committed(store, put("a"))
    assert await store.commit(Change(deletes=("b",))) == first
    assert await store.commit(Change(requires=(("a", first),))) == first
    assert await store.commit(Change()) == first
    assert await store.commit(Change(requires=(("a", first + 1),))) is None


async def test_putting_the_same_value_again_is_a_change(store: Store) -> None:
    first = await committed(store, put("a", b"1"))
    assert await committed(store, put("a", b"1")) > first
    assert await store.commit(put("a", b"1", at=first)) is None


async def test_a_scan_is_in_key_order_and_stays_below_its_prefix(store: Store) -> None:
    keys = ["plan/b", "plan/a", "plan", "plan0", "plan/", "plan/\U0010ffff", "plan/é", "q", "p"]
    for key in keys:
        await committed(store, put(key))
    expected = ["plan/", "plan/a", "plan/b", "plan/é", "plan/\U0010ffff"]
    assert [entry.key for entry in (await store.scan("plan/")).entries] == expected
    assert [entry.key for entry in (await store.scan("")).entries] == sorted(keys)
    assert (await store.scan("nothing")).entries == ()


@pytest.mark.parametrize("last", ["a", "\ud7ff", "\U0010ffff", "%", "_", "'"])
async def test_a_prefix_may_end_in_any_character(store: Store, last: str) -> None:
    inside = [f"k{last}", f"k{last}\U0010ffff", f"k{last}z"]
    for key in [*inside, "k", "l", "k!" if last != "!" else "k#", "k\ue000", "kb"]:
        await committed(store, put(key))
    found = [entry.key for entry in (await store.scan(f"k{last}")).entries]
    assert found == sorted(inside)


async def test_newer_than_returns_what_changed_since_then(store: Store) -> None:
    await committed(store, Change(puts=(("a", b"1"), ("b", b"1"), ("c", b"1"))))
    since = (await store.scan("")).revision
    await committed(store, put("c", b"2"))
    await committed(store, put("a", b"2"))
    await committed(store, Change(deletes=("b",)))
    await committed(store, put("other"))
    page = await store.scan("", newer_than=since)
    assert [entry.key for entry in page.entries] == ["a", "c", "other"]
    assert [entry.key for entry in (await store.scan("c", newer_than=since)).entries] == ["c"]
    assert (await store.scan("", newer_than=page.revision)).entries == ()


async def test_limit_takes_the_first_keys(store: Store) -> None:
    start = (await store.scan("")).revision
    for key in "dbca":
        await committed(store, put(key))
    assert [entry.key for entry in (await store.scan("", limit=2)).entries] == ["a", "b"]
    newer = await store.scan("", newer_than=start + 1, limit=2)
    assert [entry.key for entry in newer.entries] == ["a", "b"]


async def test_a_revision_from_the_future_means_that_the_store_was_replaced(store: Store) -> None:
    revision = await committed(store, put("a"))
    with pytest.raises(StoreReplaced, match=f"revision {revision}.* {revision + 1}"):
        await store.scan("", newer_than=revision + 1)
    with pytest.raises(StoreReplaced):
        async with asyncio.timeout(DEADLINE_S):
            await store.wait(revision + 1)


async def test_wait_returns_at_once_what_is_newer_already(store: Store) -> None:
    before = (await store.scan("")).revision
    revision = await committed(store, put("a"))
    async with asyncio.timeout(DEADLINE_S):
        assert await store.wait(before) == revision


async def test_wait_is_woken_by_a_commit_of_its_own_and_of_another_store(opener: Open) -> None:
    mine, other = await opener(), await opener()
    for writer in (mine, other):
        revision = (await mine.scan("")).revision
        task = asyncio.create_task(mine.wait(revision))
        await until_waiting(task)
        committed_at = await committed(writer, put("a"))
        async with asyncio.timeout(DEADLINE_S):
            assert await task == committed_at


async def test_a_refused_commit_wakes_nobody(store: Store) -> None:
    revision = await committed(store, put("a"))
    task = asyncio.create_task(store.wait(revision))
    assert await store.commit(put("a", at=0)) is None
    await until_waiting(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_wait_leaves_the_others_waiting(store: Store) -> None:
    revision = (await store.scan("")).revision
    tasks = [asyncio.create_task(store.wait(revision)) for _ in range(3)]
    await until_waiting(tasks[1])
    tasks[1].cancel()
    expected = await committed(store, put("a"))
    async with asyncio.timeout(DEADLINE_S):
        assert [await tasks[0], await tasks[2]] == [expected, expected]


@pytest.mark.slow
async def test_no_wake_up_is_lost_between_a_scan_and_a_wait(opener: Open) -> None:
    """A follower that only ever scans what is new and waits sees the last of many commits."""
    writer, reader = await opener(), await opener()
    last = str(200).encode()

    async def write() -> None:
        for number in range(1, 201):
            await committed(writer, put("a", str(number).encode()))

    async def follow() -> None:
        revision, seen = 0, b""
        while seen != last:
            page = await reader.scan("a", newer_than=revision)
            seen = page.entries[0].value if page.entries else seen
            revision = page.revision
            if seen != last:
                await reader.wait(revision)

    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        group.create_task(follow())
        group.create_task(write())


@pytest.mark.slow
async def test_of_many_racing_writers_exactly_one_wins_each_revision(opener: Open) -> None:
    stores = [await opener() for _ in range(3)]
    rounds = 40
    wins: list[int] = []

    async def race(store: Store, name: str) -> None:
        while True:
            entry = await store.get("gen")
            at, number = (entry.revision, int(entry.value.split()[0])) if entry else (0, 0)
            if number >= rounds:
                return
            if await store.commit(put("gen", f"{number + 1} {name}".encode(), at=at)) is not None:
                wins.append(number + 1)

    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for index in range(24):
            group.create_task(race(stores[index % 3], str(index)))
    assert sorted(wins) == list(range(1, rounds + 1))


async def test_concurrent_commits_get_revisions_of_their_own_and_see_earlier_ones(
    store: Store,
) -> None:
    revisions = await asyncio.gather(*(store.commit(put(f"k{i}", at=0)) for i in range(50)))
    assert len(set(revisions)) == 50
    again = await asyncio.gather(*(store.commit(put("same", at=0)) for _ in range(50)))
    assert len([one for one in again if one is not None]) == 1


@pytest.mark.slow
async def test_a_commit_cancelled_anywhere_happened_wholly_or_not_at_all(opener: Open) -> None:
    store, other = await opener(), await opener()
    for turns in range(60):
        before = await content(other)
        pair = f"{turns}".encode()
        task = asyncio.create_task(store.commit(Change(puts=(("a", pair), ("b", pair)))))
        for _ in range(turns % 6):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        marker = await committed(store, put("marker"))
        after = await content(other)
        assert after.pop("marker") == (b"x", marker)
        before.pop("marker", None)
        if after != before:
            assert after["a"] == after["b"]
            assert after["a"][0] == pair


async def test_reopening_keeps_everything_and_the_revision_does_not_go_back(opener: Open) -> None:
    first = await opener()
    await committed(first, Change(puts=(("a", b"1"), ("b", b"2"))))
    revision = await committed(first, Change(deletes=("b",)))
    before = await content(first)
    await first.close()
    second = await opener()
    assert await content(second) == before
    assert (await second.scan("")).revision == revision
    assert await committed(second, put("c")) > revision


async def test_a_closed_store_says_so_and_ends_its_waits(opener: Open) -> None:
    store = await opener()
    task = asyncio.create_task(store.wait((await store.scan("")).revision))
    await until_waiting(task)
    await store.close()
    await store.close()
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(StoreError, match="closed"):
            await task
        for call in (store.get("a"), store.scan(""), store.commit(put("a")), store.wait(0)):
            with pytest.raises(StoreError, match="closed"):
                await call


@pytest.mark.parametrize(
    "change",
    [
        put("k" * limits.KEY_BYTES_MAX, b"v" * limits.VALUE_BYTES_MAX),
        Change(puts=tuple((f"k{i}", b"x") for i in range(limits.KEYS_PER_CHANGE_MAX))),
        Change(requires=tuple((f"k{i}", 0) for i in range(limits.KEYS_PER_CHANGE_MAX))),
        Change(deletes=tuple(f"k{i}" for i in range(limits.KEYS_PER_CHANGE_MAX))),
        put("\U0010ffff", b""),
    ],
)
async def test_what_is_just_within_the_limits_is_taken(store: Store, change: Change) -> None:
    assert await store.commit(change) is not None
    for key, value in change.puts:
        entry = await store.get(key)
        assert entry is not None
        assert entry.value == value


@pytest.mark.parametrize(
    "change",
    [
        put(""),
        put("k" * (limits.KEY_BYTES_MAX + 1)),
        put("\0"),
        put("\ud800"),
        put("k", b"v" * (limits.VALUE_BYTES_MAX + 1)),
        Change(puts=(("a", b"v" * 600_000), ("b", b"v" * 600_000))),
        Change(puts=tuple((f"k{i}", b"x") for i in range(limits.KEYS_PER_CHANGE_MAX + 1))),
        Change(requires=tuple((f"k{i}", 0) for i in range(limits.KEYS_PER_CHANGE_MAX + 1))),
        Change(deletes=tuple(f"k{i}" for i in range(limits.KEYS_PER_CHANGE_MAX + 1))),
    ],
)
async def test_what_exceeds_a_limit_is_refused_with_a_remedy(store: Store, change: Change) -> None:
    with pytest.raises(StoreError, match="refused") as caught:
        await store.commit(change)
    assert caught.value.remedy
    assert await content(store) == {}


@pytest.mark.parametrize(
    "change",
    [
        Change(puts=(("a", b"1"), ("a", b"2"))),
        Change(puts=(("a", b"1"),), deletes=("a",)),
        Change(requires=(("a", 0), ("a", 1)), puts=(("b", b"1"),)),
    ],
)
async def test_a_change_that_contradicts_itself_is_refused(store: Store, change: Change) -> None:
    with pytest.raises(ValueError, match="twice"):
        await store.commit(change)
    assert await content(store) == {}
