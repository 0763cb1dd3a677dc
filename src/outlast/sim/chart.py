"""The chart: a run as a sequence diagram, one self-contained HTML file with an SVG in it; no script."""

from html import escape

from outlast.sim.story import Evidence, tell
from outlast.sim.tape import fold

_ROW, _TOP, _LEFT, _LANE = 34, 64, 64, 190

_STYLE = """
:root { --ink: #1c2430; --dim: #6b7686; --paper: #fff; --line: #c9d1db; --bad: #b3261e; --good: #1f6f43; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --dim: #98a3b3; --paper: #14181f; --line: #3a4350; --bad: #ff8a80;
    --good: #7fd6a4; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } pre { overflow-x: auto; font-size: 13px; line-height: 1.45; }
.scroll { overflow-x: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .dim { fill: var(--dim); } svg .bad { fill: var(--bad); font-weight: 600; }
svg .who { font-weight: 600; } svg line { stroke: var(--line); } svg .hit { stroke: var(--bad); }
svg circle { fill: var(--ink); } svg .write { stroke: var(--good); stroke-width: 1.5; }
"""


def draw(found: Evidence) -> str:
    """Return the whole page."""
    title = f"{found.tape.spec}: {found.tape.found}"
    story = "\n".join(tell(found))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
        f"<p>{escape(str(found.tape.spec.size))}. Digest of the replay: "
        f"<code>{found.tape.digest}</code></p>\n"
        f'<div class="scroll">{_svg(found)}</div>\n'
        f"<h2>Step by step</h2>\n<pre>{escape(story)}</pre>\n</body></html>\n"
    )


def _svg(found: Evidence) -> str:
    told = fold(found.trace.told)
    lanes = list(dict.fromkeys(one.who for _, _, one in told))
    at = {who: _LEFT + _LANE * index + 60 for index, who in enumerate(lanes)}
    dns_at = _LEFT + _LANE * len(lanes) + 60
    width, height = dns_at + 420, _TOP + _ROW * (len(told) + 2)
    parts = [
        (
            f'<svg role="img" aria-label="sequence of {len(found.trace.told)} steps" width="{width}" '
            f'height="{height}" viewBox="0 0 {width} {height}">'
        )
    ]
    for who, x in [*at.items(), ("what the DNS answers", dns_at)]:
        parts.append(f'<text class="who" x="{x}" y="28" text-anchor="middle">{escape(who)}</text>')
        parts.append(f'<line x1="{x}" y1="40" x2="{x}" y2="{height - 20}"/>')
    dns = ""
    for index, (_, number, one) in enumerate(told):
        y = _TOP + _ROW * index
        x = at[one.who]
        parts.append(f'<text class="dim" x="8" y="{y + 4}">{number}</text>')
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="4"><title>{escape(one.belief)}</title></circle>'
        )
        for row, line in enumerate(_wrap(one.what)):
            parts.append(f'<text x="{x + 9}" y="{y + 4 + 13 * row}">{escape(line)}</text>')
        if one.dns != dns:
            dns = one.dns
            kind = "bad" if "EMPTY" in dns and index else "dim"
            parts.append(f'<line class="write" x1="{x}" y1="{y}" x2="{dns_at}" y2="{y}"/>')
            parts.append(f'<text class="{kind}" x="{dns_at + 9}" y="{y + 4}">{escape(dns)}</text>')
        if found.fate and found.fate.point == number:
            line_y = y + _ROW // 2 + 6
            parts.append(f'<line class="hit" x1="0" y1="{line_y}" x2="{width}" y2="{line_y}"/>')
            parts.append(
                f'<text class="bad" x="{width - 10}" y="{line_y - 4}" text-anchor="end">'
                "point of no return</text>"
            )
    end = _TOP + _ROW * len(told)
    parts.append(f'<text class="bad" x="{_LEFT}" y="{end}">{escape(found.tape.found)}</text>')
    return "".join([*parts, "</svg>"])


def _wrap(text: str, width: int = 30) -> list[str]:
    """Break a line at spaces, two lines at most."""
    if len(text) <= width:
        return [text]
    cut = text.rfind(" ", 0, width + 1)
    cut = cut if cut > 0 else width
    rest = text[cut:].strip()
    return [text[:cut], rest if len(rest) <= width + 8 else rest[: width + 7] + "…"]
