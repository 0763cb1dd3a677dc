"""The octets of one TCP connection: frames in, frames out, and who waits for which number.

Two answers in a row would take 40 ms without `_acknowledge_at_once`; see there.
"""

import asyncio
import socket
from typing import cast

from outlast.model.errors import Unreachable

_HEADER_LENGTH = 12
_QUICK_ACKNOWLEDGE: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux only


class Lost(Unreachable):
    """It was sent, and no answer came: whether it took effect is unknown."""


class Link(asyncio.Protocol):
    """One TCP connection, from its opening to its loss; it is never opened again."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[bytes]] = {}
        self.abandoned: set[int] = set()
        self.heard_at_s = 0.0
        self.alive = True
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._incoming = bytearray()
        self._outgoing: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio once the connection stands."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by class
        self._acknowledge_at_once()

    def _acknowledge_at_once(self) -> None:
        """Switch off delayed acknowledgements, which Linux switches on again by itself.

        Name servers leave Nagle's algorithm on: the second of two answers waits for our acknowledgement
        of the first, which the kernel would hold back for 40 ms.
        """
        if self._transport is not None and _QUICK_ACKNOWLEDGE is not None:
            connected = self._transport.get_extra_info("socket")
            connected.setsockopt(socket.IPPROTO_TCP, _QUICK_ACKNOWLEDGE, 1)

    def send(self, message: bytes) -> None:
        """Hand over a frame: at once if it is the only one, else with the others of this turn."""
        frame = len(message).to_bytes(2, "big") + message
        if len(self.waiting) == 1 and self._transport is not None:
            self._transport.write(frame)
            return
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(frame)

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with octets as they come; answers may come in any pieces."""
        self._acknowledge_at_once()
        self._incoming += data
        at = 0
        while len(self._incoming) - at >= 2:
            end = at + 2 + int.from_bytes(self._incoming[at : at + 2], "big")
            if end > len(self._incoming):
                break
            frame = bytes(self._incoming[at + 2 : end])
            at = end
            if len(frame) < _HEADER_LENGTH:
                self.drop("it sent a message shorter than a header")
                return
            self._take(frame)
        del self._incoming[:at]

    def _take(self, frame: bytes) -> None:
        self.heard_at_s = self._loop.time()
        number = int.from_bytes(frame[:2], "big")
        waiter = self.waiting.pop(number, None)
        self.abandoned.discard(number)
        # A number that nobody waits for is a late answer, or one that was never asked for.
        if waiter is not None and not waiter.done():
            waiter.set_result(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio at the end, whoever ended it."""
        self.drop(f"the server closed the connection{f': {exc}' if exc else ''}")

    def drop(self, why: str) -> None:
        """Give the connection up; whoever waits is told that the outcome is unknown."""
        self.alive = False
        waiting, self.waiting = self.waiting, {}
        for waiter in waiting.values():
            if not waiter.done():
                waiter.set_exception(Lost(why))
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
