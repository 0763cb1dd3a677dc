"""The network between one enactor and the name server: a TCP proxy that knows DNS messages.

It passes messages on, and can delay them, lose them, cut one direction or both, deliver an UPDATE long
after its sender gave up, and lose the answer to one that was carried out. It never makes a message of its
own and never sends one twice. It also sees when a read was answered and when a write is on its way, which
is where a process is best stopped.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from outlast.model.topology import Address

UPDATE_OPCODE = 5
LINGER_S = 0.5
"""How long the way to the server stays open after what was held has been delivered. Not longer: PowerDNS
takes 20 connections unless told otherwise."""


class Cut(StrEnum):
    """Which way nothing passes any more."""

    NONE = "none"
    UP = "to the server"
    DOWN = "from the server"
    BOTH = "both ways"


@dataclass(slots=True)
class Weather:
    """How the network is at present.

    Attributes:
        delay_s, jitter_s: added to each message, each way.
        loss: share of the messages that are lost, each way.
        refusing: new connections are closed at once.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    cut: Cut = Cut.NONE
    refusing: bool = False


CALM = Weather()

Hook = Callable[[], Awaitable[None]]
"""Called with a message in hand, which is passed on when it returns."""


@dataclass(slots=True)
class Trap:
    """What is to happen to the next message of a kind.

    Attributes:
        before: called before the message is passed on; after: once it was.
        lose_reply: the answer to it is thrown away.
        alone: later messages pass it by; else they wait behind it, as in one stream.
    """

    before: Hook | None = None
    after: Hook | None = None
    lose_reply: bool = False
    alone: bool = True
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    passed: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """One enactor's way to its servers: each has a port of its own, and all share its network.

    Attributes:
        weather: how the enactor's network is; beyond: how it is near one server, for everybody.
    """

    def __init__(self, server: Address, dice: random.Random) -> None:
        self.server = server
        self.weather = Weather()
        self.beyond: dict[Address, Weather] = {}
        self.updates = 0
        self._dice = dice
        self._on_update: Trap | None = None
        self._on_reply: Trap | None = None
        self._listeners: list[asyncio.Server] = []
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int, server: Address | None = None) -> None:
        """Listen for a server; without one, for the first."""
        far = self.server if server is None else server

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.spawn(self._serve(far, reader, writer))

        self._listeners.append(await asyncio.start_server(accept, host, port))

    async def close(self) -> None:
        """Stop, and forget what is held."""
        for listener in self._listeners:
            listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.break_all()
        self._links.clear()
        await asyncio.sleep(0)  # a turn, in which the transports close their sockets

    def break_all(self) -> None:
        """Break every connection, as a restarted router does."""
        for link in list(self._links):
            link.abort()

    def break_to(self, server: Address) -> None:
        """Break every connection to one server."""
        for link in [one for one in self._links if one.server == server]:
            link.abort()

    def near(self, server: Address) -> Weather:
        """How the network is near a server."""
        return self.beyond.get(server, CALM)

    def catch_update(self, trap: Trap) -> None:
        """Let the next UPDATE from the enactor spring a trap."""
        self._on_update = trap

    def catch_reply(self, trap: Trap) -> None:
        """Let the next answer to a question spring a trap."""
        self._on_reply = trap

    def forget_traps(self) -> None:
        """Catch nothing any more. What is held already is delivered in its time."""
        self._on_update = self._on_reply = None

    async def _serve(
        self, server: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.weather.refusing or self.near(server).refusing:
            writer.transport.abort()
            return
        try:
            up = await asyncio.open_connection(server.host, server.port)
        except BaseException as error:  # also where we are told to stop meanwhile
            writer.transport.abort()
            if isinstance(error, OSError):
                return
            raise
        link = _Link(self, server, (reader, writer), up)
        self._links.add(link)
        await link.run()

    def forget(self, link: "_Link") -> None:
        """Both sides of a link are closed."""
        self._links.discard(link)

    async def to_server(self, link: "_Link", frame: bytes) -> None:
        """Pass one message of the enactor on."""
        trap = None
        if (frame[2] >> 3) & 0xF == UPDATE_OPCODE:
            self.updates += 1
            trap, self._on_update = self._on_update, None
        await self._pass(link, frame, trap, upwards=True)

    async def to_enactor(self, link: "_Link", frame: bytes) -> None:
        """Pass one answer of the server on."""
        if frame[:2] in link.lost_replies:
            link.lost_replies.discard(frame[:2])
            return
        trap = None
        if (frame[2] >> 3) & 0xF != UPDATE_OPCODE:
            trap, self._on_reply = self._on_reply, None
        await self._pass(link, frame, trap, upwards=False)

    async def _pass(self, link: "_Link", frame: bytes, trap: Trap | None, *, upwards: bool) -> None:
        if trap is not None and trap.alone:
            self.spawn(self._spring(link, frame, trap, upwards=upwards))
        elif trap is not None:
            await self._spring(link, frame, trap, upwards=upwards)
        elif any(
            self._lost(one, upwards=upwards) for one in (self.weather, self.near(link.server))
        ):
            return
        elif wait_s := self._wait_s(self.weather) + self._wait_s(self.near(link.server)):
            self.spawn(self._later(link, frame, wait_s, upwards=upwards))
        else:
            link.send(frame, upwards=upwards)

    def _lost(self, weather: Weather, *, upwards: bool) -> bool:
        closed = {Cut.BOTH, Cut.UP if upwards else Cut.DOWN}
        return weather.cut in closed or (weather.loss > 0 and self._dice.random() < weather.loss)

    def _wait_s(self, weather: Weather) -> float:
        if not weather.delay_s:
            return 0.0
        return max(0.0, weather.delay_s + self._dice.uniform(-1, 1) * weather.jitter_s)

    async def _later(self, link: "_Link", frame: bytes, wait_s: float, *, upwards: bool) -> None:
        await asyncio.sleep(wait_s)
        link.send(frame, upwards=upwards)

    async def _spring(self, link: "_Link", frame: bytes, trap: Trap, *, upwards: bool) -> None:
        trap.sprung.set()
        if trap.lose_reply:
            link.lost_replies.add(frame[:2])
        link.held += 1
        if trap.before is not None:
            await trap.before()
        link.send(frame, upwards=upwards)
        link.held -= 1
        trap.passed.set()
        if trap.after is not None:
            await trap.after()

    def spawn(self, job: Awaitable[None]) -> None:
        """Do something beside; it is ended with the proxy."""
        task = asyncio.ensure_future(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Link:
    """One connection of the enactor with its own to the server."""

    def __init__(
        self,
        proxy: Proxy,
        server: Address,
        down: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        up: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self.server = server
        self._down = down
        self._up = up
        self.lost_replies: set[bytes] = set()
        self.held = 0
        """Messages that a trap holds back."""

    async def run(self) -> None:
        """Pass messages both ways until either side ends.

        When the enactor goes, the way to the server stays open for what is held: an UPDATE may arrive
        long after its sender gave up, and died.
        """
        downwards = asyncio.ensure_future(self._pump(self._up[0], self._proxy.to_enactor))
        try:
            await self._pump(self._down[0], self._proxy.to_server)
            self._down[1].transport.abort()
            self._proxy.spawn(self._linger())
        finally:
            downwards.cancel()
            await asyncio.gather(downwards, return_exceptions=True)

    async def _linger(self) -> None:
        while self.held:  # noqa: ASYNC110 - a look twice a second is all that is needed
            await asyncio.sleep(LINGER_S)
        await asyncio.sleep(LINGER_S)
        self.abort()
        self._proxy.forget(self)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        pass_on: Callable[["_Link", bytes], Awaitable[None]],
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                await pass_on(self, await reader.readexactly(length))
        if reader is self._up[0]:
            self.abort()

    def send(self, frame: bytes, *, upwards: bool) -> None:
        """Hand one message over, if that side still stands."""
        writer = self._up[1] if upwards else self._down[1]
        if not writer.transport.is_closing():
            writer.write(len(frame).to_bytes(2, "big") + frame)

    def abort(self) -> None:
        """Break both sides."""
        self._up[1].transport.abort()
        self._down[1].transport.abort()
