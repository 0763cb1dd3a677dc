"""One persistent TCP connection with many questions in flight.

Knot answers an update after a timer of 10 ms, whatever it holds, and takes all that wait by then at once:
one question at a time gets under a hundred a second, sixty-four in flight get thousands. Hence the
pipeline (RFC 7766 section 6.2.1.1), with answers matched by number, in any order.

What a caller is told is what can be known. `NotSent`: not one octet of the question was handed to the
network, so nothing can have happened. `Lost`: it was, and no answer came; the server may still act on
it later, even after the connection is gone. Nothing is ever sent a second time from here.

Everything is bounded: questions in flight, questions that wait for their turn, time, and the pace at
which a dead server is tried again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from outlast.drivers.providers.link import Link, Lost
from outlast.model.errors import Unreachable
from outlast.model.topology import Address

CONNECTIONS = 4
"""At most so many to one server; a second one is opened only while the first is in use. BIND works
on one connection's updates at half the pace of several."""

IN_FLIGHT_MAX = 64
"""Questions sent and not answered. Knot is at its fastest here; BIND reads on after 23 by itself."""

WAITING_MAX = 8192
"""Questions that wait for their turn; more are turned away at once."""

CONNECT_TIMEOUT_S = 5.0
"""For one attempt to connect. A caller's own time may run out before."""

BACKOFF_MIN_S = 0.05
BACKOFF_MAX_S = 2.0

ABANDONED_MAX = 1024
"""Numbers of questions whose time ran out and whose late answers may still come."""

_ID_COUNT = 1 << 16


class NotSent(Unreachable):
    """Nothing was sent, so nothing changed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a server's connections, see the constants of the same names; each has its own."""

    connections: int = CONNECTIONS
    in_flight: int = IN_FLIGHT_MAX
    waiting: int = WAITING_MAX
    backoff_min_s: float = BACKOFF_MIN_S
    backoff_max_s: float = BACKOFF_MAX_S
    connect_timeout_s: float = CONNECT_TIMEOUT_S


class Pool:
    """A few connections to one server; whoever asks takes the least busy one, the first if all idle."""

    def __init__(self, server: Address, limits: Limits | None = None) -> None:
        bounds = limits or Limits()
        self._connections = [Connection(server, bounds) for _ in range(bounds.connections)]

    def take(self) -> "Connection":
        """Return the connection to use. Questions on one connection keep their order."""
        return min(self._connections, key=_load)

    async def close(self) -> None:
        """Close all."""
        for one in self._connections:
            await one.close()


def _load(connection: "Connection") -> int:
    return connection.load


