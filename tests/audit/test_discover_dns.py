"""The DNS as it answers: against real name servers on loopback."""

from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from tests.support.nameservers import BIND, HOST, KNOT, NameServer, free_port, running

from outlast.app.audit.discover import complete
from outlast.config import load, parse
from outlast.drivers.discover.names import Asker, Where, _network, discover_names
from outlast.model.topology import Topology

WORLD = """outlast: 1
regions: {eu: {}}
providers:
  one: {kind: embedded, server: 127.0.0.1:5300, zones: [example.org]}
endpoints:
  shop: {names: shop.example.org, ttl_s: 5, targets: {a: {region: eu, ipv4: 192.0.2.1}}}
  plain: {names: plain.example.org, ttl_s: 40, targets: {a: {region: eu, ipv4: 192.0.2.9}}}
services:
  web: {needs: [{endpoint: shop}]}
"""

KEY = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="

LINES = (
    "shop 300 CNAME edge",
    "edge 30 CNAME far.example.org.",
    "far 60 A 192.0.2.1",
    "far 60 A 192.0.2.2",
    "plain 40 A 192.0.2.9",
    # A public key of the right length; that it signs nothing does not matter here.
    f"@ 60 DNSKEY 257 3 13 {KEY}",
)

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module", params=[BIND, KNOT], ids=lambda one: one.name)
def server(request: pytest.FixtureRequest) -> Iterator[NameServer]:
    """A real name server with the zone `example.org`."""
    with running(request.param, lines=LINES) as one:
        yield one


def world() -> Topology:
    return parse(WORLD, "world.yaml").topology


async def test_a_zone_shows_servers_and_ttls(server: NameServer) -> None:
    """The negative TTL is the smaller one of the SOA record's TTL and its last field."""
    found = await discover_names(world(), Where(HOST, server.port))
    zone = found.zones["example.org"]
    assert [(one.name, one.addresses) for one in zone.name_servers] == [
        ("ns.example.org", ("127.0.0.1",))
    ]
    assert (zone.negative_ttl_s, zone.delegation_ttl_s) == (5, 60)
    assert zone.signed is True
    assert zone.ds_ttl_s is None
    assert f"{HOST}:{server.port}" in zone.evidence


async def test_a_chain_of_aliases_is_a_dependency(server: NameServer) -> None:
    """Whoever uses the name needs what it leads to; strange addresses and TTLs are told."""
    found = await discover_names(world(), Where(HOST, server.port))
    assert list(found.needs) == [("web", "far.example.org")]
    assert "shop.example.org is edge.example.org is far.example.org" in (
        found.needs["web", "far.example.org"].evidence
    )
    told = "\n".join(found.notices)
    assert "answers 192.0.2.2, no target" in told
    assert "TTL 300 s, not 5 s" in told
    assert "plain" not in told


@pytest.mark.parametrize(
    ("address", "question", "answer", "known"),
    [
        (
            "8.8.4.4",
            "4.4.8.8.origin.asn.cymru.com",
            "15169 | 8.8.4.0/24 | US | arin",
            (15169, "US"),
        ),
        ("8.8.4.4", "4.4.8.8.origin.asn.cymru.com", "1 2 | 8.8.4.0/24 | eu | ripe", (1, "EU")),
        ("8.8.4.4", "4.4.8.8.origin.asn.cymru.com", "nonsense", (0, "")),
        ("192.0.2.1", "", "", (0, "")),
        (
            "2606:4700::1",
            ".".join("1" + "0" * 23 + "00746062") + ".origin6.asn.cymru.com",
            "13335 | 2606:4700::/32 | US | arin",
            (13335, "US"),
        ),
    ],
)
async def test_the_network_of_an_address_is_looked_up(
    address: str, question: str, answer: str, known: tuple[int, str]
) -> None:
    """By its reverse name; documentation addresses are in none."""
    asker = Asker(Where(HOST, 1))
    if question:
        reply = dns.message.make_response(dns.message.make_query(question, "TXT"))
        reply.answer.append(dns.rrset.from_text(question + ".", 60, "IN", "TXT", f'"{answer}"'))
        asker._known[question, "TXT"] = reply
    assert await _network(asker, address) == known


async def test_a_server_that_is_silent_leaves_things_unknown() -> None:
    """No answer is no finding, but it is told."""
    found = await discover_names(world(), Where(HOST, free_port()))
    assert not found.zones
    assert not found.needs
    assert "not answered" in found.notices[-1]


def test_the_topology_is_completed_and_judged(server: NameServer, tmp_path: Path) -> None:
    """From the command's side: the zone is written with its evidence."""
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    target = complete(path, (f"dns:{HOST}:{server.port}",), offline=False, into=None)
    (zone,) = load(target).topology.zones
    assert zone.negative_ttl_s == 5
    assert zone.name_servers[0].name == "ns.example.org"
    assert f"# seen: asked {HOST}:{server.port} for example.org" in target.read_text()


def test_offline_asks_nobody(server: NameServer, tmp_path: Path) -> None:
    """Whatever the sources say."""
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    target = complete(path, (f"dns:{HOST}:{server.port}",), offline=True, into=None)
    assert target.read_text() == WORLD
