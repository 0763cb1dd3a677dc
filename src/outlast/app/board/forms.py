"""Forms: what each action asks for, described once, for pages, for machines, and for the check of both.

A field's type says what it may be, its `Meta` how it is called. The page draws from that, the description
of the HTTP API is made from it, and msgspec checks by it what comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, inspect

from outlast.app.board.access import Refused
from outlast.app.commands.incident import Opening, Saying
from outlast.app.options import DURATION
from outlast.core.guard import WAIVABLE
from outlast.glass.incident import Impact, Phase

EVERYTHING = "*"
LINE = r"^[^\x00-\x1f\x7f]*$"
"""One line of text. In ECMAScript's syntax as in Python's: the API's description carries it."""
SAID = r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$"
"""The same, and it says something."""
TIME = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?$"
REASON_MAX = 500

T = TypeVar("T")

Name = Annotated[
    str,
    Meta(
        title="Endpoint",
        description="Its key or one of its names.",
        min_length=1,
        max_length=253,
        pattern=LINE,
    ),
]
Scope = Annotated[
    str,
    Meta(
        title="Endpoint",
        description="Its key or one of its names; * for everything.",
        min_length=1,
        max_length=253,
        pattern=LINE,
    ),
]
Region = Annotated[
    str,
    Meta(
        title="Region",
        description="As the topology calls it.",
        min_length=1,
        max_length=63,
        pattern=LINE,
        extra={"list": "regions"},
    ),
]
Steps = Annotated[int, Meta(title="Steps", description="In how many equal steps.", ge=1, le=100)]
Every = Annotated[
    str, Meta(title="Step length", description="As 30s, 10m or 2h.", pattern=DURATION)
]
Generations = Annotated[
    int, Meta(title="Generation", description="The plan to go back to.", ge=1, le=10**15)
]
Number = Annotated[
    int, Meta(title="Incident", description="Its number.", ge=1, le=10**8, extra={"list": "none"})
]


def _length(title: str, description: str) -> Meta:
    return Meta(title=title, description=description, pattern=f"({DURATION})|^$")


def _words(title: str, description: str) -> Meta:
    return Meta(title=title, description=description, min_length=1, max_length=1000, pattern=SAID)


