"""A desk with its server on a free port, for tests."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, counts_of
from outlast.detect.intake import Batch, Intake, Rules
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.desk import Desk
from outlast.drivers.reports.door import Door, Rights
from outlast.drivers.reports.identity import Identity, Key
from outlast.drivers.reports.journal import Journal, Record
from outlast.drivers.reports.limits import Limits
from outlast.drivers.reports.review import Review
from outlast.drivers.reports.server import ReportsServer
from outlast.drivers.reports.tokens import Source, fingerprint
from outlast.model.units import NS_PER_S, Nanos

GRID = Grid(("shop", "bank"), ("DE", "US", "ZZ"))
NOW_S = 1_760_943_600
TOKEN = "outlast_test"
SECRET = Key(b"0123456789abcdef", 0)


class StillClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.second = NOW_S

    def now_ns(self) -> Nanos:
        return Nanos(self.second * NS_PER_S)

    def nonce(self) -> str:
        return "0" * 16


@dataclass
class Counted:
    """Remembers what counts."""

    parts: list[MinuteCounts] = field(default_factory=list)

    def count(self, batch: Batch, grid: Grid) -> None:
        self.parts.append(counts_of(batch, grid))

    def records(self) -> list[Record]:
        return []

    def kept(self, records: object) -> None:
        """Nothing."""

    @property
    def total(self) -> int:
        return sum(one.total for one in self.parts)


@dataclass
class Served:
    """A desk that is open."""

    desk: Desk
    counted: Counted
    journal: Journal
    clock: StillClock
    http: httpx.AsyncClient
    port: int
    review: Review

    async def post(self, content: object, **headers: str) -> httpx.Response:
        """Send a body, bytes as they are, else as JSON."""
        if isinstance(content, bytes):
            return await self.http.post("/v1/reports", content=content, headers=headers)
        return await self.http.post("/v1/reports", json=content, headers=headers)


def report(number: int = 0, **more: object) -> dict[str, object]:
    """One report of one reporter."""
    return {"service": "shop", "country": "DE", "at": NOW_S, "reporter": f"r{number}", **more}


@contextlib.asynccontextmanager
async def served(
    folder: Path, *, rules: Rules | None = None, limits: Limits | None = None, public: bool = True
) -> AsyncIterator[Served]:
    """Open a desk."""
    counted, clock, review = Counted(), StillClock(), Review()
    journal = Journal(folder / "journal", GRID)
    small = Rules(memory_slots=1 << 14, network_slots=1 << 10)
    desk = Desk(
        Coder(GRID),
        Intake(rules or small),
        journal,
        Identity(SECRET),
        clock=clock,
        review=review,
        counters=[counted],
    )
    source = Source(name="bulk", sha256=fingerprint(TOKEN), since_s=0)
    door = Door(Rights(sources=(source,), public=public), limits or Limits())
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    server = ReportsServer(desk, door, clock=clock)
    tasks = [asyncio.create_task(desk.run()), asyncio.create_task(server.serve(sock))]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            yield Served(desk, counted, journal, clock, http, port, review)
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sock.close()
