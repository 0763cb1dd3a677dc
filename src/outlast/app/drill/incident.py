"""The incident's page: `python -m outlast.app.drill.incident > docs/incident.md` makes it, with its pictures.

Three parts: the drill beside the record, how results move with each free parameter, and what would have
helped. The first is a run of the whole world; the others run the same world with fewer companies, since only
ratios are read from them.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from outlast.app.drill.library import find_scenario, find_world
from outlast.app.drill.running import run_case
from outlast.config.scenario import load_scenario
from outlast.drill.incident.compare import Compared, compared, fitted_hold, hourly
from outlast.drill.incident.counterfactuals import counterfactuals
from outlast.drill.incident.facts import Basis
from outlast.drill.incident.parameters import OTHERS, PARAMETERS
from outlast.drill.incident.tried import MISSED, tried
from outlast.drill.outcome import Outcome
from outlast.drill.report.clock import clock, count
from outlast.drill.report.curve import curve_svg
from outlast.drill.report.heat import heat_svg
from outlast.drill.report.helped import Measures, measured
from outlast.drill.report.measure import people_hit
from outlast.drill.report.rows import rows_of
from outlast.drill.vary import Case, value_at, varied
from outlast.drill.worlds.oct2025 import oct2025
from outlast.drill.worlds.oct2025.core import core
from outlast.model.errors import ConfigError

NAME = "incidents/us-east-1-2025"
SMALL, STEP_S = 700, 30.0
"""Companies and step of the runs of which only ratios are read."""

MOVES = (
    ("ec2-dwfm", "end", "leases"),
    ("ec2-network", "end", "network"),
    ("nlb", "begin", "NLB from"),
    ("nlb", "end", "NLB until"),
    ("lambda", "begin", "Lambda from"),
    ("lambda", "end", "Lambda until"),
)


def the_case() -> Case:
    """Return the incident's scenario in its world.

    Raises:
        ConfigError: it does not ship with this installation.
    """
    path = find_scenario(NAME)
    if path is None:
        raise ConfigError(f"the scenario {NAME} is not installed", remedy="reinstall outlast")
    loaded = load_scenario(path, find_world)
    return Case(loaded.topology, loaded.scenario)


def small_case() -> Case:
    """Return the same with fewer companies and longer steps."""
    case = the_case()
    return Case(oct2025(count=SMALL), replace(case.scenario, step_s=STEP_S))


def shown(line: Compared, value: float) -> str:
    """Return a figure of a comparison for people."""
    if math.isnan(value):
        return "none"
    if line.is_clock:
        return f"{int(value) // 60:02}:{int(value) % 60:02}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def record_table(lines: Sequence[Compared]) -> Iterator[str]:
    """Yield the drill beside the record, as Markdown."""
    yield "| Fact (UTC) | Record | Drill | Within | Source | Check |"
    yield "|---|---|---|---|---|---|"
    for basis in Basis:
        yield f"| **{basis}** | | | | | |"
        for one in lines:
            if one.fact.basis is basis:
                mark = "yes" if one.held else "**no**"
                yield (
                    f"| {one.fact.claim} | {shown(one, one.fact.wanted)} | {shown(one, one.shown)} "
                    f"| {mark} | {one.fact.source} | {one.fact.check} |"
                )


def moves(case: Case) -> Iterator[str]:
    """Yield how the main edges move with each free parameter, as Markdown."""
    yield (
        "| Parameter | Basis | Value | " + " | ".join(title for *_, title in MOVES) + " | Reports |"
    )
    yield "|---|---|---|" + "---|" * (len(MOVES) + 1)
    outcome = run_case(case)
    base = float(outcome.reports.sum())
    yield f"| as it is | | | {_edges(outcome)} | 100 % |"
    for one in PARAMETERS:
        was = value_at(case, one.path)
        for value in one.values:
            outcome = run_case(varied(case, one.path, value))
            share = float(outcome.reports.sum()) / base
            yield (
                f"| {one.name} | {one.basis} | {value:g} (was {was:.4g}) | {_edges(outcome)} "
                f"| {share:.0%} |"
            )
    for name, basis in OTHERS:
        yield f"| {name} | {basis} | | " + "| " * len(MOVES) + "| |"


def _edges(outcome: Outcome) -> str:
    lines = compared(outcome)
    found = []
    for service, edge, _ in MOVES:
        line = [one for one in lines if one.fact.service == service and one.fact.reading == edge][
            -1
        ]
        found.append(shown(line, line.shown))
    return " | ".join(found)


def helped(case: Case) -> Iterator[Measures]:
    """Yield the counterfactuals' figures, the event as it was first."""
    for one in counterfactuals(case):
        yield measured(run_case(one.case), name=one.name, label=one.label)


