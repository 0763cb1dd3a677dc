"""The shared vocabulary of detection: what is counted, and where nothing is known.

Reports are counted, not kept: one dense array `service x country` a minute, in a ring. Everything that
follows (windows, pools, tests) is a sum over it, so one process holds all of 3,500 services in 60
countries in some tens of megabytes. Late reports are put where they belong; the window sums follow,
because they are kept beside the ring and not accumulated by whoever reads them.

The trap: *silence is not health*. A cell of zeros says "nobody complained" only while its source is
alive; `Tick.live` says so, and nothing downstream reads a zero of a dead source.

A minute is the number of whole minutes since 1970-01-01 UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outlast.detect.compiled import compiled
from outlast.detect.kinds import Evidence as Evidence  # noqa: PLC0414 - a part of the vocabulary
from outlast.detect.kinds import Road as Road  # noqa: PLC0414 - a part of the vocabulary
from outlast.model.errors import Bug

Counts = NDArray[np.int32]
Reals = NDArray[np.float64]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

RING_MINUTES = 64
"""How far back a late report still finds its minute; beyond it goes to history alone."""

WINDOWS_MINUTES = (1, 2, 5, 15)
"""Lengths of the windows that are summed. Each is at most the ring's length."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What the rows and columns of all arrays mean. Codes are positions in these tuples.

    Attributes:
        services: names, unique.
        countries: ISO 3166-1 alpha-2 codes, unique; `ZZ` where a report does not say.
        categories: one word for each service, such as `bank`; empty words belong to no category. An
            empty tuple: no service has one.
    """

    services: tuple[str, ...]
    countries: tuple[str, ...]
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len({*self.services}) != len(self.services):
            raise ValueError("a service stands twice in the grid")
        if len({*self.countries}) != len(self.countries):
            raise ValueError("a country stands twice in the grid")
        if self.categories and len(self.categories) != len(self.services):
            raise ValueError("categories are given for some services only")

    @property
    def shape(self) -> tuple[int, int]:
        """Services, countries."""
        return len(self.services), len(self.countries)

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.services) * len(self.countries)

    def flat(self, service: int, country: int) -> int:
        """Return the position of a cell in a flat array."""
        return service * len(self.countries) + country


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of counts that were put in: numbers of reports."""

    kept: int = 0
    late: int = 0
    early: int = 0

    def __add__(self, other: "Placed") -> "Placed":
        return Placed(self.kept + other.kept, self.late + other.late, self.early + other.early)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSeen:
    """What probes of one subject came to in a minute.

    Attributes:
        subject: what was probed: the name of a service or of a candidate cause.
        country: from where; empty: not stated.
        place: which vantage; two in one country are two.
    """

    subject: str
    good: bool
    road: Road = Road.RESOLVED
    country: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a supplier's status page says of a service at the moment."""

    service: str
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One closed minute, or one closed step of a coarser series.

    Attributes:
        minute: its number.
        sums: for each window the counts up to and including this minute; shape (windows, services,
            countries). The first is the minute itself. A view: read it before the ring moves on.
        live: for each country column whether the source of its reports is alive.
        probes, notices: the other two classes of evidence, as they stand at this minute.
    """

    minute: int
    sums: Counts
    live: Flags
    probes: Sequence[ProbeSeen] = ()
    notices: Sequence[Notice] = ()


class Cells:
    """The ring of minutes and the window sums over it."""

    __slots__ = ("_ring", "_sums", "grid", "newest", "windows")

    def __init__(
        self,
        grid: Grid,
        start: int,
        *,
        ring: int = RING_MINUTES,
        windows: Sequence[int] = WINDOWS_MINUTES,
    ) -> None:
        """Begin at a minute, with nothing counted.

        Raises:
            ValueError: the first window is not one minute, or one is longer than the ring.
        """
        if windows[0] != 1 or max(windows) > ring:
            raise ValueError("the first window is one minute, and none is longer than the ring")
        self.grid = grid
        self.newest = start
        self.windows = tuple(windows)
        self._ring: Counts = np.zeros((ring, grid.size), np.int32)
        self._sums: Counts = np.zeros((len(windows), grid.size), np.int32)

    @property
    def nbytes(self) -> int:
        """Memory that the counts take, in bytes; constant."""
        return self._ring.nbytes + self._sums.nbytes

    @property
    def kept(self) -> tuple[Counts, Counts]:
        """The minutes in the ring and the sums of the windows, each over flat cells; no copies."""
        return self._ring, self._sums

    def put(self, minute: int, cells: Codes, numbers: Counts | None = None) -> Placed:
        """Count reports of one minute: flat positions of cells, repeated ones add up.

        A minute after `newest` is early and refused: call `advance` first. One that has left the ring
        is late and refused: its place is history.
        """
        total = len(cells) if numbers is None else int(numbers.sum())
        if minute > self.newest:
            return Placed(early=total)
        age = self.newest - minute
        if age >= len(self._ring):
            return Placed(late=total)
        if len(cells) and not 0 <= int(cells.min()) <= int(cells.max()) < self.grid.size:
            raise Bug("a report was coded for a cell beyond the grid")
        rows = np.array([row for row, window in enumerate(self.windows) if age < window], np.int64)
        _put(self._ring[minute % len(self._ring)], self._sums, rows, cells, numbers)
        return Placed(kept=total)

    def put_dense(self, minute: int, counts: Counts) -> Placed:
        """Count reports of one minute, given for every cell, flat or (services, countries)."""
        flat = counts.reshape(self.grid.size)
        total = int(flat.sum())
        age = self.newest - minute
        if age < 0:
            return Placed(early=total)
        if age >= len(self._ring):
            return Placed(late=total)
        self._ring[minute % len(self._ring)] += flat
        for row, window in enumerate(self.windows):
            if age < window:
                self._sums[row] += flat
        return Placed(kept=total)

    def advance(self, minute: int) -> None:
        """Begin a later minute; those between are empty. An earlier one changes nothing."""
        ring = len(self._ring)
        if minute - self.newest >= ring:
            self._ring[:] = 0
            self._sums[:] = 0
            self.newest = minute
        while self.newest < minute:
            self.newest += 1
            for row, window in enumerate(self.windows):
                self._sums[row] -= self._ring[(self.newest - window) % ring]
            self._ring[self.newest % ring] = 0

    def carry(self, old: "Cells", cells: Codes) -> None:
        """Take over another's minutes.

        Args:
            cells: for each cell here its position there; -1: it is new.
        """
        here = np.flatnonzero(cells >= 0)
        self.newest = old.newest
        for mine, theirs in zip(self.kept, old.kept, strict=True):
            mine[:, here] = theirs[:, cells[here]]

    def at(self, minute: int) -> Counts:
        """Return the counts of a minute in the ring, shape (services, countries); a view.

        Raises:
            KeyError: the minute has left the ring, or is not here yet.
        """
        if not 0 <= self.newest - minute < len(self._ring):
            raise KeyError(minute)
        counts: Counts = self._ring[minute % len(self._ring)].reshape(self.grid.shape)
        return counts

    def tick(
        self,
        *,
        live: Flags | None = None,
        probes: Sequence[ProbeSeen] = (),
        notices: Sequence[Notice] = (),
    ) -> Tick:
        """Return the newest minute as the detector reads it; without `live` every source is alive."""
        services, countries = self.grid.shape
        return Tick(
            minute=self.newest,
            sums=self._sums.reshape(len(self.windows), services, countries),
            live=np.ones(countries, np.bool_) if live is None else live,
            probes=probes,
            notices=notices,
        )


@compiled
def _put(minute: Counts, sums: Counts, rows: Codes, cells: Codes, numbers: Counts | None) -> None:
    """Add numbers, one each without, to cells of a minute and of the windows in these rows."""
    for at in range(len(cells)):
        cell = cells[at]
        number = 1 if numbers is None else numbers[at]
        minute[cell] += number
        for row in rows:
            sums[row, cell] += number
