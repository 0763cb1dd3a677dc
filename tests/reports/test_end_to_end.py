"""From whom an outage hit, by reports alone, to what is down and the one name that explains it."""

import hashlib
import json
import socket
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.reports.people import FAULT_MINUTE, outage, topology
from tests.support.system import invoke

from outlast.drivers.reports.people import read_people


def stream(folder: Path, *options: str, broken: bool = True) -> Path:
    """Make a stream of reports."""
    out = folder / "stream.parquet"
    people = outage(folder, broken=broken)
    done = invoke("reports", "synth", str(people), "-o", str(out), *options)
    assert done.code == 0, done.err
    return out


def watched(folder: Path, file: Path) -> list[dict[str, object]]:
    """The timeline of a stream."""
    done = invoke("watch", str(file), "--topology", str(topology(folder)), "--json")
    assert done.code in (0, 1), done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_an_address_that_is_taken_is_said_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = invoke("reports", "serve", str(topology(tmp_path)), "--listen", address)
    assert done.code == 2
    assert f"cannot serve reports at {address}" in done.err
    assert "--listen" in done.err


@pytest.mark.slow
def test_reports_alone_name_the_dns_name_that_failed_within_ten_minutes(tmp_path: Path) -> None:
    """Blame sees time, service, country and reporter: nothing of the fault."""
    found = [one for one in watched(tmp_path, stream(tmp_path)) if one["kind"] == "verdict"]
    named = [one for one in found if "tables" in str(one["suspects"])]
    assert named, found
    assert str(named[0]["at"]) <= f"2025-10-20T0{FAULT_MINUTE // 60}:10:00Z"
    own = [one for one in found if "own-" in str(one["suspects"])]
    assert not own


@pytest.mark.slow
def test_a_day_without_an_outage_names_nothing(tmp_path: Path) -> None:
    found = watched(tmp_path, stream(tmp_path, broken=False))
    assert [one for one in found if one["kind"] == "verdict" and one["suspects"]] == []


@pytest.mark.slow
def test_one_seed_makes_one_stream(tmp_path: Path) -> None:
    """Every byte, so that a result can be had again."""
    sums = [
        hashlib.sha256(stream(tmp_path, "--seed", seed).read_bytes()).hexdigest()
        for seed in ("7", "7", "8")
    ]
    assert sums[0] == sums[1] != sums[2]


@pytest.mark.slow
def test_the_total_is_met_by_willingness_to_tell_alone(tmp_path: Path) -> None:
    """The size is set from outside; the shape must come out of the outage."""
    table = pq.read_table(stream(tmp_path, "--total", "100000"))
    assert abs(table.num_rows - 100_000) < 3_000
    minutes = table.column("at").cast("int64").to_numpy() // 60_000  # Parquet keeps milliseconds
    start = read_people(tmp_path / "people.json").start_s // 60
    inside = ((minutes - start >= FAULT_MINUTE) & (minutes - start < FAULT_MINUTE + 90)).sum()
    assert inside > 0.8 * table.num_rows


@pytest.mark.slow
def test_the_suppliers_own_notices_stand_beside(tmp_path: Path) -> None:
    notices = tmp_path / "notices.jsonl"
    notices.write_text('{"at": "2025-10-20T04:23:00Z", "text": "we are looking into it"}\n')
    world = topology(tmp_path)
    file = stream(tmp_path)
    done = invoke("watch", str(file), "--topology", str(world), "--evidence", str(notices))
    assert "04:23  provider  we are looking into it" in done.out
