"""The engine: what follows from what, and rules that must hold whatever the world."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.drill.compiled.wanted import stepped_by
from outlast.drill.engine import run
from outlast.drill.outcome import EventKind, Outcome
from outlast.drill.running import Run
from outlast.drill.scenario import Act, ActionKind, Fault, FaultKind, Scenario
from outlast.model.behaviour import (
    Audience,
    Autoscaling,
    Backlog,
    Behaviour,
    Credentials,
    HealthRemoval,
    Leasing,
    Resolving,
    Retrying,
    Serving,
)
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

A, B = RegionName("a"), RegionName("b")
REGIONS = (Region(name=A, country="US"), Region(name=B, country="DE"))
START = datetime(2025, 10, 20, 6, 40, tzinfo=UTC)


def name(text: str) -> ServiceName:
    return ServiceName(text)


def drill(
    *services: Service,
    faults: tuple[Fault, ...] = (),
    actions: tuple[Act, ...] = (),
    minutes: int = 20,
    step_s: float = 1.0,
    regions: tuple[Region, ...] = REGIONS,
) -> Outcome:
    return run(
        Topology(regions=regions, services=services),
        Scenario(
            name="test", world="", start=START, length_s=minutes * 60.0, step_s=step_s, faults=faults,
            actions=actions,
        ),
    )  # fmt: skip


def served(shown: Outcome, service: str, minute: int, region: str = "a") -> float:
    return float(shown.served[minute, shown.services.index(service), shown.regions.index(region)])


def gone(subject: str, region: str = "", kind: FaultKind = FaultKind.SERVICE) -> Fault:
    return Fault(kind=kind, subject=subject, region=region, at_s=120.0, until_s=480.0)


def needing(service: str, **facts: object) -> Service:
    dependency = Dependency(service=name(service), **facts)  # type: ignore[arg-type]
    return Service(name=name("top"), needs=(dependency,))


def test_a_hard_need_takes_its_dependents_down_and_gives_them_back() -> None:
    shown = drill(needing("base"), Service(name=name("base")), faults=(gone("base"),))
    assert [served(shown, "top", minute) for minute in (1, 5, 10)] == [1.0, 0.0, 1.0]


def test_a_cascade_is_told_in_order_and_with_its_cause() -> None:
    middle = Service(name=name("mid"), needs=(Dependency(service=name("base")),))
    shown = drill(
        needing("mid"), middle, Service(name=name("base")), Service(name=name("x"), needs=(
            Dependency(service=name("top")),)), faults=(gone("base", "a"),),
    )  # fmt: skip
    down = {e.subject: e.because for e in shown.events if e.kind is EventKind.DOWN}
    assert down["mid"] == "base"
    assert down["top"] == "mid"


def test_a_soft_need_only_degrades() -> None:
    soft = needing("base", kind=DependencyKind.SOFT)
    shown = drill(soft, Service(name=name("base")), faults=(gone("base"),))
    assert served(shown, "top", 5) == 1.0
    assert shown.degraded[5, shown.services.index("top"), 0] == 1.0


def test_memory_serves_for_as_long_as_it_says() -> None:
    cached = needing("base", kind=DependencyKind.CACHED, cached_s=180.0)
    shown = drill(cached, Service(name=name("base")), faults=(gone("base"),))
    assert [served(shown, "top", minute) for minute in (4, 6, 9)] == [1.0, 0.0, 1.0]


def test_a_wiped_memory_does_not_help() -> None:
    cached = needing("base", kind=DependencyKind.CACHED, cached_s=900.0)
    wipe = Fault(kind=FaultKind.CACHE_WIPE, subject="top", at_s=180.0, until_s=181.0)
    shown = drill(cached, Service(name=name("base")), faults=(gone("base"), wipe))
    assert [served(shown, "top", minute) for minute in (2, 5)] == [1.0, 0.0]


def test_of_a_group_one_is_enough() -> None:
    both = tuple(Dependency(service=name("base"), region=one, group="g") for one in (A, B))
    top = Service(name=name("top"), needs=both)
    one = drill(top, Service(name=name("base")), faults=(gone("base", "a"),))
    two = drill(top, Service(name=name("base")), faults=(gone("base"),))
    assert (served(one, "top", 5), served(two, "top", 5)) == (1.0, 0.0)


def test_a_pinned_need_is_felt_in_other_regions() -> None:
    shown = drill(
        needing("base", region=A),
        Service(name=name("base")),
        faults=(gone("a", kind=FaultKind.REGION),),
    )
    assert served(shown, "top", 5, "b") == 0.0


def test_an_empty_name_is_felt_at_once_and_forgotten_slowly() -> None:
    base = Service(name=name("base"), resolving=Resolving(ttl_s=5.0, negative_ttl_s=600.0))
    fault = gone("base", kind=FaultKind.EMPTY_NAME)
    shown = drill(needing("base"), base, faults=(fault,))
    assert served(shown, "top", 3) == 0.0
    assert served(shown, "top", 13) == pytest.approx(0.55, abs=0.02)
    assert served(shown, "top", 19) == pytest.approx(1.0, abs=0.1)
    assert shown.names[5, shown.name_of.index("base")] == 0.0


def test_stale_answers_bridge_silence_but_not_an_empty_answer() -> None:
    base = Service(name=name("base"), resolving=Resolving(ttl_s=5.0, stale_ratio=1.0))
    silent = drill(base, faults=(gone("base", kind=FaultKind.SERVFAIL),))
    empty = drill(base, faults=(gone("base", kind=FaultKind.EMPTY_NAME),))
    assert (served(silent, "base", 5), served(empty, "base", 5)) == (1.0, 0.0)


def test_a_circle_is_reported_and_runs() -> None:
    one = Service(name=name("one"), needs=(Dependency(service=name("two")),))
    two = Service(name=name("two"), needs=(Dependency(service=name("one")),))
    shown = drill(one, two, faults=(gone("one"),))
    assert len(shown.feedback) == 1
    assert served(shown, "two", 5) == 0.0


def busy(rate: float, **facts: object) -> Service:
    serving = Serving(rate=rate, timeout_s=3.0, base_s=0.01)
    behaviour = Behaviour(serving=serving, retrying=Retrying(attempts=3), **facts)  # type: ignore[arg-type]
    return Service(name=name("busy"), load=Load(demand=1000), behaviour=behaviour)


def storm() -> Fault:
    return Fault(kind=FaultKind.LOAD, subject="busy", at_s=120.0, until_s=150.0, amount=6.0)


@pytest.mark.slow
def test_a_retry_storm_that_stays_is_named() -> None:
    """At half load three tries exceed the capacity: the storm keeps itself alive."""
    shown = drill(busy(1000.0), faults=(storm(),), minutes=60)
    assert {one.mechanism for one in shown.metastable} == {"retries", "stale work"}
    assert drill(busy(2500.0), faults=(storm(),), minutes=60).metastable == ()


@pytest.mark.slow
def test_a_restart_ends_a_retry_storm() -> None:
    act = Act(kind=ActionKind.RESTART, subject="busy", at_s=1200.0)
    throttle = Act(kind=ActionKind.THROTTLE, subject="busy", at_s=1190.0, amount=0.2)
    lift = Act(kind=ActionKind.THROTTLE, subject="busy", at_s=1260.0, amount=1.0)
    shown = drill(busy(1000.0), faults=(storm(),), actions=(act, throttle, lift), minutes=60)
    assert served(shown, "busy", 15) < 0.1
    assert shown.metastable


def test_a_repair_ends_a_fault_and_a_rule_fires_when_its_condition_held() -> None:
    fault = replace(gone("base"), until_s=None)
    rule = Act(
        kind=ActionKind.REPAIR, subject="base", when_service="base", when_below=0.5, when_for_s=120.0,
        delay_s=60.0,
    )  # fmt: skip
    shown = drill(Service(name=name("base")), faults=(fault,), actions=(rule,))
    acted = [one.at_s for one in shown.events if one.kind is EventKind.ACTION]
    assert acted == [360.0]
    assert served(shown, "base", 8) == 1.0


def test_an_evacuated_region_s_users_are_served_elsewhere() -> None:
    act = Act(kind=ActionKind.EVACUATE, subject="a", at_s=180.0)
    shown = drill(
        Service(name=name("s"), audience=Audience(people=100.0)),
        faults=(gone("a", kind=FaultKind.REGION),), actions=(act,),
    )  # fmt: skip
    assert [round(served(shown, "s", minute)) for minute in (2, 6)] == [0, 1]


def test_credentials_run_out_while_their_issuer_is_down() -> None:
    own = Behaviour(credentials=Credentials(via=name("issuer"), ttl_s=720.0))
    top = Service(name=name("s"), behaviour=own)
    shown = drill(top, Service(name=name("issuer")), faults=(gone("issuer"),))
    assert served(shown, "s", 7) == pytest.approx(0.54, abs=0.05)
    assert served(shown, "s", 14) > 0.99


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_a_checker_that_lies_removes_no_more_than_may_be_out(engine: str) -> None:
    """In all, and a minute; fail-open lets all serve once too many are out."""
    fault = Fault(kind=FaultKind.CHECKER, subject="s", at_s=60.0, until_s=600.0)
    free = HealthRemoval(interval_s=5.0)
    capped, slow = replace(free, removable_ratio=0.3), replace(free, velocity_ratio=0.1)
    shown = []
    with stepped_by(engine):
        for health in (capped, replace(free, open_ratio=0.5), slow, free):
            service = Service(name=name("s"), behaviour=Behaviour(health=health))
            shown.append(drill(service, faults=(fault,)))
    out = [round(float(one.meters["removed_ratio"][4, 0, 0]), 2) for one in shown]
    assert out[:3] == [0.3, 0.0, 0.4]
    assert out[3] > 0.9
    fares = [served(one, "s", 8) for one in shown]
    assert fares[:2] == [1.0, 1.0]
    assert fares[2] > fares[3] + 0.1
    assert fares[3] < 0.2


def test_capacity_falls_while_nothing_can_be_launched() -> None:
    own = Behaviour(autoscaling=Autoscaling(via=name("launch"), churn_ratio=3.0))
    top = Service(name=name("s"), behaviour=own)
    shown = drill(top, Service(name=name("launch")), faults=(gone("launch"),))
    assert shown.meters["capacity_ratio"][7, shown.services.index("s"), 0] < 0.85
    assert served(shown, "s", 1) == 1.0


def test_work_left_behind_makes_new_work_late() -> None:
    launch = Service(name=name("launch"), load=Load(demand=20))
    backlog = Backlog(of=name("launch"), rate=15.0, late_s=30.0)
    later = Service(name=name("net"), behaviour=Behaviour(backlog=backlog))
    fault = replace(gone("launch", kind=FaultKind.LOAD), amount=4.0)
    shown = drill(launch, later, faults=(fault,), minutes=45)
    assert served(shown, "net", 1) == pytest.approx(1.0, abs=0.01)
    assert served(shown, "net", 8) < 0.2
    # 25 a second too many for six minutes, worked off at 5 a second: half an hour.
    assert served(shown, "net", 25) < 0.5
    assert served(shown, "net", 42) > 0.9


def test_reports_follow_people_hit_and_stay_below_them() -> None:
    top = Service(name=name("s"), audience=Audience(people=1e6, countries=(("US", 1.0),)))
    shown = drill(top, faults=(gone("s"),))
    assert shown.reports[:2].sum() == 0.0
    assert 0.0 < shown.reports.sum() <= 0.01 * 1e6


# rules whatever the world


def worlds(draw: st.DrawFn) -> tuple[Service, ...]:
    count = draw(st.integers(2, 7))
    made = []
    for row in range(count):
        targets = (
            draw(st.sets(st.integers(row + 1, count), max_size=3)) if row < count - 1 else set()
        )
        kinds = [draw(st.sampled_from([*DependencyKind])) for _ in targets]
        needs = tuple(
            Dependency(service=name(f"s{min(target, count - 1)}"), kind=kind, cached_s=120.0)
            for target, kind in zip(sorted(targets), kinds, strict=True)
            if min(target, count - 1) > row
        )
        behaviour = Behaviour(
            serving=Serving(rate=draw(st.sampled_from([30.0, 60.0, 200.0])), timeout_s=3.0),
            retrying=Retrying(attempts=draw(st.integers(1, 3))),
            leasing=Leasing(count=100.0, rate=5.0) if draw(st.booleans()) else None,
        )
        made.append(
            Service(
                name=name(f"s{row}"), needs=needs, load=Load(demand=20),
                behaviour=behaviour if draw(st.booleans()) else None,
                audience=Audience(people=1000.0) if draw(st.booleans()) else None,
                resolving=Resolving() if draw(st.booleans()) else None,
            )
        )  # fmt: skip
    return tuple(made)


WORLDS = st.composite(worlds)()
FAULTS = st.sampled_from(
    [gone("a", kind=FaultKind.REGION), gone("s1"), gone("s1", kind=FaultKind.EMPTY_NAME),
     replace(gone("s0"), kind=FaultKind.LOAD, amount=4.0)]
)  # fmt: skip
few = settings(max_examples=12, deadline=None)


@pytest.mark.slow
@few
@given(WORLDS)
def test_with_no_fault_the_world_stays_at_rest(services: tuple[Service, ...]) -> None:
    # With people of its own and callers besides, a service may be drawn with more load than it can carry.
    shown = drill(*(_roomy(one) for one in services), minutes=5)
    assert np.nanmin(shown.served) > 0.999
    assert not shown.events


def _roomy(service: Service) -> Service:
    own = service.behaviour
    if own is None or own.serving is None:
        return service
    serving = replace(own.serving, rate=100.0 * own.serving.rate)
    return replace(service, behaviour=replace(own, serving=serving))


@pytest.mark.slow
@few
@given(WORLDS, FAULTS)
def test_a_run_is_bit_equal_when_repeated(services: tuple[Service, ...], fault: Fault) -> None:
    one, two = (drill(*services, faults=(fault,), minutes=12) for _ in range(2))
    assert one.served.tobytes() == two.served.tobytes()
    assert one.reports.tobytes() == two.reports.tobytes()
    assert one.events == two.events


@pytest.mark.slow
@few
@given(WORLDS, FAULTS)
def test_shares_stay_between_nothing_and_all(services: tuple[Service, ...], fault: Fault) -> None:
    shown = drill(*services, faults=(fault,), minutes=12)
    assert np.nanmin(shown.served) >= 0.0
    assert np.nanmax(shown.served) <= 1.0 + 1e-6
    for hit in shown.affected():
        assert (hit <= shown.people + 1e-3).all()


@pytest.mark.slow
@few
@given(WORLDS, FAULTS)
def test_users_are_conserved(services: tuple[Service, ...], fault: Fault) -> None:
    """Whoever is sent elsewhere asks there: an evacuation neither makes users nor loses any.

    Without night and day: a ramp looks at the clock more often.
    """
    away = Act(kind=ActionKind.EVACUATE, subject="a", at_s=60.0, ramp_s=240.0)
    scenario = Scenario(name="t", world="", start=START, length_s=600.0, faults=(fault,))
    always = Audience(people=1000.0, swing_ratio=0.0)
    awake = tuple(replace(one, audience=one.audience and always) for one in services)
    topology = Topology(regions=REGIONS, services=awake)
    stays, moves = (Run(topology, replace(scenario, actions=acts)) for acts in ((), (away,)))
    for _ in range(10):
        stays.minute()
        moves.minute()
        here, there = stays.world.ext.sum(axis=1), moves.world.ext.sum(axis=1)
        np.testing.assert_allclose(there, here, rtol=1e-9, atol=1e-9)
    assert moves.world.keep[:, 0].max() == 0.0


@pytest.mark.slow
@few
@given(WORLDS, FAULTS)
def test_names_of_regions_mean_nothing(services: tuple[Service, ...], fault: Fault) -> None:
    shown = drill(*services, faults=(fault,), minutes=12)
    renamed = (replace(REGIONS[0], name=RegionName("zz")), REGIONS[1])
    subject = "zz" if fault.subject == "a" else fault.subject
    other = drill(*services, faults=(replace(fault, subject=subject),), minutes=12, regions=renamed)
    assert shown.served.tobytes() == other.served.tobytes()


@pytest.mark.slow
@few
@given(WORLDS, FAULTS)
def test_half_the_step_changes_less_than_two_percent(
    services: tuple[Service, ...], fault: Fault
) -> None:
    one = drill(*services, faults=(fault,), minutes=12)
    half = drill(*services, faults=(fault,), minutes=12, step_s=0.5)
    assert abs(np.nanmean(one.served) - np.nanmean(half.served)) < 0.02


@pytest.mark.slow
@few
@given(WORLDS, FAULTS)
def test_more_capacity_never_hurts_without_a_loop(
    services: tuple[Service, ...], fault: Fault
) -> None:
    plain = tuple(_without_loops(one, 1.0) for one in services)
    more = tuple(_without_loops(one, 2.0) for one in services)
    before = drill(*plain, faults=(fault,), minutes=12)
    after = drill(*more, faults=(fault,), minutes=12)
    assert np.nansum(after.served) >= np.nansum(before.served) - 1e-3


def _without_loops(service: Service, factor: float) -> Service:
    own = service.behaviour
    if own is None or own.serving is None:
        return service
    serving = replace(own.serving, rate=own.serving.rate * factor)
    return replace(service, behaviour=Behaviour(serving=serving), needs=())


def test_a_fork_looks_at_its_own_graph() -> None:
    """What changes in a copied instant is seen by that copy's services, and by no other's."""
    topology = Topology(regions=REGIONS, services=(Service(name=name("a")),))
    made = Run(topology, Scenario(name="test", world="", start=START, length_s=60.0))
    other = made.fork()
    other.world.needs.works[0, 0] = 0.25
    assert other.world.needs.flat[0] == 0.25
    assert made.world.needs.flat[0] == 1.0
