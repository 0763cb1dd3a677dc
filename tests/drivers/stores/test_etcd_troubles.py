"""Etcd under its store: members die, are cut off, are restored, are full; and doors that stay shut."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.client_gate import ClientGate, Mode
from tests.support.engines import Etcds, secured_access
from tests.support.etcd import Cluster, running
from tests.support.etcd_secured import BY_CERTIFICATE, PREFIX, USER

from outlast.drivers.stores.etcd.link import Access
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.model.errors import StoreError, StoreReplaced
from outlast.ports import Change

pytestmark = [pytest.mark.servers, pytest.mark.slow]

PATIENCE_S = 8.0


@pytest.fixture
def three() -> Iterator[Cluster]:
    """Three members of this test alone."""
    with running(3) as cluster:
        yield cluster


@contextlib.asynccontextmanager
async def opened(cluster: Cluster, prefix: str = "troubles/") -> AsyncIterator[EtcdStore]:
    way = Access(endpoints=cluster.endpoints, request_s=0.5, patience_s=PATIENCE_S)
    store = await EtcdStore.open(way, prefix)
    try:
        yield store
    finally:
        await store.close()


def put(key: str, value: bytes = b"x") -> Change:
    return Change(puts=((key, value),))


async def count_up(store: EtcdStore, times: int) -> None:
    """Count a number up, so that a commit that is lost or done twice shows."""
    for _ in range(times):
        entry = await store.get("count")
        at, value = (entry.revision, int(entry.value)) if entry else (0, 0)
        change = Change(requires=(("count", at),), puts=(("count", str(value + 1).encode()),))
        assert await store.commit(change) is not None


async def test_the_death_of_the_leader_costs_a_moment_and_no_commit(three: Cluster) -> None:
    async with opened(three) as store:
        await count_up(store, 20)
        counting = asyncio.create_task(count_up(store, 200))
        await asyncio.to_thread(three.leader().kill)
        await counting
        entry = await store.get("count")
        assert entry is not None
        assert entry.value == b"220"


async def test_a_member_that_is_cut_off_or_stands_still_is_left_for_the_others(
    three: Cluster,
) -> None:
    async with opened(three) as store:
        first = three.members[0]
        await count_up(store, 10)
        await asyncio.to_thread(three.cut_off, first)
        await count_up(store, 10)
        assert three.ctl("get", "ready", at=first, check=False).returncode, "it is cut off"
        await asyncio.to_thread(three.reconnect)
        second = three.members[1]
        second.signal(signal.SIGSTOP)
        try:
            await count_up(store, 10)
        finally:
            second.signal(signal.SIGCONT)
        entry = await store.get("count")
        assert entry is not None
        assert entry.value == b"30"


async def test_what_waits_at_a_member_that_is_cut_off_is_woken_by_another(three: Cluster) -> None:
    async with opened(three) as store, opened(three) as other:
        await count_up(other, 1)
        waiting = asyncio.create_task(store.wait((await store.scan("")).revision))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(three.cut_off, three.members[0])
        revision = await other.commit(put("a"))
        async with asyncio.timeout(20):
            assert await waiting == revision


async def test_an_etcd_restored_from_a_snapshot_is_told_and_can_be_opened_anew(
    three: Cluster, tmp_path: Path
) -> None:
    async with opened(three) as store:
        await count_up(store, 5)
        await asyncio.to_thread(three.snapshot, tmp_path / "old.db")
        await count_up(store, 5)
        await asyncio.to_thread(three.restore, tmp_path / "old.db")
        with pytest.raises(StoreReplaced):
            await store.scan("")
        with pytest.raises(StoreReplaced):
            await store.commit(put("a"))
    async with opened(three) as store:
        entry = await store.get("count")
        assert entry is not None
        assert entry.value == b"5"


async def test_a_restored_etcd_that_has_come_further_meanwhile_is_told_by_its_marks(
    tmp_path: Path,
) -> None:
    """Its revision alone looks like progress, to who comes back when all that is over."""
    with running(1) as one, contextlib.closing(ClientGate(one.endpoints[0])) as gate:
        way = Access(endpoints=(gate.address,), request_s=0.5, patience_s=60)
        store = await EtcdStore.open(way, "troubles/")
        try:
            await count_up(store, 3)
            await asyncio.to_thread(one.snapshot, tmp_path / "old.db")
            await count_up(store, 3)
            seen = (await store.scan("")).revision
            waiting = asyncio.create_task(store.wait(seen))
            await store.scan("", newer_than=seen - 1)  # the watch has come so far
            gate.turn(Mode.CUT)
            await asyncio.to_thread(one.restore, tmp_path / "old.db")
            async with opened(one) as other:
                for number in range(30):
                    await other.commit(put(f"other-{number}"))
            gate.turn(Mode.PASS)
            async with asyncio.timeout(60):
                with pytest.raises(StoreReplaced):
                    await waiting
        finally:
            await store.close()


async def test_a_commit_that_a_restoration_took_back_is_missed(tmp_path: Path) -> None:
    """Acknowledged, and gone before a watch had brought it; others have written past it since."""
    with running(1) as one:
        async with opened(one) as store:
            await count_up(store, 3)
            await asyncio.to_thread(one.snapshot, tmp_path / "old.db")
            since = await store.commit(put("a"))
            assert since is not None
            await asyncio.to_thread(one.restore, tmp_path / "old.db")
            async with opened(one) as other:
                for number in range(30):
                    await other.commit(put(f"other-{number}"))
            assert await store.commit(put("b")) is not None
            with pytest.raises(StoreReplaced):
                async with asyncio.timeout(20):
                    await store.scan("", newer_than=since)


async def test_a_commit_does_not_slip_into_a_restored_etcd(tmp_path: Path) -> None:
    """What it requires stands there too; but what its writer has read since does not."""
    with running(1) as one:
        async with opened(one) as store:
            at = await store.commit(put("a", b"old"))
            assert at is not None
            await asyncio.to_thread(one.snapshot, tmp_path / "old.db")
            await store.commit(put("b"))
            await asyncio.to_thread(one.restore, tmp_path / "old.db")
            with pytest.raises(StoreReplaced):
                await store.commit(Change(requires=(("a", at),), puts=(("a", b"new"),)))
        async with opened(one) as other:
            entry = await other.get("a")
            assert entry is not None
            assert (entry.value, entry.revision) == (b"old", at)


async def test_compaction_is_harmless_while_connected() -> None:
    with running(1) as one:
        async with opened(one) as store, opened(one) as other:
            await count_up(other, 5)
            since = (await store.scan("")).revision
            await store.scan("", newer_than=since)
            one.ctl("compact", str(await other.commit(put("a")) or 0))
            page = await store.scan("", newer_than=since)
            assert [entry.key for entry in page.entries] == ["a"]
            newest = await other.commit(put("b"))
            assert await store.wait(since) == newest


async def test_a_full_etcd_refuses_with_a_remedy_and_goes_on_once_there_is_room() -> None:
    with running(1, quota_bytes=16 * 1024 * 1024) as one:
        async with opened(one) as store:

            async def fill() -> None:
                for _ in range(60):
                    await store.commit(put("big", b"v" * 1_000_000))

            with pytest.raises(StoreError, match="quota") as caught:
                await fill()
            assert "defrag" in caught.value.remedy
            assert (await store.get("big")) is not None, "what is there can be read"
            one.ctl("compact", str((await store.scan("")).revision))
            one.ctl("defrag")
            one.ctl("alarm", "disarm")
            await store.commit(put("small"))


async def test_a_wrong_password_no_password_and_a_foreign_prefix_are_refused_in_words(
    etcds: Etcds,
) -> None:
    cluster = etcds.get("secured")
    with pytest.raises(StoreError, match="not this password"):
        await EtcdStore.open(secured_access(cluster, password="wrong"), PREFIX)
    with pytest.raises(StoreError, match="permission denied") as caught:
        await EtcdStore.open(secured_access(cluster), "theirs/")
    assert "grant" in caught.value.remedy
    anybody = Access(endpoints=cluster.endpoints, patience_s=0.5)
    with pytest.raises(StoreError, match="cannot be reached"):
        await EtcdStore.open(anybody, PREFIX)


async def test_a_client_is_known_by_its_certificate_alone(etcds: Etcds) -> None:
    cluster = etcds.get("secured")
    store = await EtcdStore.open(secured_access(cluster, user=""), f"{PREFIX}{BY_CERTIFICATE}/")
    try:
        assert await store.commit(put("a")) is not None
    finally:
        await store.close()
    assert USER not in cluster.user


async def test_no_secret_stands_in_the_representation_of_an_access(etcds: Etcds) -> None:
    shown = repr(secured_access(etcds.get("secured")))
    assert "a secret of this test" not in shown
    assert "PRIVATE" not in shown
