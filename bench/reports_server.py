"""The two servers of `bench.reports`: ours, and a bare ASGI echo; one process, one core."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from outlast.detect.cells import Grid
from outlast.detect.intake import Intake, Rules
from outlast.drivers.clock import SystemClock
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.desk import Desk
from outlast.drivers.reports.door import Door, Rights
from outlast.drivers.reports.identity import Identity, Key, make_secret
from outlast.drivers.reports.journal import Journal
from outlast.drivers.reports.limits import Limits
from outlast.drivers.reports.review import Review
from outlast.drivers.reports.server import ReportsServer
from outlast.drivers.reports.tokens import Source, fingerprint

TOKEN = "outlast_bench"
SERVICES = 3500


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with the body."""
    del scope
    message = await receive()
    body = message["body"]
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 202, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def serve_echo(sock: socket.socket) -> None:
    """Serve a bare ASGI application on uvicorn, with everything off that can be."""
    config = uvicorn.Config(
        echo,
        log_level="critical",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        http="httptools",
        interface="asgi3",
    )
    await uvicorn.Server(config).serve(sockets=[sock])


async def serve_reports(sock: socket.socket, folder: Path) -> None:
    """Serve the desk: judged, deduplicated, kept on disk before each answer."""
    grid = Grid(tuple(f"svc-{one}" for one in range(SERVICES)), ("US", "ZZ"))
    desk = Desk(
        Coder(grid),
        Intake(Rules(network_cap=1 << 30)),
        Journal(folder, grid, segment_bytes=256 << 20),
        Identity(Key(make_secret(), int(time.time()))),
        clock=SystemClock(),
        review=Review(),
    )
    source = Source(name="bench", sha256=fingerprint(TOKEN), since_s=0, reports_s=10**9)
    door = Door(Rights(sources=(source,)), Limits(public_reports_s=1e9))
    server = ReportsServer(desk, door, clock=SystemClock())
    sys.setswitchinterval(0.0005)
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, done.set)
    tasks = [asyncio.create_task(desk.run()), asyncio.create_task(server.serve(sock))]
    await done.wait()
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """`echo PORT` or `reports PORT`."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sock = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=1024)
    sock.setblocking(False)  # noqa: FBT003 - the standard library has no keyword for it
    if sys.argv[1] == "echo":
        uvloop.run(serve_echo(sock))
        return
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(serve_reports(sock, Path(folder)))


if __name__ == "__main__":
    main()
