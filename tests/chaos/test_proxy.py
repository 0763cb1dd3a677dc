"""The proxy between an enactor and the name server: late, lost, cut off, but never twice."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from chaos.proxy import Cut, Proxy, Trap, Weather
from tests.support.nameservers import HOST, free_port
from tests.support.waiting import eventually

from outlast.model.topology import Address

QUERY = bytes.fromhex("000101000001000000000000")
UPDATE = bytes.fromhex("000228000001000000000000")


@dataclass(slots=True)
class Far:
    """A server that answers every message with itself, and remembers it."""

    heard: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                frame = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                self.heard.append(frame)
                writer.write(len(frame).to_bytes(2, "big") + frame)


@dataclass(slots=True)
class Near:
    """An enactor's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, frame: bytes) -> None:
        self.writer.write(len(frame).to_bytes(2, "big") + frame)

    async def hear(self) -> bytes:
        async with asyncio.timeout(5):
            length = int.from_bytes(await self.reader.readexactly(2), "big")
            return await self.reader.readexactly(length)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Near, Proxy, Far]]:
    far, far_port = Far(), free_port()
    server = await asyncio.start_server(far.serve, HOST, far_port)
    proxy = Proxy(Address(host=HOST, port=far_port), random.Random(1))
    port = free_port()
    await proxy.start(HOST, port)
    near = Near(*await asyncio.open_connection(HOST, port))
    try:
        yield near, proxy, far
    finally:
        near.writer.transport.abort()
        await proxy.close()
        server.close()
        for one in far.writers:
            one.transport.abort()
        await asyncio.sleep(0)


async def test_messages_pass_both_ways_once() -> None:
    """In fair weather it is not there."""
    async with connected() as (near, proxy, far):
        near.send(QUERY)
        near.send(UPDATE)
        assert [await near.hear(), await near.hear()] == [QUERY, UPDATE]
        assert far.heard == [QUERY, UPDATE]
        assert proxy.updates == 1


async def test_an_update_is_delivered_once_after_its_sender_is_gone() -> None:
    """What a time-out means: not failed, unknown."""
    async with connected() as (near, proxy, far):
        release = asyncio.Event()

        async def hold() -> None:
            await release.wait()

        trap = Trap(before=hold)
        proxy.catch_update(trap)
        near.send(UPDATE)
        await trap.sprung.wait()
        near.send(QUERY)  # passes the held one by
        assert await near.hear() == QUERY
        near.writer.transport.abort()
        await eventually(near.reader.at_eof)
        release.set()
        await eventually(lambda: UPDATE in far.heard)
        assert far.heard == [QUERY, UPDATE]


async def test_a_lost_reply_hides_a_write_that_was_carried_out() -> None:
    """The next answer comes as usual."""
    async with connected() as (near, proxy, far):
        proxy.catch_update(Trap(lose_reply=True, alone=False))
        near.send(UPDATE)
        near.send(QUERY)
        assert await near.hear() == QUERY
        assert far.heard == [UPDATE, QUERY]


async def test_one_direction_can_be_cut() -> None:
    """Down: the server hears, the enactor does not. Up: neither."""
    async with connected() as (near, proxy, far):
        proxy.weather = Weather(cut=Cut.DOWN)
        near.send(UPDATE)
        await eventually(lambda: far.heard == [UPDATE])
        proxy.weather = Weather(cut=Cut.UP)
        near.send(UPDATE)
        await eventually(lambda: proxy.updates == 2)
        proxy.weather = Weather()
        near.send(QUERY)
        assert await near.hear() == QUERY
        assert far.heard == [UPDATE, QUERY]


async def test_a_read_is_caught_once_it_was_answered() -> None:
    """That is where a process is stopped with the fence in its hands."""
    async with connected() as (near, proxy, _):
        trap = Trap(alone=False)
        proxy.catch_reply(trap)
        near.send(UPDATE)
        assert await near.hear() == UPDATE
        assert not trap.sprung.is_set()
        near.send(QUERY)
        assert await near.hear() == QUERY
        assert trap.passed.is_set()
