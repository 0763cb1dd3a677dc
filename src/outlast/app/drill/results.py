"""Results: what came out of drills that were held on a topology, kept in its state folder for the board.

One line of JSON a run, appended; a line that cannot be read is a half-written one and is passed over.
Nothing rests on the file: without it, nobody remembers when a drill last passed.
"""

import json
from dataclasses import asdict
from pathlib import Path

from outlast.glass.drills import Run
from outlast.model.units import Nanos

FILE = "drills.jsonl"
KEPT = 500
"""Newest lines that are read."""


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
