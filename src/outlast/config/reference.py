"""The reference: writes the table of fields into `docs/topology.md`, between two markers.

Run `python -m outlast.config.reference` after a change of `tables`; a test says when it was forgotten.
"""

import sys
from pathlib import Path

from outlast.config.explain import Row, explain

BEGIN = "<!-- fields: written by python -m outlast.config.reference -->"
END = "<!-- end of fields -->"
PAGE = Path("docs/topology.md")


def reference() -> str:
    """Return the table of all fields in Markdown, a section for each mapping."""
    sections: dict[str, list[Row]] = {}
    for row in explain():
        sections.setdefault(row.path.rpartition(".")[0], []).append(row)
    blocks = []
    for path, rows in sections.items():
        title = f"### `{path}`" if path else "### The file"
        lines = [title, "", "| field | value | default | meaning |", "|---|---|---|---|"]
        blocks.append("\n".join([*lines, *(_line(row) for row in rows)]))
    return "\n\n".join(blocks)


def _line(row: Row) -> str:
    key = row.path.rpartition(".")[2]
    default = "**required**" if row.required else row.default
    meaning = row.meaning
    if row.too_small:
        meaning += f" *Too small:* {row.too_small}"
    if row.too_large:
        meaning += f" *Too large:* {row.too_large}"
    cells = (f"`{key}`", row.values, default, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def renewed(page: str) -> str:
    """Return a page with the table between its markers renewed.

    Raises:
        ValueError: the markers are not both there, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}"


def main() -> int:
    """Renew the page in the present folder's `docs/`; exit code 2 where there is none."""
    if not PAGE.is_file():
        sys.stderr.write(f"there is no {PAGE} here: run this in the root of the repository\n")
        return 2
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