def _time(title: str, description: str) -> Meta:
    return Meta(title=title, description=description, pattern=TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Publish what is wanted now, as far as the guard allows it."""

    endpoint: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Stop automation from publishing anything new."""

    endpoint: Scope
    length: Annotated[str, _length("For how long", "As 30m or 2h; empty: until thawed.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thaw:
    """Let automation go on."""

    endpoint: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Waive:
    """Switch one rule of the guard off, for a while."""

    rule: Annotated[
        str,
        Meta(
            title="Rule",
            description="Of the guard; what keeps a name from being empty cannot be waived.",
            extra_json_schema={"enum": list(WAIVABLE)},
            extra={"list": "rules"},
        ),
    ]
    endpoint: Scope
    length: Annotated[
        str, Meta(title="For how long", description="As 10m or 1h.", pattern=DURATION)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evacuate:
    """Drain a region, in steps, if the rest carries the load."""

    region: Region
    steps: Steps = 1
    every: Every = "30s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Stop an evacuation, or take a region back into service."""

    region: Region
    steps: Steps = 1
    every: Every = "30s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Publish an earlier plan again, as a new generation, and freeze the endpoint."""

    endpoint: Name
    to: Generations
    hold: Annotated[str, _length("Freeze for", "As 1h; empty: until thawed.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """Restore the last known good publication."""

    endpoint: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Take an endpoint that left the topology out of the DNS."""

    endpoint: Name
    keep_records: Annotated[
        bool, Meta(title="Keep the records", description="Remove the fence alone.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpen(Opening):
    """Open an incident; that acknowledges it, and tells the public."""

    title: Annotated[str, _words("Title", "What people notice.")]
    say: Annotated[str, _words("First words to the public", "Plain, and only what is known.")]
    impact: Annotated[Impact, Meta(title="Impact", description="How bad it is for people.")] = (
        Impact.MINOR
    )
    about: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=253, pattern=LINE)], ...],
        Meta(title="About", description="Endpoints and services that are hit.", max_length=50),
    ] = ()
    began: Annotated[str, _time("Began", "UTC, as 2025-10-20T06:48:00Z; empty: now.")] = ""
    notice: Annotated[str, _time("Provider's notice", "When it came, in UTC.")] = ""
    exercise: Annotated[bool, Meta(title="Exercise", description="A drill; nobody is hit.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSay(Saying):
    """Say something about an incident."""

    number: Number
    say: Annotated[str, _words("Words", "Plain, and only what is known.")]
    phase: Annotated[
        Phase | None, Meta(title="Phase", description="How far the work is; empty: as before.")
    ] = None
    confirmed: Annotated[
        bool, Meta(title="Confirmed", description="Two kinds of evidence show it.")
    ] = False
    revises: Annotated[
        int, Meta(title="Revises update", description="0: none.", ge=0, le=10_000)
    ] = 0
    private: Annotated[
        bool, Meta(title="Private", description="A note for ourselves; not for the public.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field as a page draws it.

    Attributes:
        kind: `text`, `number`, `flag` or `choice`.
        choices: of a choice.
        value: what stands in it.
    """

    name: str
    title: str
    about: str
    kind: str
    required: bool
    choices: tuple[str, ...]
    value: str


def fields(form: type, values: Mapping[str, str], lists: Mapping[str, list[str]]) -> list[Field]:
    """Return the fields of a form.

    Args:
        values: what is filled in already.
        lists: what there is to choose from, by the name in a field's `extra`.
    """
    info = inspect.type_info(form)
    if not isinstance(info, inspect.DataclassType):
        raise TypeError(f"{form} is no form")
    return [_field(one, values, lists) for one in info.fields]


def _field(
    field: inspect.Field, values: Mapping[str, str], lists: Mapping[str, list[str]]
) -> Field:
    kind, meta, extra = field.type, dict[str, Any](), dict[str, Any]()
    if isinstance(kind, inspect.Metadata):
        meta, extra, kind = dict(kind.extra_json_schema or {}), dict(kind.extra or {}), kind.type
    choices = tuple(lists.get(extra.get("list", ""), ()))
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
        choices = ("",)
    if isinstance(kind, inspect.EnumType):
        choices = (*choices, *(str(one.value) for one in kind.cls))
    drawn = "choice" if choices else "text"
    if isinstance(kind, inspect.BoolType):
        drawn = "flag"
    elif isinstance(kind, inspect.IntType):
        drawn = "number"
    return Field(
        name=field.name,
        title=str(meta.get("title", field.name)),
        about=str(meta.get("description", "")),
        kind=drawn,
        required=field.required,
        choices=choices,
        value=values.get(field.name, _default(field)),
    )


def _default(field: inspect.Field) -> str:
    value = field.default
    if field.required or value is None or isinstance(value, bool | tuple):
        return ""
    return str(value)


def from_page(form: type[T], sent: Mapping[str, str]) -> T:
    """Read a form that a page sent: texts, where what is empty is left out.

    Raises:
        Refused: it is not filled in as it must be.
    """
    info = inspect.type_info(form)
    values: dict[str, object] = {}
    for one in info.fields if isinstance(info, inspect.DataclassType) else ():
        text = sent.get(one.name, "").strip()
        kind = one.type.type if isinstance(one.type, inspect.Metadata) else one.type
        if isinstance(kind, inspect.VarTupleType):
            values[one.name] = text.replace(",", " ").split()
        elif text:
            values[one.name] = text
    return _convert(form, values, strict=False)


def from_json(form: type[T], sent: object) -> T:
    """Read a form that a program sent.

    Raises:
        Refused: it is not filled in as it must be, or has a field too many.
    """
    info = inspect.type_info(form)
    known = {one.name for one in info.fields} if isinstance(info, inspect.DataclassType) else set()
    if not isinstance(sent, dict) or sent.keys() - known:
        raise Refused(422, "these are not the parameters", f"known are: {', '.join(sorted(known))}")
    return _convert(form, {key: _whole(value) for key, value in sent.items()}, strict=True)


def _whole(value: object) -> object:
    """Return 1 for 1.0: JSON knows no whole numbers of their own, and its schemas take both."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _convert(form: type[T], values: object, *, strict: bool) -> T:
    try:
        return msgspec.convert(values, form, strict=strict)
    except msgspec.ValidationError as error:
        raise Refused(422, "this is not filled in as it must be", str(error)) from error


def as_json(form: object) -> str:
    """Return a form that is filled in, as JSON."""
    if not is_dataclass(form):
        raise TypeError(f"{form} is no form")
    return msgspec.json.encode(form).decode()


def as_fields(form: object) -> dict[str, str]:
    """Return a form that is filled in as a page sends it back: what `from_page` reads."""
    found: dict[str, str] = {}
    for key, value in msgspec.to_builtins(form).items():
        if value is None or value is False:
            continue
        texts = " ".join(value) if isinstance(value, list | tuple) else str(value)
        found[key] = "1" if value is True else texts
    return found


def from_stored(form: type[T], parameters: str) -> T:
    """Read a form as `as_json` wrote it.

    Raises:
        Refused: it is one of another version.
    """
    return from_json(form, msgspec.json.decode(parameters))
