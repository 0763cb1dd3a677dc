"""Needs that are felt only when something starts or is changed; and what edges say of how they are called."""

from dataclasses import replace

import numpy as np
import pytest

from outlast.config.scenario import START
from outlast.drill.calls import with_calls
from outlast.drill.engine import run
from outlast.drill.judging import judge
from outlast.drill.outcome import EventKind, Outcome
from outlast.drill.scenario import (
    Act,
    ActionKind,
    Expectation,
    ExpectKind,
    Fault,
    FaultKind,
    Scenario,
)
from outlast.model.behaviour import Autoscaling, Behaviour, Retrying, Serving
from outlast.model.facts import Call, Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

A, B = RegionName("a"), RegionName("b")
REGIONS = (Region(name=A, country="US"), Region(name=B, country="DE"))


def need(name: str, kind: DependencyKind, **more: object) -> Dependency:
    return Dependency(service=ServiceName(name), kind=kind, **more)  # type: ignore[arg-type]


def service(name: str, *needs: Dependency, **more: object) -> Service:
    return Service(name=ServiceName(name), needs=needs, **more)  # type: ignore[arg-type]


def drill(
    services: tuple[Service, ...],
    *faults: Fault,
    acts: tuple[Act, ...] = (),
    minutes: int = 25,
    expectations: tuple[Expectation, ...] = (),
) -> Outcome:
    scenario = Scenario(
        name="t", world="", start=START, length_s=minutes * 60.0, step_s=5.0, faults=faults,
        actions=acts, expectations=expectations,
    )  # fmt: skip
    return run(Topology(regions=REGIONS, services=services), scenario)


def gone(subject: str, from_min: float, until_min: float, **more: object) -> Fault:
    facts = {"kind": FaultKind.SERVICE, **more}
    return Fault(subject=subject, at_s=from_min * 60, until_s=until_min * 60, **facts)  # type: ignore[arg-type]


def up(shown: Outcome, name: str, region: int = 0) -> list[int]:
    """Return the minutes in which a service is up in a region."""
    row = shown.services.index(name)
    return np.flatnonzero(shown.served[:, row, region] > 0.9).tolist()


STARTUP, CONTROL = DependencyKind.STARTUP, DependencyKind.CONTROL
PAIR = (service("app", need("images", STARTUP)), service("images"))


def test_a_startup_need_is_not_felt_by_what_runs() -> None:
    assert len(up(drill(PAIR, gone("images", 5, 15)), "app")) == 25


def test_what_fell_does_not_start_before_what_it_needs_to_start_is_there() -> None:
    """The app is down for 5 minutes, and stays down for 5 more, until images can be fetched."""
    shown = drill(PAIR, gone("app", 5, 10), gone("images", 5, 15))
    assert up(shown, "app")[:6] == [0, 1, 2, 3, 4, 16]
    assert up(drill(PAIR, gone("app", 5, 10)), "app")[5] == 10


def test_it_is_told_why_something_does_not_start() -> None:
    shown = drill(PAIR, gone("app", 5, 10), gone("images", 5, 15))
    fell = [
        one.because for one in shown.events if one.kind is EventKind.DOWN and one.subject == "app"
    ]
    assert fell == ["fault", "fault"]
    restart = Act(kind=ActionKind.RESTART, subject="app", at_s=480.0)
    shown = drill(PAIR, gone("images", 5, 15), acts=(restart,))
    fell = [
        one.because for one in shown.events if one.kind is EventKind.DOWN and one.subject == "app"
    ]
    assert fell == ["start needs images"] * 2


def test_one_of_several_that_stand_in_for_each_other_is_enough_to_start() -> None:
    both = tuple(need("images", STARTUP, region=one, group="registry") for one in (A, B))
    world = (service("app", *both), service("images"))
    shown = drill(world, gone("app", 5, 10), gone("images", 5, 15, region="b"))
    assert up(shown, "app")[5] == 10
    pinned = (service("app", need("images", STARTUP, region=B)), service("images"))
    assert up(drill(pinned, gone("app", 5, 10), gone("images", 5, 15, region="b")), "app")[5] == 16


def test_a_restart_without_what_starting_needs_takes_the_service_down() -> None:
    restart = Act(kind=ActionKind.RESTART, subject="app", region="a", at_s=480.0)
    shown = drill(PAIR, gone("images", 5, 15), acts=(restart,))
    assert up(shown, "app")[8] == 16
    assert len(up(shown, "app", 1)) == 25
    assert len(up(drill(PAIR, acts=(restart,)), "app")) == 25


def test_a_circle_of_startup_needs_does_not_come_back_and_is_named() -> None:
    world = (service("one", need("two", STARTUP)), service("two", need("one", STARTUP)))
    shown = drill(world, gone("a", 5, 10, kind=FaultKind.REGION))
    assert up(shown, "one")[-1] == 4
    assert [(one.mechanism, one.services) for one in shown.metastable] == [
        ("cold start", ("one", "two"))
    ]
    half = drill(world, gone("one", 5, 10))
    assert up(half, "one")[5] <= 11


