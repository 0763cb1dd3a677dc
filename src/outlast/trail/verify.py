"""Verification: from the published files and a public key alone, on any machine.

What is checked, and what it finds:

    the checkpoint's signature          somebody else's log, or an edited checkpoint
    every entry against the tiles       an entry that was changed, taken out, put in or moved
    the tiles against the root          a tile that was exchanged, also together with its entries
    an older checkpoint against this    a log that was written anew, also by whoever holds the key

The last is why checkpoints should be kept by somebody else too: without an older one nobody can tell a log
that was rewritten whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from outlast.trail.entry import TrailEntry, unpack
from outlast.trail.growing import Growing
from outlast.trail.merkle import Hash, leaf_hash, root
from outlast.trail.note import Checkpoint, NoteError, Verifier, open_checkpoint
from outlast.trail.tiles import (
    CHECKPOINT,
    WIDTH,
    ReadTile,
    entries_path,
    hash_path,
    subtrees_of,
    unpack_entries,
    unpack_hashes,
    width_of,
    widths,
)

ReadFile = Callable[[str], bytes]
"""Return a published file, by its path; raise `LookupError` where there is none."""

Progress = Callable[[int, int], None]
"""Called with entries checked and entries in all."""


class TamperedError(Exception):
    """The log is not what it should be. The message says what differs, and where."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that is what its checkpoint says.

    Attributes:
        older: size of the older checkpoint that it contains; 0: none was given.
    """

    checkpoint: Checkpoint
    older: int = 0


def verify(
    read: ReadFile,
    key: Verifier,
    *,
    older: Checkpoint | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Check a whole log.

    Args:
        older: a checkpoint that the log must contain.

    Raises:
        TamperedError: something differs.
    """
    checkpoint = read_checkpoint(read, key)
    tree = Growing.empty()
    for hashes in _leaves(read, checkpoint.size):
        for tile in tree.add(hashes):
            _compare(read, tile.level, tile.index, tile.hashes)
        if progress is not None:
            progress(tree.size, checkpoint.size)
    for tile in tree.partial():
        _compare(read, tile.level, tile.index, tile.hashes)
    if tree.root() != checkpoint.root:
        raise TamperedError(f"the root over the {tree.size} entries is not the one that was signed")
    if older is not None:
        _check_older(read, older, checkpoint)
    return Verified(checkpoint, older.size if older is not None else 0)


def read_checkpoint(read: ReadFile, key: Verifier) -> Checkpoint:
    """Read the checkpoint.

    Raises:
        TamperedError: there is none, or it is not signed by the key.
    """
    try:
        return open_checkpoint(_file(read, CHECKPOINT).decode(), key)
    except (NoteError, UnicodeDecodeError) as error:
        raise TamperedError(str(error)) from error


def entries(
    read: ReadFile, size: int, *, first: int = 0, end: int | None = None
) -> Iterator[tuple[int, TrailEntry]]:
    """Yield index and content of the entries of a log of `size` entries, from `first` up to before `end`.

    Raises:
        TamperedError: one cannot be read.
    """
    end = size if end is None else end
    for bundle in range(first // WIDTH, -(-end // WIDTH)):
        for index, raw in enumerate(_bundle(read, bundle, width_of(size, bundle)), bundle * WIDTH):
            if not first <= index < end:
                continue
            try:
                yield index, unpack(raw)
            except ValueError as error:
                raise TamperedError(f"entry {index}: {error}") from error


def raw_entry(read: ReadFile, index: int, size: int) -> bytes:
    """Return the bytes of one entry of a log of `size` entries.

    Raises:
        TamperedError: it cannot be read.
    """
    bundle, offset = divmod(index, WIDTH)
    return _bundle(read, bundle, width_of(size, bundle))[offset]


def _leaves(read: ReadFile, size: int) -> Iterator[list[Hash]]:
    for bundle in range(-(-size // WIDTH)):
        yield [leaf_hash(one) for one in _bundle(read, bundle, width_of(size, bundle))]


def _bundle(read: ReadFile, index: int, width: int) -> list[bytes]:
    path = entries_path(index, width)
    try:
        found = unpack_entries(_file(read, path))
    except ValueError as error:
        raise TamperedError(f"{path}: {error}") from error
    if len(found) != width:
        raise TamperedError(f"{path} holds {len(found)} entries; the checkpoint counts {width}")
    return found


def _compare(read: ReadFile, level: int, index: int, hashes: tuple[Hash, ...]) -> None:
    path = hash_path(level, index, len(hashes))
    try:
        published = unpack_hashes(_file(read, path), len(hashes))
    except ValueError as error:
        raise TamperedError(f"{path}: {error}") from error
    for offset, (shown, computed) in enumerate(zip(published, hashes, strict=True)):
        if shown != computed:
            at = index * WIDTH + offset
            what = f"entry {at}" if level == 0 else f"tile {level - 1}/{at}"
            raise TamperedError(f"{what} is not what {path} was made of: one of them was changed")


def _check_older(read: ReadFile, older: Checkpoint, now: Checkpoint) -> None:
    """Compare the root that the first entries have today, by the checked tiles, with the older one."""
    if older.size > now.size:
        raise TamperedError(
            f"the log has {now.size} entries and had {older.size} before: it was cut off"
        )
    tiles = tile_reader(read, now.size)
    if root(subtrees_of(tiles, older.size), older.size) != older.root:
        raise TamperedError(
            f"the first {older.size} entries are not those of the older checkpoint: "
            "the log was written anew"
        )


def tile_reader(read: ReadFile, size: int) -> ReadTile:
    """Return the reader of the tiles of a log of `size` entries; a tile may be asked for in part."""
    hashes_at = dict(widths(size))

    def read_tile(level: int, index: int, width: int) -> list[Hash]:
        there = width_of(hashes_at[level], index)
        path = hash_path(level, index, there)
        try:
            return unpack_hashes(_file(read, path), there)[:width]
        except ValueError as error:
            raise TamperedError(f"{path}: {error}") from error

    return read_tile


def _file(read: ReadFile, path: str) -> bytes:
    try:
        return read(path)
    except LookupError:
        raise TamperedError(f"{path} is missing") from None
