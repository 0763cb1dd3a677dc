"""An enactor that can be stopped in the middle of its work: between choosing a plan and writing it.

It is the real enactor of `outlast up --role enactor`, in a process of its own. On SIGUSR1 it is armed
(SIGUSR2 takes that back): when it has read the fence, has chosen the newest plan, and is about to send the
write, it sends itself SIGSTOP. The kernel then holds the whole process, as a suspended virtual machine or
a long pause would, until somebody sends SIGCONT. What became of that write is printed to standard output,
as one line of JSON.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from outlast.app.options import open_world
from outlast.app.up import Options, Role, Up
from outlast.app.wiring import World
from outlast.drivers.telemetry import make_logger
from outlast.model.names import EnactorName, ProviderName
from outlast.model.plan import Layout, Observation, Outcome, Transaction
from outlast.ports import Provider


@dataclass(slots=True)
class Trap:
    """Whether the next write is stopped."""

    armed: bool = False

    def arm(self) -> None:
        """Stop the next write."""
        self.armed = True

    def disarm(self) -> None:
        """Let the next write pass."""
        self.armed = False


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
            os.kill(os.getpid(), signal.SIGSTOP)
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
