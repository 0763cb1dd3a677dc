"""An enactor that can be stopped in the middle of its work: between choosing a plan and writing it.

It is the real enactor of `outlast up --role enactor`, in a process of its own. On SIGUSR1 it is armed
(SIGUSR2 takes that back): when it has read the fence, has chosen the newest plan, and is about to send the
write, it sends itself SIGSTOP. The kernel then holds the whole process, as a suspended virtual machine or
a long pause would, until somebody sends SIGCONT. What became of that write is printed to standard output,
as one line of JSON.

It is not stopped while a commit of its own is on its way: the store file's write lock would stop with it,
and all other writers would wait for it, which is another story than the one that is told.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from outlast.app.options import open_world
from outlast.app.up import Options, Role, Up
from outlast.app.wiring import World
from outlast.drivers.stores.file import FileOptions
from outlast.drivers.stores.reopening import ReopeningStore
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.drivers.telemetry import make_logger
from outlast.model.names import EnactorName, ProviderName
from outlast.model.plan import Layout, Observation, Outcome, Transaction
from outlast.ports import Change, Provider, Store


@dataclass(slots=True)
class Trap:
    """Whether the next write is stopped, and how many commits are on their way."""

    armed: bool = False
    commits: int = 0
    quiet: asyncio.Event = field(default_factory=asyncio.Event)

    def arm(self) -> None:
        """Stop the next write."""
        self.armed = True

    def disarm(self) -> None:
        """Let the next write pass."""
        self.armed = False

    @contextlib.contextmanager
    def committing(self) -> Iterator[None]:
        """Count a commit for as long as it takes."""
        self.commits += 1
        self.quiet.clear()
        try:
            yield
        finally:
            self.commits -= 1
            if not self.commits:
                self.quiet.set()

    async def spring(self) -> None:
        """Stop this process as soon as no commit is on its way; return after SIGCONT."""
        while self.commits:
            await self.quiet.wait()
        os.kill(os.getpid(), signal.SIGSTOP)


class CountedStore(SqliteStore):
    """The store file, whose commits the trap knows of."""

    trap: Trap

    async def commit(self, change: Change) -> int | None:
        """Commit, as ever."""
        with self.trap.committing():
            return await super().commit(change)


@dataclass(slots=True)
class StoppingProvider:
    """A provider whose next write, once armed, is stopped together with the whole process."""

    inner: Provider
    trap: Trap

    async def read(self, layout: Layout) -> Observation:
        """Read, as ever."""
        return await self.inner.read(layout)

    async def write(self, transaction: Transaction) -> Outcome:
        """Write; if armed, first stand still until SIGCONT."""
        stopped, self.trap.armed = self.trap.armed, False
        if stopped:
            await self.trap.spring()
        outcome = await self.inner.write(transaction)
        if stopped:
            print(json.dumps({"outcome": outcome.kind, "detail": outcome.detail}), flush=True)
        return outcome

    async def close(self) -> None:
        """Give up connections."""
        await self.inner.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class LateWorld(World):
    """A world whose providers have the trap."""

    trap: Trap = field(default_factory=Trap)

    async def store(self, *, check_s: float | None = None) -> Store:
        """Open the store file, with its commits counted."""
        return ReopeningStore(await self._open(check_s), lambda: self._open(None))

    async def _open(self, check_s: float | None) -> Store:
        self.state.make()
        store = await CountedStore.open(self.state.store, FileOptions(check_s=check_s))
        store.trap = self.trap
        return store

    def providers(self) -> dict[ProviderName, Provider]:
        """Make a connection to every provider, with the trap in it."""
        # `super()` without arguments does not work in a slotted dataclass before Python 3.14.
        plain: Mapping[ProviderName, Provider] = World.providers(self)
        return {name: StoppingProvider(one, self.trap) for name, one in plain.items()}


async def run(file: Path, state: Path, name: str) -> None:
    """Enact until told to stop."""
    world = open_world(file, state)
    late = LateWorld(
        file=world.file,
        topology=replace(world.topology),
        digest=world.digest,
        state=world.state,
        clock=world.clock,
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, late.trap.arm)
    loop.add_signal_handler(signal.SIGUSR2, late.trap.disarm)
    options = Options(roles=frozenset({Role.ENACTOR}), enactor=EnactorName(name))
    await Up(late, options, make_logger(as_json=False)).run()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
