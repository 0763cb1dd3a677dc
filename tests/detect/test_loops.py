"""Compiled loops say what the plain words for them say, on the same input."""

from collections import Counter
from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detect.formula import deviance

from outlast.detect import chance, loops, noisyor
from outlast.detect.blame import _carried
from outlast.detect.cells import Grid
from outlast.detect.charts import Charts
from outlast.detect.counts import added, counts_of
from outlast.detect.evidence import Rows
from outlast.detect.intake import Batch, Fate, Intake, Rules
from outlast.detect.pools import Pools
from outlast.detect.seen import Seen, mixed
from outlast.detect.verdict import Cause, CauseKind, Roads

WINDOWS = (1, 2, 5)


@pytest.mark.slow
def test_who_stands_out_is_whose_largest_deviance_exceeds_the_threshold() -> None:
    """Skipping logarithms skips nobody: the loop finds what the formula finds for every window."""
    rng = np.random.default_rng(3)
    count = 3_000
    charts = Charts(count, WINDOWS, groups=np.arange(count) % 7)
    counts = rng.poisson(rng.gamma(0.4, 2, count), (40, count)).astype(np.int32)
    counts[39, ::50] += 12
    for minute in range(40):
        level, threshold = charts.level.copy(), charts.threshold.copy()
        spread = 0.1 + 1 / (charts.learnt[1] + 0.5)
        sums = [counts[max(0, minute + 1 - one) : minute + 1].sum(axis=0) for one in WINDOWS]
        found = charts.observe(minute, [one.astype(np.int32) for one in sums])
        best = np.zeros(count)
        for seen, window in zip(sums, WINDOWS, strict=True):
            if window <= minute + 1:
                means = level * charts.profile.over(window)
                above = seen > means
                deep = deviance(seen[above] + 0.0, means[above], 1 / spread[above])
                best[above] = np.maximum(best[above], np.sqrt(np.maximum(deep, 0)))
        assert np.array_equal(found.at, np.flatnonzero(best > threshold))
    assert len(found.at) > 50


def test_a_level_is_learned_by_its_formula() -> None:
    """A series forgets by a factor each step; what stands still learns nothing, not even to forget."""
    step = 2_000
    charts = Charts(2, (1,), step=step)
    counts = [9, 0, 4, 0, 0]
    for at, count in enumerate(counts):
        charts.observe(at * step, [np.array([count, 7], np.int32)], blind=np.array([False, True]))
    keep = np.exp(-step / charts.setting.level_minutes)
    ages = [keep**age for age in range(len(counts))]
    reports = sum(one * age for one, age in zip(reversed(counts), ages, strict=True))
    assert charts.level == pytest.approx([(reports + 0.5) / (sum(ages) + 0.5), 1.0], rel=0.05)


@settings(deadline=None)  # the first call compiles
@given(st.floats(0.01, 1e4), st.floats(0.1, 60))
def test_the_highest_that_chance_explains_is_where_the_deviance_reaches_it(
    mean: float, wanted: float
) -> None:
    """Found by halving; the deviance there is what was wanted."""
    high = loops.reached(mean, 10.0, wanted)
    assert high >= mean
    if high < 1e9:
        three = np.array([high, mean, 10.0])
        assert deviance(three[:1], three[1:2], three[2:])[0] == pytest.approx(wanted, rel=1e-3)


def test_pools_are_sums_over_cells() -> None:
    """Services, countries and categories stand behind the cells, for each window."""
    rng = np.random.default_rng(5)
    grid = Grid(("a", "b", "c"), ("DE", "US"), ("bank", "", "bank"))
    pools = Pools(grid)
    windows = rng.integers(0, 3, (4, 3, 2)).astype(np.int32)
    found = pools.sums(windows, np.full((4, pools.count), 99, np.int32))
    for one, sums in zip(windows, found, strict=True):
        bank = int(one[[0, 2]].sum())
        assert sums.tolist() == [*one.ravel(), *one.sum(axis=1), *one.sum(axis=0), bank]


def test_counts_are_the_same_whether_counted_or_sorted() -> None:
    """Reports in any order: few over many minutes are sorted, many over few are counted."""
    rng = np.random.default_rng(6)
    grid = Grid(tuple(f"s{one}" for one in range(40)), ("DE", "US", "ZZ"))
    for span in (3, 100_000):
        minute, cell = rng.integers(0, span, 900), rng.integers(0, grid.size, 900)
        none = np.zeros(900, np.uint64)
        batch = Batch(minute * 60 + 7, cell // 3, cell % 3, none, none)
        found = counts_of(batch, grid)
        pairs = zip(found.minute.tolist(), found.cell.tolist(), strict=True)
        wanted = Counter(zip(minute.tolist(), cell.tolist(), strict=True))
        numbers = found.number.tolist()
        assert [*zip(pairs, numbers, strict=True)] == sorted(wanted.items())
        twice = added((found, found), grid)
        assert twice.number.tolist() == [2 * one for one in numbers]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=8))
