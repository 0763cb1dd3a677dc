"""Search in the large: the portfolio finds what one scheduler misses; shrinking, fate, story, pool."""

from dataclasses import replace
from pathlib import Path

import pytest

from outlast.sim.chart import draw
from outlast.sim.design import Size, Spec, invariant_of
from outlast.sim.designs import catalogue
from outlast.sim.fate import fate_of
from outlast.sim.pool import Effort
from outlast.sim.pool import search as search_on_cores
from outlast.sim.search import Finding, Wish, keyed, search, search_batch
from outlast.sim.shrink import breaks, shrink, weight
from outlast.sim.story import evidence, gather, tell

SMALL = Size(enactors=2, plans=5, age=2)
REALISTIC = Size(enactors=3, plans=40, endpoints=3, age=30)
EMPTY_ONLY = ("S2 monotone", "S4 retained")


def wish(size: Size, *only: str, seed: int = 1) -> Wish:
    spec = Spec(design="aws-2025", size=size, tolerate=EMPTY_ONLY)
    return Wish(spec=spec, seed=seed, heal_bound=0, only=only)


def found_in(size: Size, *only: str) -> Finding:
    _, finding = search(catalogue.build, wish(size, *only), seconds=30)
    assert finding is not None
    return finding


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["pos", "pct-4", "pct-5", "pct-6"])
def test_strategies_find_the_race_at_a_realistic_age(strategy: str) -> None:
    """Each of these alone empties an endpoint although clean-up waits for thirty generations."""
    finding = found_in(REALISTIC, strategy)
    assert finding.strategy == strategy
    assert finding.found.startswith("S1 never empty")


@pytest.mark.slow
def test_a_uniform_scheduler_misses_it() -> None:
    """A uniform random walk alone does not: hence the portfolio."""
    tally, finding = search(catalogue.build, wish(REALISTIC, "uniform"), seconds=60, batches=5)
    assert tally.schedules == 900
    assert finding is None


def test_a_batch_is_a_pure_function() -> None:
    """The same batch twice gives the same numbers and the same finding; another number does not."""
    first, second = (search_batch(catalogue.build, wish(SMALL), 3) for _ in range(2))
    assert first == second
    assert first != search_batch(catalogue.build, wish(SMALL), 4)


@pytest.mark.slow
def test_many_processes_find_what_one_finds(tmp_path: Path) -> None:
    """The finding is that of the lowest batch, whoever does the work."""
    spec = Spec(design="lease-only", size=Size(enactors=2, plans=3))
    asked = Wish(spec=spec, heal_bound=0)
    alone = search_on_cores(catalogue.build, asked, Effort(seconds=20, workers=1))
    together = search_on_cores(catalogue.build, asked, Effort(seconds=20, workers=2))
    assert alone[1] is not None
    assert alone == together


def test_a_search_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Two runs of one batch each do what one run of two batches does."""
    asked = replace(wish(SMALL, "uniform"), spec=Spec(design="aws-2025", size=SMALL), stop=False)
    memory = tmp_path / "memory.json"
    for _ in range(2):
        effort = Effort(seconds=20, batches=1, workers=1, memory=memory)
        resumed, _ = search_on_cores(catalogue.build, asked, effort)
    whole, _ = search_on_cores(catalogue.build, asked, Effort(seconds=20, batches=2, workers=1))
    assert resumed == whole
    assert resumed.batches == 2


def test_no_two_purposes_share_a_stream() -> None:
    """Generators of neighbouring seeds, and of one seed for two purposes, draw differently."""
    draws = {keyed(*key).random() for key in [(1, "a"), (1, "b"), (2, "a"), (3, "a")]}
    assert len(draws) == 4


def test_shrinking_reaches_the_shortest_trace_within_its_replays() -> None:
    """A run found by chance becomes as short as breadth-first search's, within 200 replays."""
    finding = found_in(SMALL)
    design = catalogue.build(finding.spec)
    steps, replays = shrink(finding.steps, breaks(design, "S1 never empty"))
    assert replays <= 200
    assert len(steps) == 12
    assert weight(steps) <= weight(finding.steps)


def test_what_does_not_fail_is_not_shrunk() -> None:
    """Shrinking refuses a run that does not fail."""
    design = catalogue.build(Spec(design="aws-2025", size=SMALL))
    with pytest.raises(ValueError, match="does not fail"):
        shrink([(0, 0)], breaks(design, "S1 never empty"))


def test_the_point_of_no_return_lies_before_nothing_else() -> None:
    """From the named step on every redrawn future fails; before it at least one does not."""
    finding = found_in(SMALL)
    design = catalogue.build(finding.spec)
    steps, _ = shrink(finding.steps, breaks(design, "S1 never empty"))
    fate = fate_of(design, steps, finding.found, keyed(1), futures=60)
    assert len(fate.ratios) == len(steps) + 1
    assert all(ratio == 1.0 for ratio in fate.ratios[fate.point :])
    assert fate.ratios[fate.point - 1] < 1.0


def test_the_story_tells_october_2025() -> None:
    """Unaided: an old plan, a belief that is false by then, EMPTY, and that nothing heals it."""
    found = gather(catalogue.build, found_in(SMALL))
    story = "\n".join(tell(found))
    for words in (
        "checks once that it is newer",
        "it is 2 behind",
        "deletes trees up to plan 1",
        "EMPTY",
        "does NOT heal",
        "No future heals it",
        "Point of no return",
    ):
        assert words in story
    assert invariant_of(found.tape.found) == "S1 never empty"


def test_the_chart_is_one_file() -> None:
    """The chart holds every actor, every step and no reference to anything outside."""
    design = catalogue.build(Spec(design="lease-only", size=Size(enactors=2, plans=2)))
    finding = search(catalogue.build, Wish(spec=design.spec, heal_bound=0), seconds=20)[1]
    assert finding is not None
    found = evidence(design, gather(catalogue.build, finding).steps)
    page = draw(found)
    assert page.count("<circle") == len({number for number, _ in enumerate(found.trace.told)})
    assert "enactor-1" in page
    assert "http" not in page
    assert "<script" not in page
