"""What a minute of detection costs, and what blame does.

    python -m bench.detect            # 3,500 services in 60 countries; 3,500 services and 262 causes
    python -m bench.detect --quick    # 350 services, fewer rounds

The floor of a minute is what nobody can go without: summing the windows of all cells. A minute of detection
is measured on a quiet stream and in an outage in which every tenth service has ten times its reports. All
times are of the processor: a tick waits for nobody, and so a machine that is shared still tells.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from bench.harness import Case, compare, machine, markdown, options
from evaluate import graphs
from evaluate.graphs import Condition

from outlast.detect.blame import blame
from outlast.detect.cells import Cells, Counts, Grid
from outlast.detect.step import begin, step

SEED = 20251020
REPORTS_A_MINUTE = 1_100
WARM_MINUTES = 150
TICKS = 20


class Stream:
    """A made stream: Zipf's services, countries of all sizes."""

    def __init__(self, services: int, *, outage: bool) -> None:
        self._rng = np.random.default_rng(SEED)
        countries = 60
        words = tuple(f"k{one % 20}" for one in range(services))
        self.grid = Grid(
            tuple(f"s{one}" for one in range(services)),
            tuple(f"c{one}" for one in range(countries)),
            words,
        )
        popular = 1 / np.arange(1, services + 1) ** 0.8
        people = self._rng.dirichlet(np.full(countries, 0.5))
        self._mean = REPORTS_A_MINUTE * np.outer(popular / popular.sum(), people)
        self.cells = Cells(self.grid, 0)
        self.state = begin(self.grid, windows=self.cells.windows)
        self._minutes = [self._minute(self._mean) for _ in range(16)]
        for _ in range(WARM_MINUTES):
            self.tick()
        if outage:
            loud = self._mean.copy()
            loud[::10] *= 10
            self._minutes = [self._minute(loud) for _ in range(16)]

    def _minute(self, mean: np.typing.NDArray[np.float64]) -> Counts:
        spread = self._rng.gamma(5, 1 / 5, mean.shape)
        counts: Counts = self._rng.poisson(mean * spread).astype(np.int32)
        return counts

    def tick(self) -> tuple[float, float]:
        """Play a minute; return the seconds that counting and that judging took."""
        start = time.process_time()
        self.cells.advance(self.cells.newest + 1)
        self.cells.put_dense(self.cells.newest, self._minutes[self.cells.newest % 16])
        counted = time.process_time()
        self.state, _ = step(self.state, self.cells.tick())
        return counted - start, time.process_time() - counted


def ticks(stream: Stream, part: int) -> Callable[[], float]:
    """Return a measurement: milliseconds of the median minute, for counting (0) or judging (1)."""

    def run() -> float:
        return 1e3 * float(np.median([stream.tick()[part] for _ in range(TICKS)]))

    return run


def blamed(condition: Condition) -> Callable[[], float]:
    """Return a measurement: milliseconds of one blame, the loops compiled."""
    rng = np.random.default_rng(SEED)
    true = graphs.world(rng)
    sizes = np.bincount(true.cause_of, minlength=len(true.causes))
    failed = rng.choice(np.flatnonzero(sizes >= 100), condition.causes, replace=False)
    shown = graphs.symptoms(true, condition, failed, rng)
    roads = graphs.drawn_map(true, condition, rng)
    names = np.array(roads.services)
    down, well = {*names[shown].tolist()}, {*names[~shown].tolist()}

    def run() -> float:
        start = time.process_time()
        blame(roads, down, well)
        return 1e3 * (time.process_time() - start)

    return run


def main() -> None:
    """Measure and print."""
    given = options("Detect and blame.")
    services = 350 if given.quick else 3_500
    quiet, loud = Stream(services, outage=False), Stream(services, outage=True)
    floor = "count a minute into the windows"
    cases = [
        Case(floor, ticks(quiet, 0), "ms", more_is_better=False),
        Case("judge a quiet minute", ticks(quiet, 1), "ms", floor, more_is_better=False),
        Case("judge a minute of an outage", ticks(loud, 1), "ms", floor, more_is_better=False),
    ]
    for causes in (1, 3):
        made = Condition(hit=0.5, background=0.02, missing=0.2, wrong=0.1, causes=causes)
        cases.append(
            Case(f"blame, causes at once: {causes}", blamed(made), "ms", more_is_better=False)
        )
    memory = quiet.cells.nbytes + quiet.state.charts.nbytes
    lines = [
        (
            f"{quiet.state.pools.count} series; counts and charts take {memory / 2**20:.0f} MiB;"
            f" blame over {graphs.SERVICES} services and 262 causes; {machine()}"
        ),
        "",
        markdown(compare(cases, given.rounds)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
