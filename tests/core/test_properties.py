"""Properties of planning: any endpoint, health, overrides and ledger, judged by the test's own count."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck as HypothesisCheck
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from tests.support.builders import (
    DOWN,
    E1,
    UNKNOWN,
    UP,
    at,
    case,
    endpoint,
    evacuation,
    fence_of,
    health,
    observed,
    provider,
    target,
    waiver,
)

from outlast.core import guard
from outlast.core.choose import Removal
from outlast.core.loop import State, step
from outlast.core.messages import (
    CommitPlan,
    Confirmed,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Observed,
    OverridesChanged,
    Ticked,
    TopologyChanged,
)
from outlast.core.plan import Situation, make
from outlast.model.health import Health
from outlast.model.names import RegionName
from outlast.model.override import Override
from outlast.model.plan import Member, Plan, Receipt
from outlast.model.records import Family, RecordType
from outlast.model.topology import (
    Budget,
    CheckKind,
    Endpoint,
    Floors,
    HealthCheck,
    Policy,
    PolicyKind,
    Settings,
    Target,
    subject_of,
)
from outlast.model.units import Generation, seconds

REGIONS = ("eu", "us", "ap")
NOW = 5000

# No deadline: the machine may be busy, and no rule here is about time.
QUICK = settings(
    deadline=None,
    max_examples=80,
    derandomize=True,
    suppress_health_check=[HypothesisCheck.too_slow],
)
BRIEF = settings(QUICK, max_examples=40)


@st.composite
def targets(draw: st.DrawFn) -> tuple[Target, ...]:
    places = draw(st.lists(st.sampled_from(REGIONS), min_size=1, max_size=7))
    sized = draw(st.booleans())
    return tuple(
        target(
            f"{region}-{number}",
            weight=draw(st.sampled_from([0, 1, 1, 2, 7])),
            capacity=draw(st.integers(1, 50)) if sized else 0,
            families=draw(st.sampled_from(["4", "4", "6", "46"])),
            probed=draw(st.sampled_from([True, True, True, False])),
        )
        for number, region in enumerate(places, start=1)
    )


@st.composite
def endpoints(draw: st.DrawFn) -> Endpoint:
    order = draw(st.permutations(REGIONS).map(lambda some: tuple((RegionName(r),) for r in some)))
    return endpoint(
        *draw(targets()),
        policy=Policy(
            kind=draw(st.sampled_from(list(PolicyKind))),
            order=order[: draw(st.integers(0, 3))],
            tier_share_min=draw(st.sampled_from([0.25, 0.5, 1.0])),
            ramp_s=draw(st.sampled_from([0.0, 400.0])),
        ),
        floors=Floors(
            targets=draw(st.integers(1, 4)), share_ratio=draw(st.sampled_from([0, 0.25, 0.6, 1]))
        ),
        budget=Budget(removed_ratio=draw(st.sampled_from([0.0, 0.3, 0.5, 1.0]))),
        demand=draw(st.sampled_from([0, 20, 100])),
    )


def verdicts(of: Endpoint) -> st.SearchStrategy[tuple[Health, ...]]:
    """Any health of any of the endpoint's addresses that is probed, also none."""
    probed = [one for one in of.targets if one.check.kind is not CheckKind.NONE]
    keys = [(one.name, family) for one in probed for family in one.families]
    one = st.tuples(st.sampled_from([UP, DOWN, UNKNOWN, None]), st.integers(1, NOW))
    return st.tuples(*[one for _ in keys]).map(
        lambda drawn: tuple(
            health(name, verdict, family=family, since=since, seen=NOW)
            for (name, family), (verdict, since) in zip(keys, drawn, strict=True)
            if verdict is not None
        )
    )


def removals(of: Endpoint) -> st.SearchStrategy[tuple[Removal, ...]]:
    sizes = {one.name: one.capacity or 1 for one in of.targets}
    return st.lists(
        st.builds(
            lambda name, family, second: Removal(
                target=name, family=family, size=sizes[name], at_ns=at(second)
            ),
            st.sampled_from(sorted(sizes)),
            st.sampled_from(list(Family)),
            st.integers(NOW - 3000, NOW),
        ),
        max_size=3,
    ).map(tuple)


