"""How long a day of a large world takes: services, regions and steps, beside bare arithmetic.

The world: services stand in six layers (call graphs at Alibaba have median depth 4 and at most 7: see
`outlast.drill.worlds.synthetic`), and each needs five of the layer below. Half have a queue with time-outs
and clients that retry, a tenth resolve each other's names, a tenth hold leases; capacity is at least three
times what they carry, so that the world is well until a region goes. A world drawn without layers is some
thirty levels deep and overloaded at rest: nobody runs that, and rounding alone decides which of its queues
collapses first. People of ten countries use a third of the services. The region that goes is away for a
sixteenth of the time, so that something moves. "bare" makes passes of multiply-adds over as many cells (see
`bench.drill_loops`): what the machine could do at best, in C and in numpy.

Figures are of CPU time: each run has one thread, and neighbours take turns with it on a shared machine. A
full run also writes how time grows with services and with steps, as `docs/pictures/drill-growth.svg`.
"""

import multiprocessing
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from bench.drill_loops import PASSES, in_c, in_numpy
from bench.drill_plot import Line, Panel, plot
from bench.harness import Case, Row, compare, machine, markdown, options

from outlast.drill.compiled.wanted import Engine
from outlast.drill.running import Run
from outlast.drill.scenario import Fault, FaultKind, Scenario
from outlast.model.behaviour import Audience, Behaviour, Leasing, Resolving, Retrying, Serving
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

LAYERS = 6

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "drill-growth.svg"

DAY_H = 16.0
"""Length of the day that is spoken of: as long as 20 October 2025."""

PEOPLE = ("US", "DE", "GB", "FR", "JP", "IN", "BR", "AU", "NL", "CA")


def world(services: int, regions: int, *, seed: int = 7) -> Topology:
    """Make a world of so many services and regions."""
    chance = np.random.default_rng(seed)
    seats = tuple(
        Region(name=RegionName(f"r{k}"), country=PEOPLE[k % len(PEOPLE)]) for k in range(regions)
    )
    return Topology(
        regions=seats, services=tuple(_service(k, services, chance) for k in range(services))
    )


