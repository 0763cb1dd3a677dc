"""`dual`: the production core where one endpoint is published at two providers (`core.dual`).

Each provider is a zone of its own, with a fence of its own; each enactor has a lane for each, and any lane
may move next. Beside the enactors a planner makes plans, `net` carries out writes whose senders gave up,
`fortune` takes a provider away and gives it back, and time passes, a window a move. The operator's choice is
a switch: `hold` (where none is given), `go_on` or `roll_back`.

Judged at each provider alone: S1 to S3, S5 and S6, as for one. Judged of both: S7, that nobody flips to a
plan before every provider has taken its mark, except where the operator said to go on, and to go back.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from outlast.core import dual, enact
from outlast.core.dual import RollBack, Tagged
from outlast.core.messages import (
    EnactEvent,
    FetchNewest,
    Newest,
    Read,
    ReadFailed,
    ReadProvider,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.model.errors import Bug
from outlast.model.fence import next_name
from outlast.model.names import EnactorName, ProviderName
from outlast.model.plan import (
    Lagging,
    Origin,
    Outcome,
    OutcomeKind,
    Plan,
    Transaction,
)
from outlast.model.records import RecordType
from outlast.model.units import NO_GENERATION, Generation, Nanos, seconds
from outlast.sim.checks import judge_write
from outlast.sim.design import Spec, judged
from outlast.sim.pair import WINDOW_S, Shared, allowing, plan_of, put_at, seen_at
from outlast.sim.place import made_up
from outlast.sim.site import Broken
from outlast.sim.world import Truth, carry_out, find, generation_at

FAULTS = ("late-write", "lost-reply", "provider-down")
SWITCHES = tuple(str(one) for one in Lagging if one is not Lagging.HOLD)


@dataclass(slots=True)
class Enactor:
    """An enactor: its machine, what is to be done in each lane, and what it acted on last."""

    state: dual.State
    todo: tuple[Tagged, ...] = ()
    looked: Hashable = None
    writes: int = 0


@dataclass(slots=True)
class Nobody:
    """Who has nothing to remember."""

    cells: tuple[()] = field(default=())


Local = Enactor | Nobody


class Dual:
    """The design; see the module's text."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        lagging = Lagging(spec.switches[0]) if spec.switches else Lagging.HOLD
        self._place = made_up(1)
        self._lagging = lagging
        self._first = plan_of(self._place, 1, lagging)
        self._layouts = dual.places(self._first.layout)
        count = spec.size.enactors
        names = tuple(f"enactor-{one + 1}" for one in range(count))
        self.actors = (*names, "planner", "net", "fortune", "time")
        self._planner, self._net, self._fortune, self._time = range(count, count + 4)
        self.twins: tuple[int, ...] = ()
        self.rare = frozenset({self._net, self._fortune, self._time})

    def begin(self) -> tuple[Shared, list[Local]]:
        """Two empty zones, a first plan, and enactors that know nothing."""
        shared = Shared(
            zones=((), ()),
            truths=(allowing(Truth(), self._first),) * 2,
            marked=((), ()),
            plans=(self._first,),
            turns=self.spec.size.plans - 1,
            faults=self.spec.size.faults,
        )
        enactors: list[Local] = [
            Enactor(dual.begin(EnactorName(name), self._first.layout, NO_GENERATION))
            for name in self.actors[: self.spec.size.enactors]
        ]
        return shared, [*enactors, *(Nobody() for _ in range(4))]

    # moving

    def options(self, actor: int, shared: Shared, local: Local) -> int:
        """One for each lane that has something to do, and one for each fault that may strike it."""
        if isinstance(local, Enactor):
            return len(self._ways(shared, local))
        if actor == self._planner:
            return int(shared.turns > 0)
        if actor == self._net:
            return len(shared.late)
        if actor == self._time:
            return int(shared.windows < self.spec.size.plans)
        if shared.down >= 0:
            return 1
        return 2 if shared.faults and "provider-down" in self.spec.faults else 0

    def _ways(self, shared: Shared, local: Enactor) -> list[tuple[int, str]]:
        """What an enactor can do now: carry out a command, struck or not; or wake (no command: -1)."""
        if not local.todo:
            return [] if local.looked == self._sees(shared) else [(-1, "")]
        ways: list[tuple[int, str]] = []
        for layout in self._layouts:
            at = [i for i, one in enumerate(local.todo) if one[0] == layout.provider][:1]
            ways += [(one, "") for one in at]
        struck = [i for i, _ in ways if isinstance(local.todo[i][1], Write) and shared.faults]
        kinds = [kind for kind in ("late-write", "lost-reply") if kind in self.spec.faults]
        return [*ways, *((one, kind) for one in struck for kind in kinds)]

    def _sees(self, shared: Shared) -> Hashable:
        shown = tuple(map(generation_at, shared.zones, self._layouts))
        return shown, shared.marked, len(shared.plans), shared.down, shared.windows

    def move(self, actor: int, option: int, shared: Shared, local: Local) -> Broken | None:
        """Carry out one move; return what it broke."""
        if isinstance(local, Enactor):
            at, fault = self._ways(shared, local)[option]
            shared.faults -= bool(fault)
            try:
                return self._work(actor, at, fault, shared, local) or None
            except Bug as bug:
                return (f"S5 guarded: {self.actors[actor]} stopped itself: {bug}",)
        if actor == self._planner:
            shared.turns -= 1
            number = shared.plans[-1].generation + 1
            self._publish(shared, plan_of(self._place, number, self._lagging))
        elif actor == self._net:
            provider, transaction = shared.late[option]
            shared.late = (*shared.late[:option], *shared.late[option + 1 :])
            return self._arrive(provider, transaction, shared)[1] or None
        elif actor == self._time:
            shared.windows += 1
        elif shared.down >= 0:
            shared.down = -1
        else:
            shared.faults -= 1
            shared.down = option
        return None

    def _publish(self, shared: Shared, plan: Plan) -> None:
        shared.plans = (*shared.plans, plan)
        first, second = shared.truths
        shared.truths = (allowing(first, plan), allowing(second, plan))

    def _work(self, actor: int, at: int, fault: str, shared: Shared, local: Enactor) -> Broken:
        now_ns = seconds(WINDOW_S * shared.windows)
        if at < 0:
            local.looked = self._sees(shared)
            for layout in self._layouts:
                self._take(local, layout.provider, Woken(layout=layout, at_ns=now_ns))
            return ()
        provider, command = local.todo[at]
        local.todo = (*local.todo[:at], *local.todo[at + 1 :])
        index = 0 if provider == self._layouts[0].provider else 1
        match command:
            case ReadProvider() if shared.down == index:
                self._take(local, provider, ReadFailed(detail="down", at_ns=now_ns))
            case ReadProvider(layout=layout):
                seen = seen_at(shared.zones[index], layout, now_ns)
                self._take(local, provider, Read(observation=seen, at_ns=now_ns))
            case FetchNewest():
                plan = dual.at_place(shared.plans[-1], provider)
                nonce = f"{actor + 1:08x}{local.writes + 1:08x}"
                confirmed = NO_GENERATION
                self._take(
                    local,
                    provider,
                    Newest(plan=plan, confirmed=confirmed, nonce=nonce, at_ns=now_ns),
                )
            case Write(transaction=transaction):
                local.writes += 1  # so that no nonce is used twice
                kind, broken = self._send(index, transaction, fault, shared)
                self._take(local, provider, Wrote(outcome=Outcome(kind=kind), at_ns=now_ns))
                return broken
            case RollBack(generation=generation):
                self._roll_back(shared, generation)
            case RetryAt():
                local.looked = None if self._pending(shared) else local.looked
            case _:
                pass  # receipts and reports go to people
        return ()

    def _pending(self, shared: Shared) -> bool:
        """Whether a retry can meet anything new; else whoever waits would poll."""
        return any(
            generation_at(zone, layout) != shared.plans[-1].generation and shared.down != index
            for index, (zone, layout) in enumerate(zip(shared.zones, self._layouts, strict=True))
        ) and (shared.down < 0)

    def _take(self, local: Enactor, provider: ProviderName, event: EnactEvent) -> None:
        local.state, commands = dual.step(local.state, provider, event)
        local.todo += commands

    def _send(
        self, index: int, transaction: Transaction, fault: str, shared: Shared
    ) -> tuple[OutcomeKind, Broken]:
        if fault == "late-write":
            shared.late = (*shared.late, (index, transaction))
        if shared.down == index or fault == "late-write":
            return OutcomeKind.UNKNOWN, ()
        done, broken = self._arrive(index, transaction, shared)
        kind = OutcomeKind.APPLIED if done else OutcomeKind.REFUSED
        return (OutcomeKind.UNKNOWN if fault else kind), broken

    def _arrive(self, index: int, transaction: Transaction, shared: Shared) -> tuple[bool, Broken]:
        """Let a provider carry a write out, and the checks judge it."""
        before, layout = shared.zones[index], self._layouts[index]
        after = carry_out(before, transaction)
        if after is None:
            return False, ()
        broken = judge_write(layout, before, after, shared.truths[index], floor=1)
        shared.zones = put_at(shared.zones, index, after)
        for value in find(after, next_name(layout.fence_at), RecordType.TXT):
            mark = int(value.split()[1].removeprefix("g="))
            known = tuple(sorted({*shared.marked[index], mark}))
            shared.marked = put_at(shared.marked, index, known)
        was, now = generation_at(before, layout), generation_at(after, layout)
        truth = shared.truths[index]
        shared.truths = put_at(shared.truths, index, replace(truth, high=max(truth.high, now)))
        if now > was:
            broken = (*broken, *self._together(shared, layout.provider, now))
        return True, broken

    def _together(self, shared: Shared, provider: ProviderName, generation: Generation) -> Broken:
        """S7: every provider has taken the mark of what one of them flips to."""
        origin = next(one.origin for one in shared.plans if one.generation == generation)
        ready = all(generation in one for one in shared.marked)
        if ready or self._lagging is Lagging.GO_ON or origin is not Origin.AUTOMATIC:
            return ()
        return (f"S7 together: {provider} flipped to plan {generation} before all took its mark",)

    def _roll_back(self, shared: Shared, generation: Generation) -> None:
        """What was before, as a new generation, if nobody planned since."""
        older = [one for one in shared.plans if one.generation < generation]
        if older and shared.plans[-1].generation == generation:
            number = Generation(generation + 1)
            self._publish(shared, replace(older[-1], generation=number, origin=Origin.ROLLBACK))

    # judging

    def judge(self, shared: Shared, deed: tuple[int, int, int] | tuple[str, ...]) -> str:
        """The checks ran with the move; here only what is tolerated is left out."""
        del shared
        return judged(self.spec, *(str(one) for one in deed))

    def calm(self, shared: Shared, locals_: Sequence[Local]) -> None:
        """Both providers answer, and no more plans are made; all that waits is woken."""
        shared.faults = shared.turns = 0
        shared.down = -1
        shared.windows += 2
        for one in locals_:
            if isinstance(one, Enactor):
                one.looked = None

    def unsettled(self, shared: Shared) -> str:
        """Both show the newest plan."""
        newest = shared.plans[-1].generation
        for zone, layout in zip(shared.zones, self._layouts, strict=True):
            if generation_at(zone, layout) != newest:
                return f"L1 converges: {layout.provider} does not show plan {newest}"
        return ""

    # freezing and telling

    def freeze(self, shared: Shared, local: Local) -> tuple[Hashable, Hashable]:
        """Return the cells as tuples."""
        cells = tuple(getattr(shared, name) for name in Shared.__slots__)
        if isinstance(local, Nobody):
            return cells, ()
        return cells, (local.state, local.todo, local.looked, local.writes)

    def thaw(self, shared: Hashable, local: Hashable) -> tuple[Shared, Local]:
        """Return the tuples as cells."""
        assert isinstance(shared, tuple)
        assert isinstance(local, tuple)
        return Shared(*shared), Enactor(*local) if local else Nobody()

    def pace_ns(self, actor: int, shared: Shared, local: Local) -> Nanos:
        """A window for time, a stroke a minute, a plan each second, 50 ms for everything else."""
        del shared, local
        paces = {self._time: WINDOW_S, self._fortune: 60.0, self._planner: 1.0}
        return seconds(paces.get(actor, 0.05))

    def tell(self, actor: int, option: int, shared: Shared, local: Local) -> str:
        """One line on the next move."""
        if isinstance(local, Enactor):
            at, fault = self._ways(shared, local)[option]
            struck = f", struck by {fault}" if fault else ""
            if at < 0:
                return "starts work"
            provider, command = local.todo[at]
            return f"{type(command).__name__} at {provider}{struck}"
        if actor == self._fortune:
            name = self._layouts[option].provider
            return "all answer again" if shared.down >= 0 else f"strikes: provider-down ({name})"
        return {
            self._planner: f"makes plan {shared.plans[-1].generation + 1}",
            self._net: "carries out a write whose sender gave up long ago",
        }.get(actor, "a window passes")

    def dns(self, shared: Shared) -> str:
        """What each provider shows."""
        return "; ".join(
            f"{layout.provider}: plan {generation_at(zone, layout) or '-'}"
            for zone, layout in zip(shared.zones, self._layouts, strict=True)
        )

    def belief(self, actor: int, shared: Shared, local: Local) -> str:
        """What a role holds to be true."""
        del actor, shared
        if not isinstance(local, Enactor):
            return ""
        lanes = [
            f"{one.provider} {type(one.machine.phase).__name__.lower()}"
            for one in local.state.lanes
            if not isinstance(one.machine.phase, enact.Idle)
        ]
        return ", ".join(lanes)
