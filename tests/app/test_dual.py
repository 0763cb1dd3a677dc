"""One name at BIND and Knot at once: flipped together, each behind its own fence, checked by asking both."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest
from tests.support.nameservers import BIND, HOST, KEY_NAME, KNOT, SECRET_BASE64, NameServer, running
from tests.support.system import AP, EU, US, Done, System, invoke, system, until

from outlast.model.fence import parse_fence

pytestmark = [pytest.mark.slow, pytest.mark.servers]

NAME = "www.example.org"
TOPOLOGY = """\
outlast: 1
settings:
  verify_interval_s: 0.3
  evidence_max_age_s: 5
  sick_window_s: 0.1
  signing_key: "file:plans.key"
  http: "127.0.0.1:@HTTP@"
regions: {eu-west: {}, us-east: {}, ap-south: {}}
providers:
  bind: &provider
    kind: rfc2136
    server: 127.0.0.1:@BIND@
    zones: [example.org]
    key: {name: outlast, algorithm: hmac-sha256, secret: file:dns.key}
    timeout_s: 0.5
  knot:
    <<: *provider
    server: 127.0.0.1:@KNOT@
endpoints:
  shop:
    names: [www.example.org]
    providers: [bind, knot]
    lagging: @LAGGING@
    window_s: 1
    ttl_s: 2
    policy: {recovery_s: 10}
    budget: {removed_ratio: 0.7}
    check: {kind: http, port: @PORT@, path: /healthz, interval_s: 0.1, timeout_s: 0.09, rise: 2, fall: 3}
    targets:
      eu-1: {region: eu-west, ipv4: @EU@}
      us-1: {region: us-east, ipv4: @US@}
      ap-1: {region: ap-south, ipv4: @AP@}
"""


@dataclass
class Pair:
    """A system that publishes at two real servers."""

    world: System
    bind: NameServer
    knot: NameServer

    def answer(self, server: NameServer) -> set[str]:
        """The regions that a server answers with."""
        known = {host: region for region, host in self.world.places.items()}
        return {known.get(one, one) for one in ask(server, NAME, "A")}

    def both(self, *regions: str) -> bool:
        """Whether both servers answer so."""
        return self.answer(self.bind) == self.answer(self.knot) == set(regions)

    def generation(self, server: NameServer) -> int:
        """What a server's fence names."""
        fence = parse_fence(tuple(one.strip('"') for one in ask(server, f"_outlast.{NAME}", "TXT")))
        return fence.generation if fence is not None else 0

    def check(self) -> int:
        """The exit code of `outlast check` on both."""
        public = self.world.outlast("keys show").out.splitlines()[0]
        servers = ("--server", str(self.bind.address), "--server", str(self.knot.address))
        return invoke("check", NAME, *servers, "--key", public).code


def ask(server: NameServer, name: str, rtype: str) -> list[str]:
    """The values of a record set."""
    reply = dns.query.udp(dns.message.make_query(name, rtype), HOST, timeout=2, port=server.port)
    return [rdata.to_text() for rrset in reply.answer for rdata in rrset]


def wipe(server: NameServer) -> None:
    """Delete the name and its fence."""
    update = dns.update.UpdateMessage("example.org")
    update.use_tsig(dns.tsig.Key(KEY_NAME, SECRET_BASE64, "hmac-sha256"))
    update.delete("www")
    update.delete("_outlast.www")
    dns.query.tcp(update, HOST, timeout=5, port=server.port)


