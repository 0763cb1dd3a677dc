"""The contract of a provider: conditional, whole, and honest about what became of a write.

It runs against real servers with the configurations of `docs/providers.md`, and against strict fakes of the
clouds. A further kind joins by one more entry in `targets.ALL`. What only name servers do (zone cuts,
wildcards, transfers) is in `test_provider_dns.py`; what they do when they crash or hang in `tests/servers/`.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support import targets
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
)
from tests.support.targets import Target

from outlast.model.errors import ProviderError
from outlast.model.fence import Epoch, epoch_name, fence_name
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Held, Layout, OutcomeKind, Transaction
from outlast.model.records import RecordSet, weights_name
from outlast.ports import Provider

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


@pytest.fixture(scope="module", params=targets.ALL, ids=lambda one: one.name)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """One target for all tests of this file; each test has an endpoint of its own in it."""
    with request.param.start(FOREIGN_LINES) as running:
        yield running


@pytest.fixture
async def provider(target: Target) -> AsyncIterator[Provider]:
    """A provider that may write there."""
    async with target.connect() as one:
        yield one


@pytest.fixture
def layout(target: Target, request: pytest.FixtureRequest) -> Layout:
    """An endpoint of the test's own, of which nothing stands in the zone yet."""
    label = request.node.originalname.removeprefix("test_").replace("_", "-")[:60]
    return layout_at(target, label.strip("-"))


async def kind_of(provider: Provider, transaction: Transaction) -> OutcomeKind:
    return (await provider.write(transaction)).kind


async def addresses_of(provider: Provider, layout: Layout) -> tuple[str, ...]:
    found = await provider.read(layout)
    return tuple(value for one in found.record_sets if one.rtype is A for value in one.values)


async def test_what_is_not_there_reads_as_absent(provider: Provider, layout: Layout) -> None:
    """No such name and no such type are both plain absence."""
    found = await provider.read(layout)
    assert (found.fence, found.epoch, found.record_sets) == ((), (), ())


async def test_create_then_create_again(provider: Provider, layout: Layout) -> None:
    """The first publication needs that no fence is there; a second one is refused, changing nothing."""
    assert await kind_of(provider, publish(layout, None, fence(1), ["192.0.2.1"])) is Applied
    assert await kind_of(provider, publish(layout, None, fence(2), ["192.0.2.2"])) is Refused
    found = await provider.read(layout)
    assert found.fence == (fence(1),)
    assert found.record_sets == (RecordSet(layout.names[0], A, 60, ("192.0.2.1",)),)


async def test_right_fence_then_wrong_fence(provider: Provider, layout: Layout) -> None:
    """The right fence moves everything; a stale one is refused, changing nothing."""
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    assert await kind_of(provider, publish(layout, fence(1), fence(2), ["192.0.2.2"])) is Applied
    stale = publish(layout, fence(1), fence(3), ["192.0.2.3"])
    assert await kind_of(provider, stale) is Refused
    found = await provider.read(layout)
    assert found.fence == (fence(2),)
    assert found.record_sets == (RecordSet(layout.names[0], A, 60, ("192.0.2.2",)),)


async def test_two_values_at_the_fence(provider: Provider, layout: Layout) -> None:
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
    provider: Provider, layout: Layout, foreign: str
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


async def test_the_epoch_is_a_condition_as_well(provider: Provider, layout: Layout) -> None:
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


async def test_one_false_condition_among_several(target: Target, provider: Provider) -> None:
    """Several endpoints in one transaction: one wrong fence, and none of them changes."""
    layouts = [layout_at(target, f"several-{n}") for n in range(3)]
    for one in layouts:
        await provider.write(publish(one, None, fence(1), ["192.0.2.1"]))

    def together(fences: list[str]) -> Transaction:
        parts = [
            publish(one, old, fence(2), ["192.0.2.2"])
            for one, old in zip(layouts, fences, strict=True)
        ]
        return Transaction(
            zone=target.zone,
            conditions=tuple(one for part in parts for one in part.conditions),
            deletions=tuple(one for part in parts for one in part.deletions),
            additions=tuple(one for part in parts for one in part.additions),
        )

    assert await kind_of(provider, together([fence(1), fence(9), fence(1)])) is Refused
    assert [(await provider.read(one)).fence for one in layouts] == [(fence(1),)] * 3
    assert await kind_of(provider, together([fence(1)] * 3)) is Applied
    assert [await addresses_of(provider, one) for one in layouts] == [("192.0.2.2",)] * 3


async def test_a_name_out_of_the_zone(provider: Provider, layout: Layout) -> None:
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


async def test_every_type_is_replaced_and_removed(provider: Provider, layout: Layout) -> None:
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


async def test_a_cname_is_replaced_in_one_transaction(provider: Provider, layout: Layout) -> None:
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
    target: Target, provider: Provider, layout: Layout
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
    silently = target.traits.drops_beside_cname
    assert (kind, found.fence) == ((Applied, (fence(2),)) if silently else (Rejected, (fence(1),)))


