"""Sources of targets for commands and for `outlast up`: one memory, in the state folder."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from outlast.app.state import StateFolder
from outlast.app.wiring import World
from outlast.drivers.facts import Tell
from outlast.drivers.sources.listing import SourceError
from outlast.drivers.sources.watch import Memory, Sources, fill, with_sources
from outlast.model.names import EndpointName
from outlast.model.topology import Endpoint, Target, Topology

ASKED_AT_ONCE = 16


def memory_of(file: Path, state: StateFolder) -> Memory:
    """Return where the sources of a topology are remembered."""
    return Memory(file.resolve().parent, state.root / "targets")


def make_sources(world: World, tell: Tell, take: Callable[[Topology], None]) -> Sources:
    """Make what asks all sources of a topology while `outlast up` runs."""
    memory = memory_of(world.file, world.state)
    return Sources(world.topology, memory, clock=world.clock, tell=tell, take=take)


def heard(topology: Topology, file: Path, state: StateFolder) -> Topology:
    """Return a topology with its sources' targets, for commands.

    What `outlast up` heard of late is taken as it is; other sources are asked now. One that says nothing
    usable is told, and what was known of it stands.
    """
    endpoints = with_sources(topology)
    if not endpoints:
        return topology
    memory = memory_of(file, state)

    def known(one: Endpoint) -> tuple[Target, ...]:
        if memory.is_fresh(one, time.time()):
            return memory.recall(one, topology)
        try:
            return memory.hear(one, topology) or memory.recall(one, topology)
        except SourceError as error:
            sys.stderr.write(f"{one.name}: {error.what}; going on with what is known\n")
            return memory.recall(one, topology)

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        found: dict[EndpointName, tuple[Target, ...]] = {
            one.name: targets
            for one, targets in zip(endpoints, pool.map(known, endpoints), strict=True)
        }
    return fill(topology, found)
