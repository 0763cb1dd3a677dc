"""The contract of a provider: conditional, whole, and honest about what became of a write.

It runs against real servers with the configurations of `docs/providers.md`. A further kind of server
joins by one more parameter of `server`. What servers do when they crash or hang is in `tests/servers/`.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support import nameservers
from tests.support.nameservers import NameServer
from tests.support.publishing import (
    AAAA,
    CNAME,
    TXT,
    A,
    at_epoch,
    at_fence,
    fence,
    layout_at,
    many_addresses,
    publish,
    writing_to,
)

from outlast.drivers.clock import SystemClock
from outlast.drivers.providers.authority import ask
from outlast.drivers.providers.rfc2136 import Rfc2136Provider
from outlast.model.errors import ProviderError
from outlast.model.fence import Epoch, epoch_name, fence_name
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Held, Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet, weights_name

pytestmark = [pytest.mark.servers, pytest.mark.slow]

FOREIGN_LINES = (
    "beside 300 A 192.0.2.77",
    "beside 300 MX 10 mail",
    'beside 300 TXT "v=spf1 -all"',
    "away NS ns.elsewhere.net.",
    '*.wild 0 TXT "from the wildcard"',
    "MiXeD 60 A 192.0.2.55",
    '_outlast.MiXeD 0 TXT "Some Value"',
)

Applied, Refused, Rejected = OutcomeKind.APPLIED, OutcomeKind.REFUSED, OutcomeKind.REJECTED


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


async def kind_of(provider: Rfc2136Provider, transaction: Transaction) -> OutcomeKind:
    return (await provider.write(transaction)).kind


async def addresses_of(provider: Rfc2136Provider, layout: Layout) -> tuple[str, ...]:
    found = await provider.read(layout)
    return tuple(value for one in found.record_sets if one.rtype is A for value in one.values)


async def test_what_is_not_there_reads_as_absent(provider: Rfc2136Provider, layout: Layout) -> None:
    """No such name and no such type are both plain absence."""
    found = await provider.read(layout)
    assert (found.fence, found.epoch, found.record_sets) == ((), (), ())


async def test_create_then_create_again(provider: Rfc2136Provider, layout: Layout) -> None:
    """The first publication needs that no fence is there; a second one is refused, changing nothing."""
    assert await kind_of(provider, publish(layout, None, fence(1), ["192.0.2.1"])) is Applied
    assert await kind_of(provider, publish(layout, None, fence(2), ["192.0.2.2"])) is Refused
    found = await provider.read(layout)
    assert found.fence == (fence(1),)
    assert found.record_sets == (RecordSet(layout.names[0], A, 60, ("192.0.2.1",)),)


async def test_right_fence_then_wrong_fence(provider: Rfc2136Provider, layout: Layout) -> None:
    """The right fence moves everything; a stale one is refused, changing nothing."""
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    assert await kind_of(provider, publish(layout, fence(1), fence(2), ["192.0.2.2"])) is Applied
    stale = publish(layout, fence(1), fence(3), ["192.0.2.3"])
    assert await kind_of(provider, stale) is Refused
    found = await provider.read(layout)
    assert found.fence == (fence(2),)
    assert found.record_sets == (RecordSet(layout.names[0], A, 60, ("192.0.2.2",)),)


async def test_two_values_at_the_fence(provider: Rfc2136Provider, layout: Layout) -> None:
    """Beside a foreign value our fence alone is no match: the whole set counts, in any order."""
    doubled = Transaction(
        zone=layout.zone,
        conditions=(at_fence(layout),),
        deletions=(),
        additions=(RecordSet.of(layout.fence_at, TXT, 0, [fence(1), "foreign"]),),
    )
    assert await kind_of(provider, doubled) is Applied
    found = await provider.read(layout)
    assert set(found.fence) == {fence(1), "foreign"}
    assert await kind_of(provider, publish(layout, fence(1), fence(2), ["192.0.2.1"])) is Refused
    both = Transaction(
        zone=layout.zone,
        conditions=(at_fence(layout, *found.fence),),
        deletions=((layout.fence_at, TXT),),
        additions=(RecordSet.of(layout.fence_at, TXT, 0, [fence(2)]),),
    )
    assert await kind_of(provider, both) is Applied
    assert (await provider.read(layout)).fence == (fence(2),)


@pytest.mark.parametrize(
    "foreign", ['a "quoted" \\\\ value', "\\000\\255\\007", "two\\|strings", "", " spaces  "]
)
async def test_a_foreign_fence_of_any_octets_can_be_named(
    provider: Rfc2136Provider, layout: Layout, foreign: str
) -> None:
    """A heal replaces exactly what it found, whatever a foreign hand left there."""
    found = await provider.read(layout)
    left = Transaction(
        zone=layout.zone,
        conditions=(at_fence(layout, *found.fence),),
        deletions=((layout.fence_at, TXT),),
        additions=(RecordSet.of(layout.fence_at, TXT, 0, [foreign]),),
    )
    assert await kind_of(provider, left) is Applied
    seen = await provider.read(layout)
    assert seen.fence == (foreign,)
    heal = publish(layout, seen.fence[0], fence(2), ["192.0.2.1"])
    assert await kind_of(provider, heal) is Applied


async def test_the_epoch_is_a_condition_as_well(provider: Rfc2136Provider, layout: Layout) -> None:
    """A write that names an old epoch is refused although its fence is right; none is created by it."""
    zone = layout.zone
    epochs = [Epoch(number, f"{number:016x}") for number in (1, 2)]
    opened = Transaction(
        zone=zone,
        conditions=(at_epoch(zone, None),),
        deletions=(),
        additions=(RecordSet.of(epoch_name(zone), TXT, 0, [str(epochs[0])]),),
    )
    assert await kind_of(provider, opened) is Applied
    try:
        assert (await provider.read(layout)).epoch == (str(epochs[0]),)
        stale = publish(layout, None, fence(1), ["192.0.2.1"], at_epoch(zone, epochs[1]))
        assert await kind_of(provider, stale) is Refused
        unseen = publish(layout, None, fence(1), ["192.0.2.1"], at_epoch(zone, None))
        assert await kind_of(provider, unseen) is Refused
        right = publish(layout, None, fence(1), ["192.0.2.1"], at_epoch(zone, epochs[0]))
        assert await kind_of(provider, right) is Applied
    finally:
        held = at_epoch(zone, epochs[0])
        gone = ((epoch_name(zone), TXT),)
        closed = Transaction(zone=zone, conditions=(held,), deletions=gone, additions=())
        assert await kind_of(provider, closed) is Applied


async def test_one_false_condition_among_several(
    server: NameServer, provider: Rfc2136Provider
) -> None:
    """Several endpoints in one transaction: one wrong fence, and none of them changes."""
    layouts = [layout_at(server, f"several-{n}") for n in range(3)]
    for one in layouts:
        await provider.write(publish(one, None, fence(1), ["192.0.2.1"]))

    def together(fences: list[str]) -> Transaction:
        parts = [
            publish(one, old, fence(2), ["192.0.2.2"])
            for one, old in zip(layouts, fences, strict=True)
        ]
        return Transaction(
            zone=server.zone,
            conditions=tuple(one for part in parts for one in part.conditions),
            deletions=tuple(one for part in parts for one in part.deletions),
            additions=tuple(one for part in parts for one in part.additions),
        )

    assert await kind_of(provider, together([fence(1), fence(9), fence(1)])) is Refused
    assert [(await provider.read(one)).fence for one in layouts] == [(fence(1),)] * 3
    assert await kind_of(provider, together([fence(1)] * 3)) is Applied
    assert [await addresses_of(provider, one) for one in layouts] == [("192.0.2.2",)] * 3


async def test_a_name_out_of_the_zone(provider: Rfc2136Provider, layout: Layout) -> None:
    """One name outside the zone, and the whole transaction is rejected."""
    good = publish(layout, None, fence(1), ["192.0.2.1"])
    foreign = RecordSet.of(DnsName("api.elsewhere.net"), A, 60, ["192.0.2.1"])
    mixed = Transaction(
        zone=good.zone,
        conditions=good.conditions,
        deletions=good.deletions,
        additions=(*good.additions, foreign),
    )
    outcome = await provider.write(mixed)
    assert outcome.kind is Rejected
    assert outcome.detail
    assert (await provider.read(layout)).fence == ()


async def test_every_type_is_replaced_and_removed(
    provider: Rfc2136Provider, layout: Layout
) -> None:
    """A, AAAA and weights are put in the place of the old ones; deletions alone leave nothing."""
    name = layout.names[0]
    weights = weights_name(name)

    def sets(n: int) -> tuple[RecordSet, ...]:
        return (
            RecordSet.of(weights, TXT, 60, [f"192.0.2.{n}=3", f"2001:db8::{n}=4"]),
            RecordSet.of(name, A, 30, [f"192.0.2.{n}", "192.0.2.200"]),
            RecordSet.of(name, AAAA, 30, [f"2001:db8::{n}"]),
        )

    everything = ((name, A), (name, AAAA), (weights, TXT))
    for n in (1, 2):
        base = publish(layout, fence(n - 1) if n > 1 else None, fence(n), ["192.0.2.1"])
        moved = Transaction(
            zone=base.zone,
            conditions=base.conditions,
            deletions=(*everything, (layout.fence_at, TXT)),
            additions=(*sets(n), base.additions[1]),
        )
        assert await kind_of(provider, moved) is Applied
        assert set((await provider.read(layout)).record_sets) == set(sets(n))
    emptied = Transaction(
        zone=layout.zone,
        conditions=(at_fence(layout, fence(2)),),
        deletions=everything,
        additions=(),
    )
    assert await kind_of(provider, emptied) is Applied
    assert (await provider.read(layout)).record_sets == ()


async def test_a_cname_is_replaced_in_one_transaction(
    provider: Rfc2136Provider, layout: Layout
) -> None:
    """Where a CNAME stands and our A should, one transaction puts it right, and back again."""
    name = layout.names[0]
    cname = RecordSet.of(name, CNAME, 60, ["elsewhere.example.net"])
    first = Transaction(
        zone=layout.zone,
        conditions=(at_fence(layout),),
        deletions=(),
        additions=(cname, RecordSet.of(layout.fence_at, TXT, 0, [fence(1)])),
    )
    assert await kind_of(provider, first) is Applied
    assert (await provider.read(layout)).record_sets == (cname,)
    swap = publish(layout, fence(1), fence(2), ["192.0.2.1"])
    healed = Transaction(
        zone=swap.zone,
        conditions=swap.conditions,
        deletions=((name, CNAME), *swap.deletions),
        additions=swap.additions,
    )
    assert await kind_of(provider, healed) is Applied
    found = await provider.read(layout)
    assert [one.rtype for one in found.record_sets] == [A]


async def test_an_address_beside_a_cname(
    server: NameServer, provider: Rfc2136Provider, layout: Layout
) -> None:
    """BIND and Knot acknowledge and silently drop it; reading back shows what really stands there."""
    name = layout.names[0]
    cname = RecordSet.of(name, CNAME, 60, ["elsewhere.example.net"])
    first = Transaction(
        zone=layout.zone,
        conditions=(at_fence(layout),),
        deletions=(),
        additions=(cname, RecordSet.of(layout.fence_at, TXT, 0, [fence(1)])),
    )
    await provider.write(first)
    kind = await kind_of(provider, publish(layout, fence(1), fence(2), ["192.0.2.1"]))
    found = await provider.read(layout)
    assert found.record_sets == (cname,)
    silently = server.software in (nameservers.BIND, nameservers.KNOT)
    assert (kind, found.fence) == ((Applied, (fence(2),)) if silently else (Rejected, (fence(1),)))


async def test_a_cname_where_the_fence_should_stand(
    provider: Rfc2136Provider, layout: Layout
) -> None:
    """The fence of a write would be dropped beside it: the reading says so instead of "absent"."""
    left = Transaction(
        zone=layout.zone,
        conditions=(at_fence(layout),),
        deletions=(),
        additions=(RecordSet.of(layout.fence_at, CNAME, 60, ["elsewhere.example.net"]),),
    )
    assert await kind_of(provider, left) is Applied
    with pytest.raises(ProviderError, match="CNAME stands at _outlast"):
        await provider.read(layout)


async def test_records_beside_ours_stay(server: NameServer, provider: Rfc2136Provider) -> None:
    """Only the record sets named in a transaction change: not MX and TXT beside them (S6)."""
    layout = layout_at(server, "beside")
    ours = {layout.fence_at, layout.names[0]}
    before = {one for one in await provider.transfer(server.zone) if one.name not in ours}
    assert await kind_of(provider, publish(layout, None, fence(1), ["192.0.2.1"])) is Applied
    after = await provider.transfer(server.zone)
    assert before <= set(after)
    spf = RecordSet(layout.names[0], TXT, 300, ("v=spf1 -all",))
    assert spf in after
    held = Held(name=layout.names[0], rtype=TXT, values=spf.values)
    assert (
        await kind_of(provider, publish(layout, fence(1), fence(2), ["192.0.2.1"], held)) is Applied
    )


async def test_names_have_no_case(server: NameServer, provider: Rfc2136Provider) -> None:
    """A record written as `MiXeD` is the record of `mixed` (RFC 4343)."""
    layout = layout_at(server, "mixed")
    found = await provider.read(layout)
    assert found.record_sets == (RecordSet(layout.names[0], A, 60, ("192.0.2.55",)),)
    assert found.fence == ("Some Value",)


async def test_a_fence_in_another_case(server: NameServer, provider: Rfc2136Provider) -> None:
    """PowerDNS compares TXT values without case, which is why fences are lower case throughout."""
    layout = layout_at(server, "mixed")
    same = Transaction(
        zone=layout.zone,
        conditions=(Held(name=layout.fence_at, rtype=TXT, values=("some value",)),),
        deletions=((layout.names[0], AAAA),),
        additions=(),
    )
    blind = server.software is nameservers.POWERDNS
    assert await kind_of(provider, same) is (Applied if blind else Refused)
    assert fence(1) == fence(1).lower()


async def test_big_record_sets(
    server: NameServer, provider: Rfc2136Provider, layout: Layout
) -> None:
    """Hundreds and thousands of addresses in one transaction, up to what the server can, read back."""
    counts = {"bind": (100, 500, 1000), "knot": (500, 1000, 4000), "powerdns": (100, 500)}
    old = None
    for count in counts.get(server.name, (100, 500)):
        addresses = many_addresses(count)
        assert await kind_of(provider, publish(layout, old, fence(count), addresses)) is Applied
        assert set(await addresses_of(provider, layout)) == set(addresses)
        old = fence(count)


async def test_more_than_a_message_holds(provider: Rfc2136Provider, layout: Layout) -> None:
    """It is rejected before anything is sent, with the limit in its words; never split."""
    outcome = await provider.write(publish(layout, None, fence(1), many_addresses(4100)))
    assert outcome.kind is Rejected
    assert "65535" in outcome.detail
    assert (await provider.read(layout)).fence == ()


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
    assert await kind_of(provider, heal) is Refused


async def test_a_zone_that_is_not_served(server: NameServer, provider: Rfc2136Provider) -> None:
    """Reading raises with a remedy, writing is rejected."""
    elsewhere = DnsName("elsewhere.net")
    name = DnsName(f"api.{elsewhere}")
    layout = Layout(
        endpoint=layout_at(server, "api").endpoint,
        provider=server.provider().name,
        zone=elsewhere,
        fence_at=fence_name(name),
        names=(name,),
    )
    with pytest.raises(ProviderError) as caught:
        await provider.read(layout)
    assert caught.value.remedy
    outcome = await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    assert outcome.kind is Rejected
    assert "elsewhere.net" in outcome.detail


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


async def test_absence_of_a_type_is_a_condition(provider: Rfc2136Provider, layout: Layout) -> None:
    """`Absent` speaks of one type: addresses at the name do not make its TXT present."""
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    no_text = Absent(name=layout.names[0], rtype=TXT)
    no_address = Absent(name=layout.names[0], rtype=A)
    moved = publish(layout, fence(1), fence(2), ["192.0.2.2"], no_text)
    assert await kind_of(provider, moved) is Applied
    blocked = publish(layout, fence(2), fence(3), ["192.0.2.3"], no_address)
    assert await kind_of(provider, blocked) is Refused
