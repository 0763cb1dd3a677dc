"""The zones on disk: a snapshot, and journals of what changed since.

    snapshot                        everything up to sequence number S
    journal-00000000000000000S+1    frames S+1, S+2, ...; the last journal is the one written to

A group of updates is acknowledged once its frame is synced. If writing or syncing fails (a full disk),
the journal is cut back to its last good frame and synced again, so a refused update is never found
after a restart. Until the cut has succeeded nothing more is appended, and the caller must not say that
the update failed: it may be there.

Folding: a new journal is begun, the zones as they stood at that moment are written beside the old
snapshot, synced and renamed over it, and only then the old journals go. A crash anywhere between leaves
either the old snapshot with all journals, or the new one with the last.

This blocks; the writer calls it in a thread. One process owns the folder, by a lock on a file in it.
"""

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from outlast.drivers.nameserver import frames
from outlast.drivers.nameserver.frames import Damaged
from outlast.drivers.nameserver.zone import Nodes
from outlast.model.errors import ConfigError, StoreCorrupt

_REMEDY = (
    "move the folder's files aside and start again: Outlast publishes every endpoint anew from its "
    "store, and `outlast rescue` does it from the local file. Keep the damaged files for a look"
)


class NotRolledBack(Exception):
    """Writing failed, and what was written could not be taken back: the outcome is unknown."""


@dataclass(slots=True)
class Loaded:
    """What was found on disk: nodes by zone and name, and how many torn bytes were dropped."""

    zones: dict[bytes, Nodes] = field(default_factory=dict)
    torn: int = 0

    def merge(self, changes: dict[bytes, Nodes]) -> None:
        """Apply a frame."""
        for apex, nodes in changes.items():
            zone = self.zones.setdefault(apex, {})
            for name, node in nodes.items():
                if node:
                    zone[name] = node
                else:
                    zone.pop(name, None)


class Journal:
    """The data folder of one name server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1
        self._lock = -1
        self._good = 0
        self._clean = True
        self._path = folder
        self.sequence = 0
        self.snapshot_bytes = 0

    @property
    def journal_bytes(self) -> int:
        """The length of the journal that is written to."""
        return self._good

    def open(self) -> Loaded:
        """Take the folder, and read what it holds.

        Raises:
            ConfigError: the folder cannot be used, or somebody else uses it.
            StoreCorrupt: a file is damaged.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(
                self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise ConfigError(
                f"the name server's folder {self._folder} cannot be used: {error.strerror}",
                remedy="give it a folder that it may write to",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigError(
                f"another name server uses the folder {self._folder}",
                remedy="stop the other one, or give each a folder of its own",
            ) from None
        try:
            return self._load()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the folder up. Everything acknowledged is on disk already."""
        for one in (self._file, self._lock):
            if one >= 0:
                os.close(one)
        self._file = self._lock = -1

    def _load(self) -> Loaded:
        loaded = Loaded()
        self._load_snapshot(loaded)
        journals = sorted(self._folder.glob("journal-*"))
        live = [one for one in journals if _first_of(one) > self.sequence]
        for stale in journals:
            if stale not in live:
                stale.unlink()
        for path in live:
            self._load_journal(path, loaded, last=path is live[-1])
        if live:
            self._path = live[-1]
            self._file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            os.ftruncate(self._file, self._good)
            os.fsync(self._file)
        else:
            self.begin()
        return loaded

    def _load_snapshot(self, loaded: Loaded) -> None:
        path = self._folder / "snapshot"
        if not path.exists():
            return
        data = path.read_bytes()
        self.snapshot_bytes = len(data)
        last: dict[bytes, Nodes] | None = None
        try:
            for _, payload in frames.read_frames(data):
                self.sequence, last = frames.unpack_payload(payload)
                loaded.merge(last)
        except Damaged as damaged:
            raise _corrupt(path, damaged.offset) from None
        if last is None or last:  # the last frame of a whole snapshot is empty
            raise _corrupt(path, len(data))

    def _load_journal(self, path: Path, loaded: Loaded, *, last: bool) -> None:
        data = path.read_bytes()
        self._good = 0
        if _first_of(path) != self.sequence + 1:
            raise _corrupt(path, 0)
        try:
            for end, payload in frames.read_frames(data):
                sequence, changes = frames.unpack_payload(payload)
                if sequence != self.sequence + 1:
                    raise _corrupt(path, self._good)
                loaded.merge(changes)
                self.sequence, self._good = sequence, end
        except Damaged as damaged:
            if not (last and damaged.torn):
                raise _corrupt(path, damaged.offset) from None
            loaded.torn = len(data) - damaged.offset

    def append(self, changes: dict[bytes, Nodes]) -> None:
        """Write a group of changes, and return once it is synced.

        Raises:
            OSError: it is not there, and will not be found after a restart.
            NotRolledBack: it may be there.
        """
        if not self._clean:
            self._roll_back()
        data = frames.pack_frame(self.sequence + 1, changes)
        try:
            self._clean = False
            self._write(self._file, data, self._good)
            os.fdatasync(self._file)
        except OSError:
            try:
                self._roll_back()
            except OSError:
                raise NotRolledBack from None
            raise
        self._clean = True
        self._good += len(data)
        self.sequence += 1

    def _roll_back(self) -> None:
        os.ftruncate(self._file, self._good)
        os.fsync(self._file)
        self._clean = True

    def _write(self, file: int, data: bytes, at: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(file, view, at)
            view, at = view[written:], at + written

    def begin(self) -> int:
        """Begin a new journal; return the sequence number that a snapshot of this moment has."""
        path = self._folder / f"journal-{self.sequence + 1:020}"
        fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self._sync_folder()
        except OSError:
            os.close(fresh)
            path.unlink()
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._path, self._good = fresh, path, 0
        return self.sequence

    def write_snapshot(self, data: bytes, *, last: bool) -> None:
        """Write on beside the snapshot; the last piece is followed by a sync."""
        with (self._folder / "snapshot.new").open("ab") as file:
            file.write(data)
            file.flush()
            if last:
                os.fsync(file.fileno())

    def discard(self) -> None:
        """Throw away a snapshot that was begun."""
        (self._folder / "snapshot.new").unlink(missing_ok=True)

    def adopt(self, sequence: int) -> None:
        """Make the written snapshot the snapshot, and drop the journals that are folded into it."""
        path = self._folder / "snapshot.new"
        self.snapshot_bytes = path.stat().st_size
        path.rename(self._folder / "snapshot")
        self._sync_folder()
        for journal in self._folder.glob("journal-*"):
            if _first_of(journal) <= sequence:
                journal.unlink()

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _first_of(path: Path) -> int:
    digits = path.name.removeprefix("journal-")
    return int(digits) if digits.isdigit() else 0


def _corrupt(path: Path, offset: int) -> StoreCorrupt:
    return StoreCorrupt(f"{path} is damaged at byte {offset}", remedy=_REMEDY)
