"""The checks themselves: each says nothing of a good write and names the invariant of a bad one."""

from dataclasses import replace

from outlast.core.enact import Writing
from outlast.model.fence import Fence, parse_fence
from outlast.model.health import Health, Verdict
from outlast.model.override import Freeze
from outlast.model.plan import Layout, Plan
from outlast.model.records import RecordSet, RecordType
from outlast.model.units import Generation, Nanos
from outlast.sim.checks import groundless, judge_write, retained
from outlast.sim.design import Size, Spec
from outlast.sim.designs.outlast import Outlast
from outlast.sim.liveness import heal
from outlast.sim.roleenactor import Enactor
from outlast.sim.world import Row, Truth, World, Zone, drop, find, put


def published() -> tuple[World, Plan]:
    """A world at rest, and the plan that is live in it."""
    design = Outlast(Spec(design="outlast", size=Size(enactors=1, plans=1)))
    shared, locals_ = design.begin()
    for actor, option in heal(design, (), 200).steps:
        design.move(actor, option, shared, locals_[actor])
    plan = shared.rows[0].head
    assert plan is not None
    return shared, plan


def refenced(zone: Zone, layout: Layout, **changed: object) -> Zone:
    """The zone with another fence."""
    fence = parse_fence(find(zone, layout.fence_at, RecordType.TXT))
    assert fence is not None
    other: Fence = replace(fence, **changed)  # type: ignore[arg-type]
    return put(zone, RecordSet(layout.fence_at, RecordType.TXT, 0, (str(other),)))


def judge(world: World, after: Zone, layout: Layout, truth: Truth | None = None) -> list[str]:
    """The invariants that a write from the world's zone to another one breaks."""
    broken = judge_write(layout, world.zone, after, truth or world.truths[0], floor=1)
    return [one[:2] for one in broken]


def test_an_ordinary_move_breaks_nothing() -> None:
    """The same content under a newer, allowed fence is as it should be."""
    world, plan = published()
    after = refenced(world.zone, plan.layout, generation=2)
    truth = replace(world.truths[0], allowed=((Generation(2), plan.digest),))
    assert judge(world, after, plan.layout, truth) == []


def test_an_empty_name_is_noticed() -> None:
    """S1 and S3: the fence moved, the addresses went."""
    world, plan = published()
    name = plan.layout.names[0]
    after = refenced(world.zone, plan.layout, nonce="f" * 16)
    after = drop(after, (name, RecordType.A), (name, RecordType.AAAA))
    assert judge(world, after, plan.layout) == ["S1", "S3"]


def test_going_back_is_noticed_even_after_a_wipe() -> None:
    """S2: generation 1 after 5 stood there, whatever stands there now."""
    world, plan = published()
    truth = replace(world.truths[0], high=Generation(5))
    after = refenced(world.zone, plan.layout, nonce="f" * 16)
    assert judge(world, after, plan.layout, truth) == ["S2"]


def test_other_content_is_noticed() -> None:
    """S3: another address under the same fence."""
    world, plan = published()
    strange = RecordSet(plan.layout.names[0], RecordType.A, 60, ("203.0.113.9",))
    assert judge(world, put(world.zone, strange), plan.layout) == ["S3"]


def test_what_nobody_allowed_is_noticed() -> None:
    """S5: a fence that names a plan the guard never let pass."""
    world, plan = published()
    after = refenced(world.zone, plan.layout, generation=9)
    assert judge(world, after, plan.layout) == ["S5"]


def test_a_foreign_name_is_noticed() -> None:
    """S6: somebody else's record changed."""
    world, plan = published()
    foreign = next(one for one in world.zone if one.name.startswith("_elsewhere"))
    after = drop(world.zone, (foreign.name, foreign.rtype))
    assert judge(world, after, plan.layout) == ["S6"]


def test_a_retired_predecessor_is_noticed() -> None:
    """S4: the live plan and the one before it have to stay."""
    world, plan = published()
    older, newer = plan, replace(plan, generation=Generation(2))
    zone = refenced(world.zone, plan.layout, generation=2)
    before = Row(head=newer, archive=(older, newer))
    assert retained(plan.layout, zone, before, before) == ""
    assert retained(plan.layout, zone, before, replace(before, archive=(newer,))).startswith("S4")
    assert retained(plan.layout, zone, before, replace(before, archive=(older,))).startswith("S4")


def test_a_plan_needs_ground() -> None:
    """S5: an address goes only when it was seen down, and nothing new comes while frozen."""
    world, head = published()
    endpoint = world.endpoints[0]
    gone = replace(head.members[0], published=False)
    plan = replace(head, generation=Generation(2), members=(gone, *head.members[1:]))
    subject = f"{endpoint.name}/{gone.target}/{gone.family}"
    up = world.health[0]
    down: tuple[Health, ...] = tuple(
        replace(one, verdict=Verdict.DOWN) if one.subject == subject else one for one in up
    )
    assert groundless(plan, head, endpoint, down, ()) == ""
    assert groundless(plan, head, endpoint, up, ()).startswith("S5")
    freeze = Freeze(endpoint=endpoint.name, reason="drill", by="ops", at_ns=Nanos(0))
    assert "frozen" in groundless(plan, head, endpoint, down, (freeze,))


def test_an_enactor_is_held_against_its_own_past() -> None:
    """S2: an enactor that read plan 7 must not publish plan 1, even where nobody else knows of 7."""
    design = Outlast(Spec(design="outlast", size=Size(enactors=1, plans=1)))
    shared, locals_ = design.begin()
    for actor, option in heal(design, (), 200).steps:
        enactor = locals_[1]
        assert isinstance(enactor, Enactor)
        if actor == 1 and isinstance(enactor.state.phase, Writing):
            enactor.mark = 7
            deed = design.move(actor, option, shared, enactor)
            assert deed is not None
            assert deed[0].startswith("S2 monotone: enactor-1 published plan 1")
            return
        design.move(actor, option, shared, locals_[actor])
    raise AssertionError("nothing was written")
