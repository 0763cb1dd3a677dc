"""The report: one HTML file that needs nothing else.

It can be mailed, kept with the minutes of a review and opened in ten years on a machine without a
network. The script moves the slider and shows what is under the pointer; everything it shows stands in
tables as well, so the page loses nothing without it. A content policy in the page itself forbids it any
request.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path

from outlast.drill.outcome import Outcome
from outlast.drill.report import tables
from outlast.drill.report.cascade import forest
from outlast.drill.report.clock import clock, count
from outlast.drill.report.colours import CELLS, SCHEMES
from outlast.drill.report.curve import curves_html
from outlast.drill.report.heat import heat_html
from outlast.drill.report.helped import Measures, measured
from outlast.drill.report.measure import DEGRADED, TROUBLE_TEXTS, Hit, people_hit
from outlast.drill.report.rows import Row, rows_of
from outlast.drill.report.tree import STYLE, tree_html
from outlast.drill.report.worldmap import map_data, map_html


def write_html(
    outcome: Outcome, path: Path, *, helped: Sequence[Measures] = (), notes: str = ""
) -> None:
    """Write the report of a run.

    Args:
        outcome: what the run showed.
        path: of the file; an old one is replaced.
        helped: runs with something changed, the run as it was first; empty: the table is left out.
        notes: HTML that stands after the expectations, such as a comparison with the record.
    """
    path.write_text(page(outcome, helped=helped, notes=notes), encoding="utf-8")


def page(outcome: Outcome, *, helped: Sequence[Measures] = (), notes: str = "") -> str:
    """Return the report's text."""
    hit = people_hit(outcome)
    rows = rows_of(outcome, hit)
    script = _own("page.js")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">',
            f"<title>{escape(outcome.title or outcome.scenario)}</title>",
            f"<style>{SCHEMES}{CELLS}{STYLE}{_own('page.css')}</style></head><body>",
            *_opening(outcome, hit),
            *_sections(outcome, hit, rows, helped=helped, notes=notes),
            f'<script type="application/json" id="data">{_data(outcome, hit)}</script>',
            f"<script>{script}</script></body></html>\n",
        ]
    )


def _policy(script: str) -> str:
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _own(name: str) -> str:
    return files("outlast.drill.report").joinpath(name).read_text()


def _data(outcome: Outcome, hit: Hit) -> str:
    texts = [*TROUBLE_TEXTS, "less than its full function", "not known"]
    data = {
        "start": int(outcome.start.timestamp()),
        "minutes": outcome.minutes,
        "texts": {number: texts[number] for number in range(DEGRADED + 2)},
        **map_data(outcome, hit),
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _opening(outcome: Outcome, hit: Hit) -> Iterator[str]:
    total = measured(outcome, name="", hit=hit)
    failed = sum(not one.held for one in outcome.judgements)
    yield f"<header><h1>{escape(outcome.title or outcome.scenario)}</h1>"
    yield (
        f'<p class="faint">Drill {escape(outcome.scenario)}, {outcome.start:%d %B %Y}, '
        f"{clock(outcome, 0)} to {clock(outcome, outcome.minutes)} UTC, {len(outcome.services):,} services "
        f"in {len(outcome.regions)} regions, people in {len(outcome.countries)} countries</p>"
    )
    facts = {
        "User-minutes lost": count(total.user_minutes),
        "Most people hit at once": count(total.people_peak),
        "User reports": count(total.reports),
        "Worst minute": clock(outcome, hit.peak),
        "Last service back": "not in this run"
        if total.last_min is None
        else clock(outcome, total.last_min),
        "Expectations": f"{failed} of {len(outcome.judgements)} broken" if failed else "all held",
    }
    yield '<dl class="facts">'
    for name, value in facts.items():
        yield f"<div><dt>{name}</dt><dd>{value}</dd></div>"
    yield "</dl><p>People are counted once for each service that fails them.</p></header>"


def _sections(
    outcome: Outcome, hit: Hit, rows: Sequence[Row], *, helped: Sequence[Measures], notes: str
) -> Iterator[str]:
    sections: dict[str, tuple[str, Iterator[str]]] = {
        "expected": ("What was expected", tables.expectations(outcome)),
        "record": ("Beside the record", iter([notes] if notes else [])),
        "services": (
            "Every service through time, in the order of dependency",
            heat_html(outcome, rows),
        ),
        "people": ("People", map_html(outcome, hit)),
        "reports": ("Reports and people through time", curves_html(outcome, hit)),
        "cascade": ("Who took whom down", tree_html(outcome, forest(outcome))),
        "recovery": ("Recovery", tables.recovery(outcome, rows)),
        "helped": (
            "What would have helped",
            tables.helped(outcome, helped) if helped else iter(()),
        ),
        "loops": ("What keeps it down", tables.loops(outcome)),
        "events": ("What was done", tables.events(outcome)),
        "provenance": ("Where the figures come from", tables.provenance(outcome)),
    }
    filled = {key: (title, "\n".join(parts)) for key, (title, parts) in sections.items()}
    filled = {key: value for key, value in filled.items() if value[1]}
    yield "<nav>"
    yield from (f'<a href="#{key}">{title}</a>' for key, (title, _) in filled.items())
    yield "</nav>"
    for key, (title, body) in filled.items():
        yield f'<section><h2 id="{key}">{title}</h2>{body}</section>'
