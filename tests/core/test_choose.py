"""Choose, seen through the plans it makes: who is published, how, and the reason given."""

import pytest
from tests.support.builders import (
    DOWN,
    UNKNOWN,
    UP,
    V4,
    V6,
    endpoint,
    evacuation,
    failover,
    health,
    healths,
    member,
    plan,
    published,
    removal,
    situation,
    target,
    waiver,
)

from outlast.core.plan import make
from outlast.model.override import Override
from outlast.model.plan import Plan
from outlast.model.topology import Budget, Endpoint, Floors, Policy
from outlast.model.units import Generation

FOUR = endpoint("eu-1", "eu-2", "us-1", "us-2")


def after(of: Endpoint, *down: str, now: float = 100, **more: object) -> Plan:
    """Make the plan that follows a plan with everything up, with some targets down by now."""
    head = plan(of)
    asked = situation(
        of,
        healthy=healths(of, *down, since=now - 1),
        head=head,
        now=now,
        **more,  # type: ignore[arg-type]
    )
    return make(asked, Generation(2))


def test_healthy_targets_are_published_and_dead_ones_go() -> None:
    """The simplest thing, with its reasons."""
    found = after(FOUR, "eu-1")
    assert published(found) == ["eu-2", "us-1", "us-2"]
    assert member(found, "eu-1").why == "down (no evidence yet)"
    assert member(found, "eu-2").why.startswith("healthy")


def test_missing_evidence_keeps_what_was() -> None:
    """'No data' taken for 'no endpoints' is the costliest fault among DNS automations."""
    head = plan(FOUR, "us-2")
    asked = situation(FOUR, healthy=(), head=head)
    found = make(asked, Generation(2))
    assert published(found) == ["eu-1", "eu-2", "us-1"], "neither taken away nor added"
    assert "not added until it is up" in member(found, "us-2").why


def test_a_first_plan_publishes_what_is_not_known_to_be_dead() -> None:
    """Nothing is published yet, so an unknown target cannot be kept 'as it was'."""
    asked = situation(FOUR, healthy=(health("eu-1", DOWN),))
    assert published(make(asked, Generation(1))) == ["eu-2", "us-1", "us-2"]


def test_a_target_that_is_never_probed_counts_as_up() -> None:
    """`check: none` is the operator's word."""
    of = endpoint("eu-1", target("us-1", probed=False))
    found = make(situation(of, healthy=(), head=plan(endpoint("eu-1"))), Generation(2))
    assert "us-1" in published(found)
    assert member(found, "us-1").why == "not probed"


def test_nothing_alive_leaves_the_world_as_it_is() -> None:
    """All dead is a reason to look at the monitor, never one to publish nothing."""
    found = after(FOUR, "eu-1", "eu-2", "us-1", "us-2")
    assert published(found) == ["eu-1", "eu-2", "us-1", "us-2"]
    assert member(found, "eu-1").why.startswith("down, but kept: nothing at all is alive")


def test_nothing_alive_at_the_first_plan_still_publishes_the_floor() -> None:
    """A name that never existed is worse than one whose targets may come back."""
    of = endpoint("eu-1", "eu-2", "us-1", floors=Floors(targets=2))
    found = make(situation(of, healthy=healths(of, "eu-1", "eu-2", "us-1")), Generation(1))
    assert len(published(found)) == 2


def test_a_standby_serves_only_when_nothing_else_does() -> None:
    """Weight 0 is published only when nothing else is left, and goes again afterwards."""
    of = endpoint("eu-1", target("us-1", weight=0))
    assert published(plan(of)) == ["eu-1"]
    assert member(plan(of), "us-1").why == "standby: weight 0"
    fallen = after(of, "eu-1")
    assert published(fallen) == ["us-1"]
    again = make(situation(of, head=fallen), Generation(3))
    assert published(again) == ["eu-1"]


# floors


def test_the_floor_keeps_dead_targets() -> None:
    """Three of four dead, floor three: the two least certainly dead stay, with the reason."""
    of = endpoint(
        "eu-1", "eu-2", "us-1", "us-2", floors=Floors(targets=3), budget=Budget(removed_ratio=1)
    )
    found = after(of, "eu-1", "eu-2", "us-1")
    assert len(published(found)) == 3
    kept = [one for one in found.members if one.published and one.verdict is DOWN]
    assert all("kept: floor of 3 targets" in one.why for one in kept)


