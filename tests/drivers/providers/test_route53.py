"""Route 53: what the contract of providers does not ask, on the strict fake."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from tests.support import targets
from tests.support.fakes.route53 import ROLE, Route53
from tests.support.fakes.route53_rules import invalid
from tests.support.nameservers import ZONE
from tests.support.publishing import AAAA, TXT, A, fence, layout_at, many_addresses, publish
from tests.support.targets import route53_at, route53_noun

from outlast.drivers.providers.cloud import Prepared
from outlast.drivers.providers.route53 import Route53Provider
from outlast.drivers.providers.route53_client import is_condition
from outlast.drivers.providers.swap import Batch
from outlast.model.api import Alias, Api
from outlast.model.errors import Denied, ProviderError
from outlast.model.names import DnsName
from outlast.model.plan import Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet, weights_name
from outlast.model.topology import Provider

pytestmark = pytest.mark.slow

Applied, Busy, Refused = OutcomeKind.APPLIED, OutcomeKind.BUSY, OutcomeKind.REFUSED
Rejected, Unknown = OutcomeKind.REJECTED, OutcomeKind.UNKNOWN


@pytest.fixture
def service() -> Iterator[Route53]:
    with targets.route53_running() as one:
        yield one


@pytest.fixture
async def provider(service: Route53) -> AsyncIterator[Route53Provider]:
    async with route53_at(route53_noun(service)) as one:
        yield one


class Place:
    """A zone at the service, for `layout_at`."""

    zone = ZONE

    def __init__(self, noun: Provider) -> None:
        self._noun = noun

    def provider(self) -> Provider:
        return self._noun


def layout_of(service: Route53, label: str = "api") -> Layout:
    return layout_at(Place(route53_noun(service)), label)


def weighted(layout: Layout, old: str | None, new: str, shares: dict[str, int]) -> Transaction:
    """A fenced swap with weights."""
    plain = publish(layout, old, new, list(shares))
    at = weights_name(layout.names[0])
    weights = RecordSet.of(at, TXT, 60, [f"{one}={share}" for one, share in shares.items()])
    return replace(
        plain, deletions=(*plain.deletions, (at, TXT)), additions=(*plain.additions, weights)
    )


def natives(service: Route53, label: str = "api", rtype: str = "A") -> dict[str, str]:
    """Set identifier -> weight, as the service has them."""
    return {
        identifier: str(one.get("Weight", ""))
        for (name, of, identifier), one in service.zone(ZONE).sets.items()
        if (name, of) == (f"{label}.{ZONE}.", rtype)
    }


async def test_weights_become_weighted_sets_and_are_read_back(
    service: Route53, provider: Route53Provider
) -> None:
    """One set an address with the plan's weights; back to equal weights, one simple set again."""
    layout = layout_of(service)
    move = weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1})
    assert (await provider.write(move)).kind is Applied
    assert natives(service) == {"outlast 192.0.2.1": "3", "outlast 192.0.2.2": "1"}
    seen = await provider.read(layout)
    assert set(seen.record_sets) == {one for one in move.additions if one.name != layout.fence_at}
    equal = weighted(layout, fence(1), fence(2), {"192.0.2.1": 2, "192.0.2.2": 2})
    assert (await provider.write(equal)).kind is Applied
    assert natives(service) == {"": ""}


async def test_large_weights_are_scaled_and_none_becomes_zero(
    service: Route53, provider: Route53Provider
) -> None:
    """Route 53 weighs up to 255; the plan's own weights stay readable beside them."""
    layout = layout_of(service)
    shares = {"192.0.2.1": 65535, "192.0.2.2": 1, "192.0.2.3": 0}
    move = weighted(layout, None, fence(1), shares)
    assert (await provider.write(move)).kind is Applied
    assert natives(service) == {
        "outlast 192.0.2.1": "255",
        "outlast 192.0.2.2": "1",
        "outlast 192.0.2.3": "0",
    }
    seen = await provider.read(layout)
    assert set(seen.record_sets) == {one for one in move.additions if one.name != layout.fence_at}


