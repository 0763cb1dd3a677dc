"""Accounts and tokens of the board: one file in the state folder, readable by its owner alone.

In a file and not in the store: a store can be lost, shared or read by others, and whoever may write to this
file may already do everything that the board can. Passwords are hashed with Argon2id as argon2-cffi sets it
(RFC 9106, low memory). Tokens are 32 random bytes, shown once: nobody guesses those, so one SHA-256 is
enough, and a thousand requests a second do not cost a thousand Argon2s.
"""

import contextlib
import fcntl
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from outlast.glass.access import Role, Who
from outlast.model.errors import ConfigError
from outlast.model.units import Nanos

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
PASSWORD_MIN = 15
"""Characters: NIST SP 800-63B-4, 3.1.1.2, for a password that stands alone. Nothing else is asked of it."""
PASSWORD_MAX = 1024
PREFIX = "outlast_"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's account.

    Attributes:
        password: its Argon2id hash, with parameters and salt.
    """

    name: str
    role: Role
    password: str = field(repr=False)
    made_ns: Nanos
    disabled: bool = False

    @property
    def who(self) -> Who:
        """Who that is."""
        return Who(name=self.name, role=self.role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A machine's token.

    Attributes:
        owner: the account that answers for it; with that it ends.
        digest: SHA-256 of the secret, in hexadecimal.
        until_ns: when it ends; 0: when it is revoked.
    """

    name: str
    owner: str
    role: Role
    digest: str = field(repr=False)
    made_ns: Nanos
    until_ns: Nanos = Nanos(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everybody who is known."""

    accounts: tuple[Account, ...] = ()
    tokens: tuple[Token, ...] = ()

    def account(self, name: str) -> Account | None:
        """Return an account, disabled or not."""
        return next((one for one in self.accounts if one.name == name), None)

    def token(self, name: str) -> Token | None:
        """Return a token, over or not."""
        return next((one for one in self.tokens if one.name == name), None)

    def role_of(self, name: str, now_ns: int) -> Role | None:
        """Return what an account or a token may do now; None: nothing any more."""
        account = self.account(name)
        if account is not None:
            return None if account.disabled else account.role
        token = self.token(name)
        who = self._whose(token, now_ns) if token is not None else None
        return who.role if who is not None else None

    def bearer(self, secret: str, now_ns: int) -> Who | None:
        """Return whose token that is; None: nobody's, revoked, or over."""
        digest = digest_of(secret)
        for one in self.tokens:
            if hmac.compare_digest(one.digest, digest):
                return self._whose(one, now_ns)
        return None

    def _whose(self, token: Token, now_ns: int) -> Who | None:
        """Return who a token is by now: never more than its owner is."""
        owner = self.account(token.owner)
        if owner is None or owner.disabled or (token.until_ns and now_ns >= token.until_ns):
            return None
        role = Role.READER if owner.role is Role.READER else token.role
        return Who(name=token.name, role=role, owner=owner.name)

    def with_account(self, account: Account) -> "Known":
        """Return what is known with an account put in, in the place of one of the same name."""
        others = (one for one in self.accounts if one.name != account.name)
        every = sorted((*others, account), key=lambda one: one.name)
        return replace(self, accounts=tuple(every))

    def with_token(self, token: Token) -> "Known":
        """Return what is known with a token put in."""
        every = sorted((*self.tokens, token), key=lambda one: one.name)
        return replace(self, tokens=tuple(every))

    def without_token(self, name: str) -> "Known":
        """Return what is known without a token."""
        return replace(self, tokens=tuple(one for one in self.tokens if one.name != name))


_KNOWN = msgspec.json.Decoder(Known)


def digest_of(secret: str) -> str:
    """Return what is kept of a token's secret."""
    return sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """Return a token's secret; whoever finds one in the wild can tell whose kind it is."""
    return PREFIX + secrets.token_urlsafe(32)


def check_name(name: str) -> str:
    """Return a name that an account or token may have.

    Raises:
        ConfigError: it may not.
    """
    if NAME.match(name) is None:
        raise ConfigError(
            f"{name!r} is no name for an account",
            remedy="use up to 40 lower-case letters, digits, dots, hyphens and underscores",
        )
    return name


class Passwords:
    """Hashes and checks passwords.

    Args:
        hasher: how; tests choose a cheaper one.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = ""

    def hash(self, password: str) -> str:
        """Return the hash of a password.

        Raises:
            ConfigError: it is too short or far too long.
        """
        if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
            raise ConfigError(
                f"the password has {len(password)} characters; {PASSWORD_MIN} to {PASSWORD_MAX} are needed",
                remedy="take a sentence that nobody would guess; it needs no digits or signs",
            )
        return self._hasher.hash(password)

    def check(self, account: Account | None, password: str) -> bool:
        """Return whether this is the password of an account that may log in; it always takes as long."""
        # What a name that nobody has is checked against, so that it takes as long as one that somebody has.
        self._nobody = self._nobody or self._hasher.hash(secrets.token_urlsafe(16))
        usable = account is not None and not account.disabled and len(password) <= PASSWORD_MAX
        stored = account.password if account is not None and usable else self._nobody
        try:
            self._hasher.verify(stored, password if usable else "")
        except (VerificationError, InvalidHashError):
            return False
        return usable


class AccountFile:
    """Everybody who is known, as they stand in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._known = Known()

    def read(self) -> Known:
        """Return who is known now; the file is read again when it was changed.

        Raises:
            ConfigError: it cannot be read. Then nobody is let in.
        """
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if stamp != self._seen:
                self._known = _KNOWN.decode(self._path.read_bytes())
                self._seen = stamp
        except FileNotFoundError:
            self._seen, self._known = None, Known()
        except (OSError, msgspec.DecodeError) as error:
            self._seen = None
            raise ConfigError(
                f"the accounts in {self._path} cannot be read: {error}",
                remedy="restore the file, or delete it and add the accounts again",
            ) from error
        return self._known

    def change(self, make: Callable[[Known], tuple[Known, T]]) -> T:
        """Change who is known, one process at a time.

        Args:
            make: is given who is known; returns who is to be, and whatever its caller wants.

        Raises:
            ConfigError: the file cannot be read or written, or `make` refuses; nothing was changed.
        """
        with self._locked():
            known, answer = make(self.read())
            self._write(known)
        return answer

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._path.with_name(f"{self._path.name}.lock")
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, known: Known) -> None:
        """Put a whole new file in the place of the old one: a reader sees one or the other."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(known)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"the accounts in {self._path} cannot be written: {error.strerror}",
            remedy="make the state folder writable for you",
        )
