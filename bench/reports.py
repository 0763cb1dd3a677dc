"""Reports: how many a second one process on one core takes in, and how fast a whole event is replayed.

wrk on the other core sends. Each report has a reporter of its own, so each is new, is written to the
journal and synced before its answer; the echo beside it does none of that. The replay is what `outlast
watch` does, from Parquet to alarms and blame, beside DuckDB's bare group-by of the same file by service,
country and five minutes.
"""

import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import duckdb
import httpx
import numpy as np
from bench.harness import Case, compare, machine, markdown, options
from bench.reports_server import SERVICES, TOKEN

from outlast.app.reports.watching import Watcher, counted
from outlast.detect.cells import Codes, Grid
from outlast.detect.intake import Intake, Rules
from outlast.detect.synth import Manner, People, Shares, reports, scaled
from outlast.detect.verdict import Cause, CauseKind, Roads
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.files import FileReader, ahead
from outlast.drivers.reports.identity import Identity, Key, make_secret
from outlast.drivers.reports.people import write_stream

BATCH = 1000
CONNECTIONS = 256
PORTS = {"echo": 21910, "reports": 21911}

SCRIPT = """
local made = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
@TOKEN@
math.randomseed(os.time() * 1000 + @SALT@)
local salt = math.random(1000000000)
local now = os.time()
local some = {}
for one = 1, @BATCH@ do
  some[one] = '{"service":"svc-' .. (one * 7 % @SERVICES@) .. '","country":"US","at":' .. now ..
              ',"reporter":"' .. salt .. '-' .. one .. '-@"}'
end
local body = table.concat(some, ",")
if @BATCH@ > 1 then body = "[" .. body .. "]" end
function request()
  made = made + 1
  return wrk.format(nil, "/v1/reports", nil, (body:gsub("@", made)))
end
"""


