"""Gathering: writes that spend one epoch travel together, and one bad endpoint holds nobody back."""

import asyncio

from tests.support.builders import ZONE, endpoint, epoch, fence_of, plan
from tests.support.heldprovider import HeldProvider
from tests.support.modeldns import put, read, values_at

from outlast.core.transact import move
from outlast.drivers.gather import MERGED_MAX, GatheringProvider
from outlast.drivers.providers.wire import pack_update
from outlast.model.fence import FENCE_TTL_S, epoch_name
from outlast.model.names import DnsName
from outlast.model.plan import OutcomeKind, Plan, Transaction
from outlast.model.records import RecordSet, RecordType
from outlast.model.topology import PublishedName
from outlast.model.units import Nanos

EPOCH = RecordSet(epoch_name(ZONE), RecordType.TXT, FENCE_TTL_S, (epoch(),))


def _plan(number: int) -> Plan:
    name = PublishedName(name=DnsName(f"e{number}.{ZONE}"))
    return plan(endpoint("eu-1", "us-1", name=f"e{number}", names=(name,)))


def _creation(dns: HeldProvider, wanted: Plan, number: int) -> Transaction:
    found = read(dns.zone, wanted.layout, Nanos(1))
    return move(wanted, found, fence_of(wanted, number), spend_epoch=True)


def _world() -> tuple[HeldProvider, GatheringProvider]:
    dns = HeldProvider()
    dns.zone = put(dns.zone, EPOCH)
    return dns, GatheringProvider(dns)


async def test_writes_that_spend_one_epoch_are_one_message() -> None:
    """Sent one by one the first would win and all others start again."""
    dns, gathering = _world()
    plans = [_plan(number) for number in range(20)]
    writes = [_creation(dns, one, number) for number, one in enumerate(plans)]
    outcomes = await asyncio.gather(*(gathering.write(one) for one in writes))
    assert {one.kind for one in outcomes} == {OutcomeKind.APPLIED}
    assert len(dns.sent) == 1
    for one in plans:
        assert read(dns.zone, one.layout, Nanos(1)).record_sets == one.record_sets


async def test_a_message_carries_no_more_than_its_limit() -> None:
    """A DNS message ends at 65,535 bytes."""
    dns, gathering = _world()
    count = MERGED_MAX + 5
    writes = [_creation(dns, _plan(number), number) for number in range(count)]
    await asyncio.gather(*(gathering.write(one) for one in writes))
    assert 2 <= len(dns.sent) <= 4
    for one in dns.sent:
        assert len(one.additions) <= 2 * MERGED_MAX + 1  # addresses and fence of each, one epoch
        packed = pack_update(one, 1)
        assert len(packed) < 65_535


async def test_an_ordinary_write_waits_for_nobody() -> None:
    """Only what spends the epoch excludes others; everything else goes out at once."""
    dns, gathering = _world()
    wanted = _plan(1)
    found = read(dns.zone, wanted.layout, Nanos(1))
    ordinary = move(wanted, found, fence_of(wanted), spend_epoch=False)
    spending = [_creation(dns, _plan(number), number) for number in (2, 3)]
    dns.open.clear()
    tasks = [asyncio.create_task(gathering.write(one)) for one in (*spending, ordinary)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert ordinary in dns.sent
    dns.open.set()
    await asyncio.gather(*tasks)


async def test_one_bad_endpoint_does_not_hold_the_others_back() -> None:
    """A refused message is halved until the bad one stands alone."""
    dns, gathering = _world()
    dns.poison = "e3."
    plans = [_plan(number) for number in range(8)]
    done: set[int] = set()
    for _ in range(30):
        waiting = [number for number in range(8) if number not in done]
        writes = [_creation(dns, plans[number], number) for number in waiting]
        outcomes = await asyncio.gather(*(gathering.write(one) for one in writes))
        done |= {
            number
            for number, one in zip(waiting, outcomes, strict=True)
            if one.kind is OutcomeKind.APPLIED
        }
    assert done == set(range(8)) - {3}
    assert not values_at(dns.zone, plans[3].layout.names[0], RecordType.A)
