"""Fortune: what strikes the world by itself. Foreign hands, operators, the store's file, the clock.

Each stroke is one function over the shared cells; `strokes` says which are possible now, in fixed order.
Changes of health are the ordinary workload (they make the planner plan), all others are faults.
"""

from collections.abc import Callable
from dataclasses import replace

from outlast.core.adopt import RESCUE_LEAP
from outlast.core.plan import layout_of
from outlast.core.transact import move
from outlast.core.tree import leaves_of
from outlast.model.fence import RESCUER, Fence, epoch_name, parse_epoch, parse_fence
from outlast.model.health import Health, Verdict
from outlast.model.names import DnsName
from outlast.model.override import Evacuation, Freeze
from outlast.model.plan import Layout, Origin
from outlast.model.records import Family, RecordSet, RecordType
from outlast.model.topology import Endpoint, PublishedName, subject_of
from outlast.model.units import Generation, Nanos, seconds
from outlast.sim.site import Broken, Site, write
from outlast.sim.world import ADDRESSES, Row, Truth, World, drop, find, observe, put

HOUR_NS = seconds(3600)
TARGETS_MAX = 1024
FOREIGN = "203.0.113.66"

_FOREIGN = frozenset({"alter-records", "plant-cname"})
"""Strange records at names where nothing was published yet are somebody else's, and rightly stay."""

_UNCONFIRMED = frozenset({"wipe-fence", "alter-fence"})
"""Without its fence a publication that nobody ever confirmed cannot be told from somebody else's."""

Stroke = tuple[str, int]
"""What happens, and to which endpoint, or for `turn` to which target (endpoint * TARGETS_MAX + target)."""


def health_of(endpoint: Endpoint, ups: tuple[bool, ...], at_ns: Nanos) -> tuple[Health, ...]:
    """Return the health that honest probes would report."""
    return tuple(
        Health(
            subject=subject_of(endpoint.name, target.name, family),
            verdict=Verdict.UP if up else Verdict.DOWN,
            since_ns=at_ns,
            evidence_at_ns=at_ns,
        )
        for target, up in zip(endpoint.targets, ups, strict=True)
        for family in target.families
    )


def strokes(world: World, faults: tuple[str, ...]) -> list[Stroke]:
    """Return everything that may happen by itself now."""
    possible: list[Stroke] = []
    if world.turns:
        for index, ups in enumerate(world.ups):
            possible += [
                ("turn", index * TARGETS_MAX + target)
                for target, up in enumerate(ups)
                if not up or sum(ups) > 1
            ]
    if world.faults:
        possible += [
            (name, index)
            for name in faults
            for index, truth in enumerate(world.truths)
            if (truth.high or name not in _FOREIGN)
            and (world.rows[index].receipt or name not in _UNCONFIRMED)
        ]
    return possible


