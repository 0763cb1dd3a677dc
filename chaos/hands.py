"""The hands that do the faults: one method a kind, each undoing what it did before it returns.

A method returns one line about what really happened. It raises `NotDone` where the fault could not be
done; such a fault does not count.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from chaos.catalogue import Planned
from chaos.foreign import KINDS
from chaos.history import Named
from chaos.processes import Role, outlast
from chaos.proxy import Cut, Proxy, Trap, Weather
from chaos.regions import MODES
from chaos.standing import standing
from chaos.system import System
from chaos.world import NAMED, Edition

CATCH_S = 2.0
"""How long to wait for a message to be caught before the fault is done anyway."""

COMMAND_S = 30.0
WHOLE_TRIES = 200
WHOLE_PAUSE_S = 0.05
BALLAST_BYTES = 1 << 20
STUTTERS = 20
STUTTER_S = 0.02

Hand = Callable[[Planned, random.Random], Awaitable[str]]

BROKEN = (
    "outlast: 1\nregions: {eu\n",
    "",
    "outlast: 1\nendpoints: {}\nproviders: {}\nregions: {}\nsettigns: {}\n",
    "- this\n- is\n- no topology\n",
)


class NotDone(Exception):
    """The fault could not be done; the text says why."""


class Hands:
    """Carries out planned faults on one system."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._hands: dict[str, Hand] = {
            "stop-before-write": self._stop_before_write,
            "stop-after-write": self._stop_after_write,
            "stop-after-read": self._stop_after_read,
            "stutter": self._stutter,
            "kill-enactor": self._kill,
            "kill-planner": self._kill,
            "kill-prober": self._kill,
            "kill-in-write": self._kill_in_write,
            "stop-planner": self._stop,
            "stop-prober": self._stop,
            "late-update": self._late_update,
            "lost-reply": self._lost_reply,
            "delay": self._weather,
            "loss": self._weather,
            "one-way": self._weather,
            "partition": self._partition,
            "cable": self._cable,
            "netem": self._cable,
            "kill-server": self._kill_server,
            "stop-server": self._stop_server,
            "store-deleted": self._store_deleted,
            "store-old": self._store_old,
            "disk-full": self._disk_full,
            "plant-cname-at-fence": self._cname_at_fence,
            "two-wipes": self._two_wipes,
            "freeze": self._freeze,
            "evacuate": self._evacuate,
            "rollback": self._rollback,
            "rescue": self._rescue,
            "edit-topology": self._edit_topology,
            "break-topology": self._break_topology,
            "blackout": self._blackout,
            **{kind: self._foreign for kind in KINDS if kind != "plant-cname-at-fence"},
        }

    async def do(self, planned: Planned) -> str:
        """Do one fault and undo it; return what happened.

        Raises:
            NotDone: it could not be done.
        """
        dice = random.Random(planned.dice)
        return await self._hands[planned.kind.name](planned, dice)

    def _role(self, planned: Planned) -> Role:
        return self._system.roles[planned.target]

    def _proxy(self, planned: Planned) -> Proxy:
        return self._system.proxies[planned.target]

    # processes

    async def _stop_before_write(self, planned: Planned, dice: random.Random) -> str:
        role = self._role(planned)
        hold_s = planned.for_s * dice.uniform(0.3, 1.6)

        async def hold() -> None:
            role.pause()
            await asyncio.sleep(hold_s)

        trap = Trap(before=hold)
        self._proxy(planned).catch_update(trap)
        caught = await self._caught(planned, trap)
        role.pause()
        await asyncio.sleep(planned.for_s)
        role.resume()
        if not caught:
            return f"no UPDATE came by; stopped for {planned.for_s:.1f} s anyway"
        await trap.passed.wait()
        return f"UPDATE held for {hold_s:.1f} s, process for {planned.for_s:.1f} s"

    async def _stop_after(self, planned: Planned, catch: Callable[[Trap], None], what: str) -> str:
        role = self._role(planned)

        async def pause() -> None:
            role.pause()

        trap = Trap(after=pause, alone=False)
        catch(trap)
        caught = await self._caught(planned, trap)
        role.pause()
        await asyncio.sleep(planned.for_s)
        role.resume()
        return f"stopped for {planned.for_s:.1f} s after {what if caught else 'nothing'}"

    async def _stop_after_write(self, planned: Planned, dice: random.Random) -> str:
        del dice
        return await self._stop_after(planned, self._proxy(planned).catch_update, "its write")

    async def _stop_after_read(self, planned: Planned, dice: random.Random) -> str:
        del dice
        return await self._stop_after(planned, self._proxy(planned).catch_reply, "its read")

    async def _caught(self, planned: Planned, trap: Trap) -> bool:
        try:
            async with asyncio.timeout(CATCH_S):
                await trap.sprung.wait()
        except TimeoutError:
            self._proxy(planned).forget_traps()
            return trap.sprung.is_set()
        return True

    async def _stutter(self, planned: Planned, dice: random.Random) -> str:
        role = self._role(planned)
        for _ in range(STUTTERS):
            role.pause()
            await asyncio.sleep(dice.uniform(0, STUTTER_S))
            role.resume()
            await asyncio.sleep(dice.uniform(0, STUTTER_S))
        return f"{STUTTERS} stops"

    async def _stop(self, planned: Planned, dice: random.Random) -> str:
        del dice
        role = self._role(planned)
        role.pause()
        await asyncio.sleep(planned.for_s)
        role.resume()
        return f"stopped for {planned.for_s:.1f} s"

    async def _kill(self, planned: Planned, dice: random.Random) -> str:
        del dice
        role = self._role(planned)
        self._system.down.add(role.name)
        try:
            role.kill()
            await asyncio.sleep(planned.for_s)
            role.start()
        finally:
            self._system.down.discard(role.name)
        return f"down for {planned.for_s:.1f} s"

    async def _kill_in_write(self, planned: Planned, dice: random.Random) -> str:
        role = self._role(planned)
        hold_s = planned.for_s * dice.uniform(0.1, 1.0)

        async def kill_and_hold() -> None:
            self._system.down.add(role.name)
            role.kill()
            await asyncio.sleep(hold_s)

        trap = Trap(before=kill_and_hold)
        self._proxy(planned).catch_update(trap)
        caught = await self._caught(planned, trap)
        try:
            self._system.down.add(role.name)
            role.kill()
            await asyncio.sleep(planned.for_s)
            role.start()
        finally:
            self._system.down.discard(role.name)
        return f"its last UPDATE came {hold_s:.1f} s late" if caught else "no UPDATE came by"

    # networks

    async def _late_update(self, planned: Planned, dice: random.Random) -> str:
        del dice

        async def hold() -> None:
            await asyncio.sleep(planned.for_s)

        trap = Trap(before=hold)
        self._proxy(planned).catch_update(trap)
        if not await self._caught(planned, trap):
            raise NotDone("no UPDATE came by")
        await trap.passed.wait()
        return f"delivered after {planned.for_s:.1f} s"

    async def _lost_reply(self, planned: Planned, dice: random.Random) -> str:
        del dice
        trap = Trap(lose_reply=True, alone=False)
        self._proxy(planned).catch_update(trap)
        if not await self._caught(planned, trap):
            raise NotDone("no UPDATE came by")
        return "carried out, answer lost"

    async def _weather(self, planned: Planned, dice: random.Random) -> str:
        proxy = self._proxy(planned)
        match planned.kind.name:
            case "delay":
                delay_s = dice.uniform(0.05, 0.6)
                proxy.weather = Weather(delay_s=delay_s, jitter_s=delay_s)
                detail = f"{1000 * delay_s:.0f} ms, give or take as much"
            case "loss":
                proxy.weather = Weather(loss=dice.uniform(0.1, 0.6))
                detail = f"{proxy.weather.loss:.0%}"
            case _:
                proxy.weather = Weather(cut=dice.choice((Cut.UP, Cut.DOWN)))
                detail = f"nothing {proxy.weather.cut}"
        await asyncio.sleep(planned.for_s)
        proxy.weather = Weather()
        return f"{detail}, for {planned.for_s:.1f} s"

    async def _partition(self, planned: Planned, dice: random.Random) -> str:
        proxy = self._proxy(planned)
        broken = dice.random() < 0.5
        proxy.weather = Weather(cut=Cut.BOTH, refusing=broken)
        if broken:
            proxy.break_all()
        await asyncio.sleep(planned.for_s)
        proxy.weather = Weather()
        return f"{'connections broken' if broken else 'silence'} for {planned.for_s:.1f} s"

    async def _cable(self, planned: Planned, dice: random.Random) -> str:
        cable = self._system.cables[planned.target]
        if planned.kind.name == "netem":
            words = ("delay", f"{dice.randint(20, 300)}ms", "loss", f"{dice.randint(5, 40)}%")
            await asyncio.to_thread(cable.netem, *words)
            detail = " ".join(words)
        else:
            detail, cut = dice.choice(
                (
                    ("pulled", cable.pull),
                    ("swallows what goes to the server", cable.swallow_up),
                    ("swallows what comes from it", cable.swallow_down),
                )
            )
            await asyncio.to_thread(cut)
        await asyncio.sleep(planned.for_s)
        await asyncio.to_thread(cable.mend)
        return f"{detail}, for {planned.for_s:.1f} s"

    # server and store

    async def _kill_server(self, planned: Planned, dice: random.Random) -> str:
        del dice
        server = self._system.stand.server
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(planned.for_s)
        await asyncio.to_thread(server.start)
        return f"down for {planned.for_s:.1f} s and its start"

    async def _stop_server(self, planned: Planned, dice: random.Random) -> str:
        del dice
        server = self._system.stand.server
        server.freeze()
        await asyncio.sleep(planned.for_s)
        server.thaw()
        return f"stopped for {planned.for_s:.1f} s"

    async def _store_deleted(self, planned: Planned, dice: random.Random) -> str:
        del planned, dice
        await self._all_whole()
        await asyncio.to_thread(self._system.archivist.look)
        self._system.archivist.take_aside()
        return "all three files"

    async def _all_whole(self) -> None:
        """Wait until the foreign hand's last act has healed: see `catalogue` for what is kept apart."""
        server = self._system.world.server
        for named in NAMED:
            for _ in range(WHOLE_TRIES):
                if (await asyncio.to_thread(standing, server, named)).whole:
                    break
                await asyncio.sleep(WHOLE_PAUSE_S)
            else:
                raise NotDone(f"{named.endpoint} did not become whole before")

    async def _store_old(self, planned: Planned, dice: random.Random) -> str:
        del planned
        copies = self._system.copies
        if not copies:
            raise NotDone("there is no copy yet")
        await self._all_whole()
        archivist = self._system.archivist
        await asyncio.to_thread(archivist.look)
        # Not always the oldest: what was forgotten should be little as well as much.
        age = 1 + int(min(len(copies), 8) * dice.random())
        archivist.take_aside()
        archivist.put(copies[-age])
        return f"the copy {age} before last" if age > 1 else "the last copy"

    async def _disk_full(self, planned: Planned, dice: random.Random) -> str:
        del dice
        ballast = self._system.world.state / "ballast"
        size = await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(planned.for_s)
        ballast.unlink()
        return f"{size // (1 << 20)} MiB of ballast for {planned.for_s:.1f} s"

    # the zone

    async def _foreign(self, planned: Planned, dice: random.Random) -> str:
        del dice
        return await self._edit(planned.kind.name, _named(planned.target))

    async def _edit(self, kind: str, named: Named) -> str:
        if not await asyncio.to_thread(self._system.foreign.do, kind, named):
            raise NotDone("the server did not take it")
        return "done"

    async def _cname_at_fence(self, planned: Planned, dice: random.Random) -> str:
        del dice
        named = _named(planned.target)
        await self._edit(planned.kind.name, named)
        await asyncio.sleep(planned.for_s)
        if not await asyncio.to_thread(self._system.foreign.mend_cname, named):
            raise NotDone("the server did not take it back")
        return f"for {planned.for_s:.1f} s"

    async def _two_wipes(self, planned: Planned, dice: random.Random) -> str:
        del dice
        named = _named(planned.target)
        role, proxy = self._system.roles["enactor-2"], self._system.proxies["enactor-2"]

        async def pause() -> None:
            role.pause()

        await self._edit("wipe-name", named)
        trap = Trap(after=pause, alone=False)
        proxy.catch_reply(trap)  # stopped with "no fence there" in its hands, if it was quick
        await asyncio.sleep(0.15)
        proxy.forget_traps()
        await asyncio.sleep(planned.for_s)
        try:
            await self._edit("wipe-name", named)
        finally:
            role.resume()
        return f"{planned.for_s:.1f} s apart" + (", one stopped" if trap.sprung.is_set() else "")

    # people

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
        return await self._command("rescue", planned.target, "--yes")

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


def _named(endpoint: str) -> Named:
    return next(one for one in NAMED if one.endpoint == endpoint)


def _fill(path: Path) -> int:
    """Fill a disk to the last block; return how much it took."""
    size = 0
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for block in (BALLAST_BYTES, 4096):
            while True:
                try:
                    size += os.write(descriptor, bytes(block))
                except OSError:
                    break
    finally:
        os.close(descriptor)
    return size
