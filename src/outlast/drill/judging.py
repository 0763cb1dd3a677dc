"""Judging: each expectation of a scenario against what the run showed.

A figure is read from samples of a minute. An expectation that names no service means each essential one: the
worst of them is shown. Regions are weighed by the people they serve where an audience is said, and alike
where none is; `region` and `country` narrow that. People who are cut off are not served.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from outlast.drill.outcome import Judgement, Outcome
from outlast.drill.scenario import Expectation, ExpectKind, Scenario
from outlast.model.topology import Topology

Series = NDArray[np.float64]

RECOVERED_ABOVE = 0.99
MINUTE_S = 60.0


def judge(outcome: Outcome, scenario: Scenario, topology: Topology) -> tuple[Judgement, ...]:
    """Judge all expectations of a scenario."""
    essential = [str(one.name) for one in topology.services if one.essential]
    return tuple(
        _judge(outcome, one, scenario, [one.service] if one.service else essential)
        for one in scenario.expectations
    )


def _judge(
    outcome: Outcome, wanted: Expectation, scenario: Scenario, services: list[str]
) -> Judgement:
    match wanted.kind:
        case ExpectKind.SERVED_MIN | ExpectKind.SERVED_MEAN:
            return _served(outcome, wanted, services)
        case ExpectKind.CRITICAL_MIN:
            return _critical(outcome, wanted, services)
        case ExpectKind.RECOVERED_WITHIN:
            return _recovered(outcome, wanted, scenario, services)
        case ExpectKind.WINDOW:
            return _window(outcome, wanted, services)
        case ExpectKind.NOT_METASTABLE:
            loops = ", ".join(one.mechanism for one in outcome.metastable)
            return _made(wanted, not loops, float(bool(loops)), loops or "it comes back by itself")
    return _people(outcome, wanted)


def _made(wanted: Expectation, held: bool, shown: float, text: str) -> Judgement:  # noqa: FBT001
    return Judgement(name=wanted.name, held=held, shown=shown, wanted=wanted.value, text=text)


def served_of(outcome: Outcome, wanted: Expectation, service: str) -> Series:
    """Return the share of a service's demand that was served, minute by minute, where it is looked at."""
    row = outcome.services.index(service)
    served = outcome.served[:, row].astype(float)
    placed = ~np.isnan(served).all(axis=0)
    weights = placed.astype(float)
    people = outcome.people[row]
    who = np.zeros((0, len(outcome.regions)))
    if wanted.country and wanted.country in outcome.countries:
        who = outcome.homes[row].astype(float) * _only(outcome, wanted.country)
        weights = who.sum(axis=0)
    elif people.any():
        who = outcome.homes[row].astype(float) * people[:, None]
        weights = who.sum(axis=0)
    if wanted.region:
        here = np.array([float(one == wanted.region) for one in outcome.regions])
        who, weights = who * here, here
    weights = weights * placed
    if not weights.any():
        return np.ones(outcome.minutes)
    series = np.asarray(np.nan_to_num(served, nan=1.0) @ (weights / weights.sum()))
    if len(who) and who.any():
        for minute, cut in outcome.cut.items():
            arrived = (who * (1.0 - cut)).sum(axis=0) * placed
            series[minute] = np.nan_to_num(served[minute], nan=1.0) @ (arrived / who.sum())
    return series


def _only(outcome: Outcome, country: str) -> Series:
    return np.array([[float(one == country)] for one in outcome.countries])


