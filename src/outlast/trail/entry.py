"""Entries: what the log holds, as canonical JSON.

One line of text a thing that happened. Canonical means: keys in order, no spaces, no escapes that UTF-8
does not need, so that everybody who writes the same thing writes the same bytes. What happened is told in
the words of the journal (`plan`, `blocked`, `published`, `override`, `alarm`, `page` ...); `data` carries the
thing itself, a plan with its ruling for instance.

No personal data goes in, since nothing ever comes out again: people stand as `person-` and a pseudonym,
which a key outside the log makes (`pseudonym`). Who holds the key can tell who it was, and can throw it
away.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from outlast.model.units import Nanos

VERSION = 1
PERSON = "person-"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEntry:
    """One thing that happened.

    Attributes:
        at_ns: when, as the one who did it knows.
        event: what kind of thing.
        about: endpoint, cause or page; empty: everything.
        by: role, or a person's pseudonym.
        generation: of the plan that it is about; 0: none.
        data: the thing itself, as a JSON object; None: the text says it all.
        note: key of the journal's note that it was copied from; empty: there was none.
    """

    at_ns: Nanos
    event: str
    about: str
    by: str
    text: str
    generation: int = 0
    data: dict[str, object] | None = None
    note: str = ""
    v: int = VERSION


_DECODER = msgspec.json.Decoder(TrailEntry, strict=True)


def pack(entry: TrailEntry) -> bytes:
    """Return an entry's bytes."""
    return msgspec.json.encode(entry, order="sorted")


def unpack(raw: bytes) -> TrailEntry:
    """Return the entry of some bytes.

    Raises:
        ValueError: they are no entry, or not as `pack` writes it.
    """
    try:
        entry = _DECODER.decode(raw)
    except msgspec.DecodeError as error:
        raise ValueError(f"not an entry: {error}") from error
    if entry.v != VERSION:
        raise ValueError(f"an entry of version {entry.v}; this program reads version {VERSION}")
    return entry


def pseudonym(name: str, secret: bytes) -> str:
    """Return what stands for a person in the log.

    Args:
        secret: a key that is kept outside the log; without it nobody can try names.
    """
    return PERSON + hmac.new(secret, name.encode(), sha256).hexdigest()[:10]
