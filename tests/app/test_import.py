"""`outlast import`: what moves in, what stays and why, and that the outcome can be used."""

import json
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.support.system import Done, invoke

from outlast.app.moving.found import Seen
from outlast.app.moving.gather import Places, gather
from outlast.app.moving.write import Writing, write
from outlast.app.moving.zonefile import read_zone_text
from outlast.config import parse
from outlast.model.names import DnsName
from outlast.model.topology import Endpoint, PolicyKind, Topology

FIXTURES = Path(__file__).parents[1] / "fixtures" / "octodns"

ZONE = """\
$TTL 1h
$ORIGIN example.org.
@ IN SOA ns1 hostmaster ( 1 3600
     600 86400 5 )
@ NS ns1
ns1 A 192.0.2.53
www 60 A 192.0.2.1
    60 A 198.51.100.1
    60 AAAA 2001:db8::1
mixed 60 A 192.0.2.2
mixed 90 AAAA 2001:db8::2
* 60 A 192.0.2.3
shop CNAME www
sub NS ns.sub
ns.sub A 192.0.2.54
mail MX 10 www
broken A 0.0.0.0
text TXT "hello"
"""


def imported(done: Done) -> Topology:
    """The topology that an import printed; our own reader must take it."""
    assert done.code == 0, done.err
    return parse(done.out, "imported").topology


def endpoint(topology: Topology, key: str) -> Endpoint:
    """One endpoint by its key."""
    return next(one for one in topology.endpoints if one.name == key)


def addresses(one: Endpoint) -> set[str]:
    """All addresses of an endpoint's targets."""
    return {str(it) for target in one.targets for it in (target.ipv4, target.ipv6) if it}


@pytest.fixture
def zone_file(tmp_path: Path) -> Path:
    """A zone file with one of each kind."""
    path = tmp_path / "example.org.zone"
    path.write_text(ZONE)
    return path


def test_a_zone_file_moves_in_with_what_can_be_steered(zone_file: Path) -> None:
    """Names with addresses of one TTL become endpoints; everything else stays, each with line and reason."""
    done = invoke("import", "zone", str(zone_file), "--origin", "example.org")
    topology = imported(done)
    assert [one.name for one in topology.endpoints] == ["www.example.org"]
    www = endpoint(topology, "www.example.org")
    assert (www.ttl_s, www.adopt) == (60, True)
    assert addresses(www) == {"192.0.2.1", "198.51.100.1", "2001:db8::1"}
    for line, words in (
        (4, "SOA"),
        (6, "a name server's own address"),
        (10, "several TTLs (60, 90)"),
        (12, "wildcard"),
        (13, "CNAME"),
        (15, "glue: the zone sub.example.org is delegated away"),
        (16, "MX"),
        (17, "no client can connect to it"),
        (18, "TXT"),
    ):
        told = [one for one in done.err.splitlines() if one.startswith(f"{zone_file}:{line}: ")]
        assert any(words in one for one in told), (line, words, done.err)


def test_addresses_stand_where_the_operator_says(zone_file: Path) -> None:
    """--place gives regions by network, --region to all others."""
    arguments = ("--origin", "example.org", "--place", "192.0.2.0/24=eu-west", "--region", "other")
    topology = imported(invoke("import", "zone", str(zone_file), *arguments))
    found = {(str(one.region), one.ipv4) for one in topology.endpoints[0].targets if one.ipv4}
    assert found == {("eu-west", "192.0.2.1"), ("other", "198.51.100.1")}
    assert {one.name for one in topology.regions} == {"eu-west", "other"}


def test_the_server_and_its_key_are_written_as_references(zone_file: Path) -> None:
    """A secret never gets into the file, only where it lies; one that stands in the flag is refused."""
    arguments = (
        "import",
        "zone",
        str(zone_file),
        "--origin",
        "example.org",
        "--server",
        "192.0.2.53",
    )
    topology = imported(invoke(*arguments, "--key", "outlast=env:KEY", "--provider", "bind"))
    provider = topology.providers[0]
    assert (provider.name, str(provider.server)) == ("bind", "192.0.2.53:53")
    assert provider.key is not None
    assert str(provider.key.secret) == "env:KEY"
    refused = invoke(*arguments, "--key", "outlast=c2VjcmV0")
    assert refused.code == 2
    assert "c2VjcmV0" not in refused.err


def test_a_zone_file_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    """Nothing is guessed from a broken file, and no other file of the machine is read through one."""
    path = tmp_path / "zone"
    path.write_text("www A 192.0.2.1\nwww A not-an-address\n")
    broken = invoke("import", "zone", str(path), "--origin", "example.org")
    assert broken.code == 2
    assert f"{path}:2" in broken.err
    (tmp_path / "other").write_text("ftp A 192.0.2.7\n")
    path.write_text(f"$TTL 60\nwww A 192.0.2.1\n$INCLUDE {tmp_path / 'other'}\n")
    assert invoke("import", "zone", str(path), "--origin", "example.org").code == 2


