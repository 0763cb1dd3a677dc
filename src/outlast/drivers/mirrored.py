"""The enactor for endpoints of several providers, and of trees: carries the commands of `core.dual` out.

Endpoints of one provider pass through to the plain enactor; the trees that they leave behind are swept.
For the others each provider has a lane of its own, in which its commands are carried out in order; lanes run
beside each other, so that a flip leaves for all providers at once and one that does not answer delays
nobody's write.

The ledger's receipt is that of the first provider. How the others stand is written down as witnesses are:
who differs from the newest plan, and when it agrees again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from outlast.core import dual, enact
from outlast.core.dual import RollBack
from outlast.core.laying import Growing
from outlast.core.messages import (
    CommitPlan,
    Confirm,
    EnactCommand,
    EnactEvent,
    Newest,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
)
from outlast.drivers.enactor import STORE_RETRY_S, Enactor
from outlast.drivers.facts import Event, Fact
from outlast.drivers.sweeper import Sweeper
from outlast.model.errors import Bug, ConfigError, StoreError
from outlast.model.fence import Fence
from outlast.model.names import EndpointName, ProviderName
from outlast.model.override import Freeze
from outlast.model.plan import (
    DriftKind,
    Finding,
    Layout,
    Origin,
    Plan,
    Receipt,
    Ruling,
    Severity,
)
from outlast.model.units import Generation, Nanos, as_seconds, seconds

Place = tuple[EndpointName, ProviderName]


class MirroredEnactor(Enactor):
    """An enactor that also knows endpoints of several providers."""

    _duals: dict[EndpointName, dual.State]
    _standing: dict[Place, Fence]
    _differing: dict[Place, tuple[DriftKind, str]]

    async def _work(self, endpoint: EndpointName) -> None:
        layout = self._layouts[endpoint]
        if not layout.mirrors:
            await super()._work(endpoint)
            return
        self._prepare(endpoint, layout)
        try:
            async with asyncio.TaskGroup() as group:
                for place in dual.places(layout):
                    woken = Woken(layout=place, at_ns=self._clock.now_ns())
                    self._feed(group, endpoint, place.provider, woken)
        except* StoreError:
            self._start_over(endpoint)
        except* Bug as bugs:
            self._start_over(endpoint)
            for bug in bugs.exceptions:
                self._tell(Fact(event=Event.BUG, role=self.name, subject=endpoint, detail=str(bug)))
        seen = max(one.machine.seen for one in self._known_duals[endpoint].lanes)
        if seen > self._last_good.highest(endpoint):
            self._last_good.saw(layout, seen)
            self._unsaved.set()

    @property
    def _known_duals(self) -> dict[EndpointName, dual.State]:
        if not hasattr(self, "_duals"):
            self._duals, self._standing, self._differing = {}, {}, {}
        return self._duals

    def _prepare(self, endpoint: EndpointName, layout: Layout) -> None:
        """Have a machine with a lane for each provider, and none under way from before."""
        known = self._known_duals.get(endpoint)
        lanes = () if known is None else tuple(one.provider for one in known.lanes)
        if lanes != layout.providers:
            highest = self._last_good.highest(endpoint)
            self._known_duals[endpoint] = dual.begin(self.name, layout, highest)

    def _start_over(self, endpoint: EndpointName) -> None:
        seen = max(one.machine.seen for one in self._known_duals[endpoint].lanes)
        self._known_duals[endpoint] = dual.begin(self.name, self._layouts[endpoint], seen)
        self._schedule(endpoint, self._clock.now_ns() + seconds(STORE_RETRY_S))

    def _feed(
        self,
        group: asyncio.TaskGroup,
        endpoint: EndpointName,
        provider: ProviderName,
        event: EnactEvent,
    ) -> None:
        """Step, and start what follows: one task a lane, its commands in order."""
        state, tagged = dual.step(self._known_duals[endpoint], provider, event)
        self._known_duals[endpoint] = state
        self._states[endpoint] = state.lanes[0].machine
        for one in state.lanes:
            mine = [command for at, command in tagged if at == one.provider]
            if mine:
                group.create_task(self._lane(group, endpoint, one.machine, mine))

    async def _lane(
        self,
        group: asyncio.TaskGroup,
        endpoint: EndpointName,
        machine: enact.State,
        commands: Sequence[EnactCommand | RollBack],
    ) -> None:
        provider = machine.layout.provider
        for command in commands:
            if isinstance(command, RollBack):
                await self._roll_back(endpoint, command.generation)
                continue
            event = await self._carry_out(machine, command)
            if isinstance(event, Newest) and event.plan is not None:
                event = replace(event, plan=dual.at_place(event.plan, provider))
            if event is not None:
                self._feed(group, endpoint, provider, event)

    async def _carry_out(self, state: enact.State, command: EnactCommand) -> EnactEvent | None:
        if not state.layout.mirrors:
            return await self._carry_out_alone(state, command)
        mirror = state.layout.provider in state.layout.mirrors
        match command:
            case RetryAt(at_ns=at_ns):
                self._schedule(state.layout.endpoint, at_ns, sooner=True)
                return None
            case Confirm(receipt=receipt):
                await self._settle((receipt.endpoint, receipt.provider))
                if not mirror:
                    return await super()._carry_out(state, command)
                await self._confirm_mirror(command.plan, receipt)
                return None
            case ReportDrift() if mirror or command.drift.kind is DriftKind.LAGGING:
                await self._report_mirror(command)
                return None
            case _:
                return await super()._carry_out(state, command)

    async def _carry_out_alone(
        self, state: enact.State, command: EnactCommand
    ) -> EnactEvent | None:
        """Carry out a command of an endpoint of one provider, whose plans may lie in trees."""
        if isinstance(command, Write) and isinstance(state.phase, Growing):
            await self._sweeper.note(state.phase.aim.plan, live=False)
        event = await super()._carry_out(state, command)
        if isinstance(command, Confirm):
            plan, fence = command.plan, command.receipt.fence
            provider = self._providers[plan.layout.provider]
            agreed = not self._witness.doubts(plan.endpoint)
            await self._sweeper.look(plan, fence, provider, agreed=agreed)
        return event

    @cached_property
    def _sweeper(self) -> Sweeper:
        return Sweeper(self.name, self._ledger, self._clock, self._tell)

    async def run(self) -> None:
        """Enact until cancelled."""
        try:
            await super().run()
        finally:
            await self._sweeper.close()

    async def _settle(self, place: Place) -> None:
        """Take back what was written down of a provider that holds the newest plan now."""
        if self._differing.pop(place, None) is not None:
            await self._ledger.agree(*place)

    async def _confirm_mirror(self, plan: Plan, receipt: Receipt) -> None:
        place = (receipt.endpoint, receipt.provider)
        if self._standing.get(place) == receipt.fence:
            self._tell(Fact(event=Event.VERIFIED, role=self.name, subject=receipt.endpoint))
            await self._witness.look(plan)
            return
        self._standing[place] = receipt.fence
        if receipt.fence.writer == self.name:
            fact = Fact(
                event=Event.HEALED if receipt.healed else Event.PUBLISHED,
                role=self.name,
                subject=receipt.endpoint,
                detail=f"at {receipt.provider}: {receipt.healed or plan}",
                generation=receipt.fence.generation,
                took_s=as_seconds(receipt.took_ns),
            )
            self._tell(fact)

    async def _report_mirror(self, command: ReportDrift) -> None:
        """Write down how one of several providers differs, once for as long as it stays the same."""
        drift = command.drift
        place, what = (drift.endpoint, drift.provider), (drift.kind, drift.message)
        if self._differing.get(place) == what:
            return
        self._differing[place] = what
        detail = f"{drift.provider}: {drift.kind}: {drift.message}"
        self._tell(Fact(event=Event.DRIFT, role=self.name, subject=drift.endpoint, detail=detail))
        await self._ledger.disagree(drift, drift.provider)
        if drift.kind is DriftKind.AHEAD:  # something to adopt, wherever it was found
            await self._report(command)

    def _cannot_roll_back(self, head: Plan, before: Plan, error: ConfigError) -> None:
        """Say what a person has to do: an enactor need not have the signing key, and unsigned is forged."""
        detail = (
            f"a provider did not take generation {head.generation} in time, and {self.name} cannot sign "
            f"the plan that rolls it back: {error.what}\n  -> where the planner runs: outlast rollback FILE "
            f"{head.endpoint} --to {before.generation}; or give the enactors the signing key"
        )
        fact = Fact(event=Event.DRIFT, role=self.name, subject=head.endpoint, detail=detail)
        self._tell(fact)

    async def _roll_back(self, endpoint: EndpointName, generation: Generation) -> None:
        """Publish what was before, and hold automation: a person should look at the provider that failed."""
        row = await self._ledger.row(endpoint)
        older = [
            one.plan
            for one in await self._ledger.plans(endpoint)
            if one.plan.generation < generation
        ]
        if row.head is None or row.head.plan.generation != generation or not older:
            return
        head, before, now_ns = row.head.plan, older[-1], self._clock.now_ns()
        why = f"rolled back: a provider did not take generation {generation} in time"
        plan = replace(
            before,
            layout=head.layout,
            generation=Generation(generation + 1),
            base=generation,
            made_at_ns=now_ns,
            origin=Origin.ROLLBACK,
            reason=why,
            signature="",
        )
        finding = Finding(rule="rolled-back", severity=Severity.NOTE, message=why)
        ruling = Ruling(endpoint=endpoint, generation=plan.generation, findings=(finding,))
        try:
            self._ledger.sign(plan)
        except ConfigError as error:
            self._cannot_roll_back(head, before, error)
            return
        hold_ns = Nanos(now_ns + seconds(self._settings.rescued_hold_s))
        freeze = Freeze(endpoint=endpoint, reason=why, by=self.name, at_ns=now_ns, until_ns=hold_ns)
        await self._ledger.place(freeze, why)
        if await self._ledger.commit_plan(
            CommitPlan(plan=plan, ruling=ruling, expected=generation)
        ):
            self._tell(Fact(event=Event.PLANNED, role=self.name, subject=endpoint, detail=why))
            self._schedule(endpoint, now_ns, sooner=True)