def test_the_one_that_died_last_is_kept_first() -> None:
    """It is the one most likely to have been a false alarm."""
    of = endpoint("eu-1", "eu-2", "us-1", floors=Floors(targets=2), budget=Budget(removed_ratio=1))
    dead = (health("eu-1", DOWN, since=90), health("eu-2", DOWN, since=95), health("us-1", UP))
    found = make(situation(of, healthy=dead, head=plan(of)), Generation(2))
    assert published(found) == ["eu-2", "us-1"]


def test_an_unknown_target_is_kept_before_a_dead_one() -> None:
    """Who may be alive serves better than who is known to be dead."""
    of = endpoint("eu-1", "eu-2", "us-1", floors=Floors(targets=2), budget=Budget(removed_ratio=1))
    dead = (health("eu-1", DOWN, since=90), health("us-1", UP))
    found = make(situation(of, healthy=dead, head=plan(of, "eu-2")), Generation(2))
    assert published(found) == ["eu-2", "us-1"]


def test_the_floor_by_share_counts_capacity() -> None:
    """Two of three targets are a third of the capacity: a floor of one half keeps the big one."""
    of = endpoint(
        target("eu-1", capacity=400),
        target("eu-2", capacity=100),
        target("us-1", capacity=100),
        floors=Floors(share_ratio=0.5),
    )
    found = after(of, "eu-1")
    assert published(found) == ["eu-1", "eu-2", "us-1"]
    assert "kept: floor of 300 of capacity" in member(found, "eu-1").why


def test_capacity_counts_only_where_every_target_declares_it() -> None:
    """A target of unknown size must not count for nothing: then each counts for one."""
    of = endpoint(target("eu-1", capacity=400), "us-1")
    assert [one.size for one in plan(of).members] == [1, 1]


def test_floors_are_kept_in_each_family_alone() -> None:
    """A floor met by IPv4 does not help an IPv6 client."""
    of = endpoint(
        target("eu-1", families="46"), target("us-1", families="46"), floors=Floors(targets=2)
    )
    dead = (*healths(of)[:3], health("us-1", DOWN, family=V6, since=99))
    found = make(situation(of, healthy=dead, head=plan(of)), Generation(2))
    assert published(found, V4) == published(found, V6) == ["eu-1", "us-1"]


def test_a_waived_floor_is_not_kept() -> None:
    """A waiver must reach the planner: the guard alone would let nothing new through."""
    of = endpoint("eu-1", "us-1", floors=Floors(targets=2, share_ratio=1.0))
    both: tuple[Override, ...] = (waiver("floor-targets"), waiver("floor-share"))
    assert published(after(of, "eu-1", overrides=both)) == ["us-1"]
    assert len(published(after(of, "eu-1", overrides=both[:1]))) == 2


# budgets


def test_one_target_may_always_go() -> None:
    """An endpoint of two with a budget of a tenth could otherwise never fail over."""
    of = endpoint("eu-1", "us-1", budget=Budget(removed_ratio=0.1))
    assert published(after(of, "eu-1")) == ["us-1"]


def test_the_second_removal_is_judged_like_anybody_s() -> None:
    """Of ten with a budget of two tenths: two go, the third stays although it is dead."""
    names = [f"eu-{number}" for number in range(1, 11)]
    of = endpoint(*names, budget=Budget(removed_ratio=0.2))
    found = after(of, "eu-1", "eu-2", "eu-3")
    assert len(published(found)) == 8
    assert "kept: 2 of 2 that may be removed within 3600 s are gone" in member(found, "eu-3").why


def test_the_budget_counts_over_time_not_per_run() -> None:
    """Repeated runs each just below the limit empty a zone: what went before is counted."""
    of = endpoint("eu-1", "eu-2", "us-1", "us-2")
    spent = (removal("eu-2", second=50), removal("us-1", second=60))
    assert published(after(of, "eu-1", removals=spent)) == ["eu-1", "eu-2", "us-1", "us-2"]


