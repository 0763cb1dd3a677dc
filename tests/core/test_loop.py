"""Loop: one endpoint's turn: no change, a commit on top of the newest plan, or a refusal told once."""

from dataclasses import replace

import pytest
from tests.support.builders import (
    DOWN,
    E1,
    UP,
    addresses,
    at,
    endpoint,
    evacuation,
    fence,
    fence_of,
    freeze,
    health,
    healths,
    live,
    observed,
    plan,
    provider,
    published,
    removal,
    target,
    vote,
    waiver,
)

from outlast.core.loop import State, step
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
from outlast.model.fence import RESCUER
from outlast.model.health import Health
from outlast.model.names import VantageName
from outlast.model.override import Override, is_over
from outlast.model.plan import Observation, Origin, Plan, Receipt
from outlast.model.topology import Budget, Endpoint, Floors, Policy, Settings
from outlast.model.units import NO_GENERATION, Generation, Nanos, seconds

OF = endpoint("eu-1", "eu-2", "us-1", "us-2")
HEAD = plan(OF)


def topology(of: Endpoint | None = OF, *, second: float = 0) -> TopologyChanged:
    return TopologyChanged(
        endpoint=of,
        provider=provider() if of else None,
        settings=Settings(),
        at_ns=at(second),
    )


def seen(*known: Health, second: float = 100, sick: tuple[str, ...] = ()) -> HealthChanged:
    return HealthChanged(
        health=known, sick=tuple(VantageName(one) for one in sick), at_ns=at(second)
    )


def found(what: Observation, *, mark: int = 0, second: float = 100) -> Observed:
    return Observed(observation=what, seen=Generation(mark), at_ns=at(second))


def overrides(*given: Override, second: float = 100) -> OverridesChanged:
    return OverridesChanged(overrides=given, at_ns=at(second))


def head(wanted: Plan, *, second: float = 100) -> HeadChanged:
    return HeadChanged(plan=wanted, at_ns=at(second))


def run(*events: LoopEvent, state: State | None = None) -> tuple[State, list[LoopCommand]]:
    """Take one turn for each event."""
    state = state or State()
    commands: list[LoopCommand] = []
    for event in events:
        state, more = step(state, event)
        commands += more
    return state, commands


def settled(of: Endpoint = OF, wanted: Plan | None = None) -> State:
    """Make the state in which a plan with everything up is the newest and is live."""
    wanted = wanted or plan(of)
    receipt = Receipt(
        endpoint=of.name,
        provider=of.provider,
        enactor=E1,
        fence=fence_of(wanted),
        at_ns=at(1),
    )
    state, _ = step(
        State(),
        topology(of),
        seen(*healths(of), second=1),
        head(wanted, second=1),
        Confirmed(receipt=receipt, at_ns=at(1)),
    )
    return replace(state, announced=None, pending=NO_GENERATION)


def commits(commands: list[LoopCommand]) -> list[Plan]:
    return [one.plan for one in commands if isinstance(one, CommitPlan)]


def announced(commands: list[LoopCommand]) -> list[set[str]]:
    """Return the rules of each announcement."""
    return [
        {finding.rule for finding in one.ruling.findings}
        for one in commands
        if isinstance(one, Announce)
    ]


def wakes(commands: list[LoopCommand]) -> list[Nanos]:
    return [one.at_ns for one in commands if isinstance(one, WakeAt)]


# the first plan


def test_nothing_is_planned_before_the_dns_was_read() -> None:
    """The store may be new and the DNS full: first look."""
    _, commands = run(topology(), seen(*healths(OF), second=1))
    assert commands == []


def test_the_first_plan_waits_for_evidence_and_asks_to_be_woken() -> None:
    """At start nobody has probed anything: publishing the unknown would publish the dead."""
    _, commands = run(topology(), found(observed(OF), second=1))
    (wake,) = commands
    due = seconds(OF.targets[0].check.detection_s)
    assert wake == WakeAt(at_ns=Nanos(at(0) + due))


def test_the_first_plan_comes_once_every_target_is_judged() -> None:
    """All verdicts are in: why wait?"""
    _, commands = run(topology(), found(observed(OF), second=1), seen(*healths(OF), second=2))
    (first,) = commits(commands)
    assert (first.generation, first.base) == (1, 0)


