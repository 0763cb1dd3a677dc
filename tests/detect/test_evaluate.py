"""The evaluation's own rules, on made data: the real sets are not in the repository."""

import numpy as np
import pytest
from evaluate import downdetector, nab
from evaluate.downdetector import Incident
from evaluate.nab import Tweets

COUNTS = np.zeros(1_000)
TWEETS = [Tweets("made", 0, COUNTS, ((400, 499), (700, 799)))]


def scored(*detections: int, profile: str = "standard") -> float:
    scores = np.zeros(1_000)
    scores[list(detections)] = 1.0
    return nab.at(nab.curve(TWEETS, [scores], profile), 1.0)


def test_saying_nothing_is_worth_0_and_the_first_points_of_all_windows_100() -> None:
    """The scale of the benchmark."""
    assert nab.at(nab.curve(TWEETS, [np.zeros(1_000)], "standard"), 0.5) == 0.0
    assert scored(400, 700) == pytest.approx(100.0, abs=0.1)


def test_early_is_better_than_late_and_only_the_first_counts() -> None:
    """A second detection in a window neither gains nor costs."""
    assert scored(400) > scored(450) > scored(499) > 0
    assert scored(400, 450, 480) == scored(400)


def test_a_false_detection_costs_and_twice_as_much_where_they_are_dear() -> None:
    """0.11 of a hit each, 0.22 in the other profile; two windows missed cost 2 of 4."""
    assert scored(300) == pytest.approx(-100 * 0.11 / 4)
    assert scored(300, profile="low-FP") == pytest.approx(-100 * 0.22 / 4)


def test_probation_is_not_scored() -> None:
    """The first 15 % may be learned from."""
    assert scored(100) == 0.0


def test_an_outage_is_found_by_its_rise_and_an_early_bump_is_a_false_alarm() -> None:
    """The rules of the table: from two hours before the declaration on; quiet is far from all of them."""
    rng = np.random.default_rng(1)
    made = []
    for number in range(2):
        counts = rng.poisson(2.0, 96).astype(float)
        counts[47:60] += 80
        times = np.arange(96, dtype=np.float64) * 15.0 + number * 100_000
        made.append(Incident(f"i{number}", times, counts, times[48]))
    found = downdetector.judge(made, made)
    assert found.delays_minutes == (-15.0, -15.0)
    assert (found.false, found.median_minutes) == (0, -15.0)
    made[0].counts[20:22] += 80
    assert downdetector.judge(made, made).false == 1
    made[1].counts[:] = 2
    assert downdetector.judge(made, made).delays_minutes == (-15.0,)
