"""A tree that grows: what must be remembered of it to add entries, and which tiles each addition makes.

Only the right edge is kept, the unfinished tile of each level: at most 255 hashes a level, whatever the
number of entries. The rest is in full tiles, which never change.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from outlast.trail.merkle import Hash, perfect_root, root
from outlast.trail.tiles import WIDTH, ReadTile, subtrees_of, width_of, widths


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes that an addition made or changed."""

    level: int
    index: int
    hashes: tuple[Hash, ...]


@dataclass(slots=True)
class Growing:
    """The right edge of a tree.

    Attributes:
        size: entries so far.
        edge: the hashes of the unfinished tile of each level, from the leaves up.
    """

    size: int
    edge: list[list[Hash]]

    @classmethod
    def empty(cls) -> "Growing":
        """Return the tree without entries."""
        return cls(0, [])

    @classmethod
    def resume(cls, size: int, read: ReadTile) -> "Growing":
        """Return the tree of a size, by its tiles."""
        edge = []
        for level, hashes in widths(size):
            index, width = divmod(hashes, WIDTH)
            edge.append(list(read(level, index, width)) if width else [])
        return cls(size, edge)

    def add(self, leaves: Iterable[Hash]) -> list[Tile]:
        """Add leaves; return the tiles that became full, lower levels first."""
        full: list[Tile] = []
        for leaf in leaves:
            self._push(0, leaf, full)
            self.size += 1
        return full

    def _push(self, level: int, value: Hash, full: list[Tile]) -> None:
        if level == len(self.edge):
            self.edge.append([])
        self.edge[level].append(value)
        if len(self.edge[level]) == WIDTH:
            hashes = tuple(self.edge[level])
            above = self.size // WIDTH ** (level + 1)
            full.append(Tile(level, above, hashes))
            self.edge[level] = []
            self._push(level + 1, perfect_root(hashes), full)

    def partial(self) -> list[Tile]:
        """Return the unfinished tiles."""
        return [
            Tile(level, hashes // WIDTH, tuple(self.edge[level]))
            for level, hashes in widths(self.size)
            if self.edge[level]
        ]

    def root(self) -> Hash:
        """Return the root."""
        return root(subtrees_of(self._read, self.size), self.size)

    def _read(self, level: int, index: int, width: int) -> list[Hash]:
        """Return the unfinished tile of a level, the only one that a root needs beside its roots."""
        hashes = dict(widths(self.size))[level]
        if width == width_of(hashes, index) and index == hashes // WIDTH:
            return self.edge[level]
        raise LookupError(f"tile {level}/{index} is full; its root stands in the level above")
