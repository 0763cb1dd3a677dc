"""Faults of the name server, the store, the disk, and by the foreign hand."""

import asyncio
import contextlib
import itertools
import os
import random
from pathlib import Path

from chaos.archive import Archivist
from chaos.drawing import Planned
from chaos.etcd import EtcdArchivist
from chaos.foreign import KINDS, ForeignHand
from chaos.history import Named, at_side
from chaos.notdone import Hand, NotDone
from chaos.proxy import Trap
from chaos.standing import standing
from chaos.system import System
from chaos.world import NAMED
from outlast.model.errors import StoreError

WHOLE_TRIES = 200
WHOLE_PAUSE_S = 0.05
BALLAST_BYTES = 1 << 20
COPIES_BACK = 8
"""How old a copy may be that the store is replaced by: the last eight, one each four seconds."""


class ZoneHands:
    """Breaks what everybody shares."""

    def __init__(self, system: System) -> None:
        self._system = system

    def hands(self) -> dict[str, Hand]:
        """Each kind with what does it."""
        foreign: dict[str, Hand] = dict.fromkeys(KINDS, self._foreign)
        return foreign | {
            "kill-server": self._kill_server,
            "stop-server": self._stop_server,
            "store-deleted": self._store_deleted,
            "store-old": self._store_old,
            "disk-full": self._disk_full,
            "plant-cname-at-fence": self._cname_at_fence,
            "two-wipes": self._two_wipes,
        }

    # server and store

    async def _kill_server(self, planned: Planned, dice: random.Random) -> str:
        there = dice.choice(self._system.stands)
        await asyncio.to_thread(there.server.kill)
        await asyncio.sleep(planned.for_s)
        await asyncio.to_thread(there.server.start)
        return f"{there.software} down for {planned.for_s:.1f} s and its start"

    async def _stop_server(self, planned: Planned, dice: random.Random) -> str:
        there = dice.choice(self._system.stands)
        there.server.freeze()
        await asyncio.sleep(planned.for_s)
        there.server.thaw()
        return f"{there.software} stopped for {planned.for_s:.1f} s"

    async def _store_deleted(self, planned: Planned, dice: random.Random) -> str:
        del planned, dice
        await self._all_whole()
        await asyncio.to_thread(self._system.archivist.look)
        self._file().take_aside()
        return "all three files"

    def _file(self) -> Archivist:
        archivist = self._system.archivist
        assert isinstance(archivist, Archivist), "this store is no file"
        return archivist

    async def _all_whole(self) -> None:
        """Wait until the foreign hand's last act has healed: see `catalogue` for what is kept apart."""
        servers = self._system.world.servers
        for server, named in itertools.product(servers, NAMED):
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
        age = 1 + int(min(len(copies), COPIES_BACK) * dice.random())
        if isinstance(archivist, Archivist):
            archivist.take_aside()
        await asyncio.to_thread(archivist.put, copies[-age])
        if isinstance(archivist, EtcdArchivist):
            await self._adopted(archivist)
        return f"the copy {age} before last" if age > 1 else "the last copy"

    async def _adopted(self, archivist: EtcdArchivist) -> None:
        """Wait until the restored store knows what stands: an etcd takes seconds until it serves again.

        Until then a wipe would be a second loss, which is kept apart, see `catalogue`.
        """
        server = self._system.world.server
        for _ in range(WHOLE_TRIES):
            with contextlib.suppress(StoreError):
                heads = await asyncio.to_thread(archivist.heads)
                fences = [(await asyncio.to_thread(standing, server, one)).fence for one in NAMED]
                known = [heads.get(one.endpoint, (0, ""))[0] for one in NAMED]
                if all(
                    fence is not None and at >= fence.generation
                    for fence, at in zip(fences, known, strict=True)
                ):
                    return
            await asyncio.sleep(WHOLE_PAUSE_S)

    async def _disk_full(self, planned: Planned, dice: random.Random) -> str:
        del dice
        ballast = self._system.world.state / "ballast"
        size = await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(planned.for_s)
        ballast.unlink()
        return f"{size // (1 << 20)} MiB of ballast for {planned.for_s:.1f} s"

    # the zone

    async def _foreign(self, planned: Planned, dice: random.Random) -> str:
        foreign = dice.choice(self._system.foreigns)
        return await self._edit(foreign, planned.kind.name, _named(planned.target))

    async def _edit(self, foreign: ForeignHand, kind: str, named: Named, *, why: str = "") -> str:
        if not await asyncio.to_thread(foreign.do, kind, named, why=why):
            raise NotDone("the server did not take it")
        return at_side("done", foreign.side)

    async def _cname_at_fence(self, planned: Planned, dice: random.Random) -> str:
        foreign = dice.choice(self._system.foreigns)
        named = _named(planned.target)
        await self._edit(foreign, planned.kind.name, named)
        await asyncio.sleep(planned.for_s)
        if not await asyncio.to_thread(foreign.mend_cname, named):
            raise NotDone("the server did not take it back")
        return f"for {planned.for_s:.1f} s"

    async def _two_wipes(self, planned: Planned, dice: random.Random) -> str:
        foreign = dice.choice(self._system.foreigns)
        named = _named(planned.target)
        role, proxy = self._system.roles["enactor-2"], self._system.proxies["enactor-2"]

        async def pause() -> None:
            role.pause()

        await self._edit(foreign, "wipe-name", named, why=planned.kind.name)
        trap = Trap(after=pause, alone=False)
        proxy.catch_reply(trap)  # stopped with "no fence there" in its hands, if it was quick
        await asyncio.sleep(0.15)
        proxy.forget_traps()
        await asyncio.sleep(planned.for_s)
        try:
            await self._edit(foreign, "wipe-name", named, why=planned.kind.name)
        finally:
            role.resume()
        return f"{planned.for_s:.1f} s apart" + (", one stopped" if trap.sprung.is_set() else "")


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
