"""Planner: carries the commands of `core.loop` out and feeds what happens back in.

One machine an endpoint. News comes from the ledger (votes, overrides, heads, receipts, findings), from
the clock, and from the topology file; each turn gathers what is there and steps only the endpoints that
it concerns. With 100,000 endpoints a sick target costs one step.

If the store cannot be reached the planner waits and changes nothing: no plan is a frozen world, not an
empty one.
"""

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Mapping

from outlast.core import loop
from outlast.core.messages import (
    Announce,
    CommitLost,
    CommitPlan,
    Confirmed,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Observed,
    OverridesChanged,
    PlaceFreeze,
    Ticked,
    TopologyChanged,
    WakeAt,
)
from outlast.drivers.cellkeeper import CellKeeper
from outlast.drivers.cleaner import Cleaner
from outlast.drivers.entries import EndpointRow
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.firstlook import FirstLook
from outlast.drivers.ledger import Ledger
from outlast.drivers.revisions import Revisions
from outlast.drivers.storewatch import StoreWatch
from outlast.drivers.subjects import Subjects
from outlast.drivers.wellness import Wellness
from outlast.model.errors import StoreError
from outlast.model.names import EndpointName, ProviderName, VantageName
from outlast.model.override import Override
from outlast.model.topology import Endpoint, Topology
from outlast.model.units import NO_GENERATION, Generation, Nanos, as_seconds, iso, seconds
from outlast.ports import Clock, Provider

ROLE = "planner"
STORE_RETRY_S = 0.5
COMMANDS_AT_ONCE = 256
"""Commands that wait for the store together; it syncs once for all of them."""

STEPS_AT_ONCE = 500
"""Endpoints stepped before others in the process get their turn: some tenth of a second."""

LOOK_AGAIN_S = 1.0
"""How often the age of evidence is looked at while nothing else happens."""


