"""Running: one case through the engine, with progress; the engine is imported when it is used."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from outlast.drill import engine
from outlast.drill.guardrails import Guardrail
from outlast.drill.judging import judge
from outlast.drill.outcome import Outcome
from outlast.drill.vary import Case


def run_case(case: Case, tell: Callable[[float], None] | None = None) -> Outcome:
    """Run one case, and judge what it showed.

    Args:
        tell: is told how far it is, 0 to 1.
    """
    outcome = engine.run(case.topology, case.scenario, progress=tell)
    if outcome.judgements or not case.scenario.expectations:
        return outcome
    return replace(outcome, judgements=judge(outcome, case.scenario, case.topology))


def bar(total: int, text: str) -> tuple[Progress, TaskID]:
    """Return a progress bar on standard error, and its task; it shows only on a terminal."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    return progress, progress.add_task(text, total=total)


def tried(rails: Iterable[Guardrail]) -> Iterator[tuple[Guardrail, Outcome]]:
    """Run guardrails, one after the other, with a bar."""
    chosen = list(rails)
    progress, task = bar(len(chosen), "what would have helped")
    with progress:
        for one in chosen:
            yield one, run_case(one.case)
            progress.advance(task)


def watched_run(case: Case) -> tuple[Outcome, float]:
    """Run one case with a bar; return also how long it took, in seconds."""
    started = time.perf_counter()
    progress, task = bar(1, "running")
    with progress:
        outcome = run_case(case, lambda share: progress.update(task, completed=share))
    return outcome, time.perf_counter() - started
