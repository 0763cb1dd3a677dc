"""How soon a thousand open boards show a change, with all of them on one process.

    .venv/bin/python -m bench.crowd [--quick] [--rounds N]

`outlast up` runs as a process of its own. Each board is one connection that listens for events and one that
fetches, as a browser has. Then an endpoint is frozen; each board that is told fetches the page, packed, and
reads all of it. Counted is from the commit of the freeze in the store until the last board has the page with
it: looking, telling, making the page and sending it a thousand times. Clients run in this process, on the
other core. Promised is under a second. The processor's time that the server took for it is printed beside: on
a machine with neighbours it is the figure that holds.
"""

import asyncio
import gzip
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.harness import machine, options
from tests.support.system import System, system

from outlast.app.options import open_world
from outlast.model.names import EndpointName
from outlast.model.override import Freeze

BOARDS, BOARDS_QUICK = 1_000, 100
AT_ONCE = 50
PROMISED_S = 1.0
WAIT_S = 30.0
BYTES_PER_KB = 1000


class Board:
    """One open board: it listens, and fetches when it is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._events: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._pages: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.page_bytes = 0

    async def open(self) -> None:
        """Connect twice, and hear the first word."""
        self._events = await asyncio.open_connection("127.0.0.1", self._port)
        self._ask(self._events[1], "/events")
        await self._events[0].readuntil(b"event: changed")
        await self.fetch()

    async def shows(self, text: bytes) -> float:
        """Fetch whenever something changed until the page has a text; return when that was."""
        assert self._events is not None
        while True:
            await self._events[0].readuntil(b"event: changed")
            if text in await self.fetch():
                return time.perf_counter()

    async def fetch(self) -> bytes:
        """Return the first page."""
        head = b""
        while (
            not head
        ):  # a connection that was idle for long may be closed: a browser opens another
            if self._pages is None:
                self._pages = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._pages
            self._ask(writer, "/")
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                self._pages = None
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        packed = await reader.readexactly(length)
        self.page_bytes = length
        return gzip.decompress(packed)

    async def close(self) -> None:
        """Hang up."""
        for one in (self._events, self._pages):
            if one is not None:
                one[1].close()

    def _ask(self, writer: asyncio.StreamWriter, path: str) -> None:
        writer.write(
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\naccept-encoding: gzip\r\n\r\n".encode()
        )


def cpu_s(pid: int) -> float:
    """Return the processor's time that a process took so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    world: System, count: int, rounds: int
) -> tuple[list[list[float]], list[float], int]:
    """Return by round how long each board took and the server computed, in s; and the bytes of a page."""
    pid = world.processes[0].popen.pid
    boards = [Board(world.http_port) for _ in range(count)]
    for at in range(0, count, AT_ONCE):
        await asyncio.gather(*(one.open() for one in boards[at : at + AT_ONCE]))
    found, computed = [], []
    outlast = open_world(world.file, world.state, kept=True)
    store = await outlast.store(check_s=0.05)
    ledger = outlast.ledger(store, "bench")
    for number in range(rounds):
        text = f"frozen for round {number}"
        waiting = [asyncio.create_task(one.shows(text.encode())) for one in boards]
        await asyncio.sleep(0)
        before_s = cpu_s(pid)
        freeze = Freeze(
            endpoint=EndpointName("shop"), reason=text, by="bench", at_ns=outlast.clock.now_ns()
        )
        await ledger.place(freeze, text)
        began = time.perf_counter()
        async with asyncio.timeout(WAIT_S):
            found.append([await one - began for one in waiting])
        computed.append(cpu_s(pid) - before_s)
    await store.close()
    for one in boards:
        await one.close()
    return found, computed, boards[0].page_bytes


def main() -> int:
    """Measure, and print a table."""
    asked = options("A thousand open boards, and how soon they show a change.")
    count = BOARDS_QUICK if asked.quick else BOARDS
    with tempfile.TemporaryDirectory() as folder, system(Path(folder)) as world:
        world.up_and_published()
        found, computed, size = asyncio.run(measure(world, count, asked.rounds))
    last = [max(one) for one in found]
    print(f"{machine()}; {asked.rounds} rounds\n")
    print(
        "| open boards | KB a page | median board, s | last board, s | worst round, s | server CPU, s |"
    )
    print("|---:|---:|---:|---:|---:|---:|")
    median = statistics.median(statistics.median(one) for one in found)
    print(
        f"| {count:,} | {size / BYTES_PER_KB:.1f} | {median:.2f} | {statistics.median(last):.2f} "
        f"| {max(last):.2f} | {statistics.median(computed):.2f} |"
    )
    kept = statistics.median(last) < PROMISED_S
    print(f"\nPromised: every board in under {PROMISED_S:g} s: {'kept' if kept else 'BROKEN'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
