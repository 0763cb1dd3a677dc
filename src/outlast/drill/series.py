"""Series that only some services have: kept for these alone, laid out for all when somebody looks.

Leases belong to two services of six hundred; kept for all of them, a dozen such series would be most of
what a run holds in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(slots=True)
class _Part:
    """A series of some services [minute, row, region]."""

    rows: Places
    values: Array


class Series(Mapping[str, Array]):
    """Series by name [minute, service, region]; NaN where a service has none."""

    def __init__(self, minutes: int, services: int, regions: int) -> None:
        self._shape = (minutes, services, regions)
        self._parts: dict[str, list[_Part]] = {}

    def keep(self, name: str, minute: int, rows: Places, values: NDArray[np.float64]) -> None:
        """Write a minute of some services down."""
        parts = self._parts.setdefault(name, [])
        part = next((one for one in parts if np.array_equal(one.rows, rows)), None)
        if part is None:
            minutes, _, regions = self._shape
            blank = np.full((minutes, len(rows), regions), np.nan, dtype=np.float32)
            part = _Part(rows, blank)
            parts.append(part)
        part.values[minute] = values

    def lengthen(self, minutes: int) -> None:
        """Make room for so many minutes in all."""
        more = minutes - self._shape[0]
        self._shape = (minutes, *self._shape[1:])
        for part in (one for parts in self._parts.values() for one in parts):
            blank = np.full((more, *part.values.shape[1:]), np.nan, dtype=np.float32)
            part.values = np.concatenate([part.values, blank])

    def __getitem__(self, name: str) -> Array:
        found = np.full(self._shape, np.nan, dtype=np.float32)
        for one in self._parts[name]:
            found[:, one.rows] = one.values
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
