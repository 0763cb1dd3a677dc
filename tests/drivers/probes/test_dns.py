"""DNS probes against name servers that answer, lie, refuse, truncate and mumble."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import HealthCheck as Hurdle
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.drivers.probes.targets import HOST, VANTAGE, assignment, report_of, sockets_open
from tests.support.nameservers import free_port
from tests.support.waiting import eventually

from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import WireProber
from outlast.model.topology import CheckKind, HealthCheck
from outlast.ports import Unjudged

Answers = Callable[[dns.message.Message], list[bytes]]


class _Server(asyncio.DatagramProtocol):
    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self.answers(dns.message.from_wire(data)):
            self.transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def name_server(udp: Answers, tcp: Answers | None = None) -> AsyncIterator[int]:
    """Answer over UDP, and over TCP where that is asked for; yield the port."""
    port = free_port()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        for answer in (tcp or udp)(dns.message.from_wire(await reader.readexactly(size))):
            writer.write(len(answer).to_bytes(2) + answer[:20])
            await writer.drain()
            writer.write(answer[20:])
        writer.close()

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Server(udp), local_addr=(HOST, port)
    )
    server = await asyncio.start_server(stream, HOST, port)
    try:
        yield port
    finally:
        transport.close()
        server.close()


def dns_check(port: int, timeout_s: float = 5.0) -> HealthCheck:
    return HealthCheck(kind=CheckKind.DNS, port=port, timeout_s=timeout_s)


def reply(query: dns.message.Message, *records: str) -> dns.message.Message:
    message = dns.message.make_response(query)
    for record in records:
        message.answer.append(dns.rrset.from_text("shop.example.org.", 60, "IN", *record.split()))
    return message


def good(query: dns.message.Message) -> list[bytes]:
    return [reply(query, "A 192.0.2.1").to_wire()]


def rcode(code: dns.rcode.Rcode) -> Answers:
    def answers(query: dns.message.Message) -> list[bytes]:
        message = reply(query)
        message.set_rcode(code)
        return [message.to_wire()]

    return answers


def truncated(query: dns.message.Message) -> list[bytes]:
    message = reply(query)
    message.flags |= dns.flags.TC
    return [message.to_wire()]


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        (good, "DNS NOERROR"),
        (lambda query: [reply(query, "CNAME other.example.org.").to_wire()], "DNS NOERROR"),
        (lambda query: good(query) * 3, "DNS NOERROR"),
        (
            lambda query: [reply(query).to_wire()],
            "DNS NOERROR without a record of shop.example.org",
        ),
        (rcode(dns.rcode.NXDOMAIN), "DNS NXDOMAIN"),
        (rcode(dns.rcode.SERVFAIL), "DNS SERVFAIL"),
        (rcode(dns.rcode.REFUSED), "DNS REFUSED"),
    ],
)
async def test_an_answer_is_judged(answers: Answers, detail: str) -> None:
    before = sockets_open()
    async with name_server(answers) as port:
        report = await report_of(assignment(dns_check(port)))
    assert (report.good, report.detail) == (detail == "DNS NOERROR", detail)
    await eventually(lambda: sockets_open() == before)


async def test_forged_answers_are_passed_over() -> None:
    """Another id or another question: neither makes a target good, nor ends the probe as bad."""

    def answers(query: dns.message.Message) -> list[bytes]:
        right = good(query)[0]
        wrong_id = (query.id ^ 1).to_bytes(2) + right[2:]
        other = dns.message.make_query("evil.example.org.", "A", id=query.id)
        query_again = query.to_wire()
        return [b"", b"\0", wrong_id, good(other)[0], query_again, right]

    async with name_server(answers) as port:
        assert (await report_of(assignment(dns_check(port)))).good
    async with name_server(lambda query: answers(query)[:-1]) as port:
        report = await report_of(assignment(dns_check(port, timeout_s=0.2)))
    assert report.detail == "no answer in 0.2 s"


async def test_ids_are_not_repeated() -> None:
    seen: list[int] = []

    def answers(query: dns.message.Message) -> list[bytes]:
        seen.append(query.id)
        return good(query)

    async with name_server(answers) as port:
        for _ in range(8):
            await report_of(assignment(dns_check(port)))
    assert len(set(seen)) >= 7  # two of eight equal once in 2,300 runs; three, never


@pytest.mark.parametrize(
    ("tcp", "is_good", "detail"),
    [
        (good, True, "DNS NOERROR"),
        (rcode(dns.rcode.SERVFAIL), False, "DNS SERVFAIL"),
        (lambda query: [], False, "DNS over TCP: closed in the middle of an answer"),
        (
            lambda query: good(dns.message.make_query("x.example.org.", "A", id=query.id)),
            False,
            "DNS over TCP: an answer to another question",
        ),
    ],
)
async def test_a_truncated_answer_is_asked_for_over_tcp(
    tcp: Answers,
    is_good: bool,  # noqa: FBT001 - pytest hands over parameters by name
    detail: str,
) -> None:
    async with name_server(truncated, tcp) as port:
        report = await report_of(assignment(dns_check(port)))
    assert (report.good, report.detail) == (is_good, detail)


async def test_nobody_listening_is_refused() -> None:
    report = await report_of(assignment(dns_check(free_port())))
    assert (report.good, report.detail) == (False, "connection refused")


async def test_an_answer_that_nobody_can_read_is_bad() -> None:
    async with name_server(lambda query: [good(query)[0][:-3]]) as port:
        report = await report_of(assignment(dns_check(port)))
    assert not report.good
    assert report.detail.startswith("DNS: an answer that cannot be read")


async def test_a_name_that_is_none_is_our_own_fault() -> None:
    prober = WireProber(VANTAGE, SystemClock())
    outcome = await prober.probe(assignment(dns_check(53), name="a..b"))
    assert isinstance(outcome, Unjudged)
    assert "no DNS name" in outcome.reason


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=list(Hurdle))
@given(flags=st.binary(min_size=2, max_size=2), rest=st.binary(max_size=120))
def test_whatever_bytes_answer_the_outcome_is_a_report(flags: bytes, rest: bytes) -> None:
    async def probe() -> None:
        def answers(query: dns.message.Message) -> list[bytes]:
            right = good(query)[0]
            mangled = right[:2] + flags + right[4:12] + rest
            return [mangled, right[:30] + rest, right]

        async with name_server(answers) as port:
            report = await report_of(assignment(dns_check(port)))
        assert report.detail

    asyncio.run(probe())
