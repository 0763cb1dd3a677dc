"""Charts, false-discovery control and surges: calibrated where the model holds, and where it does not."""

import numpy as np
import pytest
from evaluate.series import loudness
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.formula import deviance

from outlast.detect.charts import Charts, windows_in_steps
from outlast.detect.discoveries import discoveries
from outlast.detect.surge import surge

DAYS = 6


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.3, 3.0, 30.0])
@pytest.mark.parametrize("size", [1.3, 10.0, 1e6])
def test_no_fault_is_rarely_loud_whatever_the_dispersion(rate: float, size: float) -> None:
    """Loudness is minus the log of a chance: at most four times as many minutes exceed it as it says."""
    rng = np.random.default_rng(1)
    series, points = 60, DAYS * 288
    counts = rng.poisson(rate * rng.gamma(size, 1 / size, (points, series))).astype(float)
    charts = Charts(series, (1, 3), step=5)
    total = np.vstack([np.zeros((1, series)), np.cumsum(counts, axis=0)])
    loud = np.zeros((points, series))
    for point in range(points):
        sums = [
            (total[point + 1] - total[max(0, point + 1 - one)]).astype(np.int32) for one in (1, 3)
        ]
        found = charts.observe(5 * point, sums)
        loud[point, found.at] = found.loudness
    settled = loud[2 * 288 :]
    for chance in (0.01, 0.001):
        assert (settled >= -np.log(chance)).mean() <= 4 * chance


@pytest.mark.slow
def test_the_day_is_learned() -> None:
    """Where nights are quiet and days are loud, a day's count at night stands out, and not by day."""
    rng = np.random.default_rng(2)
    points = 12 * 288
    shape = 1 + 0.9 * np.sin(np.arange(points) / 288 * 2 * np.pi)
    counts = rng.poisson(40 * shape)[:, None].astype(float)
    noon, night = points - 288 + 72, points - 288 + 216
    for at in (noon, night):
        counts[at : at + 3] = 75
    loud = loudness(counts, 0, 5)[:, 0]
    assert loud[noon : noon + 3].max() < 8
    assert loud[night : night + 3].max() > 8


@given(st.floats(0.01, 1e4), st.floats(0.1, 1e5), st.integers(1, 10_000))
def test_deviance_is_a_distance(mean: float, size: float, count: int) -> None:
    """Never below 0, and 0 where the count is the mean; it grows away from it."""
    k = np.array([size] * 3)
    m = np.array([mean] * 3)
    here, far, farther = deviance(np.array([mean, mean + count, mean + 2 * count]), m, k)
    assert abs(here) < 1e-6
    assert here - 1e-6 <= far <= farther + 1e-6


@given(st.lists(st.floats(0, 40), max_size=30), st.integers(30, 10_000))
def test_discoveries_are_those_of_the_step_up_rule(loud: list[float], tests: int) -> None:
    """The textbook's words: the largest rank whose p-value is below rank / tests x rate, and all before."""
    rate = 0.05
    values = np.array(loud, np.float64)
    chances = sorted(np.exp(-values).tolist())
    passing = [rank for rank, one in enumerate(chances, 1) if one <= rate * rank / tests]
    found = discoveries(values, tests, rate)  # type: ignore[arg-type]
    assert int(found.sum()) == max(passing, default=0)
    if found.any() and not found.all():
        assert values[found].min() >= values[~found].max()


def test_a_surge_is_what_lifts_three_quarters_and_no_more_than_the_bound() -> None:
    """An outage of half of the services is none; everybody twice as loud is; tenfold counts as the bound."""
    expected = np.full(40, 10.0, np.float32)
    half = np.where(np.arange(40) < 20, 100, 10).astype(np.int32)
    assert surge(half, expected, 3.0) == 1.0
    assert surge(np.full(40, 20, np.int32), expected, 3.0) == pytest.approx(2.0)
    assert surge(np.full(40, 100, np.int32), expected, 3.0) == 3.0
    assert surge(np.full(4, 100, np.int32), expected[:4], 3.0) == 1.0


def test_windows_follow_the_step() -> None:
    """A coarser series keeps the windows that it can tell apart."""
    assert windows_in_steps((1, 2, 5, 15), 1) == (1, 2, 5, 15)
    assert windows_in_steps((1, 2, 5, 15), 5) == (1, 3)
    assert windows_in_steps((1, 2, 5, 15), 60) == (1,)