async def test_a_cname_where_the_fence_should_stand(provider: Provider, layout: Layout) -> None:
    """The fence of a write would be dropped beside it: the reading says so instead of "absent"."""
    left = Transaction(
        zone=layout.zone,
        conditions=(Absent(name=layout.fence_at, rtype=CNAME),),
        deletions=(),
        additions=(RecordSet.of(layout.fence_at, CNAME, 60, ["elsewhere.example.net"]),),
    )
    assert await kind_of(provider, left) is Applied
    with pytest.raises(ProviderError, match="CNAME stands at _outlast"):
        await provider.read(layout)


async def test_records_beside_ours_stay(target: Target, provider: Provider) -> None:
    """Only the record sets named in a transaction change: not MX and TXT beside them (S6)."""
    layout = layout_at(target, "beside")
    before = {one for one in await target.everything() if "192.0.2.77" not in one}
    assert any("v=spf1" in one for one in before)
    assert await kind_of(provider, publish(layout, None, fence(1), ["192.0.2.1"])) is Applied
    after = await target.everything()
    assert before <= after
    held = Held(name=layout.names[0], rtype=TXT, values=("v=spf1 -all",))
    assert (
        await kind_of(provider, publish(layout, fence(1), fence(2), ["192.0.2.1"], held)) is Applied
    )
    assert before <= await target.everything()


async def test_names_have_no_case(target: Target, provider: Provider) -> None:
    """A record written as `MiXeD` is the record of `mixed` (RFC 4343)."""
    layout = layout_at(target, "mixed")
    found = await provider.read(layout)
    assert found.record_sets == (RecordSet(layout.names[0], A, 60, ("192.0.2.55",)),)
    assert found.fence == ("Some Value",)


async def test_a_fence_in_another_case(target: Target, provider: Provider) -> None:
    """PowerDNS compares TXT values without case, which is why fences are lower case throughout."""
    layout = layout_at(target, "mixed")
    same = Transaction(
        zone=layout.zone,
        conditions=(Held(name=layout.fence_at, rtype=TXT, values=("some value",)),),
        deletions=((layout.names[0], AAAA),),
        additions=(),
    )
    blind = target.traits.blind_to_case
    assert await kind_of(provider, same) is (Applied if blind else Refused)
    assert fence(1) == fence(1).lower()


async def test_big_record_sets(target: Target, provider: Provider, layout: Layout) -> None:
    """Hundreds and thousands of addresses in one transaction, up to what the server can, read back."""
    old = None
    for count in target.traits.counts:
        addresses = many_addresses(count)
        assert await kind_of(provider, publish(layout, old, fence(count), addresses)) is Applied
        assert set(await addresses_of(provider, layout)) == set(addresses)
        old = fence(count)


async def test_more_than_a_transaction_holds(
    target: Target, provider: Provider, layout: Layout
) -> None:
    """It is rejected before anything is sent, with the limit in its words; never split."""
    count, word = target.traits.too_many
    if count < 4000:  # a cloud counts what it removes as well
        first = publish(layout, None, fence(1), many_addresses(count // 2))
        assert await kind_of(provider, first) is Applied
    old = (await provider.read(layout)).fence
    new = publish(layout, old[0] if old else None, fence(2), many_addresses(count))
    outcome = await provider.write(new)
    assert outcome.kind is Rejected
    assert word in outcome.detail
    assert (await provider.read(layout)).fence == old


async def test_a_zone_that_is_not_served(target: Target, provider: Provider) -> None:
    """Reading raises with a remedy, writing is rejected."""
    elsewhere = DnsName("elsewhere.net")
    name = DnsName(f"api.{elsewhere}")
    layout = Layout(
        endpoint=layout_at(target, "api").endpoint,
        provider=target.provider().name,
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


async def test_absence_of_a_type_is_a_condition(
    target: Target, provider: Provider, layout: Layout
) -> None:
    """`Absent` speaks of one type: addresses at the name do not make its TXT present.

    Where an API can only make a creation fail, an absence that is not filled is no condition, and the
    write is rejected: a look beforehand would not do.
    """
    await provider.write(publish(layout, None, fence(1), ["192.0.2.1"]))
    no_text = Absent(name=layout.names[0], rtype=TXT)
    no_address = Absent(name=layout.names[0], rtype=A)
    moved = publish(layout, fence(1), fence(2), ["192.0.2.2"], no_text)
    alone = target.traits.absence_alone
    assert await kind_of(provider, moved) is (Applied if alone else Rejected)
    standing = fence(2) if alone else fence(1)
    assert (await provider.read(layout)).fence == (standing,)
    blocked = publish(layout, standing, fence(3), ["192.0.2.3"], no_address)
    assert await kind_of(provider, blocked) is Refused
