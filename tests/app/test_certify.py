"""`outlast certify` on a real BIND, what hangs on it, and Route 53 through the same commands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import targets
from tests.support.fakes.route53 import Route53
from tests.support.nameservers import BIND, SECRET_BASE64, ZONE, NameServer, free_port, running
from tests.support.system import invoke

pytestmark = [pytest.mark.slow, pytest.mark.servers]

SHARED = """\
outlast: 1
regions: {eu-west: {}, us-east: {}}
defaults: {check: {kind: none}}
endpoints:
  shop:
    names: [www.example.org]
    targets:
      eu-1: {region: eu-west, ipv4: 192.0.2.1, weight: 3}
      us-1: {region: us-east, ipv4: 192.0.2.2}
"""
ON_BIND = """\
providers:
  bind:
    kind: rfc2136
    server: 127.0.0.1:@PORT@
    zones: [example.org]
    key: {name: outlast, secret: file:bind.key}
"""
ON_ROUTE53 = """\
providers:
  aws:
    kind: route53
    zones: [example.org]
    api: {endpoint: "@URL@", request_rate: 1000, request_burst: 1000}
"""


@pytest.fixture
def bind() -> Iterator[NameServer]:
    with running(BIND) as server:
        yield server


@pytest.fixture
def service() -> Iterator[Route53]:
    with targets.route53_running() as one:
        yield one


def written(folder: Path, text: str) -> str:
    file = folder / "world.yaml"
    file.write_text(SHARED + text)
    key = folder / "bind.key"
    key.touch(mode=0o600)
    key.write_text(SECRET_BASE64)
    return str(file)


def test_a_claim_of_full_is_held_to_its_certificate(bind: NameServer, tmp_path: Path) -> None:
    """Not written without one, with the command that gets it; written with it; gone with the version."""
    on_bind = ON_BIND.replace("@PORT@", str(bind.port))
    file = written(tmp_path, on_bind + "    fence: full\n")
    blocked = invoke("apply", file, "--yes", "--wait", "1s")
    assert blocked.code == 1, blocked.out + blocked.err
    listed = invoke("certify", file, "--list")
    assert listed.code == 1
    assert f"outlast certify {file} bind" in listed.out.replace("\n", "")
    done = invoke("certify", file, "bind", "--rounds", "5")
    assert done.code == 0, done.out + done.err
    assert "full" in done.out
    data = invoke("certify", file, "--list", "--json").json()
    assert [(one["provider"], one["grade"]) for one in data] == [("bind", "full")]
    assert data[0]["version"].startswith("9.")
    applied = invoke("apply", file, "--yes")
    assert applied.code == 0, applied.out + applied.err
    kept = tmp_path / ".outlast" / "world" / "certificates.json"
    kept.write_text(kept.read_text().replace(data[0]["version"], "9.1.0"))
    changed = SHARED.replace("192.0.2.2}", "192.0.2.3}") + on_bind + "    fence: full\n"
    Path(file).write_text(changed)
    assert invoke("apply", file, "--yes", "--wait", "1s").code == 1


def test_without_a_claim_everything_goes_on_with_a_hint(bind: NameServer, tmp_path: Path) -> None:
    """Nobody who upgrades finds his names frozen; `outlast up` says what to run."""
    file = written(tmp_path, ON_BIND.replace("@PORT@", str(bind.port)))
    assert invoke("apply", file, "--yes").code == 0
    command = [sys.executable, "-m", "outlast", "up", file, "--http", f"127.0.0.1:{free_port()}"]
    up = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert up.stderr is not None
        lines = [""]
        while "-> outlast certify" not in lines[-1]:
            lines.append(up.stderr.readline())
            assert lines[-1], lines
    finally:
        up.kill()
        up.communicate()
    assert "is not certified, its word is taken" in lines[-2]
    assert f"outlast certify {file} bind" in lines[-1]


def test_route_53_is_planned_applied_and_certified(service: Route53, tmp_path: Path) -> None:
    """The same commands as everywhere; the weights of the plan stand in the weighted sets."""
    file = written(tmp_path, ON_ROUTE53.replace("@URL@", service.url))
    done = invoke("apply", file, "--yes")
    assert done.code == 0, done.out + done.err
    sets = {place: one for place, one in service.zone(ZONE).sets.items() if place[1] == "A"}
    assert {place[2]: one["Weight"] for place, one in sets.items()} == {
        "outlast 192.0.2.1": "3",
        "outlast 192.0.2.2": "1",
    }
    again = invoke("plan", file, "--json").json()
    assert [one["changes"] for one in again["endpoints"]] == [False]
    certified = invoke("certify", file, "aws", "--rounds", "3")
    assert certified.code == 0, certified.out + certified.err
    service.put(f"www.{ZONE}", "AAAA", 60, "2001:db8::66")
    seen = invoke("plan", file, "shop")
    assert "the DNS differs" in seen.out


def tool(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment."""
    program = Path(sys.executable).parent / name
    return subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
    )


