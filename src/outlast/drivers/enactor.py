"""Enactor: carries the commands of `core.enact` out and feeds what happens back in.

Several enactors work independently; any of them may die, stall or be cut off. To keep them from doing
each other's work, each endpoint has an order of enactors, drawn from its name: the first acts at once,
the next ones `takeover_s` later each, if it is still not done. That saves work and nothing else. Safety
lies in the condition of each write, and two enactors on one endpoint are an ordinary day.

Every endpoint is also read and compared again each `verify_interval_s`: what a foreign hand did is found
and mended here.
"""

import asyncio
import heapq
import threading
import zlib
from collections.abc import Mapping
from functools import partial

from outlast.core import bounds, enact
from outlast.core.messages import (
    Confirm,
    EnactCommand,
    EnactEvent,
    FetchNewest,
    Newest,
    Read,
    ReadFailed,
    ReadProvider,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.drivers.entries import EndpointRow, Found
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.gather import GatheringProvider
from outlast.drivers.lastgood import LastGoodFile
from outlast.drivers.ledger import Ledger
from outlast.drivers.storewatch import StoreWatch
from outlast.drivers.witness import Witness
from outlast.model.errors import Bug, ProviderError, StoreError
from outlast.model.fence import Fence
from outlast.model.names import EnactorName, EndpointName, ProviderName
from outlast.model.plan import DriftKind, Layout, Outcome, OutcomeKind, Plan, Receipt
from outlast.model.shares import Share
from outlast.model.topology import Settings
from outlast.model.units import as_seconds, seconds
from outlast.ports import Clock, Provider

AT_ONCE = 64
"""Endpoints worked on at the same time: Knot answers after a 10 ms timer, so send many, not fast."""

VERIFY_RATE_MAX = 200
"""Endpoints that one enactor reads again each second, at most. Each reading is some eight questions: without
a bound 100,000 endpoints each five seconds would be 160,000 questions a second, and no time to publish."""

STORE_RETRY_S = 0.5
FLUSH_S = 0.1
"""How often the last-known-good file is written, at most; the first news of a quiet time at once. Were it
late, all enactors killed just after a publication, and the name wiped, would be rescued with the content,
and perhaps the number, of the publication before."""


class Enactor:
    """One enactor. `run` works until it is cancelled; what it wrote stays."""

    def __init__(
        self,
        name: EnactorName,
        *,
        share: Share,
        settings: Settings,
        ledger: Ledger,
        providers: Mapping[ProviderName, Provider],
        last_good: LastGoodFile,
        witness: Witness,
        clock: Clock,
        tell: Tell,
    ) -> None:
        self.name = name
        self._share = share
        self._settings = settings
        self._ledger = ledger
        self._providers = {key: GatheringProvider(one) for key, one in providers.items()}
        self._last_good = last_good
        self._witness = witness
        self._clock = clock
        self._tell = tell
        self._states: dict[EndpointName, enact.State] = {}
        self._layouts: dict[EndpointName, Layout] = {}
        self._receipts: dict[EndpointName, Fence] = {}
        self._kept: dict[EndpointName, Fence] = {}
        self._reported: dict[EndpointName, tuple[DriftKind, str]] = {}
        self._lost_providers: dict[ProviderName, str] = {}
        self._due: dict[EndpointName, int] = {}
        self._heap: list[tuple[int, EndpointName]] = []
        self._working: dict[EndpointName, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._unsaved = asyncio.Event()
        self._flushing = threading.Lock()

    @property
    def states(self) -> Mapping[EndpointName, enact.State]:
        """Where it stands with each endpoint, for people."""
        return self._states

    def receipt(self, endpoint: EndpointName) -> Fence | None:
        """Return the fence that was last confirmed to stand, by itself or by a peer."""
        return self._receipts.get(endpoint)

    @property
    def doing(self) -> str:
        """One line for people."""
        lost = "; ".join(f"{name}: {why}" for name, why in sorted(self._lost_providers.items()))
        return (
            f"{len(self._working)} of {len(self._layouts)} endpoints in work, "
            f"each verified every {self.sweep_s:g} s{lost and '; '}{lost}"
        )

    @property
    def disagreeing(self) -> int:
        """How many endpoints are answered differently by a secondary, each counted once a server."""
        return self._witness.disagreeing

    @property
    def sweep_s(self) -> float:
        """How long it takes to verify everything once: the interval asked for, or as long as it must."""
        return max(self._settings.verify_interval_s, len(self._layouts) / VERIFY_RATE_MAX)

    async def run(self) -> None:
        """Enact until cancelled."""
        self._tell(Fact(event=Event.STARTED, role=self.name))
        loaded = await asyncio.to_thread(self._last_good.load)
        self._kept = {name: one.fence for name, one in loaded.entries.items()}
        for problem in loaded.problems:
            self._tell(Fact(event=Event.LAST_GOOD_FAILED, role=self.name, detail=str(problem)))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._dispatch())
                group.create_task(self._flush())
        finally:
            for task in self._working.values():
                task.cancel()
            await asyncio.gather(*self._working.values(), return_exceptions=True)
            await asyncio.to_thread(self.flush)

    async def drive(self, layout: Layout) -> None:
        """Take one endpoint up now and drive it until it rests; for commands that end."""
        self._layouts[layout.endpoint] = layout
        await self._work(layout.endpoint)

    def flush(self) -> bool:
        """Write the last-known-good file; a failure is told and changes nothing else."""
        # A cancelled wait leaves its thread writing; the last one waits for it.
        with self._flushing:
            problem = self._last_good.flush()
        if problem is not None:
            fact = Fact(event=Event.LAST_GOOD_FAILED, role=self.name, detail=str(problem))
            self._tell(fact)
        return problem is None

    # what to do, and when

    async def _watch(self) -> None:
        """Follow the ledger: a newer plan is due now or, if it is a peer's turn, a little later."""
        revision, store = 0, StoreWatch(self._tell, self.name)
        while True:
            try:
                rows, seen = await self._ledger.rows(newer_than=revision)
                # First of all how many there are: that decides how often each can be verified.
                for row in rows:
                    self._place(row)
                for row in rows:
                    if row.endpoint in self._layouts:
                        self._take_row(row)
                revision = await self._ledger.wait(seen) and seen
                store.back()
            except StoreError as error:
                store.lost(error)
                revision = 0
                await asyncio.sleep(STORE_RETRY_S)

    def _place(self, row: EndpointRow) -> None:
        """Take an endpoint up, or leave it to the enactors of the cell that it is in now."""
        if row.head is None:
            return
        layout = row.head.plan.layout
        if self._share.reach.covers(layout.cell):
            self._layouts[row.endpoint] = layout
        else:
            self._layouts.pop(row.endpoint, None)

    def _take_row(self, row: EndpointRow) -> None:
        now_ns = self._clock.now_ns()
        if row.receipt is not None:
            self._receipts[row.endpoint] = row.receipt.fence
        if row.head is None:
            return
        plan = row.head.plan
        known = self._receipts.get(row.endpoint)
        if known is not None and known.generation >= plan.generation:
            self._schedule(row.endpoint, self._next_look_ns(row.endpoint, now_ns, spread=True))
            return
        wait_s = self._share.rank(self.name, plan.layout) * self._settings.takeover_s
        self._schedule(row.endpoint, now_ns + seconds(wait_s), sooner=True)

    def _next_look_ns(self, endpoint: EndpointName, now_ns: int, *, spread: bool = False) -> int:
        """When to verify next. After a start everything would be due at once, so it is spread out."""
        asked_s, sweep_s = self._settings.verify_interval_s, self.sweep_s
        place = zlib.crc32(endpoint.encode()) / 2**32 if spread else 1.0
        rank = self._share.rank(self.name, self._layouts[endpoint])
        return now_ns + seconds((asked_s + (sweep_s - asked_s) * place) * (1 + rank))

    def _schedule(self, endpoint: EndpointName, at_ns: int, *, sooner: bool = False) -> None:
        known = self._due.get(endpoint)
        if sooner and known is not None and known <= at_ns:
            return
        self._due[endpoint] = at_ns
        heapq.heappush(self._heap, (at_ns, endpoint))
        self._changed.set()

    async def _dispatch(self) -> None:
        """Start whatever is due, at most `AT_ONCE` endpoints at a time."""
        while True:
            now_ns = self._clock.now_ns()
            while self._heap and self._heap[0][0] <= now_ns and len(self._working) < AT_ONCE:
                at_ns, endpoint = heapq.heappop(self._heap)
                if self._due.get(endpoint) != at_ns or endpoint in self._working:
                    continue
                del self._due[endpoint]
                if endpoint not in self._layouts:  # released, or of another cell since
                    continue
                task = asyncio.create_task(self._work(endpoint))
                self._working[endpoint] = task
                task.add_done_callback(partial(self._done, endpoint))
            wait_s = as_seconds(self._heap[0][0] - now_ns) if self._heap else None
            if len(self._working) >= AT_ONCE:
                wait_s = None
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _done(self, endpoint: EndpointName, task: asyncio.Task[None]) -> None:
        self._working.pop(endpoint, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            fact = Fact(event=Event.BUG, role=self.name, subject=endpoint, detail=repr(error))
            self._tell(fact)
        # What fell due while it was worked on was passed over then: its turn comes now.
        due_ns = self._due.pop(endpoint, None)
        if due_ns is None and endpoint in self._layouts:
            due_ns = self._next_look_ns(endpoint, self._clock.now_ns())
        if due_ns is not None:
            self._schedule(endpoint, due_ns)
        self._changed.set()

    async def _flush(self) -> None:
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            if not await asyncio.to_thread(self.flush):
                self._unsaved.set()
            await asyncio.sleep(FLUSH_S)

    # one endpoint

    async def _work(self, endpoint: EndpointName) -> None:
        """Drive one endpoint's machine until it rests."""
        state = self._states.get(endpoint) or enact.State(
            enactor=self.name,
            layout=self._layouts[endpoint],
            seen=self._last_good.highest(endpoint),
        )
        woken = Woken(layout=self._layouts[endpoint], at_ns=self._clock.now_ns())
        events: list[EnactEvent] = [woken]
        try:
            while events:
                state, commands = enact.step(state, events.pop(0))
                self._states[endpoint] = state
                for command in commands:
                    event = await self._carry_out(state, command)
                    if event is not None:
                        events.append(event)
            if state.seen > self._last_good.highest(endpoint):
                self._last_good.saw(state.layout, state.seen)
                self._unsaved.set()
        except StoreError:
            # No plan can be chosen without the store. Nothing was written; what stands, stays. Whoever
            # watches the store tells that it is lost, once.
            self._give_up(endpoint, state)
        except Bug as error:
            self._give_up(endpoint, state)
            self._tell_about(state, Event.BUG, error.what)

    def _give_up(self, endpoint: EndpointName, state: enact.State) -> None:
        fresh = enact.State(enactor=self.name, layout=state.layout, seen=state.seen)
        self._states[endpoint] = fresh
        self._schedule(endpoint, self._clock.now_ns() + seconds(STORE_RETRY_S))

    async def _carry_out(self, state: enact.State, command: EnactCommand) -> EnactEvent | None:
        match command:
            case ReadProvider(layout=layout):
                return await self._read(layout)
            case FetchNewest(endpoint=endpoint):
                row = await self._ledger.row(endpoint)
                if row.head is None:  # released: nothing to look after any more
                    self._layouts.pop(endpoint, None)
                newest = Newest(
                    plan=row.head.plan if row.head is not None else None,
                    confirmed=row.confirmed,
                    nonce=self._clock.nonce(),
                    at_ns=self._clock.now_ns(),
                )
                return bounds.within(self._share.reach, newest)
            case Write(transaction=transaction):
                provider = self._providers.get(state.layout.provider)
                if provider is None:
                    outcome = Outcome(kind=OutcomeKind.REJECTED, detail="provider not configured")
                else:
                    outcome = await provider.write(transaction)
                if outcome.kind is OutcomeKind.REFUSED:
                    self._tell_about(state, Event.RACE_LOST, outcome.detail)
                return Wrote(outcome=outcome, at_ns=self._clock.now_ns())
            case Confirm(receipt=receipt):
                await self._confirm(command, receipt)
            case ReportDrift():
                await self._report(command)
            case RetryAt(at_ns=at_ns):
                self._schedule(state.layout.endpoint, at_ns)
        return None

    async def _read(self, layout: Layout) -> Read | ReadFailed:
        provider = self._providers.get(layout.provider)
        if provider is None:
            detail = f"provider {layout.provider} is not in the topology"
            return ReadFailed(detail=detail, at_ns=self._clock.now_ns())
        try:
            observation = await provider.read(layout)
        except ProviderError as error:
            if layout.provider not in self._lost_providers:
                self._tell_provider(Event.PROVIDER_LOST, layout.provider, error.what)
            self._lost_providers[layout.provider] = error.what
            return ReadFailed(detail=error.what, at_ns=self._clock.now_ns())
        if self._lost_providers.pop(layout.provider, None) is not None:
            self._tell_provider(Event.PROVIDER_BACK, layout.provider, "")
        return Read(observation=observation, at_ns=self._clock.now_ns())

    async def _confirm(self, command: Confirm, receipt: Receipt) -> None:
        endpoint = receipt.endpoint
        reported = self._reported.pop(endpoint, None)
        self._keep(command.plan, receipt)
        if self._receipts.get(endpoint) == receipt.fence:
            self._tell(Fact(event=Event.VERIFIED, role=self.name, subject=endpoint))
            if reported is not None:
                await self._ledger.settle(endpoint)
            await self._witness.look(command.plan)
            return
        if receipt.fence.writer == self.name:  # else somebody else wrote it, and tells it too
            fact = Fact(
                event=Event.HEALED if receipt.healed else Event.PUBLISHED,
                role=self.name,
                subject=endpoint,
                detail=receipt.healed or str(command.plan),
                generation=receipt.fence.generation,
                took_s=as_seconds(receipt.took_ns),
            )
            self._tell(fact)
        await self._ledger.confirm(receipt)
        self._receipts[endpoint] = receipt.fence

    def _keep(self, plan: Plan, receipt: Receipt) -> None:
        """Remember what stands, whoever wrote it: one enactor's file alone must do for a rescue."""
        if self._kept.get(receipt.endpoint) == receipt.fence:
            return
        self._kept[receipt.endpoint] = receipt.fence
        self._last_good.remember(plan, receipt.fence, receipt.at_ns)
        self._unsaved.set()

    async def _report(self, command: ReportDrift) -> None:
        """Write a drift down, once for as long as it stays the same."""
        drift = command.drift
        if self._reported.get(drift.endpoint) == (drift.kind, drift.message):
            return
        self._reported[drift.endpoint] = (drift.kind, drift.message)
        detail = f"{drift.kind}: {drift.message}"
        self._tell(Fact(event=Event.DRIFT, role=self.name, subject=drift.endpoint, detail=detail))
        if drift.kind is not DriftKind.UNREACHABLE:
            found = Found(drift=drift, observation=command.observation, seen=command.seen)
            await self._ledger.report(found)

    def _tell_about(self, state: enact.State, event: Event, detail: str) -> None:
        subject = state.layout.endpoint
        self._tell(Fact(event=event, role=self.name, subject=subject, detail=detail))

    def _tell_provider(self, event: Event, provider: ProviderName, detail: str) -> None:
        self._tell(Fact(event=event, role=self.name, subject=provider, detail=detail))
