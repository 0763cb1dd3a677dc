"""Keys and clocks: a wrong one is told by its name, and nothing changes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import nameservers
from tests.support.nameservers import NameServer
from tests.support.publishing import (
    SkewedClock,
    fence,
    key_of,
    layout_at,
    many_addresses,
    publish,
    writing_to,
)

from outlast.app.state import StateFolder
from outlast.app.wiring import World
from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.tsig import Key
from outlast.model.errors import ConfigError, Denied
from outlast.model.names import DnsName
from outlast.model.plan import OutcomeKind
from outlast.model.topology import SecretKind, SecretRef, Topology

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module", params=nameservers.ALL, ids=lambda one: one.name)
def server(request: pytest.FixtureRequest) -> Iterator[NameServer]:
    with nameservers.running(request.param) as running:
        yield running


def told(server: NameServer, word: str, instead: str) -> str:
    """The word that an operator is told: PowerDNS does not say what it dislikes about a signature."""
    return instead if server.software is nameservers.POWERDNS else word


async def check_rejected(server: NameServer, wrong: Rfc2136Provider, words: str) -> None:
    """The write is rejected with these words in its detail, and changed nothing."""
    layout = layout_at(server, "api")
    outcome = await wrong.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    assert outcome.kind is OutcomeKind.REJECTED, outcome
    assert words in outcome.detail
    async with writing_to(server) as right:
        assert (await right.read(layout)).fence == ()


async def test_a_wrong_secret(server: NameServer) -> None:
    """BADSIG: reading and writing say that the secret differs."""
    noun = server.provider()
    wrong = Rfc2136Provider(noun, replace(key_of(noun), secret=b"wrong"), SystemClock())
    await check_rejected(server, wrong, told(server, "BADSIG", "wrong key, secret or clock"))
    with pytest.raises(Denied, match=told(server, "BADSIG", "NOTAUTH")):
        await wrong.read(layout_at(server, "api"))
    with pytest.raises(Denied):
        await wrong.transfer(server.zone)
    await wrong.close()


async def test_an_unknown_key(server: NameServer) -> None:
    """BADKEY: the server knows no key of this name."""
    stranger = Key(DnsName("stranger"), "hmac-sha256", b"secret")
    wrong = Rfc2136Provider(server.provider(), stranger, SystemClock())
    await check_rejected(server, wrong, told(server, "BADKEY", "wrong key, secret or clock"))
    with pytest.raises(Denied, match=told(server, "BADKEY", "NOTAUTH")):
        await wrong.read(layout_at(server, "api"))
    await wrong.close()


async def test_a_key_of_another_algorithm(server: NameServer) -> None:
    """The same name and secret with another algorithm is another key."""
    noun = server.provider()
    wrong = Rfc2136Provider(noun, replace(key_of(noun), algorithm="hmac-sha512"), SystemClock())
    await check_rejected(server, wrong, told(server, "BADKEY", "wrong key, secret or clock"))
    await wrong.close()


async def test_no_key_at_all(server: NameServer) -> None:
    """Unsigned, everybody may read, nobody may write or transfer."""
    wrong = Rfc2136Provider(server.provider(), None, SystemClock())
    await check_rejected(server, wrong, server.zone)
    assert (await wrong.read(layout_at(server, "api"))).fence == ()
    with pytest.raises(Denied):
        await wrong.transfer(server.zone)
    await wrong.close()


@pytest.mark.parametrize(("seconds", "word"), [(-3600, "ahead"), (3600, "behind")])
async def test_clocks_an_hour_apart(server: NameServer, seconds: int, word: str) -> None:
    """BADTIME: by how much the server's clock differs, where the server tells it."""
    noun = server.provider()
    wrong = Rfc2136Provider(noun, key_of(noun), SkewedClock(seconds))
    await check_rejected(server, wrong, told(server, "BADTIME", "wrong key, secret or clock"))
    outcome = await wrong.write(publish(layout_at(server, "api"), None, fence(1), ["192.0.2.1"]))
    if server.software is not nameservers.POWERDNS:
        assert word in outcome.detail
        assert any(f"{skew} s" in outcome.detail for skew in range(3595, 3606))
    with pytest.raises(Denied, match=told(server, "BADTIME", "NOTAUTH")):
        await wrong.read(layout_at(server, "api"))
    await wrong.close()


async def test_clocks_a_minute_apart_are_near_enough(server: NameServer) -> None:
    """The fudge is 300 s."""
    noun = server.provider()
    near = Rfc2136Provider(noun, key_of(noun), SkewedClock(60))
    layout = layout_at(server, "near")
    outcome = await near.write(publish(layout, None, fence(1), many_addresses(2)))
    assert outcome.kind is OutcomeKind.APPLIED
    assert (await near.read(layout)).fence == (fence(1),)
    await near.close()


def test_a_secret_is_found_where_the_topology_says(
    server: NameServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`env:` and `file:` name the same secret; a missing or broken one says what to do."""
    noun = server.provider()
    folder = StateFolder(tmp_path)
    file = tmp_path / "world.yaml"
    world = World(file=file, topology=Topology(), digest="", state=folder, clock=SystemClock())

    def key_at(secret: SecretRef) -> Key | None:
        assert noun.key is not None
        return world.key(replace(noun, key=replace(noun.key, secret=secret)))

    monkeypatch.setenv("TSIG_SECRET", nameservers.SECRET_BASE64)
    assert key_at(SecretRef(kind=SecretKind.ENV, where="TSIG_SECRET")) == key_of(noun)
    broken = tmp_path / "broken"
    broken.write_text("no base64!")
    broken.chmod(0o600)
    for kind, where, words in (
        (SecretKind.ENV, "NO_SUCH_SECRET", "set NO_SUCH_SECRET"),
        (SecretKind.FILE, str(tmp_path / "missing"), "missing"),
        (SecretKind.FILE, str(broken), "base64"),
    ):
        with pytest.raises(ConfigError, match=words):
            key_at(SecretRef(kind=kind, where=where))