def test_the_first_plan_comes_without_evidence_once_it_is_overdue() -> None:
    """A prober that never starts must not keep the name from existing."""
    _, commands = run(topology(), found(observed(OF), second=1), Ticked(at_ns=at(18)))
    (first,) = commits(commands)
    assert len(published(first)) == 4


def test_nothing_is_decided_while_a_commit_is_under_way() -> None:
    """One plan at a time: its outcome is what the next one is based on."""
    state, commands = run(topology(), found(observed(OF), second=1), seen(*healths(OF), second=2))
    assert state.pending == 1
    _, more = run(seen(health("eu-1", DOWN, since=99, seen=100)), state=state)
    assert len(commits(commands)) == 1
    assert more == []


def test_a_lost_commit_is_forgotten_and_decided_anew() -> None:
    """Another planner was first; on top of its plan we look again."""
    state, _ = run(topology(), found(observed(OF), second=1), seen(*healths(OF), second=2))
    other = plan(OF, "us-2")
    state, commands = step(state, head(other), CommitLost(at_ns=at(3)))
    (again,) = commits(list(commands))
    assert (again.generation, again.base) == (2, 1)
    assert len(published(again)) == 4


# ordinary turns


def test_what_is_wanted_already_is_no_new_plan() -> None:
    """Every event is a turn; almost none is a plan."""
    _, commands = run(Ticked(at_ns=at(5)), seen(*healths(OF)), overrides(), state=settled())
    assert commands == []


def test_a_dead_target_makes_a_plan_on_top_of_the_newest() -> None:
    """Expected: the generation that it was derived from."""
    _, commands = run(seen(health("eu-1", DOWN, since=99, seen=100)), state=settled())
    (commit,) = [one for one in commands if isinstance(one, CommitPlan)]
    assert published(commit.plan) == ["eu-2", "us-1", "us-2"]
    assert (commit.plan.generation, commit.plan.base, commit.expected) == (2, 1, 1)
    assert commit.ruling.allowed


def test_several_events_make_one_turn() -> None:
    """A region's targets die in one message: one plan, not two."""
    state, commands = step(
        settled(),
        seen(health("eu-1", DOWN, since=99, seen=100)),
        seen(health("eu-2", DOWN, since=99, seen=100)),
    )
    (only,) = commits(list(commands))
    assert published(only) == ["us-1", "us-2"]
    assert state.pending == 2


def test_an_older_head_is_ignored() -> None:
    """Watches may deliver out of order."""
    state = settled(wanted=plan(OF, generation=5))
    after, _ = run(head(plan(OF, generation=4)), state=state)
    assert after.head == state.head


# budgets over time


def test_what_a_plan_took_away_is_charged_when_it_becomes_the_newest() -> None:
    """Whoever made it: the ledger is built from plans, not from intentions."""
    state, commands = run(seen(health("eu-1", DOWN, since=99, seen=100)), state=settled())
    (second,) = commits(commands)
    state, _ = run(head(second), state=state)
    assert [one.target for one in state.removals] == ["eu-1"]


def test_the_budget_ends_with_its_window_and_time_alone_removes_the_rest() -> None:
    """Three die in turn; the third stays until the first removal is an hour old."""
    state = settled()
    for number, name in enumerate(("eu-1", "eu-2", "us-1")):
        now = 100 + 100 * number
        dead = health(name, DOWN, since=now - 1, seen=now)
        state, commands = run(seen(dead, second=now), state=state)
        for one in commits(commands):
            state, commands = run(head(one, second=now), state=state)
    assert state.head is not None
    assert published(state.head) == ["us-1", "us-2"]
    (wake,) = wakes(commands)
    assert wake == at(100 + 3600)
    fresh = health("us-1", DOWN, since=299, seen=3700)
    _, commands = run(seen(fresh, second=3699), state=state)
    assert commits(commands) == []
    _, commands = run(seen(fresh, second=3700), state=state)
    (last,) = commits(commands)
    assert published(last) == ["us-2"]


def test_a_rescue_or_rollback_charges_nothing() -> None:
    """What a person takes away is no doing of automation."""
    for origin in (Origin.RESCUE, Origin.ROLLBACK, Origin.ADOPTED):
        smaller = replace(plan(OF, "eu-1", generation=2, head=HEAD), origin=origin)
        state, _ = run(head(smaller), state=settled())
        assert state.removals == ()


