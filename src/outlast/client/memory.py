"""The small file that lets a restart in the middle of an outage still find its names.

JSON, replaced as a whole (`os.replace`), so that a reader sees the old one or the new one. Several processes
may share it: each writes what it knows joined to what it finds, the younger answer of a name wins. A file
that cannot be read is set aside under another name with a warning, and names start unknown: it is a memory,
and no reason not to start.

Times in it are the wall clock's. A file "from the future" counts as written now, since a clock that was set
back must not age answers; ages count on from the file's time at the next start.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outlast.client.errors import MemoryDamaged

FORMAT = "outlast names 1"

ENTRIES_MAX = 10_000
"""More names than any client has; a bound, so that a damaged writer cannot fill a disk."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """One name's answer: its addresses and the wall-clock second when it was confirmed."""

    addresses: tuple[str, ...]
    confirmed_at_s: float


Memory = Mapping[tuple[str, int], Remembered]


def load(path: Path) -> Memory:
    """Read a file; a missing one is empty, a damaged one is set aside with a warning."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        warnings.warn(f"{path} cannot be read ({error}); names start unknown", MemoryDamaged, 2)
        return {}
    try:
        return _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        aside = path.with_name(f"{path.name}.damaged")
        _set_aside(path, aside)
        warnings.warn(
            f"{path} is damaged ({error}); it now is {aside.name}, names start unknown",
            MemoryDamaged,
            2,
        )
        return {}


def save(path: Path, known: Memory) -> None:
    """Join what is known to what the file holds, and replace it.

    Raises:
        OSError: it cannot be written.
    """
    joined = dict(load(path))
    for key, one in known.items():
        if key not in joined or joined[key].confirmed_at_s <= one.confirmed_at_s:
            joined[key] = one
    youngest = sorted(joined.items(), key=lambda item: -item[1].confirmed_at_s)[:ENTRIES_MAX]
    names = [
        [name, family, one.confirmed_at_s, list(one.addresses)] for (name, family), one in youngest
    ]
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump({"format": FORMAT, "names": names}, file)
        os.replace(temporary, path)  # noqa: PTH105 - the atomic one, by its own name
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _parse(data: Any) -> Memory:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r} is not known")
    found: dict[tuple[str, int], Remembered] = {}
    for name, family, confirmed_at_s, addresses in data["names"]:
        if (
            not isinstance(name, str)
            or not addresses
            or not all(isinstance(a, str) for a in addresses)
        ):
            raise ValueError(f"the entry of {name!r} is not readable")
        found[name, int(family)] = Remembered(tuple(addresses), float(confirmed_at_s))
    return found


def _set_aside(path: Path, aside: Path) -> None:
    try:
        path.replace(aside)
    except OSError as error:
        warnings.warn(f"{path} could not be set aside: {error}", MemoryDamaged, 3)
