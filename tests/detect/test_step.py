"""Detection: what opens an alarm, what confirms it, what ends it, and what does not move it."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from outlast.detect.cells import Cells, Evidence, Grid, Notice, ProbeSeen
from outlast.detect.step import DetectState, begin, step
from outlast.detect.verdict import Alarm, Scope, State

SERVICES, COUNTRIES = 40, 6
GRID = Grid(
    tuple(f"s{one}" for one in range(SERVICES)),
    ("AU", "BR", "DE", "FR", "GB", "US"),
    tuple("bank" if one < 10 else "shop" for one in range(SERVICES)),
)
RATE = np.outer(np.geomspace(8, 0.2, SERVICES), [0.2, 0.1, 0.2, 0.1, 0.2, 0.2])
START = 29_300_000

Mean = NDArray[np.float64]
Change = Callable[[int, Mean], Mean]


def quiet(_: int, mean: Mean) -> Mean:
    return mean


class Run:
    """A made stream through cells and detector."""

    def __init__(self, seed: int = 1) -> None:
        self.cells = Cells(GRID, START)
        self.state: DetectState = begin(GRID, windows=self.cells.windows)
        self.rng = np.random.default_rng(seed)
        self.probes: list[ProbeSeen] = []
        self.notices: list[Notice] = []
        self.live = np.ones(COUNTRIES, np.bool_)

    def go(self, minutes: int, change: Change = quiet) -> list[Alarm]:
        """Play so many minutes; return the alarms of this stretch."""
        said: list[Alarm] = []
        for minute in range(minutes):
            self.cells.advance(self.cells.newest + 1)
            # A Gamma mixture of Poisson counts: over-dispersed as real reports are.
            mean = change(minute, RATE.copy()) * self.rng.gamma(5, 1 / 5, RATE.shape)
            counts = self.rng.poisson(mean) * self.live
            self.cells.put_dense(self.cells.newest, counts.astype(np.int32))
            tick = self.cells.tick(live=self.live, probes=self.probes, notices=self.notices)
            self.state, alarms = step(self.state, tick)
            said += alarms
        return said


def down(service: int, times: float, country: int | None = None) -> Change:
    """An outage: so many times the reports of a service, in one country or all."""

    def change(_: int, mean: Mean) -> Mean:
        mean[service, slice(None) if country is None else country] *= times
        return mean

    return change


@pytest.fixture
def run() -> Run:
    made = Run()
    made.go(300)
    return made


def of(alarms: list[Alarm], scope: Scope, name: str) -> list[State]:
    return [one.state for one in alarms if one.series.scope is scope and one.series.service == name]


@pytest.mark.slow
def test_two_countries_confirm_what_one_country_only_suggests(run: Run) -> None:
    """An outage in all countries is confirmed within five minutes; it is one alarm, over after quiet."""
    said = run.go(5, down(3, 15))
    assert of(said, Scope.SERVICE, "s3")[-1] is State.CONFIRMED
    alarm = next(one for one in said if one.state is State.CONFIRMED)
    assert len(alarm.countries) > 1
    assert alarm.observed > alarm.high > alarm.expected > 0
    assert alarm.chance < 1e-4
    assert not of(run.go(40, down(3, 15)), Scope.SERVICE, "s3")
    assert State.OVER in of(run.go(60), Scope.SERVICE, "s3")


@pytest.mark.slow
def test_one_country_shouting_stays_possible_until_another_class_agrees(run: Run) -> None:
    """Reports of one country are one witness; a bad probe is a second, a good one is none."""
    said = run.go(20, down(3, 40, country=2))
    assert State.POSSIBLE in of(said, Scope.SERVICE, "s3")
    assert {one.state for one in said} == {State.POSSIBLE}
    run.probes = [ProbeSeen(subject="s3", good=True, country="DE")]
    assert not run.go(1, down(3, 40, country=2))
    run.probes = [ProbeSeen(subject="s3", good=False, country="DE")]
    said = run.go(1, down(3, 40, country=2))
    alarm = next(one for one in said if one.series.scope is Scope.SERVICE)
    assert alarm.state is State.CONFIRMED
    assert alarm.evidence == (Evidence.USER, Evidence.PROBE)


@pytest.mark.slow
def test_an_outage_that_pauses_is_one_outage(run: Run) -> None:
    """Five quiet minutes after its last trace in the windows are not its end."""
    run.go(10, down(3, 15))
    assert not of([*run.go(20), *run.go(10, down(3, 15))], Scope.SERVICE, "s3")


@pytest.mark.slow
def test_what_was_over_lately_speaks_again_only_if_it_is_louder(run: Run) -> None:
    """An outage that flickers is told once; one that comes back worse is news."""
    run.go(10, down(3, 15))
    assert State.OVER in of(run.go(60), Scope.SERVICE, "s3")
    assert not of(run.go(10, down(3, 8)), Scope.SERVICE, "s3")
    run.go(60)
    assert State.CONFIRMED in of(run.go(10, down(3, 60)), Scope.SERVICE, "s3")


@pytest.mark.slow
def test_an_official_notice_confirms_the_service_that_it_names_and_no_other(run: Run) -> None:
    """A page that says "degraded" of another service, or "well" of this one, is no agreement."""
    run.notices = [Notice(service="s9", degraded=True), Notice(service="s3", degraded=False)]
    said = run.go(20, down(3, 40, country=2))
    assert {one.state for one in said if one.series.service == "s3"} == {State.POSSIBLE}
    run.notices = [Notice(service="s3", degraded=True)]
    said = run.go(1, down(3, 40, country=2))
    assert State.CONFIRMED in of(said, Scope.SERVICE, "s3")


@pytest.mark.slow
def test_the_baseline_learns_nothing_from_an_outage(run: Run) -> None:
    """After two hours of tenfold reports the level is what it was before, within a tenth."""
    at = run.state.pools.bounds[Scope.SERVICE][0] + 2
    before = float(run.state.charts.level[at])
    run.go(120, down(2, 10))
    assert float(run.state.charts.level[at]) == pytest.approx(before, rel=0.1)


@pytest.mark.slow
def test_everybody_talking_is_no_outage_and_an_outage_within_it_is(run: Run) -> None:
    """All services three times as loud raise no service; one of them tenfold on top of it does."""

    def louder(minute: int, mean: Mean) -> Mean:
        return mean * (1 + min(minute, 10) / 5)

    said = run.go(60, louder)
    assert not [one for one in said if one.series.scope in {Scope.SERVICE, Scope.CELL}]

    def within(minute: int, mean: Mean) -> Mean:
        return down(4, 10)(minute, mean * 3)

    alarms = run.go(10, within)
    assert State.CONFIRMED in of(alarms, Scope.SERVICE, "s4")
    alarm = next(one for one in alarms if one.series.service == "s4" and not one.series.country)
    assert alarm.expected > 1.4 * RATE[4].sum() * alarm.window


@pytest.mark.slow
def test_silence_is_not_health_and_its_end_is_no_outage(run: Run) -> None:
    """A source that stops for five hours neither lowers what is expected nor rings when it is back."""
    level = run.state.charts.level[: GRID.size].reshape(GRID.shape)[:, 5].copy()
    run.live[5] = False
    assert run.go(300) == []
    after = run.state.charts.level[: GRID.size].reshape(GRID.shape)[:, 5]
    assert after == pytest.approx(level)
    run.live[5] = True
    assert run.go(60) == []


@pytest.mark.slow
def test_what_is_left_of_a_pool_is_judged_by_what_it_can_give(run: Run) -> None:
    """With five of six countries silent, eightfold reports in the last one are an outage of the service."""
    run.live[:5] = False
    run.go(20)
    assert State.POSSIBLE in of(run.go(15, down(1, 8)), Scope.SERVICE, "s1")


@pytest.mark.slow
def test_a_handful_of_reports_is_no_outage_however_unlikely(run: Run) -> None:
    """Twenty in a minute where one in half an hour is usual: chance does not do that, and it is no news."""

    def handful(minute: int, mean: Mean) -> Mean:
        mean[39, 1] += 0.0 if minute else 20.0
        return mean

    assert run.go(20, handful) == []
    assert run.go(5, down(39, 400, country=1))


@pytest.mark.slow
def test_quiet_days_raise_no_alarm() -> None:
    """The promised rate, one alarm in thirty days over all series, holds on made days with no fault."""
    assert [alarm for seed in (2, 3) for alarm in Run(seed).go(2 * 1_440)] == []


@pytest.mark.slow
def test_the_same_stream_gives_the_same_alarms() -> None:
    """No clock, no chance, no order of sets."""
    said = []
    for run in (Run(4), Run(4)):
        run.go(200)
        said.append(run.go(10, down(3, 15)))
    assert said[0]
    assert said[0] == said[1]


def test_nothing_is_an_alarm_before_anything_is_known() -> None:
    """The first minutes have nothing to compare with."""
    assert Run().go(30, down(0, 50)) == []
