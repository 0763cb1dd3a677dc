"""A commit on etcd whose answer is lost: it is found out what became of it, and it happens once."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.client_gate import ClientGate, Mode
from tests.support.engines import Etcds

from outlast.drivers.stores.etcd.link import Access
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.model.errors import StoreError
from outlast.model.topology import Address
from outlast.ports import Change

pytestmark = [pytest.mark.servers, pytest.mark.slow]

REQUEST_S = 0.4
PATIENCE_S = 3.0


@pytest.fixture
def gate(etcds: Etcds) -> Iterator[ClientGate]:
    """A gate before the etcd of one member."""
    gate = ClientGate(etcds.get("one").endpoints[0])
    with contextlib.closing(gate):
        yield gate


def access(*endpoints: Address) -> Access:
    return Access(endpoints=endpoints, request_s=REQUEST_S, patience_s=PATIENCE_S)


@contextlib.asynccontextmanager
async def opened(way: Access) -> AsyncIterator[EtcdStore]:
    store = await EtcdStore.open(way, "answers/")
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def direct(etcds: Etcds) -> AsyncIterator[EtcdStore]:
    """A store without a gate, to look at what is there."""
    async with opened(access(*etcds.get("one").endpoints)) as store:
        for entry in (await store.scan("")).entries:
            await store.commit(Change(deletes=(entry.key,)))
        yield store


@pytest.fixture
async def behind(
    gate: ClientGate, etcds: Etcds, direct: EtcdStore
) -> AsyncIterator[tuple[EtcdStore, ClientGate]]:
    """A store that reaches etcd through the gate first, and otherwise by a second way."""
    del direct
    endpoints = (gate.address, *etcds.get("one").endpoints)
    async with opened(access(*endpoints)) as store:
        await store.commit(Change(puts=(("begun", b""),)))
        yield store, gate


def put(key: str, value: bytes, at: int | None = None) -> Change:
    return Change(requires=() if at is None else ((key, at),), puts=((key, value),))


async def test_a_commit_whose_answer_is_lost_is_found_and_told_with_its_revision(
    behind: tuple[EtcdStore, ClientGate], direct: EtcdStore
) -> None:
    store, gate = behind
    gate.turn(Mode.MUTE)
    revision = await store.commit(put("a", b"1", at=0))
    entry = await direct.get("a")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"1", revision)


async def test_it_is_found_also_when_others_have_committed_since(
    behind: tuple[EtcdStore, ClientGate], direct: EtcdStore
) -> None:
    store, gate = behind
    before = (await direct.scan("")).revision  # read later, it might hold the commit already
    gate.turn(Mode.MUTE)
    task = asyncio.create_task(store.commit(put("a", b"1", at=0)))
    await direct.wait(before)
    entry = await direct.get("a")
    assert entry is not None
    for number in range(5):
        await direct.commit(put("a", b"theirs %d" % number))
    assert await task == entry.revision


async def test_a_commit_that_never_arrived_is_sent_again_and_happens_once(
    behind: tuple[EtcdStore, ClientGate], direct: EtcdStore
) -> None:
    store, gate = behind
    gate.turn(Mode.HOLD)
    revision = await store.commit(put("a", b"1", at=0))
    assert gate.held.is_set()
    gate.turn(Mode.PASS)  # the first copy arrives after all
    await direct.commit(put("after", b""))
    entry = await direct.get("a")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"1", revision)


async def test_an_abandoned_write_that_arrives_late_does_not_overtake_a_newer_one(
    behind: tuple[EtcdStore, ClientGate], direct: EtcdStore
) -> None:
    """Nothing but the session refuses it: the write requires no revision."""
    store, gate = behind
    gate.turn(Mode.HOLD)
    older = asyncio.create_task(store.commit(put("vote", b"old")))
    await asyncio.to_thread(gate.held.wait, 5)
    gate.seal()
    older.cancel()
    with pytest.raises(asyncio.CancelledError):
        await older
    newer = await store.commit(put("vote", b"new"))
    gate.turn(Mode.PASS)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        entry = await direct.get("vote")
        assert entry is not None
        assert (entry.value, entry.revision) == (b"new", newer)


async def test_a_refused_commit_whose_answer_is_lost_is_told_as_refused(
    behind: tuple[EtcdStore, ClientGate], direct: EtcdStore
) -> None:
    store, gate = behind
    await direct.commit(put("a", b"theirs"))
    gate.turn(Mode.MUTE)
    assert await store.commit(put("a", b"mine", at=0)) is None


async def test_with_no_way_left_the_outcome_is_told_to_be_open_in_time(
    gate: ClientGate, direct: EtcdStore
) -> None:
    async with opened(access(gate.address)) as store:
        await store.commit(put("a", b"1"))
        gate.turn(Mode.MUTE)
        before = time.monotonic()
        with pytest.raises(StoreError, match="cannot be reached"):
            await store.commit(put("a", b"2"))
        assert time.monotonic() - before < 3 * PATIENCE_S
        gate.turn(Mode.CUT)
        with pytest.raises(StoreError, match="cannot be reached"):
            await store.get("a")
        gate.turn(Mode.PASS)
        found = await store.get("a")
        assert found == await direct.get("a"), "it goes on by itself"


async def test_whoever_waits_is_told_that_etcd_is_gone(gate: ClientGate) -> None:
    async with opened(access(gate.address)) as store:
        waiting = asyncio.create_task(store.wait((await store.scan("")).revision))
        await asyncio.sleep(0.2)
        gate.turn(Mode.CUT)
        async with asyncio.timeout(4 * PATIENCE_S):
            with pytest.raises(StoreError, match="cannot be reached"):
                await waiting


async def test_a_silent_watch_is_left_for_one_that_speaks(
    behind: tuple[EtcdStore, ClientGate], direct: EtcdStore
) -> None:
    """The connection stands and nothing comes through it, as behind a firewall that forgot it."""
    store, gate = behind
    revision = (await store.scan("")).revision
    waiting = asyncio.create_task(store.wait(revision))
    await asyncio.sleep(0.2)
    gate.turn(Mode.MUTE)
    committed = await direct.commit(put("a", b"1"))
    async with asyncio.timeout(20):
        assert await waiting == committed
    page = await store.scan("", newer_than=revision)
    assert [one.key for one in page.entries] == ["a"]


async def test_an_ended_session_is_begun_anew(etcds: Etcds) -> None:
    """A process that stood still for longer than its lease goes on as if nothing had been."""
    cluster = etcds.get("one")
    async with opened(access(*cluster.endpoints)) as store:
        await store.commit(put("a", b"1"))
        for lease in cluster.ctl("lease", "list").stdout.split()[3:]:
            cluster.ctl("lease", "revoke", lease)
        assert await store.commit(put("a", b"2")) is not None
