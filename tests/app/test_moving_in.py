"""Moving in on a real BIND, asked all the time: an empty first plan, and no gap either way; at Route 53."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import dns.tsig
import dns.xfr
import dns.zone
import pytest
import yaml
from tests.support.nameservers import BIND, HOST, KEY_NAME, SECRET_BASE64, NameServer, running
from tests.support.nameservers import ZONE as DOMAIN
from tests.support.system import Done, invoke
from tests.support.targets import route53_running

from outlast.model.names import DnsName

pytestmark = [pytest.mark.slow, pytest.mark.servers]

FIXTURE = Path(__file__).parents[1] / "fixtures" / "octodns" / "unit.tests.yaml"
ZONE = """\
@ 300 A 192.0.2.1
@ 300 A 192.0.2.2
@ 300 AAAA 2001:db8::1
@ 300 TXT "v=spf1 -all"
www 60 A 192.0.2.1
www 60 A 192.0.2.2
www 60 AAAA 2001:db8::1
www 60 TXT "beside the addresses"
* 60 A 192.0.2.9
shop 60 CNAME www
mail 60 MX 10 www
"""


class Watcher:
    """Asks one name over and over; keeps every different answer, in order."""

    def __init__(self, port: int, name: str) -> None:
        self.answers: list[tuple[str, ...]] = []
        self.asked = 0
        self._port = port
        self._name = name
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._done.is_set():
            found = answer(self._port, self._name)
            self.asked += 1
            if not self.answers or self.answers[-1] != found:
                self.answers.append(found)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Ask as long as the block lasts."""
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()


def answer(port: int, name: str, rtype: str = "A") -> tuple[str, ...]:
    """What a resolver would get, with the TTL."""
    reply = dns.query.udp(dns.message.make_query(name, rtype), HOST, port=port, timeout=5)
    rrsets = [one for one in reply.answer if dns.rdatatype.to_text(one.rdtype) == rtype]
    return tuple(sorted(f"{one.ttl} {rdata.to_text()}" for one in rrsets for rdata in one))


def whole_zone(server: NameServer) -> set[str]:
    """Every record of the zone but SOA, fences and the epoch, by transfer."""
    zone = dns.zone.Zone(server.zone, relativize=False)
    key = dns.tsig.Key(KEY_NAME, SECRET_BASE64, "hmac-sha256")
    query, _ = dns.xfr.make_query(zone, keyring=key)
    dns.query.inbound_xfr(HOST, zone, query, port=server.port, lifetime=10)
    lines = zone.to_text().splitlines()
    return {one for one in lines if " SOA " not in one and not one.startswith("_outlast")}


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The key's secret in a file of its own, as a reference."""
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(SECRET_BASE64)
    return f"file:{path}"


def import_(server: NameServer, secret: str, world: Path, *source: str) -> None:
    """Import a source for a server."""
    where = ("--server", str(server.address), "--key", f"outlast={secret}", "-o", str(world))
    done = invoke("import", *source, *where)
    assert done.code == 0, done.err


def first_plan(world: Path) -> Done:
    """Preview the first plan, which must change no record."""
    done = invoke("plan", str(world), "--json")
    assert done.code == 0, done.out + done.err
    previews = done.json()["endpoints"]
    assert previews
    assert all(one["changes"] for one in previews), "each name still lacks its fence"
    assert not any(one["records_change"] for one in previews), done.out
    return done


def test_a_zone_moves_in_and_out_without_a_gap(tmp_path: Path, secret: str) -> None:
    """Adopted and given back while asked all the time: one answer, the same, from first to last."""
    world = tmp_path / "world.yaml"
    with running(BIND, lines=ZONE.splitlines()) as server:
        file = server.folder / f"{server.zone}.zone"
        before = whole_zone(server)
        import_(server, secret, world, "zone", str(file), "--origin", server.zone)
        first_plan(world)
        watcher = Watcher(server.port, f"www.{server.zone}")
        with watcher.watching():
            applied = invoke("apply", str(world), "--yes")
            assert applied.code == 0, applied.out + applied.err
            assert answer(server.port, f"_outlast.www.{server.zone}", "TXT")
            assert whole_zone(server) == before, (
                "moved in: the same records, and a fence beside them"
            )
            assert "as wanted" in invoke("plan", str(world)).out
            give_back(world, f"www.{server.zone}")
        assert whole_zone(server) == before, "given back: the same records"
        assert not answer(server.port, f"_outlast.www.{server.zone}", "TXT")
        assert watcher.answers == [("60 192.0.2.1", "60 192.0.2.2")]
        assert watcher.asked > 20


def give_back(world: Path, key: str) -> None:
    """Take an endpoint out of the file, then release it with its records."""
    raw = yaml.safe_load(world.read_text())
    del raw["endpoints"][key]
    world.write_text(yaml.safe_dump(raw))
    done = invoke("release", str(world), key, "--keep-records", "--yes")
    assert done.code == 0, done.out + done.err


def test_an_octodns_configuration_ends_with_an_empty_first_plan(
    tmp_path: Path, secret: str
) -> None:
    """Octodns's own configuration, as it stands on a server that got it: no record changes."""
    (tmp_path / "config").mkdir()
    shutil.copy(FIXTURE, tmp_path / "config")
    zone, world = DnsName("unit.tests"), tmp_path / "world.yaml"
    with running(BIND, lines=published_lines(), zone=zone) as server:
        before = whole_zone(server)
        import_(server, secret, world, "octodns", str(tmp_path / "config"))
        first_plan(world)
        applied = invoke("apply", str(world), "--yes")
        assert applied.code == 0, applied.out + applied.err
        assert whole_zone(server) == before


def published_lines() -> list[str]:
    """The address records of the configuration as zone file lines, by a reader that is not ours."""
    lines = []
    for label, records in yaml.safe_load(FIXTURE.read_text()).items():
        for one in records if isinstance(records, list) else [records]:
            if one["type"] in {"A", "AAAA"} and not one.get("octodns", {}).get("ignored"):
                values = one.get("values") or [one["value"]]
                ttl_s = one.get("ttl", 3600)
                lines += [f"{label or '@'} {ttl_s} {one['type']} {value}" for value in values]
    return lines


def test_a_route_53_zone_ends_with_an_empty_first_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read from the service itself, weights included; after it clients draw as before."""
    with route53_running() as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", service.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        zone = service.zone(DOMAIN)
        service.put(f"api.{DOMAIN}", "A", 60, "192.0.2.3", "192.0.2.4")
        for address, weight in (("192.0.2.1", "30"), ("192.0.2.2", "10")):
            more = {"SetIdentifier": f"own {weight}", "Weight": weight}
            service.put(f"www.{DOMAIN}", "A", 60, address, **more)
        file = tmp_path / "world.yaml"
        done = invoke("import", "route53", zone.zone_id, "-o", str(file))
        assert done.code == 0, done.err
        api = f"kind: route53\n    api: {{endpoint: '{service.url}'}}"
        file.write_text(file.read_text().replace("kind: route53", api))
        shown = invoke("plan", str(file))
        assert "2 keep every record: the fence alone moves" in shown.out, shown.out + shown.err
        applied = invoke("apply", str(file), "--yes")
        assert applied.code == 0, applied.err
        drawn = {
            one["ResourceRecords"][0]["Value"]: one["Weight"]
            for place, one in zone.sets.items()
            if place[:2] == (f"www.{DOMAIN}.", "A")
        }
        assert drawn == {"192.0.2.1": "3", "192.0.2.2": "1"}
        assert "2 as wanted" in invoke("plan", str(file)).out
