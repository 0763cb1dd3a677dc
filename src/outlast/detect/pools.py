"""The series that are watched: every cell, and sums over cells.

Most cells see a report an hour and could never speak alone. So a service is watched over all countries, a
country over all services, a category over both. One flat array holds them all, in that order.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outlast.detect.cells import Codes, Counts, Grid
from outlast.detect.compiled import compiled
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
    def members(self) -> dict[str, frozenset[str]]:
        """The services of each category."""
        found: dict[str, set[str]] = {}
        for service, category in zip(self.grid.services, self.grid.categories, strict=False):
            found.setdefault(category, set()).add(service)
        return {category: frozenset(mine) for category, mine in found.items()}

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

    def sums(self, windows: Counts, out: Counts) -> Counts:
        """Return the counts of all series for each window, from an array (windows, services, countries)."""
        return summed(windows, self.category_of, out)


@compiled
def summed(windows: Counts, category_of: Codes, out: Counts) -> Counts:
    """Put cells, services, countries and categories of each window beside each other into `out`."""
    lengths, services, countries = windows.shape
    cells = services * countries
    out[:, cells:] = 0
    for window in range(lengths):
        flat = windows[window].reshape(cells)
        copied, by_country = out[window, :cells], out[window, cells + services :][:countries]
        for cell in range(cells):
            copied[cell] = flat[cell]
        for service in range(services):
            mine, total = windows[window, service], 0
            for country in range(countries):
                total += mine[country]
            out[window, cells + service] = total
            if not total:
                continue
            for country in range(countries):
                by_country[country] += mine[country]
            if category_of[service] >= 0:
                out[window, cells + services + countries + category_of[service]] += total
    return out
