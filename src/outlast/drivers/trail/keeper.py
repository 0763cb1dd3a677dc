"""The keeper: follows the journal, gives each note its place in the log, and publishes it.

The log in the store is what counts; folders are copies that others can verify. A folder that cannot be
written, or holds something else, is told and left alone: the trail goes on without it.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.storewatch import StoreWatch
from outlast.drivers.trail.folder import TileFolder, TrailForkError
from outlast.drivers.trail.record import CheckpointRecord, RecordRefusedError
from outlast.drivers.trail.scribe import Scribe
from outlast.model.errors import ProviderError, StoreError, StoreReplaced
from outlast.ports import Store
from outlast.trail.tiles import CHECKPOINT, WIDTH

ROLE = "scribe"
PAUSE_S = 1.0
"""What happens within a second is copied and published together."""

RECORD_EVERY_S = 60.0
"""How often the checkpoint in the DNS is moved, at most: each time is a write to a zone."""


class Keeper:
    """Keeps the trail. One for each process that plans; any number may work on one store."""

    def __init__(
        self,
        store: Store,
        scribe: Scribe,
        folders: Sequence[TileFolder],
        *,
        tell: Tell,
        record: CheckpointRecord | None = None,
        record_every_s: float = RECORD_EVERY_S,
    ) -> None:
        self._store = store
        self._scribe = scribe
        self._closed = list(folders)
        self._open: list[TileFolder] = []
        self._tell = tell
        self._record = record
        self._record_every_s = record_every_s
        self._record_due_s = 0.0
        self._record_behind = False
        self._refused: dict[TileFolder | CheckpointRecord, str] = {}

    async def run(self) -> None:
        """Keep the trail until cancelled."""
        try:
            await self._run()
        finally:
            if self._record is not None:
                await self._record.close()

    async def _run(self) -> None:
        revision, store = 0, StoreWatch(self._tell, ROLE)
        while True:
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(
                        self._record_due_s if self._record_behind else None
                    ):
                        revision = await self._store.wait(revision)
                await self.keep()
                store.back()
            except StoreError as error:
                store.lost(error)
                revision = 0
                if isinstance(error, StoreReplaced):  # whatever is there now, it is matched anew
                    self._close(*self._open)
            await asyncio.sleep(PAUSE_S)

    async def keep(self) -> None:
        """Copy what is new and publish it to every folder.

        A store that was deleted or went back in time first gets back what was published of it. Else what
        happened since would take the places of the entries that were lost, and the log would be another one.
        """
        known = (await self._scribe.head()).size
        self._close(*(one for one in self._open if one.size > known))
        await self._open_folders()
        size = await self._scribe.copy()
        for folder in tuple(self._open):
            await self._publish(folder, size)
        if self._record is not None and self._open:
            await self._move(self._record, self._open[0])

    async def _move(self, record: CheckpointRecord, folder: TileFolder) -> None:
        """Let the record in the DNS show what the first folder shows, now and then.

        What comes within the pause is not forgotten: `run` wakes for it, though nothing more may happen.
        """
        now_s = asyncio.get_running_loop().time()
        self._record_behind = now_s < self._record_due_s
        if self._record_behind or not folder.size:
            return
        self._record_due_s = now_s + self._record_every_s
        try:
            await record.move(folder.read(CHECKPOINT).decode())
            self._refused.pop(record, None)
        except (RecordRefusedError, ProviderError) as error:
            self._refuse(record, error)

    async def _open_folders(self) -> None:
        """Open the folders that can be, and give a store that went back in time its entries again."""
        for folder in list(self._closed):
            try:
                await asyncio.to_thread(folder.open)
                await self._match(folder)
            except (TrailForkError, OSError) as error:
                self._refuse(folder, error)
                continue
            self._closed.remove(folder)
            self._open.append(folder)

    async def _match(self, folder: TileFolder) -> None:
        """Compare what was published last with the store's entries.

        Raises:
            TrailForkError: they are two different logs.
        """
        head = await self._scribe.head()
        await self._compare(folder, min(folder.size, head.size))
        if folder.size > head.size:
            lost = await asyncio.to_thread(folder.entries, head.size, folder.size)
            await self._scribe.put_back(head.size, lost)
            await self._compare(folder, folder.size)
            detail = (
                f"the store had lost {len(lost)} entries of the audit trail; {folder.root} had them"
            )
            self._tell(Fact(event=Event.TRAIL_MENDED, role=ROLE, detail=detail))

    async def _compare(self, folder: TileFolder, size: int) -> None:
        """Compare the last of the first `size` entries with the store's: its bundle, as far as it goes."""
        first = max(0, size - 1) // WIDTH * WIDTH
        folder.check(first, await self._scribe.read(first, size))

    async def _publish(self, folder: TileFolder, size: int) -> None:
        try:
            if size > folder.size:
                raw = await self._scribe.read(folder.size, size)
                await asyncio.to_thread(folder.add, raw)
            self._refused.pop(folder, None)
        except OSError as error:
            self._close(folder)  # how much of it was written, only the folder knows
            self._refuse(folder, error)

    def _close(self, *folders: TileFolder) -> None:
        self._open = [one for one in self._open if one not in folders]
        self._closed += folders

    def _refuse(self, place: TileFolder | CheckpointRecord, error: Exception) -> None:
        """Tell it once for each cause."""
        if self._refused.get(place) != str(error):
            self._refused[place] = str(error)
            self._tell(Fact(event=Event.TRAIL_REFUSED, role=ROLE, detail=str(error)))