def scaler(kind: DependencyKind) -> tuple[Service, ...]:
    own = Behaviour(
        serving=Serving(rate=100.0, timeout_s=3.0),
        autoscaling=Autoscaling(delay_s=60.0, step_ratio=0.5, max_ratio=4.0),
    )
    load = Load(demand=100)
    return (service("app", need("deploy", kind), behaviour=own, load=load), service("deploy"))


@pytest.mark.parametrize("kind", [STARTUP, CONTROL])
def test_what_cannot_be_started_or_changed_does_not_grow(kind: DependencyKind) -> None:
    load = gone("app", 5, 20, kind=FaultKind.LOAD, amount=3.0)
    free = drill(scaler(kind), load)
    stuck = drill(scaler(kind), load, gone("deploy", 4, 20))
    grown = [float(one.meters["capacity_ratio"][15, 0, 0]) for one in (free, stuck)]
    assert grown[0] > 1.2
    assert grown[1] == pytest.approx(1.0, abs=0.01)
    assert float(stuck.meters["capacity_ratio"][24, 0, 0]) >= 1.0


def test_operators_wait_for_what_they_change_things_through_and_it_is_told_once() -> None:
    world = (service("app", need("deploy", CONTROL)), service("deploy"))
    repair = Act(kind=ActionKind.REPAIR, subject="app", at_s=480.0)
    broken = replace(gone("app", 5, 10), until_s=None)
    assert up(drill(world, broken, acts=(repair,)), "app")[5] == 8
    shown = drill(world, broken, gone("deploy", 4, 15), acts=(repair,))
    assert up(shown, "app")[5] in {15, 16}
    told = [one.note for one in shown.events if one.kind is EventKind.NOTE]
    assert told == ["repair waits: what changes app is down"]


def called(call: Call | None, own: Retrying | None = None) -> tuple[Service, ...]:
    base = Behaviour(serving=Serving(rate=1000.0, base_s=0.01), retrying=own)
    edge = need("base", DependencyKind.HARD, call=call)
    return (service("top", edge, load=Load(demand=1000)), service("base", behaviour=base))


def test_an_edge_s_retries_make_the_storm_that_they_make_in_earnest() -> None:
    """Three tries and three seconds of patience, said on the edge: the storm outlives its trigger."""
    storm = gone("base", 2, 3, kind=FaultKind.CAPACITY, amount=0.95)
    calm = drill(called(None), storm)
    stormy = drill(called(Call(timeout_s=3.0, attempts=3)), storm)
    bounded = drill(called(Call(timeout_s=3.0, attempts=3, budget_ratio=0.1)), storm)
    after = [
        float(one.served[20, one.services.index("base"), 0]) for one in (calm, stormy, bounded)
    ]
    assert after[0] > 0.95
    assert after[1] < 0.5
    assert after[2] > 0.95


def test_a_service_s_own_word_counts_before_its_edges_and_the_loudest_edge_before_the_others() -> (
    None
):
    own = Retrying(attempts=2)
    kept = with_calls(Topology(services=called(Call(timeout_s=9.0, attempts=5), own))).services[1]
    assert kept.behaviour is not None
    assert kept.behaviour.retrying == own
    top, base = called(Call(attempts=2))
    loud = service(
        "loud", need("base", DependencyKind.HARD, call=Call(attempts=4), calls_ratio=9.0)
    )
    taken = with_calls(Topology(services=(top, loud, base))).services[2]
    assert taken.behaviour is not None
    assert taken.behaviour.retrying is not None
    assert taken.behaviour.retrying.attempts == 4


def test_critical_requests_are_turned_away_last() -> None:
    """At twice the capacity half is shed; two fifths are critical, and all of them get in."""

    def world(critical: float) -> tuple[Service, ...]:
        own = Serving(
            rate=100.0, base_s=0.01, timeout_s=5.0, queue_max=20.0, critical_ratio=critical
        )
        return (
            service("app", behaviour=Behaviour(serving=own), load=Load(demand=200), essential=True),
        )

    wanted = Expectation(name="pay", kind=ExpectKind.CRITICAL_MIN, value=0.99)
    load = gone("app", 5, 15, kind=FaultKind.LOAD, amount=2.0)
    held = []
    for critical in (0.4, 0.8, 0.0):
        shown = drill(world(critical), load, expectations=(wanted,))
        scenario = Scenario(
            name="t", world="", start=START, length_s=1500.0, expectations=(wanted,)
        )
        found = judge(shown, scenario, Topology(regions=REGIONS, services=world(critical)))
        held.append(round(found[0].shown, 1))
    assert held == [1.0, 0.6, 0.5]
