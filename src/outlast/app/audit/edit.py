"""Editing: writes a field or an entry into a YAML text without touching anything else in it.

Comments, order and style stay, since nothing is parsed and printed again: a place is looked up in the nodes,
and text is put in there. New entries go *before* the first one of their mapping or list, where the nodes
know the place; where things end they do not. `Awkward` says that a place cannot be edited safely.
"""

import re
from dataclasses import dataclass

from outlast.config.faults import Path
from outlast.config.nodes import Mapping, Node, Scalar, Sequence, find
from outlast.config.reader import read, split_lines


class Awkward(Exception):
    """A place that cannot be edited without rewriting what stands around it."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is written.

    Attributes:
        quoted: whether keys stand in quotes (JSON).
    """

    quoted: bool = False

    def entry(self, key: str, value: str) -> str:
        """Write a key and its value."""
        return f'"{key}": {value}' if self.quoted else f"{key}: {value}"


YAML = Style()

_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")


def set_field(text: str, path: Path, value: str, style: Style = YAML) -> str:
    """Write a value into a field, which is made where it is not written.

    Raises:
        Awkward: that cannot be done safely.
    """
    root = read(text)[0]
    node, _, taken = find(root, path)
    if taken == len(path):
        if not isinstance(node, Scalar) or not node.plain:
            raise Awkward("what stands there is no plain value")
        return _replaced(text, node, value)
    missing = path[taken:]
    if not isinstance(node, Mapping) or not all(isinstance(one, str) for one in missing):
        raise Awkward("its mapping is written in a short form")
    written = value
    for step in reversed(missing[1:]):
        written = f"{{{style.entry(str(step), written)}}}"
    return add_entry(text, path[:taken], str(missing[0]), written, style=style)


def _replaced(text: str, node: Scalar, value: str) -> str:
    at = _offset(text, node.line, node.column)
    if text[at : at + len(node.text)] != node.text:
        raise Awkward("what stands there is written over several lines")
    return text[:at] + value + text[at + len(node.text) :]


def add_entry(
    text: str, path: Path, key: str, value: str, *, comment: str = "", style: Style = YAML
) -> str:
    """Put `key: value` at the head of a mapping, with a comment behind it.

    Args:
        path: of the mapping; a first step that is not there is made at the end of the file.
        value: in one line; a mapping or list in braces or brackets.

    Raises:
        Awkward: there is something else than a mapping.
    """
    root = read(text)[0]
    node, _, taken = find(root, path)
    if taken < len(path):
        if taken == 0 and len(path) == 1 and not style.quoted and _is_block(text, root):
            tail = "" if text.endswith("\n") else "\n"
            line = f"{style.entry(key, value)}{_behind(comment)}"
            return f"{text}{tail}\n{path[0]}:\n  {line}\n"
        raise Awkward(f"`{path[taken]}` is not there")
    if not isinstance(node, Mapping):
        if _is_nothing(node):
            return _filled(text, node, style.entry(key, value), comment)
        raise Awkward("it is no mapping")
    return _put_first(text, node, style.entry(key, value), comment, empty=not node.entries)


def add_item(text: str, path: Path, value: str, *, comment: str = "") -> str:
    """Put an item at the head of a list, with a comment behind it.

    Raises:
        Awkward: there is no list.
    """
    root = read(text)[0]
    node, _, taken = find(root, path)
    if taken < len(path) or not isinstance(node, Sequence):
        raise Awkward("there is no list")
    at = _offset(text, node.line, node.column)
    line = value if text[at] == "[" else f"- {value}"
    return _put_first(text, node, line, comment, empty=not node.items)


def _put_first(text: str, node: Mapping | Sequence, line: str, comment: str, *, empty: bool) -> str:
    at = _offset(text, node.line, node.column)
    opening = "[" if isinstance(node, Sequence) else "{"
    if text[at] != opening:  # block style: the node begins where its first entry does
        indent = " " * (node.column - 1)
        return f"{text[:at]}{line}{_behind(comment)}\n{indent}{text[at:]}"
    comma = "" if empty else ", "
    if not comment:
        return f"{text[: at + 1]}{line}{comma}{text[at + 1 :]}"
    indent = " " * (len(_line(text, node.line)) - len(_line(text, node.line).lstrip()) + 2)
    rest = text[at + 1 :].lstrip(" ")
    return f"{text[: at + 1]}{line}{comma.rstrip()}{_behind(comment)}\n{indent}{rest}"


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text in {"", "~", "null"}


def _filled(text: str, node: Node, entry: str, comment: str) -> str:
    """Make a mapping where nothing, or `null`, stands behind a key."""
    assert isinstance(node, Scalar)
    at = _offset(text, node.line, node.column)
    after = text[at + len(node.text) :]
    here = _line(text, node.line)
    if _BLANK.match(after):  # nothing but a comment follows: a block of its own
        indent = " " * (len(here) - len(here.lstrip()) + 2)
        return f"{text[:at]}\n{indent}{entry}{_behind(comment)}{after}"
    gap = "" if text[:at].endswith(" ") else " "
    return f"{text[:at]}{gap}{{{entry}}}{after}"


def _is_block(text: str, root: Node) -> bool:
    return isinstance(root, Mapping) and text[_offset(text, root.line, root.column)] != "{"


def _behind(comment: str) -> str:
    return f"  # {comment}" if comment else ""


def _line(text: str, number: int) -> str:
    return split_lines(text)[number - 1]


def _offset(text: str, line: int, column: int) -> int:
    """Return where a line and column lie in a text. Lines end as YAML counts them."""
    start = 0
    for _ in range(line - 1):
        ends = [at for sign in "\n\r\x85\u2028\u2029" if (at := text.find(sign, start)) >= 0]
        end = min(ends)
        start = end + (2 if text[end : end + 2] == "\r\n" else 1)
    return start + column - 1