def helped_table(outcome: Outcome, lines: Sequence[Measures]) -> Iterator[str]:
    """Yield the counterfactuals side by side, as Markdown."""
    yield "| Changed | User-minutes lost | Reports | Most people hit | Service-minutes down | Last back |"
    yield "|---|---|---|---|---|---|"
    base = lines[0]
    for one in lines:
        back = "not in the run" if one.last_min is None else clock(outcome, one.last_min)
        yield (
            f"| {one.label} | {one.user_minutes / base.user_minutes:.0%} | {one.reports / base.reports:.0%} "
            f"| {one.people_peak / base.people_peak:.0%} | {one.service_minutes:,} "
            f"| {back if one.service_minutes else 'none fell'} |"
        )


def tried_table(case: Case) -> Iterator[str]:
    """Yield what became of the missed facts under other structures, as Markdown."""
    yield "| Tried | " + " | ".join(MISSED) + " |"
    yield "|---|" + "---|" * len(MISSED)
    for number, one in enumerate(tried(case)):
        found = {line.fact.claim: line for line in compared(run_case(one.case))}
        lines = [found[claim] for claim in MISSED]
        if not number:
            record = [shown(line, line.fact.wanted) for line in lines]
            yield f"| the record | {' | '.join(record)} |"
        yield f"| {one.label} | " + " | ".join(shown(line, line.shown) for line in lines) + " |"


def without_recovery(case: Case) -> str:
    """Return what becomes of the leases when nobody throttles (check k9), as a sentence."""
    changed = next(one for one in counterfactuals(case) if one.name == "no-throttle")
    outcome = run_case(changed.case)
    row = outcome.services.index("ec2-dwfm")
    left = float(outcome.served[-1, row, outcome.regions.index("us-east-1")])
    return (
        f"Without throttle and restart {left:.1%} of the leases are held at the end of the run, 13 hours "
        "after the name is back: the collapse sustains itself (check k9)."
    )


def pictures(outcome: Outcome, folder: Path) -> None:
    """Write the pictures of the page: the core's services, and the reports."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [str(one.name) for one in core()]
    rows = [one for one in rows_of(outcome, people_hit(outcome)) if one.services[0] in parts]
    (folder / "incident-services.svg").write_text(heat_svg(outcome, rows))
    drawn = curve_svg(
        outcome, hourly(outcome).astype("float32"), "User reports a minute, hourly mean"
    )
    (folder / "incident-reports.svg").write_text(drawn)


OPENING = """# 20 October 2025, played through

`python -m outlast.app.drill.incident > docs/incident.md` makes this page and its pictures;
`outlast drill incidents/us-east-1-2025 --html report.html` runs the drill alone.

The drill is given the trigger (the name of DynamoDB in us-east-1 answers with nothing from 06:48 UTC) and
what operators are on record as having done, when. Windows come out of mechanisms: resolvers' memory of
absence, leases that run out and collapse when they are all taken anew, network state that piles up, health
checks that flap on new instances, fleets that cannot grow.

A fact is *input* where the scenario says it, *fitted* where a parameter was calibrated on it, *predicted*
where nothing was. A line that is out of tolerance says so.

![Parts of the cloud through the day](pictures/incident-services.svg)
![User reports](pictures/incident-reports.svg)
"""


LIMITS = """
## What it does not show

STS has no second wave here: its fleet is assumed to bear the loss of a zone, and does. Connect falls
with the load balancers at once and recovers with Lambda; on the day it fell later and stayed down
longer. New instances lack network as soon as launches resume; the record dates the latency nearly an
hour later. Whether load balancers run away at all hangs on three assumed parameters (see above: outside
a band there is no second wave), so the drill says how it can happen and when it ends, not that it had
to. That the second peak is the larger was put in by the mix of companies; when it comes was not.
"""


TRIED = """
None of these was taken: they were found by looking at what had been left to be predicted.
"""


def main() -> int:
    """Print the page and write its pictures beside it; 1 where a fitted fact is missed."""
    outcome = run_case(the_case())
    pictures(outcome, Path("docs/pictures"))
    lines = compared(outcome)
    small = small_case()
    changed = [*helped(small)]
    print(OPENING)
    print("## Beside the record\n")
    print(*record_table(lines), sep="\n")
    print(f"\n{_count(lines)} {without_recovery(small)}\n")
    print("## What hangs on which parameter\n")
    print(*moves(small), sep="\n")
    print("\n## What would have helped\n")
    print("Operators act as recorded in every line; only what the line names is changed.\n")
    print(*helped_table(outcome, changed), sep="\n")
    print(
        f"\nFigures of the last two tables are from a world with {SMALL} companies in steps of {STEP_S:g} s;"
    )
    lost = count(people_hit(outcome).lost)
    print(f"the whole has {len(outcome.services):,} services and lost {lost} user-minutes.")
    print(LIMITS.rstrip())
    print("\nStructures that might explain what is missed, each alone, in the smaller world:\n")
    print(*tried_table(small), sep="\n")
    print(TRIED.rstrip())
    return 0 if fitted_hold(lines) else 1


def _count(lines: Sequence[Compared]) -> str:
    parts = []
    for basis in Basis:
        own = [one for one in lines if one.fact.basis is basis]
        parts.append(f"{sum(one.held for one in own)} of {len(own)} {basis}")
    return f"Within tolerance: {', '.join(parts)}."


if __name__ == "__main__":
    sys.exit(main())
