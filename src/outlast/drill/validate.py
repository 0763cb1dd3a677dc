"""Validation: `python -m outlast.drill.validate [PAGE]` runs all cases and writes their table.

Exit code 1 where a case is out of its tolerance.
"""

import math
import sys
from pathlib import Path

from outlast.drill.cases import Case, every

HEAD = """# Validation of the drill engine

Made by `make validate`. Closed forms and published experiments, each with its source; "fluid" is the engine
of drills, "events" the exact one, request by request. Deviation is a share of what is expected.

| case | parameters | expected | shown | deviation | tolerance | source | |
|---|---|---:|---:|---:|---:|---|---|
"""


def main(arguments: list[str]) -> int:
    """Run all cases, print or write the table, and return 0 if all held."""
    cases = list(every())
    page = HEAD + "\n".join(_row(one) for one in cases) + "\n"
    if arguments:
        Path(arguments[0]).write_text(page)
    failed = [one for one in cases if not one.held]
    sys.stdout.write(
        page if not arguments else f"{len(cases)} cases, {len(failed)} out of tolerance\n"
    )
    for one in failed:
        sys.stderr.write(f"out of tolerance: {one.name} ({one.parameters})\n")
    return 1 if failed else 0


def _row(one: Case) -> str:
    figures = (
        _figure(one.expected),
        _figure(one.shown),
        _share(one.deviation),
        _share(one.tolerance),
    )
    verdict = "held" if one.held else "**out**"
    return f"| {one.name} | {one.parameters} | {' | '.join(figures)} | {one.source} | {verdict} |"


def _figure(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:,.4g}"


def _share(value: float) -> str:
    return "-" if math.isinf(value) else f"{value:.1%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