def rate(folder: Path, port: int, *, batch: int, seconds: int) -> float:
    """Let wrk send; return reports a second that were answered with 2xx."""
    script = folder / f"{batch}.lua"
    token = f'wrk.headers["Authorization"] = "Bearer {TOKEN}"' if batch > 1 else ""
    text = SCRIPT.replace("@TOKEN@", token).replace("@BATCH@", str(batch))
    salt = str(random.randrange(1000))
    script.write_text(text.replace("@SERVICES@", str(SERVICES)).replace("@SALT@", salt))
    url = f"http://127.0.0.1:{port}/v1/reports"
    waiting = CONNECTIONS if batch == 1 else 16
    command = ["wrk", "-t1", f"-c{waiting}", f"-d{seconds}", "-s", str(script), url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told:
        raise RuntimeError(told)
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if found is None:
        raise RuntimeError(told)
    return float(found[1]) * batch


def busy_s(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def most_mib(pid: str) -> float:
    """Return the most memory that a process ever held.

    Not `ru_maxrss`: a child inherits the peak of the process that started it.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not tell what a process holds")


def serving(kind: str) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    command = [sys.executable, "-m", "bench.reports_server", kind, str(PORTS[kind])]
    popen = subprocess.Popen(command)
    url = f"http://127.0.0.1:{PORTS[kind]}/v1/reports"
    for _ in range(200):
        try:
            httpx.post(url, json={"service": "svc-1"})
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return popen
    raise RuntimeError(f"{kind} does not answer")


def intake(rounds: int, seconds: int) -> None:
    """Print the rates of taking reports in."""
    servers = [serving(kind) for kind in PORTS]
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)

            def case(kind: str, batch: int) -> Callable[[], float]:
                return lambda: rate(folder, PORTS[kind], batch=batch, seconds=seconds)

            def used(kind: str, batch: int) -> Callable[[], float]:
                pid = servers[[*PORTS].index(kind)].pid

                def run() -> float:
                    before = busy_s(pid)
                    number = case(kind, batch)() * seconds
                    return 1e6 * (busy_s(pid) - before) / number

                return run

            echo, batches = "bare ASGI echo, single", f"batches of {BATCH}"
            cases = [
                Case(echo, case("echo", 1), "reports/s"),
                Case("single", case("reports", 1), "reports/s", beside=echo),
                Case(batches, case("reports", BATCH), "reports/s"),
            ]
            print(markdown(compare(cases, rounds)))
            costs = [
                Case(echo, used("echo", 1), "us CPU", more_is_better=False),
                Case("single", used("reports", 1), "us CPU", beside=echo, more_is_better=False),
                Case(batches, used("reports", BATCH), "us CPU", more_is_better=False),
            ]
            found = compare(costs, rounds, warm_up=False)
            print(f"\nProcessor time of the server for a report:\n\n{markdown(found)}\n")
            print(
                f"So one core that does nothing else takes {1e6 / found[-1].median:,.0f} a second."
            )
        print(f"\nPeak memory of the desk: {most_mib(str(servers[1].pid)):,.0f} MiB.\n")
    finally:
        for one in servers:
            one.send_signal(signal.SIGINT)
        for one in servers:
            one.wait(20)


def event(path: Path, total: int) -> tuple[Grid, Roads]:
    """Write an event of the shape of October 2025: 60 countries, 3,500 services, two waves."""
    chance = np.random.default_rng(1)
    countries = tuple(f"{a}{b}" for a in "ABCDEF" for b in "ABCDEFGHIJ")
    grid = Grid(tuple(f"svc-{one}" for one in range(SERVICES)), countries)
    users = np.outer(1e6 / np.arange(1, SERVICES + 1), 1 / np.arange(1, 61)).astype(np.float32) * 20
    hit = chance.random(SERVICES) < 0.3
    minutes = 15 * 60

    def wave() -> "list[Shares]":
        waves = np.zeros(minutes)
        waves[60:230], waves[500:800] = 0.5, 0.8
        return [(users * hit[:, None] * one).astype(np.float32) for one in waves]

    awake = np.ones((minutes, 60), np.float32)
    people = People(grid, 1_760_940_000, minutes, users, awake, lambda: iter(wave()))
    write_stream(path, grid, reports(people, scaled(people, Manner(), total), 1))
    causes = tuple(Cause(CauseKind.NAME, f"name-{one}") for one in range(262))
    group = np.where(hit, 0, chance.integers(1, 262, SERVICES)).astype(np.int64)
    rows: Codes = np.arange(SERVICES)
    return grid, Roads(grid.services, causes, rows, group)


def replayed(path: Path, grid: Grid, roads: Roads) -> list[str]:
    """Replay an event from its file; return the verdicts."""
    watcher = Watcher(grid, roads)
    reader = FileReader(Coder(grid), Identity(Key(make_secret(), 0)), 0)
    parts = ahead(counted(reader.read(path), Intake(Rules()), grid))
    entries = (one for counts in parts for one in watcher.count(counts))
    return [one.text for one in entries if one.kind == "verdict"]


def peak_mib(path: Path, grid: Grid, roads: Roads) -> float:
    """Replay and return the most memory that this process ever held."""
    replayed(path, grid, roads)
    return most_mib("self")


def replay(rounds: int, total: int) -> None:
    """Print the times of replaying an event."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "stream.parquet"
        grid, roads = event(path, total)
        verdicts: list[str] = []
        used: dict[str, list[float]] = {"bare": [], "ours": []}

        def bare() -> float:
            began, busy = time.perf_counter(), time.process_time()
            query = (
                'select service, country, epoch("at")::bigint // 300 as begins, count(*) as n '
                f"from read_parquet('{path}') group by 1, 2, 3"
            )
            with duckdb.connect(":memory:", config={"threads": "2"}) as found:
                found.execute(f"create table sums as {query}")
            used["bare"].append(time.process_time() - busy)
            return time.perf_counter() - began

        def ours() -> float:
            began, busy = time.perf_counter(), time.process_time()
            verdicts[:] = replayed(path, grid, roads)
            used["ours"].append(time.process_time() - busy)
            return time.perf_counter() - began

        cases = [
            Case("DuckDB, bare group-by", bare, "s", more_is_better=False),
            Case(
                "to alarms and blame",
                ours,
                "s",
                beside="DuckDB, bare group-by",
                more_is_better=False,
            ),
        ]
        print(f"{total:,} reports replayed from Parquet ({path.stat().st_size / 1e6:.0f} MB):\n")
        print(markdown(compare(cases, rounds, warm_up=False)))
        one, two = (statistics.median(each) for each in used.values())
        print(f"\nProcessor time: {one:.1f} s and {two:.1f} s, {two / one:.1f} times as much.")
        with get_context("spawn").Pool(1) as alone:
            peak = alone.apply(peak_mib, (path, grid, roads))
        print(f"Peak memory of a replay alone: {peak:,.0f} MiB. First verdict: {verdicts[:1]}")


def main() -> None:
    """Print both tables."""
    given = options("Taking reports in, and replaying them.")
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    print(machine())
    intake(given.rounds, 2 if given.quick else 5)
    replay(min(given.rounds, 3), 1_000_000 if given.quick else 17_000_000)


if __name__ == "__main__":
    main()
