"""Exercises on a running control plane: proved first, in steps, stopped by what is seen, always undone."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.system import AP, EU, US, System, invoke, system, until

from outlast.app.drill.calendar import Entry, icalendar, parse_blocked
from outlast.app.drill.stops import parse_metric
from outlast.model.errors import ConfigError


@pytest.fixture
def running(tmp_path: Path) -> Iterator[System]:
    """A control plane that runs, with its names published."""
    with system(tmp_path) as made:
        made.up_and_published()
        yield made


def exercise(world: System, *more: str) -> tuple[int, str, dict[str, object]]:
    """Hold an exercise; return its exit code, what it said, and its record.

    In a process of its own: here its simulation would hold up the regions' servers, and so the probes.
    """
    record = world.folder / "record.json"
    options = ("--steps", "2", "--every", "0.5s", "--hold", "1s", "--reason", "quarterly")
    live = ("--record", str(record), *more, "--live", "evacuate", EU)
    done = subprocess.run(
        [sys.executable, "-m", "outlast", "drill", str(world.file), *options, *live],
        env=os.environ | {"COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, json.loads(record.read_text())


def logged(world: System) -> str:
    """Return the last entries of the audit trail, verified; nothing while there is none."""
    public = world.folder / "trail.pub"
    public.write_text(invoke("log", "key", str(world.file)).out)
    folder = str(world.state_folder.root / "trail")
    return invoke("log", "show", folder, "--key", str(public), "--last", "30", "--json").out


@pytest.mark.slow
def test_an_exercise_drains_holds_and_returns_by_itself(running: System) -> None:
    """And the history and the record tell it."""
    code, said, record = exercise(running)
    assert code == 0, said
    assert "done: eu-west was drained, held and serves again" in said
    running.wait_for(EU, US, AP)
    assert record["outcome"] == "done"
    assert any("eu-west is empty" in str(one) for one in record["events"])  # type: ignore[attr-defined]
    assert record["proofs"]
    history = running.outlast("history").out
    assert "exercise: eu-west is drained" in history
    assert "exercise over: eu-west comes back" in history
    assert "exercise done: eu-west" in history
    until(lambda: "exercise done: eu-west" in logged(running), "the record is in the log")
    (mine,) = [one for one in json.loads(logged(running)) if one["event"] == "exercise"]
    assert (
        mine["data"]["sha256"] == sha256((running.folder / "record.json").read_bytes()).hexdigest()
    )
    assert mine["data"]["proofs"] == record["proofs"]
    assert "by" not in mine["data"]


@pytest.mark.slow
def test_what_is_over_refuses_no_exercise_and_what_stands_does(running: System) -> None:
    """The one before came back in steps, which the store remembers; so it does a freeze that has ended."""
    assert exercise(running)[0] == 0
    frozen = ("freeze", "--all", "--reason", "no changes", "--for")
    assert running.outlast(*frozen, "0.1s").code == 0
    code, said, _ = exercise(running)
    assert code == 0, said
    assert running.outlast(*frozen, "1h").code == 0
    code, said, _ = exercise(running)
    assert code == 1
    assert "refused: automation is frozen: no changes" in said


@pytest.mark.slow
def test_an_exercise_is_refused_where_the_capacity_proof_fails(running: System) -> None:
    """Nothing is drained, and the record says why."""
    running.regions.fail(US)
    running.wait_for(EU, AP)
    code, said, record = exercise(running)
    assert code == 1
    assert "the capacity proof fails" in said
    assert "CANNOT carry" in said
    assert record["outcome"] == "refused"
    assert "exercise refused: eu-west: the capacity proof fails" in running.outlast("history").out
    assert running.answer() == {EU, AP}


@pytest.mark.slow
def test_an_exercise_stops_and_returns_once_probes_fail(running: System) -> None:
    """A second region dies while the first is drained: the drained one comes back at once."""

    def kill() -> None:
        running.wait_for(US, AP)
        running.regions.fail(US)

    killer = threading.Thread(target=kill)
    killer.start()
    code, said, record = exercise(running, "--hold", "20s")
    killer.join()
    assert code == 1
    assert "stopped early: probes" in said
    assert record["outcome"] == "stopped"
    running.wait_for(EU, AP)


@pytest.mark.slow
def test_an_exercise_stops_at_a_metric(running: System) -> None:
    """Read from the running system's own page; here one that is true from the beginning."""
    port = running.http_port
    condition = f"http://127.0.0.1:{port}/metrics outlast_endpoints > 1"
    code, said, record = exercise(running, "--stop", condition)
    assert code == 1
    assert "outlast_endpoints is" in said
    assert record["outcome"] == "stopped"
    running.wait_for(EU, US, AP)


