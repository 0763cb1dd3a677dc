"""Results: what came out of drills that were held on a topology, kept in its state folder for the board.

One line of JSON a run, appended; a line that cannot be read is a half-written one and is passed over.
Nothing rests on the file: without it, nobody remembers when a drill last passed.
"""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from outlast.app.state import StateFolder
from outlast.glass.drills import Run
from outlast.model.units import Nanos

if TYPE_CHECKING:  # the engine's outcome brings numpy along, which a board can do without
    from outlast.drill.outcome import Judgement
    from outlast.drill.scenario import Scenario

FILE = "drills.jsonl"
KEPT = 500
"""Newest lines that are read."""


def remember(what: str, scenario: "Scenario", judged: "tuple[Judgement, ...]") -> None:
    """Remember a drill of a topology that has a state folder; of others there is nobody to tell.

    Args:
        what: how the scenario or world was named on the command line.

    Raises:
        OSError: the folder cannot be written to.
    """
    missed = [one.name for one in judged if not one.held]
    run = Run(
        name=scenario.name,
        title=scenario.title,
        at_ns=Nanos(time.time_ns()),
        held=len(judged) - len(missed),
        total=len(judged),
        said=f"not met: {', '.join(missed)}" if missed else "",
    )
    chosen = os.environ.get("OUTLAST_STATE")
    roots = [Path(chosen)] if chosen else []
    for file in (Path(what), Path(what).parent / scenario.world):
        roots += [StateFolder.of(file, None).root] if file.is_file() else []
    for root in roots:
        if root.is_dir():
            add_result(root, run)
            return


def add_result(root: Path, run: Run) -> None:
    """Remember a run.

    Args:
        root: the state folder of the topology; nothing is remembered where there is none.

    Raises:
        OSError: the folder cannot be written to.
    """
    if root.is_dir():
        with (root / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(run)) + "\n")


def read_results(root: Path) -> list[Run]:
    """Return the runs that are remembered, oldest first."""
    path = root / FILE
    lines = path.read_text(encoding="utf-8").splitlines()[-KEPT:] if path.exists() else []
    found = []
    for line in lines:
        try:
            values = json.loads(line)
            found.append(Run(**(values | {"at_ns": Nanos(int(values["at_ns"]))})))
        except (ValueError, KeyError, TypeError):
            continue
    return found
