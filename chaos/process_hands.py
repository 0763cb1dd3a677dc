"""Faults of processes and of the network between an enactor and the name server."""

import asyncio
import random
from collections.abc import Callable

from chaos.drawing import Planned
from chaos.notdone import Hand, NotDone
from chaos.processes import Role
from chaos.proxy import Cut, Proxy, Trap, Weather
from chaos.system import System

CATCH_S = 2.0
"""How long to wait for a message to be caught before the fault is done anyway."""

STUTTERS = 20
STUTTER_S = 0.02


class ProcessHands:
    """Stops, kills and cuts off processes of one system."""

    def __init__(self, system: System) -> None:
        self._system = system

    def hands(self) -> dict[str, Hand]:
        """Each kind with what does it."""
        return {
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
            "provider-unreachable": self._provider,
            "provider-slow": self._provider,
        }

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

    async def _provider(self, planned: Planned, dice: random.Random) -> str:
        """The way to one of several providers, for every enactor, whatever else their networks do."""
        there = next(one for one in self._system.stands if one.side == planned.target)
        server, proxies = there.server.address, list(self._system.proxies.values())
        if planned.kind.name == "provider-slow":
            delay_s = dice.uniform(0.1, 0.7)
            weather = Weather(delay_s=delay_s, jitter_s=delay_s / 2)
            detail = f"{1000 * delay_s:.0f} ms each way, give or take half"
        else:
            weather = Weather(cut=Cut.BOTH, refusing=dice.random() < 0.5)
            detail = "connections broken" if weather.refusing else "silence"
        for proxy in proxies:
            proxy.beyond[server] = weather
            if weather.refusing:
                proxy.break_to(server)
        await asyncio.sleep(planned.for_s)
        for proxy in proxies:
            del proxy.beyond[server]
        return f"{detail}, for {planned.for_s:.1f} s"

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
