"""Certify: each fault of a fence is caught by its story, and what holds is graded full."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import boto3
import pytest
from moto import mock_aws
from tests.support import powerdns_pg, targets
from tests.support.doubtful import Doubtful, Fault
from tests.support.nameservers import KEY_NAME, SECRET_BASE64, ZONE
from tests.support.publishing import fence, layout_at, publish
from tests.support.targets import AWS_ENVIRONMENT, Kind, route53_at

from outlast.drivers.certificates import CertificateFile
from outlast.drivers.certify import Candidate, Trial, certify
from outlast.drivers.certify_stories import STORIES
from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.certified import ASK_AGAIN_S, CertifiedProvider
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.drivers.providers.tsig import Key
from outlast.model.api import Api, ProviderKind
from outlast.model.certificate import Certificate
from outlast.model.errors import ConfigError, ProviderError
from outlast.model.facts import FenceGrade
from outlast.model.names import ProviderName
from outlast.model.plan import Outcome, OutcomeKind, Transaction
from outlast.model.topology import NO_SERVER, Address, Provider
from outlast.model.units import Nanos, seconds

PLACE = "rfc2136 192.0.2.53:53"


async def tried(*writers: Candidate, rounds: int = 8) -> Certificate:
    """A run at the tests' zone."""
    trial = Trial(
        provider=ProviderName("target"),
        place=PLACE,
        zone=ZONE,
        writers=writers,
        clock=SystemClock(),
        rounds=rounds,
    )
    return await certify(trial, STORIES)


def faults_of(certificate: Certificate) -> set[str]:
    return {one.name for one in certificate.checks if not one.passed}


@pytest.mark.parametrize(
    ("fault", "caught", "grade"),
    [
        (Fault.NONE, set[str](), FenceGrade.FULL),
        (Fault.STALE, {"stale-swap", "wiped", "partial-match"}, FenceGrade.LEASE),
        (Fault.PARTIAL, {"partial-match"}, FenceGrade.LEASE),
        (Fault.CASE, {"case"}, FenceGrade.FULL),
        (Fault.FIRST_ONLY, {"all-conditions"}, FenceGrade.LEASE),
        (Fault.CREATES, {"create"}, FenceGrade.LEASE),
        (Fault.HALF, {"whole"}, FenceGrade.RECORD_SET),
        (Fault.SPLIT, {"swap", "race"}, FenceGrade.LEASE),
    ],
)
async def test_each_fault_is_caught_by_its_story(
    fault: Fault, caught: set[str], grade: FenceGrade
) -> None:
    """The story named for it fails, and the grade is what is left of the fence."""
    target = Doubtful(ZONE, fault)
    found = await tried(target)
    assert caught <= faults_of(found)
    assert found.grade is grade
    if fault in {Fault.NONE, Fault.PARTIAL, Fault.CASE}:
        assert faults_of(found) == caught
        assert target.held == {}, "the scratch names are removed"


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("kind", targets.ALL, ids=lambda one: one.name)
async def test_what_keeps_its_word_is_full(kind: Kind) -> None:
    """Real servers and strict fakes; a blindness to case is told, and harms no fence of ours."""
    with kind.start(()) as target:
        async with target.connect() as provider:
            found = await tried(provider)  # type: ignore[arg-type]
        assert found.grade is FenceGrade.FULL
        assert faults_of(found) == ({"case"} if target.traits.blind_to_case else set())
        assert found.version
        assert not [one for one in await target.everything() if "certify" in one]


def writer_at(server: Address) -> Rfc2136Provider:
    noun = Provider(
        name=ProviderName("pdns"),
        kind=ProviderKind.RFC2136,
        server=server,
        zones=(ZONE,),
        timeout_s=10.0,
    )
    key = Key.from_base64(KEY_NAME, "hmac-sha256", SECRET_BASE64)
    return Rfc2136Provider(noun, key, SystemClock())


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize(
    ("isolation", "grade"),
    [("read committed", FenceGrade.LEASE), ("serializable", FenceGrade.FULL)],
)
async def test_two_powerdns_over_one_postgresql(isolation: str, grade: FenceGrade) -> None:
    """At the default isolation generations are won twice; one process, or serializable, is exact."""
    with powerdns_pg.running(2, isolation) as (_, addresses):
        writers = [writer_at(one) for one in addresses]
        # Alone first: at serializable isolation a process may answer nothing but SERVFAIL after a race.
        alone = await tried(writers[0], rounds=40)
        both = await tried(*writers, rounds=40)
        for one in writers:
            await one.close()
    assert (both.grade, alone.grade) == (grade, FenceGrade.FULL)
    assert ("race" in faults_of(both)) == (grade is FenceGrade.LEASE)
    assert "2 servers" in both.checks[-1].evidence


@pytest.mark.slow
async def test_the_widely_used_mock_lets_a_stale_swap_win() -> None:
    """moto matches a deletion against everything that ever stood there; certify says so."""
    with mock.patch.dict(os.environ, AWS_ENVIRONMENT), mock_aws():
        client = boto3.client("route53", region_name="us-east-1")
        client.create_hosted_zone(Name=ZONE, CallerReference="1")
        noun = Provider(
            name=ProviderName("moto"),
            kind=ProviderKind.ROUTE53,
            zones=(ZONE,),
            api=Api(request_rate=10_000, request_burst=10_000),
            timeout_s=10.0,
        )
        async with route53_at(noun) as provider:
            found = await tried(provider, rounds=2)
    assert found.grade is FenceGrade.LEASE
    assert {"stale-swap", "race"} <= faults_of(found)
    stale = next(one for one in found.checks if one.name == "stale-swap")
    assert stale.fault == "it was applied"