@pytest.mark.slow
def test_an_exercise_is_refused_where_its_simulation_fails(running: System) -> None:
    """Two regions cannot carry what three do: the drill says so before anything moves."""
    service = (
        "only: {essential: true, regions: [eu-west, us-east, ap-south], "
        "audience: {people: 1000000, swing_ratio: 0}, "
        "behaviour: {serving: {rate: 400, timeout_s: 1, queue_max: 100}}}"
    )
    text = running.file.read_text()
    running.file.write_text(f"{text}\nservices:\n  {service}\n")
    code, said, record = exercise(running)
    assert code == 1
    assert "simulated first, it fails" in said
    assert record["outcome"] == "refused"
    assert running.answer() == {EU, US, AP}


@pytest.mark.slow
def test_an_exercise_is_refused_in_a_blocked_window(running: System) -> None:
    """Whatever today is."""
    today = datetime.now(UTC).date()
    window = f"{today}..{today + timedelta(days=1)}"
    code, said, _ = exercise(running, "--blocked", window)
    assert code == 1
    assert "blocked window" in said
    assert running.answer() == {EU, US, AP}


def test_blocked_windows_by_the_week_and_by_days() -> None:
    """A window may run over the end of the week."""
    weekend = parse_blocked("fri 16:00-mon 08:00")
    friday = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
    assert not weekend.overlaps(friday, friday + timedelta(minutes=59))
    assert weekend.overlaps(friday, friday + timedelta(minutes=61))
    assert weekend.overlaps(
        datetime(2026, 3, 9, 7, 59, tzinfo=UTC), datetime(2026, 3, 9, 9, tzinfo=UTC)
    )
    assert not weekend.overlaps(
        datetime(2026, 3, 9, 8, 0, tzinfo=UTC), datetime(2026, 3, 9, 9, tzinfo=UTC)
    )
    holidays = parse_blocked("2026-12-20..2027-01-03")
    eve = datetime(2026, 12, 19, 23, 50, tzinfo=UTC)
    assert holidays.overlaps(eve, eve + timedelta(minutes=15))
    assert not holidays.overlaps(eve, eve + timedelta(minutes=10))
    late = datetime(2027, 1, 3, 23, 0, tzinfo=UTC)
    assert holidays.overlaps(late, late + timedelta(minutes=5))
    assert not holidays.overlaps(late + timedelta(hours=2), late + timedelta(hours=3))


@pytest.mark.parametrize(
    "text", ["always", "fri 16:00", "fri 25:00-mon 08:00", "2026-02-31..2026-03-01"]
)
def test_what_is_no_blocked_window_is_refused(text: str) -> None:
    """A window that is not understood would not block."""
    with pytest.raises(ConfigError, match="no blocked window"):
        parse_blocked(text)


@pytest.mark.parametrize(
    "text", ["errors > 1", "file:///etc/passwd a > 1", "http://x/metrics a = 1"]
)
def test_what_is_no_stop_condition_is_refused(text: str) -> None:
    """Before anything begins."""
    with pytest.raises(ConfigError, match="no stop condition"):
        parse_metric(text)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """A page of metrics, of which one has two labels."""
    (tmp_path / "metrics").write_text('errors{role="a"} 2\nerrors{role="b"} 3\n')
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("errors > 4", "errors is 5, above 4"),
        ("errors > 5", ""),
        ("errors < 6", "errors is 5, below 6"),
        ("errors < 5", ""),
        ("errata > 4", "has no metric errata"),
    ],
)
def test_a_metric_is_summed_over_its_labels_and_compared(
    page: str, condition: str, said: str
) -> None:
    """One that is missing stops as well."""
    shown = parse_metric(f"{page} {condition}").reason()
    assert shown.endswith(said)
    assert bool(shown) is bool(said)


def test_a_page_that_cannot_be_read_stops_an_exercise(page: str) -> None:
    """Who drives without instruments does not know that all is well."""
    assert "cannot be read" in parse_metric(f"{page}/none errors > 4").reason()


def test_a_calendar_entry_is_one_that_calendars_read() -> None:
    """CRLF, folded at 75 octets, commas escaped, the same identity each time it is sent."""
    entry = Entry(
        begin=datetime(2026, 3, 10, 9, 0, tzinfo=UTC),
        length_s=900,
        title="Exercise, eu-west",
        text="ä" * 100,
        made=datetime(2026, 3, 1, tzinfo=UTC),
    )
    text = icalendar(entry)
    lines = text.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert "DTSTART:20260310T090000Z" in lines
    assert "DURATION:PT900S" in lines
    assert "SUMMARY:Exercise\\, eu-west" in lines
    assert all(len(line.encode()) <= 75 for line in lines)
    assert "ä" * 100 in text.replace("\r\n ", "")
    assert icalendar(entry) == text
