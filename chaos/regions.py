"""Local regions that fail and recover all the time, so that plans keep changing."""

import asyncio
import contextlib
import random

from chaos.world import HTTP_PORT, REGIONS, World
from outlast.drivers.regions import FailureMode, LocalRegion
from outlast.model.names import RegionName

FAILING_MAX = 2
MODES = (FailureMode.STOP, FailureMode.HANG, FailureMode.ERROR)


class Regions:
    """Four HTTP servers and their weather, drawn from the seed."""

    def __init__(self, world: World, seed: int) -> None:
        self._dice = random.Random(f"regions {seed}")
        self._regions = {
            one: LocalRegion(RegionName(one), world.address(one), HTTP_PORT) for one in REGIONS
        }
        self._dark = False
        self.hold = False
        """Set while the weather is to stay as it is."""
        self.end = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()  # two starts of one region would take its port twice

    async def start(self) -> None:
        """Serve."""
        for one in self._regions.values():
            await one.start()

    async def close(self) -> None:
        """Stop serving."""
        for one in self._regions.values():
            await one.close()

    async def change(self) -> None:
        """Let regions fail and recover until `end` is set; not to be cancelled while one starts."""
        while not self.end.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._dice.uniform(0.25, 0.9)):
                    await self.end.wait()
            name = self._dice.choice(REGIONS)
            mode = self._dice.choice(MODES)
            async with self._one_at_a_time:
                if not (self._dark or self.hold or self.end.is_set()):
                    await self._turn(self._regions[name], mode)

    async def _turn(self, region: LocalRegion, mode: FailureMode) -> None:
        """A region that fails recovers; one that serves fails, if few enough do."""
        failing = sum(one.failing is not None for one in self._regions.values())
        if region.failing is not None:
            await region.recover()
        elif failing < FAILING_MAX:
            await region.fail(mode)

    async def blackout(self, mode: FailureMode) -> None:
        """Let all fail at once."""
        async with self._one_at_a_time:
            self._dark = True
            for one in self._regions.values():
                await one.fail(mode)

    async def recover(self) -> None:
        """All serve again."""
        async with self._one_at_a_time:
            for one in self._regions.values():
                await one.recover()
            self._dark = False

    async def fail(self, name: str) -> None:
        """One region fails."""
        async with self._one_at_a_time:
            await self._regions[name].fail(FailureMode.STOP)
