"""Validation: `python -m outlast.drill.validate [PAGE]` runs all cases by each engine and writes their table.

Exit code 1 where a case is out of its tolerance by either engine.
"""

import math
import sys
from pathlib import Path

from outlast.drill.cases import Case, every
from outlast.drill.compiled.choice import available
from outlast.drill.compiled.wanted import Engine, stepped_by

HEAD = """# Validation of the drill engine

Made by `make validate`. Closed forms and published experiments, each with its source; "fluid" is the engine
of drills, "events" the exact one, request by request. Deviation is a share of what is expected.
{engines}

| case | parameters | expected | shown | deviation | tolerance | source | |
|---|---|---:|---:|---:|---:|---|---|
"""


def main(arguments: list[str]) -> int:
    """Run all cases, print or write the table, and return 0 if all held."""
    by_engine = {}
    for engine in available():
        with stepped_by(engine):
            by_engine[engine] = list(every())
    cases = [one for found in by_engine.values() for one in found]
    shown = by_engine[Engine.NUMPY]
    head = HEAD.format(engines=_engines(by_engine))
    page = head + "\n".join(_row(one) for one in shown) + "\n"
    if arguments:
        Path(arguments[0]).write_text(page)
    failed = [one for one in cases if not one.held]
    told = f"{len(shown)} cases by {' and '.join(by_engine)}: {len(failed)} out of tolerance\n"
    sys.stdout.write(told if arguments else page)
    for one in failed:
        sys.stderr.write(f"out of tolerance: {one.name} ({one.parameters})\n")
    return 1 if failed else 0


def _engines(by_engine: dict[Engine, list[Case]]) -> str:
    """Say which engines ran the cases, and how far apart they are."""
    if len(by_engine) == 1:
        return f"Run by one engine, {next(iter(by_engine))}: the other cannot be had here."
    pairs = zip(*by_engine.values(), strict=True)
    apart = max((_apart(one.shown, other.shown) for one, other in pairs), default=0.0)
    names = " and ".join(by_engine)
    differs = (
        f"differs by a share of {apart:.1g} at most" if apart else "is the same to the last digit"
    )
    return f"Run by both engines, {names}; what they show {differs}."


def _apart(one: float, other: float) -> float:
    return 0.0 if one == other else abs(one - other) / max(abs(one), abs(other))


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
