"""Big plans on a real Knot through the whole product: laid as trees, flipped, swept, healed, released."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.tsig
import dns.tsigkeyring
import dns.update
import dns.zone
import pytest
from tests.support.nameservers import HOST, KEY_NAME, KNOT, SECRET_BASE64, NameServer, running
from tests.support.system import AP, EU, US, System, system, until

from outlast.model.fence import parse_fence
from outlast.model.treenames import generation_of

pytestmark = [pytest.mark.slow, pytest.mark.servers]

NAMES, SPARE = 60, 40
ALL = ", ".join(f"n{one}.example.org" for one in range(NAMES))
TOPOLOGY = """\
outlast: 1
settings:
  {verify_interval_s: 0.3, evidence_max_age_s: 5, sick_window_s: 0.1, http: "127.0.0.1:@HTTP@"}
regions: {eu-west: {}, us-east: {}, ap-south: {}}
providers:
  knot:
    kind: rfc2136
    server: 127.0.0.1:@KNOT@
    zones: [example.org]
    key: {name: outlast, algorithm: hmac-sha256, secret: file:dns.key}
    timeout_s: 5
endpoints:
  shop:
    names: [@NAMES@]
    provider: knot
    ttl_s: 1
    policy: {recovery_s: 10}
    budget: {removed_ratio: 0.9}
    floors: {share_ratio: 0.1}
    check: {kind: http, port: @PORT@, path: /healthz, interval_s: 0.2, timeout_s: 0.19, rise: 2, fall: 5}
    targets:
      eu-1: {region: eu-west, ipv4: @EU@}
      us-1: {region: us-east, ipv4: @US@}
      ap-1: {region: ap-south, ipv4: @AP@}
@SPARE@
"""


def wait(condition: Callable[[], bool], what: str) -> None:
    """Wait with patience: whole trees are read and written, perhaps on a busy machine."""
    until(condition, what, deadline_s=120)


@dataclass
class Big:
    """A system whose one endpoint takes several transactions."""

    world: System
    knot: NameServer

    def ask(self, name: str, rtype: str) -> list[str]:
        """What Knot answers, along pointers."""
        reply = dns.query.tcp(
            dns.message.make_query(name, rtype), HOST, timeout=5, port=self.knot.port
        )
        return [rdata.to_text() for rrset in reply.answer for rdata in rrset]

    def answers(self, name: str = "n0.example.org") -> set[str]:
        """The regions that answer at a name."""
        known = {host: region for region, host in self.world.places.items()}
        return {known[one] for one in self.ask(name, "A") if one in known}

    def generation(self) -> int:
        """What the fence names."""
        found = self.ask("_outlast.n0.example.org", "TXT")
        fence = parse_fence(tuple(one.strip('"') for one in found))
        return fence.generation if fence is not None else 0

    def standing(self) -> list[int]:
        """The generations whose trees stand in the zone."""
        keyring = dns.tsigkeyring.from_text({KEY_NAME: ("hmac-sha256", SECRET_BASE64)})
        query = dns.zone.from_xfr(
            dns.query.xfr(HOST, "example.org", port=self.knot.port, keyring=keyring, timeout=10)
        )
        labels = {node.labels[0].decode() for node in query if node.labels}
        return sorted({generation_of(one) for one in labels} - {0})

    def update(self) -> dns.update.UpdateMessage:
        """A foreign hand's message."""
        update = dns.update.UpdateMessage("example.org")
        update.use_tsig(dns.tsig.Key(KEY_NAME, SECRET_BASE64, "hmac-sha256"))
        return update

    def said(self) -> str:
        """The end of what the control plane told."""
        return self.world.processes[0].said()[-3000:]


@pytest.fixture
def big(tmp_path: Path) -> Iterator[Big]:
    """Sixty names with 43 targets each: 2,580 records, which no transaction takes."""
    with running(KNOT) as knot:
        secret = tmp_path / "dns.key"
        secret.touch(mode=0o600)
        secret.write_text(SECRET_BASE64)
        line = "      spare-{0}: {{region: eu-west, ipv4: 198.51.100.{0}, check: {{kind: none}}}}"
        spare = "\n".join(line.format(one) for one in range(1, SPARE + 1))
        text = TOPOLOGY.replace("@NAMES@", ALL).replace("@SPARE@", spare)
        with system(tmp_path, text.replace("@KNOT@", str(knot.port))) as world:
            yield Big(world, knot)


def test_from_the_topology_to_the_swept_tree_and_back(big: Big) -> None:
    """Preview, apply, `up`: failures are published as trees, old ones go, foreign hands are mended."""
    shown = big.world.outlast("plan")
    assert shown.code == 0, shown.out + shown.err
    assert "2,580 records in " in shown.out
    applied = big.world.outlast("apply", "--yes")
    assert applied.code == 0, applied.out + applied.err
    assert big.answers() == big.answers("n59.example.org") == {EU, US, AP}
    first = big.generation()
    assert big.standing() == [first]
    assert big.world.outlast("plan").out.count("as wanted")

    big.world.up()
    big.world.regions.fail(US)
    wait(lambda: big.answers() == big.answers("n59.example.org") == {EU, AP}, "it follows")
    big.world.regions.recover(US)
    wait(lambda: big.answers() == {EU, US, AP}, f"it comes back\n{big.said()}")
    wait(lambda: first not in big.standing(), f"the oldest is swept\n{big.said()}")
    wait(lambda: len(big.standing()) == 2, f"the live one and the one before it\n{big.said()}")

    def mended() -> bool:
        """A foreign hand that hits a tree which was just left hits nothing that lives: it tries again."""
        update = big.update()
        piece = big.ask("n7.example.org", "CNAME")[0].rstrip(".")
        update.delete(piece.removesuffix(".example.org"))
        update.replace("n8", 1, "A", "192.0.2.66")
        dns.query.tcp(update, HOST, timeout=5, port=big.knot.port)
        told = time.monotonic() + 15
        while "healed" not in big.said() and time.monotonic() < told:
            time.sleep(0.1)
        return "healed" in big.said()

    wait(mended, "it is mended")
    until(
        lambda: big.answers("n7.example.org") == big.answers("n8.example.org") == {EU, US, AP}, ""
    )
    shown = big.world.outlast("status")
    newest, before = (f"plan {one} (" for one in reversed(big.standing()))
    told = [one for one in shown.out.splitlines() if "tree shop: " in one]
    assert newest in told[0], shown.out
    assert told[0].endswith("2,580 records: live"), shown.out
    assert before in told[1], shown.out
    assert "kept" in told[1], shown.out

    big.world.edit(f"  shop:\n    names: [{ALL}]", "  other:\n    names: [other.example.org]")
    wait(lambda: bool(big.ask("other.example.org", "A")), "the new topology is used")
    done = big.world.outlast("release", "shop", "--yes")
    assert done.code == 0, done.out + done.err
    assert not big.answers("n5.example.org")
    assert not big.standing(), "the trees are gone as well"
