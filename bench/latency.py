"""From "a target stops answering" to "the authoritative answer without it", on a whole running system.

    .venv/bin/python -m bench.latency [--quick] [--rounds N]

`outlast up` runs as a process of its own with planner, three enactors, three vantages and (first half) its
embedded name server; three local HTTP regions are its targets. One of them is stopped at a random moment
of the probe's interval, and the name server is asked every millisecond until its address is gone. The
target may have been probed a moment before it died, so up to `interval x fall` passes until it counts as
down; the table shows what the system adds to that: the excess, below zero where the moment was kind.
Promised are 100 ms. A target that hangs, instead of refusing, costs each probe its time-out as well.
"""

import contextlib
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.message
from bench.harness import machine, options
from tests.support.nameservers import BIND, SECRET_BASE64, NameServer, free_port
from tests.support.system import AP, EU, US, System, system

from outlast.drivers.regions import FailureMode

PROMISE_MS = 100.0
FALL = 3
POLL_S = 0.001
DEADLINE_S = 30.0
SLOW_INTERVAL_S = 1.0
FAST_INTERVAL_S = 0.1

TOPOLOGY = """\
outlast: 1
settings: {http: 127.0.0.1:@HTTP@, sick_window_s: 0.1}
regions: {eu-west: {}, us-east: {}, ap-south: {}}
vantages: {one: {}, two: {}, three: {}}
providers:
  dns: @PROVIDER@
defaults:
  ttl_s: 1
  budget: {removed_ratio: 0.7, window_s: 1}
  policy: {recovery_s: 15}
  check:
    {kind: http, port: @PORT@, path: /healthz, interval_s: @INTERVAL@, timeout_s: @TIMEOUT@, fall: 3}
endpoints:
  shop:
    names: [@NAME@]
    targets:
      eu-1: {region: eu-west, ipv4: @EU@}
      us-1: {region: us-east, ipv4: @US@}
      ap-1: {region: ap-south, ipv4: @AP@}
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing to be measured."""

    server: str
    interval_s: float
    mode: FailureMode

    @property
    def timeout_s(self) -> float:
        """What a probe that hangs takes."""
        return self.interval_s * 0.9

    @property
    def allowed_s(self) -> float:
        """What passes, at worst, before the target counts as down."""
        waits_s = self.timeout_s if self.mode is FailureMode.HANG else 0.0
        return self.interval_s * FALL + waits_s


class Watcher:
    """Asks one name server for one name, over and over."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((host, port))
        self._socket.settimeout(0.2)
        self._question = dns.message.make_query(name, "A").to_wire()

    def has(self, address: str) -> bool | None:
        """Whether the answer holds an address; None: no answer."""
        try:
            self._socket.send(self._question)
            return socket.inet_aton(address) in self._socket.recv(4096)
        except OSError:
            return None

    def close(self) -> None:
        """Give the socket up."""
        self._socket.close()


@contextlib.contextmanager
def running(setting: Setting) -> Iterator[tuple[System, Watcher]]:
    """Start a system and wait until all three regions are published."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        text = TOPOLOGY
        for mark, value in (
            ("@INTERVAL@", f"{setting.interval_s:g}"),
            ("@TIMEOUT@", f"{setting.timeout_s:g}"),
        ):
            text = text.replace(mark, value)
        if setting.server == "BIND":
            bind = stack.enter_context(_bind())
            (folder / "secret").write_text(SECRET_BASE64 + "\n")
            (folder / "secret").chmod(0o600)
            noun = (
                f"{{kind: rfc2136, server: {bind.address}, zones: [{bind.zone}], "
                f"key: {{name: outlast, algorithm: hmac-sha256, secret: 'file:{folder}/secret'}}}}"
            )
            name, port = f"www.{bind.zone}", bind.port
        else:
            port = free_port()
            noun = f"{{kind: embedded, server: 127.0.0.1:{port}, zones: [shop.test], negative_ttl_s: 1}}"
            name = "www.shop.test"
        text = text.replace("@PROVIDER@", noun).replace("@NAME@", name)
        made = stack.enter_context(system(folder, text))
        watcher = Watcher("127.0.0.1", port, name)
        stack.callback(watcher.close)
        made.up()
        _wait(watcher, made, present=True)
        yield made, watcher


@contextlib.contextmanager
def _bind() -> Iterator[NameServer]:
    server = NameServer(software=BIND)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _wait(watcher: Watcher, made: System, *, present: bool) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    for region in (EU, US, AP):
        while watcher.has(made.places[region]) is not present:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{region} is not as it should be:\n{made.processes[0].said()}")
            time.sleep(0.01)


def excesses(setting: Setting, rounds: int) -> list[float]:
    """Let a region die so many times; return what each took beyond what detection may, in ms."""
    found = []
    with running(setting) as (made, watcher):
        for turn in range(rounds):
            region = (EU, US, AP)[turn % 3]
            time.sleep(random.uniform(1, 2) * setting.interval_s)
            found.append((_one(setting, made, watcher, region) - setting.allowed_s) * 1000)
            made.regions.recover(region)
            _wait(watcher, made, present=True)
    return found


def _one(setting: Setting, made: System, watcher: Watcher, region: str) -> float:
    address = made.places[region]
    killed_s = time.perf_counter()
    made.regions.fail(region, setting.mode)
    while watcher.has(address) is not False:
        if time.perf_counter() - killed_s > DEADLINE_S:
            raise RuntimeError(f"{region} never left:\n{made.processes[0].said()[-3000:]}")
        time.sleep(POLL_S)
    return time.perf_counter() - killed_s


HEAD = """| name server | interval x fall | target | rounds | median excess ms | worst ms | at most 100 ms |
|---|---|---|---:|---:|---:|---|"""


def row(setting: Setting, found: list[float]) -> str:
    """A setting's line in the table."""
    kept = sum(1 for one in found if one <= PROMISE_MS)
    cells = (
        setting.server,
        f"{setting.interval_s:g} s x {FALL}",
        "hangs" if setting.mode is FailureMode.HANG else "refuses",
        str(len(found)),
        f"{statistics.median(found):.0f}",
        f"{max(found):.0f}",
        f"kept in {kept} of {len(found)}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print."""
    given = options("From a dead target to the answer without it.")
    settings = [
        Setting(server, interval_s, mode)
        for server in ("embedded", "BIND")
        for interval_s, mode in (
            (FAST_INTERVAL_S, FailureMode.STOP),
            (FAST_INTERVAL_S, FailureMode.HANG),
            (SLOW_INTERVAL_S, FailureMode.STOP),
        )
        if not given.quick or interval_s == FAST_INTERVAL_S
    ]
    lines = [f"Three vantages, three enactors; {machine()}", "", HEAD]
    for setting in settings:
        rounds = given.rounds * (3 if setting.interval_s == FAST_INTERVAL_S else 1)
        lines.append(row(setting, excesses(setting, rounds)))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
