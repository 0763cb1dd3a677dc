"""The published log: a folder of files that any host can serve and any client of the format can read.

Files are written before the checkpoint that counts them, and each by a rename, so that whoever reads the
folder meanwhile finds a whole log. Full tiles never change. Of unfinished ones the present and the last
one stay, for readers on their way; older ones are removed.

The folder is also the memory of the trail: a store that went back in time has fewer entries than were
published, and gets them back from here. One that has *other* entries is refused: then somebody edited it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outlast.model.errors import StoreError
from outlast.trail.growing import Growing, Tile
from outlast.trail.merkle import leaf_hash
from outlast.trail.note import Checkpoint, Signer
from outlast.trail.tiles import (
    CHECKPOINT,
    WIDTH,
    entries_path,
    hash_path,
    pack_entries,
    pack_hashes,
    unpack_entries,
    width_of,
)
from outlast.trail.verify import ReadFile, TamperedError, read_checkpoint, tile_reader


class TrailForkError(StoreError):
    """What is in the store and what was published are two different logs."""


@dataclass(slots=True, eq=False)
class TileFolder:
    """A folder that a log is published to.

    Attributes:
        root: the folder.
        signer: who signs its checkpoints.
    """

    root: Path
    signer: Signer
    _tree: Growing = field(default_factory=Growing.empty)
    _last: list[bytes] = field(default_factory=list)
    _partial: list[list[str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Entries that are published."""
        return self._tree.size

    def open(self) -> None:
        """Read how far the log was published before.

        Raises:
            TrailForkError: the folder holds something else, or was tampered with.
        """
        self._tree, self._last = Growing.empty(), []
        if not (self.root / CHECKPOINT).exists():
            return
        try:
            checkpoint = read_checkpoint(self.read, self.signer.verifier)
            self._tree = Growing.resume(checkpoint.size, tile_reader(self.read, checkpoint.size))
            whole, rest = divmod(checkpoint.size, WIDTH)
            self._last = self._entries(whole, rest) if rest else []
        except (TamperedError, OSError, ValueError) as error:
            raise _refused(self.root, str(error)) from error
        if self._tree.root() != checkpoint.root:
            raise _refused(self.root, "its tiles are not those of its checkpoint")

    def read(self, path: str) -> bytes:
        """Return a published file.

        Raises:
            LookupError: there is none.
        """
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError as error:
            raise LookupError(path) from error

    def entries(self, first: int, size: int) -> list[bytes]:
        """Return published entries, from `first` up to `size`."""
        found: list[bytes] = []
        for bundle in range(first // WIDTH, -(-size // WIDTH)):
            raw = self._entries(bundle, width_of(self.size, bundle))
            found += raw[max(0, first - bundle * WIDTH) : size - bundle * WIDTH]
        return found

    def _entries(self, bundle: int, width: int) -> list[bytes]:
        return unpack_entries(self.read(entries_path(bundle, width)))

    def check(self, first: int, raw: Sequence[bytes]) -> None:
        """Compare published entries with the store's.

        Args:
            first: where they begin.
            raw: the store's, as many as there are to compare.

        Raises:
            TrailForkError: they differ.
        """
        if list(raw) != self.entries(first, first + len(raw)):
            raise _refused(self.root, "the store holds other entries than were published")

    def add(self, raw: Sequence[bytes]) -> Checkpoint:
        """Publish further entries, and return the checkpoint that counts them.

        Raises:
            OSError: it could not be written; open it anew before the next attempt.
        """
        first = self._tree.size - len(self._last)
        full = self._tree.add(leaf_hash(one) for one in raw)
        waiting = self._last + list(raw)
        written: list[str] = []
        for at in range(0, len(waiting), WIDTH):
            some = waiting[at : at + WIDTH]
            path = entries_path((first + at) // WIDTH, len(some))
            self._write(path, pack_entries(some))
            written += [path] if len(some) < WIDTH else []
        self._last = waiting[len(waiting) // WIDTH * WIDTH :]
        for tile in full:
            self._write_tile(tile)
        written += [self._write_tile(tile) for tile in self._tree.partial()]
        checkpoint = Checkpoint(self.signer.name, self._tree.size, self._tree.root())
        self._write(CHECKPOINT, self.signer.sign(checkpoint).encode())
        self._tidy(written)
        return checkpoint

    def _write_tile(self, tile: Tile) -> str:
        path = hash_path(tile.level, tile.index, len(tile.hashes))
        self._write(path, pack_hashes(tile.hashes))
        return path

    def _tidy(self, written: list[str]) -> None:
        """Remove unfinished tiles that two checkpoints ago counted."""
        self._partial.append(written)
        if len(self._partial) <= 2:
            return
        for path in set(self._partial.pop(0)).difference(*self._partial):
            (self.root / path).unlink(missing_ok=True)

    def _write(self, path: str, raw: bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        with fresh.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        self._sync(target.parent)

    @staticmethod
    def _sync(folder: Path) -> None:
        """Make renames in a folder last: a rename alone may be forgotten at a power cut."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def published_in(root: Path) -> ReadFile:
    """Return what reads the files of a log in a folder, as anybody does: what cannot be read is not there.

    Whoever continues the log must tell the two apart: see `TileFolder.read`.
    """

    def read(path: str) -> bytes:
        try:
            return (root / path).read_bytes()
        except OSError as error:
            raise LookupError(str(root / path)) from error

    return read


def _refused(root: Path, why: str) -> TrailForkError:
    return TrailForkError(
        f"the audit trail cannot be continued in {root}: {why}",
        remedy="keep the folder as evidence and compare it with copies (`outlast log verify`); "
        "then name an empty folder, in which a new log begins",
    )
