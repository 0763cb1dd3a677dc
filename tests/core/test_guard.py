"""Guard: each rule fires on its counter-example, stays silent otherwise, and all are always asked."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.builders import (
    DOWN,
    NAME,
    UNKNOWN,
    UP,
    V4,
    V6,
    addresses,
    at,
    case,
    endpoint,
    evacuation,
    failover,
    freeze,
    health,
    healths,
    plan,
    provider,
    removal,
    situation,
    target,
    vote,
    waiver,
)

from outlast.core.cells import Standing
from outlast.core.guard import ABSOLUTE, RULES, WAIVABLE, Case, rule
from outlast.core.plan import Situation, make
from outlast.model.names import CellName, DnsName
from outlast.model.override import Override
from outlast.model.plan import Finding, Plan, Ruling, Severity
from outlast.model.records import RecordType, digest_of
from outlast.model.topology import Budget, Cell, Endpoint, Floors, PublishedName
from outlast.model.units import Generation

OF = endpoint("eu-1", "eu-2", "us-1", "us-2")
HEAD = plan(OF)
ASKED = situation(OF, head=HEAD)
WWW = DnsName("www.example.net")


def rules(ruling: Ruling) -> list[str]:
    """Return the names of the rules that block."""
    return [
        one.rule for one in ruling.findings if one.severity is Severity.BLOCK and not one.overridden
    ]


def without(wanted: Plan, *names: str) -> Plan:
    """Take targets out of a plan as a wrong planner would: members, records and digest agree."""
    gone = {one.address for one in wanted.members if one.target in names}
    sets = []
    for one in wanted.record_sets:
        values = tuple(two for two in one.values if two not in gone)
        sets += [replace(one, values=values)] if values else []
    members = tuple(
        replace(one, published=one.published and one.target not in names) for one in wanted.members
    )
    return replace(wanted, members=members, record_sets=tuple(sets), digest=digest_of(tuple(sets)))


def dead(of: Endpoint, *down: str, head: Plan | None = None) -> Situation:
    """Make the situation after some targets died, on top of everything up."""
    return situation(of, healthy=healths(of, *down, since=99), head=head or plan(of))


def judged(asked: Situation, *out: str) -> Case:
    """Make the case of a wrong planner that takes targets out whatever floors and budgets say."""
    return case(asked, without(make(asked, Generation(2)), *out))


GENEROUS = Budget(removed_ratio=1.0)
NO_SHARE = Floors(share_ratio=0.0)
BOTH = (target("eu-1", families="46"), target("us-1", families="46"))


def _never_empty() -> Case:
    return judged(ASKED, "eu-1", "eu-2", "us-1", "us-2")


def _never_empty_one_family() -> Case:
    of = endpoint(*BOTH)
    wanted = plan(of)
    sets = tuple(one for one in wanted.record_sets if one.rtype is RecordType.A)
    return case(situation(of), replace(wanted, record_sets=sets, digest=digest_of(sets)))


def _never_empty_one_name() -> Case:
    of = endpoint("eu-1", names=(PublishedName(name=NAME), PublishedName(name=WWW)))
    wanted = plan(of)
    sets = tuple(one for one in wanted.record_sets if one.name == NAME)
    return case(situation(of), replace(wanted, record_sets=sets, digest=digest_of(sets)))


def _authentic() -> Case:
    return case(ASKED, replace(make(ASKED, Generation(2)), digest="0" * 32))


def _newer() -> Case:
    return case(ASKED, newest=2)


def _stale_base() -> Case:
    return case(ASKED, replace(make(ASKED, Generation(3)), base=Generation(0)))


def _stale_base_first() -> Case:
    return case(situation(OF), replace(make(situation(OF), Generation(3)), base=Generation(2)))


def _frozen() -> Case:
    return case(replace(ASKED, overrides=(freeze(),)))


def _frozen_everything() -> Case:
    return case(replace(ASKED, overrides=(freeze(None, until=200),)))


def _floor_targets() -> Case:
    of = endpoint("eu-1", "us-1", "us-2", floors=Floors(targets=3, share_ratio=0))
    return judged(dead(of, "eu-1"), "eu-1")


def _floor_targets_ipv6() -> Case:
    of = endpoint(*BOTH, floors=Floors(targets=2, share_ratio=0))
    sick = (*healths(of)[:3], health("us-1", DOWN, family=V6, since=99))
    wanted = make(situation(of), Generation(1))
    less = tuple(
        replace(one, values=one.values[:1]) if one.rtype is RecordType.AAAA else one
        for one in wanted.record_sets
    )
    return case(
        situation(of, healthy=sick), replace(wanted, record_sets=less, digest=digest_of(less))
    )


def _floor_targets_twins() -> Case:
    twin = replace(target("us-1"), ipv4=target("eu-1").ipv4)
    return case(situation(endpoint("eu-1", twin, floors=Floors(targets=2))))


def _floor_share() -> Case:
    of = endpoint(
        target("eu-1", capacity=700), target("us-1", capacity=300), floors=Floors(share_ratio=0.5)
    )
    return judged(dead(of, "eu-1"), "eu-1")


def _floor_share_failover() -> Case:
    of = endpoint(
        "eu-1", "eu-2", "us-1", policy=failover("eu", "us"), floors=Floors(share_ratio=0.6)
    )
    return judged(dead(of, "eu-1"), "eu-1", "us-1")


def _floor_share_behind_a_dead_tier() -> Case:
    late = [f"us-{number}" for number in range(1, 11)]
    of = endpoint("eu-1", *late, policy=failover("eu", "us"), floors=Floors(share_ratio=0.6))
    asked = dead(of, "eu-1")
    kept = replace(make(asked, Generation(2)).members[0], published=True, verdict=DOWN)
    wanted = without(make(asked, Generation(2)), *late[1:])
    return case(asked, replace(wanted, members=(kept, *wanted.members[1:])))


def _budget() -> Case:
    return judged(dead(OF, "eu-1", "eu-2", "us-1"), "eu-1", "eu-2", "us-1")


def _budget_over_time() -> Case:
    asked = replace(dead(OF, "eu-1"), removals=(removal("eu-2"), removal("us-1")))
    return judged(asked, "eu-1")


def _budget_small() -> Case:
    of = endpoint("eu-1", "us-1", "us-2", budget=Budget(removed_ratio=0.4), floors=NO_SHARE)
    return judged(replace(dead(of, "eu-1"), removals=(removal("us-1"),)), "eu-1")


def _budget_departed() -> Case:
    smaller = endpoint("eu-1", floors=NO_SHARE)
    return case(situation(smaller, head=HEAD))


def _standing(*, spent: int = 0, pushed_elsewhere: float = 0) -> Standing:
    """The cell of OF and three more like it."""
    return Standing(
        cell=Cell(name=CellName("shop"), budget=Budget(removed_ratio=0.125)),
        whole=((V4, 16),),
        spent=((V4, spent),) if spent else (),
        other="search",
        other_until_ns=at(pushed_elsewhere),
    )


def _cell_budget() -> Case:
    """One of this endpoint's four, where two of the cell's sixteen went in other endpoints."""
    return judged(replace(dead(OF, "eu-1"), cell=_standing(spent=2)), "eu-1")


def _cell_budget_changed_addresses() -> Case:
    """Nothing is down and nothing leaves; three targets are given other addresses."""
    pushed = tuple(
        replace(one, ipv4=f"203.0.113.{number}") if number < 3 else one
        for number, one in enumerate(OF.targets)
    )
    return case(replace(ASKED, endpoint=replace(OF, targets=pushed), cell=_standing()))


def _cell_turn() -> Case:
    smaller = endpoint("eu-2", "us-1", "us-2")
    return case(replace(ASKED, endpoint=smaller, cell=_standing(pushed_elsewhere=1000)))


def _evidence_old() -> Case:
    stale = tuple(
        health(one.name, DOWN if one.name == "eu-1" else UP, seen=39.0) for one in OF.targets
    )
    return case(replace(ASKED, health=stale))


def _evidence_none() -> Case:
    wanted = without(make(dead(OF, "eu-1"), Generation(2)), "eu-1")
    return case(replace(ASKED, health=(health("eu-1", UNKNOWN),)), wanted)


def _sick_monitor() -> Case:
    votes = (vote(DOWN, "v1"), vote(DOWN, "v2"))
    known = tuple(replace(one, votes=votes) for one in healths(OF, "eu-1", since=99))
    return case(replace(ASKED, health=known), sick=("v1", "v2"))


def _ownership() -> Case:
    return case(situation(OF, owned=False), foreign=(addresses("10.9.9.9"),))


def _capacity() -> Case:
    of = endpoint(
        target("eu-1", capacity=100), target("us-1", capacity=100), demand=150, floors=NO_SHARE
    )
    return case(situation(of, head=plan(of), overrides=(evacuation("eu"),)))


def _transaction_size() -> Case:
    names = tuple(
        PublishedName(name=DnsName(f"{number}.{'x' * 60}.example.net")) for number in range(20)
    )
    many = tuple(replace(target(f"eu-{n}"), ipv4=f"10.1.{n}.1") for n in range(200))
    return case(situation(endpoint(*many, names=names)))


def _fence_moved() -> Case:
    first = endpoint("eu-1", names=(PublishedName(name=NAME), PublishedName(name=WWW)))
    swapped = endpoint("eu-1", names=(PublishedName(name=WWW), PublishedName(name=NAME)))
    return case(situation(swapped, head=plan(first)))


FIRING: list[tuple[str, Callable[[], Case]]] = [
    ("never-empty", _never_empty),
    ("never-empty", _never_empty_one_family),
    ("never-empty", _never_empty_one_name),
    ("authentic", _authentic),
    ("newer", _newer),
    ("fence-moved", _fence_moved),
    ("stale-base", _stale_base),
    ("stale-base", _stale_base_first),
    ("frozen", _frozen),
    ("frozen", _frozen_everything),
    ("floor-targets", _floor_targets),
    ("floor-targets", _floor_targets_ipv6),
    ("floor-targets", _floor_targets_twins),
    ("floor-share", _floor_share),
    ("floor-share", _floor_share_failover),
    ("floor-share", _floor_share_behind_a_dead_tier),
    ("budget", _budget),
    ("budget", _budget_over_time),
    ("budget", _budget_small),
    ("budget", _budget_departed),
    ("cell-budget", _cell_budget),
    ("cell-budget", _cell_budget_changed_addresses),
    ("cell-turn", _cell_turn),
    ("evidence", _evidence_old),
    ("evidence", _evidence_none),
    ("sick-monitor", _sick_monitor),
    ("ownership", _ownership),
    ("capacity", _capacity),
    ("transaction-size", _transaction_size),
]


@pytest.mark.parametrize(("name", "make_case"), FIRING, ids=[one.__name__ for _, one in FIRING])
def test_a_rule_fires_on_its_counter_example(name: str, make_case: Callable[[], Case]) -> None:
    """The plan is blocked by the rule, with figures or names and a remedy for people."""
    ruling = rule(make_case())
    assert name in rules(ruling)
    assert not ruling.allowed
    found = [one for one in ruling.findings if one.rule == name]
    assert all(one.message and one.remedy for one in found)


def test_every_rule_that_blocks_has_a_counter_example() -> None:
    """A rule without one would be a rule that nobody saw fire."""
    assert {name for name, _ in FIRING} == ABSOLUTE | set(WAIVABLE)
    assert len(RULES) == len(ABSOLUTE | set(WAIVABLE)) + 1, "left-behind only warns"


@pytest.mark.parametrize(("name", "make_case"), FIRING, ids=[one.__name__ for _, one in FIRING])
def test_a_waiver_by_name_lets_the_rule_pass_unless_it_is_absolute(
    name: str, make_case: Callable[[], Case]
) -> None:
    """The finding stays, says by whom and until when, and blocks no more; absolute rules still do."""
    found = make_case()
    overrides: tuple[Override, ...] = (*found.situation.overrides, waiver(name))
    ruling = rule(replace(found, situation=replace(found.situation, overrides=overrides)))
    mine = [one for one in ruling.findings if one.rule == name]
    assert mine
    if name in ABSOLUTE:
        assert name in rules(ruling)
    else:
        assert name not in rules(ruling)
        assert all(one.overridden and "waived by ada until" in one.message for one in mine)


@pytest.mark.parametrize(
    "given",
    [
        waiver("evidence"),
        waiver("floor-targets", until=100),
        waiver("floor-targets", of="other"),
    ],
    ids=["another rule", "ended", "another endpoint"],
)
def test_a_waiver_of_something_else_waives_nothing(given: Override) -> None:
    """By name, for its endpoint, until its end: there is no general force."""
    found = _floor_targets()
    asked = replace(found.situation, overrides=(given,))
    assert "floor-targets" in rules(rule(replace(found, situation=asked)))


def test_a_waiver_for_all_endpoints_is_one_for_each() -> None:
    """`endpoint: None` means all."""
    found = _floor_targets()
    asked = replace(found.situation, overrides=(waiver("floor-targets", of=None),))
    assert rules(rule(replace(found, situation=asked))) == []


def _plain() -> Case:
    return case(ASKED)


def _one_dead() -> Case:
    return case(dead(OF, "eu-1"))


def _first() -> Case:
    return case(situation(OF, owned=False))


def _nothing_alive() -> Case:
    return case(dead(OF, "eu-1", "eu-2", "us-1", "us-2"))


def _freeze_over() -> Case:
    return case(replace(ASKED, overrides=(freeze(until=100), freeze("other"))))


def _first_of_two_goes() -> Case:
    of = endpoint("eu-1", "us-1", budget=Budget(removed_ratio=0.1))
    return case(dead(of, "eu-1"))


def _floor_above_what_exists() -> Case:
    return case(situation(endpoint("eu-1", floors=Floors(targets=3))))


def _tier_falls_over() -> Case:
    of = endpoint("eu-1", "eu-2", "us-1", "us-2", policy=failover("eu", "us"))
    return case(dead(of, "eu-1", "eu-2"))


def _help_from_a_large_tier() -> Case:
    late = [f"us-{number}" for number in range(1, 11)]
    of = endpoint(
        "eu-1", "eu-2", *late, policy=failover("eu", "us"), floors=Floors(share_ratio=0.6)
    )
    return case(dead(of, "eu-1"))


def _budget_keeps_some_of_a_dead_tier() -> Case:
    names = [f"eu-{number}" for number in range(1, 5)]
    of = endpoint(
        *names, "us-1", "us-2", policy=failover("eu", "us"), floors=Floors(share_ratio=0.6)
    )
    return case(dead(of, *names))


def _unprobed_departs() -> Case:
    head = plan(endpoint("eu-1", "us-1", "us-2", "us-3"))
    return case(situation(endpoint("eu-1", "us-1", "us-2"), head=head))


def _same_records_stand_there() -> Case:
    asked = situation(OF, owned=False)
    return case(asked, foreign=make(asked, Generation(1)).record_sets)


def _adopted_by_topology() -> Case:
    of = endpoint("eu-1", adopt=True)
    return case(situation(of, owned=False), foreign=(addresses("10.9.9.9"),))


def _enough_capacity() -> Case:
    of = endpoint(target("eu-1", capacity=100), target("us-1", capacity=200), demand=150)
    return case(situation(of, head=plan(of), overrides=(evacuation("eu"),)))


def _one_vantage_is_well() -> Case:
    votes = (vote(DOWN, "v1"), vote(DOWN, "v2"))
    known = tuple(replace(one, votes=votes) for one in healths(OF, "eu-1", since=99))
    return case(replace(ASKED, health=known), sick=("v1",))


@pytest.mark.parametrize(
    "make_case",
    [
        _plain,
        _one_dead,
        _first,
        _nothing_alive,
        _freeze_over,
        _first_of_two_goes,
        _floor_above_what_exists,
        _tier_falls_over,
        _help_from_a_large_tier,
        _budget_keeps_some_of_a_dead_tier,
        _unprobed_departs,
        _same_records_stand_there,
        _adopted_by_topology,
        _enough_capacity,
        _one_vantage_is_well,
    ],
)
def test_an_ordinary_case_passes_every_rule(make_case: Callable[[], Case]) -> None:
    """A guard that blocks good plans is waived by habit, and then guards nothing."""
    assert rules(rule(make_case())) == []


def test_sick_vantages_do_not_block_what_takes_nothing_away() -> None:
    """Adding a target while the monitors are sick harms nobody."""
    votes = (vote(UP, "v1"),)
    known = tuple(replace(one, votes=votes) for one in healths(OF))
    asked = situation(OF, healthy=known, head=plan(OF, "eu-1"))
    assert rules(rule(case(asked, sick=("v1",)))) == []


def test_all_reasons_come_at_once() -> None:
    """Nobody at 3 a.m. should lift one refusal just to meet the next."""
    found = _never_empty()
    asked = replace(found.situation, overrides=(freeze(),), health=healths(OF, "eu-1", since=99))
    wrong = replace(found.plan, base=Generation(9), digest="0" * 32)
    blocked = set(rules(rule(replace(found, situation=asked, plan=wrong, newest=Generation(2)))))
    assert blocked >= {
        "never-empty",
        "authentic",
        "newer",
        "stale-base",
        "frozen",
        "floor-targets",
        "floor-share",
    }


def test_too_little_capacity_without_an_evacuation_only_warns() -> None:
    """The rest is dead already: refusing would keep the dead ones published."""
    of = endpoint(target("eu-1", capacity=100), target("us-1", capacity=100), demand=150)
    ruling = rule(case(dead(of, "eu-1")))
    assert [(one.rule, one.severity) for one in ruling.findings] == [("capacity", Severity.WARN)]


def test_a_death_beside_a_finished_evacuation_is_not_held_against_it() -> None:
    """The region left an hour ago; now a target elsewhere dies: keep it for what?"""
    of = endpoint(
        target("eu-1", capacity=100),
        target("us-1", capacity=100),
        target("us-2", capacity=100),
        demand=200,
    )
    gone = (evacuation("eu"),)
    after = make(situation(of, head=plan(of), overrides=gone), Generation(2))
    ruling = rule(
        case(situation(of, healthy=healths(of, "us-1", since=99), head=after, overrides=gone))
    )
    assert rules(ruling) == []
    assert "capacity" in [one.rule for one in ruling.findings], "people are still told"


def test_a_name_that_leaves_is_told_of() -> None:
    """Nothing is deleted that nobody named, so somebody must know that it is still there."""
    wide = endpoint("eu-1", names=(PublishedName(name=NAME), PublishedName(name=WWW)))
    ruling = rule(case(situation(endpoint("eu-1"), head=plan(wide))))
    (found,) = ruling.findings
    assert (found.rule, found.severity) == ("left-behind", Severity.WARN)
    assert WWW in found.message
    assert ruling.allowed


def test_a_family_that_no_target_has_is_not_missed() -> None:
    """A name that would publish IPv6 has none while no target has an address of it."""
    assert V6 in OF.names[0].families
    assert rules(rule(case(ASKED))) == []
    assert OF.families == (V4,)


def test_the_guard_counts_from_the_plan_not_from_its_words() -> None:
    """A plan that claims a fine proof and reason is judged by its members and records alone."""
    found = _floor_share()
    lying = replace(found.plan, reason="nothing changed", proof=plan(OF).proof, floor=0)
    assert "floor-share" in rules(rule(replace(found, plan=lying)))


def test_a_finding_blocks_unless_overridden() -> None:
    """The one place where a ruling becomes a yes or a no."""
    block = Finding(rule="x", severity=Severity.BLOCK, message="m")
    base = Ruling(endpoint=OF.name, generation=Generation(1), findings=())
    assert base.allowed
    assert not replace(base, findings=(block,)).allowed
    assert replace(base, findings=(replace(block, overridden=True),)).allowed
    assert replace(base, findings=(replace(block, severity=Severity.WARN),)).allowed


def test_a_provider_without_weights_is_judged_alike() -> None:
    """Floors and budgets know nothing of weights."""
    asked = replace(dead(OF, "eu-1"), provider=provider(weighted=False))
    assert rules(rule(case(asked))) == []
