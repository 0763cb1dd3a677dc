"""One service of a drill, request by request, between the borders that the whole gave it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.system import invoke

from outlast.config.scenario import START
from outlast.drill.boundary import cut_out
from outlast.drill.exact import compare
from outlast.drill.scenario import Act, ActionKind, Fault, FaultKind, Scenario
from outlast.model.behaviour import Behaviour, Resolving, Retrying, Serving
from outlast.model.errors import ConfigError
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, Service
from outlast.model.topology import Region, Topology

REGIONS = (Region(name=RegionName("a"), country="US"), Region(name=RegionName("b"), country="DE"))
SERVING = Serving(rate=50.0, base_s=0.01, timeout_s=3.0)


def world(serving: Serving = SERVING, retrying: Retrying | None = None) -> Topology:
    shop = Service(
        name=ServiceName("shop"),
        needs=(Dependency(service=ServiceName("base")),),
        load=Load(demand=50),
        behaviour=Behaviour(serving=serving, retrying=retrying or Retrying(attempts=3)),
        resolving=Resolving(ttl_s=30.0, negative_ttl_s=120.0, open_s=20.0),
    )
    slow = Behaviour(serving=Serving(rate=1000.0, base_s=0.01))
    base = Service(name=ServiceName("base"), behaviour=slow)
    return Topology(regions=REGIONS, services=(shop, base))


def drill(*faults: Fault, acts: tuple[Act, ...] = (), minutes: int = 20) -> Scenario:
    return Scenario(
        name="t", world="", start=START, length_s=minutes * 60.0, faults=faults, actions=acts
    )


def fault(
    kind: FaultKind,
    subject: str,
    amount: float = 1.0,
    from_s: float = 300.0,
    until_s: float = 480.0,
) -> Fault:
    return Fault(kind=kind, subject=subject, at_s=from_s, until_s=until_s, amount=amount)


@pytest.mark.slow
@pytest.mark.parametrize(
    "one",
    [
        fault(FaultKind.ERRORS, "base", 0.5),
        fault(FaultKind.ERRORS, "shop", 0.3),
        fault(FaultKind.SERVICE, "shop"),
        fault(FaultKind.SERVICE, "base"),
        fault(FaultKind.LATENCY, "base", 4.0),
        fault(FaultKind.EMPTY_NAME, "shop"),
        fault(FaultKind.LOAD, "shop", 4.0),
        fault(FaultKind.CAPACITY, "shop", 0.8),
    ],
    ids=lambda one: f"{one.kind}-{one.subject}",
)
def test_both_engines_agree_on_what_comes_from_outside(one: Fault) -> None:
    """Within one hundredth of the demand in the mean; and there is something to agree on."""
    boundary = cut_out(world(), drill(one), "shop")
    found = compare(boundary, customers=40_000)
    assert min(one.fluid for one in found.minutes) < 0.995
    assert found.difference < 0.01


@pytest.mark.slow
def test_both_engines_agree_on_a_storm_that_outlives_its_cause_and_on_its_end() -> None:
    """Three tries of a service at half its capacity: down until people throttle and restart it."""
    acts = (
        Act(kind=ActionKind.THROTTLE, subject="shop", at_s=890.0, amount=0.1),
        Act(kind=ActionKind.RESTART, subject="shop", at_s=900.0),
        Act(kind=ActionKind.THROTTLE, subject="shop", at_s=960.0, amount=1.0),
    )
    storm = drill(fault(FaultKind.CAPACITY, "shop", 0.95), acts=acts)
    found = compare(cut_out(world(), storm, "shop"), customers=40_000)
    assert found.minutes[13].fluid < 0.05
    assert found.minutes[13].exact < 0.05
    assert found.minutes[19].exact > 0.95
    assert found.difference < 0.02


def test_thinning_changes_little_and_one_seed_gives_one_run() -> None:
    boundary = cut_out(world(), drill(fault(FaultKind.LOAD, "shop", 4.0), minutes=12), "shop")
    whole, again, thin = (compare(boundary, customers=count) for count in (40_000, 40_000, 9_000))
    assert whole == again
    assert thin.scale > 2 * whole.scale
    assert abs(thin.difference - whole.difference) < 0.02


def test_a_region_s_border_is_its_own() -> None:
    lost = Fault(kind=FaultKind.REGION, subject="b", at_s=60.0, until_s=180.0)
    here, there = (cut_out(world(), drill(lost, minutes=5), "shop", one) for one in ("a", "b"))
    assert min(one.reach for one in here.met) == 1.0
    assert min(one.reach for one in there.met) == 0.0


@pytest.mark.parametrize(
    ("service", "region", "said"),
    [
        ("nobody", "", "there is no service"),
        ("shop", "mars", "there is no region"),
        ("plain", "", "is not said"),
        ("careful", "", "break circuits"),
    ],
)
def test_what_cannot_be_exact_is_told_with_a_remedy(service: str, region: str, said: str) -> None:
    breaker = Behaviour(serving=SERVING, retrying=Retrying(breaker_ratio=0.5))
    more = (
        Service(name=ServiceName("plain")),
        Service(name=ServiceName("careful"), behaviour=breaker),
    )
    topology = replace(world(), services=(*world().services, *more))
    with pytest.raises(ConfigError, match=said) as error:
        cut_out(topology, drill(minutes=1), service, region)
    assert error.value.remedy


def test_the_command_says_how_far_they_are_apart(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(
        "outlast: 1\nregions: {eu: {}}\nproviders:\nendpoints:\nservices:\n"
        "  shop: {regions: [eu], load: {demand: 20}, behaviour: {serving: {rate: 40, timeout_s: 3}}}\n"
    )
    asked = (
        "drill",
        str(path),
        "--lose",
        "service:shop",
        "--for",
        "5m",
        "--step",
        "10s",
        "--exact",
        "shop@eu",
    )
    done = invoke(*asked)
    assert done.code == 0, done.err
    assert "both agree" in done.out
    found = json.loads(invoke(*asked, "--json").out)
    assert (found["region"], found["minutes"][12]["exact"]) == ("eu", 0.0)
