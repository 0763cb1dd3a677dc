"""`outlast`: the production core under exploration.

Not a copy: `core.loop`, `core.enact` and `core.retire` decide here as they do in production; only who
moves next, and what strikes, is chosen.

One planner and several enactors work on each endpoint, all endpoints lie in one zone and so share its
epoch. `net` carries out writes whose senders gave up; `fortune` is everything that strikes by itself.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from outlast.core.enact import Choosing
from outlast.core.messages import (
    CommitPlan,
    Confirm,
    EnactCommand,
    FetchNewest,
    LoopCommand,
    ReadProvider,
    ReportDrift,
    Write,
)
from outlast.core.plan import layout_of
from outlast.core.verify import compare
from outlast.model.errors import Bug
from outlast.model.fence import epoch_name, parse_epoch, parse_fence
from outlast.model.names import DnsName
from outlast.model.plan import Proof
from outlast.model.records import RecordSet, RecordType
from outlast.model.topology import (
    Settings,
    zone_of_endpoint,
)
from outlast.model.units import Nanos, seconds
from outlast.sim import fortune
from outlast.sim.checks import answered
from outlast.sim.design import Spec, judged
from outlast.sim.faults import OWN
from outlast.sim.place import Place, made_up
from outlast.sim.roleenactor import Enactor, live_generation
from outlast.sim.roleplanner import Planner
from outlast.sim.site import Broken, Site, write
from outlast.sim.world import Row, Truth, World, find, observe

T0_NS = Nanos(1_800_000_000_000_000_000)
DAY_NS = seconds(86_400)


@dataclass(slots=True)
class Nobody:
    """The local state of actors that have none, but for nonces they used."""

    writes: int = 0

    def freeze(self) -> Hashable:
        """Return the cells as a tuple."""
        return (self.writes,)


Local = Planner | Enactor | Nobody

_READ = ("crash", "crash-forgets", "lost-request", "read-behind")
_FETCH = ("crash", "crash-forgets", "store-down", "store-stale")
_WRITE = (
    "crash",
    "crash-forgets",
    "drops-silently",
    "duplicate",
    "late-write",
    "lost-reply",
    "lost-request",
    "read-only",
    "throttled",
)
_TELL = ("crash", "crash-forgets", "store-lost-write")
_COMMIT = ("crash", "store-down", "store-lost-reply")


class Outlast:
    """The design; see the module's text."""

    def __init__(self, spec: Spec, place: Place | None = None) -> None:
        self.spec = spec
        size = spec.size
        place = place or made_up(size.endpoints)
        self._provider = place.provider
        self._endpoints = list(place.endpoints[: size.endpoints])
        self._sites = tuple(
            Site(
                index=i,
                provider=self._provider,
                settings=Settings(rescued_hold_s=0.0),
                kept=size.age - 1,
            )
            for i in range(len(self._endpoints))
        )
        self._may = frozenset(spec.faults)
        self._own = tuple(name for name in OWN if name in self._may)
        self._zone = zone_of_endpoint(self._endpoints[0], self._provider)
        names: list[str] = []
        sites: list[Site] = []
        for site in self._sites:
            tail = f"/{site.index}" if len(self._endpoints) > 1 else ""
            planners = ("planner", "planner-b") if "split-planner" in self._may else ("planner",)
            workers = (*planners, *(f"enactor-{i}" for i in range(1, size.enactors + 1)))
            names += [f"{one}{tail}" for one in workers]
            sites += [site] * len(workers)
        self.actors = (*names, "net", "fortune")
        self._site = (*sites, self._sites[0], self._sites[0])
        self.twins: tuple[int, ...] = ()
        self._net, self._fortune = len(names), len(names) + 1
        self.rare = frozenset({self._net, self._fortune})

    def begin(self) -> tuple[World, list[Local]]:
        """An empty zone but for a record of somebody else's, an empty store, healthy targets."""
        count = len(self._endpoints)
        ups = [tuple(True for _ in one.targets) for one in self._endpoints]
        foreign = RecordSet(
            DnsName(f"_elsewhere.{self._zone}"), RecordType.A, 60, ("198.51.100.7",)
        )
        world = World(
            zone=(foreign,),
            rows=[Row()] * count,
            endpoints=list(self._endpoints),
            health=[
                fortune.health_of(one, up, T0_NS)
                for one, up in zip(self._endpoints, ups, strict=True)
            ],
            truths=[Truth()] * count,
            faults=self.spec.size.faults,
            turns=self.spec.size.plans - 1,
            now_ns=T0_NS,
            ups=ups,
        )
        return world, [self._fresh(actor) for actor in range(len(self.actors))]

    def _fresh(self, actor: int) -> Local:
        name, site = self.actors[actor], self._site[actor]
        if actor >= self._net:
            return Nobody()
        if name.startswith("planner"):
            return Planner()
        return Enactor.fresh(name.partition("/")[0], site, self._endpoints[site.index])

    # moving

    def options(self, actor: int, shared: World, local: Local) -> int:
        """1 for the ordinary move, and one for each fault that can strike it."""
        site = self._site[actor]
        if isinstance(local, Nobody):
            if actor == self._net:
                return len(shared.late)
            return len(fortune.strokes(shared, self._own))
        if local.idle(site, shared):
            return 0
        return 1 + len(self._strikes(shared, local))

    def _strikes(self, shared: World, local: Planner | Enactor) -> list[str]:
        """The faults that can strike a role at this step, in fixed order."""
        if not shared.faults:
            return []
        kinds: tuple[str, ...] = ("crash",)
        if local.todo:
            match local.todo[0]:
                case ReadProvider():
                    kinds = _READ
                case FetchNewest():
                    kinds = _FETCH
                case Write():
                    kinds = _WRITE
                case Confirm() | ReportDrift():
                    kinds = _TELL
                case CommitPlan():
                    kinds = _COMMIT
                case _:
                    kinds = ("crash",)
        if "store-stale" in kinds and self._fence_gone(local):
            # Where no fence stands, the plan must come from the newest snapshot: the one place where
            # safety leans on the store. See docs/proof.md.
            kinds = tuple(kind for kind in kinds if kind != "store-stale")
        return [kind for kind in kinds if kind in self._may]

    def _fence_gone(self, local: Planner | Enactor) -> bool:
        """Whether an enactor found no well-formed fence before it asks for the newest plan."""
        phase = getattr(local.state, "phase", None)
        return isinstance(phase, Choosing) and parse_fence(phase.found.fence) is None

    def move(self, actor: int, option: int, shared: World, local: Local) -> Broken | None:
        """Carry out one move; return what it broke."""
        try:
            return self._move(actor, option, shared, local)
        except Bug as bug:
            # In production the part that finds an invariant broken stops. Here that is a finding.
            return (f"S5 guarded: {self.actors[actor]} stopped itself: {bug}",)

    def _move(self, actor: int, option: int, shared: World, local: Local) -> Broken | None:
        site = self._site[actor]
        if isinstance(local, Nobody):
            if actor == self._net:
                late = shared.late[option]
                shared.late = (*shared.late[:option], *shared.late[option + 1 :])
                return self._late(late, shared)
            stroke = fortune.strokes(shared, self._own)[option]
            local.writes += stroke[0] == "rescue"
            where = self._sites[0 if stroke[0] == "turn" else stroke[1]]
            return fortune.strike(stroke, where, shared, self._nonce(actor, local.writes)) or None
        fault = self._strikes(shared, local)[option - 1] if option else ""
        if fault:
            shared.faults -= 1
        if fault in {"crash", "crash-forgets"}:
            self._crash(actor, shared, local, forgets=fault == "crash-forgets")
            return None
        if isinstance(local, Planner):
            return self._plan(site, shared, local, fault) or None
        if local.todo:
            nonce = self._nonce(actor, local.writes + 1)
            return local.carry_out(site, shared, fault, nonce) or None
        local.wake(site, shared)
        return None

    def _late(self, late: object, shared: World) -> Broken | None:
        assert hasattr(late, "conditions")
        fences = {
            layout_of(one, self._provider).fence_at: i for i, one in enumerate(self._endpoints)
        }
        for condition in late.conditions:
            index = fences.get(condition.name)
            if index is not None:
                return write(self._sites[index], shared, late)[1] or None  # type: ignore[arg-type]
        shared.write(late)  # type: ignore[arg-type]
        return None

    def _plan(self, site: Site, shared: World, local: Planner, fault: str) -> Broken:
        if fault == "store-down":
            return ()
        if local.todo:
            return local.carry_out(site, shared, told=fault != "store-lost-reply")
        return local.read(site, shared) if local.blind else local.look(site, shared)

    def _crash(self, actor: int, shared: World, local: Planner | Enactor, *, forgets: bool) -> None:
        """Start again; a write that was on its way may still arrive."""
        site = self._site[actor]
        if isinstance(local, Planner):
            fresh = Planner()
            local.state, local.retire = fresh.state, fresh.retire
            local.looked, local.todo, local.lost = fresh.looked, (), False
            return
        if local.todo and isinstance(local.todo[0], Write):
            shared.late = (*shared.late, local.todo[0].transaction)
        seen = 0 if forgets else local.state.seen
        name = self.actors[actor].partition("/")[0]
        enactor = Enactor.fresh(name, site, self._endpoints[site.index], seen)
        local.state, local.todo, local.retry = enactor.state, (), True
        local.got = local.read = None

    def _nonce(self, actor: int, count: int) -> str:
        return f"{actor + 1:08x}{count:08x}"

    # judging

    def judge(self, shared: World, deed: tuple[int, int, int] | tuple[str, ...]) -> str:
        """The checks ran with the move; here only what is tolerated is left out."""
        del shared
        return judged(self.spec, *(str(one) for one in deed))

    def calm(self, shared: World, locals_: Sequence[Local]) -> None:
        """No more faults; operators lift what they placed; probes tell the truth."""
        del locals_
        shared.faults = shared.turns = 0
        shared.overrides = ()
        shared.now_ns = Nanos(shared.now_ns + 2 * DAY_NS)
        for i, endpoint in enumerate(shared.endpoints):
            shared.health[i] = fortune.health_of(endpoint, shared.ups[i], shared.now_ns)

    def unsettled(self, shared: World) -> str:
        """Each name answers with exactly the healthy targets, under the newest plan's fence."""
        for i, endpoint in enumerate(shared.endpoints):
            layout = layout_of(endpoint, self._provider)
            for name in endpoint.names:
                for family in name.families:
                    values = find(answered(layout, shared.zone), name.name, family.rtype)
                    if not fortune.right(endpoint, shared.ups[i], values, family):
                        return f"L2 heals: {name.name} {family} is not what healthy targets ask for"
            head = shared.rows[i].head
            if head is None:
                return f"L1 converges: the store has no plan of {endpoint.name}"
            seen = observe(shared.zone, head.layout, shared.now_ns)
            if not isinstance(compare(head, seen), Proof):
                return f"L1 converges: {endpoint.name} does not show plan {head.generation}"
            if shared.rows[i].confirmed != head.generation:
                return f"L1 converges: plan {head.generation} of {endpoint.name} is not confirmed"
        return ""

    # freezing

    def freeze(self, shared: World, local: Local) -> tuple[Hashable, Hashable]:
        """Return the cells as tuples."""
        return (
            shared.zone,
            shared.before if "read-behind" in self._may else (),
            tuple(shared.rows),
            tuple(shared.endpoints),
            tuple(shared.health),
            tuple(shared.truths),
            shared.faults,
            shared.turns,
            shared.now_ns,
            shared.copies if "store-rollback" in self._may else (),
            shared.overrides,
            shared.late,
            shared.leapt,
            tuple(shared.ups),
        ), (type(local).__name__, local.freeze())

    def thaw(self, shared: Hashable, local: Hashable) -> tuple[World, Local]:
        """Return the tuples as cells."""
        assert isinstance(shared, tuple)
        assert isinstance(local, tuple)
        zone, before, rows, endpoints, health, truths, faults, turns, now_ns, copies = shared[:10]
        overrides, late, leapt, ups = shared[10:]
        world = World(
            zone,
            list(rows),
            list(endpoints),
            list(health),
            list(truths),
            faults,
            turns,
            now_ns,
            before,
            copies,
            overrides,
            late,
            leapt,
            list(ups),
        )
        kind, cells = local
        made: Local = {"Planner": Planner, "Enactor": Enactor, "Nobody": Nobody}[kind](*cells)
        return world, made

    def pace_ns(self, actor: int, shared: World, local: Local) -> Nanos:
        """A stroke a minute, a turn of the planner each second, 50 ms for everything else."""
        del shared
        if actor == self._fortune:
            return seconds(60)
        return seconds(1 if isinstance(local, Planner) else 0.05)

    # telling

    def tell(self, actor: int, option: int, shared: World, local: Local) -> str:
        """One line on the next move."""
        if isinstance(local, Nobody):
            if actor == self._net:
                return "carries out a write whose sender gave up long ago"
            name, index = fortune.strokes(shared, self._own)[option]
            return (
                f"target {index % fortune.TARGETS_MAX + 1} turns"
                if name == "turn"
                else f"strikes: {name}"
            )
        fault = self._strikes(shared, local)[option - 1] if option else ""
        struck = f", struck by {fault}" if fault else ""
        if not local.todo:
            what = "starts work"
            if isinstance(local, Planner):
                what = "reads the DNS" if local.blind else "looks at what is new"
            return f"{what}{struck}"
        command = local.todo[0]
        if isinstance(command, CommitPlan):
            return f"commits plan {command.plan.generation} on top of {command.expected}{struck}"
        return f"{_VERBS.get(type(command), type(command).__name__)}{struck}"

    def dns(self, shared: World) -> str:
        """What each endpoint shows."""
        parts = []
        for endpoint in shared.endpoints:
            layout = layout_of(endpoint, self._provider)
            zone = answered(layout, shared.zone)
            values = " ".join(find(zone, layout.names[0], RecordType.A)) or "EMPTY"
            parts.append(f"{endpoint.name}: {values} ({live_generation(shared, layout.fence_at)})")
        epoch = parse_epoch(find(shared.zone, epoch_name(self._zone), RecordType.TXT))
        return "; ".join([*parts, f"epoch {epoch.number if epoch else '-'}"])

    def belief(self, actor: int, shared: World, local: Local) -> str:
        """What a role holds to be true."""
        del actor, shared
        if isinstance(local, Enactor):
            return str(local.state)
        return ""


_VERBS: dict[type[EnactCommand | LoopCommand], str] = {
    ReadProvider: "reads fence and records",
    FetchNewest: "fetches the newest plan",
    Write: "sends a write",
    Confirm: "records the receipt",
    ReportDrift: "reports drift",
}
