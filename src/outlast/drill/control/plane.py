"""Plane: probers, planner and enactors around one store and the world's DNS providers, in virtual time.

Events lie on the kernel's heap, in nanoseconds; a drill moves the plane on by its own steps, and within a
step things happen in the order of their instants. Decisions are the production core's (`core.observe`,
`core.loop`, `core.dual`); what stands here is who is told what, when, and what is lost on the way:

 - the *store* lost: votes wait at their vantages, nothing is planned, enactors get no plan. Whoever worked
   with it starts over once it is back;
 - the *planner* lost: nothing is planned. What is published stays;
 - the *enactors* lost: plans are made and nobody publishes them;
 - the *probers* lost: evidence grows old until nothing is known, and what is not known is not removed;
 - a *provider* lost: it answers neither resolvers nor enactors, whose writes are unknown after its time-out.

Messages take `HOP_NS`. Nothing here is random but probes of what answers only some of its requests.
"""

from dataclasses import replace
from random import Random

from outlast.core.dual import RollBack, at_place
from outlast.core.messages import (
    Announce,
    CommitLost,
    CommitPlan,
    Confirm,
    Confirmed,
    EnactCommand,
    EnactEvent,
    FetchNewest,
    HeadChanged,
    LoopCommand,
    Newest,
    Observed,
    OverridesChanged,
    PlaceFreeze,
    Read,
    ReadFailed,
    ReadProvider,
    ReportDrift,
    RetryAt,
    WakeAt,
    Write,
    Wrote,
)
from outlast.drill.control.enactors import Enactor
from outlast.drill.control.names import Floats, Names
from outlast.drill.control.planner import Asked, Planner
from outlast.drill.control.post import Asks, Does, Due, Hears, Looks
from outlast.drill.control.probers import Cast, Prober
from outlast.drill.control.repairs import rolled_back
from outlast.drill.layout import Layout
from outlast.model.names import EndpointName, ProviderName, Subject, VantageName
from outlast.model.override import Override
from outlast.model.plan import DriftKind, Outcome, OutcomeKind
from outlast.model.units import NO_GENERATION, Nanos, millis, seconds
from outlast.sim.kernel import Kernel
from outlast.sim.world import Row

HOP_NS = millis(20)
"""From one part of the control plane to another, and to a provider: within a continent."""

LOOK_NS = seconds(1.0)
"""How often the planner looks at the age of evidence, and vantages give a sign of life."""

HERE = VantageName("here")
"""The one vantage of a topology that names none; it stands in none of its regions."""

News = tuple[Nanos, str, str]


