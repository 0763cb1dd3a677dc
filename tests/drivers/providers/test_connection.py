"""The connection tells what can be known about a question: not sent, lost, or answered."""

import asyncio
import struct

import pytest
from tests.support.liars import as_answer, frame, lying, read_frame
from tests.support.nameservers import HOST, free_port
from tests.support.waiting import eventually

from outlast.drivers.providers.connection import Connection, Limits, NotSent
from outlast.drivers.providers.link import Lost
from outlast.model.topology import Address

PATIENCE_S = 5.0


def question(number: int) -> bytes:
    return struct.pack(">HHHHHH", number, 0, 0, 0, 0, 0) + b"mark"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(frame(as_answer(await read_frame(reader))))


async def test_answers_in_another_order_find_their_questions() -> None:
    """A server may answer out of order (RFC 7766 section 7); numbers tell."""

    async def backwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = [await read_frame(reader) for _ in range(10)]
        for one in reversed(frames):
            writer.write(frame(as_answer(one)))

    packed: list[int] = []

    def pack(number: int) -> bytes:
        packed.append(number)
        return question(number)

    async with lying(backwards) as server:
        connection = Connection(server)
        answers = await asyncio.gather(*(connection.ask(pack, PATIENCE_S) for _ in range(10)))
        await connection.close()
    assert len(set(packed)) == 10
    assert [int.from_bytes(one[:2], "big") for one in answers] == packed


async def test_nobody_listening_is_not_sent() -> None:
    """A refused connection cannot have changed anything."""
    connection = Connection(Address(host=HOST, port=free_port()))
    with pytest.raises(NotSent, match="cannot be reached"):
        await connection.ask(question, PATIENCE_S)
    await connection.close()


async def test_a_dead_server_is_not_asked_again_at_once() -> None:
    """Within the back-off a question fails without a new attempt; behind it one is made."""
    attempts = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        await echo(reader, writer)

    port = free_port()
    server = Address(host=HOST, port=port)
    connection = Connection(server, Limits(backoff_min_s=0.2, backoff_max_s=0.2))
    with pytest.raises(NotSent):
        await connection.ask(question, PATIENCE_S)
    began_s = asyncio.get_running_loop().time()
    refused = 0
    async with lying(count, port):
        while not attempts:
            try:
                await connection.ask(question, PATIENCE_S)
            except NotSent:
                refused += 1
                await asyncio.sleep(0.005)
        assert asyncio.get_running_loop().time() - began_s > 0.1
        assert (attempts, refused > 3) == (1, True)
        await connection.close()


async def test_a_server_that_closes_after_the_question_loses_it() -> None:
    """It may have acted on it: unknown, never failed."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_frame(reader)
        writer.close()

    async with lying(hang_up) as server:
        connection = Connection(server)
        with pytest.raises(Lost):
            await connection.ask(question, PATIENCE_S)
        await connection.close()


async def test_a_server_that_closes_while_idle_loses_nothing() -> None:
    """BIND closes idle connections after 30 s; the next question opens a new one."""
    closed = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(as_answer(await read_frame(reader))))
        await writer.drain()
        writer.close()
        closed.set()

    async with lying(once) as server:
        connection = Connection(server)
        await connection.ask(question, PATIENCE_S)
        await closed.wait()
        await eventually(lambda: not connection.is_open)
        await connection.ask(question, PATIENCE_S)
        await connection.close()


async def test_a_black_hole_is_lost_within_the_time_given() -> None:
    """A server that takes everything and says nothing costs the time-out and no more."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert writer is not None
        while await reader.read(1024):
            pass

    async with lying(swallow) as server:
        connection = Connection(server)
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(Lost, match="no answer"):
            await connection.ask(question, 0.1)
        assert 0.05 < asyncio.get_running_loop().time() - began_s < PATIENCE_S
        await connection.close()


async def test_a_connection_that_fell_silent_is_replaced() -> None:
    """It may be half open, behind a firewall that forgot it; a new one finds out."""
    accepted = 0

    async def first_is_dead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        if accepted == 1:
            await reader.read()
        await echo(reader, writer)

    async with lying(first_is_dead) as server:
        connection = Connection(server)
        with pytest.raises(Lost):
            await connection.ask(question, 0.1)
        assert await connection.ask(question, PATIENCE_S)
        assert accepted == 2
        await connection.close()


