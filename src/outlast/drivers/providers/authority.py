"""What an authoritative server really answers, asked as a resolver would: over UDP, over TCP if cut off.

This is how secondaries and the servers of the world are checked against a plan. Nothing is signed here,
since nobody who uses the names signs either; an answer must come from the address asked, carry the number
sent, repeat the question, and be authoritative.
"""

import asyncio
import secrets

from outlast.drivers.providers.connection import Connection
from outlast.drivers.providers.reading import Question, observe, questions_of, read_answer
from outlast.drivers.providers.reply import Malformed, Reply, parse
from outlast.drivers.providers.wire import pack_query
from outlast.drivers.through import read_through
from outlast.model.errors import ProviderError, Unreachable
from outlast.model.plan import Layout, Observation
from outlast.model.records import RecordSet
from outlast.model.topology import Address
from outlast.ports import Clock

ASK_TIMEOUT_S = 2.0
"""For everything that is asked about one endpoint."""

SENDS_MAX = 3
"""How often a question goes out over UDP, evenly over the time: datagrams get lost."""


class _Asker(asyncio.DatagramProtocol):
    """One connected UDP socket, its questions by number."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[Question, asyncio.Future[Reply]]] = {}

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the socket is connected
        try:
            reply = parse(data)
        except Malformed:
            return  # the true answer may still come; if it does not, the time runs out
        question, waiter = self.waiting.get(reply.message_id, (None, None))
        if question is None or waiter is None or waiter.done():
            return
        if reply.question in (None, (question.name, question.code)):
            waiter.set_result(reply)

    def error_received(self, exc: Exception) -> None:
        for _, waiter in self.waiting.values():
            if not waiter.done():
                waiter.set_exception(Unreachable(str(exc)))


async def ask(
    server: Address, layout: Layout, clock: Clock, *, timeout_s: float = ASK_TIMEOUT_S
) -> Observation:
    """Read an endpoint at one authoritative server, within bounded time; a tree that it points to, too.

    Raises:
        Unreachable, Denied, ProviderError: as `ports.Provider.read`.
    """

    async def read(place: Layout) -> Observation:
        return await _ask_names(server, place, clock, timeout_s)

    return await read_through(read, layout)


async def _ask_names(
    server: Address, layout: Layout, clock: Clock, timeout_s: float
) -> Observation:
    at_ns = clock.now_ns()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            transport, asker = await loop.create_datagram_endpoint(
                _Asker, remote_addr=(server.host, server.port)
            )
            try:
                answers = await _ask_all(transport, asker, server, layout, timeout_s)
            finally:
                transport.close()
    except TimeoutError:
        raise Unreachable(f"{server} did not answer within {timeout_s:g} s") from None
    except OSError as error:
        raise Unreachable(f"{server} cannot be reached: {error}") from None
    except Malformed as fault:
        raise ProviderError(f"{server} sent no DNS message: {fault}") from None
    return observe(layout, answers, server, at_ns)


async def _ask_all(
    transport: asyncio.DatagramTransport,
    asker: _Asker,
    server: Address,
    layout: Layout,
    timeout_s: float,
) -> dict[Question, list[RecordSet]]:
    loop = asyncio.get_running_loop()
    messages: dict[int, bytes] = {}
    for question in questions_of(layout):
        number = secrets.randbelow(1 << 16)
        while number in messages:
            number = secrets.randbelow(1 << 16)
        asker.waiting[number] = (question, loop.create_future())
        messages[number] = pack_query(question.name, question.code, number, edns=True)
    resend = [
        loop.call_later(timeout_s * turn / SENDS_MAX, _send, transport, asker, messages)
        for turn in range(1, SENDS_MAX)
    ]
    try:
        _send(transport, asker, messages)
        replies = await asyncio.gather(*(waiter for _, waiter in asker.waiting.values()))
    except Unreachable as fault:
        raise Unreachable(f"{server}: {fault.what}") from None
    finally:
        for timer in resend:
            timer.cancel()
    questions = [question for question, _ in asker.waiting.values()]
    return await _read_all(server, questions, replies, timeout_s)


def _send(transport: asyncio.DatagramTransport, asker: _Asker, messages: dict[int, bytes]) -> None:
    for number, message in messages.items():
        if not asker.waiting[number][1].done():
            transport.sendto(message)


async def _read_all(
    server: Address, questions: list[Question], replies: list[Reply], timeout_s: float
) -> dict[Question, list[RecordSet]]:
    connection = Connection(server)
    answers = {}
    try:
        for question, reply in zip(questions, replies, strict=True):
            whole = reply
            if reply.truncated:
                whole = await _ask_tcp(connection, question, timeout_s)
            answers[question] = read_answer(whole, question, server)
    finally:
        await connection.close()
    return answers


async def _ask_tcp(connection: Connection, question: Question, timeout_s: float) -> Reply:
    def pack(number: int) -> bytes:
        return pack_query(question.name, question.code, number)

    return parse(await connection.ask(pack, timeout_s))