async def test_a_weight_turned_by_a_foreign_hand_is_drift(
    service: Route53, provider: Route53Provider
) -> None:
    """The weights in the TXT set are only shown where the native ones are made of them."""
    layout = layout_of(service)
    move = weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1})
    await provider.write(move)
    for place, one in service.zone(ZONE).sets.items():
        if place[2] == "outlast 192.0.2.1":
            one["Weight"] = "200"
    seen = await provider.read(layout)
    assert any("Weight=200" in value for one in seen.record_sets for value in one.values)
    again = weighted(layout, fence(1), fence(2), {"192.0.2.1": 3, "192.0.2.2": 1})
    assert (await provider.write(again)).kind is Applied
    assert natives(service)["outlast 192.0.2.1"] == "3"


async def test_weights_of_somebody_else_are_shown_as_a_plan_writes_them(
    service: Route53, provider: Route53Provider
) -> None:
    """In lowest terms, so that who moves in changes no answer; beside a fence they are a foreign hand's."""
    layout = layout_of(service)
    move = weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1})
    await provider.write(move)
    sets = service.zone(ZONE).sets
    gone = {
        place: one for place, one in sets.items() if place[1] == "TXT" and "epoch" not in place[0]
    }
    del sets[next(place for place in gone if place[0].startswith("_weights."))]
    seen = await provider.read(layout)
    assert any("Weight=3" in value for one in seen.record_sets for value in one.values)
    del sets[next(place for place in gone if place[0].startswith("_outlast."))]
    for place, one in sets.items():
        if place[2]:
            one["Weight"] = str(40 * int(one["Weight"]))
    seen = await provider.read(layout)
    assert set(seen.record_sets) == {one for one in move.additions if one.name != layout.fence_at}
    for place, one in sets.items():
        if place[2] == "outlast 192.0.2.1":
            one["HealthCheckId"] = "1234"
    seen = await provider.read(layout)
    assert any("HealthCheckId" in value for one in seen.record_sets for value in one.values)


async def test_an_alias_stands_in_the_place_of_an_address(service: Route53) -> None:
    """Written as a reference to the load balancer, read as the address, its TTL kept."""
    balancer = Alias(address="192.0.2.1", name=DnsName("lb.elb.example.net"), zone_id="ZLB")
    noun = route53_noun(service)
    noun = replace(noun, api=replace(noun.api, aliases=(balancer,)))
    layout = layout_of(service)
    async with route53_at(noun) as provider:
        move = publish(layout, None, fence(1), ["192.0.2.1", "192.0.2.2"])
        assert (await provider.write(move)).kind is Applied
        found = service.zone(ZONE).sets[f"api.{ZONE}.", "A", "outlast 192.0.2.1 ttl=60"]
        assert found["AliasTarget"]["DNSName"] == "lb.elb.example.net."
        wanted = RecordSet.of(layout.names[0], A, 60, ["192.0.2.1", "192.0.2.2"])
        assert (await provider.read(layout)).record_sets == (wanted,)
        found["AliasTarget"]["DNSName"] = "other.elb.example.net."
        assert (await provider.read(layout)).record_sets != (wanted,)


async def test_batches_prepared_against_one_fence_have_one_winner(
    service: Route53, provider: Route53Provider
) -> None:
    """No look beforehand saves them: the service itself refuses all but the first."""
    layout = layout_of(service)
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    moves = [publish(layout, fence(1), fence(2, n), [f"192.0.2.{n + 2}"]) for n in range(20)]
    prepared = [await provider.prepare(one) for one in moves]
    kinds: Counter[OutcomeKind] = Counter()
    for one in prepared:
        assert isinstance(one, Prepared)
        kinds[(await provider.send(one)).kind] += 1
    assert kinds == {Applied: 1, Refused: 19}
    assert (await provider.read(layout)).fence == (fence(2, 0),)


