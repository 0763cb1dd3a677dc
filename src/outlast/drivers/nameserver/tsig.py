"""Transaction signatures (RFC 8945): who sent a message, and that nobody altered it.

A keyed HMAC is made once per key and copied per message, which makes checking a signature cost
microseconds. A signature gives no protection against replay inside its window of time; the fence does
(a replayed fenced update finds its condition no longer true).

Only whole signatures of SHA-2 algorithms are taken: MD5 and SHA-1 are not offered to new set-ups, and
truncated ones buy nothing over TCP.
"""

import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from outlast.drivers.nameserver.wire import (
    ANY_CLASS,
    HEADER_LENGTH,
    Malformed,
    Record,
    Type,
    name_from_text,
    read_name,
)
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName

FUDGE_S = 300
"""How far the clocks of two parties may be apart (RFC 8945 section 10 recommends it)."""

ALGORITHMS = {"hmac-sha256": "sha256", "hmac-sha384": "sha384", "hmac-sha512": "sha512"}


class TsigError(IntEnum):
    """Error codes of a TSIG record."""

    NONE = 0
    BADSIG = 16
    BADKEY = 17
    BADTIME = 18


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key.

    Attributes:
        algorithm: one of `ALGORITHMS`.
        secret: the shared secret itself, at least 16 bytes (128 bits).
    """

    name: DnsName
    algorithm: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ConfigError(
                f"key {self.name}: the algorithm {self.algorithm!r} is not supported",
                remedy=f"use one of {', '.join(ALGORITHMS)}",
            )
        if len(self.secret) < 16:
            raise ConfigError(
                f"key {self.name}: a secret of {len(self.secret)} bytes can be guessed",
                remedy="make one of 32 bytes, for instance with `tsig-keygen`",
            )


class Keyring:
    """The keys that a server knows, ready for use."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self._keys: Mapping[bytes, _Ready] = {
            name_from_text(key.name): _Ready(
                name_from_text(DnsName(key.algorithm)),
                hmac.new(key.secret, digestmod=ALGORITHMS[key.algorithm]),
            )
            for key in keys
        }

    def verify(self, data: bytes, record: Record, now_s: int) -> "Signature":
        """Check the signature of a request, given its TSIG record.

        Raises:
            Malformed: the record is none.
        """
        fields = _read(data, record)
        ready = self._keys.get(record.owner)
        if ready is None or ready.algorithm != fields.algorithm:
            return Signature(record.owner, fields, None, TsigError.BADKEY)
        return Signature(record.owner, fields, ready, _judge(data, record, fields, ready, now_s))


@dataclass(frozen=True, slots=True)
class _Ready:
    algorithm: bytes
    keyed: hmac.HMAC


@dataclass(frozen=True, slots=True)
class _Fields:
    algorithm: bytes
    signed_s: int
    fudge_s: int
    mac: bytes
    ident: int
    error: int
    other: bytes


def _read(data: bytes, record: Record) -> _Fields:
    try:
        algorithm, at = read_name(data, record.data_at)
        high, low, fudge, size = struct.unpack_from("!HIHH", data, at)
        mac = data[at + 10 : at + 10 + size]
        at += 10 + size
        ident, error, other = struct.unpack_from("!HHH", data, at)
    except (IndexError, struct.error):
        raise Malformed from None
    if at + 6 + other != record.data_end or record.rclass != ANY_CLASS or record.ttl:
        raise Malformed
    return _Fields(
        algorithm, high << 32 | low, fudge, mac, ident, error, data[at + 6 : at + 6 + other]
    )


def _timers(signed_s: int, fudge_s: int) -> bytes:
    return struct.pack("!HIH", signed_s >> 32 & 0xFFFF, signed_s & 0xFFFFFFFF, fudge_s)


def _variables(owner: bytes, fields: _Fields) -> bytes:
    return (
        owner
        + struct.pack("!HI", ANY_CLASS, 0)
        + fields.algorithm
        + _timers(fields.signed_s, fields.fudge_s)
        + struct.pack("!HH", fields.error, len(fields.other))
        + fields.other
    )


def _judge(data: bytes, record: Record, fields: _Fields, ready: _Ready, now_s: int) -> TsigError:
    count = int.from_bytes(data[10:12], "big") - 1
    digest = ready.keyed.copy()
    digest.update(fields.ident.to_bytes(2, "big") + data[2:10] + count.to_bytes(2, "big"))
    digest.update(data[HEADER_LENGTH : record.start])
    digest.update(_variables(record.owner, fields))
    if not hmac.compare_digest(digest.digest(), fields.mac):
        return TsigError.BADSIG
    # After the signature, or a stranger could read our clock (RFC 8945 section 5.2.3).
    late = abs(now_s - fields.signed_s) > min(fields.fudge_s, FUDGE_S)
    return TsigError.BADTIME if late else TsigError.NONE


class Signature:
    """The signature of one request: whether it is good, and what its answers must be signed with."""

    __slots__ = ("_fields", "_mac", "_owner", "_ready", "_started", "error")

    def __init__(
        self, owner: bytes, fields: _Fields, ready: _Ready | None, error: TsigError
    ) -> None:
        self._owner = owner
        self._fields = fields
        self._ready = ready
        self._mac = fields.mac
        self._started = False
        self.error = error

    @property
    def length(self) -> int:
        """How many bytes `sign` adds at most."""
        size = self._ready.keyed.digest_size if self._ready else 0
        return len(self._owner) + 10 + len(self._fields.algorithm) + 16 + size + 6

    def sign(self, reply: bytes, now_s: int) -> bytes:
        """Sign an answer, or the next message of a longer one (RFC 8945 section 5.3).

        An answer to an unknown key or a wrong signature carries an empty one (section 5.3.2): we could
        only sign with a key that its receiver has not shown to have.
        """
        late = self.error is TsigError.BADTIME
        fields = _Fields(
            self._fields.algorithm,
            self._fields.signed_s if late else now_s,
            FUDGE_S,
            b"",
            self._fields.ident,
            self.error,
            now_s.to_bytes(6, "big") if late else b"",
        )
        mac = b""
        if self._ready is not None and self.error in {TsigError.NONE, TsigError.BADTIME}:
            mac = self._digest(reply, fields, self._ready)
        return self._append(reply, fields, mac)

    def _digest(self, reply: bytes, fields: _Fields, ready: _Ready) -> bytes:
        digest = ready.keyed.copy()
        digest.update(len(self._mac).to_bytes(2, "big") + self._mac)
        digest.update(fields.ident.to_bytes(2, "big") + reply[2:])
        if self._started:
            digest.update(_timers(fields.signed_s, fields.fudge_s))
        else:
            digest.update(_variables(self._owner, fields))
        self._started = True
        self._mac = digest.digest()
        return self._mac

    def _append(self, reply: bytes, fields: _Fields, mac: bytes) -> bytes:
        rdata = (
            fields.algorithm
            + _timers(fields.signed_s, fields.fudge_s)
            + len(mac).to_bytes(2, "big")
            + mac
            + struct.pack("!HHH", fields.ident, fields.error, len(fields.other))
            + fields.other
        )
        count = int.from_bytes(reply[10:12], "big") + 1
        head = reply[:10] + count.to_bytes(2, "big") + reply[HEADER_LENGTH:]
        fixed = struct.pack("!HHIH", Type.TSIG, ANY_CLASS, 0, len(rdata))
        return head + self._owner + fixed + rdata
