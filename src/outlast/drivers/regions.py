"""Small local "regions": real HTTP servers that `make up` and `outlast demo` probe, and let fail.

Each plays a region's load balancer on an address of its own, and can die in the four ways that probes
have to tell apart from health: refuse, hang, err, and dawdle. They are examples, not a web server: GET
and HEAD of `/` and `/healthz`, answered with one line that names the region, so that `curl` shows where
one landed.
"""

import asyncio
import errno
from collections.abc import Callable
from enum import StrEnum
from typing import cast

from outlast.model.errors import ConfigError
from outlast.model.names import RegionName

HEAD_BYTES_MAX = 8_192
IDLE_S = 30.0
"""A connection that asks nothing for so long is closed."""

SLOW_S = 5.0
"""How long a slow region takes to answer: longer than the time-out of any sensible check."""

BACKLOG = 1_024
"""Connections that wait to be accepted; beyond it the kernel drops them, and they come back after 1 s."""

_PATHS = (b"/", b"/healthz")
_END = b"\r\n\r\n"


class FailureMode(StrEnum):
    """How a region fails."""

    STOP = "stop"
    """Connections are refused, and those there are end."""
    HANG = "hang"
    """A black hole: connections are accepted, requests never answered."""
    ERROR = "error"
    """Every answer is 503."""
    SLOW = "slow"
    """Every answer takes `SLOW_S`."""


class LocalRegion:
    """One region on one address.

    Args:
        port: 0: any free one; `port` tells which once it has started.
    """

    def __init__(self, name: RegionName, host: str, port: int) -> None:
        self.name = name
        self.host = host
        self.port = port
        self._failing: FailureMode | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[_Connection, None] = {}

    @property
    def failing(self) -> FailureMode | None:
        """How it fails at present, if it does."""
        return self._failing

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address or port is not to be had.
        """
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Connection(self), self.host, self.port, backlog=BACKLOG
            )
        except (OSError, OverflowError) as error:
            raise _cannot_listen(self, error) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def fail(self, mode: FailureMode) -> None:
        """Fail in this way from now on, and no longer in another.

        Raises:
            ConfigError: it was stopped, and its port was taken meanwhile.
        """
        if mode is FailureMode.STOP:
            await self._stop()
        elif self._server is None:
            await self.start()
        self._failing = mode

    async def recover(self) -> None:
        """Serve again. Requests that hang go on hanging, as after a real black hole.

        Raises:
            ConfigError: it was stopped, and its port was taken meanwhile.
        """
        if self._server is None:
            await self.start()
        self._failing = None

    async def close(self) -> None:
        """Stop for good. May be called again."""
        await self._stop()

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            # A connection that is accepted and has no transport yet fails an assertion in `asyncio` before
            # 3.12 if the server closes first, and its socket leaks: so accept no more, then give way.
            loop = asyncio.get_running_loop()
            for sock in server.sockets:
                loop.remove_reader(sock.fileno())
            for _ in range(3):
                await asyncio.sleep(0)
            server.close()
        for connection in list(self._connections):
            connection.abort()

    def opened(self, connection: "_Connection") -> None:
        """Take note of a connection; one that was just being accepted when the region stopped ends."""
        if self._server is None:
            connection.abort()
        else:
            self._connections[connection] = None

    def closed(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)


class _Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, answered in order."""

    def __init__(self, region: LocalRegion) -> None:
        self._region = region
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from nothing
        self._region.opened(self)
        self._set_timer(IDLE_S, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # whoever asked went away; there is nobody to tell
        self._region.closed(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._region.failing is FailureMode.HANG:
            return
        self._received += data
        if len(self._received) > HEAD_BYTES_MAX:
            self._answer("431 Request Header Fields Too Large", close=True)
        elif _END in self._received:
            self._take_request()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _take_request(self) -> None:
        if self._region.failing is FailureMode.SLOW:
            self._set_timer(SLOW_S, self._answer_requests)
        else:
            self._answer_requests()

    def _answer_requests(self) -> None:
        self._set_timer(IDLE_S, self.abort)
        while _END in self._received:
            head, self._received = self._received.split(_END, 1)
            method, _, rest = head.partition(b" ")
            path = rest.partition(b" ")[0].partition(b"?")[0]
            close = b"connection: close" in head.lower()
            bodiless = method == b"HEAD"
            if method not in (b"GET", b"HEAD"):
                self._answer("405 Method Not Allowed", close=True)
            elif self._region.failing is FailureMode.ERROR:
                self._answer("503 Service Unavailable", close=close, bodiless=bodiless)
            elif path not in _PATHS:
                self._answer("404 Not Found", close=close, bodiless=bodiless)
            else:
                self._answer("200 OK", close=close, bodiless=bodiless)

    def _answer(self, status: str, *, close: bool, bodiless: bool = False) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        words = "hello from" if status.startswith("200") else f"{status} in"
        body = f"{words} {self._region.name}\n"
        lines = [
            f"HTTP/1.1 {status}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            *(["Connection: close"] if close else []),
        ]
        transport.write(("\r\n".join(lines) + "\r\n\r\n" + body * (not bodiless)).encode())
        if close:
            transport.close()

    def _set_timer(self, after_s: float, action: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(after_s, action)


def _cannot_listen(region: LocalRegion, error: Exception) -> ConfigError:
    what = f"region {region.name} cannot listen on {region.host} port {region.port}: {error}"
    code = error.errno if isinstance(error, OSError) else None
    remedies = {
        errno.EADDRINUSE: "another program has this port; end it, or take another port",
        errno.EADDRNOTAVAIL: (
            f"this machine has no address {region.host}; where only 127.0.0.1 is a loopback address "
            f"(macOS), add it with `sudo ifconfig lo0 alias {region.host}`, or take 127.0.0.1 with "
            "another port for each region"
        ),
        errno.EACCES: "ports below 1024 need privileges; take one from 1024 on",
    }
    return ConfigError(
        what, remedy=remedies.get(code or 0, "take an IP address and port of this machine")
    )
