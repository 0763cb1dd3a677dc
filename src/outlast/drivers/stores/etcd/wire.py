"""The messages of etcd's v3 interface that we use, packed and read by hand.

Why not a client library: of those measured, the quick ones send a write again by themselves after a lost
connection, which is exactly what must not happen to a compare-and-swap whose outcome is unknown; or they
know one address only, or no TLS, or bring a copy of etcd's descriptors that collides with another one in
the same process. What is left without them is a dozen small messages in a format that takes a page.

Field numbers are those of `api/etcdserverpb/rpc.proto` and `api/mvccpb/kv.proto` of etcd 3.4 and later.
Numbers are never negative here; a field that is unknown is skipped, as protobuf asks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

RANGE = "/etcdserverpb.KV/Range"
TXN = "/etcdserverpb.KV/Txn"
WATCH = "/etcdserverpb.Watch/Watch"
LEASE_GRANT = "/etcdserverpb.Lease/LeaseGrant"
LEASE_KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive"
LEASE_REVOKE = "/etcdserverpb.Lease/LeaseRevoke"
AUTHENTICATE = "/etcdserverpb.Auth/Authenticate"

_GREATER = 1
_BY_CREATION, _BY_MODIFICATION, _BY_VALUE = 1, 2, 3


class Garbled(ValueError):
    """Bytes that are no such message."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key with its value; `revision` last changed it. A deletion has no value."""

    key: bytes
    value: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a range holds; `revision`: of the whole etcd as this was read; `more`: cut off by a limit."""

    entries: tuple[KeyValue, ...]
    revision: int
    more: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a transaction, and what its ranges found."""

    succeeded: bool
    revision: int
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One change that a watch saw."""

    entry: KeyValue
    deleted: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One message of a watch; `compacted`: it could not begin, for the history before this is gone."""

    events: tuple[Event, ...]
    created: bool
    cancelled: bool
    compacted: int
    reason: str


# packing


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def ask_range(
    key: bytes, *, end: bytes = b"", limit: int = 0, revision: int = 0, changed_from: int = 0
) -> bytes:
    """Ask for one key or, with `end`, all keys from it up to there; as of a revision, 0: now.

    Args:
        changed_from: only entries whose last change is of this revision or a later one.
    """
    found = _bytes(1, key)
    if end:
        found += _bytes(2, end)
    if limit:
        found += _number(3, limit)
    if revision:
        found += _number(4, revision)
    if changed_from:
        found += _number(10, changed_from)
    return found


def range_step(request: bytes) -> bytes:
    """Make a range a step of a transaction."""
    return _bytes(1, request)


def put_step(key: bytes, value: bytes, *, lease: int = 0) -> bytes:
    """Put a key, which goes with its lease."""
    request = _bytes(1, key) + _bytes(2, value) + (_number(3, lease) if lease else b"")
    return _bytes(2, request)


def delete_step(key: bytes) -> bytes:
    """Delete a key, if it is there."""
    return _bytes(3, _bytes(1, key))


def if_revision(key: bytes, revision: int) -> bytes:
    """Compare: the key was last changed at this revision; 0: it is not there."""
    return _number(2, _BY_MODIFICATION) + _bytes(3, key) + _number(6, revision)


def if_not_before(key: bytes, revision: int) -> bytes:
    """Compare: the key was last changed at this revision or after it. The revision is above 0."""
    return (
        _number(1, _GREATER)
        + _number(2, _BY_MODIFICATION)
        + _bytes(3, key)
        + _number(6, revision - 1)
    )


def if_absent(key: bytes) -> bytes:
    """Compare: the key is not there."""
    return _number(2, _BY_CREATION) + _bytes(3, key) + _number(5, 0)


def if_value(key: bytes, value: bytes) -> bytes:
    """Compare: the key is there and holds this."""
    return _number(2, _BY_VALUE) + _bytes(3, key) + _bytes(7, value)


