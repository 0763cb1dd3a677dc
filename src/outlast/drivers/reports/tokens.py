"""Tokens: who may hand in reports in bulk, and say for each whose it is.

A token is 32 random bytes, shown once. Kept is its SHA-256 alone: so much randomness needs no salt and no
slow hash, which are for passwords. A token that is presented is compared with every one there is, in constant
time each, so that neither a wrong first byte nor a place in the list can be measured.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from outlast.model.errors import ConfigError

PREFIX = "outlast_"
"""Lets scanners for leaked secrets know what they have found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Somebody who passes on reports.

    Attributes:
        name: for people, and for telling which source has gone silent.
        sha256: of the token, in hex.
        since_s: when it was made, seconds since 1970.
        reports_s: how many reports a second it may hand in.
        countries: those of which it is the ear: while it is silent, nothing is known of them.
        until_s: when the token ends, seconds since 1970; 0: never. Its successor is known meanwhile.
    """

    name: str
    sha256: str
    since_s: int
    reports_s: int = 200_000
    countries: tuple[str, ...] = ()
    until_s: int = 0


def make_token() -> str:
    """Return a new token."""
    return PREFIX + secrets.token_urlsafe(32)


def fingerprint(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_source(sources: Sequence[Source], token: str, now_s: float = 0.0) -> Source | None:
    """Return the source that a token belongs to, if it has not ended."""
    presented = fingerprint(token)
    found: Source | None = None
    for one in sources:
        if hmac.compare_digest(one.sha256, presented) and not 0 < one.until_s <= now_s:
            found = one
    return found


def renewed(sources: Sequence[Source], made: Source | None, name: str, ends_s: int) -> list[Source]:
    """Return the sources with a new token for one of them; its older ones end.

    Args:
        made: None: there is no new one.
        ends_s: when the older ones end, seconds since 1970; 0: at once.
    """
    others = [one for one in sources if one.name != name]
    older = [one for one in sources if one.name == name and ends_s]
    ending = [replace(one, until_s=min(one.until_s or ends_s, ends_s)) for one in older]
    return [*others, *ending, *([made] if made is not None else [])]


def read_sources(path: Path) -> tuple[Source, ...]:
    """Return the sources in a file; none if there is no file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        if not path.exists():
            return ()
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[Source]))
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"the tokens in {path} cannot be read: {error}",
            remedy="restore the file, or delete it and make new ones: outlast reports token",
        ) from error


def write_sources(path: Path, sources: Sequence[Source]) -> None:
    """Write the sources, readable by the owner alone.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(list(sources))))
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"the tokens cannot be written to {path}: {error}") from error
