"""The raw series as Parquet: whatever the report does not show, anybody's own tools can.

Long tables, one row a sample, since that is what data frames and SQL over files want: `series` has minute,
service, region and a column for each meter; `people` has minute and country; `events` is what happened.
"""

import importlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from outlast.drill.outcome import Outcome
from outlast.drill.report.measure import people_hit
from outlast.model.errors import OutlastError

SERVICES_AT_ONCE = 200
"""Services a row group: what is held in memory at a time."""


class NoParquet(OutlastError):
    """The library that writes Parquet is missing."""


def write_parquet(outcome: Outcome, folder: Path) -> tuple[Path, ...]:
    """Write the raw series into a folder; return the files.

    Raises:
        NoParquet: `pyarrow` is not installed.
    """
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as why:
        raise NoParquet(
            "Parquet needs the library pyarrow, which is not installed",
            remedy="install it with `pip install 'outlast[drill]'`",
        ) from why
    folder.mkdir(parents=True, exist_ok=True)
    series = folder / "series.parquet"
    writer = None
    for table in _series(outcome, arrow):
        writer = writer or parquet.ParquetWriter(series, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    people, events = folder / "people.parquet", folder / "events.parquet"
    parquet.write_table(_people(outcome, arrow), people, compression="zstd")
    parquet.write_table(_events(outcome, arrow), events, compression="zstd")
    return (series, people, events)


def _series(outcome: Outcome, arrow: Any) -> Iterator[Any]:
    services = arrow.array(outcome.services)
    regions = arrow.array(outcome.regions)
    for begin in range(0, len(outcome.services), SERVICES_AT_ONCE):
        part = slice(begin, begin + SERVICES_AT_ONCE)
        served = outcome.served[:, part]
        minute, service, region = np.nonzero(~np.isnan(served))
        columns = {
            "minute": minute.astype(np.int32),
            "service": _named(arrow, service + begin, services),
            "region": _named(arrow, region, regions),
            "served": served[minute, service, region],
            "degraded": outcome.degraded[:, part][minute, service, region],
        }
        for name, meter in outcome.meters.items():
            kept = meter[:, part]
            has = service < kept.shape[1]
            columns[name] = np.full(len(service), np.nan, dtype=np.float32)
            columns[name][has] = kept[minute[has], service[has], region[has]]
        yield arrow.table(columns)


def _named(arrow: Any, index: Any, names: Any) -> Any:
    return arrow.DictionaryArray.from_arrays(index.astype(np.int32), names)


def _people(outcome: Outcome, arrow: Any) -> Any:
    hit = people_hit(outcome)
    minutes, countries = hit.people.shape
    return arrow.table(
        {
            "minute": np.repeat(np.arange(minutes, dtype=np.int32), countries),
            "country": _named(
                arrow, np.tile(np.arange(countries), minutes), arrow.array(outcome.countries)
            ),
            "people": hit.people.ravel(),
            "use_failing_ratio": hit.share_ratio.ravel(),
            "reports": np.asarray(outcome.reports, dtype=np.float32).ravel(),
        }
    )


def _events(outcome: Outcome, arrow: Any) -> Any:
    rows = outcome.events
    return arrow.table(
        {
            "at": arrow.array(
                [outcome.start + timedelta(seconds=one.at_s) for one in rows],
                type=arrow.timestamp("ms", tz="UTC"),
            ),
            "kind": [str(one.kind) for one in rows],
            "subject": [one.subject for one in rows],
            "region": [one.region for one in rows],
            "because": [one.because for one in rows],
            "note": [one.note for one in rows],
        }
    )
