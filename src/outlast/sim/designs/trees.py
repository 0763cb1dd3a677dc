"""`trees`: the production core where plans lie in trees; with a sweeper, resolvers, and time that passes.

Everything of `outlast` is here, planner, enactors and faults; two pieces make a tree. Beside them

- a *sweeper* runs `core.sweep` on the store's list of trees, one command a move, so that anything may happen
  between its look, its reading and each of its writes, which may arrive late like everybody's;
- *resolvers* hold, in the worst case, every pointer that was ever changed for one more TTL. A write of ours
  after which one of them leads nowhere is a broken S1: it is what a quarantine is for;
- *time* passes, a TTL a move: some, and whatever is needed until nobody holds such a pointer.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from outlast.core import sweep
from outlast.core.messages import Read, ReadProvider, Write, Wrote
from outlast.core.sweep import Looked, Swept
from outlast.core.tree import label_of
from outlast.core.verify import compare
from outlast.model.fence import Fence
from outlast.model.names import DnsName
from outlast.model.plan import Laying, Outcome, OutcomeKind, Proof
from outlast.model.records import RecordType
from outlast.model.units import Nanos, seconds
from outlast.sim.design import Spec
from outlast.sim.designs.outlast import Local as PlainLocal
from outlast.sim.designs.outlast import Nobody, Outlast
from outlast.sim.place import Place, made_up
from outlast.sim.site import Broken, Site, write
from outlast.sim.world import ADDRESSES, World, Zone, find, observe

CARRIES = 120
"""Bytes of a transaction here: the two record sets of an endpoint are laid, and swept, in two pieces."""

TTL_S = 60
STRIKES = ("late-write", "lost-reply", "lost-request")


@dataclass(slots=True)
class Sweeper:
    """A sweeper of one endpoint: its machine, commands still to do, and what it looked at last."""

    state: sweep.State
    todo: tuple[sweep.Command, ...] = ()
    looked: Hashable = None
    live: tuple[Fence, str] | None = None

    def freeze(self) -> Hashable:
        """Return the cells as a tuple."""
        return self.state, self.todo, self.looked, self.live

    def sees(self, site: Site, world: World) -> Hashable:
        """What there is to look at."""
        head = world.rows[site.index].head
        if head is None or not world.laid:
            return None
        return find(world.zone, head.layout.fence_at, RecordType.TXT), world.laid, world.minutes

    def idle(self, site: Site, world: World) -> bool:
        """Whether there is nothing new and nothing to do."""
        return not self.todo and not self.live and self.looked == self.sees(site, world)

    def look(self, site: Site, world: World) -> None:
        """See whether the endpoint shows exactly the newest plan."""
        self.looked = self.sees(site, world)
        head = world.rows[site.index].head
        if head is None:
            return
        proof = compare(head, observe(world.zone, head.layout, world.now_ns))
        if isinstance(proof, Proof):
            self.live = proof.fence, label_of(head)

    def judge(self, world: World) -> None:
        """Fetch the list, which may have grown since the look, and decide what may go."""
        assert self.live is not None
        fence, top = self.live
        looked = Looked(
            fence=fence,
            top=top,
            trees=world.laid,
            ttl_s=TTL_S,
            agreed=True,
            at_ns=seconds(TTL_S * world.minutes),
        )
        self.live = None
        self.state, self.todo = sweep.step(self.state, looked)

    def carry_out(self, site: Site, world: World, fault: str) -> Broken:
        """Carry out the next command, struck by a fault or (empty) not."""
        command, self.todo = self.todo[0], self.todo[1:]
        broken: Broken = ()
        match command:
            case ReadProvider(layout=layout):
                seen = observe(world.zone, layout, world.now_ns)
                self._take(Read(observation=seen, at_ns=world.now_ns))
            case Write(transaction=transaction):
                kind = OutcomeKind.UNKNOWN
                if fault in {"", "lost-reply"}:
                    done, broken = write(site, world, transaction)
                    kind = OutcomeKind.APPLIED if done else OutcomeKind.REFUSED
                if fault == "late-write":
                    world.late = (*world.late, transaction)
                kind = OutcomeKind.UNKNOWN if fault else kind
                self._take(Wrote(outcome=Outcome(kind=kind), at_ns=world.now_ns))
            case Swept(tree=tree):
                world.laid = tuple(one for one in world.laid if one.top != tree.top)
        return broken

    def _take(self, event: Read | Wrote) -> None:
        self.state, self.todo = sweep.step(self.state, event)


Local = PlainLocal | Sweeper


class Trees(Outlast):
    """The design; see the module's text."""

    def __init__(self, spec: Spec) -> None:
        place = made_up(1)
        endpoints = tuple(replace(one, layout=Laying.TREE) for one in place.endpoints)
        super().__init__(spec, Place(endpoints, place.provider))
        self._sites = tuple(replace(one, carries=CARRIES) for one in self._sites)
        self._site = tuple(self._sites[0] for _ in self._site) + (self._sites[0],) * 2
        self._sweeper, self._time = len(self.actors), len(self.actors) + 1
        self.actors = (*self.actors, "sweeper", "time")
        self.rare = self.rare | {self._time}

    def _fresh(self, actor: int) -> Local:  # type: ignore[override]
        if actor == self._sweeper:
            return Sweeper(sweep.State(carries=CARRIES))
        return super()._fresh(actor)

    def options(self, actor: int, shared: World, local: Local) -> int:
        """As `outlast`; time passes while it matters to somebody."""
        if actor == self._time:
            return 1 if shared.cached or shared.minutes < self.spec.size.plans else 0
        if isinstance(local, Sweeper):
            if local.idle(self._sites[0], shared):
                return 0
            return 1 + len(self._sweep_strikes(shared, local))
        return super().options(actor, shared, local)

    def _sweep_strikes(self, shared: World, local: Sweeper) -> list[str]:
        """The faults that can strike a sweeper's write."""
        if not shared.faults or not local.todo or not isinstance(local.todo[0], Write):
            return []
        return [kind for kind in STRIKES if kind in self._may]

    def move(self, actor: int, option: int, shared: World, local: Local) -> Broken | None:
        """Carry out one move; return what it broke."""
        before = shared.zone
        if actor == self._time:
            shared.minutes += 1
            shared.cached = tuple(one for one in shared.cached if one[2] > shared.minutes)
            return None
        if isinstance(local, Sweeper):
            broken = self._sweep(option, shared, local)
        else:
            broken = super().move(actor, option, shared, local) or ()
        if shared.zone == before:
            return broken or None
        lost = () if actor == self._fortune else stranded(shared, before)
        shared.cached = (*shared.cached, *turned(before, shared.zone, shared.minutes + 1))
        return (*broken, *lost) or None

    def _sweep(self, option: int, shared: World, local: Sweeper) -> Broken:
        fault = self._sweep_strikes(shared, local)[option - 1] if option else ""
        shared.faults -= bool(fault)
        if local.live:
            local.judge(shared)
            return ()
        if not local.todo:
            local.look(self._sites[0], shared)
            return ()
        return local.carry_out(self._sites[0], shared, fault)

    def calm(self, shared: World, locals_: Sequence[Local]) -> None:
        """No more faults."""
        del locals_
        super().calm(shared, ())

    def freeze(self, shared: World, local: Local) -> tuple[Hashable, Hashable]:
        """Return the cells as tuples."""
        more = shared.laid, shared.cached, shared.minutes
        if isinstance(local, Sweeper):
            plain, _ = super().freeze(shared, Nobody())
            return (plain, more), ("Sweeper", local.freeze())
        plain, cells = super().freeze(shared, local)
        return (plain, more), cells

    def thaw(self, shared: Hashable, local: Hashable) -> tuple[World, Local]:  # type: ignore[override]
        """Return the tuples as cells."""
        assert isinstance(shared, tuple)
        assert isinstance(local, tuple)
        plain, (laid, cached, minutes) = shared
        kind, cells = local
        sweeping = kind == "Sweeper"
        world, made = super().thaw(plain, ("Nobody", (0,)) if sweeping else local)
        world.laid, world.cached, world.minutes = laid, cached, minutes
        return world, Sweeper(*cells) if sweeping else made

    def pace_ns(self, actor: int, shared: World, local: Local) -> Nanos:
        """A TTL for time, as `outlast` for the others."""
        if actor == self._time:
            return seconds(TTL_S)
        plain = Nobody() if isinstance(local, Sweeper) else local
        return super().pace_ns(actor, shared, plain)

    def tell(self, actor: int, option: int, shared: World, local: Local) -> str:
        """One line on the next move."""
        if actor == self._time:
            return "a TTL passes"
        if not isinstance(local, Sweeper):
            return super().tell(actor, option, shared, local)
        fault = self._sweep_strikes(shared, local)[option - 1] if option else ""
        struck = f", struck by {fault}" if fault else ""
        if not local.todo:
            return "decides which tree may go" if local.live else "looks which plan is live"
        doomed = local.state.doomed
        what = {ReadProvider: "reads", Write: "removes a piece of", Swept: "strikes out"}
        return f"{what[type(local.todo[0])]} tree {doomed.top if doomed else ''}{struck}"

    def belief(self, actor: int, shared: World, local: Local) -> str:
        """What a role holds to be true."""
        if isinstance(local, Sweeper):
            return ""
        return super().belief(actor, shared, local)


def turned(before: Zone, after: Zone, until: int) -> list[tuple[DnsName, DnsName, int]]:
    """Return the pointers that changed, as resolvers may still hold them."""
    return [
        (one.name, DnsName(one.values[0]), until)
        for one in before
        if one.rtype is RecordType.CNAME and find(after, one.name, RecordType.CNAME) != one.values
    ]


def stranded(world: World, before: Zone) -> Broken:
    """Return whether a write took away what somebody's old pointer leads to."""
    return tuple(
        f"S1 never empty: who still follows {name} to {target} finds nothing any more"
        for name, target, _ in world.cached
        if any(find(before, target, rtype) for rtype in ADDRESSES)
        and not any(find(world.zone, target, rtype) for rtype in ADDRESSES)
    )
