"""The report's tables: recovery, expectations, what helped, what happened, what keeps the world down."""

from collections.abc import Iterator, Sequence
from html import escape

from outlast.drill.outcome import EventKind, Outcome
from outlast.drill.report.clock import clock, count, length
from outlast.drill.report.helped import Measures
from outlast.drill.report.rows import Row

EVENTS_MAX = 200
RECOVERY_MAX = 40


def recovery(outcome: Outcome, rows: Sequence[Row]) -> Iterator[str]:
    """Yield when each service fell and came back."""
    hurt = [row for row in rows if row.spans]
    if not hurt:
        yield "<p>No service fell below nine tenths of its demand.</p>"
        return
    order = sorted(hurt, key=lambda one: (one.spans[0].from_min, -one.user_minutes))
    yield from _recovery(outcome, order[:RECOVERY_MAX])
    if len(order) > RECOVERY_MAX:
        yield f"<details><summary>{len(order) - RECOVERY_MAX} more</summary>"
        yield from _recovery(outcome, order[RECOVERY_MAX:])
        yield "</details>"


def _recovery(outcome: Outcome, rows: Sequence[Row]) -> Iterator[str]:
    yield from _head(
        "Service", "First fell", "Back for good", "#Down", "#Worst", "#User-minutes", "Began with"
    )
    for row in rows:
        last = row.spans[-1].until_min
        waves = f" ({len(row.spans)} waves)" if len(row.spans) > 1 else ""
        yield (
            f'<tr><th scope="row" title="{escape(row.members, quote=True)}">{escape(row.title)}</th>'
            f"<td>{clock(outcome, row.spans[0].from_min)}"
            f"<td>{'not in this run' if last is None else clock(outcome, last)}"
            f'<td class="num">{length(row.down_min)}{waves}'
            f'<td class="num">{row.worst_ratio:.0%}'
            f'<td class="num">{count(row.user_minutes) if row.user_minutes else ""}'
            f"<td>{escape(row.because)}</tr>"
        )
    yield _FOOT


def expectations(outcome: Outcome) -> Iterator[str]:
    """Yield how each expectation fared."""
    if not outcome.judgements:
        yield "<p>The scenario expects nothing.</p>"
        return
    yield from _head("Expectation", "Held", "What was shown")
    for one in outcome.judgements:
        mark = "&#10003; yes" if one.held else "&#10007; no"
        yield (
            f'<tr><th scope="row">{escape(one.name)}</th><td class="{"held" if one.held else "broken"}">'
            f"{mark}<td>{escape(one.text)}</tr>"
        )
    yield _FOOT


def helped(outcome: Outcome, measures: Sequence[Measures]) -> Iterator[str]:
    """Yield the changes side by side; the first line is the run as it was."""
    yield from _head(
        "Change", "#User-minutes lost", "#Reports", "#Most people hit", "Last service back"
    )
    base = measures[0]
    for one in measures:
        less = one.user_minutes / base.user_minutes - 1 if base.user_minutes else 0.0
        compared = "" if one is base else f" ({less:+.0%})"
        back = "not in this run" if one.last_min is None else clock(outcome, one.last_min)
        yield (
            f'<tr><th scope="row">{escape(one.label or one.name)}</th>'
            f'<td class="num">{count(one.user_minutes)}{compared}<td class="num">{count(one.reports)}'
            f'<td class="num">{count(one.people_peak)}<td>{back if one.service_minutes else "none fell"}</tr>'
        )
    yield _FOOT


def events(outcome: Outcome) -> Iterator[str]:
    """Yield faults, actions and notes in the order of time."""
    shown = [one for one in outcome.events if one.kind not in {EventKind.DOWN, EventKind.UP}]
    yield from _head("UTC", "What", "Subject", "Note")
    for one in shown[:EVENTS_MAX]:
        where = f" in {one.region}" if one.region else ""
        yield (
            f"<tr><td>{clock(outcome, one.at_s / 60)}<td>{escape(str(one.kind).replace('-', ' '))}"
            f"<td>{escape(one.subject + where)}<td>{escape(one.note)}</tr>"
        )
    yield _FOOT


def loops(outcome: Outcome) -> Iterator[str]:
    """Yield what keeps the world down after the faults are over."""
    if not outcome.metastable:
        yield "<p>Nothing keeps the world down once the faults are over.</p>"
        return
    yield "<p>The faults ended and the world stayed down. Cutting one of these heals it:</p>"
    yield from _head("Feedback", "Through", "Healed within")
    for one in outcome.metastable:
        healed = "not in this run" if one.healed_s is None else length(one.healed_s / 60)
        yield (
            f'<tr><th scope="row">{escape(one.mechanism)}</th><td>{escape(", ".join(one.services))}'
            f"<td>{healed}</tr>"
        )
    yield _FOOT


def provenance(outcome: Outcome) -> Iterator[str]:
    """Yield where the figures come from."""
    if outcome.provenance:
        yield from _head("Fact", "Value")
        for name, value in outcome.provenance.items():
            yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</tr>'
        yield _FOOT


_FOOT = "</tbody></table></div>"


def _head(*columns: str) -> Iterator[str]:
    """Yield a table's head; a column that begins with # holds numbers."""
    yield '<div class="scroll"><table><thead><tr>'
    for one in columns:
        number = ' class="num"' if one.startswith("#") else ""
        yield f'<th scope="col"{number}>{one.lstrip("#")}</th>'
    yield "</tr></thead><tbody>"
