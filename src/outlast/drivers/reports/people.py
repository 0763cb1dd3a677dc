"""People: whom an outage hit, read from a file; and the reports made from it, written to one.

The file is what any drill can write:

    Parquet   rows `minute` (from 0), `service`, `country`, `people`; the key `outlast` of its metadata holds
              the head below as JSON
    JSON      the head, with the same rows under `hit` as lists of four

    head      {"start": RFC 3339, "minutes": n, "users": {service: {country: people}},
               "awake": {country: [share for each hour of the day, UTC]}}
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from outlast.detect.cells import Codes, Grid
from outlast.detect.synth import People, Rows, Shares
from outlast.model.errors import ConfigError

KEY = b"outlast"
HOURS = 24

_STREAM = pa.schema(
    [
        ("at", pa.timestamp("s", tz="UTC")),
        ("service", pa.dictionary(pa.int32(), pa.string())),
        ("country", pa.dictionary(pa.int32(), pa.string())),
        ("reporter", pa.uint64()),
    ]
)


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands above the rows."""

    start: datetime
    minutes: int
    users: dict[str, dict[str, float]]
    awake: dict[str, list[float]]


class _Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start: datetime
    minutes: int
    users: dict[str, dict[str, float]]
    awake: dict[str, list[float]]
    hit: list[tuple[int, str, str, float]]


@dataclass(frozen=True, slots=True)
class _Hits:
    """Rows, ordered by minute."""

    minute: Codes
    cell: Codes
    people: Shares


def read_people(path: Path) -> People:
    """Read whom it hit.

    Raises:
        ConfigError: the file cannot be read or does not fit together.
    """
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            head = msgspec.json.decode((table.schema.metadata or {})[KEY], type=Head)
            rows = [table.column(name).to_pylist() for name in ("minute", "service", "country")]
            hits = (*rows, table.column("people").to_pylist())
        else:
            whole = msgspec.json.decode(path.read_bytes(), type=_Whole)
            head = Head(whole.start, whole.minutes, whole.users, whole.awake)
            hits = tuple([row[at] for row in whole.hit] for at in range(4))
        return _people(head, *hits)
    except (OSError, pa.ArrowException, msgspec.DecodeError, KeyError, ValueError) as error:
        raise ConfigError(
            f"{path} does not say whom it hit: {error!r}",
            remedy="docs/reports.md describes the file",
        ) from error


def _people(
    head: Head, minutes: list[int], services: list[str], countries: list[str], people: list[float]
) -> People:
    if head.start.tzinfo is None or head.minutes < 1:
        raise ValueError("`start` needs an offset, and `minutes` are at least 1")
    names = sorted({one for row in head.users.values() for one in row})
    grid = Grid(tuple(sorted(head.users)), tuple(names))
    service = {name: code for code, name in enumerate(grid.services)}
    country = {name: code for code, name in enumerate(grid.countries)}
    users = np.zeros(grid.shape, np.float32)
    for name, row in head.users.items():
        for where, number in row.items():
            users[service[name], country[where]] = number
    cells = [grid.flat(service[a], country[b]) for a, b in zip(services, countries, strict=True)]
    order = np.argsort(np.array(minutes, np.int64), kind="stable")
    hits = _Hits(
        np.array(minutes, np.int64)[order],
        np.array(cells, np.int64)[order],
        np.array(people, np.float32)[order],
    )
    start_s = int(head.start.timestamp()) // 60 * 60
    awake = _awake(head, grid, start_s)

    def hit() -> Iterator[Shares]:
        for minute in range(head.minutes):
            begin, end = np.searchsorted(hits.minute, [minute, minute + 1])
            found = np.zeros(grid.size, np.float32)
            np.add.at(found, hits.cell[begin:end], hits.people[begin:end])
            yield found.reshape(grid.shape)

    return People(grid, start_s, head.minutes, users, awake, hit)


def _awake(head: Head, grid: Grid, start_s: int) -> Shares:
    """Return the share that is awake at each minute, between the hours in a straight line."""
    minutes = (start_s // 60 + np.arange(head.minutes)) / 60 % HOURS
    columns = []
    for name in grid.countries:
        hours = head.awake.get(name, [1.0] * HOURS)
        if len(hours) != HOURS:
            raise ValueError(f"`awake` of {name} has {len(hours)} hours")
        columns.append(np.interp(minutes, np.arange(HOURS + 1), [*hours, hours[0]]))
    return np.array(columns, np.float32).T.copy()


def write_stream(path: Path, grid: Grid, minutes: Iterable[Rows]) -> int:
    """Write reports as Parquet, or as lines of JSON by any other ending; `-` is standard output.

    Returns:
        How many there are.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        if path.suffix == ".parquet":
            return _write_parquet(path, grid, minutes)
        if str(path) == "-":
            return sum(_write_lines(sys.stdout.buffer, grid, rows) for rows in minutes)
        with path.open("wb") as file:
            return sum(_write_lines(file, grid, rows) for rows in minutes)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error


def _write_parquet(path: Path, grid: Grid, minutes: Iterable[Rows]) -> int:
    total = 0
    waiting: list[Rows] = []
    services, countries = pa.array(grid.services), pa.array(grid.countries)
    with pq.ParquetWriter(path, _STREAM, compression="zstd") as writer:

        def flush() -> None:
            columns = [
                np.concatenate([getattr(one, name) for one in waiting])
                for name in ("at_s", "service", "country", "reporter")
            ]
            arrays = [
                pa.array(columns[0]).cast(_STREAM.field("at").type),
                pa.DictionaryArray.from_arrays(pa.array(columns[1].astype(np.int32)), services),
                pa.DictionaryArray.from_arrays(pa.array(columns[2].astype(np.int32)), countries),
                pa.array(columns[3]),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=_STREAM))
            waiting.clear()

        for rows in minutes:
            total += len(rows.at_s)
            waiting.append(rows)
            if sum(len(one.at_s) for one in waiting) >= 1 << 20:
                flush()
        if waiting:
            flush()
    return total


def _write_lines(file: Any, grid: Grid, rows: Rows) -> int:
    encode = msgspec.json.encode
    for at, service, country, reporter in zip(
        rows.at_s.tolist(),
        rows.service.tolist(),
        rows.country.tolist(),
        rows.reporter.tolist(),
        strict=True,
    ):
        line = {
            "at": at,
            "service": grid.services[service],
            "country": grid.countries[country],
            "reporter": f"{reporter:016x}",
        }
        file.write(encode(line) + b"\n")
    return len(rows.at_s)