OVERRIDES: st.SearchStrategy[tuple[Override, ...]] = st.lists(
    st.one_of(
        st.builds(
            lambda region, begins, steps: evacuation(region, begins=begins, steps=steps, step_s=60),
            st.sampled_from(REGIONS),
            st.integers(NOW - 300, NOW + 10),
            st.integers(1, 4),
        ),
        st.sampled_from([waiver(name, until=2 * NOW) for name in guard.WAIVABLE]),
    ),
    max_size=3,
).map(tuple)


@st.composite
def situations(draw: st.DrawFn, *, overridden: bool = True) -> Situation:
    """A situation: half of them on top of a plan that another health asked for."""
    of = draw(endpoints())
    weighted = draw(st.booleans())
    base = Situation(
        endpoint=of,
        provider=provider(weighted=weighted),
        health=draw(verdicts(of)),
        head=None,
        overrides=(),
        removals=(),
        owned=True,
        now_ns=at(NOW - 10),
    )
    head = make(base, Generation(1)) if draw(st.booleans()) else None
    return replace(
        base,
        health=draw(verdicts(of)),
        head=head,
        overrides=draw(OVERRIDES) if overridden else (),
        removals=draw(removals(of)),
        now_ns=at(NOW),
    )


def values(wanted: Plan, family: Family) -> list[set[str]]:
    """The addresses in the records at each name, this family; what clients will really get."""
    return [set(one.values) for one in wanted.record_sets if one.rtype is family.rtype]


def waived(asked: Situation) -> set[str]:
    return {one.rule for one in asked.overrides if hasattr(one, "rule")}


def sized(of: Endpoint, family: Family) -> dict[str, int]:
    mine = [one for one in of.targets if one.address(family)]
    known = all(one.capacity for one in mine)
    return {str(one.address(family)): one.capacity if known else 1 for one in mine}


def removed(asked: Situation, wanted: Plan, family: Family) -> list[Member]:
    """What the plan takes away for being down, by the records before and after."""
    if asked.head is None:
        return []
    before = set().union(*values(asked.head, family))
    after = set().union(*values(wanted, family))
    down = {one.subject for one in asked.health if one.verdict is DOWN}
    leaving = {
        region
        for region in REGIONS
        for one in asked.overrides
        if getattr(one, "region", None) == region and one.at_ns <= asked.now_ns
    }
    return [
        one
        for one in asked.head.members
        if one.family is family
        and one.address in before - after
        and one.region not in leaving
        and subject_of(asked.endpoint.name, one.target, family) in down
    ]


@pytest.mark.slow
@QUICK
@given(situations())
def test_what_the_guard_allows_is_safe_by_the_test_s_own_count(asked: Situation) -> None:
    """Never empty, floors and budget, each family and name alone, counted from records."""
    wanted = make(asked, Generation(2))
    if not guard.rule(case(asked, wanted)).allowed:
        return
    of, off = asked.endpoint, waived(asked)
    for family in of.families:
        sizes = sized(of, family)
        sets = values(wanted, family)
        assert len(sets) == len(of.names), "each name answers"
        for addresses in sets:
            assert addresses <= set(sizes)
            if "floor-targets" not in off:
                assert len(addresses) >= min(of.floors.targets, len(sizes))
        stay = sum(sizes[one] for one in sets[0])
        if "floor-share" not in off and of.policy.kind is PolicyKind.WEIGHTED:
            serving = {str(one.address(family)) for one in of.targets if one.weight}
            whole = sum(size for address, size in sizes.items() if address in serving)
            assert stay >= of.floors.share_ratio * whole
        gone = removed(asked, wanted, family)
        spent = [one.size for one in asked.removals if one.family is family]
        if "budget" not in off and (len(gone) > 1 or (gone and spent)):
            allowed = of.budget.removed_ratio * sum(sizes.values())
            assert sum(spent) + sum(one.size for one in gone) <= allowed
        if "evidence" not in off:
            known = {one.subject: one for one in asked.health}
            for one in gone:
                seen = known[subject_of(of.name, one.target, family)]
                assert seen.evidence_at_ns >= asked.now_ns - seconds(60)


