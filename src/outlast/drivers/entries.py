"""Entries: what stands under each key of the ledger, and how its bytes are read."""

import zlib
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from outlast.core.observe import VantageView
from outlast.model.errors import StoreCorrupt, StoreError
from outlast.model.health import Vote
from outlast.model.names import EndpointName
from outlast.model.override import Evacuation, Freeze, OverrideKind, Waiver
from outlast.model.plan import Drift, Observation, Plan, Receipt, Ruling
from outlast.model.units import NO_GENERATION, Generation, Nanos
from outlast.ports import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest plan and the ruling that let it pass."""

    plan: Plan
    ruling: Ruling


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an enactor found in the DNS that was not the newest plan."""

    drift: Drift
    observation: Observation | None
    seen: Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A plan that the guard refused, and when."""

    plan: Plan
    ruling: Ruling
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """A role's sign of life.

    Attributes:
        doing: one line for people.
        every_s: how often it says so; three times that without a sign means that it is gone.
        races: writes of an enactor that the DNS refused since it started, because something newer stood
            there; None: it is no enactor, or did not say.
    """

    kind: str
    name: str
    doing: str
    at_ns: Nanos
    every_s: float
    races: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One line of the journal: what happened, for people and machines.

    Attributes:
        event: what kind of thing, such as `plan`, `blocked`, `published`, `healed`, `override`.
        endpoint: what it concerns; empty: everything.
        by: who did it: a role or a person.
        generation: the plan it is about; 0: none.
        data: the thing itself where the text does not say it all, for the audit trail.
    """

    event: str
    endpoint: str
    text: str
    by: str
    at_ns: Nanos
    generation: Generation = NO_GENERATION
    data: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """All that the store knows of one endpoint, from one snapshot."""

    endpoint: EndpointName
    head: Head | None = None
    head_revision: int = 0
    receipt: Receipt | None = None
    found: Found | None = None
    blocked: Blocked | None = None

    def check_not_older(self, known: Generation, *, whole: bool) -> None:
        """Refuse a row that is older than what its store said before.

        A store that goes back in time usually says so itself. One whose file was written over in place, or
        restored behind a server, does not: then its numbers do.

        Args:
            known: the generation of the newest plan that the store held before; 0: none.
            whole: whether the row is all that the store has, so that a missing head is a lost one.

        Raises:
            StoreError: it is older. Whoever remembers more starts over.
        """
        newest = self.head.plan.generation if self.head is not None else NO_GENERATION
        if newest < known and (whole or self.head is not None):
            raise StoreError(
                f"{self.endpoint}: the store's newest plan is {newest or 'none'}, it was {known} before: "
                "it went back in time",
                remedy="nothing to do: what is live in the DNS is adopted again",
            )

    @property
    def confirmed(self) -> Generation:
        """The generation of the last receipt, 0 if there is none."""
        return self.receipt.fence.generation if self.receipt is not None else NO_GENERATION


HEAD = msgspec.json.Decoder(Head)
RECEIPT = msgspec.json.Decoder(Receipt)
FOUND = msgspec.json.Decoder(Found)
BLOCKED = msgspec.json.Decoder(Blocked)
OVERRIDES: dict[str, msgspec.json.Decoder[Freeze | Evacuation | Waiver]] = {
    OverrideKind.FREEZE: msgspec.json.Decoder(Freeze),
    OverrideKind.EVACUATION: msgspec.json.Decoder(Evacuation),
    OverrideKind.WAIVER: msgspec.json.Decoder(Waiver),
}
VIEW = msgspec.json.Decoder(VantageView)
VOTE = msgspec.json.Decoder(Vote)
ALIVE = msgspec.json.Decoder(Alive)
DRIFT = msgspec.json.Decoder(Drift)
NOTE = msgspec.json.Decoder(Note)
T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()
_PACKED_FROM_BYTES = 128 * 1024
"""From here on an entry is compressed: a plan that gives 400 names the same 500 addresses holds 200,000
records, which take 4 MiB as they are, and no store takes more than one in a value."""

_PACKED = b"z"
"""What a compressed entry begins with; a plain one is JSON."""


def encode(value: object) -> bytes:
    """Return an entry's bytes."""
    raw = _ENCODER.encode(value)
    return raw if len(raw) < _PACKED_FROM_BYTES else _PACKED + zlib.compress(raw, 1)


def decode(decoder: msgspec.json.Decoder[T], entry: Entry) -> T:
    """Read an entry's value.

    Raises:
        StoreCorrupt: it is not what should stand under this key.
    """
    value = entry.value
    try:
        return decoder.decode(zlib.decompress(value[1:]) if value[:1] == _PACKED else value)
    except (msgspec.DecodeError, zlib.error) as error:
        raise StoreCorrupt(
            f"the store's entry {entry.key} cannot be read: {error}",
            remedy="DNS is untouched. Restore the store, or delete it: a new one adopts what is live. "
            "`outlast rescue` works without any store.",
        ) from error


def fold(row: EndpointRow, entry: Entry) -> EndpointRow:
    """Put one entry below `endpoint/<name>/` into its row."""
    match entry.key.rsplit("/", 1)[1]:
        case "head":
            return replace(row, head=decode(HEAD, entry), head_revision=entry.revision)
        case "receipt":
            return replace(row, receipt=decode(RECEIPT, entry))
        case "found":
            return replace(row, found=decode(FOUND, entry))
        case "blocked":
            return replace(row, blocked=decode(BLOCKED, entry))
        case _:
            return row
