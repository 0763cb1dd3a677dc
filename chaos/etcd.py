"""The store on a real etcd of three members: how it is looked into from outside, and how it is broken."""

import asyncio
import random
import signal
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.support.etcd import Cluster, Member

from chaos.drawing import Planned
from chaos.history import Archived, Recorder
from chaos.notdone import Hand, NotDone
from outlast.drivers import entries
from outlast.drivers.stores.etcd.link import Access
from outlast.drivers.stores.etcd.store import EtcdStore
from outlast.model.errors import StoreError
from outlast.ports import Change, Entry

QUOTA_BYTES = 96 * 1024 * 1024
"""Room for a run's plans with all their history, quick to fill."""

FILLING_BYTES = 1_000_000
PATIENCE_S = 3.0

T = TypeVar("T")


@dataclass(slots=True)
class EtcdArchivist:
    """Looks into the store on etcd, on an event loop of its own; the twin of `archive.Archivist`."""

    cluster: Cluster
    recorder: Recorder
    since_ns: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _store: EtcdStore | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(
            target=self._loop.run_forever, daemon=True, name="archivist"
        )
        self._thread.start()

    def look(self) -> bool:
        """Look once; False where the store cannot be read at this moment."""
        with self._lock:  # a look belongs to the store before a restoration, or to the one after it
            at_ns = time.monotonic_ns()
            try:
                plans = [self._plan(one) for one in self.scan("plan/")]
            except StoreError:
                return False
            self.recorder.looked(plans, since_ns=self.since_ns, at_ns=at_ns)
        return True

    def heads(self) -> dict[str, tuple[int, str]]:
        """Return generation and digest of each endpoint's newest plan."""
        newest: dict[str, tuple[int, str]] = {}
        for one in map(self._plan, self.scan("plan/")):
            if one.generation > newest.get(one.endpoint, (0, ""))[0]:
                newest[one.endpoint] = (one.generation, one.digest)
        return newest

    def overrides(self) -> list[tuple[str, str]]:
        """Return kind and scope of each override that the store has."""
        parts = [one.key.split("/") for one in self.scan("override/")]
        return [(part[1], part[2]) for part in parts]

    def copy(self, place: Path) -> None:
        """Write a snapshot, as a nightly backup would."""
        self.cluster.snapshot(place)

    def put(self, copy: Path) -> None:
        """Restore a snapshot. One taken while etcd was full brings its alarm back, and takes no write."""
        with self._lock:
            self.cluster.restore(copy)
            if "NOSPACE" in self.cluster.ctl("alarm", "list").stdout:
                self.empty()
            self.since_ns = time.monotonic_ns()

    def read_asides(self) -> None:
        """Nothing lies aside: what a restoration takes away was looked at just before."""

    def scan(self, prefix: str) -> tuple[Entry, ...]:
        """Return what is below a prefix."""
        return self._run(self._scan(prefix))

    def fill(self) -> int:
        """Write until etcd refuses for want of room; return how many writes that took."""
        return self._run(self._fill())

    def empty(self) -> None:
        """Take the filling out again, and make room, as an operator would."""
        members = self.cluster.members
        self.cluster.ctl("del", "--prefix", "filling", wait_s=20)
        status = self.cluster.ctl("get", "none", "-w", "json").stdout
        revision = status.partition('"revision":')[2].partition(",")[0]
        # Without `--physical` the space is not free yet when the members are defragmented.
        self.cluster.ctl("compact", "--physical=true", revision, wait_s=20)
        for member in members:
            self.cluster.ctl("defrag", at=member, wait_s=20)
        self.cluster.ctl("alarm", "disarm")
        self.cluster.ctl("put", "room", "again")

    def close(self) -> None:
        """Look no longer."""
        if self._store is not None:
            self._run(self._store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, job: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(60)

    async def _open(self) -> EtcdStore:
        if self._store is None:
            access = Access(endpoints=self.cluster.endpoints, patience_s=PATIENCE_S)
            self._store = EtcdStore(access)
        return self._store

    async def _scan(self, prefix: str) -> tuple[Entry, ...]:
        store = await self._open()
        try:
            return (await store.scan(prefix)).entries
        except StoreError:
            self._store = None
            await store.close()
            raise

    async def _fill(self) -> int:
        access = Access(endpoints=self.cluster.endpoints, patience_s=PATIENCE_S)
        store = EtcdStore(access, "filling/")
        try:
            for number in range(2 * QUOTA_BYTES // FILLING_BYTES):
                filling = (f"{number}", bytes(FILLING_BYTES))
                try:
                    await store.commit(Change(puts=(filling,)))
                except StoreError as error:
                    if "quota" in error.what:
                        return number
                    raise NotDone(error.what) from error
        finally:
            await store.close()
        raise NotDone("there was room for everything")

    def _plan(self, entry: Entry) -> Archived:
        head = entries.decode(entries.HEAD, entry)
        plan = head.plan
        found = Archived(
            endpoint=plan.endpoint,
            generation=plan.generation,
            digest=plan.digest,
            origin=plan.origin,
            allowed=head.ruling.allowed,
        )
        self.recorder.plans[found.endpoint, found.generation, found.digest, found.allowed] = found
        return found


class EtcdHands:
    """Breaks the etcd of a run, and mends it."""

    def __init__(self, archivist: EtcdArchivist) -> None:
        self._archivist = archivist
        self._cluster = archivist.cluster

    def hands(self) -> dict[str, Hand]:
        """Each kind with what does it."""
        return {
            "etcd-leader": self._leader,
            "etcd-partition": self._partition,
            "etcd-majority": self._majority,
            "etcd-full": self._full,
        }

    async def _leader(self, planned: Planned, dice: random.Random) -> str:
        del dice
        leader = await asyncio.to_thread(self._cluster.leader)
        await asyncio.to_thread(leader.kill)
        await asyncio.sleep(planned.for_s)
        await asyncio.to_thread(self._cluster.start)
        return f"{leader.name}, for {planned.for_s:.1f} s"

    async def _partition(self, planned: Planned, dice: random.Random) -> str:
        leads = dice.random() < 0.5
        chosen = dice.choice(self._cluster.members)
        member: Member = await asyncio.to_thread(self._cluster.leader) if leads else chosen
        await asyncio.to_thread(self._cluster.cut_off, member)
        await asyncio.sleep(planned.for_s)
        await asyncio.to_thread(self._cluster.reconnect)
        return f"{member.name}, for {planned.for_s:.1f} s"

    async def _majority(self, planned: Planned, dice: random.Random) -> str:
        stopped = dice.sample(self._cluster.members, 2)
        for member in stopped:
            member.signal(signal.SIGSTOP)
        await asyncio.sleep(planned.for_s)
        for member in stopped:
            member.signal(signal.SIGCONT)
        await asyncio.to_thread(self._cluster.wait_ready)
        return f"for {planned.for_s:.1f} s"

    async def _full(self, planned: Planned, dice: random.Random) -> str:
        del dice
        written = await asyncio.to_thread(self._archivist.fill)
        await asyncio.sleep(planned.for_s)
        await asyncio.to_thread(self._archivist.empty)
        return f"{written} MB of ballast, for {planned.for_s:.1f} s"
