"""Google Cloud DNS: what the contract of providers does not ask, on the strict fake."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from tests.support.fakes import gcloud
from tests.support.fakes.gcloud import Gcloud
from tests.support.nameservers import ZONE
from tests.support.publishing import TXT, fence, layout_at, publish
from tests.support.targets import gcloud_at, gcloud_noun

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.cloud import Prepared
from outlast.drivers.providers.gcloud import GcloudProvider
from outlast.model.errors import ConfigError, Denied, Unreachable
from outlast.model.plan import Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet, weights_name
from outlast.model.topology import Provider

Applied, Busy, Refused = OutcomeKind.APPLIED, OutcomeKind.BUSY, OutcomeKind.REFUSED
Rejected, Unknown = OutcomeKind.REJECTED, OutcomeKind.UNKNOWN

pytestmark = pytest.mark.slow


@pytest.fixture
def service() -> Iterator[Gcloud]:
    with gcloud.running(ZONE) as one:
        yield one


@pytest.fixture
async def provider(service: Gcloud) -> AsyncIterator[GcloudProvider]:
    async with gcloud_at(gcloud_noun(service)) as one:
        yield one


def layout_of(service: Gcloud) -> Layout:
    class Place:
        zone = ZONE

        def provider(self) -> Provider:
            return gcloud_noun(service)

    return layout_at(Place(), "api")


def weighted(
    layout: Layout, old: str | None, new: str, shares: tuple[int, int] = (3, 1)
) -> Transaction:
    """A fenced swap of two addresses with weights."""
    plain = publish(layout, old, new, ["192.0.2.1", "192.0.2.2"])
    at = weights_name(layout.names[0])
    weights = RecordSet.of(at, TXT, 60, [f"192.0.2.{n + 1}={one}" for n, one in enumerate(shares)])
    return replace(
        plain, deletions=(*plain.deletions, (at, TXT)), additions=(*plain.additions, weights)
    )


async def test_weights_become_a_routing_policy_and_a_foreign_turn_is_drift(
    service: Gcloud, provider: GcloudProvider
) -> None:
    """One item an address; read back as the plan's own sets, until somebody turns a weight."""
    layout = layout_of(service)
    move = weighted(layout, None, fence(1))
    assert (await provider.write(move)).kind is Applied
    held = service.sets[f"api.{ZONE}.", "A"]
    items = held["routingPolicy"]["wrr"]["items"]
    assert [(one["rrdatas"], one["weight"]) for one in items] == [
        (["192.0.2.1"], 3.0),
        (["192.0.2.2"], 1.0),
    ]
    wanted = {one for one in move.additions if one.name != layout.fence_at}
    assert set((await provider.read(layout)).record_sets) == wanted
    items[0]["weight"] = 9.0
    seen = await provider.read(layout)
    assert any("Weight=9" in value for one in seen.record_sets for value in one.values)
    assert (await provider.write(weighted(layout, fence(1), fence(2), (2, 2)))).kind is Applied
    assert "routingPolicy" not in service.sets[f"api.{ZONE}.", "A"]


async def test_changes_prepared_against_one_fence_have_one_winner(
    service: Gcloud, provider: GcloudProvider
) -> None:
    """No look beforehand saves them: the service itself refuses all but the first."""
    layout = layout_of(service)
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    kinds: Counter[OutcomeKind] = Counter()
    moves = [publish(layout, fence(1), fence(2, n), [f"192.0.2.{n + 2}"]) for n in range(10)]
    for one in [await provider.prepare(move) for move in moves]:
        assert isinstance(one, Prepared)
        kinds[(await provider.send(one)).kind] += 1
    assert kinds == {Applied: 1, Refused: 9}


async def test_what_became_of_a_write_is_said_as_far_as_it_is_known(
    service: Gcloud, provider: GcloudProvider
) -> None:
    """Lost either way: unknown and sent once; forbidden: rejected; throttled or unreachable: busy."""
    layout = layout_of(service)
    first, second = publish(layout, None, fence(1), ["192.0.2.1"]), None
    for lost, standing in (("request", ()), ("reply", (fence(1),))):
        service.lose_next(lost)
        service.log.clear()
        assert (await provider.write(first)).kind is Unknown
        assert [one[0] for one in service.log].count("POST") == 1
        assert (await provider.read(layout)).fence == standing
    second = publish(layout, fence(1), fence(2), ["192.0.2.2"])
    prepared = await provider.prepare(second)
    assert isinstance(prepared, Prepared)
    service.denied = True
    assert (await provider.send(prepared)).kind is Rejected
    service.throttled = True
    assert (await provider.send(prepared)).kind is Busy
    with pytest.raises(Unreachable):
        await provider.read(layout)
    closed = replace(gcloud_noun(service), api=replace(gcloud_noun(service).api, zone_id="main"))
    closed = replace(closed, api=replace(closed.api, endpoint="http://127.0.0.1:1"))
    async with gcloud_at(closed) as nowhere:
        assert (await nowhere.send(prepared)).kind is Busy


async def test_pending_until_done(service: Gcloud) -> None:
    """Accepted at once; waited for only as the settings say."""
    service.pending_s = 0.3
    noun, layout = gcloud_noun(service), layout_of(service)
    async with gcloud_at(noun) as provider:
        outcome = await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
        assert outcome.detail.split()[-1] == "PENDING"
    async with gcloud_at(replace(noun, api=replace(noun.api, settle_s=5.0))) as provider:
        outcome = await provider.write(publish(layout, fence(1), fence(2), ["192.0.2.2"]))
        assert outcome.detail.split()[-1] == "INSYNC"


async def test_without_a_token_nothing_is_sent(service: Gcloud) -> None:
    """A wrong one and none at all are told by their names."""

    def none() -> str:
        raise ConfigError("there is no token", remedy="make one")

    layout = layout_of(service)
    move = publish(layout, None, fence(1), ["192.0.2.1"])
    for token, words in ((lambda: "wrong", "Invalid Credentials"), (none, "no token")):
        provider = GcloudProvider(gcloud_noun(service), SystemClock(), token)
        with pytest.raises(Denied, match=words):
            await provider.read(layout)
        assert (await provider.write(move)).kind is Rejected
        await provider.close()
