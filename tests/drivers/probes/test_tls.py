"""HTTPS probes against certificates of every kind."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.drivers.probes.certificates import Authority, authority
from tests.drivers.probes.targets import (
    VANTAGE,
    assignment,
    report_of,
    saying,
    serving,
    sockets_open,
)
from tests.support.waiting import eventually

from outlast.drivers.clock import SystemClock
from outlast.drivers.probes import Contexts, WireProber
from outlast.drivers.probes.tls import certificate_fault
from outlast.model.topology import CheckKind, HealthCheck
from outlast.model.units import Nanos
from outlast.ports import Unjudged

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
NAME = "shop.example.org"


@pytest.fixture(scope="module")
def issuer() -> Authority:
    return authority()


def https(
    port: int, *, verify: bool = True, days_min: int = 0, timeout_s: float = 5.0
) -> HealthCheck:
    return HealthCheck(
        kind=CheckKind.HTTPS,
        port=port,
        timeout_s=timeout_s,
        tls_verify=verify,
        certificate_days_min=days_min,
    )


async def test_a_valid_certificate_is_good(issuer: Authority, tmp_path: Path) -> None:
    context = issuer.server_context(tmp_path, name=NAME, days=90)
    async with serving(saying(OK), ssl=context) as port:
        contexts = Contexts(issuer.trusted())
        report = await report_of(assignment(https(port, days_min=14)), contexts=contexts)
    assert (report.good, report.detail) == (True, "HTTP 200")


async def test_the_server_name_is_sent(issuer: Authority, tmp_path: Path) -> None:
    """One address serves many names; without SNI it would show the certificate of another."""
    context = issuer.server_context(tmp_path, name=NAME, days=90)
    seen: list[str] = []
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with serving(saying(OK), ssl=context) as port:
        for verify in (True, False):
            contexts = Contexts(issuer.trusted())
            report = await report_of(assignment(https(port, verify=verify)), contexts=contexts)
            assert report.good
    assert seen == [NAME, NAME]


@pytest.mark.parametrize(
    ("name", "days", "detail"),
    [
        ("other.example.org", 90.0, "TLS: hostname mismatch"),
        (NAME, -2.5, "TLS: certificate has expired"),
    ],
)
async def test_a_wrong_certificate_is_bad(
    issuer: Authority, tmp_path: Path, name: str, days: float, detail: str
) -> None:
    context = issuer.server_context(tmp_path, name=name, days=days)
    async with serving(saying(OK), ssl=context) as port:
        checked = assignment(https(port))
        report = await report_of(checked, contexts=Contexts(issuer.trusted()))
        assert (report.good, report.detail) == (False, detail)
        unverified = assignment(https(port, verify=False))
        assert (await report_of(unverified)).good


async def test_a_certificate_signed_by_nobody_we_trust_is_bad(
    issuer: Authority, tmp_path: Path
) -> None:
    context = issuer.server_context(tmp_path, name=NAME, days=90)
    async with serving(saying(OK), ssl=context) as port:
        contexts = Contexts(authority().trusted())
        report = await report_of(assignment(https(port)), contexts=contexts)
    assert not report.good
    assert report.detail.startswith("TLS: unable to get local issuer certificate")


@pytest.mark.parametrize("verify", [True, False])
async def test_a_certificate_that_ends_soon_is_bad(
    issuer: Authority,
    tmp_path: Path,
    verify: bool,  # noqa: FBT001 - pytest hands over parameters by name
) -> None:
    """Also where it is not verified: the end of an internal certificate takes a region down too."""
    context = issuer.server_context(tmp_path, name=NAME, days=3.5)
    date = f"{datetime.now(UTC) + timedelta(days=3.5):%Y-%m-%d}"
    async with serving(saying(OK), ssl=context) as port:
        contexts = Contexts(issuer.trusted())
        strict = assignment(https(port, verify=verify, days_min=14))
        report = await report_of(strict, contexts=contexts)
        assert (report.good, report.detail) == (False, f"certificate ends in 3 days ({date})")
        lax = assignment(https(port, verify=verify, days_min=3))
        assert (await report_of(lax, contexts=contexts)).good


async def test_an_ended_certificate_is_told_where_nobody_verifies(
    issuer: Authority, tmp_path: Path
) -> None:
    context = issuer.server_context(tmp_path, name=NAME, days=-1.5)
    async with serving(saying(OK), ssl=context) as port:
        report = await report_of(assignment(https(port, verify=False, days_min=1)))
    assert not report.good
    assert report.detail.startswith("certificate ended 1 day ago (")


@pytest.mark.parametrize("der", [b"", b"garbage", b"\x30\x82\x01\x00"])
def test_a_certificate_that_cannot_be_read_is_bad(der: bytes) -> None:
    fault = certificate_fault(der, days_min=1, now_ns=Nanos(0))
    assert fault is not None
    assert fault.detail.startswith("TLS: ")


@given(st.binary(max_size=60))
def test_no_bytes_of_a_certificate_raise(der: bytes) -> None:
    assert certificate_fault(der, days_min=1, now_ns=Nanos(0)) is not None


async def test_a_plain_server_behind_an_https_check_is_bad() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with serving(plain) as port:
        report = await report_of(assignment(https(port)))
    assert (report.good, report.detail) == (False, "TLS: wrong version number")


async def test_a_handshake_that_ends_or_hangs_is_bad_and_leaves_no_socket() -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100_000)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    before = sockets_open()
    async with serving(end) as port:
        report = await report_of(assignment(https(port)))
        assert (report.good, report.detail) == (False, "TLS: closed during the handshake")
    async with serving(hang) as port:
        report = await report_of(assignment(https(port, timeout_s=0.1)))
        assert (report.good, report.detail) == (False, "no answer in 0.1 s")
    await eventually(lambda: sockets_open() <= before)


async def test_a_name_that_tls_cannot_take_is_our_own_fault() -> None:
    async with serving(saying(OK)) as port:
        prober = WireProber(VANTAGE, SystemClock())
        outcome = await prober.probe(assignment(https(port), name=".example.org"))
    assert isinstance(outcome, Unjudged)
    assert "no server name" in outcome.reason


async def test_a_kept_tls_connection_saves_the_handshake(issuer: Authority, tmp_path: Path) -> None:
    handshakes: list[str] = []
    context = issuer.server_context(tmp_path, name=NAME, days=90)
    context.sni_callback = lambda _socket, name, _context: handshakes.append(name)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK)

    async with serving(handle, ssl=context) as port:
        prober = WireProber(
            VANTAGE, SystemClock(), contexts=Contexts(issuer.trusted()), keep_alive=True
        )
        for _ in range(3):
            report = await report_of(assignment(https(port, days_min=1)), prober=prober)
            assert report.good
        prober.close()
    assert handshakes == [NAME]


def test_contexts_verify_by_default() -> None:
    contexts = Contexts()
    assert contexts.choose(verify=True).verify_mode is ssl.CERT_REQUIRED
    assert contexts.choose(verify=True).check_hostname
    assert contexts.choose(verify=False).verify_mode is ssl.CERT_NONE
    assert contexts.choose(verify=True) is contexts.choose(verify=True)
