"""Units: the only place where one unit becomes another.

Every instant inside Outlast is an integer count of nanoseconds since 1970-01-01 UTC (`Nanos`), and
every length of time in code is either nanoseconds (`_ns`) or, where DNS itself says seconds, seconds
(`_s`). The unit stands last in the name. Floats never carry time: two instants that should be equal
must be equal.
"""

from datetime import UTC, datetime
from typing import NewType

Nanos = NewType("Nanos", int)
"""An instant, or a length of time, in nanoseconds. Instants count from 1970-01-01 UTC."""

Generation = NewType("Generation", int)
"""The number of a plan. Grows by at least one with each plan of an endpoint; never reused."""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

NO_GENERATION = Generation(0)
"""The generation of a provider that holds no fence of ours."""


def seconds(count: float) -> Nanos:
    """Turn seconds into nanoseconds, rounded to the nearest one."""
    return Nanos(round(count * NS_PER_S))


def millis(count: float) -> Nanos:
    """Turn milliseconds into nanoseconds, rounded to the nearest one."""
    return Nanos(round(count * NS_PER_MS))


def as_seconds(length_ns: int) -> float:
    """Turn a length in nanoseconds into seconds, for people and for `asyncio`."""
    return length_ns / NS_PER_S


def utc(at_ns: int) -> datetime:
    """Turn an instant into a `datetime` in UTC, for people."""
    return datetime.fromtimestamp(at_ns / NS_PER_S, tz=UTC)


def iso(at_ns: int) -> str:
    """Print an instant as people and logs write it: `2025-10-20T06:48:00Z`, milliseconds cut off."""
    return utc(at_ns).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_iso(text: str) -> Nanos:
    """Read an instant as people write it: `2025-10-20T06:48:00Z`; without a zone it is UTC.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text)
    return seconds(found.replace(tzinfo=found.tzinfo or UTC).timestamp())