def strike(stroke: Stroke, site: Site, world: World, nonce: str) -> Broken:
    """Let something happen."""
    name, index = stroke
    if name == "turn":
        world.turns -= 1
        return _turn(world, index // TARGETS_MAX, index % TARGETS_MAX)
    world.faults -= 1
    if name == "rescue":
        return _rescue(site, world, nonce)
    layout = layout_of(world.endpoints[index], site.provider)
    _STROKES[name](world, index, layout)
    _forgive(world, index, layout)
    return ()


def _turn(world: World, index: int, target: int) -> Broken:
    ups = list(world.ups[index])
    ups[target] = not ups[target]
    world.ups[index] = tuple(ups)
    world.health[index] = health_of(world.endpoints[index], world.ups[index], world.now_ns)
    return ()


def _own(layout: Layout) -> list[tuple[DnsName, RecordType]]:
    return [(name, rtype) for name in layout.names for rtype in (*ADDRESSES, RecordType.CNAME)]


def _wipe(world: World, index: int, layout: Layout) -> None:
    del index
    world.change(drop(world.zone, (layout.fence_at, RecordType.TXT), *_own(layout)))


def _wipe_records(world: World, index: int, layout: Layout) -> None:
    del index
    world.change(drop(world.zone, *_own(layout)))


def _forgive(world: World, index: int, layout: Layout) -> None:
    """Lower the mark of S2 to what DNS or store still know, where a stroke erased the rest.

    Two independent losses, the fence wiped and the store gone back (or never told, after a rescue), leave
    nobody who could know how far the numbers had come. No promise can cover that.
    """
    if parse_fence(find(world.zone, layout.fence_at, RecordType.TXT)) is None:
        truth = world.truths[index]
        known = max((one.generation for one in world.rows[index].archive), default=Generation(0))
        world.truths[index] = replace(truth, high=min(truth.high, known))


def _wipe_fence(world: World, index: int, layout: Layout) -> None:
    del index
    world.change(drop(world.zone, (layout.fence_at, RecordType.TXT)))


def _wipe_zone(world: World, index: int, layout: Layout) -> None:
    _wipe(world, index, layout)
    world.change(drop(world.zone, (epoch_name(layout.zone), RecordType.TXT)))


def _alter_records(world: World, index: int, layout: Layout) -> None:
    del index
    first = layout.names[0]
    at = next(
        iter(find(world.zone, first, RecordType.CNAME)), first
    )  # beside an alias nothing can stand
    world.change(put(world.zone, RecordSet(DnsName(at), RecordType.A, 60, (FOREIGN,))))


def _alter_fence(world: World, index: int, layout: Layout) -> None:
    del index
    world.change(put(world.zone, RecordSet(layout.fence_at, RecordType.TXT, 0, ("hello",))))


def _plant_cname(world: World, index: int, layout: Layout) -> None:
    del index
    zone = drop(world.zone, *_own(layout))
    alias = RecordSet(layout.names[0], RecordType.CNAME, 60, ("elsewhere.example.org",))
    world.change(put(zone, alias))


def _store_rollback(world: World, index: int, layout: Layout) -> None:
    del layout
    world.rows[index] = world.copies[index] if world.copies else Row()
    _hurt(world, index)


def _store_lost(world: World, index: int, layout: Layout) -> None:
    del layout
    world.rows[index] = Row()
    _hurt(world, index)


def _hurt(world: World, index: int) -> None:
    world.truths[index] = replace(world.truths[index], hurt=True)


def _freeze(world: World, index: int, layout: Layout) -> None:
    del index
    placed = [one for one in world.overrides if isinstance(one, Freeze) and one.by == "ops"]
    if placed:
        world.overrides = tuple(one for one in world.overrides if one not in placed)
        return
    frozen = Freeze(endpoint=layout.endpoint, reason="drill", by="ops", at_ns=world.now_ns)
    world.overrides = (*world.overrides, frozen)


def _evacuate(world: World, index: int, layout: Layout) -> None:
    del layout
    placed = [one for one in world.overrides if isinstance(one, Evacuation)]
    if placed:
        world.overrides = tuple(one for one in world.overrides if one not in placed)
        return
    drained = Evacuation(
        region=world.endpoints[index].targets[0].region,
        reason="drill",
        by="ops",
        at_ns=world.now_ns,
    )
    world.overrides = (*world.overrides, drained)


def _topology_edit(world: World, index: int, layout: Layout) -> None:
    endpoint = world.endpoints[index]
    name = DnsName(f"alt-{layout.names[0]}")
    if len(endpoint.names) == 1:
        added = PublishedName(name=name, families=endpoint.names[0].families)
        world.endpoints[index] = replace(endpoint, names=(*endpoint.names, added))


def _clock_jump(world: World, index: int, layout: Layout) -> None:
    del index, layout
    world.now_ns = Nanos(world.now_ns + (HOUR_NS if world.leapt else -HOUR_NS))
    world.leapt = not world.leapt


def _probes_lie(world: World, index: int, layout: Layout) -> None:
    del layout
    endpoint = world.endpoints[index]
    none = tuple(False for _ in endpoint.targets)
    world.health[index] = health_of(endpoint, none, world.now_ns)


def _probes_silent(world: World, index: int, layout: Layout) -> None:
    del layout
    first = world.health[index][0].subject.rpartition("/")[0]
    world.health[index] = tuple(
        replace(one, verdict=Verdict.UNKNOWN) if one.subject.startswith(f"{first}/") else one
        for one in world.health[index]
    )


def _rescue(site: Site, world: World, nonce: str) -> Broken:
    """What `outlast rescue` does: read, and write the last good plan as a newer generation."""
    truth: Truth = world.truths[site.index]
    if truth.good is None:
        return ()
    found = observe(world.zone, truth.good.layout, world.now_ns)
    if parse_epoch(found.epoch) is None:
        return ()
    standing = parse_fence(found.fence)
    generation = Generation(truth.high + RESCUE_LEAP)
    plan = replace(truth.good, generation=generation, origin=Origin.RESCUE)
    fence = Fence(generation=generation, digest=plan.digest, nonce=nonce, writer=RESCUER)
    allowed = tuple(sorted({*truth.allowed, (generation, plan.digest)}))
    world.truths[site.index] = replace(truth, allowed=allowed)
    if plan.layout.tree:
        world.change(put(world.zone, *leaves_of(plan)))
    return write(site, world, move(plan, found, fence, spend_epoch=standing is None), plan)[1]


_STROKES: dict[str, Callable[[World, int, Layout], None]] = {
    "wipe": _wipe,
    "wipe-records": _wipe_records,
    "wipe-fence": _wipe_fence,
    "wipe-zone": _wipe_zone,
    "alter-records": _alter_records,
    "alter-fence": _alter_fence,
    "plant-cname": _plant_cname,
    "store-rollback": _store_rollback,
    "store-lost": _store_lost,
    "freeze": _freeze,
    "evacuate": _evacuate,
    "topology-edit": _topology_edit,
    "clock-jump": _clock_jump,
    "probes-lie": _probes_lie,
    "probes-silent": _probes_silent,
}


def right(
    endpoint: Endpoint, ups: tuple[bool, ...], values: tuple[str, ...], family: Family
) -> bool:
    """Whether honest health asks for just these addresses: a second opinion on the planner.

    Exactly the healthy ones; where none is healthy, any of them but never none.
    """
    pairs = [(target.address(family), up) for target, up in zip(endpoint.targets, ups, strict=True)]
    every = {address for address, _ in pairs if address}
    healthy = {address for address, up in pairs if address and up}
    if healthy:
        return set(values) == healthy
    return set(values) <= every and bool(values) == bool(every)
