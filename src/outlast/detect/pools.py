"""The series that are watched: every cell, and sums over cells.

Most cells see a report an hour and could never speak alone. So a service is watched over all countries, a
country over all services, a category over both. One flat array holds them all, in that order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outlast.detect.cells import Codes, Counts, Grid
from outlast.detect.verdict import Scope, Series


@dataclass(frozen=True)
class Pools:
    """Where each series stands in the flat array."""

    grid: Grid

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories, in a fixed order."""
        return tuple(sorted({one for one in self.grid.categories if one}))

    @cached_property
    def category_of(self) -> Codes:
        """For each service the code of its category; -1: none."""
        codes = {one: code for code, one in enumerate(self.categories)}
        words = self.grid.categories or ("",) * len(self.grid.services)
        return np.array([codes.get(one, -1) for one in words], np.int64)

    @cached_property
    def bounds(self) -> dict[Scope, tuple[int, int]]:
        """For each scope where its series begin and end."""
        services, countries = self.grid.shape
        sizes = {
            Scope.CELL: self.grid.size,
            Scope.SERVICE: services,
            Scope.COUNTRY: countries,
            Scope.CATEGORY: len(self.categories),
        }
        ends = np.cumsum([*sizes.values()]).tolist()
        return {
            scope: (end - size, end) for (scope, size), end in zip(sizes.items(), ends, strict=True)
        }

    @property
    def count(self) -> int:
        """The number of series."""
        return self.bounds[Scope.CATEGORY][1]

    @cached_property
    def groups(self) -> Codes:
        """Whose profile each series shares: cells that of their country, the others their own."""
        _, countries = self.grid.shape
        cells = np.arange(self.grid.size) % countries
        others = np.arange(self.count - self.grid.size) + countries
        return np.concatenate([cells, others]).astype(np.int64)

    def scope(self, at: int) -> Scope:
        """Return the scope of a position."""
        return next(one for one, (_, end) in self.bounds.items() if at < end)

    def series(self, at: int) -> Series:
        """Return the series at a position."""
        scope = self.scope(at)
        place = at - self.bounds[scope][0]
        match scope:
            case Scope.CELL:
                service, country = divmod(place, self.grid.shape[1])
                return Series(
                    scope,
                    service=self.grid.services[service],
                    country=self.grid.countries[country],
                )
            case Scope.SERVICE:
                return Series(scope, service=self.grid.services[place])
            case Scope.COUNTRY:
                return Series(scope, country=self.grid.countries[place])
            case Scope.CATEGORY:
                return Series(scope, category=self.categories[place])

    def sums(self, windows: Counts) -> list[Counts]:
        """Return the counts of all series for each window, from an array (windows, services, countries)."""
        return [self._flat(one) for one in windows]

    def _flat(self, cells: Counts) -> Counts:
        services: Counts = cells.sum(axis=1, dtype=np.int32)
        countries: Counts = cells.sum(axis=0, dtype=np.int32)
        parts: Sequence[Counts] = (cells.reshape(-1), services, countries)
        if self.categories:
            known = self.category_of >= 0
            sums = np.bincount(self.category_of[known], services[known], len(self.categories))
            parts = (*parts, sums.astype(np.int32))
        return np.concatenate(parts)
