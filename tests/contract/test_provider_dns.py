"""What only name servers do: zone cuts, wildcards, transfers, and answers to the world."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support import nameservers
from tests.support.nameservers import NameServer
from tests.support.publishing import TXT, fence, layout_at, many_addresses, publish, writing_to

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.authority import ask
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.model.errors import ProviderError
from outlast.model.plan import Layout, OutcomeKind
from outlast.model.records import RecordSet

pytestmark = [pytest.mark.servers, pytest.mark.slow]

FOREIGN_LINES = ("away NS ns.elsewhere.net.", '*.wild 0 TXT "from the wildcard"')


@pytest.fixture(scope="module", params=nameservers.ALL, ids=lambda one: one.name)
def server(request: pytest.FixtureRequest) -> Iterator[NameServer]:
    """One server for all tests of this file; each test has an endpoint of its own in it."""
    with nameservers.running(request.param, lines=FOREIGN_LINES) as running:
        yield running


@pytest.fixture
async def provider(server: NameServer) -> AsyncIterator[Rfc2136Provider]:
    """A provider with the server's key."""
    async with writing_to(server) as one:
        yield one


@pytest.fixture
def layout(server: NameServer, request: pytest.FixtureRequest) -> Layout:
    """An endpoint of the test's own, of which nothing stands in the zone yet."""
    label = request.node.originalname.removeprefix("test_").replace("_", "-")[:60]
    return layout_at(server, label.strip("-"))


async def test_a_delegated_name(server: NameServer, provider: Rfc2136Provider) -> None:
    """Below a zone cut the server is not authoritative; what it says there is no reading."""
    layout = layout_at(server, "api.away")
    with pytest.raises(ProviderError, match=r"not authoritative|to something else"):
        await provider.read(layout)


async def test_a_wildcard_looks_like_a_fence_and_matches_no_condition(
    server: NameServer, provider: Rfc2136Provider
) -> None:
    """Which is why `docs/providers.md` wants TXT wildcards out of the zone: no write gets through."""
    layout = layout_at(server, "api.wild")
    found = await provider.read(layout)
    assert found.fence == ("from the wildcard",)
    heal = publish(layout, found.fence[0], fence(1), ["192.0.2.1"])
    assert (await provider.write(heal)).kind is OutcomeKind.REFUSED


@pytest.mark.parametrize("count", [2, 500])
async def test_the_world_sees_what_the_writer_reads(
    server: NameServer, provider: Rfc2136Provider, layout: Layout, count: int
) -> None:
    """Asked over UDP, and over TCP for what does not fit, the server answers the same."""
    found = await provider.read(layout)
    old = found.fence[0] if found.fence else None
    await provider.write(publish(layout, old, fence(count), many_addresses(count)))
    inside = await provider.read(layout)
    outside = await ask(server.address, layout, SystemClock())
    assert len(inside.record_sets[0].values) == count
    assert (outside.fence, outside.record_sets) == (inside.fence, inside.record_sets)


async def test_a_transfer_holds_what_reading_shows(
    server: NameServer, provider: Rfc2136Provider, layout: Layout
) -> None:
    """The whole zone at once says the same as endpoint by endpoint."""
    await provider.write(publish(layout, None, fence(1), many_addresses(50)))
    seen = await provider.read(layout)
    zone = await provider.transfer(server.zone)
    ours = [one for one in zone if one.name in (layout.names[0], layout.fence_at)]
    assert set(ours) == {
        *seen.record_sets,
        RecordSet(layout.fence_at, TXT, 0, seen.fence),
    }


async def test_it_describes_itself(server: NameServer, provider: Rfc2136Provider) -> None:
    """One line for `outlast status`, with the software where the server tells."""
    line = await provider.describe()
    assert str(server.address) in line
    assert "\n" not in line
