"""Degradation coverage: how each function was served under each rehearsed outage, and what that proves."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outlast.client.application import Application
from outlast.client.facts import Mode
from outlast.pytest_plugin.faults import Cell, Fault, cells_of

UNTESTED = "untested"
UNCONCERNED = "-"
"""The function uses nothing of what was struck."""
_ORDER = [Mode.FULL, Mode.DEGRADED, Mode.DOWN]


@dataclass(slots=True)
class Observed:
    """What one test saw.

    Attributes:
        cell: the outage that it ran under.
        met: how often the fault was met; a fault that was never met proves nothing.
        modes: the worst mode of each function.
        promises: `dependency/fallback` pairs that answered.
    """

    cell: Cell
    met: int = 0
    modes: dict[str, Mode] = field(default_factory=dict)
    promises: list[str] = field(default_factory=list)

    def saw(self, function: str, mode: Mode) -> None:
        """Take a function's mode."""
        self.modes[function] = max(self.modes.get(function, Mode.FULL), mode, key=_ORDER.index)

    def encode(self) -> str:
        """Return a text that crosses processes and lands in JUnit files."""
        cell = [self.cell.target, self.cell.scope, self.cell.fault]
        return json.dumps([cell, self.met, self.modes, sorted(set(self.promises))])


def decode(text: str) -> Observed:
    """Read what `encode` wrote."""
    (target, scope, fault), met, modes, promises = json.loads(text)
    cell = Cell(target, scope, Fault(fault))
    return Observed(cell, met, {key: Mode(value) for key, value in modes.items()}, promises)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The table.

    Attributes:
        functions: its columns.
        rows: for each rehearsal the word in each column.
        promises: for each declared fallback whether it ever answered.
        faults: why the run fails; empty: it does not.
    """

    application: str
    functions: tuple[str, ...]
    rows: Mapping[Cell, tuple[str, ...]]
    promises: Mapping[str, bool]
    faults: tuple[str, ...]

    def to_json(self) -> Mapping[str, Any]:
        """Return it ready for JSON."""
        return {
            "application": self.application,
            "rows": [
                {
                    "target": cell.target,
                    "scope": cell.scope,
                    "fault": cell.fault,
                    "functions": dict(zip(self.functions, words, strict=True)),
                }
                for cell, words in self.rows.items()
            ],
            "promises": dict(self.promises),
            "failures": list(self.faults),
        }


def judge(application: Application, observed: Iterable[Observed]) -> Coverage:
    """Join what all tests saw, and say what is missing or down."""
    functions = tuple(application.functions)
    cells = cells_of(list(application.dependencies.values()))
    seen: dict[Cell, Observed] = {}
    kept: set[str] = set()
    for one in observed:
        kept.update(one.promises)
        if one.met:
            whole = seen.setdefault(one.cell, Observed(one.cell))
            for function, mode in one.modes.items():
                whole.saw(function, mode)
    rows = {
        cell: tuple(_word(application, seen.get(cell), cell, name) for name in functions)
        for cell in cells
    }
    promises = {promise: promise in kept for promise in _promises(application)}
    return Coverage(
        application.name, functions, rows, promises, _faults(application, rows, promises)
    )


def _word(application: Application, seen: Observed | None, cell: Cell, name: str) -> str:
    if seen is not None and name in seen.modes:
        return str(seen.modes[name])
    return UNTESTED if _touches(application, cell, name) else UNCONCERNED


def _promises(application: Application) -> Iterable[str]:
    for one in application.dependencies.values():
        if one.hosts:
            for kind in dict.fromkeys(rung.kind for job in one.jobs for rung in job.ladder):
                yield f"{one.name}/{kind}"


def _faults(
    application: Application, rows: Mapping[Cell, tuple[str, ...]], promises: Mapping[str, bool]
) -> tuple[str, ...]:
    faults = []
    for cell, words in rows.items():
        for function, word in zip(application.functions.values(), words, strict=True):
            if word == Mode.DOWN and function.essential and not _admitted(application, cell):
                faults.append(f"{function.name} is essential and was down under {cell}")
            elif word == UNTESTED:
                faults.append(f"{function.name} was not tested under {cell}")
    faults.extend(
        f"the promise {one} was never exercised" for one, kept in promises.items() if not kept
    )
    return tuple(faults)


def _touches(application: Application, cell: Cell, name: str) -> bool:
    function = application.functions[name]
    kind, _, of = cell.target.partition(" ")
    for one in (*function.needs, *function.wants):
        if one.name == cell.target:
            return True
        if (kind == "region" and of in one.regions) or (kind == "provider" and of == one.provider):
            return True
    return False


def _admitted(application: Application, cell: Cell) -> bool:
    """Whether the declaration says that the application cannot live without this dependency."""
    one = application.dependencies.get(cell.target)
    return one is not None and bool(one.because)
