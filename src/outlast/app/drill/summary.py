"""The summary: a drill on a terminal. What broke in which order, for whom, how long, what would help."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from outlast.drill.outcome import Event, EventKind, Outcome
from outlast.drill.report import Measures
from outlast.drill.report.clock import clock, count, length
from outlast.drill.report.measure import Hit, people_hit
from outlast.drill.report.rows import Row, rows_of
from outlast.drill.vary import Case
from outlast.glass.words import plural

ORDER_SHOWN = 12
NAMES_SHOWN = 4
ROWS_SHOWN = 12
COUNTRIES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a run."""

    outcome: Outcome
    hit: Hit
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, outcome: Outcome) -> "Shown":
        """Measure an outcome."""
        hit = people_hit(outcome)
        return cls(outcome, hit, rows_of(outcome, hit))


def print_head(out: Console, case: Case) -> None:
    """Say what is about to be played: the first figures on the screen."""
    one, world = case.scenario, case.topology
    out.print(f"[bold]{escape(one.title or one.name)}[/]")
    out.print(
        f"{escape(one.world)}: {plural(len(world.services), 'service')}, "
        f"{plural(len(world.regions), 'region')}, "
        f"{plural(sum(len(service.needs) for service in world.services), 'dependency')}; "
        f"{length(one.length_s / 60)} from {one.start:%Y-%m-%d %H:%M} UTC, seed {one.seed}"
    )
    for fault in one.faults:
        where = f" in {fault.region}" if fault.region else ""
        until = "" if fault.until_s is None else f" to {length(fault.until_s / 60)}"
        out.print(
            f"  fault: {fault.kind} {escape(fault.subject)}{where}, {length(fault.at_s / 60)}{until}"
        )


def print_summary(out: Console, shown: Shown, helped: Sequence[Measures]) -> None:
    """Say what the run showed."""
    _print_order(out, shown.outcome)
    _print_notes(out, shown.outcome)
    _print_rows(out, shown)
    _print_people(out, shown)
    for loop in shown.outcome.metastable:
        out.print(
            f"[red]stays down by itself[/]: {escape(loop.mechanism)} of {', '.join(loop.services)}"
        )
    if helped:
        _print_helped(out, helped)
    for one in shown.outcome.judgements:
        sign = "[green]held[/]  " if one.held else "[red]FAILED[/]"
        out.print(f"{sign} {escape(one.name)}: {escape(one.text)}")
    failed = sum(not one.held for one in shown.outcome.judgements)
    out.print(f"{plural(len(shown.outcome.judgements), 'expectation')}, {failed} failed")


def firsts(outcome: Outcome) -> Iterator[Event]:
    """Yield the first fall of each service, in order."""
    seen: set[str] = set()
    for one in outcome.events:
        if one.kind is EventKind.DOWN and one.subject not in seen:
            seen.add(one.subject)
            yield one


def _print_order(out: Console, outcome: Outcome) -> None:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in firsts(outcome):
        at = clock(outcome, one.at_s / 60)
        groups.setdefault((at, one.region, one.because), []).append(one.subject)
    if not groups:
        out.print("nothing fell below nine tenths of its demand")
        return
    out.print("[bold]in this order[/]")
    for (at, region, because), names in list(groups.items())[:ORDER_SHOWN]:
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        where = f" in {region}" if region else ""
        cause = f" by {because}" if because else ""
        out.print(f"  {at} {escape(', '.join(names[:NAMES_SHOWN]))}{more}{where}{escape(cause)}")
    if len(groups) > ORDER_SHOWN:
        out.print(f"  and {sum(map(len, groups.values()))} services in all")


def _print_notes(out: Console, outcome: Outcome) -> None:
    """Say what the control plane did, where the real one was in the loop."""
    notes = [one for one in outcome.events if one.kind is EventKind.NOTE]
    if notes:
        out.print("[bold]the control plane[/]")
    for one in notes[:ORDER_SHOWN]:
        out.print(f"  {clock(outcome, one.at_s / 60)} {escape(one.subject)}: {escape(one.note)}")
    if len(notes) > ORDER_SHOWN:
        out.print(f"  and {len(notes) - ORDER_SHOWN} more: see the report")


def _print_rows(out: Console, shown: Shown) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("service", "down", "worst", "user-minutes"):
        table.add_column(title, justify="left" if title == "service" else "right")
    hurt = [one for one in shown.rows if one.spans]
    for row in hurt[:ROWS_SHOWN]:
        more = f" +{len(row.services) - 1}" if len(row.services) > 1 else ""
        table.add_row(
            escape(row.services[0]) + more,
            length(_down_min(row, shown.outcome.minutes)),
            f"{row.worst_ratio:.0%}",
            count(row.user_minutes),
        )
    if hurt:
        out.print(table)


def _down_min(row: Row, minutes: int) -> float:
    return sum((one.until_min or minutes) - one.from_min for one in row.spans)


def _print_people(out: Console, shown: Shown) -> None:
    at_once = shown.hit.people.sum(axis=1)
    if not shown.outcome.people.any():
        out.print("who uses it is not said: give services an `audience`")
        return
    most = int(at_once.argmax())
    lost = shown.hit.people.sum(axis=0)
    ranked = sorted(zip(lost.tolist(), shown.outcome.countries, strict=True), reverse=True)
    where = ", ".join(
        f"{code} {count(minutes)}" for minutes, code in ranked[:COUNTRIES_SHOWN] if minutes
    )
    out.print(
        f"people hit at once: {count(float(at_once[most]))} at {clock(shown.outcome, most)}; "
        f"user-minutes lost: {count(shown.hit.lost)}" + (f" ({where})" if where else "")
    )
    out.print(f"reports expected: {count(float(shown.outcome.reports.sum()))}")


def _print_helped(out: Console, helped: Sequence[Measures]) -> None:
    table = Table(box=None, pad_edge=False, title="what would have helped", title_justify="left")
    for title in ("change", "user-minutes", "most at once", ""):
        table.add_column(title, justify="left" if title in {"change", ""} else "right")
    for one in helped:
        table.add_row(one.name, count(one.user_minutes), count(one.people_peak), escape(one.label))
    out.print(table)


def as_json(shown: Shown, helped: Sequence[Measures]) -> dict[str, Any]:
    """Return the same for machines."""
    outcome = shown.outcome
    return {
        "scenario": outcome.scenario,
        "title": outcome.title,
        "start": outcome.start.isoformat(),
        "minutes": outcome.minutes,
        "order": [
            {"at_s": one.at_s, "service": one.subject, "region": one.region, "because": one.because}
            for one in firsts(outcome)
        ],
        "control_plane": [
            {"at_s": one.at_s, "subject": one.subject, "note": one.note}
            for one in outcome.events
            if one.kind is EventKind.NOTE
        ],
        "user_minutes": shown.hit.lost,
        "people_max": float(shown.hit.people.sum(axis=1).max(initial=0.0)),
        "reports": float(outcome.reports.sum()),
        "metastable": [
            {"mechanism": one.mechanism, "services": one.services} for one in outcome.metastable
        ],
        "helped": [
            {"name": one.name, "user_minutes": one.user_minutes, "people_max": one.people_peak}
            for one in helped
        ],
        "judgements": [
            {
                "name": one.name,
                "held": one.held,
                "shown": one.shown,
                "wanted": one.wanted,
                "text": one.text,
            }
            for one in outcome.judgements
        ],
        "provenance": outcome.provenance,
    }
