"""Server: the desk's own HTTP/1.1, for the one path that everybody comes for at once.

One object a connection, no task and no coroutine a request: a report is 100 bytes, and what a general server
does around a request takes three times as long as everything that has to be done with it. The parsing is
`httptools`, that is Node's llhttp. What is not asked for here (other paths, upgrades) is answered 404.

Every connection is on a clock from its first byte: whoever has not sent a whole request in `body_s` is
answered 408 and cut off, be it in the headers or in the body, so dripping costs the dripper more than us.
Answers go out in the order of the requests, since HTTP/1.1 allows to send the next one early.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import httptools

from outlast.drivers.reports.desk import Desk
from outlast.drivers.reports.door import PATH, Door, Refused, Reply, Tally, reply_to
from outlast.model.units import NS_PER_S
from outlast.ports import Clock

CONNECTIONS_MAX = 10_000
PIPELINE_MAX = 64
"""Requests of one connection that may wait for their answers."""

HEADERS_MAX = 100
HEADER_BYTES_MAX = 16 << 10
SWEEP_S = 0.5
IDLE_S = 30.0
"""How long a connection may stay open without a request."""

_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


def _bytes(reply: Reply, *, close: bool) -> bytes:
    lines = [_STATUS[reply.status], b"content-type: application/json\r\n"]
    lines += [name + b": " + value + b"\r\n" for name, value in reply.headers]
    lines.append(b"content-length: %d\r\n" % len(reply.body))
    lines.append(b"connection: close\r\n\r\n" if close else b"\r\n")
    return b"".join(lines) + reply.body


class _Connection(asyncio.Protocol):
    """One connection: parses, hands in, answers in order."""

    def __init__(self, server: "ReportsServer") -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.deadline_s = 0.0
        self._peer = ""
        self._waiting: deque[list[bytes | None]] = deque()
        self._closing = False
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = 0
        self._body: bytes | bytearray = b""
        self._inside = False

    # the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._server.come(self)
        self.deadline_s = self._server.loop.time() + self._server.door.limits.body_s
        if self._server.full:
            self._refuse(Refused(503, "too many connections", 1.0))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._closing = True
        self._server.go(self)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Refused(404, "there is nothing to upgrade to"))
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(
                cause if isinstance(cause, Refused) else Refused(400, "this is no request")
            )
        except httptools.HttpParserError as error:
            self._refuse(Refused(400, f"this is no HTTP request: {error}"))

    def eof_received(self) -> bool:
        return bool(
            self._waiting
        )  # half-closed: whoever has sent everything still gets the answers

    # the parser's calls

    def on_message_begin(self) -> None:
        self._begin()
        self._inside = True
        self.deadline_s = self._server.loop.time() + self._server.door.limits.body_s

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._measure(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))
        self._measure(len(name) + len(value))

    def _measure(self, length: int) -> None:
        self._header_bytes += length
        if self._header_bytes > HEADER_BYTES_MAX or len(self._headers) > HEADERS_MAX:
            raise Refused(413, "the headers are too long")

    def on_headers_complete(self) -> None:
        if self._url.partition(b"?")[0] != PATH:
            raise Refused(404, "reports are handed in at /v1/reports")
        if self._parser.get_method() != b"POST":
            raise Refused(405, "reports are handed in with POST")
        for name, value in self._headers:
            if name == b"content-length":
                self._weigh(int(value))
            if name == b"expect" and value.lower() == b"100-continue" and self._transport:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _weigh(self, length: int) -> None:
        most = self._server.door.limits.body_bytes
        if length > most:
            raise Refused(413, f"a request may have {most} bytes")

    def on_body(self, body: bytes) -> None:
        self._weigh(len(self._body) + len(body))
        if not self._body:
            self._body = body
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body

    def on_message_complete(self) -> None:
        self._inside = False
        close = not self._parser.should_keep_alive()
        place: list[bytes | None] = [None]
        self._waiting.append(place)
        self._closing = self._closing or close
        self.deadline_s = self._server.loop.time() + IDLE_S
        if len(self._waiting) > PIPELINE_MAX and self._transport is not None:
            self._transport.pause_reading()

        def done(found: Tally | Exception) -> None:
            place[0] = _bytes(reply_to(found), close=close)
            self._flush()

        self._server.take(self._headers, self._body, self._peer, done)

    # answering

    def _flush(self) -> None:
        out: list[bytes] = []
        while self._waiting and (ready := self._waiting[0][0]) is not None:
            out.append(ready)
            self._waiting.popleft()
        transport = self._transport
        if transport is None or transport.is_closing() or not out:
            return
        transport.write(out[0] if len(out) == 1 else b"".join(out))
        if self._closing and not self._waiting:
            transport.close()
        elif len(self._waiting) <= PIPELINE_MAX // 2 and not transport.is_reading():
            transport.resume_reading()

    def _refuse(self, refused: Refused) -> None:
        """Answer, after those that wait before it, and close: what follows cannot be told apart."""
        self._closing = True
        self._waiting.append([_bytes(reply_to(refused), close=True)])
        self._flush()

    def stop(self) -> None:
        """Close; whoever waits for an answer comes again."""
        if self._transport is not None:
            self._transport.close()

    def sweep(self, now_s: float) -> None:
        """Cut off whoever takes too long."""
        if now_s < self.deadline_s or self._transport is None or self._transport.is_closing():
            return
        if self._waiting:  # it waits for us, not we for it, unless it does not read
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            return
        if self._inside:
            self._refuse(Refused(408, "the request did not arrive in time"))
        else:
            self._transport.close()


class ReportsServer:
    """Serves `POST /v1/reports`."""

    def __init__(self, desk: Desk, door: Door, *, clock: Clock) -> None:
        self.door = door
        self.loop = asyncio.get_running_loop()
        self._desk = desk
        self._clock = clock
        self._connections: dict[_Connection, None] = {}

    @property
    def full(self) -> bool:
        """Whether there are too many connections."""
        return len(self._connections) > CONNECTIONS_MAX

    def come(self, one: _Connection) -> None:
        """Take note of a connection."""
        self._connections[one] = None

    def go(self, one: _Connection) -> None:
        """Forget a connection."""
        self._connections.pop(one, None)

    def take(
        self,
        headers: list[tuple[bytes, bytes]],
        body: bytes | bytearray,
        peer: str,
        done: Callable[[Tally | Exception], None],
    ) -> None:
        """Hand a request's reports in; `done` hears what became of them."""
        try:
            group = self.door.open(headers, body, peer, self._clock.now_ns() / NS_PER_S)
        except Refused as refused:
            done(refused)
            return
        self._desk.put(group, done)

    async def serve(self, sock: socket.socket) -> None:
        """Serve on a listening socket until cancelled."""
        server = await self.loop.create_server(lambda: _Connection(self), sock=sock, backlog=1024)
        try:
            while True:
                await asyncio.sleep(SWEEP_S)
                now_s = self.loop.time()
                for one in [*self._connections]:
                    one.sweep(now_s)
        finally:
            server.close()
            for one in [*self._connections]:
                one.stop()
