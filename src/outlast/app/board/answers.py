"""Answers: what the HTTP API says and is told, where the program's own types do not say it already."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from outlast.app.board.forms import REASON_MAX
from outlast.app.standing import Line
from outlast.drivers.entries import Head
from outlast.model.units import Nanos
from outlast.trail.entry import TrailEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something is not answered, in the shape of RFC 9457.

    Attributes:
        title: what happened.
        detail: why.
        next: what to do about it.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictAnswer:
    """How it stands, in a line.

    Attributes:
        kind: `good`, `warn` or `bad`.
        since_ns: since when; null: not known.
        sure: how that is known.
        todo: what to do next.
        why: what else is true.
        overrides: what people have ordered.
        troubles: what this process says is wrong, by name.
    """

    kind: str
    what: str
    since_ns: Nanos | None
    sure: str
    todo: str
    why: str
    overrides: tuple[str, ...]
    troubles: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPage:
    """One page of endpoints, what is wrong first."""

    endpoints: tuple[Line, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """The plans of an endpoint that are kept, newest first."""

    endpoint: str
    plans: tuple[Head, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailLine:
    """An entry of the audit trail with its number."""

    index: int
    entry: TrailEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPage:
    """The end of the audit trail, newest first, or what stands before an index.

    Attributes:
        checkpoint: the signed note.
        key: the log's public key.
        why: why there is nothing; empty: there is.
    """

    checkpoint: str
    size: int
    key: str
    why: str
    entries: tuple[TrailLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLine:
    """A kind of action.

    Attributes:
        dangerous: whether it takes a second person.
        words: the parameter that is its own reason; empty: a reason must be sent.
    """

    name: str
    about: str
    dangerous: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewAnswer:
    """What an action would do.

    Attributes:
        text: as the command line shows it.
        possible: whether it can be done now.
        seen: what to send with the action: it is refused if it would do anything else by then.
    """

    text: str
    possible: bool
    seen: str
    dangerous: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SentForm:
    """What a preview is asked with."""

    parameters: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What an action is asked with."""

    parameters: dict[str, object]
    seen: str
    reason: Annotated[str, Meta(max_length=REASON_MAX)] = ""
