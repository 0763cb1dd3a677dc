"""`outlast check`: every authoritative server against the signed plan, without the control plane."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.builders import NAME, at, endpoint, plan
from tests.support.nameservers import BIND, NameServer, running
from tests.support.system import TOPOLOGY, System, invoke, system, until

from outlast.app.agreeing import Oddity, judge
from outlast.drivers.signing import PlanSigner, is_signed_by, read_public
from outlast.model.fence import Fence
from outlast.model.names import DnsName
from outlast.model.plan import Observation, Plan
from outlast.model.records import RecordSet, RecordType

SIGNER = PlanSigner.generate()
PUBLIC = read_public(SIGNER.public)
OLD = SIGNER.sign(plan(endpoint("eu-1", "us-1"), generation=4))
NEW = SIGNER.sign(plan(endpoint("eu-1"), generation=5))


def shows(one: Plan, *, signature: str | None = None, records: Plan | None = None) -> Observation:
    """What a server holds that published a plan."""
    fence = Fence(
        generation=one.generation,
        digest=one.digest,
        nonce="0" * 16,
        writer="e1",
        signature=one.signature if signature is None else signature,
    )
    return Observation(
        endpoint=one.endpoint,
        provider=one.layout.provider,
        epoch=(),
        fence=(str(fence),),
        record_sets=(records or one).record_sets,
        at_ns=at(0),
    )


def is_signed(fence: Fence) -> bool:
    """Whether our key signed it."""
    return is_signed_by(PUBLIC, NEW.layout.fence_at, fence)


def test_each_kind_of_oddity_is_told_and_the_server_named() -> None:
    """The newest signed plan is the measure, whoever shows it."""
    wiped = Observation(
        endpoint=NEW.endpoint,
        provider=NEW.layout.provider,
        epoch=(),
        fence=(),
        record_sets=(),
        at_ns=at(0),
    )
    found = judge(
        {
            "a": shows(NEW),
            "b": shows(OLD),
            "c": shows(NEW, records=OLD),
            "d": shows(NEW, signature="a" * 103),
            "e": shows(NEW, signature=""),
            "f": wiped,
            "g": "no answer",
        },
        is_signed,
    )
    assert found.newest == 5
    assert {one.server: one.oddity for one in found.servers} == {
        "a": Oddity.NONE,
        "b": Oddity.BEHIND,
        "c": Oddity.ALTERED,
        "d": Oddity.FORGED,
        "e": Oddity.UNSIGNED,
        "f": Oddity.NO_FENCE,
        "g": Oddity.UNREACHABLE,
    }
    assert [one.server for one in found.odd] == ["b", "c", "d", "e", "f", "g"]


def test_a_forged_generation_is_no_measure() -> None:
    """Whoever shows a higher number without a signature does not make the honest ones odd."""
    forged = shows(plan(endpoint("ap-1"), generation=900), signature="b" * 103)
    found = judge({"honest": shows(NEW), "forger": forged}, is_signed)
    assert [one.server for one in found.odd] == ["forger"]


def test_without_a_key_servers_are_compared_with_each_other() -> None:
    """It finds who lags, and cannot find who lies."""
    found = judge({"a": shows(NEW), "b": shows(OLD)}, None)
    assert [(one.server, one.oddity) for one in found.odd] == [("b", Oddity.BEHIND)]


def test_records_are_compared_with_their_ttl() -> None:
    """A server that makes up its own TTL is odd as well."""
    held = shows(NEW)
    other = RecordSet(NAME, RecordType.A, 999, held.record_sets[0].values)
    altered = Observation(
        endpoint=held.endpoint,
        provider=held.provider,
        epoch=(),
        fence=held.fence,
        record_sets=(other,),
        at_ns=at(0),
    )
    assert judge({"a": altered}, is_signed).odd[0].oddity is Oddity.ALTERED


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    """A running system that signs its plans."""
    made = invoke("keys", "make", str(tmp_path / "plans.key"))
    assert made.code == 0, made.err
    text = TOPOLOGY.replace("settings:\n", 'settings:\n  signing_key: "file:plans.key"\n')
    with system(tmp_path, text) as world:
        world.up_and_published()
        yield world


@pytest.mark.slow
@pytest.mark.servers
def test_the_odd_server_is_named_and_nothing_of_the_control_plane_is_asked(world: System) -> None:
    """Checked with a public key and two addresses; one of two servers holds something made up."""
    public = world.outlast("keys show").out.splitlines()[0]
    arguments = (
        "check",
        "www.shop.test",
        "--server",
        f"127.0.0.1:{world.dns_port}",
        "--key",
        public,
    )
    good = invoke(*arguments)
    assert good.code == 0, good.out + good.err
    fence = world.fence()
    assert fence is not None
    assert fence.signature
    assert invoke(*arguments[:4]).code == 2, "without a key it cannot be judged"
    other = invoke(*arguments[:5], PlanSigner.generate().public)
    assert other.code == 1
    assert "forged" in other.out
    lines = ["www 1 A 192.0.2.66", f'_outlast.www 0 TXT "{fence}"']
    with running(BIND, lines=lines, zone=DnsName("shop.test")) as liar:
        check_liar(arguments, liar)


def check_liar(arguments: tuple[str, ...], liar: NameServer) -> None:
    """The server with the copied fence and other records is the odd one, for people and machines."""
    odd = invoke(*arguments, "--server", str(liar.address))
    assert odd.code == 1
    assert f"1 of 2 servers differ: {liar.address}" in odd.out
    assert "altered" in odd.out
    assert "192.0.2.66" in odd.out
    data = invoke(*arguments, "--server", str(liar.address), "--json").json()
    assert data["ok"] is False
    assert [one["oddity"] for one in data["agreement"]["servers"]] == ["agrees", "altered"]


@pytest.mark.slow
def test_a_key_that_is_introduced_later_signs_what_stands(tmp_path: Path) -> None:
    """Nobody has to wait for a change before plans can be checked."""
    with system(tmp_path) as world:
        world.up_and_published()
        assert invoke("keys", "make", str(tmp_path / "plans.key")).code == 0
        before = world.generation()
        world.edit("settings:\n", 'settings:\n  signing_key: "file:plans.key"\n')
        world.stop()
        world.up()
        public = world.outlast("keys show").out.splitlines()[0]
        arguments = ("--server", f"127.0.0.1:{world.dns_port}", "--key", public)
        until(lambda: invoke("check", "www.shop.test", *arguments).code == 0, "it is signed")
        assert world.generation() == before + 1
