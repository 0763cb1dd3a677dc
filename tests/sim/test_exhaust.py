"""Exhaustive search: complete, shortest first, and equal to Spin."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from outlast.sim.design import AnyDesign, Size, Spec
from outlast.sim.designs import catalogue
from outlast.sim.exhaust import Bound, explore
from outlast.sim.liveness import heal, hopeless

MODELS = Path(__file__).parents[2] / "models"


def blind(*switches: str, **size: int) -> AnyDesign:
    return catalogue.build(
        Spec(design="last-writer-wins", size=Size(**size), switches=tuple(sorted(switches)))
    )


def aws(*switches: str, plans: int = 4) -> AnyDesign:
    size = Size(enactors=2, plans=plans, age=2)
    return catalogue.build(Spec(design="aws-2025", size=size, switches=tuple(sorted(switches))))


@pytest.mark.parametrize(
    ("size", "switches", "states", "transitions"),
    [
        ({"enactors": 2, "plans": 4}, (), 614, 1370),
        ({"enactors": 2, "plans": 4}, ("compare",), 448, 1020),
        ({"enactors": 3, "plans": 4, "endpoints": 2}, (), 39_694, 122_669),
    ],
)
def test_counts_are_those_of_spin(
    size: dict[str, int], switches: tuple[str, ...], states: int, transitions: int
) -> None:
    """The small race model has exactly the states and transitions that Spin counts."""
    seen = explore(blind(*switches, **size), Bound(symmetry=False))
    assert seen.complete
    assert (seen.states, seen.transitions) == (states, transitions)


@pytest.mark.slow
def test_spin_counts_the_same_now(tmp_path: Path) -> None:
    """Spin itself, run on `models/race.pml`, stores as many states as this explorer."""
    spin = shutil.which("spin")
    compiler = shutil.which("gcc")
    assert spin, "install the package `spin`"
    assert compiler, "install a C compiler"
    size = ["-DE=3", "-DP=4", "-DN=2", "-DK=2"]
    subprocess.run([spin, "-a", *size, MODELS / "race.pml"], cwd=tmp_path, check=True)
    command = [compiler, "-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(
        [tmp_path / "pan", "-E"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    counted = re.search(r"(\d+) states, stored", done.stdout)
    assert counted is not None
    seen = explore(blind(enactors=3, plans=4, endpoints=2), Bound(symmetry=False))
    assert seen.states == int(counted[1])


def test_symmetry_changes_no_answer() -> None:
    """Exchanging identical enactors saves states and finds the same shortest traces."""
    design = blind(enactors=3, plans=4)
    whole, folded = (explore(design, Bound(symmetry=on)) for on in (False, True))
    assert folded.states < whole.states / 3
    assert {name: len(trace) for name, (_, trace) in folded.traces.items()} == {
        name: len(trace) for name, (_, trace) in whole.traces.items()
    }


def test_the_shortest_trace_is_a_real_run() -> None:
    """The trace that breadth-first search reports breaks the invariant at its last step, not before."""
    design = aws()
    broken, steps = explore(design).traces["S1 never empty"]
    shared, locals_ = design.begin()
    found = []
    for actor, option in steps:
        assert option < design.options(actor, shared, locals_[actor])
        deed = design.move(actor, option, shared, locals_[actor])
        found.append(design.judge(shared, deed) if deed else "")
    assert found[-1] == broken
    assert not any(text.startswith("S1") for text in found[:-1])


@pytest.mark.parametrize(
    "bound", [Bound(depth=5), Bound(states=100), Bound(seconds=0.0), Bound(first=True)]
)
def test_a_bound_is_never_sold_as_complete(bound: Bound) -> None:
    """Whatever cut the search off, it says so, and counts what it did not look beyond."""
    seen = explore(blind(enactors=2, plans=4), bound)
    assert not seen.complete
    assert seen.unexpanded > 0


def test_the_published_design_can_never_heal() -> None:
    """After the shortest way to the empty endpoint no calm future at all gives it an address."""
    design = aws()
    steps = explore(design).traces["S1 never empty"][1]
    assert heal(design, steps, 1_000).unsettled.startswith("L2")
    never, seen = hopeless(design, steps, Bound())
    assert never
    assert seen.complete


GUARDED = {
    "fence": ("S4 retained",),
    "lag-limit": ("S2 monotone", "S4 retained"),
    "reachable-clean-up": ("S2 monotone",),
    "answer-floor": ("S2 monotone", "S4 retained"),
    "heal-missing": ("S1 never empty", "S2 monotone", "S4 retained"),
}


@pytest.mark.parametrize("switch", sorted(GUARDED))
def test_each_guardrail_does_what_the_table_says(switch: str) -> None:
    """Alone, each guardrail leaves exactly these invariants breakable."""
    assert tuple(sorted(explore(aws(switch)).traces)) == GUARDED[switch]


def test_heal_missing_heals() -> None:
    """With a branch for the missing current plan the next plan gives the endpoint its address back."""
    design = aws("heal-missing")
    steps = explore(design).traces["S1 never empty"][1]
    assert heal(design, steps, 1_000).unsettled == ""


@pytest.mark.parametrize(
    ("design", "switches", "broken"),
    [
        ("lease-only", (), ["S2 monotone"]),
        ("token-late", (), ["S2 monotone"]),
        ("token-late", ("token-with-plan",), []),
        ("last-writer-wins", (), ["S1 never empty", "S2 monotone"]),
        ("last-writer-wins", ("compare", "reachable-clean-up"), []),
    ],
)
def test_half_measures_break(design: str, switches: tuple[str, ...], broken: list[str]) -> None:
    """A lease alone and a late token publish backwards; plan and token in one answer do not."""
    size = Size(enactors=2, plans=4, age=2)
    seen = explore(catalogue.build(Spec(design=design, size=size, switches=switches)))
    assert seen.complete
    assert sorted(seen.traces) == broken


@pytest.mark.slow
def test_the_production_core_is_sound_in_its_small_world() -> None:
    """Every interleaving of planner, two enactors, one plan and one wipe breaks nothing."""
    spec = Spec(design="outlast", size=Size(enactors=2, plans=1, age=1, faults=1), faults=("wipe",))
    seen = explore(catalogue.build(spec))
    assert seen.complete
    assert seen.states > 20_000
    assert seen.traces == {}
