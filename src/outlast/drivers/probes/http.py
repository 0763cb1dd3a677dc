"""HTTP and HTTPS probes: one GET, judged by the final status, over a new connection each time.

A new connection, since a target that no longer accepts any is down, whatever its old ones say. Keeping
connections is an option for those who must save handshakes; then a kept connection that the target
ended between two probes is its good right (idle time-outs), and the probe is made once more on a new one.
"""

import errno
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from outlast.drivers.probes.judgement import Judgement, bad
from outlast.drivers.probes.response import Malformed, final_status, missing_bytes
from outlast.drivers.probes.tls import Contexts, TlsWire, certificate_fault
from outlast.drivers.probes.wire import OwnFault, Wire
from outlast.model.names import Subject
from outlast.model.topology import CheckKind
from outlast.ports import Assignment, Clock

KEPT_MAX = 10_000
"""Connections kept at most; beyond it the oldest one goes."""

_USER_AGENT = "outlast-probe"
_ENDED = (errno.ECONNRESET, errno.EPIPE)
_SAFE_IN_PATH = (
    "!#$%&'()*+,-./:;=?@[]~"  # what a path and query may hold as it is; the rest is quoted
)
_DEFAULT_PORTS = {CheckKind.HTTP: 80, CheckKind.HTTPS: 443}


class Stream(Protocol):
    """A wire, plain or in TLS."""

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        ...

    async def receive(self) -> bytes:
        """Return what comes next; nothing at the end."""
        ...

    def keep(self) -> None:
        """Stay open without a deadline."""
        ...

    def reuse(self, deadline: float) -> bool:
        """Go on with a new deadline, if still connected."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


@dataclass(slots=True)
class _Connection:
    """A stream to a target, with what is asked on it."""

    stream: Stream
    assignment: Assignment
    request: bytes


class HttpProber:
    """Makes HTTP and HTTPS probes.

    Args:
        contexts: for TLS.
        keep_alive: keep connections from probe to probe.
    """

    def __init__(self, contexts: Contexts, *, keep_alive: bool = False) -> None:
        self._contexts = contexts
        self._keep_alive = keep_alive
        self._kept: dict[Subject, _Connection] = {}

    async def check(self, assignment: Assignment, *, deadline: float, clock: Clock) -> Judgement:
        """Probe once.

        Raises:
            OSError: of the connection or of TLS: something that the target did.
            OwnFault: we could not look.
        """
        connection = self._take(assignment, deadline)
        if connection is not None:
            judgement = await self._ask_kept(connection, clock)
            if judgement is not None:
                return judgement
        connection = await self._connect(assignment, deadline)
        judgement = await self._ask(connection, clock)
        return judgement or bad("closed without an answer")

    def close(self) -> None:
        """Give up all kept connections."""
        for connection in self._kept.values():
            connection.stream.abort()
        self._kept.clear()

    async def _connect(self, assignment: Assignment, deadline: float) -> _Connection:
        wire = Wire(assignment.host, deadline=deadline)
        stream: Stream = wire
        try:
            await wire.connect(assignment.host, assignment.check.port)
            if assignment.check.kind is CheckKind.HTTPS:
                context = self._contexts.choose(verify=assignment.check.tls_verify)
                tls = TlsWire(wire, context, assignment.server_name or assignment.host)
                await tls.handshake()
                stream = tls
            asked = request(assignment, keep_alive=self._keep_alive)
        except BaseException:
            wire.abort()
            raise
        return _Connection(stream, assignment, asked)

    def _take(self, assignment: Assignment, deadline: float) -> _Connection | None:
        connection = self._kept.pop(assignment.subject, None)
        if connection is None:
            return None
        known = connection.assignment
        if (known is assignment or known == assignment) and connection.stream.reuse(deadline):
            return connection
        connection.stream.abort()
        return None

    async def _ask_kept(self, connection: _Connection, clock: Clock) -> Judgement | None:
        """Ask on a kept connection. None: it had ended, which says nothing of the target."""
        try:
            return await self._ask(connection, clock)
        except OSError as error:
            if error.errno in _ENDED:
                return None
            raise

    async def _ask(self, connection: _Connection, clock: Clock) -> Judgement | None:
        """Send the request and judge what comes. None: the connection ended without a byte."""
        stream, kept = connection.stream, False
        try:
            fault = _certificate_fault(connection, clock)
            if fault is not None:
                return fault
            await stream.send(connection.request)
            received = b""
            while (status := final_status(received)) is None:
                data = await stream.receive()
                if not data:
                    return bad("closed in the middle of an answer") if received else None
                received += data
            kept = self._keep_alive and await _read_rest(stream, received, status)
            if kept:
                self._keep(connection)
            return _judge_status(status[0], connection.assignment)
        except Malformed as error:
            return bad(str(error))
        finally:
            if not kept:
                stream.abort()

    def _keep(self, connection: _Connection) -> None:
        if len(self._kept) >= KEPT_MAX:
            self._kept.pop(next(iter(self._kept))).stream.abort()
        connection.stream.keep()
        self._kept[connection.assignment.subject] = connection


async def _read_rest(stream: Stream, received: bytes, status: tuple[int, int]) -> bool:
    """Read the response to its end; whether the connection can be kept.

    The judgement stands already, so nothing that happens here may change it.
    """
    missing = missing_bytes(received, *status)
    try:
        while missing:
            data = await stream.receive()
            if not data:
                return False
            received += data
            missing = missing_bytes(received, *status)
    except (OSError, OwnFault):
        return False
    return missing == 0


def _judge_status(status: int, assignment: Assignment) -> Judgement:
    check = assignment.check
    good = check.status_min <= status <= check.status_max
    return Judgement(good=good, detail=f"HTTP {status}")


def _certificate_fault(connection: _Connection, clock: Clock) -> Judgement | None:
    days_min = connection.assignment.check.certificate_days_min
    if not days_min or not isinstance(connection.stream, TlsWire):
        return None
    return certificate_fault(
        connection.stream.certificate, days_min=days_min, now_ns=clock.now_ns()
    )


def request(assignment: Assignment, *, keep_alive: bool) -> bytes:
    """Return the request. Path and name cannot smuggle in another line, whatever they hold."""
    check = assignment.check
    name = quote(assignment.server_name or assignment.host, safe=":")
    host = f"[{name}]" if ":" in name else name
    if check.port != _DEFAULT_PORTS.get(check.kind):
        host = f"{host}:{check.port}"  # RFC 9110 section 7.2
    path = quote(check.path, safe=_SAFE_IN_PATH)
    connection = "" if keep_alive else "Connection: close\r\n"
    return (
        f"GET {path or '/'} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {_USER_AGENT}\r\n"
        f"Accept: */*\r\n{connection}\r\n"
    ).encode("ascii")
