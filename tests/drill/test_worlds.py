"""Worlds that ship: they can be used, are what they claim to be, and stay at rest while nothing is wrong."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean

import numpy as np
import pytest

from outlast.app.drill.library import find_world, shipped
from outlast.app.drill.quick import question
from outlast.app.drill.running import run_case
from outlast.audit.run import audit, case_of
from outlast.config import load
from outlast.drill.vary import Case
from outlast.drill.worlds.synthetic import CallGraph, CallKind, NodeKind, draw_graph, synthetic
from outlast.model.errors import ConfigError

ROOT = Path(__file__).parents[2]
GRAPHS = 4000


def test_every_world_file_can_be_used() -> None:
    """Without an error; warnings are about probing and TTLs, which a drill does not use."""
    files = shipped("worlds")
    assert {"aws", "boutique", "shop", "social-network"} <= files.keys()
    for name, path in files.items():
        assert load(path).topology.services, name


def test_the_shop_is_the_example() -> None:
    """What `make up` runs is what is drilled."""
    example = ROOT / "examples" / "three-regions.yaml"
    assert shipped("worlds")["shop"].read_text() == example.read_text()


@pytest.mark.slow
def test_the_aws_world_is_what_its_command_writes() -> None:
    """`python ops/aws_world.py world` was run after the last change of table or classes."""
    code = "import runpy; print(runpy.run_path('ops/aws_world.py')['world'](), end='')"
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout == shipped("worlds")["aws"].read_text()


def test_the_aws_world_has_the_size_it_claims() -> None:
    """About 150 services of the table in 34 regions, and the parts that matter for a disaster."""
    world = find_world("aws")
    assert len(world.regions) == 34
    assert 140 <= sum(one.resolving is not None for one in world.services) <= 160
    assert sum(len(one.regions) for one in world.services) > 4000


def test_the_audit_says_unasked_that_all_roads_lead_to_one_region() -> None:
    """And shows by which."""
    world = find_world("aws")
    case = case_of(world, __import__("datetime").date(2026, 1, 1))
    found = [one.hit for one in audit(case) if one.code == "CUT001"]
    assert any("all roads lead to us-east-1" in one.message and one.roads for one in found)


def test_a_world_that_is_not_there_is_told_with_those_there_are() -> None:
    """By name."""
    with pytest.raises(ConfigError, match="no world 'moon'") as caught:
        find_world("moon")
    assert "social-network" in caught.value.remedy


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shop", "boutique", "social-network", "synthetic(3,60)"])
def test_a_world_stays_at_rest_while_nothing_is_wrong(name: str) -> None:
    """At the busiest hour as well: an overloaded world would blame each fault for its own trouble."""
    topology = find_world(name)
    scenario = replace(question(topology, name, (), 86_400.0), step_s=60.0)
    outcome = run_case(Case(topology, scenario))
    assert np.nanmin(outcome.served) > 0.999


# synthetic worlds


def depth(graph: CallGraph) -> int:
    """Return how many nodes lie on the longest way from the entry; callers come before the called."""
    depths = [1] * len(graph.kinds)
    for caller, called, _ in graph.calls:
        depths[called] = max(depths[called], depths[caller] + 1)
    return max(depths)


def fan_outs(graph: CallGraph) -> list[int]:
    """Return how many others each caller calls."""
    return list(Counter(caller for caller, _ in {one[:2] for one in graph.calls}).values())


def percentiles(values: list[int]) -> list[float]:
    return [float(one) for one in np.percentile(values, [50, 90, 99])]


@pytest.mark.slow
def test_drawn_call_graphs_have_the_statistics_of_large_systems() -> None:
    """Sizes, depths, fan-outs, kinds of nodes and of calls as published; see the module."""
    random = Random(1)
    graphs = [draw_graph(random) for _ in range(GRAPHS)]
    half, tenth, hundredth = percentiles([len(one.kinds) for one in graphs])
    assert (half, abs(tenth - 11) <= 1, abs(hundredth - 18) <= 2) == (7, True, True)
    assert max(len(one.kinds) for one in graphs) <= 50
    depths = [depth(one) for one in graphs]
    assert (percentiles(depths)[0], max(depths)) == (4, 7)
    called = [each for one in graphs for each in fan_outs(one)]
    half, tenth, hundredth = percentiles(called)
    assert half == 1
    assert abs(tenth - 6) <= 1
    assert abs(hundredth - 10) <= 2
    assert abs(fmean(called) - 2.35) <= 0.3
    kinds = Counter(kind for one in graphs for kind in one.kinds)
    shares = {kind: kinds[kind] / kinds.total() for kind in NodeKind}
    published = {"normal": 0.62, "relay": 0.17, "cache": 0.12, "unknown": 0.07, "database": 0.015}
    for kind, share in published.items():
        assert abs(shares[NodeKind(kind)] - share) <= 0.02, kind
    calls = Counter(how for one in graphs for _, _, how in one.calls)
    wanted = {"rpc": 0.43, "cache": 0.29, "http": 0.26, "database": 0.02}
    for how, share in wanted.items():
        assert abs(calls[CallKind(how)] / calls.total() - share) <= 0.03, how


@pytest.mark.parametrize("count", [50, 200, 1000])
def test_a_synthetic_world_has_entries_middles_and_leaves_as_published(count: int) -> None:
    """13 %, 48 % and 39 % of the services; no circle; three regions."""
    world = synthetic(5, count)
    assert abs(len(world.services) - count) <= 0.03 * count + 2
    called = {need.service for one in world.services for need in one.needs}
    entries = sum(one.name not in called for one in world.services) / len(world.services)
    leaves = sum(not one.needs for one in world.services) / len(world.services)
    assert abs(entries - 0.13) <= 0.02
    assert abs(leaves - 0.39) <= 0.03
    known = {one.name for one in world.services}
    assert called <= known


def test_a_synthetic_world_is_the_same_for_the_same_seed_only() -> None:
    """So a finding in one can be told by its name."""
    assert find_world("synthetic(7,100)") == synthetic(7, 100)
    assert synthetic(7, 100) != synthetic(8, 100)
