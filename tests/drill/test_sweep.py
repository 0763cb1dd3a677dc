"""Questions of teams: the same answer here, in other processes and on a cluster; statistics that hold."""

import contextlib
import gc
import json
import math
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.support.nameservers import free_port
from tests.support.system import invoke

from outlast.app.drill.library import find_world
from outlast.app.drill.pools import measured_all
from outlast.app.drill.quick import question
from outlast.drill.questions import Loss, candidates, difference, members, pairs, singles, uniform
from outlast.drill.scenario import Fault, FaultKind, Variation
from outlast.drill.vary import Case, value_at

DEADLINE_S = 60.0


def case(lost: str = "region:us-east") -> Case:
    topology = find_world("boutique")
    scenario = question(topology, "boutique", (lost,), 600.0)
    variation = Variation(
        name="rate", path="services.frontend.serving.rate", values=(500.0, 2000.0)
    )
    scenario = replace(scenario, step_s=10.0, length_s=1800.0, variations=(variation,))
    return Case(topology, scenario)


def loss(name: str) -> Loss:
    return Loss(name, (Fault(kind=FaultKind.SERVICE, subject=name),))


def test_every_single_thing_is_lost_once() -> None:
    """Regions, zones, providers, names and services."""
    topology = find_world("boutique")
    found = [one.name for one in singles(topology, 60.0, {"eu-west": 1 / 3})]
    assert len(set(found)) == len(found)
    assert {"region:us-east", "zone:eu-west", "provider:dns", "empty-name:www"} <= set(found)
    assert sum(one.startswith("service:") for one in found) == len(topology.services)


def test_pairs_are_of_two_things() -> None:
    """Never a thing with itself."""
    assert [one.name for one in pairs([loss("a"), loss("b"), loss("a")])] == ["a + b", "b + a"]


def test_a_set_that_holds_a_smaller_one_that_breaks_is_not_tried() -> None:
    """The smallest are asked for."""
    losses = [loss(name) for name in "abcd"]
    found = [one.name for one in candidates(losses, 2, [frozenset("a"), frozenset("bc")])]
    assert found == ["b + d", "c + d"]


def test_members_cover_a_range_evenly_and_do_not_depend_on_order() -> None:
    """One draw in each slice; member 3 is the same in an ensemble asked for again."""
    drawn = [value_at(one, "services.frontend.serving.rate") for one in members(case(), 10, 5)]
    slices = sorted(int((value - 500.0) / 150.0) for value in drawn)
    assert slices == list(range(10))
    again = list(members(case(), 10, 5))
    assert value_at(again[3], "services.frontend.serving.rate") == drawn[3]
    assert [one.scenario.seed for one in again] == list(range(5, 15))
    other = [value_at(one, "services.frontend.serving.rate") for one in members(case(), 10, 6)]
    assert sorted(other) != sorted(drawn)
    assert uniform(1, 2, "x") != uniform(1, 2, "y")


def test_a_difference_knows_how_sure_it_is() -> None:
    """Against the table of Student's t: mean 2, deviation 1 over 4 pairs gives 2 +- 3.182 / 2."""
    first = [0.0, 0.0, 0.0, 0.0]
    spread = math.sqrt(1.5)
    found = difference("x", first, [2 + spread, 2 - spread, 2.0, 2.0])
    assert found.low == pytest.approx(2 - 3.182 / 2, abs=1e-3)
    assert found.high == pytest.approx(2 + 3.182 / 2, abs=1e-3)
    assert found.clear
    assert not difference("x", [1.0], [2.0]).clear, "one pair says nothing"


