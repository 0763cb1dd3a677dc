"""How long a day of a large world takes: services, regions and steps, beside bare arithmetic.

The world: services stand in six layers (call graphs at Alibaba have median depth 4 and at most 7: see
`outlast.drill.worlds.synthetic`), and each needs five of the layer below. Half have a queue with time-outs
and clients that retry, a tenth resolve each other's names, a tenth hold leases; capacity is at least three
times what they carry, so that the world is well until a region goes. A world drawn without layers is some
thirty levels deep and overloaded at rest: nobody runs that, and rounding alone decides which of its queues
collapses first. People of ten countries use a third of the services. The region that goes is away for a
sixteenth of the time, so that something moves. "bare" makes passes of multiply-adds over as many cells as
the engine has rows of state; it stands for what the machine could do at best with numpy.
"""

import resource
import time
from datetime import UTC, datetime

import numpy as np
from bench.harness import Case, compare, machine, markdown, options

from outlast.drill.running import Run
from outlast.drill.scenario import Fault, FaultKind, Scenario
from outlast.model.behaviour import Audience, Behaviour, Leasing, Resolving, Retrying, Serving
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

PASSES = 100
"""Array passes of a step in the bare loop: about as many as the formulas of the engine have operands."""

LAYERS = 6

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


def drill(services: int, regions: int, hours: float) -> float:
    """Run one and return microseconds a step."""
    topology, steps = world(services, regions), hours * 3600.0
    began = time.perf_counter()
    made = Run(topology, scenario(hours))
    for _ in range(made.meters.minutes):
        made.minute()
    return (time.perf_counter() - began) / steps * 1e6


def bare(services: int, regions: int, steps: int) -> float:
    """Multiply and add over arrays of the same size; return microseconds a step."""
    one, other = np.ones((services, regions)), np.full((services, regions), 1.0001)
    began = time.perf_counter()
    for _ in range(steps):
        for _ in range(PASSES // 2):
            np.multiply(one, other, out=one)
            np.add(one, other, out=one)
    return (time.perf_counter() - began) / steps * 1e6


def main() -> None:
    """Print the tables."""
    given = options("Drills: microseconds a step.")
    hours = 0.2 if given.quick else 2.0
    sizes = (38, 75, 150) if given.quick else (38, 75, 150, 300)
    print(machine())
    cases = [
        Case(
            f"bare {PASSES} passes, 150 x 30",
            run=lambda: bare(150, 30, 200),
            unit="us/step",
            more_is_better=False,
        )
    ]
    cases += [
        Case(
            f"drill {size} x 30 x 10",
            run=lambda size=size: drill(size, 30, hours),  # type: ignore[misc]
            unit="us/step",
            beside=cases[0].name,
            more_is_better=False,
        )
        for size in sizes
    ]
    rows = compare(cases, rounds=given.rounds if not given.quick else 1)
    print(markdown(rows))
    day = next(row.median for row in rows if row.name.startswith("drill 150")) * 57_600 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n16 h at 1 s: {day:.1f} s; peak memory of all cases: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
