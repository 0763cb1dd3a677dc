"""Asking: sweeps, searches, comparisons and ensembles, as tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from outlast.app.drill import quick
from outlast.app.drill.pools import measured_all
from outlast.drill.questions import (
    Harm,
    Loss,
    candidates,
    case_of,
    difference,
    members,
    pairs,
    singles,
)
from outlast.drill.report.clock import count
from outlast.drill.vary import Case
from outlast.model.errors import ConfigError

STEP_S = 10.0
"""In sweeps, where hundreds of runs are ranked and none is looked at closely."""
SHOWN = 20
CANDIDATES_MAX = 24
"""Beyond single faults, sets are made of so many of those that hurt most alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """How a question is asked."""

    for_s: float
    most: int
    count: int
    jobs: int
    dask: str
    only: frozenset[str]
    as_json: bool

    @classmethod
    def of(cls, options: dict[str, object]) -> "Ask":
        """Read the command line's options."""
        only = str(options["only"])
        return cls(
            for_s=float(str(options["for_s"])),
            most=int(str(options["most"])),
            count=int(str(options["members"])),
            jobs=int(str(options["jobs"])),
            dask=str(options["dask"]),
            only=frozenset(one.strip() for one in only.split(",") if one.strip()),
            as_json=bool(options["as_json_"]),
        )


def losses_of(case: Case, ask: Ask) -> list[Loss]:
    """Return the single things that can be lost.

    Raises:
        ConfigError: none is left.
    """
    world = case.topology
    ratios = {
        str(one.name): quick.zone_ratio(world, one.name) for one in world.regions if one.zones
    }
    found = [
        one
        for one in singles(world, ask.for_s, ratios)
        if not ask.only or one.name.partition(":")[0] in ask.only
    ]
    if not found:
        raise ConfigError(
            f"nothing can be lost of the kinds {', '.join(sorted(ask.only))}",
            remedy="--only takes region, zone, service, provider, empty-name",
        )
    return found


def _harms(case: Case, losses: Sequence[Loss], ask: Ask, text: str) -> list[Harm]:
    cases = [case_of(case, one) for one in losses]
    return measured_all(cases, text=text, jobs=ask.jobs, dask=ask.dask)


def _ranked(losses: Sequence[Loss], harms: Sequence[Harm]) -> list[tuple[Loss, Harm]]:
    joined = zip(losses, harms, strict=True)
    return sorted(joined, key=lambda one: (*(-part for part in one[1].rank), one[0].name))


def sweep(out: Console, case: Case, ask: Ask) -> int:
    """Lose each thing alone, and pairs of the worst; print them by harm."""
    losses = losses_of(case, ask)
    if not ask.as_json:
        out.print(
            f"{escape(case.scenario.world)}: {len(losses)} single losses, {ask.for_s / 60:g} min each"
        )
    ranked = _ranked(losses, _harms(case, losses, ask, "single losses"))
    both = list(pairs([one for one, harm in ranked if harm.service_minutes]))
    ranked_pairs = _ranked(both, _harms(case, both, ask, "pairs")) if both else []
    if ask.as_json:
        rows = [*ranked, *ranked_pairs]
        click.echo(json.dumps([_as_json(one, harm) for one, harm in rows], indent=2))
        return 0
    out.print(_table("what hurts most, alone", ranked))
    if ranked_pairs:
        out.print(_table("what hurts most, in pairs", ranked_pairs[:SHOWN]))
    return 0


def _as_json(loss: Loss, harm: Harm) -> dict[str, object]:
    return {
        "lost": loss.name,
        "user_minutes": harm.user_minutes,
        "people_peak": harm.people_peak,
        "essential_minutes": harm.essential_minutes,
        "service_minutes": harm.service_minutes,
        "broken": list(harm.broken),
        "stays_down": harm.stays_down,
    }


def _table(title: str, ranked: Sequence[tuple[Loss, Harm]]) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    table.add_column("lost")
    for name in ("user-minutes", "people at once", "essential minutes", "service minutes"):
        table.add_column(name, justify="right")
    table.add_column("")
    for loss, harm in ranked[:SHOWN]:
        table.add_row(
            escape(loss.name),
            count(harm.user_minutes),
            count(harm.people_peak),
            count(harm.essential_minutes),
            count(harm.service_minutes),
            "[red]stays down[/]" if harm.stays_down else "",
        )
    return table