def test_what_lies_outside_of_the_zone_is_told_and_stays_out(tmp_path: Path) -> None:
    """A name server passes over it, so it is not in the DNS; whoever wrote it there may not know."""
    path = tmp_path / "zone"
    lines = (
        "$TTL 60",
        "www A 192.0.2.1",
        "ftp.other.test. A 192.0.2.7",
        "$ORIGIN other.test.",
        "@ MX 1 a\n",
    )
    path.write_text("\n".join(lines))
    done = invoke("import", "zone", str(path), "--origin", "example.org")
    assert [one.name for one in imported(done).endpoints] == ["www.example.org"]
    for line, what in ((3, "ftp.other.test A"), (5, "other.test MX")):
        assert f"{path}:{line}: {what}: it lies outside of example.org" in done.err


def test_what_octodns_publishes_moves_in_and_the_rest_is_told() -> None:
    """Each A and AAAA value of octoDNS's own configuration, read by another reader, is a target."""
    topology = imported(done := invoke("import", "octodns", str(FIXTURES)))
    expected: dict[str, set[str]] = {}
    for zone in ("unit.tests", "dynamic.tests"):
        raw = yaml.safe_load((FIXTURES / f"{zone}.yaml").read_text())
        for label, records in raw.items():
            for one in records if isinstance(records, list) else [records]:
                if one["type"] in {"A", "AAAA"} and not one.get("octodns", {}).get("ignored"):
                    name = f"{label}.{zone}" if label else zone
                    values = one.get("values") or [one["value"]]
                    expected.setdefault(name, set()).update(str(ip_address(it)) for it in values)
    assert expected.pop("www.sub.unit.tests"), "a name below the delegation of sub.unit.tests"
    assert {one.name: addresses(one) for one in topology.endpoints} == expected
    assert "www.sub.unit.tests: glue" in done.err
    assert "unit.tests A: answers by geography" in done.err
    assert "a rule by geos" in done.err
    assert "pool `lax` has 4.4.4.4, which `values` has not" in done.err
    assert "cname.unit.tests CNAME: it points to a name" in done.err