def test_seen_is_a_set_that_says_who_is_new(batches: list[list[int]]) -> None:
    """As Python's own set does, the first of equal ones being the new one."""
    seen, known = Seen(1 << 10), set[int]()
    for batch in batches:
        keys = mixed(np.array(batch, np.uint64) + np.uint64(7))
        fresh = []
        for one in batch:
            fresh.append(one not in known)
            known.add(one)
        assert seen.add(keys).tolist() == fresh


def test_seen_looks_into_the_older_table_too() -> None:
    """What was seen before the tables turned is still known."""
    seen = Seen(64)
    first = mixed(np.arange(1, 41, dtype=np.uint64))
    assert seen.add(first).all()
    assert seen.add(mixed(np.arange(50, 52, dtype=np.uint64))).all()
    assert not seen.add(first).any()


def test_reports_of_no_network_are_judged_as_all_others() -> None:
    """One report with a network in the batch changes the path that is taken, and nobody's fate."""
    size, now = 2_000, 1_760_940_000

    def batch(network: int) -> Batch:
        chance_ = np.random.default_rng(7)
        networks = np.zeros(size, np.uint64)
        networks[-1] = network
        return Batch(
            now + chance_.integers(-90_000, 200, size),
            chance_.integers(-1, 5, size),
            chance_.integers(0, 2, size),
            chance_.integers(2, 300, size, dtype=np.uint64),
            networks,
        )

    alone, beside = (Intake(Rules()).judge(batch(one), now) for one in (0, 9))
    assert alone.tolist() == beside.tolist()
    assert {*alone.tolist()} >= {Fate.COUNTED, Fate.DUPLICATE, Fate.UNKNOWN, Fate.FUTURE, Fate.OLD}
    some = batch(0)
    windows = (some.at_s // 900).astype(np.uint64)
    place = mixed((windows << np.uint64(24)) ^ some.service.astype(np.uint64))
    assert np.array_equal(Intake(Rules()).keys(some), mixed(some.reporter ^ place))


def test_gains_are_sums_of_logarithms() -> None:
    """Products that leave the range of a number are taken down as logarithms before they do."""
    rng = np.random.default_rng(8)
    services, causes = 900, 4
    row_of, cause_of = np.nonzero(rng.random((services, causes)) < 0.9)
    weight = np.where(rng.random(services) < 0.5, 7.0, -7.0)
    share = rng.choice([0.25, 1.0], len(row_of))
    rows = Rows(("s",) * services, services, weight, row_of, cause_of, share)
    picture = noisyor.begin(rows, causes)
    picture.background = 1e-3
    gain, _ = noisyor.gains(picture)
    well, factor = 1 - picture.background, np.exp(weight)
    for cause in range(causes):
        mine = cause_of == cause
        f = factor[row_of[mine]]
        logs = []
        for hit in noisyor.HITS:
            left = well * (1 - share[mine] * hit)
            logs.append(np.log((left + (1 - left) * f) / (well + (1 - well) * f)).sum())
        assert gain[cause] == pytest.approx(np.logaddexp.reduce(logs) - np.log(len(logs)))


def test_the_exact_chance_is_fishers() -> None:
    """Of 40 known services 6 are down, 4 of them among 8 dependents: by counting the ways."""
    weight = np.full(40, -7.0)
    weight[:6] = 7.0
    mine = [0, 1, 2, 3, 20, 21, 22, 23]
    rows = Rows(("s",) * 40, 40, weight, np.array(mine), np.zeros(8, np.int64))
    picture = noisyor.begin(rows, 1)
    ways = sum(comb(8, one) * comb(32, 6 - one) for one in range(4, 7))
    found = chance.chance_of(picture, np.zeros(1))
    assert found == pytest.approx(ways / comb(40, 6) / 0.9)


def test_chance_alone_is_taken_for_a_cause_less_than_once_in_a_thousand_times() -> None:
    """Under the null the exact chance is below a bound at most that often; here one in ten, to see it."""
    rng = np.random.default_rng(9)
    services, causes = 400, 30
    row_of, cause_of = np.nonzero(rng.random((services, causes)) < 0.05)
    found = []
    for _ in range(300):
        weight = np.where(rng.random(services) < 0.05, 7.0, -7.0)
        rows = Rows(("s",) * services, services, weight, row_of, cause_of)
        picture = noisyor.begin(rows, causes)
        gain, _ = noisyor.gains(picture)
        found.append(chance.chance_of(picture, gain))
    shares = [float(np.mean(np.array(found) <= bound)) for bound in (0.01, 0.1)]
    assert shares[0] <= 0.02
    assert shares[1] <= 0.1


def test_who_fails_with_what_it_should_do_without_is_a_cause_of_its_own() -> None:
    """A firm need passes a failure on and excuses; a faint one does not."""
    launch = Cause(CauseKind.SERVICE, "launch in a")
    balancer = Cause(CauseKind.SERVICE, "balancer in a")
    none = np.zeros(0, np.int64)
    firm = Roads((), (balancer, launch), none, none, {balancer: (launch,)})
    faint = replace(firm, faint={balancer: frozenset({launch})})
    assert _carried(firm, (launch, balancer)) == (balancer,)
    assert _carried(faint, (launch, balancer)) == ()