# refusals


def test_a_blocked_plan_is_announced_once_for_each_set_of_reasons() -> None:
    """A pager that repeats itself is switched off."""
    dead = health("eu-1", DOWN, since=99, seen=100)
    state, commands = run(overrides(freeze()), seen(dead), state=settled())
    assert announced(commands) == [{"frozen"}]
    assert commits(commands) == []
    state, commands = run(Ticked(at_ns=at(101)), Ticked(at_ns=at(102)), state=state)
    assert announced(commands) == []
    stale = replace(dead, evidence_at_ns=at(30))
    state, commands = run(seen(stale, second=103), state=state)
    assert announced(commands) == [{"frozen", "evidence"}], "another reason is told"
    state, commands = run(seen(health("eu-1", UP, since=104), second=104), state=state)
    assert commands == []
    _, commands = run(seen(replace(dead, evidence_at_ns=at(105)), second=105), state=state)
    assert announced(commands) == [{"frozen"}], "it was fine in between, so it is news again"


def test_thawing_lets_the_waiting_plan_go() -> None:
    """What was blocked is decided anew, with what is known now."""
    dead = health("eu-1", DOWN, since=99, seen=100)
    state, _ = run(overrides(freeze()), seen(dead), state=settled())
    _, commands = run(overrides(second=101), state=state)
    (only,) = commits(commands)
    assert "eu-1" not in published(only)


def test_a_waiver_lets_the_blocked_plan_go_and_is_on_record() -> None:
    """By name; the ruling that is stored keeps the finding."""
    smaller = endpoint("eu-1", floors=Floors(share_ratio=0.0))
    state, commands = run(topology(smaller, second=100), state=settled())
    assert announced(commands) == [{"budget"}]
    _, commands = run(overrides(waiver("budget"), second=101), state=state)
    (commit,) = [one for one in commands if isinstance(one, CommitPlan)]
    (finding,) = commit.ruling.findings
    assert (finding.rule, finding.overridden) == ("budget", True)


def test_a_budget_that_blocks_asks_to_be_woken_when_it_is_whole_again() -> None:
    """The topology lost a target too many: time alone will let it go, so somebody must look then."""
    spent = replace(settled(), removals=(removal("us-2", second=50), removal("us-1", second=60)))
    smaller = endpoint("eu-1", "eu-2", "us-1")
    _, commands = run(topology(smaller, second=100), state=spent)
    assert announced(commands) == [{"budget"}]
    assert wakes(commands) == [at(50 + 3600)]


# time


def test_a_ramp_asks_to_be_woken() -> None:
    """Nothing else happens while a target warms up."""
    of = endpoint("eu-1", "us-1", policy=Policy(ramp_s=400))
    state = settled(of, plan(of, "eu-1"))
    state = replace(state, health=healths(of, "eu-1"))
    state, commands = run(seen(health("eu-1", UP, since=100)), state=state)
    assert wakes(commands) == [at(200)]
    state, commands = run(head(commits(commands)[0]), state=state)
    assert wakes(commands) == [at(200)]
    state, commands = run(Ticked(at_ns=at(200)), state=state)
    assert commits(commands)


def test_an_evacuation_asks_to_be_woken_at_each_step() -> None:
    """Also at the first one, if it begins later."""
    leaving = evacuation("eu", begins=200, steps=2, step_s=60)
    state, commands = run(overrides(leaving), state=settled())
    assert wakes(commands) == [at(200)]
    state, commands = run(Ticked(at_ns=at(200)), state=state)
    (half,) = commits(commands)
    assert {one.percent for one in half.members if one.region == "eu"} == {50}
    assert wakes(commands) == [at(260)]
    state, commands = run(head(half, second=201), Ticked(at_ns=at(260)), state=state)
    assert published(commits(commands)[0]) == ["us-1", "us-2"]