async def test_without_rights_there_is_no_certificate() -> None:
    """A run that could try nothing ends with an error, not with a grade."""

    class Closed(Doubtful):
        async def write(self, transaction: Transaction) -> Outcome:
            return Outcome(kind=OutcomeKind.REJECTED, detail="REFUSED")

    with pytest.raises(ProviderError, match="scratch name"):
        await tried(Closed(ZONE))


# what it is good for


class Scratch:
    """Where the writes go."""

    zone = ZONE

    def provider(self) -> Provider:
        """Name the target."""
        name = ProviderName("target")
        return Provider(name=name, kind=ProviderKind.RFC2136, server=NO_SERVER, zones=(ZONE,))


async def certified(
    tmp_path: Path, claim: FenceGrade | None, kept: Certificate | None, place: str = PLACE
) -> Outcome:
    """What becomes of a write through the guard."""
    file = CertificateFile(tmp_path / "certificates.json")
    if kept is not None:
        file.keep(kept)
    provider = CertifiedProvider(
        Doubtful(ZONE),
        claim,
        lambda: file.read().get(ProviderName("target")),
        place=place,
        clock=SystemClock(),
        command="outlast certify world.yaml target",
    )
    return await provider.write(publish(layout_at(Scratch(), "api"), None, fence(1), ["192.0.2.1"]))


async def test_a_claim_of_full_needs_a_certificate_of_this_place_and_version(
    tmp_path: Path,
) -> None:
    """Each way to lack one is told with the command that gets it; nothing is written."""
    good = await tried(Doubtful(ZONE))
    older = await tried(Doubtful(ZONE, Fault.CASE))  # another version, as grades go
    bad = await tried(Doubtful(ZONE, Fault.PARTIAL))
    full = FenceGrade.FULL
    cases: list[tuple[FenceGrade | None, Certificate | None, str, str]] = [
        (full, good, PLACE, ""),
        (full, None, PLACE, "not certified"),
        (full, older, PLACE, "here runs doubtful 1.0 (none)"),
        (full, bad, PLACE, "`lease`"),
        (full, good, "rfc2136 192.0.2.54:53", "this is rfc2136 192.0.2.54:53"),
        (None, None, PLACE, ""),
        (None, good, PLACE, ""),
        (None, bad, PLACE, "`lease`"),
        (None, older, PLACE, "here runs"),
        (FenceGrade.LEASE, bad, PLACE, ""),
    ]
    for number, (claim, kept, place, words) in enumerate(cases):
        outcome = await certified(tmp_path / str(number), claim, kept, place)
        if words:
            assert outcome.kind is OutcomeKind.REJECTED, number
            assert words in outcome.detail
            assert "outlast certify world.yaml target" in outcome.detail
        else:
            assert outcome.kind is OutcomeKind.APPLIED, (number, outcome)


class Upgraded(Doubtful):
    """A server whose version a test sets, and that can fail to tell it."""

    told: str = ""

    async def version(self) -> str:
        if not self.told:
            raise ProviderError("no answer")
        return self.told


@dataclass
class Hand(SystemClock):
    """A clock that a test moves."""

    s: float = 0.0

    def now_ns(self) -> Nanos:
        return seconds(self.s)


async def test_an_upgrade_is_found_within_a_minute_and_no_answer_is_no_version() -> None:
    """Servers are upgraded under our feet; one that cannot be asked is written to later."""
    clock, server = Hand(s=1.0), Upgraded(ZONE)
    good = replace(await tried(Doubtful(ZONE)), version="1.0")
    provider = CertifiedProvider(
        server, FenceGrade.FULL, lambda: good, place=PLACE, clock=clock, command="certify"
    )

    async def write(number: int) -> OutcomeKind:
        at = layout_at(Scratch(), f"api{number}")
        return (await provider.write(publish(at, None, fence(1), ["192.0.2.1"]))).kind

    assert await write(0) is OutcomeKind.BUSY
    assert not server.held, "nothing was sent"
    server.told = "1.0"
    assert await write(1) is OutcomeKind.APPLIED
    server.told = "2.0"
    clock.s += ASK_AGAIN_S - 1
    assert await write(2) is OutcomeKind.APPLIED, "it is not asked before each write"
    clock.s += 1
    assert await write(3) is OutcomeKind.REJECTED


async def test_certificates_are_kept_and_damage_is_told(tmp_path: Path) -> None:
    """The last one of each provider; a damaged file is no empty one."""
    file = CertificateFile(tmp_path / "state" / "certificates.json")
    assert file.read() == {}
    for fault in (Fault.PARTIAL, Fault.NONE):
        kept = await tried(Doubtful(ZONE, fault))
        file.keep(kept)
    assert file.read() == {ProviderName("target"): kept}
    file.path.write_text("[{]")
    with pytest.raises(ConfigError, match="delete it"):
        file.read()
