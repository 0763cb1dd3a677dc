"""Thousands of machines in virtual time, with the production core in each: what they do, and what breaks.

    python -m bench.fleet [--quick] [--machines 500,1000,2000] [--seed N]

The plot stands in `outlast.sim.fleet`: stalls, crashes, the death of a region, wipes, a planner that falls
silent, a wrong push, and lost and late packets all the while, in twenty virtual minutes. Every move is judged
by S1 to S6 and by what cells promise; the run ends with 1 if anything broke or is not well in the end.

- *DNS*: questions, writes, and writes that were refused since somebody else was first.
- *store*: rows fetched, commits, and the watch events that each commit is to everybody.
- *until right*: virtual seconds until every endpoint showed what it should: from the start, from when the
  last vantage must have noticed the region's death, and from the wipe.
- *gone*: the most addresses that one cell lost in its window, of how many its budget lets go.
- *hit*: cells that the wrong push had reached after six minutes.
"""

import argparse
import sys
import time

from bench.harness import machine

from outlast.sim.fleet import Fleet
from outlast.sim.fleetplace import Load

SIZES = (500, 1_000, 2_000)
SIZES_QUICK = (100, 200)

HEAD = (
    "| machines | cells | DNS read | written | refused | store fetched | commits | watch events "
    "| until right: start, s | region | wipe | gone | of | hit | broken | wall, s |\n|---:|"
    + "---:|"
    * 15
)


def row(load: Load, took_s: float) -> str:
    """One line in Markdown."""
    broken = len(load.broken) + len(load.unsettled)
    return (
        f"| {load.machines:,} | {load.cells:,} | {load.reads:,} | {load.writes:,} | {load.refused:,} "
        f"| {load.fetches:,} | {load.commits:,} | {load.told:,} | {load.first_s:g} | {load.region_s:g} "
        f"| {load.wipe_s:g} | {load.most} | {load.allowed} | {load.hit} | {broken or 'nothing'} "
        f"| {took_s:.0f} |"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Thousands of machines in virtual time.")
    parser.add_argument("--quick", action="store_true", help="small fleets")
    parser.add_argument("--machines", default="", help="sizes, such as 500,1000")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sizes = tuple(int(one) for one in given.machines.split(",")) if given.machines else SIZES
    print(machine())
    print()
    print(HEAD)
    broken: list[str] = []
    for size in SIZES_QUICK if given.quick else sizes:
        began = time.perf_counter()
        load = Fleet(size, given.seed).run()
        print(row(load, time.perf_counter() - began), flush=True)
        broken += [f"{size} machines, seed {given.seed}: {one}" for one in load.broken]
        broken += [f"{size} machines, seed {given.seed}: {one}" for one in load.unsettled]
    for one in broken:
        print(one)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