def test_a_small_endpoint_has_a_budget_too() -> None:
    """Two targets that die in turn: the first goes, the second within the window does not."""
    of = endpoint("eu-1", "us-1", "us-2", budget=Budget(removed_ratio=0.4))
    found = after(of, "us-1", removals=(removal("eu-1", second=50),))
    assert "us-1" in published(found)


def test_who_died_first_goes_first() -> None:
    """The budget is spent on the surest deaths."""
    dead = (
        health("eu-1", DOWN, since=95),
        health("eu-2", DOWN, since=91),
        health("us-1", DOWN, since=93),
        health("us-2", UP),
    )
    found = make(situation(FOUR, healthy=dead, head=plan(FOUR)), Generation(2))
    assert published(found) == ["eu-1", "us-2"]


def test_each_family_has_a_budget_of_its_own() -> None:
    """What IPv4 lost says nothing about IPv6."""
    of = endpoint(*(target(one, families="46") for one in ("eu-1", "us-1", "us-2")))
    spent = (removal("eu-1", second=50), removal("us-2", second=50))
    found = after(of, "us-1", removals=spent)
    assert "us-1" in published(found, V4)
    assert "us-1" not in published(found, V6)


def test_a_waived_budget_is_not_kept() -> None:
    """By name, as the guard's remedy says."""
    dead = ("eu-1", "eu-2", "us-1")
    assert len(published(after(FOUR, *dead))) == 2
    assert published(after(FOUR, *dead, overrides=(waiver("budget"),))) == ["us-2"]


# failover

TIERS = endpoint("eu-1", "eu-2", "us-1", "us-2", "ap-1", policy=failover("eu", "us"))


def test_only_the_first_healthy_tier_is_published() -> None:
    """Later tiers wait, and say so; a region that no tier names comes last."""
    found = plan(TIERS)
    assert published(found) == ["eu-1", "eu-2"]
    assert member(found, "us-1").why == "waits in a later tier"
    assert published(after(TIERS, "eu-1", "eu-2")) == ["us-1", "us-2"]
    everything = ("eu-1", "eu-2", "us-1", "us-2")
    assert published(plan(TIERS, *everything)) == ["ap-1"]


def test_a_tier_below_its_share_is_joined_by_the_next_one() -> None:
    """Half a tier carries the endpoint where half is enough, and gets help where it is not."""
    assert published(after(TIERS, "eu-1")) == ["eu-2"]
    strict = endpoint(*TIERS.targets, policy=failover("eu", "us", share_min=0.6))
    assert published(after(strict, "eu-1")) == ["eu-2", "us-1", "us-2"]


def test_a_tier_may_have_several_regions() -> None:
    """`eu` and `us` together, then `ap`."""
    of = endpoint(*TIERS.targets, policy=failover("eu+us", "ap"))
    assert published(plan(of)) == ["eu-1", "eu-2", "us-1", "us-2"]
    assert published(plan(of, "eu-1", "eu-2", "us-1", "us-2")) == ["ap-1"]


def test_failover_and_weights_combine() -> None:
    """Inside a tier weights hold."""
    of = endpoint(target("eu-1", weight=3), "eu-2", "us-1", policy=failover("eu", "us"))
    weights = [one for one in plan(of).record_sets if one.name.startswith("_weights")]
    assert weights[0].values == ("10.0.18.1=3", "10.0.18.2=1")


def test_a_returning_first_tier_takes_over_again() -> None:
    """Failback is failover the other way round."""
    fallen = after(TIERS, "eu-1", "eu-2")
    assert published(make(situation(TIERS, head=fallen), Generation(3))) == ["eu-1", "eu-2"]


def test_a_ramping_tier_is_helped_by_the_tier_that_carried_the_endpoint() -> None:
    """A cold region that returns must not take all traffic at once because all of it ramps alike."""
    of = endpoint("eu-1", "us-1", policy=failover("eu", "us", ramp_s=400))
    fallen = after(of, "eu-1")
    back = (health("eu-1", UP, since=200), health("us-1", UP))
    early = make(situation(of, healthy=back, head=fallen, now=210), Generation(3))
    assert published(early) == ["eu-1", "us-1"]
    assert member(early, "eu-1").percent == 25
    late = make(situation(of, healthy=back, head=early, now=601), Generation(4))
    assert published(late) == ["eu-1"]


# evacuation


