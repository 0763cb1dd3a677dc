"""The decoder: nodes to typed values, driven by the tables, collecting every fault on its way.

What is left out stays left out: defaults come later, since an endpoint's check is laid over the file's
`defaults` and a target's over both, and only what is written may cover what lies below.
"""

from collections.abc import Callable
from typing import Any, assert_never

from outlast.config.faults import NOT_SHOWN, Path, shorten
from outlast.config.fields import (
    Choice,
    Field,
    Flag,
    Kind,
    Listing,
    Named,
    Part,
    Real,
    Shares,
    Table,
    Text,
    Whole,
    article,
    range_text,
)
from outlast.config.finding import Finding, did_you_mean
from outlast.config.nodes import Mapping, Node, Scalar, Sequence
from outlast.config.scalars import Wrong, is_empty, read_flag, read_real, read_whole
from outlast.model.names import parse_word

Values = dict[str, Any]
"""What is written in one mapping: key to typed value. Wrong values and unknown keys are left out."""


_SHARE = Real(low=0, high=1)
_SHARES_SLACK = 1e-6


class _Absent:
    """The type of `ABSENT`, which says that a value was wrong; None might be a value one day."""


ABSENT = _Absent()


class Decoder:
    """Decodes nodes.

    Args:
        report: is told of each fault.
        hide: is told of each text that must not be repeated anywhere.
    """

    def __init__(self, report: Callable[[Finding], None], hide: Callable[[str], None]) -> None:
        self._report = report
        self._hide = hide

    def part(self, table: Table, node: Node, path: Path) -> Values:
        """Decode a mapping with the fields of a table."""
        values: Values = {}
        if not isinstance(node, Mapping):
            if not (isinstance(node, Scalar) and is_empty(node)):
                self._shape(table, node, path)
                return values
            node = Mapping(node.line, node.column)
        for one in table.fields:
            entry = node.entries.get(one.key)
            if entry is not None:
                value = self.value(one.kind, entry.value, (*path, one.key))
                if value is not ABSENT:
                    values[one.key] = value
            elif one.required:
                self._missing(table, one, path)
        if len(node.entries) > len(values):
            self._unknown(table, node, path)
        return values

    def value(self, kind: Kind, node: Node, path: Path) -> Any:
        """Decode a value; `ABSENT` where it is wrong, after having reported why."""
        match kind:
            case Part():
                if kind.short and isinstance(node, Scalar) and not is_empty(node):
                    only = kind.table.field(kind.short)
                    value = self.value(only.kind, node, path)
                    return value if value is ABSENT else {only.key: value}
                return self.part(kind.table, node, path)
            case Named():
                return self.named(kind.table, node, path)
            case Shares():
                return self._shares(kind, node, path)
            case Listing():
                return self._listing(kind, node, path)
            case Text() | Choice() | Whole() | Real() | Flag():
                return self._scalar(kind, node, path)
        assert_never(kind)

    def named(self, table: Table, node: Node, path: Path) -> dict[str, Values]:
        """Decode a mapping from names to mappings."""
        found: dict[str, Values] = {}
        if isinstance(node, Mapping):
            for name, entry in node.entries.items():
                self._name(name, table, path)
                found[name] = self.part(table, entry.value, (*path, name))
        elif not (isinstance(node, Scalar) and is_empty(node)):
            message = f"it is a {_noun(node)}, not a mapping from name to {table.name}"
            remedy = f"write `NAME: {{...}}`, one {table.name} each"
            self._wrong("shape", path, message, remedy)
        return found

    def _shares(self, kind: Shares, node: Node, path: Path) -> tuple[tuple[Any, float], ...]:
        found: list[tuple[Any, float]] = []
        if isinstance(node, Mapping):
            for key, entry in node.entries.items():
                here = (*path, key)
                try:
                    name = kind.key.parse(key)
                except ValueError as error:
                    remedy = kind.key.remedy
                    self._wrong("value", here, str(error), remedy, value=shorten(key), at_key=True)
                    continue
                share = self.value(_SHARE, entry.value, here)
                if share is not ABSENT:
                    found.append((name, share))
            if sum(share for _, share in found) > 1 + _SHARES_SLACK:
                self._wrong("shares", path, "the shares sum up to more than 1", "scale them down")
        elif not (isinstance(node, Scalar) and is_empty(node)):
            message = f"it is a {_noun(node)}, not a {range_text(kind)}"
            self._wrong("shape", path, message, "write `{NAME: 0.5, ...}`")
        return tuple(found)

    def _name(self, name: str, table: Table, path: Path) -> None:
        try:
            parse_word(name)
        except ValueError as error:
            message = f"it is no name for {article(table.name)}"
            self._wrong("name", (*path, name), message, str(error), value=name, at_key=True)

    def _listing(self, kind: Listing, node: Node, path: Path) -> Any:
        if isinstance(node, Scalar) and is_empty(node):
            items: list[Node] = []
        elif isinstance(node, Sequence):
            items = node.items
        elif kind.lone:
            value = self.value(kind.item, node, path)
            return value if value is ABSENT else (value,)
        else:
            message = f"it is a {_noun(node)}, not a list"
            self._wrong("shape", path, message, "put it in brackets: `[...]`")
            return ABSENT
        if len(items) < kind.least:
            message = f"the list needs at least {kind.least} item"
            self._wrong("empty-list", path, message, f"write {article(range_text(kind.item))}")
            return ABSENT
        values = [self.value(kind.item, one, (*path, at)) for at, one in enumerate(items)]
        return tuple(one for one in values if one is not ABSENT)

    def _scalar(self, kind: Text | Choice | Whole | Real | Flag, node: Node, path: Path) -> Any:
        if not isinstance(node, Scalar):
            message = f"it is a {_noun(node)}, not {article(_wanted(kind))}"
            self._wrong("shape", path, message, f"write one value: {range_text(kind)}")
            return ABSENT
        if is_empty(node):
            remedy = f"write {range_text(kind)}, or delete the key"
            self._wrong("empty", path, "nothing stands here", remedy, value=node.text)
            return ABSENT
        try:
            return self._read(kind, node)
        except Wrong as wrong:
            secret = isinstance(kind, Text) and kind.secret
            if secret:
                self._hide(node.text)
            rule = "inline-secret" if secret else "value"
            value = NOT_SHOWN if secret else shorten(node.text)
            self._wrong(rule, path, wrong.message, wrong.remedy, value=value, secret=secret)
            return ABSENT

    def _read(self, kind: Text | Choice | Whole | Real | Flag, node: Scalar) -> Any:
        match kind:
            case Text():
                try:
                    return kind.parse(node.text)
                except ValueError as error:
                    raise Wrong(str(error), kind.remedy) from None
            case Choice():
                if node.text in kind.options:
                    return kind.parse(node.text)
                message = f"it is none of {', '.join(kind.options)}"
                raise Wrong(message, did_you_mean(node.text, kind.options, "word"))
            case Whole():
                return _within(kind, read_whole(node))
            case Real():
                return _within(kind, read_real(node))
            case Flag():
                return read_flag(node)
        assert_never(kind)

    def _missing(self, table: Table, field: Field, path: Path) -> None:
        message = f"it is missing; {article(table.name)} needs `{field.key}`"
        remedy = f"add `{field.key}:` ({range_text(field.kind)}). {field.meaning}"
        self._wrong("missing", (*path, field.key), message, remedy, value="")

    def _unknown(self, table: Table, node: Mapping, path: Path) -> None:
        known = [one.key for one in table.fields]
        for key, entry in node.entries.items():
            if key in known:
                continue
            if table.sensitive:
                self._hide_all(entry.value)
            message = f"{article(table.name)} has no field of this name"
            remedy = did_you_mean(key, known, "field")
            self._wrong(
                "unknown-key", (*path, key), message, remedy, value=shorten(key), at_key=True
            )

    def _shape(self, table: Table, node: Node, path: Path) -> None:
        value = None
        if table.sensitive:
            self._hide_all(node)
            value = NOT_SHOWN
        keys = ", ".join(one.key for one in table.fields)
        message = f"it is a {_noun(node)}, not a mapping with the fields of {article(table.name)}"
        self._wrong(
            "shape", path, message, f"write `key: value` with these keys: {keys}", value=value
        )

    def _hide_all(self, node: Node) -> None:
        # One level is enough: what lies deeper is never repeated, as only scalars are.
        match node:
            case Scalar():
                self._hide(node.text)
            case Sequence():
                inner = node.items
            case Mapping():
                inner = [entry.value for entry in node.entries.values()]
        if not isinstance(node, Scalar):
            for one in inner:
                if isinstance(one, Scalar):
                    self._hide(one.text)

    def _wrong(
        self,
        rule: str,
        path: Path,
        message: str,
        remedy: str,
        *,
        value: str | None = None,
        at_key: bool = False,
        secret: bool = False,
    ) -> None:
        self._report(
            Finding(
                rule=rule,
                path=path,
                message=message,
                remedy=remedy,
                value=value,
                at_key=at_key,
                secret=secret,
            )
        )


def _within(kind: Whole | Real, value: float) -> float:
    low = value <= kind.low if isinstance(kind, Real) and kind.open else value < kind.low
    if low or not value <= kind.high:
        wanted = (
            f"{kind.low}" if kind.low == kind.high else f"a number in the range {range_text(kind)}"
        )
        raise Wrong("it is out of range", f"write {wanted}")
    return value


def _wanted(kind: Text | Choice | Whole | Real | Flag) -> str:
    match kind:
        case Text():
            return kind.label
        case Choice():
            return "word"
        case Whole() | Real():
            return "number"
        case Flag():
            return "flag"
    assert_never(kind)


def _noun(node: Node) -> str:
    match node:
        case Scalar():
            return "text" if not is_empty(node) else "nothing"
        case Sequence():
            return "list"
        case Mapping():
            return "mapping"
    assert_never(node)