async def test_a_late_answer_is_never_taken_for_another_questions() -> None:
    """The number of a question that timed out is not given to a later one on the same connection."""
    held: list[bytes] = []

    async def hold_the_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(await read_frame(reader))
        second = await read_frame(reader)
        writer.write(frame(as_answer(second)))
        third = await read_frame(reader)
        writer.write(frame(as_answer(held[0])) + frame(as_answer(third)))

    async with lying(hold_the_first) as server:
        connection = Connection(server)
        first = asyncio.create_task(connection.ask(question, 0.2))
        await asyncio.sleep(0)
        await connection.ask(question, PATIENCE_S)  # so the connection is known to be alive
        with pytest.raises(Lost):
            await first
        connection._next_id = int.from_bytes(held[0][:2], "big") - 1  # its numbers have come round
        answer = await connection.ask(question, PATIENCE_S)
        assert answer[:2] != held[0][:2]
        await connection.close()


async def test_half_an_answer_and_then_the_end_is_lost() -> None:
    """A frame that never gets complete is no answer."""

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = frame(as_answer(await read_frame(reader)))
        writer.write(whole[: len(whole) // 2])
        await writer.drain()
        writer.close()

    async with lying(half) as server:
        connection = Connection(server)
        with pytest.raises(Lost):
            await connection.ask(question, PATIENCE_S)
        await connection.close()


async def test_an_answer_that_drips_octet_by_octet_is_put_together() -> None:
    """TCP has no messages; an answer may come in any pieces."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in frame(as_answer(await read_frame(reader))):
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0)

    async with lying(drip) as server:
        connection = Connection(server)
        assert (await connection.ask(question, PATIENCE_S)).endswith(b"mark")
        await connection.close()


async def test_octets_that_are_no_frames_end_the_connection() -> None:
    """A frame too short for a header shows that we do not talk DNS with each other."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_frame(reader)
        writer.write(b"\0\3abc")
        await reader.read()

    async with lying(babble) as server:
        connection = Connection(server)
        with pytest.raises(Lost, match="shorter than a header"):
            await connection.ask(question, PATIENCE_S)
        await connection.close()


async def test_no_more_than_the_limit_is_in_flight() -> None:
    """The rest waits for its turn; beyond that, questions are turned away at once."""
    packed: list[int] = []
    release = asyncio.Event()

    def pack(number: int) -> bytes:
        packed.append(number)
        return question(number)

    async def hold_four(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held = [await read_frame(reader) for _ in range(4)]
        await release.wait()
        writer.write(b"".join(frame(as_answer(one)) for one in held))
        await echo(reader, writer)

    async with lying(hold_four) as server:
        connection = Connection(server, Limits(in_flight=4, waiting=10))
        asked = [asyncio.create_task(connection.ask(pack, PATIENCE_S)) for _ in range(10)]
        await eventually(lambda: len(packed) >= 4)
        asked += [asyncio.create_task(connection.ask(pack, PATIENCE_S)) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(NotSent, match="wait already"):
            await connection.ask(pack, PATIENCE_S)
        assert len(packed) == 4
        release.set()
        assert len(await asyncio.gather(*asked)) == 14
        await connection.close()


async def test_closing_tells_whoever_waits() -> None:
    """Closing leaves nobody waiting: what is in flight is lost, what comes later is not sent."""
    reached = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert writer is not None
        await read_frame(reader)
        reached.set()
        await reader.read()

    async with lying(swallow) as server:
        connection = Connection(server)
        asked = asyncio.create_task(connection.ask(question, PATIENCE_S))
        await reached.wait()
        await connection.close()
        with pytest.raises(Lost, match="closed by us"):
            await asked
        with pytest.raises(NotSent, match="closed"):
            await connection.ask(question, PATIENCE_S)


async def test_a_caller_that_goes_away_leaves_its_turn_to_others() -> None:
    """Cancelling a question gives its place in the pipeline back."""
    async with lying(echo) as server:
        connection = Connection(server, Limits(in_flight=1))
        for _ in range(3):
            asked = asyncio.create_task(connection.ask(question, PATIENCE_S))
            await asyncio.sleep(0)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        assert await connection.ask(question, PATIENCE_S)
        await connection.close()


async def test_an_error_while_packing_is_the_callers_and_costs_nothing() -> None:
    """A message that cannot be packed leaves number, turn and connection as they were."""

    def fail(number: int) -> bytes:
        raise ValueError(f"number {number}")

    async with lying(echo) as server:
        connection = Connection(server, Limits(in_flight=1))
        for _ in range(3):
            with pytest.raises(ValueError, match="number"):
                await connection.ask(fail, PATIENCE_S)
        assert await connection.ask(question, PATIENCE_S)
        await connection.close()