def test_the_aws_cli_talks_to_the_fake(service: Route53, tmp_path: Path) -> None:
    """The wire is the real one: a client that we did not write reads, and its stale swap is refused."""
    file = written(tmp_path, ON_ROUTE53.replace("@URL@", service.url))
    assert invoke("apply", file, "--yes").code == 0
    zone_id = service.zone(ZONE).zone_id
    base = ("route53", "--endpoint-url", service.url)
    listed = tool(
        "aws", *base, "list-resource-record-sets", "--hosted-zone-id", zone_id, folder=tmp_path
    )
    assert listed.returncode == 0, listed.stderr
    sets = json.loads(listed.stdout)["ResourceRecordSets"]
    fence = next(one for one in sets if one["Name"] == f"_outlast.www.{ZONE}.")
    stale = {**fence, "ResourceRecords": [{"Value": '"outlast1 g=9"'}]}
    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": stale}]}
    change = (*base, "change-resource-record-sets", "--hosted-zone-id", zone_id)
    refused = tool("aws", *change, "--change-batch", json.dumps(batch), folder=tmp_path)
    assert "do not match the current values" in refused.stderr
    batch["Changes"][0]["ResourceRecordSet"] = fence
    done = tool("aws", *change, "--change-batch", json.dumps(batch), folder=tmp_path)
    assert json.loads(done.stdout)["ChangeInfo"]["Status"] == "INSYNC"


def test_octodns_talks_to_the_fake(service: Route53, tmp_path: Path) -> None:
    """It dumps the zone as it stands, and its own writes obey the same rules."""
    service.put(f"beside.{ZONE}", "A", 300, "192.0.2.77")
    config = {
        "providers": {
            "aws": {
                "class": "octodns_route53.Route53Provider",
                "client_max_attempts": 1,
            },
            "files": {"class": "octodns.provider.yaml.YamlProvider", "directory": "zones"},
        },
        "zones": {f"{ZONE}.": {"sources": ["files"], "targets": ["aws"]}},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    (tmp_path / "zones").mkdir()
    environment = {"AWS_ENDPOINT_URL_ROUTE_53": service.url}
    os.environ.update(environment)
    dump = ("--config-file", "config.yaml", "--output-dir", "zones", f"{ZONE}.", "aws")
    dumped = tool("octodns-dump", *dump, folder=tmp_path)
    assert dumped.returncode == 0, dumped.stderr
    file = tmp_path / "zones" / f"{ZONE}.yaml"
    assert "192.0.2.77" in file.read_text()
    file.write_text(file.read_text().replace("192.0.2.77", "192.0.2.78"))
    synced = tool("octodns-sync", "--config-file", "config.yaml", "--doit", folder=tmp_path)
    assert synced.returncode == 0, synced.stderr
    beside = service.zone(ZONE).sets[f"beside.{ZONE}.", "A", ""]
    assert beside["ResourceRecords"] == [{"Value": "192.0.2.78"}]
