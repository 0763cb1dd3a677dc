"""Nodes: a file as a tree in which each value knows its line and column, and nothing is typed yet.

Typing comes later, from the table of fields, so that what a scalar means depends on where it stands
and not on how YAML 1.1 would guess: `country: NO` is Norway, and `interval_s: 1:30` is refused instead
of being ninety. Aliases share their node with the anchor, hence a tree may be a graph without cycles.
"""

from dataclasses import dataclass, field

from outlast.config.faults import Path


@dataclass(slots=True)
class Scalar:
    """A text, number, flag or nothing, as it is written.

    Attributes:
        plain: whether it stands without quotes; quoted, it can only be text.
    """

    line: int
    column: int
    text: str
    plain: bool


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """A key's place and its value."""

    line: int
    column: int
    value: "Node"


@dataclass(slots=True)
class Mapping:
    """A mapping, in the order of the file."""

    line: int
    column: int
    entries: dict[str, Entry] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def find(root: Node, path: Path) -> tuple[Node, Entry | None, int]:
    """Follow a path as far as it exists.

    Returns:
        The last node reached, the entry whose value it is (None: a list's item, or the root), and how
        many steps were taken.
    """
    node, entry, taken = root, None, 0
    for step in path:
        match node, step:
            case Mapping(entries=entries), str() if step in entries:
                entry = entries[step]
                node = entry.value
            case Sequence(items=items), int() if step < len(items):
                node, entry = items[step], None
            case _:
                return node, entry, taken
        taken += 1
    return node, entry, taken
