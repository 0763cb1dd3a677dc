"""Where a board may be served, and what is refused before anything starts."""

import asyncio
import datetime as dt
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.boarding import Boarding
from tests.support.nameservers import free_port

from outlast.app.board.front import Front
from outlast.app.web import WebServer, listen
from outlast.drivers.accounts import AccountFile
from outlast.model.errors import ConfigError
from outlast.model.topology import Address

AWAY = Address(host="192.0.2.7", port=9153)
HOME = Address(host="127.0.0.1", port=9153)
FILE = Path("world.yaml")


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for loopback and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "board.pem", folder / "board.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, secret


@pytest.mark.parametrize("host", ["192.0.2.7", "0.0.0.0", "::", "2001:db8::1"])
def test_away_from_loopback_it_takes_tls_and_accounts(boarding: Boarding, host: str) -> None:
    """Passwords would cross a network; and without accounts nobody could ever look."""
    cert, key = write_certificate(boarding.world.file.parent)
    nobody = AccountFile(boarding.world.file.parent / "none.json")
    away = Address(host=host, port=9153)
    with pytest.raises(ConfigError, match="without TLS"):
        Front(address=away).check(boarding.accounts, FILE)
    with pytest.raises(ConfigError, match="without accounts"):
        Front(address=away, cert=cert, key=key).check(nobody, FILE)
    Front(address=away, cert=cert, key=key).check(boarding.accounts, FILE)


def test_on_loopback_and_without_a_board_nothing_is_needed(tmp_path: Path) -> None:
    """Metrics and health carry no secret."""
    nobody = AccountFile(tmp_path / "none.json")
    Front(address=HOME).check(nobody, FILE)
    Front(address=AWAY, board=False).check(nobody, FILE)


def test_a_certificate_that_cannot_be_used_is_told_before_anything_starts(tmp_path: Path) -> None:
    """No key, another's key, no certificate."""
    nobody = AccountFile(tmp_path / "none.json")
    cert, _ = write_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = write_certificate(tmp_path / "other")
    with pytest.raises(ConfigError, match="cannot be used"):
        Front(address=HOME, cert=cert, key=other).check(nobody, FILE)
    with pytest.raises(ConfigError, match="cannot be used"):
        Front(address=HOME, cert=cert).check(nobody, FILE)
    with pytest.raises(ConfigError, match="without --tls-cert"):
        Front(address=HOME, key=other).check(nobody, FILE)


def test_how_it_is_reached_follows_from_where_it_is_served(tmp_path: Path) -> None:
    """Open on loopback alone; cookies that no plain connection sends under TLS."""
    cert, key = write_certificate(tmp_path)
    assert Front(address=HOME).entrance.is_open
    assert not Front(address=AWAY, cert=cert, key=key).entrance.is_open
    secured = Front(address=AWAY, cert=cert, key=key)
    assert secured.entrance.secure
    assert secured.entrance.cookie == "__Host-outlast-9153"
    assert secured.url == "https://192.0.2.7:9153/"
    assert Front(address=HOME).url == "http://127.0.0.1:9153/"


async def test_a_board_is_really_served_with_tls(boarding: Boarding) -> None:
    """Somebody who trusts the certificate logs in; whoever speaks in the clear gets nothing."""
    cert, key = write_certificate(boarding.world.file.parent)
    port = free_port()
    front = Front(address=Address(host="127.0.0.1", port=port), cert=cert, key=key)
    server = WebServer(boarding.app, front)
    sock = listen(front.address)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        trusted = ssl.create_default_context(cafile=str(cert))
        base = f"https://localhost:{port}"
        async with httpx.AsyncClient(base_url=base, verify=trusted, timeout=30) as client:
            assert (await client.get("/login")).status_code == 200
            assert (await client.get("/api/v1/actions")).status_code == 200
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as clear:
            with pytest.raises(httpx.HTTPError):
                await clear.get("/login")
    finally:
        server.should_exit = True
        await task
        sock.close()
