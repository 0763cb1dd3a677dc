"""History: every minute that was ever counted, as Parquet files, asked with DuckDB.

A file comes from one segment of the journal, or one import, and is named after it: making it twice makes the
same file, so a crash between "written" and "segment deleted" counts nothing twice. Rows are sums, so late
reports are simply more rows of an old minute. No reporter is in it, hashed or not.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, added, counts_of
from outlast.detect.intake import Intake
from outlast.drivers.reports.journal import Kind, Segment, batch_of
from outlast.model.errors import StoreError

SUFFIX = ".parquet"

_COLUMNS = pa.schema(
    [
        ("minute", pa.timestamp("s", tz="UTC")),
        ("service", pa.dictionary(pa.int32(), pa.string())),
        ("country", pa.dictionary(pa.int32(), pa.string())),
        ("reports", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class Point:
    """Reports of one step of time."""

    at_s: int
    reports: int


class History:
    """A folder of Parquet files."""

    def __init__(self, folder: Path) -> None:
        """Make the folder.

        Raises:
            StoreError: it cannot be made.
        """
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"no history can be kept in {folder}: {error}") from error

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return (self.folder / f"{name}{SUFFIX}").exists()

    def write(self, name: str, counts: MinuteCounts) -> None:
        """Write counts as a file of this name, in the place of one that may be there.

        Raises:
            StoreError: the disk is full or broken.
        """
        table = _table(counts)
        path = self.folder / f"{name}{SUFFIX}"
        beside = path.with_name(path.name + ".new")
        try:
            pq.write_table(table, beside, compression="zstd")
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise StoreError(
                f"{path} cannot be written: {error}",
                remedy="free space; the journal keeps what could not be moved to history",
            ) from error

    def series(
        self, since_s: int, until_s: int, step_s: int, *, service: str = "", country: str = ""
    ) -> list[Point]:
        """Return reports by step of time, steps without any left out.

        Args:
            service, country: empty: all of them.
        """
        rows = self._ask(
            """
            select (epoch(minute)::bigint // $step) * $step as begins, sum(reports)::bigint
            from counts
            where minute >= to_timestamp($since) and minute < to_timestamp($until)
              and ($service = '' or service = $service) and ($country = '' or country = $country)
            group by begins order by begins
            """,
            {
                "step": step_s,
                "since": since_s,
                "until": until_s,
                "service": service,
                "country": country,
            },
        )
        return [Point(int(at), int(number)) for at, number in rows]

    def minutes(self, since_s: int, until_s: int, grid: Grid) -> MinuteCounts:
        """Return the counts of a stretch of time in the codes of a grid, for what it has codes for."""
        with self._open() as found:
            services = pa.table({"name": grid.services, "code": np.arange(len(grid.services))})
            countries = pa.table({"name": grid.countries, "code": np.arange(len(grid.countries))})
            found.register("services", services)
            found.register("countries", countries)
            rows = found.execute(
                """
                select epoch(minute)::bigint // 60 as minute,
                       services.code * $width + coalesce(countries.code, $width - 1) as cell,
                       sum(reports)::integer as number
                from counts join services on services.name = counts.service
                     left join countries on countries.name = counts.country
                where minute >= to_timestamp($since) and minute < to_timestamp($until)
                group by 1, 2 order by 1, 2
                """,
                {"width": len(grid.countries), "since": since_s, "until": until_s},
            ).fetchnumpy()
        return MinuteCounts(
            grid,
            np.asarray(rows["minute"], np.int64),
            np.asarray(rows["cell"], np.int64),
            np.asarray(rows["number"], np.int32),
        )

    def _ask(self, query: str, values: dict[str, object]) -> list[tuple[Any, ...]]:
        with self._open() as found:
            return found.execute(query, values).fetchall()

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open a database in memory over the files.

        Raises:
            StoreError: the files cannot be read.
        """
        found = duckdb.connect(":memory:", config={"memory_limit": "1GB", "threads": "2"})
        found.execute("set timezone = 'UTC'")
        files = sorted(str(one) for one in self.folder.glob(f"*{SUFFIX}"))
        try:
            if files:
                found.read_parquet(files).create_view("counts")
            else:
                found.register("counts", _COLUMNS.empty_table())
        except duckdb.Error as error:
            found.close()
            raise StoreError(
                f"the history in {self.folder} cannot be read: {error}",
                remedy="move the damaged file away; the others still count",
            ) from error
        return found


def _table(counts: MinuteCounts) -> pa.Table:
    grid = counts.grid
    service, country = counts.cell // len(grid.countries), counts.cell % len(grid.countries)
    return pa.Table.from_arrays(
        [
            pa.array(counts.minute * 60).cast(_COLUMNS.field("minute").type),
            _named(service, grid.services),
            _named(country, grid.countries),
            pa.array(counts.number),
        ],
        schema=_COLUMNS,
    )


def _named(codes: np.typing.NDArray[np.int64], names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names))


def name_of(segment: Segment) -> str:
    """Return the name of the file that a segment becomes."""
    return f"segment-{segment.number:010d}"


def settle(segment: Segment, history: History, intake: Intake) -> MinuteCounts | None:
    """Move a closed segment to history; return its counts, None where it held none.

    Each reporter counts once, even where a failed write left its report twice in the journal.
    """
    parts: list[MinuteCounts] = []
    grid: Grid | None = None
    for grid, record in segment.read():
        if record.kind is Kind.ROWS:
            batch = batch_of(record, grid)
            parts.append(counts_of(batch.take(intake.remember(batch)), grid))
    if grid is None or not parts:
        return None
    counts = added(parts, grid)
    history.write(name_of(segment), counts)
    return counts
