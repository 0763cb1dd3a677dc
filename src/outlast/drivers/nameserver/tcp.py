"""Questions, updates and transfers over TCP: persistent, pipelined, bounded (RFC 7766).

Answers to questions go out at once, those to updates when they are on disk; a client matches them by
id. A connection that does not read its answers, or has too many updates under way, is not read from
until it has caught up. One sweep a second looks for idle connections, since a timer for each would
cost more than the messages.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from outlast.drivers.nameserver.gate import Gate, Transferring, Updating
from outlast.drivers.nameserver.settings import Counters, Fact, FactHook, FactKind, Limits
from outlast.drivers.nameserver.transfer import transfer_messages
from outlast.drivers.nameserver.wire import Rcode, name_to_text
from outlast.drivers.nameserver.writer import Job, Writer

MESSAGES_PER_TURN = 64
UNREAD_MAX = 128 * 1024
UNSENT_MAX = 256 * 1024
SWEEP_S = 1.0
GRACE_S = 1.0
"""How long the end of the server waits for clients to take their last answers."""


class TcpHub:
    """All TCP connections of a server, and their limits."""

    def __init__(
        self,
        gate: Gate,
        writer: Writer,
        limits: Limits,
        *,
        counters: Counters,
        on_fact: FactHook,
        clock: Callable[[], float],
    ) -> None:
        self.gate = gate
        self.writer = writer
        self.limits = limits
        self.counters = counters
        self.on_fact = on_fact
        self.clock = clock
        self.transfers = 0
        self._open: dict[Connection, None] = {}
        self._clients: dict[str, int] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: "Connection") -> bool:
        """Take a connection in, unless there are too many."""
        count = self._clients.get(connection.host, 0)
        if count >= self.limits.connections_client_max or not self._make_room():
            self.counters.connections_refused += 1
            return False
        self._open[connection] = None
        self._empty.clear()
        self._clients[connection.host] = count + 1
        return True

    def _make_room(self) -> bool:
        """Close the longest idle stranger if all places are taken: updates must get through a crowd."""
        if len(self._open) < self.limits.connections_max:
            return True
        strangers = (one for one in self._open if not one.trusted)
        longest = min(strangers, key=lambda one: one.active_s, default=None)
        if longest is None:
            return False
        longest.end()
        self.forget(longest)
        return True

    def forget(self, connection: "Connection") -> None:
        """Note that a connection is gone."""
        if connection not in self._open:
            return
        del self._open[connection]
        if not self._open:
            self._empty.set()
        count = self._clients[connection.host] - 1
        if count:
            self._clients[connection.host] = count
        else:
            del self._clients[connection.host]

    async def sweep(self) -> None:
        """Close idle connections, until cancelled."""
        while True:
            await asyncio.sleep(min(SWEEP_S, self.limits.idle_s / 2))
            before_s = self.clock() - self.limits.idle_s
            for connection in [one for one in self._open if one.active_s < before_s]:
                connection.end()

    async def close(self) -> None:
        """Close every connection: what was answered is still sent, to whoever takes it soon."""
        for connection in list(self._open):
            connection.close()
        try:
            async with asyncio.timeout(GRACE_S):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._open):
                connection.end()
            await self._empty.wait()


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, hub: TcpHub) -> None:
        self._hub = hub
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._updates = 0
        self._transfer: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._again = False
        self.host = ""
        self.trusted = False
        self.active_s = hub.clock()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there is room."""
        transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.host = peer[0] if peer else ""
        if not self._hub.admit(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=UNSENT_MAX)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """End: a transfer stops, updates under way go on and tell nobody."""
        del exc
        self._transport = None
        self._unread.clear()
        self._drained.set()
        if self._transfer is not None:
            self._transfer.cancel()
        self._hub.forget(self)

    def pause_writing(self) -> None:
        """The client does not read: answer no more for now."""
        self._drained.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._drained.set()
        self._work()

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        self._unread += data
        self._work()

    def end(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    @property
    def _busy(self) -> bool:
        crowded = self._updates >= self._hub.limits.updates_connection_max
        return crowded or self._transfer is not None or not self._drained.is_set()

    def _work(self) -> None:
        """Handle complete messages, a bounded number at a time."""
        handled = 0
        while not self._busy and handled < MESSAGES_PER_TURN and self._take():
            handled += 1
        transport = self._transport
        if transport is None:
            return
        if handled == MESSAGES_PER_TURN and not self._again:
            self._again = True
            asyncio.get_running_loop().call_soon(self._work_again)
        full = len(self._unread) > UNREAD_MAX
        if full and transport.is_reading():
            transport.pause_reading()
        elif not full and not transport.is_reading() and not transport.is_closing():
            transport.resume_reading()

    def _work_again(self) -> None:
        self._again = False
        self._work()

    def _take(self) -> bool:
        """Handle one message, if a whole one is there."""
        unread = self._unread
        if len(unread) < 2 or self._transport is None:
            return False
        end = 2 + int.from_bytes(unread[:2], "big")
        if len(unread) < end:
            return False
        data = bytes(unread[2:end])
        del unread[:end]
        self.active_s = self._hub.clock()
        self._hub.counters.queries_tcp += 1
        self._handle(data)
        return True

    def _handle(self, data: bytes) -> None:
        passed = self._hub.gate.enter(data, self.host, udp=False)
        if passed is None:
            self.end()  # no question and no update: whoever this is, it is no DNS client
        elif isinstance(passed, bytes):
            self._send(passed)
        elif isinstance(passed, Updating):
            self.trusted = True
            self._update(passed)
        else:
            self.trusted = self.trusted or passed.signature is not None
            self._begin_transfer(passed, data)

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(len(data).to_bytes(2, "big") + data)

    def _update(self, updating: Updating) -> None:
        self._updates += 1

        def reply(rcode: Rcode | None) -> None:
            self._updates -= 1
            self.active_s = self._hub.clock()
            counters = self._hub.counters
            if rcode is None:
                self.end()  # silence says "unknown", which is the truth
                return
            counters.updates_applied += rcode == Rcode.NOERROR
            counters.updates_refused += rcode != Rcode.NOERROR
            self._send(self._hub.gate.reply(updating.message, rcode, updating.signature, udp=False))
            if self._unread:
                self._work()

        self._hub.writer.submit(Job(updating.update, reply))

    def _begin_transfer(self, request: Transferring, data: bytes) -> None:
        hub = self._hub
        if hub.transfers >= hub.limits.transfers_max:
            self._send(
                hub.gate.reply(request.message, Rcode.SERVFAIL, request.signature, udp=False)
            )
            return
        hub.transfers += 1
        self._transfer = asyncio.get_running_loop().create_task(self._run_transfer(request, data))

    async def _run_transfer(self, request: Transferring, data: bytes) -> None:
        hub = self._hub
        try:
            for message in transfer_messages(request, data):
                signature = request.signature
                signed = signature.sign(message, hub.gate.now_s()) if signature else message
                self._send(signed)
                self.active_s = hub.clock()
                await asyncio.sleep(0)
                await self._drained.wait()
            hub.counters.transfers += 1
            name = name_to_text(request.zone.apex)
            hub.on_fact(Fact(FactKind.TRANSFERRED, f"{name} to {self.host}"))
        finally:
            hub.transfers -= 1
            self._transfer = None
        self._work()
