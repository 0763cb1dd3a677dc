"""Search on all cores, resumable, with the same result on one core as on sixty-four.

Batches are pure functions of their number, so workers take any; the finding that counts is that of the
lowest batch, which is waited for. Progress is kept in a small file after each batch: a search that was
stopped goes on where it was, and never repeats a schedule.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

from outlast.model.errors import ConfigError
from outlast.sim.search import Build, Finding, Tally, Wish, search_batch

Batch = tuple[Tally, Finding | None]
Progress = Callable[[Tally], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much to spend.

    Attributes:
        seconds: wall time.
        batches: at most so many batches in this run; None: no limit.
        workers: processes; 0: one for each core; 1: this one.
        memory: file that remembers how far the search came; None: it begins anew.
    """

    seconds: float
    batches: int | None = None
    workers: int = 0
    memory: Path | None = None


def search(
    build: Build, wish: Wish, effort: Effort, progress: Progress | None = None
) -> tuple[Tally, Finding | None]:
    """Search until something is found, time is up, or the batches are done.

    Returns:
        numbers of all batches up to the end, those of earlier runs included, and the first finding.
    """
    done, total = _remember(effort.memory, wish)
    workers = effort.workers or os.cpu_count() or 1
    run = _one_core if workers == 1 else _many_cores
    finding = None
    for tally, found in run(build, wish, effort, done):
        total.add(tally)
        done += 1
        if effort.memory is not None:
            _write(effort.memory, wish, done, total)
        if progress is not None:
            progress(total)
        if found is not None and wish.stop:
            finding = found
            break
    return total, finding


def _one_core(build: Build, wish: Wish, effort: Effort, begin: int) -> Iterator[Batch]:
    until = time.monotonic() + effort.seconds
    number = begin
    while time.monotonic() < until and (effort.batches is None or number - begin < effort.batches):
        yield search_batch(build, wish, number)
        number += 1


def _many_cores(build: Build, wish: Wish, effort: Effort, begin: int) -> Iterator[Batch]:
    """Yield the batches in order of their number, whoever finishes first."""
    until = time.monotonic() + effort.seconds
    workers = effort.workers or os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    end = None if effort.batches is None else begin + effort.batches
    waiting: dict[Future[Batch], int] = {}
    ready: dict[int, Batch] = {}
    issued = wanted = begin
    with ProcessPoolExecutor(max_workers=workers, mp_context=context) as pool:
        try:
            while True:
                open_ = time.monotonic() < until and (end is None or issued < end)
                while open_ and len(waiting) < 2 * workers and (end is None or issued < end):
                    waiting[pool.submit(search_batch, build, wish, issued)] = issued
                    issued += 1
                if not waiting:
                    break
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for one in finished:
                    ready[waiting.pop(one)] = one.result()
                while wanted in ready:
                    yield ready.pop(wanted)
                    wanted += 1
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _remember(path: Path | None, wish: Wish) -> tuple[int, Tally]:
    if path is None or not path.exists():
        return 0, Tally()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["wish"] != repr(wish):
            return 0, Tally()
        return int(data["done"]), Tally(**data["tally"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ConfigError(
            f"{path}: cannot be resumed: {problem!r}", remedy="remove it to begin anew"
        ) from problem


def _write(path: Path, wish: Wish, done: int, total: Tally) -> None:
    text = json.dumps({"wish": repr(wish), "done": done, "tally": asdict(total)})
    draft = path.with_suffix(".part")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)
