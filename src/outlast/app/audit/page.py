"""The report as one HTML file: findings, roads drawn, the boot order, and what is accepted and why.

It loads nothing: it can be mailed, kept with the minutes of a review, and opened in ten years.
"""

from collections.abc import Iterator
from html import escape

from outlast.app.audit.drawing import drawing
from outlast.app.audit.outcome import Outcome
from outlast.app.audit.shown import Shown
from outlast.audit.finding import Severity

STYLE = """
:root{--ink:#1b1f23;--faint:#5c6670;--line:#8a949e;--box:#f4f6f8;--good:#e3f0ff;--bad:#ffe3e0;
--paper:#fff;--code:#f4f6f8;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--faint:#a0a9b2;--line:#77808a;--box:#242a30;
--good:#1d3147;--bad:#4a1f1c;--paper:#15191d;--code:#1f252b}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;
margin:2rem auto;padding:0 1rem}
pre{background:var(--code);padding:.6rem .8rem;border-radius:6px;overflow-x:auto;margin:.5rem 0}
section{border-top:1px solid var(--line);padding:.8rem 0}
h3{margin:.2rem 0;font-size:1rem}
.error h3::before,.warning h3::before,.note h3::before{display:inline-block;width:5.2rem;font-weight:700}
.error h3::before{content:"error";color:#c4342b}
.warning h3::before{content:"warning";color:#b26a00}
.note h3::before{content:"note";color:#3b6ea5}
.faint{color:var(--faint)} .scroll{overflow-x:auto} details{margin:.4rem 0}
table{border-collapse:collapse} td,th{text-align:left;padding:.15rem 1rem .15rem 0;vertical-align:top}
"""


def page(outcome: Outcome) -> str:
    """Return the whole report."""
    title = f"Audit of {outcome.file}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f"<p>{escape(outcome.summary)}</p>",
            *_findings(outcome),
            *_boot(outcome),
            *_accepted(outcome),
            "</body></html>",
            "",
        ]
    )


def _findings(outcome: Outcome) -> Iterator[str]:
    if not outcome.counting:
        yield "<p>Nothing was found that is not accepted with a reason.</p>"
    for severity in Severity:
        for one in outcome.counting:
            if one.finding.severity is severity:
                yield from _finding(one)


def _finding(shown: Shown) -> Iterator[str]:
    hit, rule = shown.finding.hit, shown.rule
    yield f'<section class="{shown.finding.severity}"><h3>{escape(hit.message)}</h3>'
    yield (
        f'<p class="faint">{rule.code} · {escape(shown.file)}:{shown.line}'
        f"{' · ' + escape(shown.field) if shown.field else ''}</p>"
    )
    if shown.excerpt:
        caret = " " * shown.caret + "^"
        yield f"<pre>{shown.line:>6} | {escape(shown.excerpt)}\n{'':>6} | {caret}</pre>"
    if hit.roads:
        yield f'<div class="scroll">{drawing(hit.roads, title=hit.message)}</div>'
    yield f"<p>{escape(rule.remedy)}</p>"
    if shown.drill:
        yield f"<pre>{escape(shown.drill)}</pre>"
    yield f"<details><summary>Why</summary><p>{escape(rule.happens)}</p>"
    yield f"<p>{escape(rule.taught)}</p><ul>"
    for one in rule.incidents:
        yield (
            f'<li>{escape(one.title)}, {escape(one.day)}: <a href="{escape(one.source, quote=True)}">'
            f"{escape(one.source)}</a></li>"
        )
    yield f"</ul><p>When to ignore it: {escape(rule.ignore)}</p></details></section>"


def _boot(outcome: Outcome) -> Iterator[str]:
    boot = outcome.boot
    if not boot.waves and not boot.stuck:
        return
    yield "<section><h2>From cold</h2><ol>"
    for wave in boot.waves:
        yield f"<li>{escape(', '.join(wave))}</li>"
    yield "</ol>"
    if boot.stuck:
        yield f"<p>These never can start: {escape(', '.join(boot.stuck))}</p><ul>"
        for circle in boot.circles:
            yield f"<li>{escape(str(circle))}</li>"
        yield "</ul>"
    yield "</section>"


def _accepted(outcome: Outcome) -> Iterator[str]:
    if not outcome.suppressed:
        return
    yield "<section><h2>Accepted, with reasons</h2><table>"
    for one in outcome.suppressed:
        yield (
            f"<tr><td>{one.rule.code}</td><td>{escape(one.finding.hit.message)}</td>"
            f'<td class="faint">{escape(one.reason)}</td></tr>'
        )
    yield "</table></section>"