class Connection:
    """A connection to one server that is opened when needed and again when lost.

    All of it belongs to one event loop.
    """

    def __init__(self, server: Address, limits: Limits | None = None) -> None:
        self._server = server
        self._limits = limits or Limits()
        self._turns = asyncio.Semaphore(self._limits.in_flight)
        self._opening: asyncio.Task[Link | None] | None = None
        self._link: Link | None = None
        self._next_id = 0
        self._waiting = 0
        self._load = 0
        self._backoff_s = 0.0
        self._retry_at_s = 0.0
        self._last_fault = ""
        self._closed = False

    @property
    def load(self) -> int:
        """How many questions wait or are in flight."""
        return self._load

    @property
    def is_open(self) -> bool:
        """Whether a connection stands, as far as the network has told us."""
        return self._link is not None and self._link.alive

    async def ask(self, pack: Callable[[int], bytes], timeout_s: float) -> bytes:
        """Send one question and return the octets of the answer with its number.

        Args:
            pack: makes the message for a number, at the moment when it is sent: a signature carries
                the time.
            timeout_s: for everything, the wait for a turn and for a connection included.

        Raises:
            NotSent: no turn, no connection, or turned away; nothing was sent.
            Lost: sent, but no answer.
        """
        if self._waiting >= self._limits.waiting:
            raise NotSent(f"{self._limits.waiting} questions to {self._server} wait already")
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        self._load += 1
        try:
            self._waiting += 1
            try:
                link = await self._turn(deadline_s, timeout_s)
            finally:
                self._waiting -= 1
            try:
                return await self._exchange(link, pack, deadline_s)
            finally:
                self._turns.release()
        finally:
            self._load -= 1

    async def _turn(self, deadline_s: float, timeout_s: float) -> Link:
        """Wait for a turn and a connection. The turn is given back if there is no connection."""
        link = self._link
        if link is not None and link.alive and not self._turns.locked():
            await self._turns.acquire()
            return link
        try:
            async with asyncio.timeout_at(deadline_s):
                await self._turns.acquire()
                try:
                    return await self._open()
                except BaseException:
                    self._turns.release()
                    raise
        except TimeoutError:
            raise NotSent(f"no connection to {self._server} within {timeout_s:g} s") from None

    async def _open(self) -> Link:
        """Return a living link. All who need a new one wait for the same attempt."""
        if self._link is not None and self._link.alive:
            return self._link
        if self._closed:
            raise NotSent(f"the connection to {self._server} is closed")
        if self._opening is None:
            loop = asyncio.get_running_loop()
            if loop.time() < self._retry_at_s:
                raise NotSent(self._last_fault)
            self._opening = loop.create_task(self._connect())
        # A caller that gives up or is cancelled must not end the attempt for the others.
        link = await asyncio.shield(self._opening)
        if link is None:
            raise NotSent(self._last_fault)
        return link

    async def _connect(self) -> Link | None:
        loop = asyncio.get_running_loop()
        limits = self._limits
        try:
            async with asyncio.timeout(limits.connect_timeout_s):
                host, port = self._server.host, self._server.port
                _, self._link = await loop.create_connection(Link, host, port)
        except (OSError, TimeoutError) as error:
            self._backoff_s = min(
                max(self._backoff_s * 2, limits.backoff_min_s), limits.backoff_max_s
            )
            self._retry_at_s = loop.time() + self._backoff_s
            reason = str(error) or f"no answer within {limits.connect_timeout_s:g} s"
            self._last_fault = f"{self._server} cannot be reached: {reason}"
            return None
        finally:
            self._opening = None
        self._backoff_s = 0.0
        return self._link

    async def _exchange(self, link: Link, pack: Callable[[int], bytes], deadline_s: float) -> bytes:
        loop = asyncio.get_running_loop()
        number = self._free_id(link)
        message = pack(number)
        sent_at_s = loop.time()
        waiter: asyncio.Future[bytes] = loop.create_future()
        link.waiting[number] = waiter
        link.send(message)
        timer = loop.call_at(deadline_s, _expire, waiter)
        try:
            return await waiter
        except Lost as error:
            raise Lost(f"{self._server}: {error.what}") from None
        except TimeoutError:
            self._abandon(link, number)
            if link.heard_at_s < sent_at_s:  # it may be half open; a new one finds out
                link.drop("the server answers nothing any more")
            waited_s = loop.time() - sent_at_s
            raise Lost(f"no answer from {self._server} within {waited_s:.1f} s") from None
        except asyncio.CancelledError:
            self._abandon(link, number)
            raise
        finally:
            timer.cancel()

    def _abandon(self, link: Link, number: int) -> None:
        """Never use a number again on this link: its answer may still come."""
        link.waiting.pop(number, None)
        link.abandoned.add(number)
        if len(link.abandoned) > ABANDONED_MAX:
            link.drop("it left too many questions without an answer")

    def _free_id(self, link: Link) -> int:
        while True:
            self._next_id = (self._next_id + 1) % _ID_COUNT
            if self._next_id not in link.waiting and self._next_id not in link.abandoned:
                return self._next_id

    async def close(self) -> None:
        """Close it for good. Questions in flight become `Lost`, later ones `NotSent`."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        if self._link is not None:
            self._link.drop("closed by us")
            self._link = None
        await asyncio.sleep(0)  # one turn, in which the transport closes its socket


def _expire(waiter: asyncio.Future[bytes]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
