"""The compiled engine: what it shows is what numpy shows, and where it cannot be had numpy steps in."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
import pytest

from outlast.app.drill import library
from outlast.drill import engine
from outlast.drill.compiled import build, choice
from outlast.drill.compiled.wanted import Engine, stepped_by, wanted
from outlast.drill.levers import cut
from outlast.drill.running import Run
from outlast.drill.scenario import Act, ActionKind, Fault, FaultKind, Scenario
from outlast.model.behaviour import (
    Audience,
    Autoscaling,
    Backlog,
    Behaviour,
    Credentials,
    Discipline,
    HealthRemoval,
    Leasing,
    Resolving,
    Retrying,
    Serving,
)
from outlast.model.errors import ConfigError
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

START = datetime(2025, 10, 20, 6, 40, tzinfo=UTC)
CLOSE = 1e-9
"""How far apart, as a share, two engines may be: mathematics libraries differ in the last digits."""

QUICK = ("-std=gnu11", "-O0", "-fPIC", "-shared", "-fopenmp-simd")
"""Flags for steps that are compiled only to see that they can be."""

COUNTRIES = ("US", "DE", "JP", "BR")
KINDS = (DependencyKind.HARD, DependencyKind.HARD, DependencyKind.SOFT, DependencyKind.CACHED)


def world(seed: int, services: int = 24, regions: int = 9) -> Topology:
    """A world with every mechanism, drawn; needs run in circles, too."""
    chance = Random(seed)
    seats = tuple(
        Region(name=RegionName(f"r{k}"), country=COUNTRIES[k % len(COUNTRIES)])
        for k in range(regions)
    )
    made = [service(row, services, seats, chance) for row in range(services)]
    return Topology(regions=seats, services=tuple(made))


def service(row: int, services: int, seats: tuple[Region, ...], chance: Random) -> Service:
    others = [ServiceName(f"s{one}") for one in range(services) if one != row]
    targets = chance.sample(others[max(0, row - 3) :] or others, k=min(3, len(others) - row + 3))
    needs = tuple(
        Dependency(
            service=target,
            kind=chance.choice(KINDS),
            cached_s=120.0,
            calls_ratio=chance.choice((0.2, 1.0)),
            region=chance.choice((None, None, None, seats[0].name)),
            group="either" if chance.random() < 0.3 else "",
        )
        for target in targets[: chance.randint(0, 3)]
    )
    placed = () if chance.random() < 0.6 else tuple(one.name for one in seats[:5])
    people = Audience(people=1e6, countries=tuple((one, 0.2) for one in COUNTRIES))
    return Service(
        name=ServiceName(f"s{row}"),
        needs=needs,
        regions=placed,
        load=Load(demand=900, capacity=chance.choice((0, 200))) if row % 2 else None,
        audience=people if row % 3 == 0 else None,
        resolving=Resolving(ignore_ratio=0.1, stale_ratio=0.4, open_s=30.0) if row % 5 else None,
        behaviour=behaviour(chance, others[-1] if row < services - 1 else others[0]),
    )


def behaviour(chance: Random, via: ServiceName) -> Behaviour:
    serving = Serving(
        rate=chance.choice((110.0, 400.0, 0.0)),
        base_s=0.05,
        slope_s=chance.choice((0.0, 0.0, 0.002)),
        timeout_s=chance.choice((0.0, 2.0, 5.0)),
        discipline=chance.choice(list(Discipline)),
        queue_max=chance.choice((0.0, 300.0)),
        in_flight_max=chance.choice((0.0, 60.0)),
    )
    retrying = Retrying(
        attempts=chance.randint(1, 4),
        budget_ratio=chance.choice((0.0, 0.1)),
        breaker_ratio=chance.choice((0.0, 0.5)),
        hedge_ratio=chance.choice((0.0, 0.05)),
    )
    health = HealthRemoval(
        via=via,
        checker_rate=chance.choice((0.0, 12.0)),
        velocity_ratio=chance.choice((0.0, 0.1)),
        open_ratio=chance.choice((0.0, 0.5)),
    )
    leasing = Leasing(
        count=3000.0, via=via, rate=8.0, deadline_s=90.0, expire_s=400.0,
        admission_ratio=chance.choice((0.0, 0.8)), drop_expired=chance.random() < 0.5,
    )  # fmt: skip
    backlog = Backlog(of=via, rate=700.0, missed_ratio=0.5)
    scaling = Autoscaling(via=via, low_ratio=chance.choice((0.0, 0.3)), churn_ratio=0.2)
    return Behaviour(
        serving=chance.choice((serving, serving, None)),
        retrying=chance.choice((retrying, retrying, None)),
        health=chance.choice((health, None, None)),
        leasing=chance.choice((leasing, None, None)),
        backlog=chance.choice((backlog, None, None)),
        autoscaling=chance.choice((scaling, None, None)),
        credentials=chance.choice((Credentials(via=via, ttl_s=200.0), None, None)),
    )


def trouble(seed: int, step_s: float = 1.0) -> Scenario:
    """Everything that can befall such a world, and what operators do about it."""
    kinds = (
        FaultKind.SERVICE, FaultKind.CAPACITY, FaultKind.LATENCY, FaultKind.ERRORS,
        FaultKind.EMPTY_NAME, FaultKind.SERVFAIL, FaultKind.CHECKER, FaultKind.CREDENTIALS,
        FaultKind.CACHE_WIPE,
    )  # fmt: skip
    chance = Random(seed)
    faults = [
        Fault(kind=kind, subject=f"s{chance.randrange(24)}", region=chance.choice(("", "r0")),
              at_s=60.0 + 7 * k, until_s=200.0 + 11 * k, amount=chance.choice((0.5, 1.0)))
        for k, kind in enumerate(kinds)
    ]  # fmt: skip
    faults.append(Fault(kind=FaultKind.REGION, subject="r1", at_s=90.0, until_s=250.0))
    roads = [f"s{one}>s{one + 1}" for one in range(0, 23, 2)]
    faults += [Fault(kind=FaultKind.EDGE, subject=one, at_s=80.0, until_s=140.0) for one in roads]
    faults.append(Fault(kind=FaultKind.COUNTRY, subject="DE", at_s=100.0, until_s=300.0))
    acts = (
        Act(kind=ActionKind.EVACUATE, subject="r2", at_s=150.0, ramp_s=30.0),
        Act(kind=ActionKind.THROTTLE, subject="s4", at_s=160.0, amount=0.4, ramp_s=20.0),
        Act(kind=ActionKind.RESTART, subject="s5", at_s=210.0),
        Act(kind=ActionKind.SET_RATE, subject="s6", at_s=220.0, amount=30.0),
        Act(kind=ActionKind.FAILOVER_OFF, subject="s7", at_s=230.0),
        Act(kind=ActionKind.FREEZE, subject="s8", at_s=235.0),
        Act(kind=ActionKind.RETURN, subject="r2", at_s=260.0),
    )
    return Scenario(
        name="trouble", world="", start=START, length_s=480.0, step_s=step_s,
        faults=tuple(faults), actions=acts,
    )  # fmt: skip


def runs(topology: Topology, scenario: Scenario) -> tuple[Run, Run]:
    """The same by both engines."""
    both = Run(topology, scenario, Engine.COMPILED), Run(topology, scenario, Engine.NUMPY)
    for one in both:
        for _ in range(one.meters.minutes):
            one.minute()
    return both


def agree(one: Run, other: Run) -> None:
    """Hold everything against each other that a run shows, and the state that it ends in."""
    ours, theirs = one.outcome(), other.outcome()
    assert ours.events == theirs.events
    for name in ("served", "degraded", "names", "reports"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=1e-6, err_msg=name
        )
    assert set(ours.meters) == set(theirs.meters)
    for name, series in theirs.meters.items():
        np.testing.assert_allclose(ours.meters[name], series, rtol=1e-6, err_msg=name)
    for name in ("share", "home", "soft", "fresh", "sent", "queue", "good", "late", "extra_s"):
        shown, expected = getattr(one.world, name), getattr(other.world, name)
        np.testing.assert_allclose(shown, expected, rtol=CLOSE, atol=CLOSE, err_msg=name)


@pytest.mark.parametrize("seed", range(6))
def test_a_drawn_world_fares_the_same_by_both_engines(seed: int) -> None:
    agree(*runs(world(seed), trouble(seed)))


@pytest.mark.parametrize("step_s", [0.5, 5.0])
def test_so_it_does_in_steps_of_another_length(step_s: float) -> None:
    agree(*runs(world(7), trouble(7, step_s)))


@pytest.mark.parametrize("name", ["retry-storm", "region-lost", "dns-provider-of-two-lost"])
def test_so_do_scenarios_that_ship(name: str) -> None:
    path = library.find_scenario(name)
    assert path is not None
    loaded = library.open_scenario(path)
    short = replace(loaded.scenario, length_s=min(loaded.scenario.length_s, 2400.0))
    agree(*runs(loaded.topology, short))


@pytest.mark.parametrize(
    "feedback", ["retries", "waiting", "health checks", "stale work", "leases"]
)
def test_a_feedback_that_is_cut_is_cut_in_both(feedback: str) -> None:
    both = [Run(world(3), trouble(3), one) for one in (Engine.COMPILED, Engine.NUMPY)]
    for one in both:
        for minute in range(one.meters.minutes):
            if minute == 3:
                cut(one.world, feedback)
            one.minute()
    agree(*both)


def test_a_copy_goes_its_own_way() -> None:
    """A copy that still wrote to the first one's arrays would move both worlds at once."""
    first = Run(world(2), trouble(2), Engine.COMPILED)
    for _ in range(3):
        first.minute()
    other = first.fork()
    before = copy.deepcopy(first.world.needs.works)
    other.meters.lengthen(4)
    for _ in range(3):
        other.minute()
    np.testing.assert_array_equal(first.world.needs.works, before)
    assert not np.array_equal(other.world.needs.works, before)


