"""Identity: who reported, made into a number that tells nobody who it was.

A reporter is an address, a device or an account: personal data, of which detection needs only whether two
reports are of one reporter. So each is hashed with a secret key the moment it is read, and the clear text
goes no further. The key rotates; with the old key gone the numbers of yesterday can be tied to nobody, not
even by us. Keys lie in a file of their own, readable by its owner alone, never beside the journal's bytes.

The hash is AES-128 in CBC-MAC over exactly two blocks, truncated to 64 bits: for messages of one fixed
length that is a pseudo-random function (Bellare, Kilian, Rogaway 1994), and AES instructions hash a whole
batch in the time that one `blake2b` object takes to be made. What is longer than two blocks, or not ASCII, is
first squeezed to 32 characters.

A plain hash would be none: there are only four billion IPv4 addresses to try.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from outlast.detect.seen import Hashes
from outlast.model.errors import ConfigError

KEY_BYTES = 16
ID_BYTES = 32
"""Two blocks of AES; what people use as identities of devices is shorter."""

ROTATION_S = 86_400
"""How long one key lives. It must be longer than the window within which one report counts."""

_AGAIN_S = 60

PREFIX_4, PREFIX_6 = 24, 48
"""What counts as one network: what one household or office is usually given, or less."""


@dataclass(frozen=True, slots=True)
class Key:
    """A secret and when it was made, in seconds since 1970."""

    secret: bytes
    since_s: int


class Identity:
    """Hashes reporters and networks under the key of the day."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self._mac = _cipher(key.secret)

    def of(self, names: Sequence[str]) -> Hashes:
        """Return a hash for each name; equal names have equal ones until the key rotates."""
        texts = [one if len(one) <= ID_BYTES and one.isascii() else _squeezed(one) for one in names]
        blocks = np.array(texts, dtype=f"S{ID_BYTES}").view(np.uint64).reshape(-1, 2, 2)
        first = np.frombuffer(self._mac.update(blocks[:, 0].tobytes()), np.uint64).reshape(-1, 2)
        last = self._mac.update((first ^ blocks[:, 1]).tobytes())
        out: Hashes = np.frombuffer(last, np.uint64).reshape(-1, 2)[:, 0].copy()
        return out


def _cipher(secret: bytes) -> CipherContext:
    return Cipher(algorithms.AES(secret), modes.ECB()).encryptor()  # noqa: S305 - the MAC's block step


def _squeezed(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@lru_cache(maxsize=65_536)
def network_of(host: str) -> str:
    """Return the network that an address belongs to, for the caps; empty if it is no address.

    An IPv4 address that comes dressed as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address, else a dual-stack
    listener would put the whole of IPv4 into one network.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    bits = PREFIX_4 if address.version == 4 else PREFIX_6
    return str(ip_network(f"{address}/{bits}", strict=False))


def make_secret() -> bytes:
    """Return a key for one run, which nobody keeps."""
    return secrets.token_bytes(KEY_BYTES)


def keep_key(path: Path, now_s: int) -> Key:
    """Return the key in a file; make a new one where there is none, or where it is too old.

    Raises:
        ConfigError: the file cannot be read or written.
    """
    try:
        if path.exists():
            key = msgspec.json.decode(path.read_bytes(), type=Key)
            if now_s - key.since_s < ROTATION_S:
                return key
        key = Key(make_secret(), now_s)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(key))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"the key for reporters in {path} cannot be used: {error}",
            remedy="delete the file: a new key is made, and reporters of the last hours may count twice",
        ) from error
    return key


class Rotating:
    """The identity of the day, while the process runs.

    A key that cannot be changed goes on being used: reports must not be lost for it. It is said once, and
    tried again every minute.
    """

    def __init__(self, path: Path, say: Callable[[str, str], None]) -> None:
        """Make it.

        Args:
            say: told what went wrong, as a kind and a text.
        """
        self._path = path
        self._say = say
        self._identity: Identity | None = None
        self._again_s = 0

    def identity(self, now_s: int) -> Identity:
        """Return the identity for this second.

        Raises:
            ConfigError: there is no key at all.
        """
        known = self._identity
        if known is None:
            known = self._identity = Identity(keep_key(self._path, now_s))
        elif now_s - known.key.since_s >= ROTATION_S and now_s >= self._again_s:
            self._again_s = now_s + _AGAIN_S
            try:
                known = self._identity = Identity(keep_key(self._path, now_s))
            except ConfigError as error:
                self._say("lost", error.what)
        return known
