"""Servers that misbehave on purpose, for whoever must survive them; they live on the test's loop."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.support.nameservers import HOST, free_port

from outlast.model.topology import Address

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def lying(behaviour: Behaviour, port: int = 0) -> AsyncIterator[Address]:
    """Run a TCP server with a behaviour for each connection; port 0: any free one."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behaviour(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            return
        finally:
            writer.transport.abort()
            tasks.discard(task)

    port = port or free_port()
    server = await asyncio.start_server(serve, HOST, port)
    try:
        yield Address(host=HOST, port=port)
    finally:
        server.close()
        await asyncio.sleep(0)  # connections accepted in this turn get their task first
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets one turn after they are told


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """Read one DNS message from TCP."""
    (length,) = struct.unpack(">H", await reader.readexactly(2))
    return await reader.readexactly(length)


def frame(message: bytes) -> bytes:
    """Put the length before a message."""
    return len(message).to_bytes(2, "big") + message


def as_answer(message: bytes, flags: int = 0x8400) -> bytes:
    """Turn a request into an empty answer to it: the same octets with the QR bit, and no more."""
    return message[:2] + ((message[2] | flags >> 8) & 0xFF).to_bytes(1, "big") + message[3:]