class Planner:
    """The planner of one topology. `run` works until it is cancelled."""

    def __init__(
        self,
        topology: Topology,
        *,
        ledger: Ledger,
        providers: Mapping[ProviderName, Provider],
        clock: Clock,
        tell: Tell,
    ) -> None:
        self._topology = topology
        self.ledger = ledger
        self._clock = clock
        self._tell = tell
        self._states: dict[EndpointName, loop.State] = {}
        self._endpoints: dict[EndpointName, Endpoint] = {}
        self._subjects = Subjects()
        self._cells = CellKeeper(topology)
        self._recalled: set[EndpointName] = set()
        self._returned: set[EndpointName] = set()
        self._overrides: tuple[Override, ...] = ()
        self._wellness = Wellness(topology.settings)
        self._cleaner = Cleaner(ledger, kept=topology.settings.plans_kept, role=ROLE, tell=tell)
        self._revisions = Revisions()
        self._gathered = False
        self._events: dict[EndpointName, list[LoopEvent]] = defaultdict(list)
        self._wakes: list[tuple[int, EndpointName]] = []
        self._news = asyncio.Event()
        self._first = FirstLook(
            providers,
            clock,
            states=lambda: self._states,
            hear=self._hear,
            role=ROLE,
            tell=tell,
        )

    @property
    def states(self) -> Mapping[EndpointName, loop.State]:
        """What the planner knows, for people."""
        return self._states

    @property
    def sick(self) -> Mapping[VantageName, str]:
        """The vantages that count as sick, with the reason."""
        return self._wellness.sick

    def cells(self) -> list[str]:
        """What was taken away lately in each cell that has a budget, for people."""
        return self._cells.lines(self._clock.now_ns())

    def change_topology(self, topology: Topology) -> None:
        """Go on with another topology, which was validated as a whole."""
        known = {one.name: one for one in self._topology.endpoints}
        named = {one.name for one in topology.endpoints}
        self._topology = topology
        now_ns = self._clock.now_ns()
        if self._cells.change(topology):
            for name in known:
                self._events[name].append(Ticked(at_ns=now_ns))
        for name in sorted(known.keys() - named):
            self._events[name].append(
                TopologyChanged(
                    endpoint=None, provider=None, settings=topology.settings, at_ns=now_ns
                )
            )
        for endpoint in topology.endpoints:
            if known.get(endpoint.name) != endpoint:
                self._meet(endpoint, now_ns)
        self._returned |= self._states.keys() & (named - known.keys())
        self._news.set()

    async def run(self) -> None:
        """Plan until cancelled."""
        self._tell(Fact(event=Event.STARTED, role=ROLE, detail=f"{len(self._topology.endpoints)}"))
        now_ns = self._clock.now_ns()
        if self._gathered:  # it stood by meanwhile, and others planned
            self._start_over()
        for endpoint in self._topology.endpoints:
            self._meet(endpoint, now_ns)
        store = StoreWatch(self._tell, ROLE)
        while True:
            try:
                await self.turn()
                store.back()
                await self._wait()
            except StoreError as error:
                store.lost(error)
                self._start_over()
                await asyncio.sleep(STORE_RETRY_S)

    async def turn(self) -> None:
        """Gather what is there and step whom it concerns."""
        await self._gather()
        now_ns = self._clock.now_ns()
        while self._wakes and self._wakes[0][0] <= now_ns:
            _, name = heapq.heappop(self._wakes)
            self._events[name].append(Ticked(at_ns=now_ns))
        # What a cell lost lately must be known before its first endpoint is judged.
        for name in sorted(self._recalled):
            state = self._cells.prepare(name, self._state_of(name), now_ns)
            self._cells.count(loop.recall(state, *self._events[name]))
        self._recalled.clear()
        while self._events:
            events, self._events = self._events, defaultdict(list)
            asked: list[tuple[EndpointName, LoopCommand | None]] = []
            for at, (name, mine) in enumerate(events.items(), start=1):
                asked += self._step(name, mine)
                if len(asked) >= COMMANDS_AT_ONCE:
                    asked = await self._carry_out_all(asked)
                if at % STEPS_AT_ONCE == 0:
                    await asyncio.sleep(0)  # a start with 100,000 must not hold up the probes
            await self._carry_out_all(asked)

    def _start_over(self) -> None:
        """Forget what the store said, for it may have gone back in time; keep how far it had come."""
        now_ns = self._clock.now_ns()
        self._states = {
            name: loop.State(seen=state.newest, observed=state.observed, since_ns=state.since_ns)
            for name, state in self._states.items()
        }
        self._cleaner.forget()
        self._events.clear()
        self._revisions = Revisions()
        self._gathered = False
        for endpoint in self._topology.endpoints:
            self._meet(endpoint, now_ns)

    # gathering

    def _meet(self, endpoint: Endpoint, now_ns: Nanos) -> None:
        self._endpoints[endpoint.name] = endpoint
        self._subjects.meet(endpoint)
        self._cells.meet(endpoint)
        known = TopologyChanged(
            endpoint=endpoint,
            provider=self._topology.provider(endpoint.provider),
            settings=self._topology.settings,
            at_ns=now_ns,
        )
        self._events[endpoint.name] += [known, self._overridden(now_ns)]

    def _overridden(self, now_ns: Nanos) -> OverridesChanged:
        return OverridesChanged(overrides=self._overrides, at_ns=now_ns)

    async def _gather(self) -> None:
        now_ns = self._clock.now_ns()
        first, self._gathered = not self._gathered, True
        rows, self._revisions.rows = await self.ledger.rows(newer_than=self._revisions.rows)
        for name in sorted(self._returned):
            if (await self.ledger.row(name)).head is None:
                self._states[name] = loop.State()  # released: what stands there may be anybody's
        self._returned.clear()
        for row in rows:
            await self._take_row(row, now_ns, first=first)
        overrides, self._revisions.overrides = await self.ledger.overrides(
            newer_than=self._revisions.overrides
        )
        if overrides is not None:
            self._overrides = tuple(overrides)
            for name in self._subjects.owners(None):
                self._events[name].append(self._overridden(now_ns))
        views, self._revisions.views = await self.ledger.views(newer_than=self._revisions.views)
        votes, self._revisions.votes = await self.ledger.votes(newer_than=self._revisions.votes)
        before = dict(self._wellness.sick)
        changed = self._wellness.hear(views, votes, now_ns)
        self._tell_sick(before)
        for name in sorted(self._subjects.owners(changed)):
            self._events[name].append(Ticked(at_ns=now_ns))

    def _tell_sick(self, before: Mapping[VantageName, str]) -> None:
        after = self._wellness.sick
        for name in sorted(after.keys() - before.keys()):
            fact = Fact(event=Event.VANTAGE_SICK, role=ROLE, subject=name, detail=after[name])
            self._tell(fact)
        for name in sorted(before.keys() - after.keys()):
            self._tell(Fact(event=Event.VANTAGE_WELL, role=ROLE, subject=name))

    def _state_of(self, name: EndpointName) -> loop.State:
        return self._states.get(name) or loop.State()

    def _known(self, name: EndpointName) -> Generation:
        head = self._state_of(name).head
        return head.generation if head is not None else NO_GENERATION

    async def _take_row(self, row: EndpointRow, now_ns: Nanos, *, first: bool) -> None:
        row.check_not_older(self._known(row.endpoint), whole=False)
        events = self._events[row.endpoint]
        if row.head is not None:
            if first and row.endpoint in self._subjects:
                await self._recall(row, now_ns)
            events.append(HeadChanged(plan=row.head.plan, at_ns=now_ns))
        if row.receipt is not None:
            events.append(Confirmed(receipt=row.receipt, at_ns=now_ns))
        if row.found is not None and row.found.observation is not None:
            observation = row.found.observation
            events.append(Observed(observation=observation, seen=row.found.seen, at_ns=now_ns))
        if not first:  # after a start the archives are looked at one by one, as endpoints change
            await self._cleaner.take(row)

    async def _recall(self, row: EndpointRow, now_ns: Nanos) -> None:
        """After a start: what was taken away within the budget's window is in the archived plans."""
        endpoint = self._endpoints[row.endpoint]
        since_ns = now_ns - seconds(endpoint.budget.window_s)
        if row.head is None or row.head.plan.made_at_ns < since_ns:
            return
        self._recalled.add(row.endpoint)
        for head in await self.ledger.plans(row.endpoint):
            if head.plan.generation < row.head.plan.generation:
                self._events[row.endpoint].append(HeadChanged(plan=head.plan, at_ns=now_ns))

    def _hear(self, name: EndpointName, event: Observed) -> None:
        self._events[name].append(event)
        self._news.set()

    async def _wait(self) -> None:
        """Wait for news from the ledger, the clock or ourselves, whichever is first."""
        due_s = LOOK_AGAIN_S
        if self._wakes:
            due_s = min(due_s, max(0.0, as_seconds(self._wakes[0][0] - self._clock.now_ns())))
        watch = asyncio.ensure_future(self._watch())
        try:
            async with asyncio.timeout(due_s):
                await self._news.wait()
        except TimeoutError:
            pass
        finally:
            watch.cancel()
            failed = (await asyncio.gather(watch, return_exceptions=True))[0]
        self._news.clear()
        if isinstance(failed, StoreError):
            raise failed

    async def _watch(self) -> None:
        try:
            await self.ledger.wait(self._revisions.oldest)
        finally:
            self._news.set()

    # stepping

    def _step(
        self, name: EndpointName, events: list[LoopEvent]
    ) -> list[tuple[EndpointName, LoopCommand | None]]:
        """Step one endpoint; return what it asks for, None: that its last refusal is forgotten."""
        now_ns = self._clock.now_ns()
        health = []
        for subject in self._subjects.of(name):
            one, changed = self._wellness.judge(subject, now_ns)
            health.append(one)
            if changed:
                detail = f"{one.verdict}: {'; '.join(str(vote) for vote in one.votes)}"
                self._tell(Fact(event=Event.HEALTH, role=ROLE, subject=subject, detail=detail))
        sick = tuple(sorted(self._wellness.sick))
        heard = HealthChanged(health=tuple(health), sick=sick, at_ns=now_ns)
        before = self._cells.prepare(name, self._state_of(name), now_ns)
        blocked = before.announced is not None
        try:
            state, commands = loop.step(before, heard, *events)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other endpoints are planned
            self._tell(Fact(event=Event.BUG, role=ROLE, subject=name, detail=repr(error)))
            return []
        self._states[name] = state
        self._cells.count(state)
        self._first.look(name)
        unblocked = [(name, None)] if blocked and state.announced is None else []
        return [*unblocked, *((name, one) for one in commands)]

    async def _carry_out_all(
        self, asked: list[tuple[EndpointName, LoopCommand | None]]
    ) -> list[tuple[EndpointName, LoopCommand | None]]:
        """Carry out what several endpoints ask for, each one's in order; the store commits it together.

        Returns:
            Nothing: what is left to do.
        """
        by_name: dict[EndpointName, list[LoopCommand | None]] = defaultdict(list)
        for name, command in asked:
            by_name[name].append(command)

        async def carry_out(name: EndpointName, commands: list[LoopCommand | None]) -> None:
            for command in commands:
                if command is None:
                    await self.ledger.unblock(name)
                else:
                    await self._carry_out(name, command)

        work = (carry_out(name, commands) for name, commands in by_name.items())
        # All of them come to an end before a failure of one is told: none may go on behind our back.
        for failed in await asyncio.gather(*work, return_exceptions=True):
            if failed is not None:
                raise failed
        return []

    async def _carry_out(self, name: EndpointName, command: LoopCommand) -> None:
        match command:
            case CommitPlan():
                await self._commit(name, command)
            case Announce():
                reasons = "; ".join(one.message for one in command.ruling.findings)
                fact = Fact(
                    event=Event.BLOCKED,
                    role=ROLE,
                    subject=name,
                    detail=reasons,
                    generation=command.plan.generation,
                )
                self._tell(fact)
                await self.ledger.block(command)
            case PlaceFreeze(freeze=freeze):
                until = f" until {iso(freeze.until_ns)}" if freeze.until_ns is not None else ""
                await self.ledger.place(freeze, f"frozen{until}: {freeze.reason}")
            case WakeAt(at_ns=at_ns):
                heapq.heappush(self._wakes, (at_ns, name))

    async def _commit(self, name: EndpointName, command: CommitPlan) -> None:
        plan = self.ledger.sign(command.plan)
        try:
            committed = await self.ledger.commit_plan(command)
        except StoreError:
            self._events[name].append(CommitLost(at_ns=self._clock.now_ns()))
            raise
        if not committed:
            self._events[name].append(CommitLost(at_ns=self._clock.now_ns()))
            row = await self.ledger.row(name)
            row.check_not_older(self._known(name), whole=True)
            await self._take_row(row, self._clock.now_ns(), first=False)
            return
        # Known at once: read back later, it may be gone with the store, and would be waited for for ever.
        self._events[name].append(HeadChanged(plan=plan, at_ns=self._clock.now_ns()))
        detail, generation = plan.reason, plan.generation
        fact = Fact(
            event=Event.PLANNED, role=ROLE, subject=name, detail=detail, generation=generation
        )
        self._tell(fact)
