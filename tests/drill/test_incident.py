"""20 October 2025: the world, the record, and what the drill makes of both."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from outlast.app.drill import running
from outlast.app.drill.incident import record_table, small_case, the_case
from outlast.app.drill.record import HELPED_MAX, asked
from outlast.app.drill.running import run_case
from outlast.drill.incident.compare import Compared, compared, fitted_hold, served
from outlast.drill.incident.counterfactuals import counterfactuals, unthrottled
from outlast.drill.incident.facts import NUMBERS, WINDOWS, Basis, at
from outlast.drill.incident.parameters import PARAMETERS
from outlast.drill.incident.tried import MISSED, tried
from outlast.drill.outcome import Outcome
from outlast.drill.vary import Case, value_at, varied
from outlast.drill.worlds.oct2025 import oct2025
from outlast.drill.worlds.oct2025.core import core
from outlast.drill.worlds.oct2025.listed import all_titles, name_of, resolved_titles

MINUTE = {name: round(at(name)) - 400 for name in ("09:24", "11:14", "12:00", "15:00", "16:45")}


@cache
def played() -> Outcome:
    """Return the day, once for all tests, with few companies."""
    return run_case(small_case())


@cache
def changed(name: str) -> Outcome:
    """Return the day with one thing changed."""
    return run_case(next(one.case for one in counterfactuals(small_case()) if one.name == name))


def line(claim: str) -> Compared:
    """Return one line of the comparison."""
    return next(one for one in compared(played()) if one.fact.claim == claim)


def test_the_dashboards_list_is_whole() -> None:
    """123 services: 97 impaired and 26 resolved, each a service of the world."""
    titles = all_titles()
    assert (len(titles), len(set(titles)), len(resolved_titles())) == (123, 123, 26)
    names = {str(one.name) for one in oct2025(count=50).services}
    assert {name_of(one) for one in titles} <= names


def test_the_world_is_as_large_as_the_event() -> None:
    """Thousands of companies in over sixty countries above about thirty parts; names are unique."""
    world = oct2025()
    names = [one.name for one in world.services]
    people = [one.audience for one in world.services if one.audience is not None]
    assert len(names) == len(set(names))
    assert len(people) >= 3400
    assert len({code for one in people for code, _ in one.countries}) >= 60
    assert 28 <= len(core()) <= 40


def test_the_same_seed_draws_the_same_world() -> None:
    """And another seed another one."""
    assert oct2025(count=60) == oct2025(count=60)
    assert oct2025(count=60) != oct2025(count=60, seed=1)


def test_every_need_names_a_service() -> None:
    """No edge leads nowhere, in worlds of any size."""
    for count in (0, 20, 500):
        world = oct2025(count=count)
        names = {one.name for one in world.services}
        assert {need.service for one in world.services for need in one.needs} <= names


def test_inputs_are_the_trigger_and_recorded_actions_only() -> None:
    """Both faults begin at 06:48 and end by somebody's action: no window is typed in."""
    scenario = the_case().scenario
    assert {one.at_s for one in scenario.faults} == {480.0}
    assert all(one.until_s is None for one in scenario.faults)
    assert all(one.at_s is not None for one in scenario.actions)


def test_every_varied_parameter_exists() -> None:
    """A path that leads nowhere would vary nothing; each value differs from the present one."""
    case = small_case()
    for one in PARAMETERS:
        assert value_at(case, one.path) not in one.values


@pytest.mark.slow
def test_what_was_fitted_holds() -> None:
    """Every fact that a parameter was calibrated on is met, but the total, which needs all companies."""
    missed = [
        one.fact.claim
        for one in compared(played())
        if one.fact.basis is not Basis.PREDICTED and not one.held and one.fact.key != "reports"
    ]
    assert missed == []


@pytest.mark.slow
def test_launches_do_not_come_back_with_the_name() -> None:
    """Checks k6 and k7: the leases are gone when the name is back, and are not won back."""
    assert served(played(), "ec2-dwfm")[MINUTE["09:24"]] < 0.02
    assert served(played(), "ec2-launch")[180 : MINUTE["11:14"]].max() < 0.03


@pytest.mark.slow
def test_without_throttle_and_restart_the_collapse_lasts() -> None:
    """Check k9: no recovery within six hours, nor at all."""
    outcome = run_case(unthrottled(small_case()))
    assert served(outcome, "ec2-dwfm")[300:].max() < 0.1


