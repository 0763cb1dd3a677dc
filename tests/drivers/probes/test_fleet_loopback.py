"""Two thousand real targets from one process, each once a second, and one that dies."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.drivers.probes.targets import HOST, VANTAGE, sockets_open
from tests.support.nameservers import free_port
from tests.support.waiting import eventually

from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import Fleet
from outlast.drivers.regions import FailureMode, LocalRegion
from outlast.model.health import Report
from outlast.model.names import RegionName, Subject
from outlast.model.topology import HealthCheck
from outlast.ports import Assignment

TARGETS = 2_000
SECONDS = 4.0


def assigned(number: int, port: int, *, interval_s: float = 1.0) -> Assignment:
    check = HealthCheck(port=port, path="/healthz", interval_s=interval_s, timeout_s=interval_s)
    subject = Subject(f"e{number}/t/ipv4")
    return Assignment(subject=subject, host=HOST, server_name="x.example.org", check=check)


SERVER = """
import asyncio, sys
from outlast.drivers.regions import LocalRegion
from outlast.model.names import RegionName

async def main():
    region = LocalRegion(RegionName("eu"), "127.0.0.1", int(sys.argv[1]))
    await region.start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.contextmanager
def region_process() -> Iterator[int]:
    """A region in a process of its own; yields its port."""
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield port
        finally:
            process.kill()


@pytest.mark.slow
async def test_two_thousand_targets_are_each_probed_once_a_second() -> None:
    """Each slot is probed or counted as skipped, and no slot is probed twice."""
    before = sockets_open()
    reports: list[Report] = []
    with region_process() as port:
        fleet = Fleet(VANTAGE, SystemClock(), reports.extend)
        began_s = time.monotonic()
        fleet.update(assigned(number, port) for number in range(TARGETS))
        await asyncio.sleep(SECONDS)
        await eventually(lambda: len({one.subject for one in reports}) == TARGETS)
        done = fleet.statistics()
        elapsed_s = time.monotonic() - began_s
        await fleet.close()
    counts = Counter(report.subject for report in reports)
    details = Counter(report.detail for report in reports)
    assert details["HTTP 200"] >= 0.5 * len(reports), details  # a busy machine drops some SYNs
    probed = done.good + done.bad + done.unjudged + done.in_flight
    slots = probed + done.skipped + done.waiting
    assert TARGETS * (SECONDS - 1) <= slots <= TARGETS * (elapsed_s + 0.1), done
    assert max(counts.values()) <= elapsed_s + 1
    await eventually(lambda: sockets_open() <= before)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [FailureMode.STOP, FailureMode.HANG, FailureMode.ERROR])
async def test_a_dying_target_has_its_third_bad_report_in_time(mode: FailureMode) -> None:
    """interval x fall, plus a time-out for the black hole, plus what a busy machine adds."""
    region = LocalRegion(RegionName("eu"), HOST, free_port())
    await region.start()
    reports: list[Report] = []
    fleet = Fleet(VANTAGE, SystemClock(), reports.extend)
    interval_s = 0.3
    fleet.update([assigned(0, region.port, interval_s=interval_s)])
    await eventually(lambda: len(reports) >= 2)
    assert all(report.good for report in reports)
    died_s = time.monotonic()
    await region.fail(mode)
    await eventually(lambda: sum(not report.good for report in reports) >= 3)
    taken_s = time.monotonic() - died_s
    await region.recover()
    await eventually(lambda: reports[-1].good)
    await fleet.close()
    await region.close()
    timeout_s = interval_s if mode is FailureMode.HANG else 0.0
    assert taken_s <= 3 * interval_s + timeout_s + 1.0