async def test_a_lost_reply_is_unknown_and_the_fence_tells(
    service: Route53, provider: Route53Provider
) -> None:
    """Sent once, never again by itself; whether it happened stands in the fence."""
    layout = layout_of(service)
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    for lost, standing in (("reply", fence(2)), ("request", fence(2))):
        service.lose_next(lost)
        service.log.clear()
        new = fence(2) if lost == "reply" else fence(3)
        old = fence(1) if lost == "reply" else fence(2)
        outcome = await provider.write(publish(layout, old, new, ["192.0.2.2"]))
        assert outcome.kind is Unknown
        writes = [one for one in service.log if one[0] == "ChangeResourceRecordSets"]
        assert writes == [("ChangeResourceRecordSets", f"{lost} lost")]
        assert (await provider.read(layout)).fence == (standing,)


async def test_a_busy_zone_and_a_throttled_account_are_busy(service: Route53) -> None:
    """PriorRequestNotComplete and Throttling: nothing changed, the same write may come again."""
    noun = route53_noun(service)
    hasty = replace(noun, api=replace(noun.api, writes_max=8))
    layouts = [layout_of(service, f"busy{n}") for n in range(4)]
    service.work_s = 0.3
    async with route53_at(hasty) as provider:
        moves = [publish(one, None, fence(1), ["192.0.2.1"]) for one in layouts]
        outcomes = await asyncio.gather(*(provider.write(one) for one in moves))
        assert {one.kind for one in outcomes} == {Applied, Busy}
        assert any("PriorRequestNotComplete" in one.detail for one in outcomes)
    service.work_s = 0.0
    async with route53_at(noun) as provider:
        one = await provider.prepare(
            publish(layout_of(service, "x"), None, fence(1), ["192.0.2.1"])
        )
        assert isinstance(one, Prepared)
        service.rate = 0.001
        while (outcome := await provider.send(one)).kind is not Busy:
            assert outcome.kind in {Applied, Refused}
        assert "Throttling" in outcome.detail


async def test_our_own_throttle_turns_away_what_would_come_too_late(service: Route53) -> None:
    """Within the rate of the settings; beyond the write's time nothing is sent at all."""
    noun = route53_noun(service)
    slow = replace(noun, timeout_s=0.2, api=replace(noun.api, request_rate=1, request_burst=3))
    layout = layout_of(service)
    async with route53_at(slow) as provider:
        kinds = []
        for _ in range(3):
            service.log.clear()
            kinds.append(
                (await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))).kind
            )
        assert kinds[-1] is Busy
        assert service.log == []


async def test_without_the_right_nothing_is_written_and_the_operator_is_told(
    service: Route53, provider: Route53Provider
) -> None:
    """AccessDenied is no reason to try again."""
    layout = layout_of(service)
    service.denied = {"ChangeResourceRecordSets"}
    outcome = await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    assert outcome.kind is Rejected
    assert "AccessDenied" in outcome.detail
    service.denied = {"ListResourceRecordSets"}
    with pytest.raises(Denied):
        await provider.read(layout)


async def test_another_account_is_entered_by_its_role(service: Route53) -> None:
    """STS gives credentials for the role, which the right external id opens."""
    service.needs_role, service.external_id = True, "outlast-1"
    noun, layout = route53_noun(service), layout_of(service)
    move = publish(layout, None, fence(1), ["192.0.2.1"])
    for api, kind in (
        (noun.api, Rejected),
        (replace(noun.api, role=ROLE, external_id="wrong"), Rejected),
        (replace(noun.api, role=ROLE, external_id="outlast-1"), Applied),
    ):
        async with route53_at(replace(noun, api=api)) as provider:
            assert (await provider.write(move)).kind is kind