def test_an_evacuated_region_goes_although_it_is_healthy() -> None:
    """An override wins over automation."""
    found = after(FOUR, overrides=(evacuation("eu"),))
    assert published(found) == ["us-1", "us-2"]
    assert member(found, "eu-1").why == "evacuated"


@pytest.mark.parametrize(
    ("now", "percent"), [(99, 100), (100, 75), (109, 75), (110, 50), (125, 25), (130, 0), (500, 0)]
)
def test_an_evacuation_in_steps_lowers_the_weight(now: float, percent: int) -> None:
    """Four steps of ten seconds, a quarter of the region's weight each."""
    leaving = evacuation("eu", begins=100, steps=4, step_s=10)
    found = after(FOUR, now=now, overrides=(leaving,))
    assert {member(found, name).percent for name in ("eu-1", "eu-2")} == {percent}
    assert {member(found, name).percent for name in ("us-1", "us-2")} == {100}


@pytest.mark.parametrize(("now", "left"), [(99, 4), (100, 3), (110, 2), (120, 1), (130, 0)])
def test_without_weights_whole_targets_leave(now: float, left: int) -> None:
    """BIND knows no weights: each step takes the last targets by name."""
    of = endpoint("eu-1", "eu-2", "eu-3", "eu-4", "us-1", "us-2", "us-3", "us-4")
    leaving = evacuation("eu", begins=100, steps=4, step_s=10)
    found = after(of, now=now, overrides=(leaving,), weighted=False)
    mine = [one for one in published(found) if one.startswith("eu")]
    assert mine == [f"eu-{number}" for number in range(1, left + 1)]


def test_evacuated_targets_serve_when_nothing_else_is_alive() -> None:
    """A drained target that answers beats a dead one that should."""
    found = after(FOUR, "us-1", "us-2", overrides=(evacuation("eu"), waiver("budget")))
    assert published(found) == ["eu-1", "eu-2"]
    assert "nothing else is alive" in member(found, "eu-1").why


def test_what_an_evacuation_takes_spends_no_budget() -> None:
    """The operator asked for it; the budget is automation's."""
    spent = (removal("us-1", second=50), removal("us-2", second=60))
    found = after(FOUR, overrides=(evacuation("eu"),), removals=spent)
    assert published(found) == ["us-1", "us-2"]


# ramps

RAMPED = endpoint("eu-1", "us-1", policy=Policy(ramp_s=400))


@pytest.mark.parametrize(
    ("now", "percent"), [(100, 25), (199, 25), (200, 50), (300, 75), (400, 100), (9000, 100)]
)
def test_a_returning_target_gets_its_weight_in_quarters(now: float, percent: int) -> None:
    """Everything at once would hit caches and pools that are cold."""
    back = (health("eu-1", UP, since=100), health("us-1", UP))
    asked = situation(RAMPED, healthy=back, head=plan(RAMPED, "eu-1"), now=now)
    assert member(make(asked, Generation(2)), "eu-1").percent == percent


def test_a_clock_that_stepped_back_makes_no_negative_weight() -> None:
    """Health from before a step of the clock lies in the future: the ramp is at its first step."""
    back = (health("eu-1", UP, since=900), health("us-1", UP))
    asked = situation(RAMPED, healthy=back, head=plan(RAMPED, "eu-1"), now=100)
    assert member(make(asked, Generation(2)), "eu-1").percent == 25


def test_a_target_that_never_left_does_not_ramp() -> None:
    """A verdict that wavered and came back must not cost a serving target its weight."""
    again = (health("eu-1", UP, since=99), health("us-1", UP))
    asked = situation(RAMPED, healthy=again, head=plan(RAMPED), now=100)
    assert member(make(asked, Generation(2)), "eu-1").percent == 100


def test_nothing_ramps_where_weights_are_not_honoured_or_at_first() -> None:
    """A quarter of a weight that nobody honours is a whole one; a first publication has no past."""
    back = (health("eu-1", UP, since=99), health("us-1", UNKNOWN))
    head = plan(RAMPED, "eu-1", weighted=False)
    asked = situation(RAMPED, healthy=back, head=head, weighted=False)
    assert member(make(asked, Generation(2)), "eu-1").percent == 100
    assert member(make(situation(RAMPED, healthy=back), Generation(1)), "eu-1").percent == 100