def test_a_blocked_step_does_not_keep_a_dead_target_in() -> None:
    """The next step of an evacuation leaves too little; a target that dies elsewhere goes all the same."""
    of = endpoint(
        *(target(name, capacity=100) for name in ("eu-1", "us-1", "us-2", "us-3")),
        demand=200,
        policy=Policy(),
    )
    leaving = evacuation("eu", begins=200, steps=2, step_s=60)
    state, commands = run(overrides(leaving), Ticked(at_ns=at(200)), state=settled(of))
    (half,) = commits(commands)
    state, _ = run(head(half, second=201), state=state)
    dead = healths(of, "us-1", "us-2", since=250)
    state, commands = run(seen(*dead, second=261), state=state)
    (kept,) = commits(commands)
    assert published(kept) == ["eu-1", "us-3"]
    assert {one.percent for one in kept.members if one.region == "eu"} == {50}
    state, commands = run(head(kept, second=262), Ticked(at_ns=at(270)), state=state)
    assert commits(commands) == [], "and nothing flaps"


def test_a_region_comes_back_in_steps() -> None:
    """A restored region meets its load step by step, and the override then ends by itself."""
    gone = evacuation("eu", begins=100)
    state, commands = run(overrides(gone), Ticked(at_ns=at(100)), state=settled())
    (empty,) = commits(commands)
    back = replace(gone, returning=True, at_ns=at(200), step_count=2, step_s=60)
    state, commands = run(head(empty, second=101), overrides(back, second=200), state=state)
    (half,) = commits(commands)
    assert {one.percent for one in half.members if one.region == "eu"} == {50}
    assert wakes(commands) == [at(260)]
    state, commands = run(head(half, second=201), Ticked(at_ns=at(260)), state=state)
    (full,) = commits(commands)
    assert {one.percent for one in full.members} == {100}
    assert is_over(back, at(260))


def test_an_override_that_ends_asks_to_be_woken() -> None:
    """Whoever froze it for an hour did not promise to be there then."""
    _, commands = run(overrides(freeze(until=500)), state=settled())
    assert wakes(commands) == [at(500)]
    _, commands = run(overrides(waiver("budget", until=600)), state=settled())
    assert wakes(commands) == [at(600)]


# what is found in the DNS


def test_a_rescue_is_adopted_and_held() -> None:
    """Automation is back after a rescue: it takes the rescue as its own newest plan and holds still."""
    rescued = plan(OF, "eu-1", generation=7)
    what = replace(live(OF, rescued), fence=(str(fence_of(rescued, writer=RESCUER)),))
    state, commands = run(found(what), state=settled())
    placed, commit = commands
    assert isinstance(placed, PlaceFreeze)
    assert placed.freeze.until_ns == at(100 + 3600)
    assert isinstance(commit, CommitPlan)
    assert (commit.plan.generation, commit.expected) == (7, 1)
    _, commands = run(head(commit.plan), state=state)
    assert announced(commands) == [{"frozen"}], "it would add eu-1 again, and says so"


def test_a_store_that_went_back_in_time_adopts_what_is_live() -> None:
    """The DNS is ahead of the store: what stands there was ours."""
    state, commands = run(found(live(OF, plan(OF, "eu-1", generation=9))), state=settled())
    (adopted,) = commits(commands)
    assert (adopted.generation, adopted.origin) == (9, Origin.ADOPTED)
    state, commands = run(head(adopted), state=state)
    (next_one,) = commits(commands)
    assert (next_one.generation, next_one.base) == (10, 9)


def test_a_lost_store_adopts_before_it_plans() -> None:
    """An empty store and a full DNS: generation 1 would be a step back by eight."""
    _, commands = run(topology(), found(live(OF, plan(OF, generation=9))))
    (adopted,) = commits(commands)
    assert (adopted.generation, adopted.base) == (9, 0)


def test_a_wipe_after_the_store_went_back_goes_beyond_the_mark() -> None:
    """No fence is left to adopt; the enactor's high-water mark tells how far the numbers had come."""
    _, commands = run(found(observed(OF), mark=9), state=settled())
    (healing,) = commits(commands)
    assert (healing.generation, healing.base) == (10, 1)


def test_two_halves_of_a_split_store_are_settled_by_a_newer_generation() -> None:
    """Same generation, other digest: neither may win by accident."""
    other = plan(OF, "eu-1")
    _, commands = run(found(live(OF, other)), state=settled())
    (settling,) = commits(commands)
    assert settling.generation == 2