@pytest.fixture
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Both servers, the topology with the lagging that a test asks for, and the control plane running."""
    with running(BIND) as bind, running(KNOT) as knot:
        secret = tmp_path / "dns.key"
        secret.touch(mode=0o600)
        secret.write_text(SECRET_BASE64)
        assert invoke("keys", "make", str(tmp_path / "plans.key")).code == 0
        text = TOPOLOGY.replace("@LAGGING@", request.param)
        text = text.replace("@BIND@", str(bind.port)).replace("@KNOT@", str(knot.port))
        with system(tmp_path, text) as world:
            pair = Pair(world, bind, knot)
            world.up()
            until(lambda: pair.both(EU, US, AP), "both answer")
            yield pair


@pytest.mark.parametrize("pair", ["hold"], indirect=True)
def test_both_flip_and_hold_waits_for_the_one_that_lags(pair: Pair) -> None:
    """One server stopped: nothing changes anywhere, and the drift names it; it wakes: both change."""
    assert pair.check() == 0, "the same signed plan at both"
    pair.world.regions.fail(US)
    until(lambda: pair.both(EU, AP), "both follow a failure")
    before = pair.generation(pair.bind)
    pair.knot.freeze()
    pair.world.regions.fail(AP)
    said = pair.world.processes[0].said
    until(lambda: "waits for knot" in said(), f"who lags is told\n{said()[-2000:]}")
    assert pair.answer(pair.bind) == {EU, AP}
    assert pair.generation(pair.bind) == before
    assert "knot" in pair.world.outlast("status").out
    pair.knot.thaw()
    until(lambda: pair.both(EU), f"both change\n{said()[-2000:]}")
    assert pair.check() == 0


@pytest.mark.parametrize("pair", ["go_on"], indirect=True)
def test_go_on_leaves_the_one_that_lags_behind_until_it_is_back(pair: Pair) -> None:
    """The other changes within the window; `check` names the odd one; back, it follows by itself."""
    pair.knot.freeze()
    pair.world.regions.fail(US)
    until(lambda: pair.answer(pair.bind) == {EU, AP}, "the one that is there goes on")
    assert pair.check() == 1
    pair.knot.thaw()
    until(lambda: pair.both(EU, AP), "the other follows")
    until(lambda: pair.check() == 0, "and they agree")


@pytest.mark.parametrize("pair", ["go_on"], indirect=True)
def test_a_foreign_hand_at_the_second_is_mended(pair: Pair) -> None:
    """Agreement is looked after at every provider, not at the first alone."""
    generation = pair.generation(pair.knot)
    update = dns.update.UpdateMessage("example.org")
    update.use_tsig(dns.tsig.Key(KEY_NAME, SECRET_BASE64, "hmac-sha256"))
    update.replace("www", 60, "A", "192.0.2.66")
    reply = dns.query.tcp(update, HOST, timeout=5, port=pair.knot.port)
    assert reply.rcode() == dns.rcode.NOERROR, reply
    until(lambda: pair.both(EU, US, AP), "it is mended")
    assert pair.generation(pair.knot) == generation
    said = pair.world.processes[0].said
    until(lambda: "healed" in said(), f"who mended it says so\n{said()[-2000:]}")


@pytest.mark.parametrize("pair", ["hold"], indirect=True)
def test_a_rescue_restores_both_and_needs_nothing_that_runs(pair: Pair) -> None:
    """Wiped at both while nothing runs; one generation and one content at both afterwards."""
    places = pair.world.state_folder.last_good_files
    until(lambda: any(one.stat().st_size for one in places()), "it is remembered")
    before = pair.generation(pair.bind)
    pair.world.stop()
    for server in (pair.bind, pair.knot):
        wipe(server)
        assert not pair.answer(server)
    done = pair.world.outlast("rescue", "shop", "--yes")
    assert done.code == 0, done.out + done.err
    assert pair.both(EU, US, AP)
    assert pair.generation(pair.bind) == pair.generation(pair.knot) > before


@pytest.mark.parametrize("pair", ["hold"], indirect=True)
def test_a_rescue_with_one_provider_dead_restores_the_other_and_says_so(pair: Pair) -> None:
    """Half a rescue is better than none, and is not told as a whole one; later the rest can be done."""
    places = pair.world.state_folder.last_good_files
    until(lambda: any(one.stat().st_size for one in places()), "it is remembered")
    pair.world.stop()
    wipe(pair.bind)
    wipe(pair.knot)
    pair.knot.freeze()
    done = pair.world.outlast("rescue", "shop", "--yes")
    pair.knot.thaw()
    assert pair.answer(pair.bind) == {EU, US, AP}, done.out + done.err
    assert done.code != 0
    assert f"no answer from {pair.knot.address}" in done.out
    again = pair.world.outlast("rescue", "shop", "--yes")
    assert again.code == 0, again.out + again.err
    assert pair.both(EU, US, AP)


def release(pair: Pair, *how: str) -> Done:
    """Take the endpoint out of the DNS."""
    return pair.world.outlast("release", "shop", "--yes", *how)


def released(pair: Pair, *how: str) -> bool:
    """Whether it is out. A busy machine may answer late; then the command says to run it again."""
    return release(pair, *how).code == 0 or not any(map(pair.generation, (pair.bind, pair.knot)))


@pytest.mark.parametrize("pair", ["hold"], indirect=True)
def test_a_release_with_one_provider_dead_is_finished_by_the_same_command(pair: Pair) -> None:
    """What could not be released is named; nobody puts back what could."""
    pair.world.edit("  shop:\n    names: [www.", "  other:\n    names: [other.")
    until(lambda: bool(ask(pair.knot, "other.example.org", "A")), "the new topology is used")
    pair.knot.freeze()
    half = release(pair)
    pair.knot.thaw()
    assert half.code != 0
    assert "knot" in half.err or str(pair.knot.address) in half.err
    until(lambda: released(pair), "it is released")
    assert not pair.generation(pair.bind)
    assert not pair.generation(pair.knot)


@pytest.mark.parametrize("pair", ["go_on"], indirect=True)
def test_a_release_gives_the_records_back_at_both(pair: Pair) -> None:
    """Fence and mark are gone at both, the records are as they were, and nobody puts the fence back."""
    pair.world.edit("  shop:\n    names: [www.", "  other:\n    names: [other.")
    until(lambda: bool(ask(pair.knot, "other.example.org", "A")), "the new topology is used")
    until(lambda: released(pair, "--keep-records"), "it is released")
    for server in (pair.bind, pair.knot):
        assert pair.answer(server) == {EU, US, AP}
        assert not ask(server, f"_outlast.{NAME}", "TXT")
        assert not ask(server, f"_next._outlast.{NAME}", "TXT")
    assert "shop" not in pair.world.outlast("status").out


@pytest.mark.parametrize("pair", ["go_on"], indirect=True)
def test_a_release_that_got_half_way_is_finished(pair: Pair) -> None:
    """Gone at the first and still at the second: what stands there is ours, whatever the first says."""
    pair.world.edit("  shop:\n    names: [www.", "  other:\n    names: [other.")
    pair.world.stop()
    wipe(pair.bind)
    until(lambda: released(pair), "it is released")
    assert not pair.generation(pair.knot)
    assert not pair.answer(pair.knot)
    again = release(pair)
    # The enactors remember it, unless they were stopped before they had written that down.
    left = ("not ours to delete", "nothing is known of shop")
    assert any(one in again.err for one in left), f"nothing is left: {again}"
