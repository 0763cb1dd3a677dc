"""Stream: minute counts from workers on several machines to one detector, each exactly once.

A worker takes reports in, keeps them in its journal, and ends a message with a CUT in that journal. What is
in message 17 is therefore written on disk before it is sent, and is the same after any crash: a worker that
was killed reads its journal, finds which messages were never acknowledged, and sends them again under
their old numbers. JetStream drops what it has seen under the same id (`Nats-Msg-Id`) within its window; after
it, the detector drops what it has seen of the same worker, by number. Adding is all that is ever done, so
order between workers means nothing.

The stream is the detector's only memory: starting again, it reads the stream from its beginning.

One thing a worker cannot know: that a reporter told another worker too. Put a balancer in front that sends
one address to one worker, else such a report counts once for each.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import nats
import nats.errors
import nats.js.errors
import numpy as np
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig

from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, added, counts_of
from outlast.detect.intake import Batch, Intake
from outlast.drivers.reports.journal import Kind, Record, Segment, batch_of, cut_record, serial_of
from outlast.model.errors import StoreError

STREAM = "OUTLAST_REPORTS"
SUBJECT = "outlast.reports.counts"
KEEP_S = 48 * 3600
ACK_S = 5.0


class Message(msgspec.Struct, frozen=True, gc=False):
    """Counts between two cuts of one worker's journal. Columns are little-endian 64-bit numbers."""

    worker: str
    serial: int
    services: tuple[str, ...]
    countries: tuple[str, ...]
    minute: bytes
    cell: bytes
    number: bytes

    @property
    def id(self) -> str:
        """What makes it unique."""
        return f"{self.worker}-{self.serial}"

    def counts(self) -> MinuteCounts:
        """Return what it holds."""
        columns = [np.frombuffer(one, "<i8") for one in (self.minute, self.cell, self.number)]
        grid = Grid(self.services, self.countries)
        return MinuteCounts(grid, columns[0], columns[1], columns[2].astype(np.int32))


