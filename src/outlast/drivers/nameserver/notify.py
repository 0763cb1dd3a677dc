"""NOTIFY out (RFC 1996): telling the secondaries that a zone has changed.

Changes within a short time are told once. A secondary that does not answer is told again at growing
distances, until it does or the next change starts anew; its own refresh timer is the safety net.
NOTIFY leaves from the port that answers, since secondaries check where it comes from.
"""

import asyncio
from collections.abc import Callable

from outlast.drivers.nameserver import wire
from outlast.drivers.nameserver.choice import Random
from outlast.drivers.nameserver.settings import Counters, Fact, FactHook, FactKind
from outlast.drivers.nameserver.udp import Peer
from outlast.drivers.nameserver.wire import Opcode, Type
from outlast.model.topology import Address

WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0)

Send = Callable[[bytes, Address], None]


class Notifier:
    """Tells secondaries of changed zones."""

    def __init__(
        self,
        secondaries: tuple[Address, ...],
        delay_s: float,
        *,
        send: Send,
        random: Random,
        counters: Counters,
        on_fact: FactHook,
    ) -> None:
        self._secondaries = secondaries
        self._delay_s = delay_s
        self._send = send
        self._random = random
        self._counters = counters
        self._on_fact = on_fact
        self._due: dict[bytes, asyncio.TimerHandle] = {}
        self._running: dict[tuple[bytes, Address], asyncio.Task[None]] = {}
        self._waiting: dict[tuple[int, str, int], asyncio.Event] = {}

    def changed(self, apex: bytes) -> None:
        """Note that a zone has changed."""
        if self._secondaries and apex not in self._due:
            loop = asyncio.get_running_loop()
            self._due[apex] = loop.call_later(self._delay_s, self._begin, apex)

    def received(self, data: bytes, peer: Peer) -> None:
        """Take an answer that came in; whatever we did not ask for is nothing."""
        if len(data) >= wire.HEADER_LENGTH and (data[2] & 0x78) >> 3 == Opcode.NOTIFY:
            event = self._waiting.get((int.from_bytes(data[:2], "big"), peer[0], peer[1]))
            if event is not None:
                event.set()

    def close(self) -> None:
        """Stop telling."""
        for handle in self._due.values():
            handle.cancel()
        for task in list(self._running.values()):
            task.cancel()

    def _begin(self, apex: bytes) -> None:
        del self._due[apex]
        for secondary in self._secondaries:
            key = (apex, secondary)
            earlier = self._running.pop(key, None)
            if earlier is not None:
                earlier.cancel()
            self._running[key] = asyncio.get_running_loop().create_task(self._tell(apex, secondary))

    async def _tell(self, apex: bytes, secondary: Address) -> None:
        ident = int(self._random() * 65536)
        key = (ident, secondary.host, secondary.port)
        flags = Opcode.NOTIFY << 11 | wire.AA
        question = apex + Type.SOA.to_bytes(2, "big") + wire.IN.to_bytes(2, "big")
        data = wire.pack_header(ident, flags, (1, 0, 0, 0)) + question
        answered = self._waiting[key] = asyncio.Event()
        try:
            for wait_s in WAITS_S:
                self._send(data, secondary)
                self._counters.notifies += 1
                if await _within(answered, wait_s):
                    return
            name = wire.name_to_text(apex)
            self._on_fact(Fact(FactKind.NOTIFY_UNANSWERED, f"{name}: {secondary}"))
        finally:
            self._waiting.pop(key, None)
            if self._running.get((apex, secondary)) is asyncio.current_task():
                del self._running[apex, secondary]


async def _within(event: asyncio.Event, wait_s: float) -> bool:
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