async def test_pending_until_in_sync(service: Route53) -> None:
    """What is accepted is listed at once; the world has it once it is INSYNC, if we wait so long."""
    noun, layout = route53_noun(service), layout_of(service)
    service.pending_s = 0.4
    place = (f"api.{ZONE}.", "A", "")
    async with route53_at(noun) as provider:
        outcome = await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
        assert (outcome.kind, outcome.detail.split()[-1]) == (Applied, "PENDING")
        assert (await provider.read(layout)).fence == (fence(1),)
        assert place not in service.zone(ZONE).served
    patient = replace(noun, api=replace(noun.api, settle_s=5.0))
    async with route53_at(patient) as provider:
        outcome = await provider.write(publish(layout, fence(1), fence(2), ["192.0.2.2"]))
        assert outcome.detail.split()[-1] == "INSYNC"
        assert service.zone(ZONE).served[place]["ResourceRecords"] == [{"Value": "192.0.2.2"}]


async def test_a_seal_refuses_every_hand_until_it_is_lifted(
    service: Route53, provider: Route53Provider
) -> None:
    """Record-set protections: the batch that touches one is rejected whole."""
    layout = layout_of(service)
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    keys = [(layout.names[0], A)]
    await provider.seal(ZONE, keys, "last known good")
    assert await provider.seals(ZONE) == ((layout.names[0], "A"),)
    move = publish(layout, fence(1), fence(2), ["192.0.2.2"])
    outcome = await provider.write(move)
    assert (outcome.kind, (await provider.read(layout)).fence) == (Rejected, (fence(1),))
    assert "protected" in outcome.detail
    with pytest.raises(ProviderError, match="Protection"):
        await provider.seal(ZONE, keys, "twice")
    await provider.unseal(ZONE, keys)
    assert (await provider.write(move)).kind is Applied


async def test_a_reading_over_many_pages_finds_everything(
    service: Route53, provider: Route53Provider
) -> None:
    """Neighbours that sort between an endpoint and its fence push them onto different pages."""
    layout = layout_of(service)
    await provider.write(weighted(layout, None, fence(1), {"192.0.2.1": 3, "192.0.2.2": 1}))
    for number in range(700):
        service.put(f"{number:03d}.api.{ZONE}", "A", 60, "198.51.100.1")
    seen = await provider.read(layout)
    assert seen.fence == (fence(1),)
    assert len(seen.record_sets) == 2
    assert not any(one.rtype is AAAA for one in seen.record_sets)


async def test_two_zones_of_one_name_are_not_guessed_between() -> None:
    """A public and a private zone: `api.zone_id` says which."""
    with targets.route53_running() as service:
        service.zones["ZTWIN"] = replace(service.zone(ZONE), zone_id="ZTWIN")
        noun, layout = route53_noun(service), layout_of(service)
        async with route53_at(noun) as provider:
            with pytest.raises(ProviderError, match="2 zones"):
                await provider.read(layout)
        async with route53_at(replace(noun, api=replace(noun.api, zone_id="ZTWIN"))) as provider:
            assert (await provider.read(layout)).fence == ()


async def test_the_service_itself_keeps_the_limits(
    service: Route53, provider: Route53Provider
) -> None:
    """What our own look would reject is refused by the service as well, and is never split."""
    sets = [
        {
            "Name": f"n{number}.{ZONE}.",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": one} for one in many_addresses(400)],
        }
        for number in range(3)
    ]
    zone_id = service.zone(ZONE).zone_id
    before = dict(service.zone(ZONE).sets)
    outcome = await provider.send(Prepared(zone_id, Batch((), tuple(sets))))
    assert (outcome.kind, service.zone(ZONE).sets) == (Rejected, before)
    assert "1000" in outcome.detail


def test_only_words_about_conditions_mean_refused() -> None:
    """A batch that can never succeed is rejected, not tried for ever."""
    assert is_condition(
        invalid("Tried to create resource record set [...] but it already exists").message
    )
    assert not is_condition("[RRSet with DNS name a.b. is not permitted in zone c.]")
    assert not is_condition("")
    assert Api().alias_at("192.0.2.1") is None
