"""Places in JSON: nodes of just the values that a few findings are about.

A big JSON file that was read by the fast path may still deserve a warning, and a warning needs a line.
The file is walked once more; what no finding is about is skipped at the speed of the C scanner, and
the walk ends with the last thing that is wanted.
"""

import json
import re
from typing import Any

from outlast.config.faults import Path
from outlast.config.nodes import Entry, Mapping, Node, Scalar, Sequence
from outlast.config.reader import place_of

_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"[^\s,\]}]+")
_NOWHERE = -1
"""Where a value ends behind which nothing is wanted any more."""

_SKIP = json.JSONDecoder(parse_float=str, parse_int=str).raw_decode

Wanted = dict[Any, Any]
"""A tree of steps: what is wanted below each; `{}`: the value with all that it holds."""


def wanted_of(paths: list[Path]) -> Wanted:
    """Return the tree of a number of paths."""
    root: Wanted = {}
    for path in paths:
        node = root
        for step in path[:4]:
            node = node.setdefault(step, {})
    return root


def read_places(text: str, wanted: Wanted) -> Node:
    """Read the wanted values of a JSON text that is known to be well-formed."""
    return _Walker(text).value(_start(text, 0), wanted, 0, last=True)[0]


def _start(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


class _Walker:
    """Walks a text from front to back; each method returns a node and where it ends."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._seen = (0, 1, 1)

    def value(
        self, at: int, wanted: Wanted | None, depth: int, *, last: bool = False
    ) -> tuple[Node, int]:
        """Read the value that begins at a place; `wanted` None: all of it.

        Args:
            last: whether nothing behind the value is wanted.
        """
        sign = self._text[at]
        line, column = self._place(at)
        if sign == "{":
            mapping = Mapping(line, column)
            return mapping, self._mapping(mapping, at, wanted, depth, last=last)
        if sign == "[":
            sequence = Sequence(line, column)
            return sequence, self._sequence(sequence, at, wanted, depth)
        if sign == '"':
            text, end = _SKIP(self._text, at)
            return Scalar(line, column, text, plain=False), end
        found = _PLAIN.match(self._text, at)
        text = found[0] if found else ""
        return Scalar(line, column, text, plain=True), at + len(text)

    def _mapping(
        self, node: Mapping, at: int, wanted: Wanted | None, depth: int, *, last: bool
    ) -> int:
        left = set(wanted or ())
        at = _start(self._text, at + 1)
        while self._text[at] != "}":
            key_at = at
            key, at = _SKIP(self._text, at)
            at = _start(self._text, _start(self._text, at) + 1)
            if wanted is None or key in wanted:
                line, column = self._place(key_at)
                below = (wanted[key] or None) if wanted else None
                left.discard(key)
                value, at = self.value(
                    at, below, depth + 1, last=last and below is not None and not left
                )
                node.entries[key] = Entry(line, column, value)
                if at == _NOWHERE or (last and wanted and not left):
                    return _NOWHERE
            else:
                at = self._skip(at, depth)
            at = self._next(at)
        return at + 1

    def _sequence(self, node: Sequence, at: int, wanted: Wanted | None, depth: int) -> int:
        at = _start(self._text, at + 1)
        while self._text[at] != "]":
            # A list is short where it matters, and its items are found by counting: all are read.
            below = (wanted.get(len(node.items)) or None) if wanted else None
            item, at = self.value(at, below, depth + 1)
            node.items.append(item)
            at = self._next(at)
        return at + 1

    def _skip(self, at: int, depth: int) -> int:
        if depth == 0 and self._text[at] == "{":
            # A whole section in one piece would cost the memory that the fast path saved.
            return self._mapping(Mapping(0, 0), at, {"": {}}, depth + 1, last=False)
        _, end = _SKIP(self._text, at)
        return end

    def _next(self, at: int) -> int:
        at = _start(self._text, at)
        return _start(self._text, at + 1) if self._text[at] == "," else at

    def _place(self, at: int) -> tuple[int, int]:
        """Return line and column, counting on from the last place: counting anew would be quadratic."""
        before, line, column = self._seen
        lines, width = place_of(self._text[before:at], at - before)
        self._seen = (at, line + lines - 1, width if lines > 1 else column + width - 1)
        return self._seen[1:]
