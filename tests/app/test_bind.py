"""The same commands on a real BIND: plan, apply, why, evacuate, rescue, and automation beside them."""

from collections.abc import Iterator
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest
from tests.support.nameservers import BIND, KEY_NAME, SECRET_BASE64, NameServer, running
from tests.support.system import AP, EU, US, System, system, until

from outlast.core.adopt import RESCUE_LEAP

pytestmark = [pytest.mark.slow, pytest.mark.servers]

NAME = "www.example.org"
TOPOLOGY = """\
outlast: 1
settings:
  {verify_interval_s: 0.3, evidence_max_age_s: 5, sick_window_s: 0.1, http: "127.0.0.1:@HTTP@"}
regions: {eu-west: {}, us-east: {}, ap-south: {}}
providers:
  bind:
    kind: rfc2136
    server: 127.0.0.1:@BIND@
    zones: [example.org]
    key: {name: outlast, algorithm: hmac-sha256, secret: file:bind.key}
    timeout_s: 3
endpoints:
  shop:
    names: [www.example.org, {name: v4.example.org, families: [ipv4]}]
    provider: bind
    ttl_s: 2
    demand: 1500
    policy: {recovery_s: 10}
    check: {kind: http, port: @PORT@, path: /healthz, interval_s: 0.1, timeout_s: 0.09, rise: 2, fall: 3}
    targets:
      eu-1: {region: eu-west, ipv4: @EU@, capacity: 1000}
      us-1: {region: us-east, ipv4: @US@, capacity: 1000}
      ap-1: {region: ap-south, ipv4: @AP@, capacity: 1000}
"""


@pytest.fixture(scope="module")
def bind() -> Iterator[NameServer]:
    """One BIND for the module."""
    with running(BIND, lines=["neighbour 60 A 192.0.2.77"]) as server:
        yield server


@pytest.fixture
def world(bind: NameServer, tmp_path: Path) -> Iterator[System]:
    """A topology on it, with the zone as a newcomer finds it."""
    key = tmp_path / "bind.key"
    key.touch(mode=0o600)
    key.write_text(SECRET_BASE64)
    text = TOPOLOGY.replace("@BIND@", str(bind.port))
    with system(tmp_path, text) as made:
        made.dns_port = bind.port
        wipe(bind, "www", "v4", "_outlast.www", "_outlast-epoch")
        yield made


def wipe(bind: NameServer, *names: str) -> None:
    """Delete names with an update that names no condition."""
    update = dns.update.UpdateMessage("example.org")
    update.use_tsig(dns.tsig.Key(KEY_NAME, SECRET_BASE64, "hmac-sha256"))
    for name in names:
        update.delete(name)
    reply = dns.query.tcp(update, "127.0.0.1", timeout=5, port=bind.port)
    assert reply.rcode() == dns.rcode.NOERROR, reply


def test_plan_apply_why_evacuate_and_rescue_by_hand(world: System, bind: NameServer) -> None:
    preview = world.outlast("plan", "--json")
    assert preview.code == 0, preview.out + preview.err
    checksum = preview.json()["checksum"]
    done = world.outlast("apply", "--checksum", checksum)
    assert done.code == 0, done.out + done.err
    assert world.answer(NAME) == {EU, US, AP}
    assert world.answer("v4.example.org") == {EU, US, AP}

    why = world.outlast("why", NAME)
    assert why.code == 0, why.out
    assert "the DNS holds exactly generation 1 (written by apply" in why.out

    drained = world.outlast("evacuate", EU, "--reason", "power work")
    assert drained.code == 0, drained.out + drained.err
    assert "safe to power off at" in drained.out
    assert world.answer(NAME) == {US, AP}

    wipe(bind, "www", "v4", "_outlast.www")
    assert world.answer(NAME) == set()
    rescued = world.outlast("rescue", "--yes")
    assert rescued.code == 0, rescued.out + rescued.err
    assert world.answer(NAME) == {US, AP}, "what was last confirmed, not what was first"
    assert world.generation(NAME) == 2 + RESCUE_LEAP
    assert world.ask("neighbour.example.org", "A") == ["192.0.2.77"], "not ours, not touched"


def test_automation_moves_the_answer_and_mends_it(world: System, bind: NameServer) -> None:
    process = world.up()
    world.wait_for(EU, US, AP, name=NAME)
    world.regions.fail(US)
    world.wait_for(EU, AP, name=NAME)
    before = world.generation(NAME)
    wipe(bind, "www", "v4", "_outlast.www")
    world.wait_for(EU, AP, name=NAME)
    assert world.generation(NAME) == before
    until(
        lambda: "healed" in world.outlast("history", "shop").out,
        "it is written down after it is done",
    )
    assert process.popen.poll() is None


def test_a_key_that_bind_does_not_know_is_told_with_the_remedy(world: System) -> None:
    world.edit("key: {name: outlast,", "key: {name: stranger,")
    done = world.outlast("plan")
    assert done.code == 1
    assert "stranger" in done.out or "BADKEY" in done.out or "key" in done.out
    assert world.outlast("apply", "--yes", "--wait", "1s").code == 1
    assert world.answer(NAME) == set()


def test_a_secret_that_is_not_there_is_wrong_use(world: System) -> None:
    (world.folder / "bind.key").unlink()
    done = world.outlast("plan")
    assert done.code == 2
    assert "bind.key" in done.err


def test_an_unreachable_server_is_told_and_nothing_hangs(world: System) -> None:
    world.edit(f"127.0.0.1:{world.dns_port}", "127.0.0.1:1")
    done = world.outlast("plan")
    assert done.code == 1
    assert "cannot be read" in done.out
    assert world.outlast("status").code == 1
