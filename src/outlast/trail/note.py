"""Signed notes and checkpoints: a few lines of text that say how the log stands, and who says so.

A checkpoint (C2SP tlog-checkpoint) is the body of a signed note (C2SP signed-note):

    outlast.example/trail          the origin: which log
    4242                           entries
    Zm9v...                        root, base64

    — outlast.example/trail 8Q5c...    one line a signer: name, then key id and signature, base64

The key id is the first four bytes of SHA-256 over name, newline, a byte for the kind of key, and the key,
so that a verifier finds its line among others'; lines of unknown signers are left alone, which is how
witnesses add theirs.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from outlast.trail.merkle import Hash

ED25519 = b"\x01"
DASH = "\u2014 "
NAME_MAX = 200


class NoteError(Exception):
    """A note or key is malformed, or nobody whom we trust signed it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How a log stands."""

    origin: str
    size: int
    root: Hash

    def body(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """Somebody's public key, by the name that stands beside its signatures."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Read a key as people pass it on: `name+id+base64`.

        Raises:
            NoteError: it is none.
        """
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise NoteError(f"{text.strip()[:40]!r} is no public key `name+id+base64`") from None
        found = cls(name, raw[1:])
        if raw[:1] != ED25519 or len(raw) != 33 or key_id != found.key_id.hex():
            raise NoteError(f"the public key of {name!r} is damaged: its parts do not fit together")
        _check_name(name)
        return found

    def verifies(self, body: str, signature: bytes) -> bool:
        """Return whether a signature is ours."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, body.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and its name. Never printed."""

    name: str
    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    @classmethod
    def of(cls, name: str, secret: bytes) -> "Signer":
        """Make a signer of 32 secret bytes."""
        _check_name(name)
        return cls(name, Ed25519PrivateKey.from_private_bytes(secret))

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, checkpoint: Checkpoint) -> str:
        """Return a checkpoint as a signed note."""
        body = checkpoint.body()
        line = self.verifier.key_id + self.private.sign(body.encode())
        return f"{body}\n{DASH}{self.name} {base64.b64encode(line).decode()}\n"


def to_line(note: str) -> str:
    """Return a signed note as one line, short enough for one string of a TXT record."""
    body, _, signature = note.partition("\n\n")
    return f"{' '.join(body.split())} {signature.split()[-1]}"


def of_line(line: str, trusted: Verifier) -> str:
    """Return the signed note that `to_line` was made of; its signature is still to be checked.

    Raises:
        NoteError: it is none.
    """
    try:
        origin, size, encoded, signature = line.split()
    except ValueError:
        raise NoteError(f"{line[:40]!r} is no checkpoint in one line") from None
    return f"{origin}\n{size}\n{encoded}\n\n{DASH}{trusted.name} {signature}\n"


def _check_name(name: str) -> None:
    if not name or len(name) > NAME_MAX or "+" in name or any(one.isspace() for one in name):
        raise NoteError(
            f"the name {name!r} must be one word of at most {NAME_MAX} letters without +"
        )


def open_checkpoint(note: str, trusted: Verifier) -> Checkpoint:
    """Read a signed note by the key of its log.

    Raises:
        NoteError: it is no checkpoint, or not signed by that key.
    """
    body, found, signatures = note.partition("\n\n")
    body += "\n"
    if not found or not any(
        trusted.verifies(body, signature) for signature in _signatures(signatures, trusted)
    ):
        raise NoteError(f"the checkpoint is not signed by {trusted.name} ({trusted.key_id.hex()})")
    lines = body.split("\n")
    try:
        origin, size, encoded = lines[0], int(lines[1]), lines[2]
        root = base64.b64decode(encoded, validate=True)
    except (IndexError, ValueError, binascii.Error):
        raise NoteError("the checkpoint is no origin, size and root") from None
    if len(root) != 32 or size < 0 or str(size) != lines[1] or not origin:
        raise NoteError("the checkpoint is no origin, size and root")
    if origin != trusted.name:
        raise NoteError(f"the checkpoint is of the log {origin!r}, not of {trusted.name!r}")
    return Checkpoint(origin, size, root)


def _signatures(text: str, trusted: Verifier) -> list[bytes]:
    found = []
    for line in text.splitlines():
        name, _, encoded = line.removeprefix(DASH).rpartition(" ")
        if not line.startswith(DASH) or name != trusted.name:
            continue
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        if raw[:4] == trusted.key_id:
            found.append(raw[4:])
    return found
