"""The heat map: one row a service, one column a minute, darker where less was served.

A row is drawn as runs of equal level. On the page each row is a small picture that stretches to whatever
width there is, so it needs no scrolling on a telephone; the file for slides is one picture with labels.
"""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from outlast.drill.outcome import Event, EventKind, Outcome
from outlast.drill.report.clock import clock, length, ticks
from outlast.drill.report.colours import CELLS, FIGURE
from outlast.drill.report.measure import ABSENT, DEGRADED, TROUBLE_TEXTS, Levels
from outlast.drill.report.rows import Row

LABEL, ROW, GAP, TOP, WIDTH = 230, 12, 2, 34, 960


def runs(levels: Levels) -> Iterator[tuple[int, int, int]]:
    """Yield begin, length and level of each run of equal levels."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(levels)) + 1, [len(levels)]))
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield begin, end - begin, int(levels[begin])


def bars(levels: Levels) -> str:
    """Return a row's runs as rectangles, a minute wide and one unit high each."""
    return "".join(
        f'<rect class="l{level}" x="{begin}" width="{size}" height="1"/>'
        for begin, size, level in runs(levels)
        if level != ABSENT
    )


def told(outcome: Outcome, row: Row) -> str:
    """Return a row in words."""
    if not row.spans:
        quiet = (row.levels == 0).all()
        return "no trouble" if quiet else "less than the full function, or little was lost"
    return "; ".join(
        f"{clock(outcome, span.from_min)} to "
        + (clock(outcome, span.until_min) if span.until_min is not None else "the end")
        + f", {span.worst_ratio:.0%} served at worst"
        for span in row.spans
    )


def heat_html(outcome: Outcome, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the table."""
    minutes = outcome.minutes
    yield '<table class="heat"><thead><tr><th scope="col">Service</th><th scope="col">'
    yield f'<span class="hours" aria-hidden="true">{_hours(outcome)}</span>'
    yield '<span class="away">Trouble through the run</span></th>'
    yield '<th scope="col" class="wide num">below 90 %</th></tr></thead><tbody>'
    yield f'<tr class="marks"><th scope="row">Faults and actions</th><td>{_marks(outcome)}</td>'
    yield '<td class="wide"></td></tr>'
    for row in rows:
        text = told(outcome, row)
        region = f' <span class="faint">{escape(row.region)}</span>' if row.region else ""
        yield (
            f'<tr><th scope="row" title="{escape(row.members, quote=True)}">{escape(row.title)}'
            f"{region}</th>"
            f'<td><svg class="strip" viewBox="0 0 {minutes} 1" preserveAspectRatio="none" role="img" '
            f'aria-label="{escape(text, quote=True)}">{bars(row.levels)}</svg></td>'
            f'<td class="wide num">{length(row.down_min) if row.down_min else ""}</td></tr>'
        )
    yield "</tbody></table>"
    yield legend_html()


def legend_html() -> str:
    """Return what the levels mean."""
    levels = [*enumerate(TROUBLE_TEXTS), (DEGRADED, "less than its full function")]
    keys = "".join(
        f'<span><i style="background:var(--l{level})"></i>{text}</span>' for level, text in levels
    )
    return f'<p class="legend">Not served: {keys}</p>'


def heat_svg(outcome: Outcome, rows: Sequence[Row]) -> str:
    """Return the whole map as one picture."""
    height = TOP + len(rows) * (ROW + GAP) + 10
    scale = WIDTH / outcome.minutes
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + WIDTH + 20} {height}" '
            f'width="{LABEL + WIDTH + 20}" height="{height}"><title>{escape(outcome.title)}</title>'
            f"<style>{FIGURE}{CELLS}.row{{font-size:10px}}</style>"
            f'<rect class="ground" width="100%" height="100%"/>'
        )
    ]
    for minute, label in ticks(outcome, 12):
        x = LABEL + minute * scale
        parts.append(f'<text class="faint" x="{x:.1f}" y="{TOP - 14}">{label}</text>')
        parts.append(f'<path d="M{x:.1f} {TOP - 10}V{height - 10}" stroke="var(--line)"/>')
    for number, row in enumerate(rows):
        y = TOP + number * (ROW + GAP)
        parts.append(
            f'<text class="row" x="{LABEL - 8}" y="{y + ROW - 2}" text-anchor="end">'
            f"{escape(row.title[:42])}</text>"
            f'<g transform="translate({LABEL} {y}) scale({scale:.5f} {ROW})">{bars(row.levels)}</g>'
        )
    return "\n".join([*parts, "</svg>"])


def _hours(outcome: Outcome) -> str:
    return "".join(
        f'<i class="{"odd" if number % 2 else "even"}" style="left:{minute / outcome.minutes:.2%}">'
        f"{label}</i>"
        for number, (minute, label) in enumerate(ticks(outcome, 10))
    )


def _marks(outcome: Outcome) -> str:
    shapes = []
    for event in outcome.events:
        x = event.at_s / 60 / outcome.minutes * 1000
        if event.kind is EventKind.FAULT:
            shapes.append(
                f'<path class="fault" d="M{x - 5:.1f} 0h10l-5 12z"><title>{_tip(event)}</title></path>'
            )
        elif event.kind is EventKind.ACTION:
            shapes.append(
                f'<path class="act" d="M{x - 5:.1f} 12h10l-5-12z"><title>{_tip(event)}</title></path>'
            )
    return (
        '<svg class="marks" viewBox="0 0 1000 12" preserveAspectRatio="none" role="img" '
        f'aria-label="{len(shapes)} faults and actions; they are listed below">{"".join(shapes)}</svg>'
    )


def _tip(event: Event) -> str:
    return escape(f"{event.subject} {event.note}".strip())
