"""How many customers a second the exact engine of drills serves, beside SimPy: M/M/10 at load 8.

Erlang C says that they wait 0.2046 on average; both must show it, or the figures mean nothing.
"""

import random
import time
from collections.abc import Generator

import simpy
from bench.harness import Case, compare, machine, markdown, options

from outlast.drill.events import Line, Rate
from outlast.model.behaviour import Serving

LOAD, SERVERS, WAIT_S = 8.0, 10, 0.2046


def ours(customers: int) -> float:
    """Return customers a second of the exact engine."""
    began = time.perf_counter()
    tally = Line(Serving(rate=float(SERVERS)), servers=SERVERS).run(
        [Rate(0.0, LOAD)], customers / LOAD
    )
    took_s = time.perf_counter() - began
    _check(tally.waited_s / tally.served)
    return tally.served / took_s


def theirs(customers: int) -> float:
    """Return customers a second of SimPy."""
    chance, waits = random.Random(1), list[float]()
    world = simpy.Environment()
    desk = simpy.Resource(world, capacity=SERVERS)

    def customer() -> Generator[simpy.Event, object, None]:
        came = world.now
        with desk.request() as turn:
            yield turn
            waits.append(world.now - came)
            yield world.timeout(chance.expovariate(1.0))

    def door() -> Generator[simpy.Event, object, None]:
        for _ in range(customers):
            yield world.timeout(chance.expovariate(LOAD))
            world.process(customer())

    began = time.perf_counter()
    world.process(door())
    world.run()
    took_s = time.perf_counter() - began
    _check(sum(waits) / len(waits))
    return customers / took_s


def _check(wait_s: float) -> None:
    if abs(wait_s - WAIT_S) > 0.5 * WAIT_S:
        raise AssertionError(f"mean wait {wait_s:.3f} s; Erlang C says {WAIT_S} s")


def main() -> None:
    """Print the table."""
    given = options("Exact engine: customers a second.")
    customers = 20_000 if given.quick else 200_000
    cases = [
        Case("SimPy, M/M/10", run=lambda: theirs(customers)),
        Case("exact engine, M/M/10", run=lambda: ours(customers), beside="SimPy, M/M/10"),
    ]
    print(machine())
    print(markdown(compare(cases, given.rounds)))


if __name__ == "__main__":
    main()