def ask_txn(compare: list[bytes], success: list[bytes], failure: list[bytes]) -> bytes:
    """Ask for a transaction."""
    return b"".join(
        _bytes(field, one)
        for field, part in ((1, compare), (2, success), (3, failure))
        for one in part
    )


def ask_watch(key: bytes, end: bytes, *, start: int) -> bytes:
    """Ask for every change of a range of keys, from one revision on."""
    return _bytes(1, _bytes(1, key) + _bytes(2, end) + _number(3, start))


def ask_lease(ttl_s: int) -> bytes:
    """Ask for a lease."""
    return _number(1, ttl_s)


def name_lease(lease: int) -> bytes:
    """Name a lease, to keep it alive or to give it back."""
    return _number(1, lease)


def ask_token(user: str, password: str) -> bytes:
    """Ask for a token."""
    return _bytes(1, user.encode()) + _bytes(2, password.encode())


# reading


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field's number and what it holds."""
    at, size = 0, len(data)
    try:
        while at < size:
            tag, at = _read_varint(data, at)
            kind = tag & 7
            if kind == 0:
                number, at = _read_varint(data, at)
                yield tag >> 3, number
            elif kind == 2:
                length, at = _read_varint(data, at)
                if at + length > size:
                    raise Garbled("a field is longer than its message")
                yield tag >> 3, data[at : at + length]
                at += length
            elif kind in (1, 5):
                at += 8 if kind == 1 else 4
            else:
                raise Garbled(f"a field of the unknown kind {kind}")
    except IndexError:
        raise Garbled("the message ends in a number") from None


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    number, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at + 1
        shift += 7
        if shift > 63:
            raise Garbled("a number of more than 64 bits")


def _parts(data: bytes, field: int) -> Iterator[bytes]:
    for number, value in _fields(data):
        if number == field and isinstance(value, bytes):
            yield value


def _whole(data: bytes, field: int) -> int:
    """Return a number of a message; what is not there is 0."""
    return next((value for at, value in _fields(data) if at == field and isinstance(value, int)), 0)


def _revision(data: bytes) -> int:
    """Return the revision in a reply's header."""
    return _whole(next(_parts(data, 1), b""), 3)


def read_entry(data: bytes) -> KeyValue:
    """Read a key with its value."""
    key = value = b""
    revision = 0
    for field, found in _fields(data):
        if isinstance(found, bytes):
            if field == 1:
                key = found
            elif field == 5:
                value = found
        elif field == 3:
            revision = found
    return KeyValue(key, value, revision)


def read_range(data: bytes, *, revision: int = 0) -> Found:
    """Read the reply to a range; one inside a transaction bears no revision of its own."""
    entries, more = [], False
    for field, value in _fields(data):
        if field == 2 and isinstance(value, bytes):
            entries.append(read_entry(value))
        elif field == 3:
            more = bool(value)
    return Found(tuple(entries), _revision(data) or revision, more)


def read_txn(data: bytes) -> Done:
    """Read the reply to a transaction."""
    revision = _revision(data)
    found: list[Found] = []
    for reply in _parts(data, 3):
        found += [read_range(one, revision=revision) for one in _parts(reply, 1)]
    return Done(bool(_whole(data, 2)), revision, tuple(found))


def read_watch(data: bytes) -> Seen:
    """Read a message of a watch."""
    events = []
    for part in _parts(data, 11):
        entry = next(_parts(part, 2), b"")
        events.append(Event(read_entry(entry), bool(_whole(part, 1))))
    reason = next(_parts(data, 6), b"").decode("utf-8", "replace")
    return Seen(
        tuple(events), bool(_whole(data, 3)), bool(_whole(data, 4)), _whole(data, 5), reason
    )


def read_lease(data: bytes) -> tuple[int, int]:
    """Read a lease's number and its remaining seconds; 0: it has ended."""
    return _whole(data, 2), _whole(data, 3)


def read_token(data: bytes) -> str:
    """Read a token."""
    return next(_parts(data, 2), b"").decode("utf-8", "replace")
