"""TSIG: who sent a message, and that nobody changed it on the way (RFC 8945).

The keyed state of the HMAC is made once per key and copied for each message, which saves half of the
cost. A reply is bound to its request by the request's MAC, so an old reply cannot stand for a new one;
that is why the time in a reply is not looked at again.

TSIG does not stop the replay of a *request* within its window of 300 s. The fence does.
"""

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass, field
from typing import Self

from outlast.drivers.providers.wire import (
    CLASS_ANY,
    MESSAGE_LENGTH_MAX,
    TYPE_TSIG,
    MessageTooLarge,
    encode_name,
)
from outlast.model.errors import ConfigError
from outlast.model.names import DnsName

ALGORITHMS = {"hmac-sha256": "sha256", "hmac-sha384": "sha384", "hmac-sha512": "sha512"}
"""The algorithms that RFC 8945 section 6 wants or allows, without those it warns of."""

FUDGE_S = 300
"""How far the clocks may lie apart; what RFC 8945 section 10 recommends."""

BADSIG = 16
BADKEY = 17
BADTIME = 18
BADTRUNC = 22

_COUNT_AT = 10  # where the header counts the additional records, of which the TSIG record is one
_TIMERS = struct.Struct(">HIH")  # 48 bits of time in seconds, and the fudge
_ERROR = struct.Struct(">HH")
_CLASS_AND_TTL = struct.pack(">HI", CLASS_ANY, 0)


@dataclass(frozen=True, slots=True)
class Signature:
    """A TSIG record as found at the end of a message.

    Attributes:
        start: where the record begins; what stands before it was signed.
        name, algorithm: lower case, no final dot.
        signed_at_s: seconds since 1970.
        original_id: the message's number when it was signed; a forwarder may have changed it since.
        error: 0, or BADSIG, BADKEY, BADTIME, BADTRUNC.
        other: with BADTIME the server's clock, 48 bits.
    """

    start: int
    name: str
    algorithm: str
    signed_at_s: int
    fudge_s: int
    mac: bytes
    original_id: int
    error: int
    other: bytes

    @property
    def server_clock_s(self) -> int | None:
        """What the server's clock showed, if it told (RFC 8945 section 5.2.3)."""
        return int.from_bytes(self.other, "big") if len(self.other) == 6 else None


@dataclass(frozen=True, slots=True)
class Key:
    """A key ready for use: shared secret and what is the same for each message.

    Raises:
        ConfigError: an algorithm that is not supported, or an empty secret.
    """

    name: DnsName
    algorithm: str
    secret: bytes = field(repr=False)
    _hmac: "hmac.HMAC" = field(init=False, repr=False, compare=False)
    _owner: bytes = field(init=False, repr=False, compare=False)
    _algorithm: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        digest = ALGORITHMS.get(self.algorithm)
        if digest is None:
            raise ConfigError(
                f"TSIG key {self.name}: algorithm {self.algorithm!r} is not supported",
                remedy=f"use one of {', '.join(ALGORITHMS)}",
            )
        if not self.secret:
            raise ConfigError(f"TSIG key {self.name}: the secret is empty")
        object.__setattr__(self, "_hmac", hmac.new(self.secret, digestmod=digest))
        object.__setattr__(self, "_owner", encode_name(self.name))
        object.__setattr__(self, "_algorithm", encode_name(self.algorithm))

    @classmethod
    def from_base64(cls, name: DnsName, algorithm: str, secret: str) -> Self:
        """Make a key from its secret as `tsig-keygen` and `keymgr` print it.

        Raises:
            ConfigError: the secret is no base64, or see the class.
        """
        try:
            octets = base64.b64decode(secret.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigError(
                f"TSIG key {name}: the secret is not base64",
                remedy="copy what stands between the quotes after `secret` in the key's file",
            ) from None
        return cls(name, algorithm, octets)

    def new_mac(self, prior_mac: bytes = b"") -> "hmac.HMAC":
        """Begin a MAC, bound to an earlier one: the request's, or the last one of a stream."""
        mac = self._hmac.copy()
        if prior_mac:
            mac.update(len(prior_mac).to_bytes(2, "big") + prior_mac)
        return mac

    def sign(self, message: bytes, at_s: int) -> tuple[bytes, bytes]:
        """Return the signed message and its MAC, which the reply will be bound to.

        Raises:
            MessageTooLarge: it does not fit with the signature.
        """
        timers = _TIMERS.pack(at_s >> 32 & 0xFFFF, at_s & 0xFFFFFFFF, FUDGE_S)
        mac = self._hmac.copy()
        mac.update(message + self._owner + _CLASS_AND_TTL + self._algorithm + timers + b"\0\0\0\0")
        digest = mac.digest()
        rdata = (
            self._algorithm + timers + len(digest).to_bytes(2, "big") + digest + message[:2]
        ) + b"\0\0\0\0"
        fixed = struct.pack(">HHIH", TYPE_TSIG, CLASS_ANY, 0, len(rdata))
        count = int.from_bytes(message[_COUNT_AT : _COUNT_AT + 2], "big") + 1
        head = message[:_COUNT_AT] + count.to_bytes(2, "big") + message[_COUNT_AT + 2 :]
        signed = head + self._owner + fixed + rdata
        if len(signed) > MESSAGE_LENGTH_MAX:
            raise MessageTooLarge(len(signed))
        return signed, digest

    def verifies(self, message: bytes, signature: Signature, request_mac: bytes) -> bool:
        """Whether this key signed a reply to the request with this MAC."""
        if signature.name != self.name or signature.algorithm != self.algorithm:
            return False
        mac = self.new_mac(request_mac)
        mac.update(signed_part(message, signature))
        mac.update(self._owner + _CLASS_AND_TTL + self._algorithm + timers_of(signature))
        mac.update(_ERROR.pack(signature.error, len(signature.other)) + signature.other)
        return hmac.compare_digest(mac.digest(), signature.mac)


def signed_part(message: bytes, signature: Signature) -> bytes:
    """Return the message as it was when it was signed: its number, and no TSIG record yet."""
    count = int.from_bytes(message[_COUNT_AT : _COUNT_AT + 2], "big") - 1
    return b"".join(
        (
            signature.original_id.to_bytes(2, "big"),
            message[2:_COUNT_AT],
            count.to_bytes(2, "big"),
            message[_COUNT_AT + 2 : signature.start],
        )
    )


def timers_of(signature: Signature) -> bytes:
    """Return a signature's time and fudge as they were signed."""
    at_s = signature.signed_at_s
    return _TIMERS.pack(at_s >> 32, at_s & 0xFFFFFFFF, signature.fudge_s)
