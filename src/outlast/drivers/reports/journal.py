"""Journal: what was acknowledged, on disk before it is acknowledged.

Segments of records, appended and synced; nothing is ever changed in place. A record is its length, its
kind, a CRC and its bytes. Reading stops at the first record that is not whole: that one was being written
when the process died, so nobody was told that it is kept. A process never appends to a segment it did not
begin itself, hence a torn tail stays a tail.

A segment begins with the grid that its codes belong to: a topology edited in flight begins a new one.

What is kept of a report is when, which cell, and the reporter's keyed hash: 16 bytes. Between two records
of kind CUT lies what goes out as one message (see `stream`); so what was in message 17 can be told after any
crash by reading, and is the same every time.

The trap: after a failed `fsync` the kernel may have thrown the pages away and will say "fine" the next time
(Rebello et al., ATC 2020). So a segment on which anything failed is cut back and never written to again.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import msgspec
import numpy as np

from outlast.detect.cells import Grid
from outlast.detect.intake import Batch
from outlast.model.errors import StoreCorrupt, StoreError

MAGIC = b"outlast reports 1\n"
SUFFIX = ".reports"
SEGMENT_BYTES = 64 << 20

ROW = np.dtype([("at", "<u4"), ("cell", "<u4"), ("reporter", "<u8")])
_HEAD = struct.Struct("<IIB")


class Kind(IntEnum):
    """What a record holds."""

    GRID = 0
    ROWS = 1
    UNKNOWN = 2
    CUT = 3


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its kind and its bytes."""

    kind: Kind
    body: bytes


def rows_record(batch: Batch, grid: Grid) -> Record:
    """Return the record of reports that count."""
    rows = np.zeros(len(batch), ROW)
    rows["at"] = batch.at_s
    rows["cell"] = batch.service * len(grid.countries) + batch.country
    rows["reporter"] = batch.reporter
    return Record(Kind.ROWS, rows.tobytes())


def batch_of(record: Record, grid: Grid) -> Batch:
    """Return the reports of a record of rows, without their networks."""
    rows = np.frombuffer(record.body, ROW)
    cells = rows["cell"].astype(np.int64)
    return Batch(
        rows["at"].astype(np.int64),
        cells // len(grid.countries),
        cells % len(grid.countries),
        rows["reporter"].astype(np.uint64),
        np.zeros(len(rows), np.uint64),
    )


def unknown_record(names: dict[str, int]) -> Record:
    """Return the record of services that the topology does not know."""
    return Record(Kind.UNKNOWN, msgspec.json.encode(names))


def cut_record(serial: int) -> Record:
    """Return the record that ends message `serial`."""
    return Record(Kind.CUT, struct.pack("<Q", serial))


def serial_of(record: Record) -> int:
    """Return the number of the message that a cut ends."""
    return int(struct.unpack("<Q", record.body)[0])


def _packed(record: Record) -> bytes:
    crc = zlib.crc32(record.body, record.kind)
    return _HEAD.pack(len(record.body), crc, record.kind) + record.body


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the journal."""

    number: int
    path: Path

    def read(self) -> Iterator[tuple[Grid, Record]]:
        """Yield the whole records after the grid, in order.

        Raises:
            StoreError: it cannot be read, or is no segment of ours.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error}") from error
        if not data.startswith(MAGIC):
            if len(data) < len(MAGIC):
                return  # the process died while it began the segment
            raise StoreCorrupt(
                f"{self.path} is no journal of reports", remedy="move it out of the folder"
            )
        records = _records(memoryview(data)[len(MAGIC) :])
        first = next(records, None)
        if first is None:
            return
        try:
            grid = msgspec.json.decode(first.body, type=Grid)
        except msgspec.DecodeError as error:
            raise StoreCorrupt(f"{self.path} does not say what its codes mean: {error}") from error
        for record in records:
            yield grid, record


def _records(data: memoryview) -> Iterator[Record]:
    """Yield whole records; stop at the first that is not."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, crc, kind = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length or kind not in {*Kind} or zlib.crc32(body, kind) != crc:
            return
        yield Record(Kind(kind), bytes(body))
        at += _HEAD.size + length


def segments(folder: Path) -> list[Segment]:
    """Return the segments in a folder, oldest first."""
    found = [
        Segment(int(path.stem), path) for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit()
    ]
    return sorted(found, key=lambda one: one.number)


class Journal:
    """The segment that is written to. Not for two threads at once."""

    def __init__(self, folder: Path, grid: Grid, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Make the folder; the first segment is begun with the first record.

        Raises:
            StoreError: the folder cannot be made.
        """
        self.folder = folder
        self._grid = grid
        self._segment_bytes = segment_bytes
        self._file: int | None = None
        self._length = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _lost(folder, error) from error
        known = segments(folder)
        self.number = known[-1].number if known else 0

    def change_grid(self, grid: Grid) -> None:
        """Go on with other codes, in a new segment."""
        self.roll()
        self._grid = grid

    def append(self, records: Sequence[Record]) -> None:
        """Write records and sync them. They are kept when this returns, and not when it raises.

        Raises:
            StoreError: the disk is full or broken. What was written of them is cut off again.
        """
        data = b"".join(map(_packed, records))
        try:
            if self._file is None or self._length > self._segment_bytes:
                self._begin()
            self._write(data)
        except OSError as error:
            self._give_up()
            raise _lost(self.folder, error) from error
        self._length += len(data)

    def _begin(self) -> None:
        self.roll()
        self.number += 1
        path = self.folder / f"{self.number:010d}{SUFFIX}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._length = 0
        head = MAGIC + _packed(Record(Kind.GRID, msgspec.json.encode(self._grid)))
        self._write(head)
        self._length = len(head)
        folder = os.open(self.folder, os.O_RDONLY)  # else the file itself may be gone after a crash
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fdatasync(self._file)

    def _give_up(self) -> None:
        """Cut off what nobody was promised, and leave the segment for good."""
        if self._file is None:
            return
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            # Then the tail stays. Reports in it may count although their senders were told to come
            # again; reading takes each reporter once, so they still count once.
            pass
        finally:
            self.roll()

    def roll(self) -> None:
        """End the segment; the next record begins another."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    close = roll


def _lost(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"reports cannot be kept in {folder}: {error.strerror or error}",
        remedy="free space on the disk; senders were told to come again, nothing that was promised is lost",
    )
