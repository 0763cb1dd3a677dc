"""Fields: the vocabulary in which `tables` states what may stand in a topology file.

A field is stated once. The decoder, the JSON Schema, `outlast config explain` and the table in
`docs/topology.md` are all read off it, so none of them can say something else.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text with a meaning.

    Attributes:
        label: what it is, for people, such as `DNS name`.
        parse: turns it into its canonical form or raises `ValueError` with the reason.
        remedy: what to write instead of a text that `parse` refuses.
        pattern: a regular expression for editors; may allow more than `parse`, never less.
        refers: the section of the file that must have an entry of this name.
        secret: whether what stands here must never be repeated.
    """

    label: str
    parse: Callable[[str], Any]
    remedy: str
    pattern: str = ""
    refers: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words; `parse` turns it into its enumeration."""

    options: tuple[str, ...]
    parse: Callable[[str], Any] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number, `low` and `high` included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A number; `open` leaves `low` itself out."""

    low: float
    high: float
    open: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """`true` or `false`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list.

    Attributes:
        least: how many items it must have.
        lone: whether a single item may stand for a list of one.
    """

    item: "Kind"
    least: int = 0
    lone: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping with the fields of a table; a lone text stands for `{short: text}`."""

    table: "Table"
    short: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping from names, which its author chooses, to mappings with the fields of a table."""

    table: "Table"


@dataclass(frozen=True, slots=True)
class Shares:
    """A mapping from texts to shares of a whole, 0 to 1; what is written sums up to 1 at most."""

    key: Text


Kind = Text | Choice | Whole | Real | Flag | Listing | Part | Named | Shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field.

    Attributes:
        unit: such as `s`; also the end of the key.
        default: as people would write it; "" asks the table's model class.
        too_small, too_large: what a value that is too small or too large does.
    """

    key: str
    kind: Kind
    meaning: str
    unit: str = ""
    default: str = ""
    required: bool = False
    too_small: str = ""
    too_large: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The fields of one mapping.

    Attributes:
        name: of a mapping in an error, such as `target`.
        meaning: one sentence.
        model: the class of `outlast.model` that is made of it, which knows the defaults.
        sensitive: whether it holds a secret, so that no text at an unknown place is repeated.
    """

    name: str
    meaning: str
    fields: tuple[Field, ...]
    model: type[Any] | None = None
    sensitive: bool = False

    def field(self, key: str) -> Field:
        """Return a field by its key.

        Raises:
            KeyError: there is none of this key.
        """
        for one in self.fields:
            if one.key == key:
                return one
        raise KeyError(key)


def default_of(table: Table, field: Field) -> Any:
    """Return a field's default as a value, None where it has none."""
    if table.model is None:
        return None
    for one in dataclasses.fields(table.model):
        if one.name == field.key and one.default is not dataclasses.MISSING:
            return one.default
    return None


def default_text(table: Table, field: Field) -> str:
    """Return a field's default as people would write it; "" where it has none."""
    if field.default or field.required:
        return field.default
    value = default_of(table, field)
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return "[]" if not value else f"[{', '.join(str(one) for one in value)}]"
        case "":
            return '""'
    return str(value)


def article(noun: str) -> str:
    """Put the indefinite article before a noun."""
    return f"an {noun}" if noun[0] in "aeiouAEIOU" else f"a {noun}"


def range_text(kind: Kind) -> str:
    """Return what may stand there, in a few words."""
    match kind:
        case Listing() | Part() | Named() | Shares():
            return _compound_text(kind)
        case Text():
            return kind.label
        case Choice():
            return ", ".join(f"`{one}`" for one in kind.options)
        case Whole(low=low, high=high) if low == high:
            return f"`{low}`"
        case Whole():
            return f"{kind.low} to {kind.high}"
        case Real(open=True):
            return f"above {kind.low:g}, up to {kind.high:g}"
        case Real():
            return f"{kind.low:g} to {kind.high:g}"
        case Flag():
            return "`true`, `false`"


def _compound_text(kind: Listing | Part | Named | Shares) -> str:
    match kind:
        case Listing():
            least = f", at least {kind.least}" if kind.least else ""
            return f"list of {range_text(kind.item)}{least}"
        case Part():
            alone = f" or its `{kind.short}` alone" if kind.short else ""
            return f"{kind.table.name} mapping{alone}"
        case Named():
            return f"mapping from name to {kind.table.name}"
        case Shares():
            return f"mapping from {kind.key.label} to a share, 0 to 1"