def test_altered_records_under_a_newer_fence_are_overruled() -> None:
    """Not adopted, since nobody vouches for them; a generation beyond theirs repairs it."""
    altered = observed(OF, addresses("10.6.6.6"), fence=fence(9))
    _, commands = run(found(altered), state=settled())
    (repairing,) = commits(commands)
    assert (repairing.generation, repairing.origin) == (10, Origin.AUTOMATIC)


def test_one_s_own_pending_plan_seen_live_is_not_adopted() -> None:
    """The enactor was quicker than the store's answer."""
    state, commands = run(seen(health("eu-1", DOWN, since=99, seen=100)), state=settled())
    (mine,) = commits(commands)
    _, commands = run(found(live(OF, mine)), state=state)
    assert commands == []


def test_foreign_records_block_the_first_plan_until_they_are_adopted() -> None:
    """Somebody's records stand at the name: a person settles whose it is."""
    what = observed(OF, addresses("10.9.9.9"))
    state, commands = run(topology(), found(what, second=1), seen(*healths(OF), second=2))
    assert commits(commands) == []
    assert announced(commands) == [{"ownership"}]
    _, commands = run(topology(replace(OF, adopt=True), second=3), state=state)
    (first,) = commits(commands)
    assert first.owns


def test_permission_to_adopt_reaches_a_plan_that_was_refused_as_foreign() -> None:
    """The first plan was made for an empty name; then records appeared there and the enactor refused.
    The records wanted are the same, but the permission travels with the plan: a new one is needed.
    """
    first = plan(OF, owned=False)
    state, _ = run(topology(), seen(*healths(OF), second=1), head(first, second=2), state=State())
    state, commands = run(found(observed(OF, addresses("10.9.9.9")), second=3), state=state)
    assert commits(commands) == []
    _, commands = run(topology(replace(OF, adopt=True), second=4), state=state)
    (second,) = commits(commands)
    assert second.owns


def test_a_wiped_name_of_ours_has_no_foreign_records() -> None:
    """Once published by us, whatever stands there without a fence is damage, to be healed."""
    state, commands = run(found(observed(OF, addresses("10.9.9.9"))), state=settled())
    assert state.foreign == ()
    assert commands == []


# topology


def test_an_endpoint_that_leaves_the_topology_stays_published() -> None:
    """It is reported as orphaned by others, and goes only by name; here nothing is decided any more."""
    state, commands = run(topology(None, second=100), Ticked(at_ns=at(101)), state=settled())
    assert commands == []
    assert (state.endpoint, state.head) == (None, HEAD)
    _, commands = run(found(live(OF, plan(OF, "eu-1", generation=9))), state=state)
    assert commands == []


def test_an_edited_topology_makes_a_plan() -> None:
    """A target more, another TTL."""
    more = endpoint("eu-1", "eu-2", "us-1", "us-2", target("ap-1", probed=False), ttl_s=20)
    _, commands = run(topology(more, second=100), state=settled())
    (only,) = commits(commands)
    assert "ap-1" in published(only)


def test_all_probes_failing_at_once_takes_nothing_away() -> None:
    """Every vantage is sick: nothing is known, everything stays."""
    votes = (vote(DOWN, "v1"),)
    dead = [
        replace(one, votes=votes) for one in healths(OF, *(t.name for t in OF.targets), since=99)
    ]
    _, commands = run(seen(*dead, sick=("v1",)), state=settled())
    assert commits(commands) == []


@pytest.mark.parametrize("turns", [1, 5])
def test_a_turn_is_pure(turns: int) -> None:
    """The same state and event give the same answer, however often they are asked."""
    state, event = settled(), seen(health("eu-1", DOWN, since=99, seen=100))
    assert len({step(state, event) for _ in range(turns)}) == 1


def test_the_ledger_counts_a_wider_budget_at_once() -> None:
    """The operator raises the budget in the topology: what waits may go."""
    spent = replace(settled(), removals=(removal("us-2", second=50), removal("us-1", second=60)))
    state, commands = run(seen(health("eu-1", DOWN, since=99, seen=100)), state=spent)
    assert commits(commands) == []
    wide = replace(OF, budget=Budget(removed_ratio=1.0))
    _, commands = run(topology(wide, second=101), state=state)
    assert "eu-1" not in published(commits(commands)[0])