def test_pools_and_checks_of_octodns_are_kept(tmp_path: Path) -> None:
    """A pool names a region; its health check waits in a comment, or is switched on with --checks."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.test.yaml").write_text(
        "www:\n  type: A\n  ttl: 60\n  values: [192.0.2.1, 192.0.2.2]\n"
        "  octodns: {healthcheck: {host: www.shop.test, path: /up, port: 8443}}\n"
        "  dynamic:\n    pools:\n      eu: {values: [{value: 192.0.2.1, weight: 3}]}\n"
        "      us: {values: [{value: 192.0.2.2}]}\n    rules: [{pool: eu}]\n"
    )
    done = invoke("import", "octodns", str(tmp_path))
    www = imported(done).endpoints[0]
    assert {one.region: one.weight for one in www.targets} == {"eu": 3, "us": 1}
    assert "# check: {kind: https, port: 8443, path: /up, host: www.shop.test}" in done.out
    checked = imported(invoke("import", "octodns", str(tmp_path), "--checks")).endpoints[0]
    assert checked.targets[0].check.host == "www.shop.test"


def test_a_folder_without_zones_is_wrong_use(tmp_path: Path) -> None:
    """An import of nothing says what it looked for."""
    done = invoke("import", "octodns", str(tmp_path))
    assert done.code == 2
    assert "YamlProvider" in done.err


ROUTE53 = {
    "ResourceRecordSets": [
        {"Name": "shop.test.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "a b 1 2 3 4 5"}]},
        {"Name": "www.shop.test.", "Type": "A", "SetIdentifier": "EU West", "Weight": 3, "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.1"}], "HealthCheckId": "1234"},
        {"Name": "www.shop.test.", "Type": "A", "SetIdentifier": "us-east", "Weight": 1, "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.2"}]},
        {"Name": "fail.shop.test.", "Type": "A", "SetIdentifier": "one", "Failover": "PRIMARY", "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.3"}]},
        {"Name": "fail.shop.test.", "Type": "A", "SetIdentifier": "two", "Failover": "SECONDARY", "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.4"}]},
        {"Name": "turns.shop.test.", "Type": "A", "SetIdentifier": "one", "Weight": 5, "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.7"}]},
        {"Name": "turns.shop.test.", "Type": "A", "SetIdentifier": "two", "Weight": 5, "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.8"}]},
        {"Name": "near.shop.test.", "Type": "A", "SetIdentifier": "x", "Region": "eu-west-1", "TTL": 60,
         "ResourceRecords": [{"Value": "192.0.2.5"}]},
        {"Name": "near.shop.test.", "Type": "AAAA", "TTL": 60, "ResourceRecords": [{"Value": "2001:db8::5"}]},
        {"Name": "shop.test.", "Type": "A", "AliasTarget": {"DNSName": "lb.elb.amazonaws.com."}},
        {"Name": "\\052.shop.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.6"}]},
    ]
}  # fmt: skip


def test_a_route_53_listing_moves_in(tmp_path: Path) -> None:
    """Weighted and failover sets move in; aliases, places and wildcards stay, each with its line."""
    path = tmp_path / "zone.json"
    path.write_text(json.dumps(ROUTE53, indent=1))
    done = invoke("import", "route53", str(path))
    topology = imported(done)
    assert {one.name.partition(".")[0] for one in topology.endpoints} == {"www", "fail", "turns"}
    assert "www.shop.test: its" not in done.err, "weights that differ are drawn by as before"
    www = endpoint(topology, "www.shop.test")
    assert {one.region: one.weight for one in www.targets} == {"eu-west": 3, "us-east": 1}
    fail = endpoint(topology, "fail.shop.test")
    assert fail.policy.kind is PolicyKind.FAILOVER
    assert fail.policy.order == (("one",), ("two",))
    for words in (
        "health check 1234",
        "fail.shop.test: its failover: the first plan answers the first tier",
        "turns.shop.test: its sets of equal weight: the first plan makes one of them",
        "chosen by latency",
        "a part of it is answered by place",
        "an alias to lb.elb.amazonaws.com",
        "*.shop.test A: a wildcard",
    ):
        told = [one for one in done.err.splitlines() if words in one]
        assert told, (words, done.err)
        assert told[0].startswith(f"{path}:"), told


def test_a_failover_whose_places_are_one_says_that_its_order_is_lost(tmp_path: Path) -> None:
    """Tiers are regions; both addresses move in, and all at once."""
    path = tmp_path / "zone.json"
    path.write_text(json.dumps(ROUTE53))
    done = invoke("import", "route53", str(path), "--place", "192.0.2.0/24=eu")
    fail = endpoint(imported(done), "fail.shop.test")
    assert fail.policy.kind is not PolicyKind.FAILOVER
    assert addresses(fail) == {"192.0.2.3", "192.0.2.4"}
    assert "fail.shop.test: its failover order: the tiers share a region" in done.err


def test_a_route53_zone_stays_at_route53_unless_a_server_is_named(tmp_path: Path) -> None:
    """Adopting without a gap is done where the records stand; moving elsewhere is asked for."""
    path = tmp_path / "zone.json"
    path.write_text(json.dumps(ROUTE53))
    stays = imported(invoke("import", "route53", str(path)))
    assert [str(one.kind) for one in stays.providers] == ["route53"]
    moves = imported(invoke("import", "route53", str(path), "--server", "192.0.2.1"))
    assert [str(one.kind) for one in moves.providers] == ["rfc2136"]
    assert moves.providers[0].server.host == "192.0.2.1"


def test_a_listing_that_was_cut_off_says_so(tmp_path: Path) -> None:
    """Half a zone must not look like a whole one."""
    path = tmp_path / "zone.json"
    path.write_text(json.dumps(ROUTE53 | {"NextToken": "abc"}))
    assert "cut off" in invoke("import", "route53", str(path)).err
    path.write_text("{}")
    assert invoke("import", "route53", str(path)).code == 2


LABEL = st.from_regex(r"[a-z_*][a-z0-9-]{0,5}[a-z0-9]", fullmatch=True)
RECORD = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("TXT"), st.just('"# audit: ignore-file"')),
    st.tuples(st.just("NS"), LABEL.filter(lambda one: "*" not in one)),
)


@given(st.lists(st.tuples(LABEL, st.integers(0, 90), RECORD), min_size=1, max_size=12))
def test_every_zone_either_moves_in_or_is_told(
    lines: list[tuple[str, int, tuple[str, str]]],
) -> None:
    """Whatever a zone holds, our reader takes the outcome, and no address is lost without a word."""
    text = "".join(f"{name} {ttl_s} {rtype} {value}\n" for name, ttl_s, (rtype, value) in lines)
    seen: Seen = read_zone_text(text, "zone", DnsName("example.org"))
    drafts = gather(seen, Places())
    told = {one.place.line for one in seen.stays}
    held = {(one.name, it) for one in drafts for t in one.targets for it in (t.ipv4, t.ipv6) if it}
    for number, (name, _, (rtype, value)) in enumerate(lines, start=1):
        if rtype in {"A", "AAAA"}:
            full = f"{name}.example.org"
            kept = (DnsName(full), str(ip_address(value))) in held
            named = any(one.what.startswith(full) for one in seen.stays)
            assert kept or named or number in told, (name, value)
    if drafts:
        how = Writing(
            source="x", provider_name="dns", provider=("kind: rfc2136", "server: 192.0.2.1")
        )
        topology = parse(write(drafts, seen, how), "x").topology
        assert {one.name for one in topology.endpoints} == {one.key for one in drafts}
