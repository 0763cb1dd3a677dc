"""A small real system for tests of the command line: regions, `outlast up` as a process, commands, a client.

Regions are served by a thread of the test, so that a test can let one fail. Commands run in this process,
through the same front door as the entry point; `up` and whatever must die runs in a process of its own.
"""

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
from tests.support.nameservers import free_port

from outlast.app.cli import cli
from outlast.app.cli import run as run_front_door
from outlast.app.state import StateFolder
from outlast.drivers.regions import FailureMode, LocalRegion
from outlast.model.fence import Fence, parse_fence
from outlast.model.names import RegionName

DEADLINE_S = 20.0
EU, US, AP = "eu-west", "us-east", "ap-south"
HOST = "127.0.0.1"

TOPOLOGY = """\
outlast: 1
settings:
  verify_interval_s: 0.3
  evidence_max_age_s: 5
  sick_window_s: 0.1
  takeover_s: 0.2
  rescued_hold_s: 60
  http: 127.0.0.1:@HTTP@
regions: {eu-west: {}, us-east: {}, ap-south: {}}
providers:
  local: {kind: embedded, server: 127.0.0.1:@DNS@, zones: [shop.test], negative_ttl_s: 1}
defaults:
  provider: local
  ttl_s: 1
  policy: {recovery_s: 5}
  check: {kind: http, port: @PORT@, path: /healthz, interval_s: 0.1, timeout_s: 0.09, rise: 2, fall: 3}
endpoints:
  shop:
    names: [www.shop.test]
    demand: 1500
    budget: {removed_ratio: 0.7, window_s: 1}
    targets:
      eu-1: {region: eu-west, ipv4: @EU@, weight: 2, capacity: 1000}
      us-1: {region: us-east, ipv4: @US@, weight: 2, capacity: 1000}
      ap-1: {region: ap-south, ipv4: @AP@, weight: 1, capacity: 1000}
  api:
    names: [api.shop.test]
    policy: {kind: failover, order: [eu-west, [us-east, ap-south]], recovery_s: 5}
    targets:
      eu-1: {region: eu-west, ipv4: @EU@}
      us-1: {region: us-east, ipv4: @US@}
      ap-1: {region: ap-south, ipv4: @AP@}
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


def invoke(*arguments: str, stdin: str = "") -> Done:
    """Run a command in this process, through the front door, with its output caught."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _stdin(stdin):
        code = run_front_door(
            lambda: cli.main(list(arguments), prog_name="outlast", standalone_mode=False)
        )
    texts = [one.buffer.getvalue().decode() for one in (out, err)]
    return Done(code, *texts)


@contextlib.contextmanager
def _stdin(text: str) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before


