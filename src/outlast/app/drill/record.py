"""Drills that follow a real event: their table beside the record, and counterfactuals of their own."""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice

from rich.console import Console
from rich.table import Table

from outlast.app.drill.incident import shown
from outlast.drill.guardrails import Guardrail, guardrails
from outlast.drill.incident.compare import Compared, compared, fitted_hold
from outlast.drill.incident.counterfactuals import counterfactuals
from outlast.drill.outcome import Outcome
from outlast.drill.vary import Case

US_EAST_1 = "us-east-1-2025"
HELPED_MAX = 8
"""More guardrails than this are not tried unasked, each is a run of its own; an event's own all are."""


def asked(case: Case) -> Iterable[Guardrail]:
    """Return what might have helped: the event's own counterfactuals where it has some."""
    if case.scenario.name != US_EAST_1:
        return islice(guardrails(case), HELPED_MAX)
    return [Guardrail(one.name, one.label, one.case) for one in counterfactuals(case)][1:]


def record_of(outcome: Outcome) -> tuple[Compared, ...]:
    """Return the drill beside the record; empty where there is none to compare with."""
    return compared(outcome) if outcome.scenario == US_EAST_1 else ()


def print_record(out: Console, lines: Sequence[Compared]) -> bool:
    """Print the comparison; return whether everything fitted is within its tolerance."""
    if not lines:
        return True
    table = Table(box=None, pad_edge=False)
    for title in ("beside the record", "basis", "record", "drill", "within", "source"):
        table.add_column(title)
    for one in lines:
        fact = one.fact
        wanted, found = shown(one, fact.wanted), shown(one, one.shown)
        table.add_row(
            fact.claim, str(fact.basis), wanted, found, "yes" if one.held else "NO", fact.source
        )
    out.print(table)
    return fitted_hold(tuple(lines))


def record_html(lines: Sequence[Compared]) -> str:
    """Return the comparison for the report; empty where there is none."""
    if not lines:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.fact.claim)}</th><td>{one.fact.basis}'
        f"<td>{shown(one, one.fact.wanted)}<td>{shown(one, one.shown)}"
        f'<td class="{"held" if one.held else "broken"}">{"yes" if one.held else "no"}'
        f'<td class="num">{escape(one.fact.source)}</tr>'
        for one in lines
    )
    head = "".join(
        f"<th>{one}</th>" for one in ("Fact (UTC)", "Basis", "Record", "Drill", "Within", "Source")
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
