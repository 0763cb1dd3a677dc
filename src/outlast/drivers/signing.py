"""Signing plans: Ed25519 (RFC 8032), so that anybody can tell a plan of ours from one that was made up.

The planner signs; enactors carry the signature into the fence and hold no key. So whoever breaks into an
enactor, or holds the DNS credentials, can publish something else, but cannot make it look like a plan: one
`dig TXT` of the fence shows generation, digest and signature, and `outlast check` recomputes all three.
"""

import base64
import binascii
from dataclasses import replace
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from outlast.model.errors import ConfigError
from outlast.model.fence import Fence, signed_text
from outlast.model.names import DnsName
from outlast.model.plan import Plan

PUBLIC_PREFIX = "outlast-key1 "
KEY_BYTES = 32


def encode(data: bytes) -> str:
    """Return bytes as lower-case base32 without padding: PowerDNS compares TXT regardless of case."""
    return base64.b32encode(data).decode().rstrip("=").lower()


def decode(text: str) -> bytes:
    """Read what `encode` wrote.

    Raises:
        ValueError: it is something else.
    """
    upper = text.upper()
    try:
        return base64.b32decode(upper + "=" * (-len(upper) % 8))
    except binascii.Error as error:
        raise ValueError(f"{text!r} is no base32") from error


class PlanSigner:
    """Signs plans with one key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        """Make a fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_secret(cls, secret: str) -> Self:
        """Take a key from its base64 text.

        Raises:
            ConfigError: it is no key. The message does not repeat it.
        """
        try:
            return cls(
                Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret, validate=True))
            )
        except (binascii.Error, ValueError):
            raise ConfigError(
                "the signing key is not the base64 text of 32 bytes",
                remedy="make one: outlast keys make FILE",
            ) from None

    @property
    def secret(self) -> str:
        """The key's base64 text, for a file that only the planner can read."""
        return base64.b64encode(self._key.private_bytes_raw()).decode()

    @property
    def public(self) -> str:
        """The public key as it is published."""
        return PUBLIC_PREFIX + encode(self._key.public_key().public_bytes_raw())

    def sign(self, plan: Plan) -> Plan:
        """Return a plan with its signature. The same plan gets the same one, however often it is signed."""
        text = signed_text(plan.layout.fence_at, plan.generation, plan.digest)
        return replace(plan, signature=encode(self._key.sign(text)))


def read_public(text: str) -> Ed25519PublicKey:
    """Read a public key as it is published, with or without its prefix.

    Raises:
        ConfigError: it is none.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(
            decode(text.strip().strip('"').removeprefix(PUBLIC_PREFIX))
        )
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no public key of Outlast",
            remedy="`outlast keys show FILE` prints it: outlast-key1 and 52 letters and digits",
        ) from error


def is_signed_by(key: Ed25519PublicKey, fence_at: DnsName, fence: Fence) -> bool:
    """Whether a fence carries the key's signature for its content, number and place."""
    try:
        key.verify(decode(fence.signature), signed_text(fence_at, fence.generation, fence.digest))
    except (InvalidSignature, ValueError):
        return False
    return True
