"""Files: reports from Parquet, CSV or lines of JSON, in parts, so that a file may be larger than memory.

    Parquet, CSV   columns `at` (timestamp, or whole seconds since 1970), `service`, and as far as known
                   `country`, `reporter` (text, or a number that was hashed before), `network`
    lines of JSON  as they are sent to `POST /v1/reports`

Services and countries of a Parquet file come as dictionary codes, so that names are looked up once a part and
not once a row.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from outlast.detect.cells import Codes
from outlast.detect.intake import UNKNOWN_SERVICE, Batch
from outlast.detect.seen import Hashes, mixed
from outlast.drivers.reports.decode import (
    UNKNOWN_NAMES_MAX,
    BadReports,
    Coder,
    Group,
    read_lines,
)
from outlast.drivers.reports.identity import Identity
from outlast.model.errors import ConfigError

PART_ROWS = 1 << 18
"""Rows of a part: their columns, some megabytes, still lie in the cache when they are judged."""

LINES_BYTES = 8 << 20
Part = TypeVar("Part")
_TICKS_A_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
WANTED = ("at", "service", "country", "reporter", "network")


def ahead(parts: Iterator[Part]) -> Iterator[Part]:
    """Yield parts, the next one being made in another thread meanwhile.

    Not for input that may stay away for ever, such as a pipe: the thread could not be ended.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as maker:
        coming = maker.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = maker.submit(next, parts, None)
            yield part


@dataclass(slots=True)
class FileReader:
    """Reads one file; `unknown` counts names that the topology does not know."""

    coder: Coder
    identity: Identity
    now_s: int
    unknown: dict[str, int] = field(default_factory=dict)

    def read(self, path: Path) -> Iterator[Batch]:
        """Yield the reports of a file in its order; `-` is standard input, lines of JSON.

        Raises:
            ConfigError: it cannot be read, or is no such file.
        """
        try:
            if str(path) == "-":
                yield from self._lines(sys.stdin.buffer)
            elif path.suffix == ".parquet":
                yield from self._parquet(path)
            elif path.suffix == ".csv":
                yield from self._csv(path)
            else:
                with path.open("rb") as file:
                    yield from self._lines(file)
        except (OSError, pa.ArrowException, BadReports, KeyError) as error:
            raise ConfigError(
                f"{path} cannot be read as reports: {error}",
                remedy="Parquet or CSV with `at` and `service`, or one JSON object a line: docs/reports.md",
            ) from error

    def _parquet(self, path: Path) -> Iterator[Batch]:
        names = ["service", "country"]
        # Reading ahead would keep all of the file that was read, until its end.
        with pq.ParquetFile(path, read_dictionary=names, pre_buffer=False) as file:
            columns = [one for one in WANTED if one in file.schema_arrow.names]
            for part in file.iter_batches(batch_size=PART_ROWS, columns=columns):
                yield self._columns(part)

    def _csv(self, path: Path) -> Iterator[Batch]:
        text = pa.dictionary(pa.int32(), pa.string())
        types = {"service": text, "country": text, "reporter": pa.string(), "network": pa.string()}
        with pacsv.open_csv(
            path,
            read_options=pacsv.ReadOptions(block_size=LINES_BYTES),
            convert_options=pacsv.ConvertOptions(column_types=types),
        ) as file:
            for part in file:
                yield self._columns(part)

    def _columns(self, part: pa.RecordBatch) -> Batch:
        have = set(part.schema.names)
        service = self._services(part.column("service"))
        size = len(service)
        country = (
            self._countries(part.column("country"))
            if "country" in have
            else np.full(size, self.coder.country(""), np.int64)
        )
        reporter = self._hashes(part.column("reporter")) if "reporter" in have else _serial(size)
        network = (
            self._hashes(part.column("network"), "net ")
            if "network" in have
            else np.zeros(size, np.uint64)
        )
        return Batch(_seconds(part.column("at")), service, country, reporter, network)

    def _services(self, column: pa.Array) -> Codes:
        codes, names = _dictionary(column)
        table = np.array([*map(self.coder.service, names), UNKNOWN_SERVICE], np.int64)
        found: Codes = table[codes]
        if not len(found) or found.min() >= 0:
            return found
        strange = np.bincount(codes[found < 0], minlength=len(table))
        for at in np.flatnonzero(strange[:-1]).tolist():
            if names[at] in self.unknown or len(self.unknown) < UNKNOWN_NAMES_MAX:
                self.unknown[names[at]] = self.unknown.get(names[at], 0) + int(strange[at])
        return found

    def _countries(self, column: pa.Array) -> Codes:
        codes, names = _dictionary(column)
        table = np.array([*map(self.coder.country, names), self.coder.country("")], np.int64)
        found: Codes = table[codes]
        return found

    def _hashes(self, column: pa.Array, kind: str = "") -> Hashes:
        if pa.types.is_integer(column.type):
            return mixed(pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(np.uint64))
        return self.identity.of([kind + (one or "") for one in column.to_pylist()])

    def _lines(self, file: BinaryIO) -> Iterator[Batch]:
        while lines := file.readlines(LINES_BYTES):
            decoded = self.coder.columns(
                [Group(read_lines(b"".join(lines), self.now_s))], self.identity
            )
            for name, number in decoded.unknown.items():
                self.unknown[name] = self.unknown.get(name, 0) + number
            yield decoded.batch


def _dictionary(column: pa.Array) -> tuple[Codes, list[str]]:
    """Return a code for each row, and the names; a row without one has the code -1."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    codes = column.indices
    if codes.null_count:
        codes = pc.fill_null(codes.cast(pa.int64()), -1)
    return codes.to_numpy(zero_copy_only=False), [
        one or "" for one in column.dictionary.to_pylist()
    ]


def _seconds(column: pa.Array) -> Codes:
    values: Codes = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
    ticks = _TICKS_A_SECOND[column.type.unit] if pa.types.is_timestamp(column.type) else 1
    return values if ticks == 1 else values // ticks


def _serial(size: int) -> Hashes:
    """Without reporters every row is one of its own."""
    return mixed(np.random.default_rng().integers(2, 1 << 63, size, dtype=np.uint64))