def search(out: Console, case: Case, ask: Ask) -> int:
    """Find the smallest sets of faults that break an expectation; 1 where there is any."""
    if not case.scenario.expectations:
        raise ConfigError("nothing is expected here", remedy="give a scenario with `expectations:`")
    losses = losses_of(case, ask)
    broken: list[frozenset[str]] = []
    found: list[tuple[Loss, Harm]] = []
    tried = 0
    for size in range(1, ask.most + 1):
        sets = list(candidates(losses, size, broken))
        harms = _harms(case, sets, ask, f"sets of {size}") if sets else []
        tried += len(sets)
        hits = [(one, harm) for one, harm in zip(sets, harms, strict=True) if harm.broken]
        found += hits
        if hits:
            break  # sets of this size are the smallest
        if size == 1:
            worst = [one for one, _ in _ranked(sets, harms)]
            losses = worst[:CANDIDATES_MAX]
    if ask.as_json:
        click.echo(json.dumps([_as_json(one, harm) for one, harm in found], indent=2))
        return int(bool(found))
    out.print(f"{tried} sets tried")
    for loss, harm in sorted(found, key=lambda one: tuple(-part for part in one[1].rank)):
        out.print(f"[red]breaks[/] {escape(', '.join(harm.broken))}: {escape(loss.name)}")
    if not found:
        out.print(f"no set of up to {ask.most} breaks an expectation")
    return int(bool(found))


FIGURES = ("user_minutes", "people_peak", "essential_minutes", "service_minutes")


def compare(out: Console, cases: Sequence[Case], ask: Ask) -> int:
    """Compare two cases over the same seeds; print differences with their confidence intervals."""
    if len(cases) != 2:
        raise click.UsageError("--compare takes two scenarios or worlds")
    sides = [list(members(one, ask.count, cases[0].scenario.seed)) for one in cases]
    harms = measured_all([*sides[0], *sides[1]], text="comparing", jobs=ask.jobs, dask=ask.dask)
    first, second = harms[: ask.count], harms[ask.count :]
    found = [
        difference(
            name, [getattr(one, name) for one in first], [getattr(one, name) for one in second]
        )
        for name in FIGURES
    ]
    if ask.as_json:
        rows = [
            {
                "figure": one.figure,
                "first": one.first,
                "second": one.second,
                "low": one.low,
                "high": one.high,
            }
            for one in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return 0
    table = Table(box=None, pad_edge=False)
    for title in ("figure", "first", "second", "difference, 95 %", ""):
        table.add_column(title, justify="left" if title in {"figure", ""} else "right")
    for one in found:
        span = f"{_signed(one.low)} to {_signed(one.high)}"
        sure = "" if one.low == one.high == 0 else "clear" if one.clear else "not clear"
        name = one.figure.replace("_", " ")
        table.add_row(name, count(one.first), count(one.second), span, sure)
    out.print(table)
    return 0


def _signed(value: float) -> str:
    return ("-" if value < 0 else "+") + count(abs(value))


def ensemble(out: Console, case: Case, ask: Ask) -> int:
    """Run a scenario over seeds and the ranges of its variations; 1 where an expectation may fail."""
    cases = list(members(case, ask.count, case.scenario.seed))
    harms = measured_all(cases, text="ensemble", jobs=ask.jobs, dask=ask.dask)
    broken = sum(bool(one.broken) for one in harms)
    if ask.as_json:
        blank = Loss("", ())
        rows = [_as_json(replace(blank, name=f"member {at}"), one) for at, one in enumerate(harms)]
        click.echo(json.dumps(rows, indent=2))
        return int(bool(broken))
    for name in FIGURES:
        values = sorted(getattr(one, name) for one in harms)
        low, high = values[len(values) // 10], values[-1 - len(values) // 10]
        label = name.replace("_", " ")
        out.print(f"{label}: {count(median(values))} ({count(low)} to {count(high)})")
    out.print(f"{len(harms)} runs, {broken} with a failed expectation")
    if len(harms) > 1 and not case.scenario.variations:
        out.print("nothing was varied but the seed: ranges stand in the scenario's `variations`")
    return int(bool(broken))
