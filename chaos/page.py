"""The report as one HTML page without anything from outside: a timeline of answers, generations, faults.

Time runs to the right. Each endpoint has its generations as a stair, and below it a band that says what
the server answered: whole, broken by a foreign hand and excused, or in violation. Below are the faults,
one lane for each thing that they hit; point at one to read what it did.
"""

from collections.abc import Iterator
from html import escape

from chaos.catalogue import CATALOGUE
from chaos.checks import Verdict
from chaos.history import SECOND_NS, Fault, History, Named, Run
from chaos.report import SHOWN_MAX, Summary
from chaos.world import SIDES
from outlast.model.fence import parse_fence

PX_PER_S = 9.0
LEFT = 92
STAIR_HEIGHT = 74
BAND_HEIGHT = 12
LANE_HEIGHT = 14
GAP = 20
TICK_S = 10
LANES = (
    *("enactor-1", "enactor-2", "enactor-3", "planner", "prober", "server", *SIDES, "store"),
    *("shop", "api", "books", "people", "topology", "regions"),
)
PEOPLE = frozenset({"freeze", "evacuate", "rollback", "rescue"})
_ABOUT = {one.name: one.about for one in CATALOGUE}

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #fbfbf9; --line: #d8dbe0;
  --whole: #3f9a6b; --excused: #d99a2b; --bad: #c7362f; --mute: #a9b1bc; --stair: #2f62b5;
  --net: #7a6bc4; --process: #3b86b8; --zone: #c9772b; --store: #8a5a44; --other: #788494; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4; --paper: #14181e;
  --line: #2c343f; --whole: #4fb581; --excused: #e0a940; --bad: #ef5b52; --mute: #515c6a;
  --stair: #7aa7f0; --net: #a79bea; --process: #63b0e0; --zone: #e59a55; --store: #c08e74;
  --other: #8b98a8; } }
body { margin: 2rem auto; max-width: 1180px; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; color: var(--soft); } .verdict { font-size: 1.1rem; color: var(--ink); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
svg { display: block; font: 11px system-ui, sans-serif; } text { fill: var(--soft); }
text.name { fill: var(--ink); font-weight: 600; }
.grid { stroke: var(--line); } .stair { fill: none; stroke: var(--stair); stroke-width: 1.4; }
.whole { fill: var(--whole); } .excused { fill: var(--excused); } .bad { fill: var(--bad); }
.mute { fill: var(--mute); } .process { fill: var(--process); } .net { fill: var(--net); }
.zone { fill: var(--zone); } .store { fill: var(--store); } .other { fill: var(--other); }
rect.fault { opacity: .85; } rect.missed { opacity: .25; }
table { border-collapse: collapse; } td, th { padding: .15rem .9rem .15rem 0; text-align: left;
  border-bottom: 1px solid var(--line); font-weight: normal; } th { color: var(--soft); }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, monospace; } .key span { margin-right: 1.2rem; }
.key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em; }
"""


def page(history: History, verdict: Verdict, summary: Summary) -> str:
    """Return the whole page."""
    result = "nothing broken" if summary.passed else f"{len(summary.violations)} violations"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Chaos on {escape(summary.server)}: {result}</title><style>{_STYLE}</style>
<h1>Chaos on {escape(summary.server)}</h1>
<p class="verdict">{summary.faults} faults in {summary.seconds:.0f} s: <b>{result}</b></p>
<p>{summary.samples:,} samples, {summary.generations:,} publications. Again:
<code>{escape(summary.command)}</code></p>
{_violations(summary)}
<h2>Timeline</h2>
<p class="key">{_key()}</p>
<div class="scroll">{_timeline(history, verdict)}</div>
<h2>Rules</h2>{_rules(summary)}
<h2>Faults</h2>{_kinds(summary)}
<h2>After the faults</h2>{"".join(f"<p>{escape(one)}</p>" for one in summary.promises)}
{"".join(f"<p>Note: {escape(one)}</p>" for one in summary.notes)}
</html>
"""


def _key() -> str:
    words = (
        ("whole", "whole"),
        ("excused", "broken by a foreign hand"),
        ("bad", "violation"),
        ("mute", "no answer"),
    )
    return "".join(
        f'<span><i style="background:var(--{kind})"></i>{word}</span>' for kind, word in words
    )


def _violations(summary: Summary) -> str:
    if not summary.violations:
        return ""
    shown = summary.violations[:SHOWN_MAX]
    items = "".join(f"<p><code>{escape(one)}</code></p>" for one in shown)
    more = len(summary.violations) - len(shown)
    return f"<h2>Violations</h2>{items}{f'<p>... and {more} more</p>' if more else ''}"


def _rules(summary: Summary) -> str:
    rows = "".join(
        f'<tr><td>{one.rule}<td>{one.about}<td class="n">{one.judged:,}<td class="n">{one.broken}'
        for one in summary.rules
    )
    return f"<table><tr><th>rule<th><th>held against<th>broken{rows}</table>"


def _kinds(summary: Summary) -> str:
    rows = "".join(
        f'<tr><td>{one.kind}<td>{escape(_ABOUT.get(one.kind, ""))}<td class="n">{one.done}'
        f'<td class="n">{f"{one.heal_median_s:.2f}" if one.heals else ""}'
        f'<td class="n">{f"{one.heal_max_s:.2f}" if one.heals else ""}'
        for one in summary.kinds
    )
    head = "<tr><th>fault<th><th>done<th>healed, median s<th>longest s"
    return f"<table>{head}{rows}</table>"


