"""The reader: bytes to nodes. Everything that can be wrong with a file as such ends here.

PyYAML's event stream is composed into nodes by hand, for three reasons. Its own composer recurses as
deep as the file says, its constructor guesses types by YAML 1.1, and both forget or repeat what we need:
duplicate keys are silently won by the last one, which in a topology hides half of an endpoint. JSON is
read by the same code, since every JSON text that is met in practice is YAML as well.

Limits: depth, size, and how much aliases may add (a "billion laughs" file is 1 kB long).
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from outlast.config.nodes import Entry, Mapping, Node, Scalar, Sequence

DEPTH_MAX = 32
"""The deepest place in a topology is at depth 8."""

BYTES_MAX = 256 * 1024 * 1024
"""A hundred thousand endpoints take 20 MB."""

ALIASES_ADD_MAX = 5_000_000
"""How many nodes aliases may add to those that are written out: some 500 MB of memory."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNREADABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_STR_TAG = "tag:yaml.org,2002:str"


class Unreadable(Exception):
    """The file cannot be read any further than this place; `rule` names why."""

    def __init__(self, rule: str, place: tuple[int, int], message: str, remedy: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.line, self.column = place
        self.message = message
        self.remedy = remedy


class Duplicate(Unreadable):
    """A key that stands twice in one mapping. The first one is kept, so that reading can go on."""

    def __init__(self, place: tuple[int, int], message: str, remedy: str, first: Entry) -> None:
        super().__init__("duplicate-key", place, message, remedy)
        self.first = first


def decode_utf8(data: bytes) -> str:
    """Return the text of a file.

    Raises:
        Unreadable: it is too big or not UTF-8.
    """
    if len(data) > BYTES_MAX:
        message = f"the file has {len(data)} bytes; the most is {BYTES_MAX}"
        raise Unreadable("too-big", (0, 0), message, "split it into several topologies")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = "the file is in UTF-16, not in UTF-8"
        raise Unreadable("not-utf8", (1, 1), message, "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        raise Unreadable(
            "not-utf8", place_of(before, len(before)), message, "save the file as UTF-8"
        ) from error


def split_lines(text: str) -> list[str]:
    """Split a text where YAML counts lines; `str.splitlines` counts more kinds of break."""
    return _BREAK.split(text)


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of a place in a text."""
    line, start = 1, 0
    for found in _BREAK.finditer(text, 0, offset):
        line, start = line + 1, found.end()
    return line, offset - start + 1


def read(text: str) -> tuple[Node, list[Duplicate]]:
    """Compose a text into nodes.

    Returns:
        The root, and what is wrong but did not hinder reading on (duplicate keys).

    Raises:
        Unreadable: it is no YAML, no single document, empty, or breaks a limit.
    """
    found = _UNREADABLE.search(text)
    if found is not None:
        message = f"the character U+{ord(found[0]):04X} cannot stand in a text file"
        remedy = "is this a binary file? Otherwise delete the character"
        raise Unreadable("control-character", place_of(text, found.start()), message, remedy)
    try:
        composer = _Composer(yaml.parse(text, Loader=_LOADER))
        return composer.document(), composer.faults
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from error
    except yaml.YAMLError as error:
        raise Unreadable(
            "syntax", (0, 0), f"this is no YAML: {error}", "see docs/topology.md"
        ) from error


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    here = text[mark.index : mark.index + 1] if mark else ""
    place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem = (error.problem or "it cannot be read").strip()
    remedy = (
        "check indentation, quotes, and a space after each colon, just above this place as well"
    )
    if here == "\t" or "\\t" in problem:
        remedy = "YAML allows no tabs for indentation: use spaces"
    elif "undefined alias" in problem:
        remedy = "define the anchor (`&name`) above its first use (`*name`)"
    return Unreadable("syntax", place, f"this is no YAML: {problem}", remedy)


def _stop(event: Any, rule: str, message: str, remedy: str) -> NoReturn:
    mark = event.start_mark
    raise Unreadable(rule, (mark.line + 1, mark.column + 1), message, remedy)


class _Composer:
    """Events to nodes, by recursion that is bounded by `DEPTH_MAX`."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.faults: list[Duplicate] = []
        self._next = events.__next__
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._added = 0

    def document(self) -> Node:
        """Compose the only document of a stream."""
        self._next()
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            _stop(
                event, "empty", "the file is empty", "begin with `outlast: 1`; see docs/topology.md"
            )
        root = self._node(self._next(), 0)
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            message = "a second document begins here; a topology is one document"
            _stop(event, "several-documents", message, "delete the `---`, or make two files")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag not in {None, _STR_TAG, "!"}:
            _stop(event, "tag", f"the tag {event.tag!r} means nothing here", "delete the tag")
        before = self._count
        self._count += 1
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style in {None, ""} and event.tag is None
            node = Scalar(line, column, event.value, plain)
        else:
            if depth >= DEPTH_MAX:
                message = f"lists and mappings are nested more than {DEPTH_MAX} deep"
                _stop(event, "too-deep", message, "a topology needs no more than 8")
            if isinstance(event, yaml.MappingStartEvent):
                node = Mapping(line, column)
                self._mapping(node, depth + 1)
            else:
                node = Sequence(line, column)
                self._sequence(node, depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._count - before)
        return node

    def _alias(self, event: Any) -> Node:
        # The anchor is known only once its node is complete, so a cycle cannot be made.
        found = self._anchors.get(event.anchor)
        if found is None:
            remedy = "define it (`&name`) above its first use (`*name`), and not around it"
            _stop(event, "alias", f"there is no anchor `{event.anchor}` above", remedy)
        node, size = found
        self._grow(event, size)
        return node

    def _grow(self, event: Any, size: int) -> None:
        self._count += size
        self._added += size
        if self._added > ALIASES_ADD_MAX:
            message = f"aliases and merges make more than {ALIASES_ADD_MAX} values of this file"
            _stop(event, "alias-bomb", message, "write the topology without aliases of aliases")

    def _sequence(self, node: Sequence, depth: int) -> None:
        while True:
            event = self._next()
            if isinstance(event, yaml.SequenceEndEvent):
                return
            node.items.append(self._node(event, depth))

    def _mapping(self, node: Mapping, depth: int) -> None:
        merged: list[tuple[Any, Node]] = []
        while True:
            event = self._next()
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, depth)
            value = self._node(self._next(), depth)
            if not isinstance(key, Scalar):
                _stop(event, "key", "a key must be a text, not a list or mapping", "quote it")
            if key.text == "<<" and key.plain:
                merged.append((event, value))
            elif key.text in node.entries:
                self._duplicate(key, node.entries[key.text])
            else:
                node.entries[key.text] = Entry(key.line, key.column, value)
        for event, value in merged:
            self._merge(node, event, value)

    def _duplicate(self, key: Scalar, first: Entry) -> None:
        message = f"the key is there twice; it first stands in line {first.line}"
        remedy = "keep one of them, or give the second another name"
        place = (key.line, key.column)
        self.faults.append(Duplicate(place, message, remedy, first))

    def _merge(self, node: Mapping, event: Any, value: Node) -> None:
        sources = value.items if isinstance(value, Sequence) else [value]
        for source in sources:
            if not isinstance(source, Mapping):
                remedy = "write `<<: *name`, where `&name` stands before a mapping"
                _stop(event, "merge", "only a mapping can be merged", remedy)
            for key, entry in source.entries.items():
                node.entries.setdefault(key, entry)
