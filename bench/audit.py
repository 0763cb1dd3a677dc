"""How long the audit takes on a big topology, beside networkx finding the same cuts.

    python -m bench.audit            # 10,000 services with 100,000 dependencies
    python -m bench.audit --quick    # 1,000 with 10,000

The same graph goes to both. networkx has no and-or graphs, so the comparison is made where the two ask the
same question: a copy in which every service needs *one* of its dependencies, where what fells a service is
what dominates it (`immediate_dominators`, then the chain of each essential one). Ours is measured on that
copy and on the real graph; the whole audit with all rules on the real one, and the search for pairs alone.

Last, the command as a hook runs it: start to finish on `examples/three-regions.yaml`.
"""

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import networkx as nx
from bench.harness import Case, compare, machine, markdown, options

from outlast.audit.case import of_service
from outlast.audit.falls import Falls
from outlast.audit.finding import Kind, Thing
from outlast.audit.graph import Graph, Mode, build
from outlast.audit.run import audit, case_of
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

SEED = 20251020
ESSENTIAL_RATIO = 0.01
KINDS = (
    (DependencyKind.HARD, 40),
    (DependencyKind.SOFT, 30),
    (DependencyKind.CACHED, 10),
    (DependencyKind.STARTUP, 10),
    (DependencyKind.CONTROL, 10),
)
REGIONS = 8
GROUPED_RATIO = 0.3
"""How many of the dependencies have a spare road."""

TODAY = date(2026, 3, 31)
EXAMPLE = Path("examples/three-regions.yaml")


def topology_of(services: int, edges: int) -> Topology:
    """Return a random world: services lean on those before them, and one time in fifty on any."""
    chance = random.Random(SEED)
    names = [ServiceName(f"s{number}") for number in range(services)]
    regions = [RegionName(f"r{number}") for number in range(REGIONS)]
    kinds, weights = [one for one, _ in KINDS], [one for _, one in KINDS]
    made = []
    for number, name in enumerate(names):
        wanted = max(1, round(edges / services))
        needs = []
        for at in range(wanted if number else 0):
            back = chance.random() < 0.02
            other = names[chance.randrange(services if back else number)]
            if other == name:
                continue
            grouped = chance.random() < GROUPED_RATIO
            needs.append(
                Dependency(
                    service=other,
                    kind=chance.choices(kinds, weights)[0],
                    group=f"g{at // 2}" if grouped else "",
                )
            )
        made.append(
            Service(
                name=name,
                essential=chance.random() < ESSENTIAL_RATIO,
                regions=tuple(chance.sample(regions, 3)),
                needs=tuple(needs),
            )
        )
    return Topology(regions=tuple(Region(name=one) for one in regions), services=tuple(made))


def one_road_each(topology: Topology) -> tuple[Graph, int]:
    """Return the same services and dependencies where each needs one of its own, and their ground."""
    graph = Graph()
    ground = graph.node(Thing(Kind.REGION, "ground"))
    for service in topology.services:
        graph.node(of_service(service), any_of=True)
    for service in topology.services:
        node = graph.number[of_service(service)]
        for need in service.needs:
            end = graph.number[Thing(Kind.SERVICE, str(need.service))]
            if end < node:  # no circles: without them both have one answer
                graph.need(node, end, "hard")
        if not graph.needs[node]:
            graph.need(node, ground, "hard")
    return graph, ground


def dominators(other: "nx.DiGraph[int]", ground: int, ends: list[int]) -> list[set[int]]:
    """Return what fells each of some nodes, by networkx."""
    above = nx.immediate_dominators(other, ground)
    found = []
    for end in ends:
        chain = [end]
        while chain[-1] != ground:
            chain.append(above[chain[-1]])
        found.append(set(chain))
    return found


def felled(graph: Graph, ends: list[int]) -> list[set[int]]:
    """Return the same by ours."""
    falls = Falls(graph)
    return [{falls.node_of(thing) for thing in falls.fell(end)} for end in ends]


def wall(work: Callable[[], object]) -> Callable[[], float]:
    """Return what measures a piece of work by the clock."""
    return _measured(work, time.perf_counter)


def cpu(work: Callable[[], object]) -> Callable[[], float]:
    """Return what measures this process's own time: neighbours on the machine count less."""
    return _measured(work, time.process_time)


def children_cpu(work: Callable[[], object]) -> Callable[[], float]:
    """Return what measures the time of processes that the work starts."""

    def used() -> float:
        taken = resource.getrusage(resource.RUSAGE_CHILDREN)
        return taken.ru_utime + taken.ru_stime

    return _measured(work, used)


def _measured(work: Callable[[], object], clock: Callable[[], float]) -> Callable[[], float]:
    def run() -> float:
        start = clock()
        work()
        return clock() - start

    return run


def hook() -> None:
    """Run the command as a hook does."""
    command = [sys.executable, "-m", "outlast", "audit", str(EXAMPLE)]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Measure and print."""
    given = options("Audit a big topology.")
    services, edges = (1_000, 10_000) if given.quick else (10_000, 100_000)
    topology = topology_of(services, edges)
    essential = [one for one in topology.services if one.essential]
    graph, ground = one_road_each(topology)
    ends = [graph.number[of_service(one)] for one in essential]
    other: nx.DiGraph[int] = nx.DiGraph(
        [(child, node) for node, children in enumerate(graph.needs) for child in children]
    )
    if felled(graph, ends) != dominators(other, ground, ends):
        raise SystemExit("the two do not agree: nothing to compare")
    real = build(topology, Mode.RUNNING)
    nodes = [real.number[of_service(one)] for one in essential]
    known = Falls(real)

    pair = "cuts of size one, one road each"
    works: list[tuple[str, Callable[[], object], str]] = [
        (f"{pair}: networkx", lambda: dominators(other, ground, ends), ""),
        (f"{pair}: outlast", lambda: felled(graph, ends), f"{pair}: networkx"),
        ("cuts of size one, the real graph", lambda: Falls(build(topology, Mode.RUNNING)), ""),
        ("cuts of size two, the real graph", lambda: known.pairs(nodes), ""),
        ("the whole audit, all rules", lambda: audit(case_of(topology, TODAY)), ""),
    ]
    cases = [
        Case(
            f"{name} (CPU)",
            run=cpu(work),
            unit="s",
            beside=beside and f"{beside} (CPU)",
            more_is_better=False,
        )
        for name, work, beside in works
    ]
    cases += [
        Case("the command on the example (wall)", run=wall(hook), unit="s"),
        Case("the command on the example (CPU)", run=children_cpu(hook), unit="s"),
    ]
    found = known.pairs(nodes)
    count = sum(len(one) for one in found.of.values())
    written = sum(len(one.needs) for one in topology.services)
    lines = [
        f"{services} services, {written} dependencies, {len(essential)} essential; {machine()}",
        f"pairs found: {count}; complete: {found.complete}, {found.tried} of {found.candidates} tried",
        "",
        markdown(compare(cases, given.rounds, warm_up=False)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
