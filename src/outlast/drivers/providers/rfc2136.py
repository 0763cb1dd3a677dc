"""The provider for any name server that takes dynamic updates: BIND, Knot, PowerDNS, our own.

Reads and writes go to the same server, so a read sees every write that was acknowledged before it. A
write is exactly one UPDATE and is never sent again from here. Reads are signed as well: a forged answer
could not break the fence, but it could hide a drift.

Some servers acknowledge an update and silently drop a part of it, such as an A record beside a CNAME. So
an acknowledgement proves nothing about the content; `read` does, and the enactor reads back.
"""

import asyncio
from collections.abc import Callable

from outlast.drivers.providers.connection import Connection, Limits, NotSent, Pool
from outlast.drivers.providers.image import ZoneImage
from outlast.drivers.providers.link import Lost
from outlast.drivers.providers.outcome import outcome_of
from outlast.drivers.providers.reading import (
    Question,
    observe,
    questions_of,
    read_answer,
    signature_fault,
)
from outlast.drivers.providers.reply import Malformed, Reply, parse
from outlast.drivers.providers.transfer import transfer
from outlast.drivers.providers.tsig import Key
from outlast.drivers.providers.wire import (
    CLASS_CH,
    TYPE_TXT,
    MessageTooLarge,
    decode_text,
    pack_query,
    pack_update,
)
from outlast.drivers.through import read_through
from outlast.model import topology
from outlast.model.errors import Denied, ProviderError, Unreachable
from outlast.model.names import DnsName
from outlast.model.plan import Layout, Observation, Outcome, OutcomeKind, Transaction
from outlast.model.records import RecordSet
from outlast.model.units import NS_PER_S
from outlast.ports import Clock

READS_MAX = 5
"""How often a reading is tried while the fence moves in the middle of it."""


class Rfc2136Provider:
    """A provider that speaks RFC 2136 over TCP, signed with TSIG where a key is given."""

    def __init__(
        self,
        provider: topology.Provider,
        key: Key | None,
        clock: Clock,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._provider = provider
        self._key = key
        self._clock = clock
        self._pool = Pool(provider.server, limits)

    async def read(self, layout: Layout) -> Observation:
        """Read epoch, fence and records of one endpoint, see `ports.Provider`.

        The fence is asked for first and last. If it moved in between, the reading is begun anew, so
        that a write in progress never looks like a torn one. One that moves all the time is an error.
        """
        return await read_through(self._read_names, layout)

    async def _read_names(self, layout: Layout) -> Observation:
        """Read what stands at an endpoint's names themselves."""
        questions = questions_of(layout)
        server = self._provider.server
        for _ in range(READS_MAX):
            at_ns = self._clock.now_ns()
            connection = self._pool.take()  # one for all, which keeps the order of the questions
            replies = await asyncio.gather(
                *(self._read(connection, one) for one in (*questions, questions[0]))
            )
            if replies[-1] == replies[0]:
                answers = dict(zip(questions, replies, strict=False))
                return observe(layout, answers, server, at_ns)
        raise ProviderError(
            f"{server}: the fence at {layout.fence_at} moves faster than the endpoint can be read",
            remedy="who writes there so often? `dig TXT` shows the writer's name in the fence",
        )

    async def _read(self, connection: Connection, question: Question) -> list[RecordSet]:
        server = self._provider.server
        try:
            reply, authentic = await self._exchange(
                connection, lambda number: pack_query(question.name, question.code, number)
            )
            if reply.signature is not None and reply.signature.error:
                what, remedy = signature_fault(reply.signature)
                raise Denied(f"{server}: {what}", remedy=remedy)
            found = read_answer(reply, question, server)
        except Malformed as fault:
            raise ProviderError(f"{server} sent no DNS message: {fault}") from None
        if not authentic:
            raise ProviderError(
                f"{server} answered a signed question for {question.name} without a valid signature",
                remedy="does something between us and the server answer in its place?",
            )
        return found

    async def write(self, transaction: Transaction) -> Outcome:
        """Carry out one transaction, see `ports.Provider`. Exactly one message, never sent again."""
        try:
            reply, authentic = await self._exchange(
                self._pool.take(), lambda number: pack_update(transaction, number)
            )
        except MessageTooLarge as fault:
            return Outcome(kind=OutcomeKind.REJECTED, detail=f"{fault.what}; {fault.remedy}")
        except NotSent as fault:
            return Outcome(kind=OutcomeKind.BUSY, detail=f"nothing was sent: {fault.what}")
        except Lost as fault:
            return Outcome(kind=OutcomeKind.UNKNOWN, detail=fault.what)
        except Malformed as fault:
            return Outcome(
                kind=OutcomeKind.UNKNOWN, detail=f"the answer is no DNS message: {fault}"
            )
        return outcome_of(reply, transaction.zone, authentic=authentic)

    async def _exchange(
        self, connection: Connection, pack: Callable[[int], bytes]
    ) -> tuple[Reply, bool]:
        """Send a message and return the answer, and whether it is known to be the server's."""
        key = self._key
        request_mac = b""

        def prepare(number: int) -> bytes:
            nonlocal request_mac
            message = pack(number)
            if key is None:
                return message
            signed, request_mac = key.sign(message, self._clock.now_ns() // NS_PER_S)
            return signed

        answer = await connection.ask(prepare, self._provider.timeout_s)
        reply = parse(answer)
        if key is None:
            return reply, True
        signature = reply.signature
        return reply, signature is not None and key.verifies(answer, signature, request_mac)

    async def transfer(self, zone: DnsName) -> tuple[RecordSet, ...]:
        """Read a whole zone by AXFR: the first comparison of very many endpoints at once.

        Only the types that Outlast knows, type by type. Nothing is returned before all of it is
        there and its signature is checked.

        Raises:
            Unreachable, Denied, ProviderError: as `read`.
        """
        return (await self.portray(zone)).record_sets()

    async def portray(self, zone: DnsName) -> ZoneImage:
        """Read a whole zone as `transfer` does, to look endpoints up in it."""
        at_s = self._clock.now_ns() // NS_PER_S
        return await transfer(self._provider.server, zone, self._key, at_s=at_s)

    async def describe(self) -> str:
        """Name kind, server and, where the server tells it, the software, in one line."""
        known = f"{self._provider.name}: {self._provider.kind} at {self._provider.server}"
        try:
            return f"{known}, {await self.version() or 'software not told'}"
        except Unreachable as fault:
            return f"{known}, {fault.what}"

    async def version(self) -> str:
        """Name the software and its version as the server tells it; empty: it does not.

        Raises:
            Unreachable: no answer.
        """

        def pack(number: int) -> bytes:
            return pack_query("version.bind", TYPE_TXT, number, rclass=CLASS_CH)

        try:
            reply = parse(await self._pool.take().ask(pack, self._provider.timeout_s))
            texts = [
                decode_text(reply.message[slice(*one.rdata)])
                for one in reply.answers
                if one.code == TYPE_TXT and one.rclass == CLASS_CH
            ]
        except ValueError:
            texts = []
        return texts[0] if texts else ""

    async def close(self) -> None:
        """Give up all connections. Writes under way become unknown to whoever waits for them."""
        await self._pool.close()
