"""Real processes: killed in the middle of a batch, one alone, and two that share a stream (nats-server)."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.reports.people import topology
from tests.support.nameservers import free_port
from tests.support.system import until
from tests.support.waiting import answered

from outlast.app.options import open_world
from outlast.app.reports.fromstream import FromStream
from outlast.app.reports.grids import grid_of
from outlast.app.wiring import World
from outlast.detect.counts import none
from outlast.detect.intake import Intake, Rules
from outlast.drivers.reports.beliefs import read_belief
from outlast.drivers.reports.history import History, settle
from outlast.drivers.reports.journal import segments
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.stream import Inbox, connect
from outlast.drivers.reports.tokens import Source, fingerprint, write_sources

BATCH = 50
BATCHES = 40


@dataclass
class Worker:
    """A process of `outlast reports serve`."""

    popen: subprocess.Popen[bytes]
    port: int
    state: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/reports"

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(20)


def start(folder: Path, name: str, *options: str) -> Worker:
    """Start a worker on its state, and wait until it listens."""
    port, state = free_port(), folder / name
    log = (folder / f"{name}.log").open("ab")
    world = str(folder / "world.yaml")
    command = [sys.executable, "-m", "outlast", "reports", "serve", world, "--state", str(state)]
    popen = subprocess.Popen(
        [*command, "--listen", f"127.0.0.1:{port}", *options],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    log.close()
    worker = Worker(popen, port, state)

    def answers() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(worker.url).status_code == 405
        assert popen.poll() is None, (folder / f"{name}.log").read_text()
        return False

    until(answers, f"{name} listens")
    return worker


def batches(name: str) -> list[list[dict[str, object]]]:
    """Batches of reports of some minutes ago; each reporter of its own, all from the public."""
    now_s = int(time.time()) - 240
    return [
        [
            {
                "service": f"app-{one % 5}",
                "country": "US",
                "at": now_s,
                "reporter": f"{name}{n}-{one}",
            }
            for one in range(BATCH)
        ]
        for n in range(BATCHES)
    ]


async def hand_in(worker: Worker, batch: object) -> bool:
    """Hand a batch in; whether it was acknowledged."""
    async with httpx.AsyncClient(timeout=60) as http:
        try:
            answer = await http.post(worker.url, json=batch, headers=BEARER)
        except httpx.HTTPError:
            return False
        return answer.status_code == 202


BEARER: dict[str, str] = {}


def with_token(folder: Path, name: str) -> None:
    """Give a state folder the token of the test."""
    source = Source(name="test", sha256=fingerprint("t"), since_s=0, reports_s=10**9)
    write_sources(folder / name / "reports" / "tokens.json", [source])
    BEARER["authorization"] = "Bearer t"


async def storm(worker: Worker, work: list[object], *, kill_after: int) -> list[object]:
    """Hand batches in, several at once; kill the worker after some; return what was not acknowledged."""
    left: list[object] = []
    done = 0

    async def one() -> None:
        nonlocal done
        while work:
            batch = work.pop()
            if await hand_in(worker, batch):
                done += 1
                if done == kill_after:
                    worker.kill()
            else:
                left.append(batch)

    await asyncio.gather(*(one() for _ in range(4)))
    return left


@pytest.mark.slow
async def test_kill_9_in_the_middle_of_a_batch_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """And what is sent again because nobody answered counts once."""
    topology(tmp_path)
    with_token(tmp_path, "w")
    worker = start(tmp_path, "w")
    work: list[object] = [*batches("a")]
    acknowledged = len(work)
    left = await storm(worker, work, kill_after=12)
    assert 0 < len(left) < acknowledged
    worker = start(tmp_path, "w")
    try:
        again = await storm(worker, left, kill_after=-1)
        assert again == []
    finally:
        worker.kill()
    folder, intake = worker.state / "reports", Intake(Rules())
    history = History(tmp_path / "check")
    for one in segments(folder / "journal"):
        settle(one, history, intake)
    assert sum(one.reports for one in history.series(0, 1 << 33, 60)) == BATCH * BATCHES


@contextlib.contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """A real server with JetStream."""
    port = free_port()
    with (folder / "nats.log").open("wb") as log:
        popen = subprocess.Popen(
            ["nats-server", "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder / "js")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"},
        )
    try:
        until(
            lambda: "Server is ready" in (folder / "nats.log").read_text(), "nats-server is ready"
        )
        yield f"nats://127.0.0.1:{port}"
    finally:
        popen.terminate()
        popen.wait(20)


async def total(url: str) -> int:
    """All reports in the stream, each message once."""
    client, jetstream = await connect(url)
    try:
        return sum([one.total async for one in Inbox().read(jetstream, patience_s=0.5)])
    finally:
        await client.close()


def history_of(world: World, detector: FromStream) -> int:
    """End the hour, as a report of a later one would; return the reports in history."""
    grid = grid_of(world.topology)
    detector.hours.take(1 << 40, none(grid), grid)
    detector.hours.settle()
    history = History(world.state.root / "reports" / "history")
    return sum(one.reports for one in history.series(0, 1 << 33, 60))


async def detected(folder: Path, url: str) -> int:
    """Let a detector read the stream and begin; return how many reports it took."""
    world = open_world(folder / "world.yaml", folder / "detector")
    detector = FromStream(world, url, lambda _: None, outgoing=Outgoing())
    task = asyncio.create_task(detector.run())

    async def left() -> bool:
        store = await world.store()
        belief = await read_belief(store)
        await store.close()
        return belief is not None

    try:
        await answered(left, "the detector's belief")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert detector.total == detector.detecting.watcher.counted
    assert history_of(world, detector) == detector.total
    return detector.total


@pytest.mark.slow
@pytest.mark.servers
async def test_two_workers_one_killed_and_every_report_arrives_once(tmp_path: Path) -> None:
    topology(tmp_path)
    names = ("w1", "w2")
    for name in names:
        with_token(tmp_path, name)
    with nats_server(tmp_path) as url:
        workers = [start(tmp_path, one, "--nats", url, "--worker", one) for one in names]
        try:
            work: list[list[object]] = [[*batches("a")], [*batches("b")]]
            left, other = await asyncio.gather(
                storm(workers[0], work[0], kill_after=12), storm(workers[1], work[1], kill_after=-1)
            )
            assert left
            assert not other
            workers[0] = start(tmp_path, "w1", "--nats", url, "--worker", "w1")
            assert await storm(workers[0], left, kill_after=-1) == []
            wanted, deadline = 2 * BATCH * BATCHES, time.monotonic() + 90
            while (found := await total(url)) < wanted:
                assert time.monotonic() < deadline, found
            assert found == wanted
            assert await detected(tmp_path, url) == wanted
        finally:
            for one in workers:
                one.kill()