def _service(row: int, services: int, chance: np.random.Generator) -> Service:
    layer = services // LAYERS
    first = (row // layer + 1) * layer
    below = range(first, min(first + layer, services))
    chosen = sorted(chance.choice(below, size=min(5, len(below)), replace=False)) if below else []
    kinds = (DependencyKind.HARD, DependencyKind.SOFT, DependencyKind.CACHED)
    needs = tuple(
        Dependency(
            service=ServiceName(f"s{one}"),
            kind=kinds[int(one) % 3],
            cached_s=600.0,
            calls_ratio=0.2,
        )
        for one in chosen
    )
    busy = row % 2 == 0
    behaviour = Behaviour(
        serving=Serving(rate=10_000.0, timeout_s=3.0, base_s=0.02) if busy else None,
        retrying=Retrying(attempts=3, budget_ratio=0.1) if busy else None,
        leasing=Leasing(count=1000.0, rate=10.0) if row % 10 == 1 else None,
    )
    return Service(
        name=ServiceName(f"s{row}"),
        needs=needs,
        behaviour=behaviour,
        load=Load(demand=30_000) if row % 3 == 0 else None,
        audience=Audience(people=1e6, countries=tuple((one, 0.1) for one in PEOPLE))
        if row % 3 == 0
        else None,
        resolving=Resolving() if row % 10 == 0 else None,
    )


def scenario(hours: float) -> Scenario:
    """Lose a region for a sixteenth of the time."""
    length_s = hours * 3600.0
    fault = Fault(kind=FaultKind.REGION, subject="r0", at_s=length_s / 16, until_s=length_s / 8)
    return Scenario(
        name="bench",
        world="",
        start=datetime(2025, 10, 20, tzinfo=UTC),
        length_s=length_s,
        faults=(fault,),
    )


def drill(services: int, regions: int, hours: float, engine: Engine) -> float:
    """Run one and return microseconds of CPU a step."""
    topology, steps = world(services, regions), hours * 3600.0
    began = time.process_time()
    made = Run(topology, scenario(hours), engine)
    for _ in range(made.meters.minutes):
        made.minute()
    return (time.process_time() - began) / steps * 1e6


def _day(engine: Engine) -> tuple[float, float]:
    """Run a whole day in this process; return seconds of CPU and MiB at most."""
    took_us = drill(150, 30, DAY_H, engine)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return took_us * DAY_H * 3600 / 1e6, peak


def whole_day(engine: Engine) -> tuple[float, float]:
    """Run a whole day in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_day, (engine,))


def command(*arguments: str) -> tuple[float, float, float]:
    """Run `outlast drill`; return seconds of CPU until its first line, and in all, and MiB at most."""
    process = subprocess.Popen(
        [sys.executable, "-m", "outlast", "drill", *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    process.stdout.readline()
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    first_s = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    process.stdout.read()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return first_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def cases(hours: float, sizes: tuple[int, ...]) -> list[Case]:
    """Return what takes turns: bare loops, both engines at one size, and the compiled one at others."""
    found = [
        Case(f"bare C, {PASSES} passes", run=lambda: in_c(150, 30, 2000), unit="us/step"),
        Case(f"bare numpy, {PASSES} passes", run=lambda: in_numpy(150, 30, 200), unit="us/step"),
    ]
    wanted = [(150, Engine.NUMPY, found[1].name)]
    wanted += [(one, Engine.COMPILED, found[0].name) for one in sizes]
    for size, engine, beside in wanted:
        found.append(
            Case(
                f"{engine}, {size} x 30 x 10",
                run=lambda size=size, engine=engine: drill(  # type: ignore[misc]
                    size, 30, hours if engine is Engine.COMPILED else hours / 4, engine
                ),
                unit="us/step",
                beside=beside,
                more_is_better=False,
            )
        )
    return found


def growth(rows: list[Row], sizes: tuple[int, ...]) -> str:
    """Return the plot of how time grows with services, and with steps."""
    by_size = [
        (float(size), row.median) for size, row in zip(sizes, rows[-len(sizes) :], strict=True)
    ]
    by_hours = [
        (h, drill(150, 30, h, Engine.COMPILED) * h * 3600 / 1e6) for h in (2.0, 4.0, 8.0, 16.0)
    ]
    return plot(
        (
            Panel(
                "services", "services, x 30 regions", "us of CPU a step",
                (Line("compiled", tuple(by_size)),),
            ),
            Panel(
                "steps", "simulated hours, 1 s steps", "seconds of CPU",
                (Line("compiled, 150 x 30", tuple(by_hours)),),
            ),
        )
    )  # fmt: skip


def main() -> None:
    """Print the tables."""
    given = options("Drills: microseconds of CPU a step.")
    sizes = (38, 75, 150) if given.quick else (38, 75, 150, 300)
    print(machine())
    rows = compare(cases(0.4 if given.quick else 4.0, sizes), 1 if given.quick else given.rounds)
    print(markdown(rows))
    if given.quick:
        return
    print("\n16 h at 1 s, 150 services x 30 regions, in a process of its own:\n")
    print("| engine | CPU seconds | MiB at most |\n|---|---:|---:|")
    for engine in (Engine.COMPILED, Engine.NUMPY):
        took_s, peak = whole_day(engine)
        print(f"| {engine} | {took_s:.1f} | {peak:.0f} |")
    print(
        "\n| command | CPU seconds to the first line | in all | MiB at most |\n|---|---:|---:|---:|"
    )
    for words in ("aws --lose region:us-east-1", "incidents/us-east-1-2025"):
        line = f"{words} --no-helped"
        first_s, took_s, peak = command(*line.split())
        print(f"| `outlast drill {line}` | {first_s:.2f} | {took_s:.1f} | {peak:.0f} |")
    PICTURE.write_text(growth(rows, sizes))
    print("\n![time over services and over steps](pictures/drill-growth.svg)")


if __name__ == "__main__":
    main()
