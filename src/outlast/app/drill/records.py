"""Records: what really happened beside what the drill shows, for each incident that ships.

Run `python -m outlast.app.drill.records > docs/drills/records.md` after a change of engine or scenarios.
"""

import sys
from collections.abc import Iterator

from outlast.app.drill.library import open_scenario, shipped
from outlast.app.drill.running import run_case
from outlast.drill.vary import Case

HEAD = """\
# Incidents and their drills

Written by `python -m outlast.app.drill.records`. Each world is a few services with what was published of
the mechanism. Times at which operators or attackers did something are inputs: a window that ends with them
says only that the model adds nothing. What follows from a mechanism (caches, herds, needs in a circle) is
the drill's own result. Run one: `outlast drill incidents/NAME`.
"""
FOLDER = "incidents/"


def records() -> Iterator[str]:
    """Yield the page's lines."""
    yield HEAD
    for name, path in shipped("scenarios").items():
        if not name.startswith(FOLDER):
            continue
        loaded = open_scenario(path)
        scenario = loaded.scenario
        if not scenario.record:
            continue
        outcome = run_case(Case(loaded.topology, scenario))
        yield f"## {scenario.title}\n"
        yield f"`{name}`, from {scenario.start:%Y-%m-%d %H:%M} UTC. Source: <{scenario.source}>\n"
        yield "What really happened:\n"
        yield from (f"* {line}" for line in scenario.record)
        yield "\n| expected, with the record | the drill shows | |"
        yield "|---|---|---|"
        for one in outcome.judgements:
            yield f"| {one.name} | {one.text} | {'held' if one.held else '**not met**'} |"
        yield ""


def main() -> int:
    """Print the page."""
    sys.stdout.write("\n".join(records()).rstrip("\n") + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