@pytest.mark.slow
def test_processes_give_the_same_figures_as_one() -> None:
    """To the last bit, in the order of the cases."""
    cases = list(members(case(), 4, 1))
    assert measured_all(cases, text="", jobs=2) == measured_all(cases, text="", jobs=1)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A real scheduler and two workers, as processes."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    log = (folder / "dask.log").open("w")
    base = {"stdout": log, "stderr": log, "cwd": folder}
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker"]
    words = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"]
    running = [subprocess.Popen([*scheduler, *words], **base)]  # type: ignore[call-overload]
    for number in range(2):
        own = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", f"w{number}"]
        running.append(subprocess.Popen([*worker, address, *own], **base))  # type: ignore[call-overload]
    try:
        yield address
    finally:
        for one in reversed(running):
            one.terminate()
        for one in running:
            try:
                one.wait(timeout=DEADLINE_S)
            except subprocess.TimeoutExpired:  # it waits for a scheduler that has ended already
                one.kill()
                one.wait()
        log.close()


@pytest.fixture
def swept_up() -> Iterator[None]:
    """Collects the event loop that a closed Dask client leaves open, here and not in somebody's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.slow
@pytest.mark.usefixtures("swept_up")
def test_a_dask_cluster_gives_the_same_figures_as_this_machine(tmp_path: Path) -> None:
    """A real scheduler and two workers; both work, and it cannot be seen in the result."""
    distributed: Any = import_module("distributed")  # heavy, and for this test alone
    cases = list(members(case(), 4, 1))
    with cluster(tmp_path) as address:
        deadline = time.monotonic() + DEADLINE_S
        with distributed.Client(
            address, timeout=f"{DEADLINE_S:g}s", set_as_default=False
        ) as client:
            client.wait_for_workers(2, timeout=deadline - time.monotonic())
        assert measured_all(cases, text="", dask=address) == measured_all(cases, text="", jobs=1)


def test_a_cluster_that_is_not_there_is_told() -> None:
    """With how to start one."""
    done = invoke("drill", "shop", "--sweep", "--only", "region", "--dask", "tcp://127.0.0.1:1")
    assert done.code == 2
    assert "no Dask scheduler answers" in done.err


@pytest.mark.slow
def test_a_sweep_ranks_by_harm() -> None:
    """The service that everything is reached through hurts most."""
    words = ("--sweep", "--only", "region,service", "--for", "10m", "--json", "--jobs", "1")
    done = invoke("drill", "boutique", *words)
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    alone = [one for one in rows if "+" not in one["lost"]]
    assert alone == sorted(alone, key=lambda one: -one["user_minutes"])
    assert alone[0]["user_minutes"] > 0
    assert alone[-1]["user_minutes"] == 0
    assert any("+" in one["lost"] for one in rows)


@pytest.mark.slow
def test_a_search_finds_the_smallest_set(tmp_path: Path) -> None:
    """Either of two roads is spare; both are needed to break the promise."""
    (tmp_path / "world.yaml").write_text(
        "outlast: 1\nregions: {eu: {}}\nproviders:\nendpoints:\nservices:\n"
        "  shop: {essential: true, regions: [eu], needs: [{service: a, group: g}, {service: b, group: g}]}\n"
        "  a: {regions: [eu]}\n  b: {regions: [eu]}\n"
    )
    drill = tmp_path / "drill.yaml"
    drill.write_text(
        "drill: 1\nworld: world.yaml\nlength: 30m\nstep: 10s\n"
        "expectations: [{name: promise, kind: served-min, service: shop, value: 99%}]\n"
    )
    words = ("--search", "--only", "service", "--for", "10m", "--json", "--jobs", "1")
    done = invoke("drill", str(drill), *words)
    assert done.code == 1, done.err
    assert [one["lost"] for one in json.loads(done.out)] == ["service:shop"]
    drill.write_text(
        drill.read_text() + "faults: [{kind: service, subject: a, at: 5m, for: 10m}]\n"
    )
    done = invoke("drill", str(drill), *words)
    assert {one["lost"] for one in json.loads(done.out)} == {"service:shop", "service:b"}


@pytest.mark.slow
def test_two_are_compared_with_intervals(tmp_path: Path) -> None:
    """A world against itself differs by nothing; against one that remembers, clearly."""
    same = invoke(
        "drill", "--compare", "identity-lost", "identity-lost", "--members", "3", "--json"
    )
    assert same.code == 0, same.err
    assert all(one["low"] == one["high"] == 0 for one in json.loads(same.out))