class _Scale:
    """From time to place."""

    def __init__(self, history: History) -> None:
        self._began_ns = history.began_ns
        self.seconds = (history.ended_ns - history.began_ns) / SECOND_NS

    def x(self, at_ns: int) -> float:
        """Return where a time lies."""
        return LEFT + PX_PER_S * (at_ns - self._began_ns) / SECOND_NS


def _timeline(history: History, verdict: Verdict) -> str:
    scale = _Scale(history)
    width = LEFT + PX_PER_S * scale.seconds + 20
    parts: list[str] = []
    top = 24.0
    for named in history.endpoints:
        parts += _endpoint(history, verdict, named, scale, top)
        top += STAIR_HEIGHT + BAND_HEIGHT + GAP
    for lane in LANES:
        mine = [one for one in history.faults if _lane(one) == lane]
        if lane in SIDES and not mine:
            continue
        parts += _lane_marks(lane, mine, scale, top)
        top += LANE_HEIGHT
    grid = _grid(scale, history, top)
    return (
        f'<svg width="{width:.0f}" height="{top + 10:.0f}" role="img" '
        f'aria-label="timeline of answers, generations and faults">{"".join([*grid, *parts])}</svg>'
    )


def _grid(scale: _Scale, history: History, bottom: float) -> Iterator[str]:
    for second in range(0, int(scale.seconds) + 1, TICK_S):
        x = LEFT + PX_PER_S * second
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="16" y2="{bottom:.0f}"/>'
        yield f'<text x="{x}" y="12" text-anchor="middle">{second} s</text>'
    x = scale.x(history.faults_end_ns)
    yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="16" y2="{bottom:.0f}" stroke-width="3"/>'


def _endpoint(
    history: History, verdict: Verdict, named: Named, scale: _Scale, top: float
) -> list[str]:
    runs = [one for one in history.runs if one.subject == named.endpoint]
    parts = [f'<text class="name" x="4" y="{top + 12:.0f}">{escape(named.endpoint)}</text>']
    points: list[tuple[float, int]] = []
    for run in runs:
        fence = parse_fence(run.answer.fence)
        if fence is not None:
            points.append((scale.x(run.first_ns), fence.generation))
    most = max((generation for _, generation in points), default=1)
    bottom = top + STAIR_HEIGHT
    parts.append(f'<text x="4" y="{top + 26:.0f}">to plan {most}</text>')
    path, last = f"M{LEFT} {bottom:.1f}", bottom
    for x, generation in points:
        y = bottom - (STAIR_HEIGHT - 4) * generation / most
        path += f"L{x:.1f} {last:.1f}L{x:.1f} {y:.1f}"
        last = y
    end = scale.x(history.ended_ns)
    parts.append(f'<path class="stair" d="{path}L{end:.1f} {last:.1f}"/>')
    parts.append(
        f'<rect class="mute" x="{LEFT}" y="{bottom + 3:.1f}" width="{end - LEFT:.1f}" '
        f'height="{BAND_HEIGHT}"/>'
    )
    parts += _band(verdict, named, runs, scale, bottom + 3)
    return parts


def _band(
    verdict: Verdict, named: Named, runs: list[Run], scale: _Scale, top: float
) -> Iterator[str]:
    bad = {one.at_ns for one in verdict.violations if one.subject == named.endpoint}
    heals = [one for one in verdict.heals if one.endpoint == named.endpoint]
    spans: list[tuple[str, int, int]] = []
    for run in runs:
        end_ns = run.last_end_ns
        state = "mute" if run.answer.fault else "whole"
        if run.first_ns in bad:
            state = "bad"
        if spans and spans[-1][0] == state:
            spans[-1] = (state, spans[-1][1], end_ns)
        else:
            spans.append((state, run.first_ns, end_ns))
    spans += [("excused", one.opened_ns, one.closed_ns) for one in heals]
    spans += [one for one in spans if one[0] == "bad"]
    for state, start_ns, end_ns in spans:
        width = max(1.5 if state != "whole" else 0.5, scale.x(end_ns) - scale.x(start_ns))
        yield (
            f'<rect class="{state}" x="{scale.x(start_ns):.1f}" y="{top:.1f}" '
            f'width="{width:.1f}" height="{BAND_HEIGHT}"/>'
        )


def _lane(fault: Fault) -> str:
    return "people" if fault.kind in PEOPLE else fault.target


def _lane_marks(lane: str, faults: list[Fault], scale: _Scale, top: float) -> Iterator[str]:
    yield f'<text x="4" y="{top + 11:.0f}">{lane}</text>'
    for one in faults:
        width = max(2.5, scale.x(one.ended_ns) - scale.x(one.began_ns))
        state = "" if one.done else " missed"
        tip = f"{one.number} {one.kind} {one.target}: {one.detail}"
        yield (
            f'<rect class="fault {_colour(one)}{state}" x="{scale.x(one.began_ns):.1f}" '
            f'y="{top + 2:.1f}" width="{width:.1f}" height="{LANE_HEIGHT - 4}" rx="2">'
            f"<title>{escape(tip)}</title></rect>"
        )


def _colour(fault: Fault) -> str:
    if fault.target in {"shop", "api", "books"} and fault.kind not in PEOPLE:
        return "zone"
    if fault.target == "store":
        return "store"
    if fault.kind.startswith(("stop", "kill", "stutter")):
        return "process"
    if fault.target.startswith("enactor"):
        return "net"
    return "other"