def message_of(worker: str, serial: int, counts: MinuteCounts) -> Message:
    """Return the message of counts, with names for just the services that are in it."""
    width = len(counts.grid.countries)
    used, code = np.unique(counts.cell // width, return_inverse=True)
    cell = code * width + counts.cell % width
    return Message(
        worker,
        serial,
        tuple(counts.grid.services[one] for one in used.tolist()),
        counts.grid.countries,
        counts.minute.astype("<i8").tobytes(),
        cell.astype("<i8").tobytes(),
        counts.number.astype("<i8").tobytes(),
    )


class Outbox:
    """A worker's messages: cut by the desk, sent until they are acknowledged."""

    def __init__(self, worker: str, grid: Grid, *, folder: Path) -> None:
        self._worker = worker
        self._grid = grid
        self._mark = folder / "sent"
        self._pending: list[MinuteCounts] = []
        self._due = False
        self._serial = 0
        self._cuts: dict[int, int | None] = {}
        self.unsent: list[Message] = []

    @property
    def sent(self) -> int:
        """The number of the last message that was acknowledged, as far as the disk remembers."""
        try:
            return int(self._mark.read_text() or 0)
        except (OSError, ValueError):
            return 0  # then all are sent again, and dropped where they were seen

    # told by the desk

    def count(self, batch: Batch, grid: Grid) -> None:
        """Take reports that are kept."""
        self._grid = grid
        self._pending.append(counts_of(batch, grid))

    def records(self) -> Sequence[Record]:
        """End a message if one is due."""
        if not self._due or not self._pending:
            return ()
        return (cut_record(self._serial + 1),)

    def kept(self, records: Sequence[Record]) -> None:
        """The end of a message is on disk: it may be sent."""
        if any(one.kind is Kind.CUT for one in records):
            self._serial += 1
            self._due = False
            self._close()

    def _close(self) -> None:
        # Counts of a topology that was edited in between go into the next message: codes of one grid each.
        grid = self._pending[0].grid if self._pending else self._grid
        counts = added([one for one in self._pending if one.grid == grid], grid)
        self.unsent.append(message_of(self._worker, self._serial, counts))
        self._pending = [one for one in self._pending if one.grid != grid]

    def due(self) -> bool:
        """Ask for the end of a message with the next turn; True if there is something to send."""
        self._due = bool(self._pending)
        return self._due

    # what is left behind

    def done(self, closed: Sequence[Segment]) -> int:
        """Return the number of the last segment of which all was acknowledged; 0: none.

        What is behind the last cut of a segment goes out with a cut of a later one. So a segment is done
        once a message that was cut *after* it has arrived.
        """
        sent, done = self.sent, 0
        for before, one in pairwise(closed):
            cut = self._first_cut(one)
            if cut is None:
                continue  # nothing was cut in it: what is before it may wait still
            if cut > sent:
                break
            done = before.number
        return done

    def _first_cut(self, segment: Segment) -> int | None:
        """Return the first message that ends in a closed segment; read once, for it does not change."""
        if segment.number not in self._cuts:
            found = (serial_of(one) for _, one in segment.read() if one.kind is Kind.CUT)
            self._cuts[segment.number] = next(found, None)
        return self._cuts[segment.number]

    # after a restart

    def recover(self, segments: Sequence[Segment], intake: Intake) -> None:
        """Read the journal: remember reporters, and find what was cut and perhaps never arrived."""
        sent = self._serial = self.sent  # segments that were deleted held older ones
        for segment in segments:
            for grid, record in segment.read():
                if record.kind is Kind.ROWS:
                    batch = batch_of(record, grid)
                    self.count(batch.take(intake.remember(batch)), grid)
                elif record.kind is Kind.CUT:
                    self._serial = serial_of(record)
                    self._close()
        self.unsent = [one for one in self.unsent if one.serial > sent]

    # sending

    async def send(self, jetstream: JetStreamContext) -> None:
        """Send what waits, oldest first; returns once all of it is acknowledged.

        Raises:
            StoreError: the stream cannot be reached; what waits goes on waiting.
        """
        while self.unsent:
            one = self.unsent[0]
            try:
                await jetstream.publish(
                    SUBJECT,
                    msgspec.msgpack.encode(one),
                    timeout=ACK_S,
                    headers={"Nats-Msg-Id": one.id},
                )
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                raise _lost(error) from error
            await asyncio.to_thread(self._mark.write_text, str(one.serial))
            self.unsent.pop(0)


class Inbox:
    """The detector's side: every message once."""

    def __init__(
        self,
        heard: Callable[[str], None] = lambda _: None,
        arrived: Callable[[int, MinuteCounts], None] = lambda _, __: None,
    ) -> None:
        """Make it.

        Args:
            heard: told the name of each worker that passes something on.
            arrived: told the second in which the stream took each message, and what it holds.
        """
        self._heard = heard
        self._arrived = arrived
        self._newest: dict[str, int] = {}
        self.repeated = 0

    def take(self, data: bytes) -> MinuteCounts | None:
        """Return a message's counts, None if it was there before.

        Raises:
            StoreError: it is no message of ours.
        """
        try:
            message = msgspec.msgpack.decode(data, type=Message)
        except msgspec.DecodeError as error:
            raise StoreError(f"a message in {STREAM} is none of ours: {error}") from error
        self._heard(message.worker)
        if message.serial <= self._newest.get(message.worker, 0):
            self.repeated += 1
            return None
        self._newest[message.worker] = message.serial
        return message.counts()

    async def read(
        self, jetstream: JetStreamContext, *, patience_s: float
    ) -> AsyncIterator[MinuteCounts]:
        """Yield counts from the beginning of the stream; return after so long a silence.

        Raises:
            StoreError: the stream cannot be read.
        """
        async for counts in self.live(jetstream, patience_s=patience_s):
            if counts is None:
                return
            yield counts

    async def live(
        self, jetstream: JetStreamContext, *, patience_s: float
    ) -> AsyncIterator[MinuteCounts | None]:
        """Yield counts from the beginning of the stream for ever; None after each so long a silence.

        Raises:
            StoreError: the stream cannot be read.
        """
        try:
            subscription = await jetstream.subscribe(SUBJECT, ordered_consumer=True)
            while True:
                try:
                    message = await subscription.next_msg(timeout=patience_s)
                except nats.errors.TimeoutError:
                    yield None
                    continue
                counts = self.take(message.data)
                if counts is not None:
                    self._arrived(int(message.metadata.timestamp.timestamp()), counts)
                    yield counts
        except (nats.errors.Error, nats.js.errors.Error, OSError) as error:
            raise _lost(error) from error


async def connect(url: str) -> tuple[Client, JetStreamContext]:
    """Connect, and make the stream if there is none.

    Raises:
        StoreError: it cannot be reached.
    """
    try:
        client = await nats.connect(
            url, max_reconnect_attempts=-1, connect_timeout=3, allow_reconnect=True
        )
        jetstream = client.jetstream()
        await jetstream.add_stream(
            StreamConfig(
                name=STREAM,
                subjects=[SUBJECT],
                storage=StorageType.FILE,
                max_age=KEEP_S,
                duplicate_window=120,
            )
        )
    except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as error:
        raise _lost(error) from error
    return client, jetstream


def _lost(error: Exception) -> StoreError:
    return StoreError(
        f"the stream of counts cannot be reached: {error!r}",
        remedy="look at nats-server; reports go on being kept, and are sent when it is back",
    )
