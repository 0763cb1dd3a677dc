"""What people do in the middle of it: operators' commands, edits of the topology; and dead regions."""

import asyncio
import random

from chaos.drawing import Planned
from chaos.notdone import Hand, NotDone
from chaos.processes import outlast
from chaos.regions import MODES
from chaos.system import System
from chaos.world import Edition

COMMAND_S = 30.0
ADOPTED_S = 1.5
"""How long a rescue is left alone by the foreign hand: until an enactor has read it; see `catalogue`."""

BROKEN = (
    "outlast: 1\nregions: {eu\n",
    "",
    "outlast: 1\nendpoints: {}\nproviders: {}\nregions: {}\nsettigns: {}\n",
    "- this\n- is\n- no topology\n",
)


class PeopleHands:
    """Runs the real command line, and writes the real file."""

    def __init__(self, system: System) -> None:
        self._system = system

    def hands(self) -> dict[str, Hand]:
        """Each kind with what does it."""
        return {
            "freeze": self._freeze,
            "evacuate": self._evacuate,
            "rollback": self._rollback,
            "rescue": self._rescue,
            "edit-topology": self._edit_topology,
            "break-topology": self._break_topology,
            "blackout": self._blackout,
        }

    async def outlast(self, *arguments: str) -> tuple[int, str]:
        """Run an operator's command on the main file; return its exit code and last line."""
        world = self._system.world
        command, *rest = arguments
        process = await asyncio.create_subprocess_exec(
            *outlast(command, str(world.main_file), "--state", str(world.state), *rest),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(COMMAND_S):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return -1, "it did not end"
        lines = output.decode(errors="replace").strip().splitlines()
        return process.returncode or 0, lines[-1] if lines else ""

    async def _command(self, *arguments: str) -> str:
        code, last = await self.outlast(*arguments)
        if code not in (0, 1):
            raise NotDone(f"exit code {code}: {last}")
        return f"{arguments[0]} ended with {code}"

    async def _freeze(self, planned: Planned, dice: random.Random) -> str:
        del dice
        target = planned.target
        first = await self._command("freeze", target, "--for", "20s", "--reason", "chaos")
        await asyncio.sleep(planned.for_s)
        return f"{first}; {await self._command('thaw', target)}"

    async def _evacuate(self, planned: Planned, dice: random.Random) -> str:
        del dice
        target = planned.target
        first = await self._command("evacuate", target, "--no-wait", "--reason", "chaos")
        await asyncio.sleep(planned.for_s)
        return f"{first}; {await self._command('restore', target, '--no-wait')}"

    async def _rollback(self, planned: Planned, dice: random.Random) -> str:
        looks = self._system.recorder.looks
        plans = looks[-1].plans if looks else ()
        kept = [generation for name, generation, _ in plans if name == planned.target]
        if not kept:
            raise NotDone("there is no plan to go back to")
        to = str(dice.choice(kept))
        return await self._command(
            "rollback", planned.target, "--to", to, "--hold", "1s", "--reason", "chaos"
        )

    async def _rescue(self, planned: Planned, dice: random.Random) -> str:
        del dice
        detail = await self._command("rescue", planned.target, "--yes")
        await asyncio.sleep(ADOPTED_S)
        return detail

    async def _edit_topology(self, planned: Planned, dice: random.Random) -> str:
        del planned
        system = self._system
        system.edition = Edition(ttl_s=dice.randint(1, 5), south=dice.random() < 0.6)
        system.write_topology()
        return (
            f"TTL {system.edition.ttl_s} s, {'four' if system.edition.south else 'three'} regions"
        )

    async def _break_topology(self, planned: Planned, dice: random.Random) -> str:
        text = dice.choice(BROKEN)
        for role in ("main", *self._system.proxies):
            self._system.world.put(role, text)
        await asyncio.sleep(planned.for_s)
        self._system.write_topology()
        return f"for {planned.for_s:.1f} s: {text.splitlines()[0] if text else 'empty'}"

    async def _blackout(self, planned: Planned, dice: random.Random) -> str:
        mode = dice.choice(MODES)
        await self._system.regions.blackout(mode)
        await asyncio.sleep(planned.for_s)
        await self._system.regions.recover()
        return f"{mode} for {planned.for_s:.1f} s"
