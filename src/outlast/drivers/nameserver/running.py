"""What exists of a name server only while it runs: sockets, connections, tasks."""

import asyncio
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from outlast.drivers.nameserver.answer import Responder
from outlast.drivers.nameserver.choice import Random
from outlast.drivers.nameserver.gate import Gate, WallClock
from outlast.drivers.nameserver.journal import Journal
from outlast.drivers.nameserver.notify import Notifier
from outlast.drivers.nameserver.ratelimit import RateLimiter
from outlast.drivers.nameserver.settings import Counters, FactHook, NameServerSettings
from outlast.drivers.nameserver.tcp import Connection, TcpHub
from outlast.drivers.nameserver.tsig import Keyring
from outlast.drivers.nameserver.udp import UdpListener
from outlast.drivers.nameserver.writer import Writer
from outlast.drivers.nameserver.zone import Zone
from outlast.model.topology import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What exists of a name server whether or not it runs.

    Attributes:
        zones: the zones that are answered for.
        stored: these, and those that lie in the folder from earlier times.
    """

    settings: NameServerSettings
    counters: Counters
    on_fact: FactHook
    random: Random
    wall_clock: WallClock
    keyring: Keyring
    journal: Journal | None
    responder: Responder
    zones: dict[bytes, Zone]
    stored: dict[bytes, Zone]


class Running:
    """What exists only between start and end."""

    def __init__(self, parts: Parts, sockets: list[socket.socket]) -> None:
        settings, counters = parts.settings, parts.counters
        on_fact = parts.on_fact
        self._zones = parts.zones
        self._responder = parts.responder
        self._sockets = sockets
        self._gate = Gate(
            parts.zones,
            parts.responder,
            parts.keyring,
            counters=counters,
            transfer_hosts=frozenset(one.host for one in settings.secondaries),
            on_fact=on_fact,
            wall_clock=parts.wall_clock,
        )
        self._writer = Writer(
            parts.stored, parts.journal, settings, on_commit=self._committed, on_fact=on_fact
        )
        self.hub = TcpHub(
            self._gate,
            self._writer,
            settings.limits,
            counters=counters,
            on_fact=on_fact,
            clock=time.monotonic,
        )
        self._notifier = Notifier(
            settings.secondaries,
            settings.notify_delay_s,
            send=self._send_notify,
            random=parts.random,
            counters=counters,
            on_fact=on_fact,
        )
        limited = settings.rate_limit.answers_per_s > 0
        limiter = RateLimiter(settings.rate_limit) if limited else None
        self._udp = [
            UdpListener(
                sock,
                self._gate,
                parts.responder,
                limiter=limiter,
                counters=counters,
                on_reply=self._notifier.received,
            )
            for sock in sockets
            if sock.type == socket.SOCK_DGRAM
        ]
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def begin(cls, parts: Parts, sockets: list[socket.socket]) -> "Running":
        """Start answering."""
        running = cls(parts, sockets)
        loop = asyncio.get_running_loop()
        for listener in running._udp:
            loop.add_reader(listener.sock.fileno(), listener.drain)
        for sock in sockets:
            if sock.type == socket.SOCK_STREAM:
                made = await loop.create_server(lambda: Connection(running.hub), sock=sock)
                running._servers.append(made)
        running._tasks = [
            asyncio.create_task(running._writer.run()),
            asyncio.create_task(running.hub.sweep()),
        ]
        for apex in running._zones:
            running._notifier.changed(apex)
        return running

    async def end(self) -> None:
        """Stop in order: no new work, then the waiting updates, then the connections."""
        loop = asyncio.get_running_loop()
        self._notifier.close()
        for server in self._servers:
            server.close()
        for listener in self._udp:
            loop.remove_reader(listener.sock.fileno())
        writing, sweeping = self._tasks
        self._writer.close()
        try:
            await writing
        finally:
            sweeping.cancel()
            await self.hub.close()
            for sock in self._sockets:
                sock.close()

    def _committed(self, apex: bytes, names: Iterable[bytes]) -> None:
        self._responder.forget(names)
        self._notifier.changed(apex)

    def _send_notify(self, data: bytes, secondary: Address) -> None:
        family = socket.AF_INET6 if ":" in secondary.host else socket.AF_INET
        for listener in self._udp:
            if listener.sock.family == family:
                listener.send(data, (secondary.host, secondary.port))
                return
