"""Watching sources: carries the commands of `core.source` out for every endpoint that has one.

What was heard last is kept in a file an endpoint, in the format in which sources speak. So a restart while
a source is down begins with what was known, and not with nothing.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from outlast.core import source
from outlast.core.source import Listed, SayKnown, SayUnknown, Silent, TakeTargets
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.sources.asking import ask
from outlast.drivers.sources.listing import SourceError, read_listing, write_listing
from outlast.model.names import EndpointName
from outlast.model.topology import Endpoint, Target, Topology
from outlast.model.units import as_seconds
from outlast.ports import Clock

ROLE = "sources"
FRESH_INTERVALS = 3
"""What was heard within so many intervals need not be asked for again by a command."""


class Memory:
    """What each source said last, on disk.

    Args:
        home: the topology's folder, to which the files of sources are relative.
        root: where memories are kept.
    """

    def __init__(self, home: Path, root: Path) -> None:
        self.home = home
        self._root = root

    def path(self, name: EndpointName) -> Path:
        """Where an endpoint's list is kept."""
        return self._root / f"{name}.json"

    def recall(self, endpoint: Endpoint, topology: Topology) -> tuple[Target, ...]:
        """Return what was known of an endpoint's targets; else those that the file gives to begin with."""
        regions = [one.name for one in topology.regions]
        with contextlib.suppress(OSError, SourceError):
            data = self.path(endpoint.name).read_bytes()
            return read_listing(data, regions, endpoint.check) or endpoint.targets
        return endpoint.targets

    def keep(self, name: EndpointName, targets: tuple[Target, ...]) -> None:
        """Keep a list; whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        path = self.path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(write_listing(targets))
        fresh.replace(path)

    def touch(self, name: EndpointName) -> None:
        """Note that the source just said the same again."""
        with contextlib.suppress(OSError):
            self.path(name).touch(exist_ok=True)

    def is_fresh(self, endpoint: Endpoint, at_s: float) -> bool:
        """Whether somebody heard from the source of late."""
        if endpoint.targets_from is None:
            return True
        try:
            heard_s = self.path(endpoint.name).stat().st_mtime
        except OSError:
            return False
        return at_s - heard_s < FRESH_INTERVALS * endpoint.targets_from.interval_s

    def hear(self, endpoint: Endpoint, topology: Topology) -> tuple[Target, ...]:
        """Ask an endpoint's source now. Blocks.

        Raises:
            SourceError: it says nothing usable.
        """
        if endpoint.targets_from is None:
            return endpoint.targets
        regions = [one.name for one in topology.regions]
        return read_listing(ask(endpoint.targets_from, self.home), regions, endpoint.check)


class Sources:
    """All sources of a topology. `run` asks them until it is cancelled."""

    def __init__(
        self,
        topology: Topology,
        memory: Memory,
        *,
        clock: Clock,
        tell: Tell,
        take: Callable[[Topology], None],
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._tell = tell
        self._take = take
        self._topology = topology
        self._states: dict[EndpointName, source.State] = {}
        self._changed = asyncio.Event()
        self._recall(with_sources(topology))

    def _recall(self, endpoints: Iterable[Endpoint]) -> None:
        for one in endpoints:
            if one.name not in self._states:
                known = self._memory.recall(one, self._topology)
                self._states[one.name] = source.State(known=sorted_targets(known))

    @property
    def topology(self) -> Topology:
        """The topology with every source's targets in their places."""
        known = {name: one.known for name, one in self._states.items()}
        return fill(self._topology, known)

    def change_topology(self, topology: Topology) -> None:
        """Go on with the sources of another topology."""
        self._topology = topology
        self._recall(with_sources(topology))
        self._changed.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self._changed.clear()
            asking = [asyncio.create_task(self._watch(one)) for one in with_sources(self._topology)]
            try:
                await self._changed.wait()
            finally:
                for task in asking:
                    task.cancel()
                await asyncio.gather(*asking, return_exceptions=True)

    async def _watch(self, endpoint: Endpoint) -> None:
        interval_s = endpoint.targets_from.interval_s if endpoint.targets_from else 0.0
        while True:
            begun_ns = self._clock.now_ns()
            await self.ask(endpoint)
            spent_s = as_seconds(self._clock.now_ns() - begun_ns)
            await asyncio.sleep(max(0.0, interval_s - spent_s))

    async def ask(self, endpoint: Endpoint) -> None:
        """Ask one source once and carry out what follows."""
        event: source.Event
        try:
            targets = await asyncio.to_thread(self._memory.hear, endpoint, self._topology)
            event = Listed(targets=targets, at_ns=self._clock.now_ns())
        except SourceError as error:
            event = Silent(why=error.what, at_ns=self._clock.now_ns())
        state, commands = source.step(self._states[endpoint.name], event)
        self._states[endpoint.name] = state
        for command in commands:
            await self._carry_out(endpoint, command)
        if isinstance(event, Listed) and event.targets and not commands:
            await asyncio.to_thread(self._memory.touch, endpoint.name)

    async def _carry_out(self, endpoint: Endpoint, command: source.Command) -> None:
        match command:
            case TakeTargets(targets=targets):
                self._say(Event.TARGETS, endpoint, f"{len(targets)} from {endpoint.targets_from}")
                try:
                    await asyncio.to_thread(self._memory.keep, endpoint.name, targets)
                except OSError as error:
                    self._say(Event.LAST_GOOD_FAILED, endpoint, f"its list cannot be kept: {error}")
                self._take(self.topology)
            case SayUnknown(why=why):
                self._say(Event.SOURCE_LOST, endpoint, f"{why}; going on with what is known")
            case SayKnown(silent_ns=silent_ns):
                detail = f"it speaks again after {as_seconds(silent_ns):.1f} s"
                self._say(Event.SOURCE_BACK, endpoint, detail)

    def _say(self, event: Event, endpoint: Endpoint, detail: str) -> None:
        self._tell(Fact(event=event, role=ROLE, subject=endpoint.name, detail=detail))


def with_sources(topology: Topology) -> list[Endpoint]:
    """Return the endpoints whose targets come from a source."""
    return [one for one in topology.endpoints if one.targets_from is not None]


def sorted_targets(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return targets by name, as `core.source` keeps them."""
    return tuple(sorted(targets, key=lambda one: one.name))


def fill(topology: Topology, known: dict[EndpointName, tuple[Target, ...]]) -> Topology:
    """Put the targets that are known into their endpoints' places; the rest stays as it is."""
    if not known:
        return topology
    endpoints = tuple(
        replace(one, targets=known.get(one.name) or one.targets)
        if one.targets_from is not None
        else one
        for one in topology.endpoints
    )
    return replace(topology, endpoints=endpoints)
