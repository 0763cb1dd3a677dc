"""Tiles: the tree and its entries as small files that never change once they are full (C2SP tlog-tiles).

    tile/<level>/<index>[.p/<width>]     hashes, 256 to a full tile; level 0 holds the leaves' hashes, and
                                         each hash of level n+1 is the root over one full tile of level n
    tile/entries/<index>[.p/<width>]     the entries themselves, each after its length in two bytes
    checkpoint                           size and root, signed

Any file host can serve them, any client of the format can read them. An index is written in groups of three
digits, all but the last with an `x` before it: 1234067 is `x001/x234/067`.
"""

from collections.abc import Callable, Iterator, Sequence

from outlast.trail.merkle import Hash, Subtrees, perfect_root

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""Hashes of a full tile."""
HASH_BYTES = 32
ENTRY_BYTES_MAX = (1 << 16) - 1
CHECKPOINT = "checkpoint"


def index_path(index: int) -> str:
    """Return an index as the format writes it."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def _path(kind: str, index: int, width: int) -> str:
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{kind}/{index_path(index)}{partial}"


def hash_path(level: int, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile of hashes."""
    return _path(str(level), index, width)


def entries_path(index: int, width: int = WIDTH) -> str:
    """Return the path of a bundle of entries."""
    return _path("entries", index, width)


def widths(size: int) -> Iterator[tuple[int, int]]:
    """Yield (level, hashes at that level) of a tree of `size` entries, from the leaves up."""
    level = 0
    while size:
        yield level, size
        level, size = level + 1, size >> HEIGHT


def width_of(hashes: int, index: int) -> int:
    """Return how many of a level's hashes stand in its tile of this index."""
    return max(0, min(WIDTH, hashes - index * WIDTH))


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """Return a bundle.

    Raises:
        ValueError: an entry is too long for the format.
    """
    parts = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            raise ValueError(f"an entry of {len(entry)} bytes; the format takes {ENTRY_BYTES_MAX}")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def unpack_entries(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        ValueError: it is cut off.
    """
    entries, at = [], 0
    while at < len(bundle):
        begin = at + 2
        at = begin + int.from_bytes(bundle[at:begin], "big")
        if begin > len(bundle) or at > len(bundle):
            raise ValueError("the bundle is cut off")
        entries.append(bundle[begin:at])
    return entries


def pack_hashes(hashes: Sequence[Hash]) -> bytes:
    """Return a tile."""
    return b"".join(hashes)


def unpack_hashes(tile: bytes, width: int) -> list[Hash]:
    """Return the hashes of a tile.

    Raises:
        ValueError: it does not hold as many.
    """
    if len(tile) != width * HASH_BYTES:
        raise ValueError(f"{len(tile)} bytes; {width} hashes take {width * HASH_BYTES}")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


ReadTile = Callable[[int, int, int], Sequence[Hash]]
"""Return the hashes of a tile, by level, index and width."""


def subtrees_of(read: ReadTile, size: int) -> Subtrees:
    """Return the perfect subtrees of a tree of `size` entries, by its tiles."""
    hashes_at = dict(widths(size))

    def subtree(level: int, index: int) -> Hash:
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        tile, offset = divmod(first, WIDTH)
        width = width_of(hashes_at[tile_level], tile)
        return perfect_root(read(tile_level, tile, width)[offset : offset + (1 << height)])

    return subtree