def shares(wanted: Plan) -> dict[str, int]:
    sets = [one for one in wanted.record_sets if one.rtype is RecordType.TXT]
    return {one.split("=")[0]: int(one.split("=")[1]) for two in sets for one in two.values}


@pytest.mark.slow
@QUICK
@given(situations())
def test_every_plan_is_well_formed(asked: Situation) -> None:
    """Members and records agree; weights name exactly what is published, in 16 bits."""
    wanted = make(asked, Generation(2))
    published = {one.address for one in wanted.members if one.published}
    addresses = {
        value
        for one in wanted.record_sets
        if one.rtype is not RecordType.TXT
        for value in one.values
    }
    assert addresses == published
    if weights := shares(wanted):
        assert set(weights) == published
        assert all(0 <= one <= 65535 for one in weights.values())
        serving = [one for one in wanted.members if one.weight and one.percent]
        assert all(weights[one.address] for one in serving if one.published)
    assert all(0 <= one.percent <= 100 and one.why for one in wanted.members)


@pytest.mark.slow
@QUICK
@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_inputs_changes_no_byte(asked: Situation, chance: object) -> None:
    """Health, overrides and ledger come from maps and watches in any order."""
    shuffle = getattr(chance, "shuffle")  # noqa: B009 - hypothesis types its Random as object
    parts = {}
    for name in ("health", "removals"):
        items = list(getattr(asked, name))
        shuffle(items)
        parts[name] = tuple(items)
    turned = make(replace(asked, **parts), Generation(2))  # type: ignore[arg-type]
    wanted = make(asked, Generation(2))
    assert (turned.digest, turned.record_sets) == (wanted.digest, wanted.record_sets)
    assert turned.members == wanted.members


@pytest.mark.slow
@QUICK
@given(situations(overridden=False))
def test_health_alone_is_never_blocked_by_floor_budget_or_capacity(asked: Situation) -> None:
    """What floors and budgets forbid the planner puts back; a blocked plan would keep *all* the dead."""
    of = asked.endpoint
    everything = tuple(replace(one, verdict=UP) for one in asked.health)
    head = make(replace(asked, health=everything, head=None), Generation(1))
    ruling = guard.rule(case(replace(asked, head=head)))
    assert [one for one in ruling.findings if one.severity == "block"] == [], of


@pytest.mark.slow
@QUICK
@given(situations(overridden=False), st.data())
def test_killing_one_more_never_goes_below_the_floor(asked: Situation, data: st.DataObject) -> None:
    """From any plan on, whatever dies next: the floor stands, and no name is ever empty."""
    of = asked.endpoint
    for number in range(2, 5):
        wanted = make(asked, Generation(number))
        for family in of.families:
            for addresses in values(wanted, family):
                assert len(addresses) >= min(of.floors.targets, len(sized(of, family)))
            assert len(values(wanted, family)) == len(of.names)
        assume(asked.health)
        victim = data.draw(st.sampled_from([one.subject for one in asked.health]))
        dead = tuple(
            replace(one, verdict=DOWN) if one.subject == victim else one for one in asked.health
        )
        asked = replace(asked, health=dead, head=wanted)


def commits(commands: tuple[LoopCommand, ...]) -> list[CommitPlan]:
    return [one for one in commands if isinstance(one, CommitPlan)]


def accept(state: State, commit: CommitPlan, now: int) -> tuple[State, tuple[LoopCommand, ...]]:
    """Let the store take a plan, and an enactor publish it."""
    receipt = Receipt(
        endpoint=commit.plan.endpoint,
        provider=commit.plan.layout.provider,
        enactor=E1,
        fence=fence_of(commit.plan),
        at_ns=at(now),
    )
    head = HeadChanged(plan=commit.plan, at_ns=at(now))
    return step(state, head, Confirmed(receipt=receipt, at_ns=at(now)))


