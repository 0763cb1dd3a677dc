"""Review: names that people report and the topology does not know, kept apart for people to look at.

Half of them are misspelt, some are a service that somebody forgot to enter, and in a bad hour most are
abuse. So the number of names is bounded: when it is full, the rarest half goes.

People decide with `outlast reports review`: a name stands for a service from then on, or is never shown
again. Both files lie in the state folder, readable by its owner alone: what people type into a field can be
anything, their own name included. None of it goes into the journal or the audit trail.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from outlast.model.errors import ConfigError

NAMES_MAX = 10_000
T = TypeVar("T")

WAITING, RULES = "review.json", "names.json"


@dataclass(frozen=True, slots=True)
class Named:
    """An unknown name.

    Attributes:
        first_s, last_s: when it came, in seconds since 1970.
    """

    name: str
    reports: int
    first_s: int
    last_s: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What people decided.

    Attributes:
        accepted: names with the service that each stands for.
        ignored: names that are not shown again.
    """

    accepted: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def read_decided(folder: Path) -> Decided:
    """Return what was decided; nothing where there is no file.

    Raises:
        ConfigError: it cannot be read.
    """
    return _read(folder / RULES, Decided) or Decided()


def write_decided(folder: Path, decided: Decided) -> None:
    """Write what was decided.

    Raises:
        ConfigError: the file cannot be written.
    """
    _write(folder / RULES, decided)


def decide(before: Decided, accept: Iterable[tuple[str, str]], ignore: Iterable[str]) -> Decided:
    """Return what is decided with something more; the last word on a name holds."""
    accepted, ignored = dict(before.accepted), dict.fromkeys(before.ignored)
    for name, service in accept:
        accepted[name] = service
        ignored.pop(name, None)
    for name in ignore:
        ignored[name] = None
        accepted.pop(name, None)
    return Decided(accepted, tuple(ignored))


def shown(name: str) -> str:
    """Return a name as a terminal can bear it: whoever typed it may have meant the terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)


def read_waiting(folder: Path) -> list[Named]:
    """Return the names that wait, most frequent first.

    Raises:
        ConfigError: they cannot be read.
    """
    return _read(folder / WAITING, list[Named]) or []


class Review:
    """What waits to be looked at, most frequent first."""

    def __init__(self, folder: Path | None = None, limit: int = NAMES_MAX) -> None:
        """Begin with what was left in a folder; None: in memory alone.

        Raises:
            ConfigError: it cannot be read.
        """
        self._folder = folder
        self._limit = limit
        self._decided = Decided()
        self._names: dict[str, Named] = {}
        self._saved: tuple[Named, ...] = ()
        self.dropped = 0
        if folder is not None:
            self._decided = read_decided(folder)
            self._names = {one.name: one for one in read_waiting(folder)}

    @property
    def accepted(self) -> Mapping[str, str]:
        """Names that stand for a service."""
        return self._decided.accepted

    def read_rules(self) -> None:
        """Take over what people decided.

        Raises:
            ConfigError: it cannot be read; what was decided before holds.
        """
        if self._folder is None:
            return
        self._decided = read_decided(self._folder)
        gone = {one.lower() for one in (*self._decided.ignored, *self._decided.accepted)}
        self._names = {name: one for name, one in self._names.items() if name.lower() not in gone}

    def add(self, names: Mapping[str, int], now_s: int) -> None:
        """Take names with their numbers of reports."""
        ignored = {one.lower() for one in self._decided.ignored} if names else set[str]()
        for name, number in names.items():
            if name.lower() in ignored:
                continue
            known = self._names.get(name)
            if known is None:
                self._names[name] = Named(name, number, now_s, now_s)
            else:
                self._names[name] = Named(name, known.reports + number, known.first_s, now_s)
        if len(self._names) > self._limit:
            kept = self.most(self._limit // 2)
            self.dropped += len(self._names) - len(kept)
            self._names = {one.name: one for one in kept}

    def most(self, limit: int) -> list[Named]:
        """Return the most frequent names."""
        return sorted(self._names.values(), key=lambda one: (-one.reports, one.name))[:limit]

    def save(self) -> None:
        """Write what waits, if it changed.

        Raises:
            ConfigError: the file cannot be written.
        """
        waiting = tuple(self.most(self._limit))
        if self._folder is not None and waiting != self._saved:
            _write(self._folder / WAITING, waiting)
            self._saved = waiting


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", remedy="restore the file, or delete it"
        ) from error


def _write(path: Path, value: object) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(value)))
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error