class Plane:
    """The control plane of a world.

    Attributes:
        names: what providers hold.
        lost: its parts that are gone, and `store`.
        providers: DNS providers that are gone.
        news: what it did, for people.
    """

    def __init__(self, world: Layout, seed: int, begin_ns: int) -> None:
        topology = world.topology
        self.world = world
        self.names = Names(world)
        self.lost: frozenset[str] = frozenset()
        self.providers: frozenset[str] = frozenset()
        self.news: list[News] = []
        self.planner = Planner(topology)
        self.rows = {one.name: Row() for one in world.endpoints}
        self.overrides: tuple[Override, ...] = ()
        self._placed: tuple[Override, ...] = ()
        self._asked: tuple[Override, ...] = ()
        self._dark: frozenset[int] = frozenset()
        self._kernel: Kernel[Due] = Kernel(begin_ns)
        self._timeouts = {one.name: seconds(one.timeout_s) for one in topology.providers}
        self._verify_ns = seconds(topology.settings.verify_interval_s)
        self._takeover_ns = seconds(topology.settings.takeover_s)
        columns = {one.name: column for column, one in enumerate(world.regions)}
        vantages = [
            (one.name, columns.get(one.region, -1) if one.region is not None else -1)
            for one in topology.vantages
        ] or [(HERE, -1)]
        self.probers = {
            name: Prober(name, column, world, Random(f"{seed}/{name}"), begin_ns=begin_ns)  # noqa: S311
            for name, column in vantages
        }
        self.enactors = [
            Enactor.of(number, door, layout)
            for door, layout in enumerate(self.names.layouts)
            for number in range(topology.settings.enactors)
        ]
        self._unsent: dict[tuple[VantageName, Subject], Cast] = {}
        self._nonces = 0
        self._begin()
        self._kernel.after(LOOK_NS, Looks())

    @property
    def now_ns(self) -> Nanos:
        """The instant it has come to."""
        return self._kernel.now_ns

    # what the world does to it

    def suffer(self, lost: frozenset[str], providers: frozenset[str], dark: frozenset[int]) -> None:
        """Lose parts and providers, or get them back; `dark` are the regions that are gone."""
        before, self.lost, self.providers = self.lost, lost, providers
        woken, self._dark = self._dark - dark, dark
        for one in self.probers.values():
            if one.column in woken or ("probers" in before and "probers" not in lost):
                one.restart(self.now_ns)
        back = before - lost
        if back & {"store", "planner"} and not lost & {"store", "planner"}:
            self._begin()
        if "store" in back:
            unsent, self._unsent = self._unsent, {}
            for cast in unsent.values():
                self._kernel.after(HOP_NS, cast)
        if back & {"store", "enactors"} and not lost & {"store", "enactors"}:
            for place in range(len(self.enactors)):
                self.enactors[place].start_over()
                self._wake(place, HOP_NS)

    def ask(self, overrides: tuple[Override, ...]) -> None:
        """Let operators ask for something, or take it back; it is heard as soon as there is a store."""
        self._asked = overrides

    def wipe(self, door: int) -> None:
        """Let a foreign hand empty an endpoint; enactors find it at their next look."""
        self.names.wipe(door)
        self._verify(door)

    def restore(self, door: int) -> None:
        """Let people put back by hand what is still missing."""
        self.names.restore(door)
        self._verify(door)

    def run(self, until_ns: int, lives: Floats) -> None:
        """Move on to an instant; `lives` is how well each region answers at each endpoint."""
        if "probers" not in self.lost:
            for prober in self.probers.values():
                if prober.column not in self._dark:
                    for at_ns, cast in prober.probe(until_ns, lives):
                        self._kernel.after(max(0, at_ns + HOP_NS - self.now_ns), cast)
        self._heed()
        while self._kernel.next_ns <= until_ns:
            self._happen(self._kernel.take())
        self._kernel.wait_until(until_ns)

    # what happens

    def _happen(self, due: Due) -> None:
        match due:
            case Cast():
                self._vote(due)
            case Looks():
                self._look()
            case Asks():
                if not self.lost & {"store", "planner"}:
                    self._carry_out(due.endpoint, due.command)
            case Does() | Hears():
                mine = self.enactors[due.enactor]
                if "enactors" in self.lost or due.life != mine.life:
                    return
                if isinstance(due, Does):
                    self._do(due)
                elif due.event is None:
                    self._send(due.enactor, mine.wake(self.now_ns))
                else:
                    self._hear(due.enactor, due.provider, due.event)

    def _vote(self, cast: Cast) -> None:
        view = self.probers[cast.vantage].view(self.now_ns, cast)
        if "store" in self.lost:
            self._unsent[cast.vantage, cast.subject] = cast
            return
        self.planner.note(view, cast.subject, cast.vote)
        if "planner" in self.lost:
            return
        sick = dict(self.planner.sick)
        self._ask(self.planner.heard(cast.subject, self.now_ns))
        for name in sorted(self.planner.sick.keys() - sick.keys()):
            self._tell(str(name), f"vantage counts as sick: {self.planner.sick[name]}")

    def _look(self) -> None:
        self._kernel.after(LOOK_NS, Looks())
        if "store" in self.lost:
            return
        if "probers" not in self.lost:
            for one in self.probers.values():
                if one.column not in self._dark:
                    self.planner.alive(one.view(self.now_ns))
        if "planner" not in self.lost:
            self._ask(self.planner.look(self.now_ns))

    def _begin(self) -> None:
        """Let a planner start from what the store holds; before its first plan it reads the DNS."""
        now_ns = self.now_ns
        self._ask(self.planner.begin(self.rows, self.overrides, now_ns))
        for layout in self.names.layouts:
            if self.planner.sees_nothing_yet(layout.endpoint):
                seen = Observed(
                    observation=self.names.read(layout, now_ns), seen=NO_GENERATION, at_ns=now_ns
                )
                self._ask(self.planner.step(layout.endpoint, [seen], now_ns))

    def _heed(self) -> None:
        """Take up what operators ask for."""
        wanted = (*self._asked, *self._placed)
        if wanted != self.overrides and not self.lost & {"store", "planner"}:
            self.overrides = wanted
            event = OverridesChanged(overrides=wanted, at_ns=self.now_ns)
            self._ask(self.planner.step_all(event))

    def _ask(self, asked: Asked) -> None:
        for endpoint, command in asked:
            if isinstance(command, WakeAt):
                self.planner.due_ns[endpoint] = command.at_ns
            else:
                self._kernel.after(HOP_NS, Asks(endpoint, command))

    def _carry_out(self, endpoint: EndpointName, command: LoopCommand) -> None:
        match command:
            case CommitPlan():
                self._commit(endpoint, command)
            case Announce():
                reasons = "; ".join(one.message for one in command.ruling.findings)
                self._tell(endpoint, f"plan {command.plan.generation} is blocked: {reasons}")
            case PlaceFreeze(freeze=freeze):
                self._placed = (*self._placed, freeze)
                self._heed()
            case WakeAt():
                pass  # kept when it was asked for

    def _commit(self, endpoint: EndpointName, command: CommitPlan) -> None:
        row, now_ns = self.rows[endpoint], self.now_ns
        newest = row.head.generation if row.head is not None else NO_GENERATION
        if newest != command.expected:
            self._ask(self.planner.step(endpoint, [CommitLost(at_ns=now_ns)], now_ns))
            return
        plan = command.plan
        self.rows[endpoint] = row.archived(plan)
        self._tell(endpoint, f"plan {plan.generation}: {plan.reason}")
        self._ask(self.planner.step(endpoint, [HeadChanged(plan=plan, at_ns=now_ns)], now_ns))
        for place, one in enumerate(self.enactors):
            if one.endpoint == endpoint:
                self._wake(place, HOP_NS + one.number * self._takeover_ns)

    # enactors

    def _wake(self, place: int, delay_ns: int) -> None:
        one = self.enactors[place]
        self._kernel.after(delay_ns, Hears(place, one.life, one.layout.provider, None))

    def _verify(self, door: int) -> None:
        """Let each enactor find what was done to an endpoint when it next compares."""
        mine = [place for place, one in enumerate(self.enactors) if one.door == door]
        for place in mine:
            phase_ns = self.enactors[place].number * self._verify_ns // len(mine)
            self._wake(place, self._verify_ns - (self.now_ns - phase_ns) % self._verify_ns)

    def _hear(self, place: int, provider: ProviderName, event: EnactEvent) -> None:
        one = self.enactors[place]
        self._send(place, one.take(provider, event))
        if one.again and not one.busy:
            self._wake(place, HOP_NS)
            one.again = False

    def _send(
        self, place: int, tagged: tuple[tuple[ProviderName, EnactCommand | RollBack], ...]
    ) -> None:
        one = self.enactors[place]
        for provider, command in tagged:
            if isinstance(command, RetryAt):
                self._wake(place, max(HOP_NS, command.at_ns - self.now_ns))
            else:
                self._kernel.after(HOP_NS, Does(place, one.life, provider, command))

    def _do(self, due: Does) -> None:
        one, command = self.enactors[due.enactor], due.command
        match command:
            case ReadProvider() | Write():
                self._reach(due, command)
            case FetchNewest():
                self._fetch(due)
            case Confirm():
                self._confirm(one, command)
            case ReportDrift():
                self._report(one, due.provider, command)
            case RollBack():
                self._roll_back(one, command)
            case RetryAt():
                pass  # became a wake when it was asked for

    def _reach(self, due: Does, command: ReadProvider | Write) -> None:
        """Let a provider answer, or let it not answer until the enactor gives up."""
        now_ns, answer_ns = self.now_ns, HOP_NS
        event: EnactEvent
        if due.provider in self.providers:
            answer_ns = self._timeouts[due.provider]
            at_ns = Nanos(now_ns + answer_ns)
            unknown = Outcome(kind=OutcomeKind.UNKNOWN, detail="no answer in time")
            event = (
                ReadFailed(detail="no answer in time", at_ns=at_ns)
                if isinstance(command, ReadProvider)
                else Wrote(outcome=unknown, at_ns=at_ns)
            )
        elif isinstance(command, ReadProvider):
            seen = self.names.read(command.layout, now_ns)
            event = Read(observation=seen, at_ns=Nanos(now_ns + HOP_NS))
        else:
            done = self.names.write(due.provider, command.transaction)
            kind = OutcomeKind.APPLIED if done else OutcomeKind.REFUSED
            event = Wrote(outcome=Outcome(kind=kind), at_ns=Nanos(now_ns + HOP_NS))
        self._kernel.after(answer_ns, Hears(due.enactor, due.life, due.provider, event))

    def _fetch(self, due: Does) -> None:
        one = self.enactors[due.enactor]
        if "store" in self.lost:
            one.parked = True  # it tries until the store is back, and then begins anew
            return
        row = self.rows[one.endpoint]
        plan = None if row.head is None else at_place(row.head, due.provider)
        self._nonces += 1
        nonce, at_ns = f"{self._nonces:016x}", Nanos(self.now_ns + HOP_NS)
        event = Newest(plan=plan, confirmed=row.confirmed, nonce=nonce, at_ns=at_ns)
        self._kernel.after(HOP_NS, Hears(due.enactor, due.life, due.provider, event))

    def _confirm(self, one: Enactor, command: Confirm) -> None:
        receipt = command.receipt
        if receipt.healed:
            self._tell(one.endpoint, f"{one.name} healed {receipt.provider}: {receipt.healed}")
        if "store" in self.lost or receipt.provider != one.layout.provider:
            return
        row = self.rows[one.endpoint]
        if row.receipt is not None and row.receipt.fence == receipt.fence:
            return
        self.rows[one.endpoint] = replace(row, receipt=receipt, found=None)
        if "planner" not in self.lost:
            event = Confirmed(receipt=receipt, at_ns=self.now_ns)
            self._ask(self.planner.step(one.endpoint, [event], self.now_ns))

    def _report(self, one: Enactor, provider: ProviderName, command: ReportDrift) -> None:
        if self.lost & {"store", "planner"} or command.observation is None:
            return
        if provider == one.layout.provider or command.drift.kind is DriftKind.AHEAD:
            event = Observed(observation=command.observation, seen=command.seen, at_ns=self.now_ns)
            self._ask(self.planner.step(one.endpoint, [event], self.now_ns))

    def _roll_back(self, one: Enactor, command: RollBack) -> None:
        found = rolled_back(self.rows[one.endpoint], command, self.now_ns)
        if found is None or "store" in self.lost:
            return
        hold_s = self.world.topology.settings.rescued_hold_s
        freeze, commit = found.hold(one.name, hold_s), found.commit
        self._placed = (*self._placed, freeze)
        self._commit(one.endpoint, commit)
        self._heed()

    def _tell(self, subject: str, text: str) -> None:
        self.news.append((self.now_ns, subject, text))