def until(condition: Callable[[], bool], what: str, *, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as the condition holds; fail with what was waited for if it does not in time."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {deadline_s:g} s in vain: {what}"
        time.sleep(0.01)


class Regions:
    """Local regions on a thread of their own."""

    def __init__(self, places: dict[str, str], port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._regions = {
            name: LocalRegion(RegionName(name), host, port) for name, host in places.items()
        }

    def start(self) -> None:
        """Serve."""
        self._thread.start()
        for region in self._regions.values():
            asyncio.run_coroutine_threadsafe(region.start(), self._loop).result(5)

    def fail(self, name: str, mode: FailureMode = FailureMode.STOP) -> None:
        """Let a region fail."""
        asyncio.run_coroutine_threadsafe(self._regions[name].fail(mode), self._loop).result(5)

    def recover(self, *names: str) -> None:
        """Let regions serve again; all of them if none is named."""
        for name in names or tuple(self._regions):
            asyncio.run_coroutine_threadsafe(self._regions[name].recover(), self._loop).result(5)

    def close(self) -> None:
        """Stop serving."""
        for region in self._regions.values():
            asyncio.run_coroutine_threadsafe(region.close(), self._loop).result(5)
        asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    @staticmethod
    async def _settle() -> None:
        """Let those that were just being accepted, and those that were aborted, come to their end."""
        mine = asyncio.current_task()
        await asyncio.gather(*(one for one in asyncio.all_tasks() if one is not mine))
        for _ in range(10):
            await asyncio.sleep(0.001)


@dataclass(slots=True)
class Process:
    """A process of ours, with its log."""

    popen: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def ends(self) -> int:
        """Wait for its end; return its exit code."""
        return self.popen.wait(DEADLINE_S)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.popen.kill()
        self.popen.wait(DEADLINE_S)


@dataclass(slots=True)
class System:
    """A topology with its folder, and everything that runs for it."""

    folder: Path
    regions: Regions
    dns_port: int
    http_port: int
    places: dict[str, str]
    server: str = HOST
    state: Path | None = None
    processes: list[Process] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The topology file."""
        return self.folder / "world.yaml"

    @property
    def state_folder(self) -> StateFolder:
        """Where the state lies."""
        return StateFolder.of(self.file, self.state)

    # commands and processes

    def outlast(self, command: str, *arguments: str, stdin: str = "") -> Done:
        """Run a command on the topology."""
        return invoke(*command.split(), str(self.file), *arguments, stdin=stdin)

    def up(self, *arguments: str, ready: str = "") -> Process:
        """Start `outlast up`; with `ready`, wait until its log has that text."""
        number = len(self.processes)
        log = self.folder / f"up-{number}.log"
        with log.open("wb") as file:
            popen = subprocess.Popen(
                [sys.executable, "-m", "outlast", "up", str(self.file), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        process = Process(popen, log)
        self.processes.append(process)
        if ready:
            until(
                lambda: ready in process.said() or popen.poll() is not None,
                f"{ready!r} in the log:\n{process.said()}",
            )
            assert ready in process.said(), process.said()
        return process

    def up_and_published(self, *arguments: str) -> Process:
        """Start everything and wait until both names answer as they should."""
        process = self.up(*arguments)
        self.wait_for(EU, US, AP)
        until(lambda: self.answer("api.shop.test") == {EU}, f"api answers\n{process.said()}")
        return process

    def edit(self, old: str, new: str) -> None:
        """Change the topology file."""
        text = self.file.read_text()
        assert old in text, old
        self.file.write_text(text.replace(old, new))

    # the DNS

    def answer(self, name: str = "www.shop.test") -> set[str]:
        """The regions that a name answers with; addresses of nobody as they are."""
        known = {host: region for region, host in self.places.items()}
        return {known.get(one, one) for one in self.ask(name, "A")}

    def fence(self, name: str = "www.shop.test") -> Fence | None:
        """The fence of the endpoint whose first name this is."""
        return parse_fence(tuple(one.strip('"') for one in self.ask(f"_outlast.{name}", "TXT")))

    def generation(self, name: str = "www.shop.test") -> int:
        """The generation that a fence names; 0: there is none."""
        fence = self.fence(name)
        return fence.generation if fence is not None else 0

    def ask(self, name: str, kind: str) -> list[str]:
        """The values of a record set; none where the server does not answer."""
        question = dns.message.make_query(name, kind)
        try:
            reply = dns.query.udp(question, self.server, timeout=2, port=self.dns_port)
        except (OSError, dns.exception.DNSException):
            return []
        return [rdata.to_text() for rrset in reply.answer for rdata in rrset]

    def wait_for(self, *regions: str, name: str = "www.shop.test") -> None:
        """Wait until a name answers with exactly these regions."""
        wanted = set(regions)
        until(
            lambda: self.answer(name) == wanted,
            f"{name} answers {wanted}, not {self.answer(name)}\n{self._logs()}",
        )

    def foreign_hand(self, change: Callable[[dns.update.UpdateMessage], None]) -> None:
        """Send an update that names no condition."""
        update = dns.update.UpdateMessage("shop.test")
        key = dns.tsig.Key("outlast-embedded", self.state_folder.embedded_secret(), "hmac-sha256")
        update.use_tsig(key)
        change(update)
        reply = dns.query.tcp(update, self.server, timeout=5, port=self.dns_port)
        assert reply.rcode() == dns.rcode.NOERROR, reply

    def wipe(self, name: str = "www") -> None:
        """Delete a name and its fence."""

        def change(update: dns.update.UpdateMessage) -> None:
            update.delete(name)
            update.delete(f"_outlast.{name}")

        self.foreign_hand(change)

    def _logs(self) -> str:
        return "\n".join(one.said()[-3000:] for one in self.processes)

    def stop(self) -> None:
        """End every process that is still there, in order."""
        for process in self.processes:
            if process.popen.poll() is None:
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.popen.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes.clear()


@contextlib.contextmanager
def system(folder: Path, text: str = TOPOLOGY, *, served: bool = True) -> Iterator[System]:
    """Regions and a topology on free ports; nothing of Outlast runs yet. `served`: by this process."""
    dns_port, http_port, port = free_port(), free_port(), free_port()
    middle = os.getpid() % 250 + 2
    places = {EU: f"127.0.{middle}.11", US: f"127.0.{middle}.12", AP: f"127.0.{middle}.13"}
    for mark, value in (
        ("@DNS@", dns_port),
        ("@HTTP@", http_port),
        ("@PORT@", port),
        ("@EU@", places[EU]),
        ("@US@", places[US]),
        ("@AP@", places[AP]),
    ):
        text = text.replace(mark, str(value))
    regions = Regions(places if served else {}, port)
    regions.start()
    made = System(folder, regions, dns_port, http_port, places)
    made.file.write_text(text)
    try:
        yield made
    finally:
        made.stop()
        regions.close()
