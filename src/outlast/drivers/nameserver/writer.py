"""The writer: one task that carries out updates, in the order in which they came.

It takes the updates that wait, judges each against the zone as the earlier ones would leave it, writes
all that changes as one frame, and only when that is synced makes it true in memory and answers. So what
a client can read is on disk, updates that come together share one sync, and a full disk changes nothing:
the whole group gets SERVFAIL, the refused ones too, since they were judged by changes that never came.

The disk is waited for in a thread; answers go on meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from outlast.drivers.nameserver import frames
from outlast.drivers.nameserver.journal import Journal, NotRolledBack
from outlast.drivers.nameserver.settings import Fact, FactHook, FactKind, NameServerSettings
from outlast.drivers.nameserver.update import Refusal, Update, evaluate
from outlast.drivers.nameserver.wire import Rcode, Type, name_to_text
from outlast.drivers.nameserver.zone import (
    Draft,
    Node,
    Nodes,
    Zone,
    find,
    next_serial,
    with_rrset,
    with_serial,
)

GROUP_MAX = 64
GROUP_CHANGES_MAX = 4096
"""Updates, and single changes, judged in one go: some milliseconds in which no question is answered."""

FOLD_NAMES = 256
FOLD_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """An update that waits, and whom to tell. The reply is None where the outcome is unknown."""

    update: Update
    reply: Callable[[Rcode | None], None]


class Writer:
    """Carries out updates of a set of zones."""

    def __init__(
        self,
        zones: Mapping[bytes, Zone],
        journal: Journal | None,
        settings: NameServerSettings,
        *,
        on_commit: Callable[[bytes, Iterable[bytes]], None],
        on_fact: FactHook,
    ) -> None:
        self._zones = zones
        self._journal = journal
        self._settings = settings
        self._on_commit = on_commit
        self._on_fact = on_fact
        self._queue: deque[Job] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._disk = ThreadPoolExecutor(2, "outlast-nameserver-disk")
        self._fold_at = settings.snapshot_bytes
        self._folding: asyncio.Task[None] | None = None

    def submit(self, job: Job) -> None:
        """Queue an update; where too many wait, it is told at once to try again."""
        if self._closing or len(self._queue) >= self._settings.limits.updates_queued_max:
            job.reply(Rcode.SERVFAIL)
            return
        self._queue.append(job)
        self._wake.set()

    def close(self) -> None:
        """Take no more; `run` ends when what waits is done."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Carry out updates until closed."""
        try:
            while self._queue or not self._closing:
                if not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                await self._carry_out(self._take())
                await self._fold_if_long()
            if self._folding is not None:
                await self._folding
        finally:
            # A fault of our own ends the writer, never silently: its error comes out of `close`, and
            # nobody waits for an answer that will not come.
            self._closing = True
            while self._queue:
                self._queue.popleft().reply(Rcode.SERVFAIL)
            self._disk.shutdown(wait=True)

    def _take(self) -> list[Job]:
        jobs: list[Job] = []
        changes = 0
        while self._queue and len(jobs) < GROUP_MAX and changes < GROUP_CHANGES_MAX:
            jobs.append(self._queue.popleft())
            changes += len(jobs[-1].update.changes) + len(jobs[-1].update.conditions)
        return jobs

    async def _carry_out(self, jobs: list[Job]) -> None:
        drafts = {job.update.apex: Draft(self._zones[job.update.apex]) for job in jobs}
        rcodes: list[Rcode | None] = [self._judge(job, drafts[job.update.apex]) for job in jobs]
        changes = {apex: draft.changed for apex, draft in drafts.items() if draft.changed}
        if changes:
            failure = await self._store(changes)
            if failure is None:
                self._commit(changes)
            else:
                told = None if isinstance(failure, NotRolledBack) else Rcode.SERVFAIL
                rcodes = [told] * len(jobs)
        for job, rcode in zip(jobs, rcodes, strict=True):
            job.reply(rcode)
        await asyncio.sleep(0)

    def _judge(self, job: Job, draft: Draft) -> Rcode:
        update = job.update
        try:
            changes = evaluate(update, draft)
            self._check_room(update.apex, draft, changes)
        except Refusal as refusal:
            detail = f"{name_to_text(update.apex)}: {refusal.rcode.name}: {refusal.why}"
            self._on_fact(Fact(FactKind.UPDATE_REFUSED, detail))
            return refusal.rcode
        if changes:
            for name, node in changes.items():
                draft.put(name, node)
            draft.put(update.apex, _with_next_serial(draft.node(update.apex)))
        return Rcode.NOERROR

    def _check_room(self, apex: bytes, draft: Draft, changes: Nodes) -> None:
        fresh = sum(1 for name, node in changes.items() if node and not draft.node(name))
        room = self._settings.limits.names_max - len(self._zones[apex].nodes)
        if fresh > room:
            raise Refusal(Rcode.REFUSED, "the zone holds as many names as it may")

    async def _store(self, changes: dict[bytes, Nodes]) -> Exception | None:
        if self._journal is None:
            return None
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, self._journal.append, changes)
        except (OSError, NotRolledBack) as error:
            self._on_fact(Fact(FactKind.DISK_FAILED, f"an update could not be written: {error!r}"))
            return error
        return None

    def _commit(self, changes: Mapping[bytes, Nodes]) -> None:
        for apex, nodes in changes.items():
            self._zones[apex].apply(nodes)
            self._on_commit(apex, nodes)

    async def _fold_if_long(self) -> None:
        journal = self._journal
        if journal is None or self._folding is not None:
            return
        if journal.journal_bytes <= max(self._fold_at, journal.snapshot_bytes):
            return
        loop = asyncio.get_running_loop()
        try:
            sequence = await loop.run_in_executor(self._disk, journal.begin)
        except OSError as error:
            self._fold_failed(error, journal)
            return
        picture = {apex: dict(zone.nodes) for apex, zone in self._zones.items()}
        self._folding = asyncio.create_task(self._fold(journal, sequence, picture))

    def _fold_failed(self, error: OSError, journal: Journal) -> None:
        # Twice as long before the next attempt: a full disk must not be written to all the time.
        self._fold_at = 2 * max(self._fold_at, journal.journal_bytes)
        self._on_fact(Fact(FactKind.DISK_FAILED, f"the journal could not be folded: {error!r}"))

    async def _fold(self, journal: Journal, sequence: int, picture: dict[bytes, Nodes]) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, journal.discard)
            pending = bytearray()
            for frame in _snapshot_frames(sequence, picture):
                pending += frame
                if len(pending) >= FOLD_BYTES:
                    write = partial(journal.write_snapshot, bytes(pending), last=False)
                    await loop.run_in_executor(self._disk, write)
                    pending.clear()
                await asyncio.sleep(0)
            write = partial(journal.write_snapshot, bytes(pending), last=True)
            await loop.run_in_executor(self._disk, write)
            await loop.run_in_executor(self._disk, journal.adopt, sequence)
            self._fold_at = self._settings.snapshot_bytes
            names = sum(map(len, picture.values()))
            self._on_fact(Fact(FactKind.SNAPSHOT_WRITTEN, f"{names} names"))
        except OSError as error:
            await loop.run_in_executor(self._disk, journal.discard)
            self._fold_failed(error, journal)
        finally:
            self._folding = None


def _snapshot_frames(sequence: int, picture: Mapping[bytes, Nodes]) -> Iterable[bytes]:
    """Pack whole zones in small frames; an empty one says that nothing is missing."""
    for apex, nodes in picture.items():
        part: Nodes = {}
        for name, node in nodes.items():
            part[name] = node
            if len(part) >= FOLD_NAMES:
                yield frames.pack_frame(sequence, {apex: part})
                part = {}
        if part:
            yield frames.pack_frame(sequence, {apex: part})
    yield frames.pack_frame(sequence, {})


def _with_next_serial(node: Node) -> Node:
    soa = find(node, Type.SOA)
    if soa is None:
        raise LookupError("a zone without SOA")
    serial = int.from_bytes(soa.rdatas[0][-20:-16], "big")
    return with_rrset(node, with_serial(soa, next_serial(serial)))