@pytest.mark.slow
@BRIEF
@given(situations(), st.data())
def test_a_plan_that_was_accepted_is_what_its_situation_asks_for(
    asked: Situation, data: st.DataObject
) -> None:
    """The fixed point: with the plan as head and its removals in the ledger, no further plan is made.
    Otherwise every turn would publish, and the DNS would flap.
    """
    of = asked.endpoint
    state, commands = step(
        State(),
        TopologyChanged(endpoint=of, provider=asked.provider, settings=Settings(), at_ns=at(1)),
        Observed(observation=observed(of), seen=Generation(0), at_ns=at(NOW)),
        OverridesChanged(overrides=asked.overrides, at_ns=at(NOW)),
        HealthChanged(health=asked.health, sick=(), at_ns=at(NOW)),
    )
    for _ in range(3):
        for commit in commits(commands):
            state, commands = accept(state, commit, NOW)
            note(f"{commit.plan} {commit.plan.reason}")
            # One correction may follow: a target of unknown health that was published for the floor is
            # "as it was" from then on, and may bring its whole tier into use. A second would be flapping.
            for correction in commits(commands):
                state, commands = accept(state, correction, NOW)
            assert commits(commands) == [], "a third plan in an unchanged world"
        health_now = data.draw(verdicts(of))
        state, commands = step(state, HealthChanged(health=health_now, sick=(), at_ns=at(NOW)))


@pytest.mark.slow
@BRIEF
@given(endpoints(), st.data())
def test_a_life_of_changes_keeps_every_promise(of: Endpoint, data: st.DataObject) -> None:
    """Twelve random health changes over hours: generations grow, nothing empties, the budget of every
    window is kept as summed by the test over what records really lost.
    """
    begin: tuple[LoopEvent, ...] = (
        TopologyChanged(endpoint=of, provider=provider(), settings=Settings(), at_ns=at(1)),
        Observed(observation=observed(of), seen=Generation(0), at_ns=at(1)),
        Ticked(at_ns=at(NOW)),
    )
    state, commands = step(State(), *begin)
    lost: list[tuple[int, Family, int]] = []
    now = NOW
    for _ in range(12):
        for commit in commits(commands):
            before, wanted = state.head, commit.plan
            assert wanted.generation > (before.generation if before else 0)
            for family in of.families:
                assert values(wanted, family)
                asked = Situation(
                    endpoint=of,
                    provider=provider(),
                    health=state.health,
                    head=before,
                    overrides=(),
                    removals=(),
                    owned=True,
                    now_ns=at(now),
                )
                lost += [(now, family, one.size) for one in removed(asked, wanted, family)]
                note(f"{now} {family} {wanted} {wanted.reason} lost {lost} ledger {state.removals}")
                window = [size for when, fam, size in lost if when > now - 3600 and fam is family]
                whole = sum(sized(of, family).values())
                assert len(window) <= 1 or sum(window) <= of.budget.removed_ratio * whole
            state, commands = accept(state, commit, now)
        now += data.draw(st.sampled_from([1, 60, 900, 3600]))
        fresh = tuple(
            replace(one, since_ns=at(now - 1), evidence_at_ns=at(now))
            for one in data.draw(verdicts(of))
        )
        state, commands = step(state, HealthChanged(health=fresh, sick=(), at_ns=at(now)))


@pytest.mark.slow
@QUICK
@given(situations())
def test_missing_evidence_takes_nothing_away_and_adds_nothing(asked: Situation) -> None:
    """All probers silent: exactly what stood stays, as long as nobody evacuates or lifts a floor."""
    steady = [replace(one, check=HealthCheck(), weight=1) for one in asked.endpoint.targets]
    of = replace(asked.endpoint, targets=tuple(steady), policy=Policy())
    head = make(replace(asked, endpoint=of, head=None, overrides=()), Generation(1))
    quiet = replace(asked, endpoint=of, health=(), overrides=(), head=head)
    after = make(quiet, Generation(2))
    assert values(after, Family.IPV4) == values(head, Family.IPV4)
    assert values(after, Family.IPV6) == values(head, Family.IPV6)
