"""One socket with one hard deadline: what every probe stands on.

A bare non-blocking socket instead of asyncio's transports, for three reasons. The probe must tell an
error of its *own* side (no file handle, no local port, no route) from one of the target's side, and
transports hide at which call an error arose. It must never leave a TIME_WAIT behind, which whoever closes
first would get, 60 s each: 2,000 targets a second would hold 120,000. And it costs less than half.

So sockets are closed with a reset (SO_LINGER of 0). The target loses nothing: its answer was read.

The trap avoided: evidence that is none. `OwnFault` means that *we* could not look, which says nothing of
the target. A deadline that our own stalled process noticed late is such a case too: after a SIGSTOP of
ten seconds every probe under way has "timed out", and not one target was at fault.
"""

import asyncio
import errno
import math
import os
import socket
import struct

STALL_S = 0.25
"""A deadline noticed later than this says that our own process stood still, and nothing of the target."""

RECEIVE_BYTES = 16_384
"""Read at once at most. Status lines need 20 bytes, UDP answers 4,096 at most in practice."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_OWN_ANYWHERE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENETDOWN, errno.EPERM}
)
_OWN_AT_ONCE = _OWN_ANYWHERE | {
    errno.EADDRNOTAVAIL,  # every local port to this target is taken, or we have no such family
    errno.EADDRINUSE,
    errno.ENETUNREACH,  # our own routing table; an answer of the network comes later, not at once
    errno.EHOSTUNREACH,
    errno.EACCES,
    errno.EAFNOSUPPORT,
    errno.EAGAIN,
}


class OwnFault(Exception):
    """We could not look. The message says why, in words for people."""


class Wire:
    """A connected TCP or UDP socket. One task uses it at a time; `abort` is always the last call.

    Args:
        host: an IP address. A name would make `connect` look it up, and block every other probe.
        deadline: in `loop.time()`; whatever waits beyond it gets a `TimeoutError`.

    Raises:
        OwnFault: no socket is to be had.
    """

    __slots__ = (
        "_deadline",
        "_expired",
        "_fd",
        "_loop",
        "_reading",
        "_receiver",
        "_socket",
        "_timer",
        "_waiter",
    )

    def __init__(self, host: str, *, deadline: float, udp: bool = False) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError) as error:
            raise OwnFault(f"{host!r} is no IP address") from error
        self._loop = asyncio.get_running_loop()
        try:
            self._socket = socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        except OSError as error:
            raise OwnFault(f"no socket: {error.strerror}") from error
        self._socket.settimeout(0)
        self._fd = self._socket.fileno()
        if not udp:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._waiter: asyncio.Future[bytes] | None = None
        self._receiver: asyncio.Future[bytes] | None = None  # the waiter, if it waits for data
        self._expired: Exception | None = None
        self._reading = False
        self._deadline = deadline
        self._timer: asyncio.TimerHandle | None = None
        self._set_timer(deadline)

    async def connect(self, host: str, port: int) -> None:
        """Connect to the address that the wire was made for.

        Raises:
            OSError: the target, or the network on the way, refused.
            OwnFault, TimeoutError: as everywhere.
        """
        code = self._socket.connect_ex((host, port))
        if code in _OWN_AT_ONCE:
            raise OwnFault(f"no connection from here: {os.strerror(code)}")
        if code == errno.EINPROGRESS:
            await self._wait_writable()
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise _fault(code)

    def is_self_connected(self) -> bool:
        """Whether both ends are this very socket.

        TCP's simultaneous open lets a socket connect to itself if the kernel happens to give it the
        port it asks for, on its own host: an open port with nobody behind.
        """
        return bool(self._socket.getsockname()[:2] == self._socket.getpeername()[:2])

    async def send(self, data: bytes) -> None:
        """Send all of the data."""
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                await self._wait_writable()
            except OSError as error:
                raise _fault(error.errno or 0) from error

    async def receive(self) -> bytes:
        """Return what comes next: part of a stream, one datagram, or nothing at the stream's end."""
        waiter = self._receiver = self._wait()
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._fd, self._on_readable)
        return await waiter

    def keep(self) -> None:
        """Stay open without a deadline until `reuse`, or until the other side says or ends anything."""
        self._deadline = math.inf
        self._receiver = None

    def reuse(self, deadline: float) -> bool:
        """Go on after `keep`, with a new deadline; false: the connection ended meanwhile."""
        if self._socket.fileno() < 0 or self._expired:
            return False
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer(deadline)
        return True

    def abort(self) -> None:
        """Close at once, with a reset where TCP has one. May be called again."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket.fileno() >= 0:
            if self._reading:
                self._loop.remove_reader(self._fd)
            self._socket.close()

    async def _wait_writable(self) -> None:
        waiter = self._wait()
        self._loop.add_writer(self._fd, _wake, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._fd)

    def _wait(self) -> asyncio.Future[bytes]:
        if self._expired:
            raise self._expired
        self._waiter = self._loop.create_future()
        return self._waiter

    def _on_readable(self) -> None:
        if self._deadline == math.inf:  # it ended, or talks unasked: of no more use
            self.abort()
            return
        waiter = self._receiver
        if waiter is None or waiter.done():  # nobody listens: leave it in the kernel, do not spin
            self._loop.remove_reader(self._fd)
            self._reading = False
            return
        try:
            waiter.set_result(self._socket.recv(RECEIVE_BYTES))
        except BlockingIOError:  # Linux may say "readable" for a datagram with a wrong checksum
            return
        except OSError as error:
            waiter.set_exception(_fault(error.errno or 0))

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._expire)

    def _expire(self) -> None:
        """End what waits, if the deadline has come.

        A kept connection moves its deadline with every use and its timer only when that fires: to
        cancel and set a timer for each probe would cost as much as asking.
        """
        self._timer = None
        stalled_s = self._loop.time() - self._deadline
        if stalled_s < 0 and self._deadline != math.inf:
            self._set_timer(self._deadline)
        if stalled_s < 0:
            return
        if stalled_s > STALL_S:
            self._expired = OwnFault(f"our own process stood still for {stalled_s:.1f} s")
        else:
            self._expired = TimeoutError()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._expired)


def _wake(waiter: asyncio.Future[bytes]) -> None:
    if not waiter.done():
        waiter.set_result(b"")


def _fault(code: int) -> Exception:
    text = os.strerror(code)
    return OwnFault(text) if code in _OWN_ANYWHERE else OSError(code, text)