def _looked_at(outcome: Outcome, wanted: Expectation) -> slice:
    begin = int(wanted.from_s // MINUTE_S)
    end = outcome.minutes if wanted.until_s is None else int(np.ceil(wanted.until_s / MINUTE_S))
    return slice(begin, max(end, begin + 1))


def _served(outcome: Outcome, wanted: Expectation, services: list[str]) -> Judgement:
    lowest, whose = 1.0, ""
    for name in services:
        part = served_of(outcome, wanted, name)[_looked_at(outcome, wanted)]
        shown = float(part.min() if wanted.kind is ExpectKind.SERVED_MIN else part.mean())
        if shown < lowest or not whose:
            lowest, whose = shown, name
    words = "at least" if wanted.kind is ExpectKind.SERVED_MIN else "in the mean"
    text = f"{whose} served {lowest:.1%} {words}, wanted {wanted.value:.1%}"
    return _made(wanted, lowest >= wanted.value - wanted.tolerance, lowest, text)


def _critical(outcome: Outcome, wanted: Expectation, services: list[str]) -> Judgement:
    """Judge by the critical requests; those of a service that sheds nothing fare like all others."""
    meter = outcome.meters.get("critical_ratio")
    shown = outcome
    if meter is not None:
        served = outcome.served.copy()
        kept = served[:, : meter.shape[1]]
        np.copyto(kept, meter, where=~np.isnan(meter))
        shown = replace(outcome, served=served)
    return _served(shown, replace(wanted, kind=ExpectKind.SERVED_MIN), services)


def _recovered(
    outcome: Outcome, wanted: Expectation, scenario: Scenario, services: list[str]
) -> Judgement:
    ends = [one.at_s if one.until_s is None else one.until_s for one in scenario.faults]
    ends += [one.at_s for one in outcome.events if one.kind == "fault-over"]
    over_s = max(ends, default=0.0)
    latest, whose = 0.0, "everything"
    for name in services:
        low = np.flatnonzero(served_of(outcome, wanted, name) < RECOVERED_ABOVE)
        after_s = (low[-1] + 1) * MINUTE_S - over_s if len(low) else 0.0
        if after_s > latest:
            latest, whose = after_s, name
    ever = latest + over_s < outcome.minutes * MINUTE_S
    when = f"{latest / MINUTE_S:.0f} min after the fault" if ever else "not within the run"
    text = f"{whose} back {when}, wanted {wanted.value / MINUTE_S:.0f} min"
    return _made(wanted, ever and latest <= wanted.value + wanted.tolerance, latest, text)


def _window(outcome: Outcome, wanted: Expectation, services: list[str]) -> Judgement:
    part = _looked_at(outcome, wanted)
    edges = list(_edges(outcome, wanted, services, part))
    if not edges:
        return _made(wanted, False, -1.0, "no such trouble was seen")  # noqa: FBT003
    shown = min(edges) if wanted.edge == "begin" else max(edges)
    text = f"{wanted.edge}s at minute {shown / MINUTE_S:.0f}, wanted {wanted.value / MINUTE_S:.0f}"
    return _made(wanted, abs(shown - wanted.value) <= wanted.tolerance, shown, text)


def _edges(
    outcome: Outcome, wanted: Expectation, services: list[str], part: slice
) -> Iterator[float]:
    for name in services:
        low = np.flatnonzero(served_of(outcome, wanted, name)[part] < wanted.level) + part.start
        if len(low):
            yield float(low[0] if wanted.edge == "begin" else low[-1] + 1) * MINUTE_S


def _people(outcome: Outcome, wanted: Expectation) -> Judgement:
    if wanted.kind is ExpectKind.REPORTS:
        shown = float(outcome.reports.sum())
        held = abs(shown - wanted.value) <= wanted.tolerance
        return _made(wanted, held, shown, f"{shown:,.0f} reports, wanted {wanted.value:,.0f}")
    columns = [at for at, one in enumerate(outcome.countries) if wanted.country in {"", one}]
    rows = [at for at, one in enumerate(outcome.services) if wanted.service in {"", one}]
    hit = [float(one[np.ix_(rows, columns)].sum()) for one in outcome.affected()]
    at_once = wanted.kind is ExpectKind.PEOPLE_MAX
    shown = max(hit, default=0.0) if at_once else sum(hit)
    noun = "people at once" if at_once else "user-minutes"
    text = f"{shown:,.0f} {noun}, wanted {wanted.value:,.0f} at most"
    return _made(wanted, shown <= wanted.value + wanted.tolerance, shown, text)