def test_many_steps_at_once_never_jump_over_what_the_timeline_says() -> None:
    """Faults that begin within a minute begin at their second, by either engine."""
    fault = Fault(kind=FaultKind.SERVICE, subject="s0", at_s=97.0, until_s=131.0)
    scenario = replace(trouble(1), faults=(fault,), actions=())
    plain = Topology(
        regions=(Region(name=RegionName("r0")),), services=(Service(name=ServiceName("s0")), Service(
            name=ServiceName("s1"), needs=(Dependency(service=ServiceName("s0")),)))
    )  # fmt: skip
    ours, theirs = runs(plain, scenario)
    assert ours.meters.events == theirs.meters.events
    assert {one.at_s for one in ours.meters.events} >= {97.0, 131.0}


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine without a compiler, and with nothing compiled before."""
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("OUTLAST_CACHE", str(tmp_path))
    choice.library.cache_clear()
    yield tmp_path
    choice.library.cache_clear()


def test_without_a_compiler_numpy_makes_the_steps(nowhere: Path) -> None:
    shown = engine.run(world(1, services=4, regions=2), replace(trouble(1), faults=(), actions=()))
    assert shown.provenance["engine"] == "numpy"
    assert not list(nowhere.iterdir())


def test_who_insists_on_the_compiled_engine_is_told_what_is_missing(nowhere: Path) -> None:
    with pytest.raises(ConfigError, match="no C compiler is installed") as caught:
        choice.stepper(Engine.COMPILED)
    assert "--engine numpy" in str(caught.value.remedy)


def test_an_engine_of_no_known_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLAST_ENGINE", "fortran")
    with pytest.raises(ConfigError, match="fortran"):
        wanted()


def test_what_is_chosen_holds_meanwhile_and_no_longer() -> None:
    before = wanted()
    with stepped_by("numpy"):
        assert wanted() is Engine.NUMPY
    assert wanted() is before


@pytest.mark.slow
def test_a_step_is_compiled_once_and_anew_when_anything_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FLAGS", QUICK)
    first = build.built(tmp_path)
    made_ns = first.stat().st_mtime_ns
    assert build.built(tmp_path) == first
    assert first.stat().st_mtime_ns == made_ns
    monkeypatch.setattr(build, "FLAGS", (*QUICK, "-ffp-contract=off"))
    assert build.built(tmp_path) != first
    assert len(list(tmp_path.iterdir())) == 2


def test_a_compiler_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(build.NoCompiler, match="false failed"):
        build.built(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(build.NoCompiler, match="cannot be compiled into"):
        build.built(tmp_path / "file" / "below")


@pytest.mark.slow
def test_the_compiler_has_nothing_to_complain_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings are errors here, and not where people run it: their compiler may be younger."""
    monkeypatch.setattr(build, "FLAGS", QUICK)
    strict = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror")
    build.compiled(build.source(), [*build.compiler(), *strict], tmp_path / "step.so")
    assert (tmp_path / "step.so").exists()
