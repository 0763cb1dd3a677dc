"""Plan, compare and apply for 1,000 to 100,000 endpoints, beside octoDNS with the same names and BIND.

    .venv/bin/python -m bench.plan [--quick] [--sizes 1000,10000,100000] [--rounds N]

Each run is a process of its own that starts cold: it reads its configuration, reads the zone from the server
by transfer, compares, and writes what differs. `outlast apply --yes` against `octodns-sync --doit
--force`, in turns. After all runs both zones are compared with what is wanted, to the last record,
ours with its fences. Both servers are of the same software, configuration and content, the zones in memory
where the machine has /dev/shm.

The second table is the running system: planner and enactor over the same endpoints, and the time from one
vote, or a hundred, to the new answer read back from the server.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

from bench.harness import figure, machine
from bench.planrunning import Cost, measure
from bench.planworld import Run, World, world

SIZES = (1_000, 10_000, 100_000)
SIZES_QUICK = (1_000,)
CHANGED = 100


@dataclass(slots=True)
class Pair:
    """The runs of both in one situation."""

    size: int
    what: str
    theirs: list[Run] = field(default_factory=list)
    ours: list[Run] = field(default_factory=list)

    def row(self) -> str:
        """Its line in the table."""
        cells = [f"{self.size:,}", self.what]
        for runs in (self.theirs, self.ours):
            takes = (_wall, _cpu, _peak)
            cells += [figure(statistics.median(map(take, runs))) for take in takes]
        cells += [f"{self._times(_wall):.1f}", f"{self._times(_cpu):.1f}"]
        cells.append(f"{1 / self._times(_peak):.2f}")
        return f"| {' | '.join(cells)} |"

    def _times(self, take: Callable[[Run], float]) -> float:
        """The median of the rounds' own ratios."""
        pairs = zip(self.theirs, self.ours, strict=True)
        return statistics.median(take(a) / take(b) for a, b in pairs)


def _wall(run: Run) -> float:
    return run.wall_s


def _cpu(run: Run) -> float:
    return run.cpu_s


def _peak(run: Run) -> float:
    return run.peak_mib


HEAD = """| names | run | octoDNS s | CPU s | MiB | Outlast s | CPU s | MiB | times faster | in CPU | memory |
|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""
RUNNING = """| endpoints | start s | one change ms | 100 changes at once ms |
|---:|---:|---:|---:|"""


def race(size: int, rounds: int) -> tuple[list[Pair], Cost]:
    """Let both run in turns over a world of so many names."""
    still, changed = Pair(size, "nothing changed"), Pair(size, f"{CHANGED} changed")
    with world(size) as made:
        made.outlast()  # takes over what stands there
        made.outlast()  # and takes its fingerprints
        for turn in range(rounds):
            _both(made, still, ours_first=turn % 2 == 0)
            made.change(CHANGED)
            _both(made, changed, ours_first=turn % 2 == 0)
        made.check()
        return [still, changed], measure(made)


def _both(made: World, pair: Pair, *, ours_first: bool) -> None:
    for ours in (ours_first, not ours_first):
        (pair.ours if ours else pair.theirs).append(made.outlast() if ours else made.octodns())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Plan, compare and apply beside octoDNS.")
    parser.add_argument("--quick", action="store_true", help="1,000 names, to check the bench")
    parser.add_argument("--sizes", default="", help="numbers of names, with commas")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each; default 2 or 3")
    given = parser.parse_args()
    sizes: tuple[int, ...] = SIZES_QUICK if given.quick else SIZES
    sizes = tuple(int(one) for one in given.sizes.split(",")) if given.sizes else sizes
    rows, running = [], []
    for size in sizes:
        rounds = given.rounds or (2 if given.quick or size > 50_000 else 3)
        pairs, cost = race(size, rounds)
        rows += [one.row() for one in pairs]
        cells = [f"{size:,}", *(figure(it) for it in (cost.start_s, cost.one_ms, cost.hundred_ms))]
        running.append(f"| {' | '.join(cells)} |")
    peers = ", ".join(f"{name} {version(name)}" for name in ("octodns", "octodns-bind"))
    lines = [f"{peers}; {machine()}", "", HEAD, *rows, ""]
    lines += ["Every zone held exactly what was wanted afterwards.", "", RUNNING, *running]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
