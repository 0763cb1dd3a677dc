"""Curves over time: user reports, and people hit.

Drawn twice, for a wide and a narrow page, because letters that shrink with a picture can't be read on a
telephone. The style sheet shows the one that fits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from outlast.drill.outcome import EventKind, Outcome
from outlast.drill.report.clock import clock, count, ticks
from outlast.drill.report.colours import FIGURE
from outlast.drill.report.measure import Floats, Hit

LEFT, RIGHT, TOP, BOTTOM = 52, 12, 24, 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The size of a drawing: pixels, and about how many labels on its axis."""

    width: int
    height: int
    labels: int


WIDE = Sheet(width=1000, height=240, labels=12)
NARROW = Sheet(width=360, height=200, labels=5)


def curves_html(outcome: Outcome, hit: Hit) -> Iterator[str]:
    """Yield both curves and the hours as a table."""
    reports = outcome.reports.sum(axis=1)
    people = hit.people.sum(axis=1)
    for title, series in (("User reports a minute", reports), ("People hit", people)):
        for name, sheet in (("wide", WIDE), ("narrow", NARROW)):
            yield f'<div class="{name}">{curve(outcome, series, title, sheet=sheet)}</div>'
    yield "<details><summary>The same as a table: hours</summary>"
    yield '<div class="scroll"><table><thead><tr><th>From<th class="num">Reports'
    yield '<th class="num">Most people hit at once</tr></thead><tbody>'
    for minute in range(0, outcome.minutes, 60):
        yield (
            f'<tr><td>{clock(outcome, minute)}<td class="num">{count(reports[minute : minute + 60].sum())}'
            f'<td class="num">{count(people[minute : minute + 60].max())}</tr>'
        )
    yield "</tbody></table></div></details>"


def curve_svg(outcome: Outcome, series: Floats, title: str) -> str:
    """Return one curve as a picture that stands alone."""
    style = f"<style>{FIGURE}.area{{fill:var(--l3);opacity:.5}}.line{{fill:none;stroke:var(--l5)}}</style>"
    drawn = curve(outcome, series, title, sheet=WIDE)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE.width}" height="{WIDE.height}" '
        f'viewBox="0 0 {WIDE.width} {WIDE.height}">{style}<rect class="ground" width="100%" height="100%"/>'
    )
    return head + drawn[drawn.index(">") + 1 :]


def curve(outcome: Outcome, series: Floats, title: str, *, sheet: Sheet) -> str:
    """Return a curve with its axes, and the faults and actions as fine lines."""
    top = nice(float(series.max(initial=0.0)))
    across = (sheet.width - LEFT - RIGHT) / max(1, outcome.minutes - 1)
    down = (sheet.height - TOP - BOTTOM) / top
    floor = sheet.height - BOTTOM
    points = " ".join(
        f"{LEFT + minute * across:.1f},{floor - value * down:.1f}"
        for minute, value in _thinned(series, sheet.width - LEFT - RIGHT)
    )
    end = LEFT + (outcome.minutes - 1) * across
    peak = int(series.argmax()) if len(series) else 0
    words = f"{title}: most at {clock(outcome, peak)}, {count(series[peak])}"
    return "".join(
        [
            (
                f'<svg class="curve" viewBox="0 0 {sheet.width} {sheet.height}" role="img" '
                f'aria-label="{escape(words, quote=True)}">'
            ),
            f"<title>{escape(words)}</title>",
            f'<text x="{LEFT}" y="14">{escape(title)}</text>',
            *_scale(top, down, sheet),
            *_hours(outcome, across, sheet),
            *_lines(outcome, across, sheet),
            f'<polygon class="area" points="{LEFT},{floor} {points} {end:.1f},{floor}"/>',
            f'<polyline class="line" points="{points}"/></svg>',
        ]
    )


def nice(most: float) -> float:
    """Return a round number not below another, above 0."""
    if most <= 0:
        return 1.0
    unit = 10.0 ** int(np.floor(np.log10(most)))
    return float(
        next(unit * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step >= most)
    )


def _thinned(series: Floats, pixels: int) -> Iterator[tuple[int, float]]:
    """Yield minutes and values, at most about two a pixel, each the largest of its stretch."""
    step = max(1, len(series) // max(1, 2 * pixels))
    for begin in range(0, len(series), step):
        stretch = series[begin : begin + step]
        offset = int(stretch.argmax())
        yield begin + offset, float(stretch[offset])


def _scale(top: float, down: float, sheet: Sheet) -> Sequence[str]:
    floor = sheet.height - BOTTOM
    return [
        f'<path d="M{LEFT} {floor - value * down:.1f}H{sheet.width - RIGHT}" stroke="var(--line)" '
        f'stroke-width=".6"/><text class="faint" text-anchor="end" x="{LEFT - 6}" '
        f'y="{floor - value * down + 4:.1f}">{count(value)}</text>'
        for value in (0, top / 2, top)
    ]


def _hours(outcome: Outcome, across: float, sheet: Sheet) -> Iterator[str]:
    for minute, label in ticks(outcome, sheet.labels):
        x = LEFT + minute * across
        yield (
            f'<path d="M{x:.1f} {sheet.height - BOTTOM}v4" stroke="var(--faint)"/>'
            f'<text class="faint" text-anchor="middle" x="{x:.1f}" y="{sheet.height - 8}">{label}</text>'
        )


def _lines(outcome: Outcome, across: float, sheet: Sheet) -> Iterator[str]:
    for event in outcome.events:
        if event.kind in {EventKind.FAULT, EventKind.ACTION}:
            colour = "--fault" if event.kind is EventKind.FAULT else "--mark"
            x = LEFT + event.at_s / 60 * across
            words = escape(
                f"{clock(outcome, event.at_s / 60)} {event.subject} {event.note}".strip()
            )
            yield (
                f'<path d="M{x:.1f} {TOP}V{sheet.height - BOTTOM}" stroke="var({colour})" '
                f'stroke-dasharray="2 3"><title>{words}</title></path>'
            )