@pytest.mark.slow
def test_balancers_fail_after_launches_resume_and_recover_with_fail_over_off() -> None:
    """Checks k12 and k13: not when the name is back, nor when the leases are."""
    nlb = served(played(), "nlb")
    assert nlb[: MINUTE["11:14"]].min() > 0.99
    assert nlb[MINUTE["15:00"]] < 0.9
    assert nlb[MINUTE["16:45"] :].min() > 0.95
    assert line("NLB errors begin").held
    assert line("NLB errors end").held


@pytest.mark.slow
def test_a_cap_on_removal_bounds_the_loss() -> None:
    """Check k14: with at most a tenth of the nodes out, what is left carries almost everything."""
    capped = varied(small_case(), "services.nlb.health.removable_ratio", 0.1)
    assert served(run_case(capped), "nlb").min() > 0.9


@pytest.mark.slow
def test_running_instances_stay() -> None:
    """Check k15: nothing that ran was lost."""
    assert served(played(), "ec2-instances").min() == 1.0


@pytest.mark.slow
def test_reports_come_in_two_waves_the_second_larger() -> None:
    """Check k16, predicted: only the total was fitted."""
    apart = line("hours between the two peaks")
    larger = line("second peak over the first (above 1)")
    assert apart.held
    assert larger.shown > 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fenced", "heal-missing", "two-automations"])
def test_each_guardrail_alone_shortens_the_first_window(name: str) -> None:
    """Check k17: at most twenty minutes without the name."""
    assert (served(changed(name), "dynamodb") < 0.9).sum() <= 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["queue-aware-velocity", "negative-ttl", "velocity", "two-regions", "degradation"]
)
def test_what_would_have_helped_helps(name: str) -> None:
    """Each lessens what users lose; none makes it worse."""
    lost, base = (_lost(one) for one in (changed(name), played()))
    assert lost < base


@pytest.mark.slow
def test_admission_by_queue_brings_the_leases_back_and_the_next_fault_forward() -> None:
    """Leases are back two hours sooner; so are launches, and with them the flapping of balancers."""
    outcome = changed("queue-aware")
    assert served(outcome, "ec2-dwfm")[MINUTE["11:14"]] > 0.99
    assert served(outcome, "nlb")[MINUTE["11:14"]] < 0.9


def _lost(outcome: Outcome) -> float:
    return float(sum(one.sum() for one in outcome.affected()))


@pytest.mark.slow
def test_a_second_provider_under_one_automation_changes_nothing() -> None:
    """Both get the same empty plan."""
    assert np.array_equal(changed("two-dns").reports, played().reports)


@pytest.mark.slow
def test_a_day_without_the_fault_is_quiet() -> None:
    """With nothing wrong and nothing done, nobody is hit and the parts stay as they are."""
    case = small_case()
    quiet = Case(case.topology, replace(case.scenario, faults=(), actions=()))
    outcome = run_case(quiet)
    assert outcome.reports.sum() == 0
    assert np.nanmin(outcome.served) > 0.99


def test_the_command_tries_each_counterfactual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Side by side with what was: none is left out for being one too many."""
    monkeypatch.setattr(running, "run_case", lambda _: None)
    names = [rail.name for rail, _ in running.tried(asked(small_case()))]
    assert names == [one.name for one in counterfactuals(small_case())][1:]
    assert len(names) > HELPED_MAX


def test_a_missed_fact_is_told() -> None:
    """A window that the drill does not show is a miss, and a fitted miss fails the page."""
    fact = next(one for one in WINDOWS if one.basis is Basis.FITTED)
    missed = (Compared(fact, float("nan")),)
    assert not fitted_hold(missed)
    assert "**no**" in "\n".join(record_table(missed))
    assert fitted_hold((Compared(NUMBERS[-1], 0.0),))


def test_what_was_tried_and_not_taken_changes_one_thing_each_and_is_not_in_the_world() -> None:
    """Seven worlds, none like another; the first is the one that ships."""
    case = small_case()
    worlds = [one.case.topology for one in tried(case)]
    assert worlds[0] == case.topology
    assert all(one != other for at, one in enumerate(worlds) for other in worlds[:at])
    for one in worlds[1:]:
        changed = [
            now.name
            for was, now in zip(case.topology.services, one.services, strict=True)
            if was != now
        ]
        assert len(changed) == 1
    assert {*MISSED} <= {one.claim for one in (*WINDOWS, *NUMBERS)}
