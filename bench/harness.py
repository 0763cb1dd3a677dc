"""What every benchmark shares: interleaved rounds, medians, ratios, Markdown, and the disk's fsync time.

A figure taken alone says nothing on a machine with neighbours: durable rates alone fall twenty-fold when
somebody else writes to the same disk. So the things to be compared take turns, round by round, in one
process run; a different one begins each round; a ratio is the median of the *round's own* ratios, since
both halves of a pair then saw the same neighbours; and the machine's fsync time is printed beside.

    from bench.harness import Case, compare, markdown, options, machine

    cases = [
        Case("bare", run=bare),                       # run() does one round and returns its figure
        Case("outlast", run=ours, beside="bare"),     # gets a ratio to `bare`
    ]
    print(machine())
    print(markdown(compare(cases, rounds=5)))

Each case of one comparison shall do the same work, with content that changes: SQLite, for one, skips the
write and the sync when an update leaves the bytes the same.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FSYNC_PROBES = 200
"""Appends measured for one fsync figure; 40 ms on a quiet disk, a second on a busy one."""

_PROBE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to be measured.

    Attributes:
        name: what stands in the table.
        run: does one round and returns its figure: a rate, seconds, bytes, whatever `unit` says.
        unit: the figure's unit.
        beside: name of the case that it is compared with; empty: no ratio.
        more_is_better: false for times and sizes; their ratio is turned round, so that a ratio
            above 1 always means "better than the one beside it".
    """

    name: str
    run: Callable[[], float]
    unit: str = "/s"
    beside: str = ""
    more_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """What came out of one case.

    Attributes:
        median, low, high: of all rounds.
        ratio: median of the rounds' ratios to `beside`; above 1 is better; None: not compared.
    """

    name: str
    unit: str
    median: float
    low: float
    high: float
    ratio: float | None = None
    beside: str = ""


def compare(cases: Sequence[Case], rounds: int, *, warm_up: bool = True) -> list[Row]:
    """Run the cases in turns and return one row each, in the order given.

    Args:
        rounds: how often each case runs; odd numbers have a true median.
        warm_up: run each once before and throw the figure away.

    Raises:
        ValueError: no round, two cases of one name, or a `beside` that names no case.
    """
    names = [case.name for case in cases]
    if rounds < 1 or len(set(names)) != len(names):
        raise ValueError("a comparison needs a round at least, and one name for each case")
    strangers = sorted({case.beside for case in cases} - {"", *names})
    if strangers:
        raise ValueError(f"no case is named {strangers[0]!r}; these are: {', '.join(names)}")
    if warm_up:
        for case in cases:
            case.run()
    figures: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(cases)
        for case in (*cases[first:], *cases[:first]):
            figures[case.name].append(case.run())
    return [_row(case, figures) for case in cases]


def _row(case: Case, figures: dict[str, list[float]]) -> Row:
    own = figures[case.name]
    ratio = None
    if case.beside:
        pairs = list(zip(own, figures[case.beside], strict=True))
        better = [(a / b if case.more_is_better else b / a) for a, b in pairs]
        ratio = statistics.median(better)
    return Row(
        name=case.name,
        unit=case.unit,
        median=statistics.median(own),
        low=min(own),
        high=max(own),
        ratio=ratio,
        beside=case.beside,
    )


def markdown(rows: Sequence[Row]) -> str:
    """Print rows as a Markdown table."""
    lines = ["| case | median | lowest | highest | ratio |", "|---|---:|---:|---:|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{figure(row.ratio)} x {row.beside}"
        spread = " | ".join(figure(one) for one in (row.median, row.low, row.high))
        name = f"{row.name} ({row.unit})" if row.unit else row.name
        lines.append(f"| {name} | {spread} | {ratio} |")
    return "\n".join(lines)


def figure(value: float) -> str:
    """Print a figure with three significant digits at least, and thousands apart."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.3g}" if size < 1 else f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class Fsync:
    """How long one append of 4 KiB with its fsync takes, in milliseconds."""

    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return f"append+fsync {self.p50_ms:.2f} ms p50, {self.p99_ms:.2f} ms p99"


def fsync(directory: Path | None = None, *, probes: int = FSYNC_PROBES) -> Fsync:
    """Measure the disk under a directory (default: where temporary files go)."""
    taken_ms: list[float] = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(probes):
            began_ns = time.perf_counter_ns()
            os.write(file.fileno(), os.urandom(_PROBE_BYTES))
            os.fsync(file.fileno())
            taken_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
    taken_ms.sort()
    return Fsync(statistics.median(taken_ms), taken_ms[min(probes - 1, probes * 99 // 100)])


def machine(directory: Path | None = None) -> str:
    """Describe in one line what the figures were taken on, foreign load and disk included."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {load:.1f}, {fsync(directory)}"
    )


@dataclass(frozen=True, slots=True)
class Options:
    """The command line that all benchmarks have in common.

    Attributes:
        quick: a short run, whose figures check the bench and not the code.
        rounds: how often each case runs: 3 in a quick run, 7 otherwise, unless given.
    """

    quick: bool
    rounds: int


def options(title: str) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="a short run, to check the bench")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each case")
    given = parser.parse_args()
    return Options(quick=given.quick, rounds=given.rounds or (3 if given.quick else 7))
