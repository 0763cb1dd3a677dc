"""The coverage table for people: on the terminal and as one HTML page without scripts."""

from collections.abc import Iterator
from html import escape

from outlast.pytest_plugin.coverage import UNTESTED, Coverage

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1d2733; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.wrap { overflow-x: auto } table { border-collapse: collapse }
th, td { padding: .35rem .7rem; border: 1px solid #d5dbe3; text-align: left }
thead th { background: #eef2f6; position: sticky; top: 0 }
tbody th { font-weight: 500; white-space: nowrap }
td.full { background: #d8f3e0; color: #0b5227 } td.degraded { background: #fff0c9; color: #6b4a00 }
td.down { background: #f9d0d0; color: #7c1212; font-weight: 600 }
td.untested { color: #5d6876; background: repeating-linear-gradient(135deg, #f3f5f8 0 6px, #fff 6px 12px) }
.fail { color: #7c1212 } .good { color: #0b5227 }
@media (prefers-color-scheme: dark) {
  body { background: #12171e; color: #dfe6ee } thead th { background: #1d2631 }
  th, td { border-color: #36424f } td.full { background: #123d24; color: #b6f0ca }
  td.degraded { background: #463500; color: #ffe29a } td.down { background: #571a1a; color: #ffc4c4 }
  td.untested { background: #1a212a; color: #9aa7b5 } .fail { color: #ff9d9d } .good { color: #8fe3ac } }
"""


def summary(coverage: Coverage) -> str:
    """Return one sentence."""
    words = [word for row in coverage.rows.values() for word in row]
    counts = ", ".join(
        f"{words.count(word)} {word}"
        for word in ("full", "degraded", "down", UNTESTED)
        if word in words
    )
    kept = sum(coverage.promises.values())
    return (
        f"{len(coverage.rows)} outages: {counts}; {kept} of {len(coverage.promises)} promises kept"
    )


def lines(coverage: Coverage) -> Iterator[str]:
    """Return the table for a terminal."""
    first = max([len(str(cell)) for cell in coverage.rows] + [6])
    widths = [max(len(name), 8) for name in coverage.functions]
    names = "  ".join(
        name.ljust(width) for name, width in zip(coverage.functions, widths, strict=True)
    )
    yield f"{'outage'.ljust(first)}  {names}".rstrip()
    for cell, words in coverage.rows.items():
        row = "  ".join(word.ljust(width) for word, width in zip(words, widths, strict=True))
        yield f"{str(cell).ljust(first)}  {row}".rstrip()
    yield summary(coverage)


def html(coverage: Coverage) -> str:
    """Return a page."""
    title = f"Degradation coverage of {escape(coverage.application)}"
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in coverage.functions)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(str(cell))}</th>'
        + "".join(f'<td class="{word}">{word}</td>' for word in words)
        + "</tr>"
        for cell, words in coverage.rows.items()
    )
    faults = "".join(f'<li class="fail">{escape(one)}</li>' for one in coverage.faults)
    verdict = f"<ul>{faults}</ul>" if faults else '<p class="good">Nothing essential was down.</p>'
    promises = "".join(
        f'<li class="{"good" if kept else "fail"}">{escape(one)}: '
        f"{'exercised' if kept else 'never exercised'}</li>"
        for one, kept in coverage.promises.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{_STYLE}</style></head>
<body>
<h1>{title}</h1>
<p>{escape(summary(coverage))}</p>
<h2>Verdict</h2>
{verdict}
<h2>How each function was served</h2>
<div class="wrap"><table><thead><tr><th scope="col">outage</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
<h2>Promises</h2>
<ul>{promises}</ul>
</body></html>
"""
