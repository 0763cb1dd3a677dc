"""Transact: three writes, each under a condition, carried out here on a model of a DNS server."""

from dataclasses import replace

import pytest
from tests.support.builders import (
    NAME,
    ZONE,
    addresses,
    endpoint,
    epoch,
    fence_of,
    nonce,
    observed,
    plan,
    provider,
    target,
)
from tests.support.modeldns import Zone, apply, put, read, values_at

from outlast.core.plan import layout_of
from outlast.core.transact import merge, move, release, seed_epoch, spends_epoch
from outlast.model.errors import Bug
from outlast.model.fence import Fence, epoch_name, parse_epoch
from outlast.model.names import DnsName
from outlast.model.plan import Absent, OutcomeKind, Plan, Transaction
from outlast.model.records import RecordSet, RecordType
from outlast.model.topology import PublishedName
from outlast.model.units import Nanos

OF = endpoint("eu-1", target("us-1", weight=2))
LAYOUT = layout_of(OF, provider())
FIRST = plan(OF)
SECOND = plan(OF, "eu-1", generation=2, head=FIRST)
EPOCH_AT = epoch_name(ZONE)
BESIDE: Zone = (
    RecordSet.of(NAME, RecordType.TXT, 60, ["v=spf1 -all"]),
    RecordSet.of(DnsName("mail.example.net"), RecordType.A, 60, ["10.8.8.8"]),
)
SEEDED = put(BESIDE, RecordSet(EPOCH_AT, RecordType.TXT, 0, (epoch(),)))


def publish(zone: Zone, wanted: Plan, fence: Fence, *, spend_epoch: bool) -> Zone:
    found = read(zone, wanted.layout, Nanos(0))
    zone, kind = apply(zone, move(wanted, found, fence, spend_epoch=spend_epoch))
    assert kind is OutcomeKind.APPLIED
    return zone


LIVE = publish(SEEDED, FIRST, fence_of(FIRST), spend_epoch=True)


def test_a_move_leaves_exactly_the_plan() -> None:
    """Addresses, weights and fence of the new plan; nothing of the old one; epoch as it was."""
    zone = publish(LIVE, SECOND, fence_of(SECOND, 2), spend_epoch=False)
    found = read(zone, LAYOUT, Nanos(0))
    assert found.record_sets == SECOND.record_sets
    assert found.fence == (str(fence_of(SECOND, 2)),)
    assert found.epoch == read(LIVE, LAYOUT, Nanos(0)).epoch


def test_records_beside_ours_are_never_touched() -> None:
    """S6: another name's address, and a TXT at our own name."""
    zone = publish(LIVE, SECOND, fence_of(SECOND, 2), spend_epoch=False)
    assert all(one in zone for one in BESIDE)


def test_a_move_under_a_fence_that_moved_changes_nothing() -> None:
    """The delayed enactor, at the server."""
    late = move(FIRST, read(SEEDED, LAYOUT, Nanos(0)), fence_of(FIRST, 3), spend_epoch=True)
    stale = move(SECOND, read(LIVE, LAYOUT, Nanos(0)), fence_of(SECOND, 4), spend_epoch=False)
    zone = publish(LIVE, SECOND, fence_of(SECOND, 2), spend_epoch=False)
    assert apply(zone, late) == (zone, OutcomeKind.REFUSED)
    assert apply(zone, stale) == (zone, OutcomeKind.REFUSED)


def test_an_absence_can_be_used_once() -> None:
    """Two wipes: the write prepared at the first one is refused at the second."""
    wiped = tuple(one for one in LIVE if one.name in (EPOCH_AT, "mail.example.net"))
    found = read(wiped, LAYOUT, Nanos(0))
    stalled = move(FIRST, found, fence_of(FIRST, 3), spend_epoch=True)
    healed, _ = apply(wiped, move(SECOND, found, fence_of(SECOND, 4), spend_epoch=True))
    epoch_now = parse_epoch(values_at(healed, EPOCH_AT, RecordType.TXT))
    assert epoch_now is not None
    assert epoch_now.number == 3, "seeded with 1, moved by the first publication and by the heal"
    again = tuple(one for one in healed if one.name in (EPOCH_AT, "mail.example.net"))
    assert apply(again, stalled) == (again, OutcomeKind.REFUSED)


def test_a_cname_in_our_place_is_removed_where_it_was_seen() -> None:
    """An address beside a CNAME would be dropped without a word."""
    hijacked = tuple(one for one in LIVE if one.rtype is not RecordType.A)
    hijacked = put(hijacked, RecordSet(NAME, RecordType.CNAME, 60, ("elsewhere.example.com",)))
    zone = publish(hijacked, FIRST, fence_of(FIRST, 5), spend_epoch=False)
    assert read(zone, LAYOUT, Nanos(0)).record_sets == FIRST.record_sets


def test_an_address_added_since_the_reading_goes_too() -> None:
    """A foreign hand added an IPv6 address after we looked: what is published is exactly the plan."""
    found = read(LIVE, LAYOUT, Nanos(0))
    altered = put(LIVE, RecordSet.of(NAME, RecordType.AAAA, 60, ["2001:db8::666"]))
    zone, _ = apply(altered, move(SECOND, found, fence_of(SECOND, 2), spend_epoch=False))
    assert read(zone, LAYOUT, Nanos(0)).record_sets == SECOND.record_sets


def test_no_write_is_prepared_without_an_epoch() -> None:
    """Data and first epoch never travel together."""
    with pytest.raises(Bug, match="without an epoch"):
        move(FIRST, observed(OF, epoch=""), fence_of(FIRST), spend_epoch=True)


@pytest.mark.parametrize("standing", [(), ("garbage",), (epoch(1), epoch(2))])
def test_an_epoch_is_seeded_in_the_place_of_whatever_stood_there(
    standing: tuple[str, ...],
) -> None:
    """Under the condition that exactly this still stands; the second of two seeders is refused."""
    zone = put(BESIDE, RecordSet(EPOCH_AT, RecordType.TXT, 0, standing)) if standing else BESIDE
    found = read(zone, LAYOUT, Nanos(0))
    seeded, kind = apply(zone, seed_epoch(LAYOUT, found, nonce(1)))
    assert kind is OutcomeKind.APPLIED
    assert values_at(seeded, EPOCH_AT, RecordType.TXT) == (epoch(1, 1),)
    assert apply(seeded, seed_epoch(LAYOUT, found, nonce(2)))[1] is OutcomeKind.REFUSED


def test_a_release_takes_fence_and_records_and_nothing_else() -> None:
    """Asked for by name; `keep_records` leaves them to somebody else."""
    found = read(LIVE, LAYOUT, Nanos(0))
    gone, _ = apply(LIVE, release(LAYOUT, found))
    assert read(gone, LAYOUT, Nanos(0)).record_sets == ()
    assert all(one in gone for one in BESIDE)
    kept, _ = apply(LIVE, release(LAYOUT, found, keep_records=True))
    assert read(kept, LAYOUT, Nanos(0)).record_sets == FIRST.record_sets
    assert read(kept, LAYOUT, Nanos(0)).fence == ()


def test_a_release_prepared_before_a_newer_plan_is_refused() -> None:
    """It was asked for what stood there then."""
    late = release(LAYOUT, read(LIVE, LAYOUT, Nanos(0)))
    zone = publish(LIVE, SECOND, fence_of(SECOND, 2), spend_epoch=False)
    assert apply(zone, late) == (zone, OutcomeKind.REFUSED)


# merging


def several(count: int) -> list[Plan]:
    """Make first plans of several endpoints in one zone."""
    return [
        plan(
            endpoint(
                "eu-1",
                "us-1",
                name=f"e{number}",
                names=(PublishedName(name=DnsName(f"e{number}.example.net")),),
            )
        )
        for number in range(count)
    ]


def first_moves(zone: Zone, plans: list[Plan]) -> list[Transaction]:
    return [
        move(one, read(zone, one.layout, Nanos(0)), fence_of(one, number), spend_epoch=True)
        for number, one in enumerate(plans)
    ]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_merged_write_does_what_its_parts_do(count: int) -> None:
    """One by one, each prepared against the zone as the one before left it, or together: the same data,
    but one epoch spent instead of many.
    """
    plans = several(count)
    together, kind = apply(SEEDED, merge(tuple(first_moves(SEEDED, plans))))
    assert kind is OutcomeKind.APPLIED
    alone = SEEDED
    for number, one in enumerate(plans):
        alone = publish(alone, one, fence_of(one, number), spend_epoch=True)
    assert [one for one in together if one.name != EPOCH_AT] == [
        one for one in alone if one.name != EPOCH_AT
    ]
    spent = parse_epoch(values_at(together, EPOCH_AT, RecordType.TXT))
    assert spent is not None
    assert spent.number == 2


def test_the_parts_of_a_merge_exclude_each_other() -> None:
    """Why merging is needed at all: the first one moves the epoch that all of them name."""
    moves = first_moves(SEEDED, several(2))
    zone, _ = apply(SEEDED, moves[0])
    assert apply(zone, moves[1]) == (zone, OutcomeKind.REFUSED)


def test_a_merged_write_is_refused_whole_if_one_condition_fails() -> None:
    """All or nothing, also for the parts whose own conditions hold."""
    plans = several(3)
    merged = merge(tuple(first_moves(SEEDED, plans)))
    taken = RecordSet(plans[1].layout.fence_at, RecordType.TXT, 0, ("somebody",))
    zone = put(SEEDED, taken)
    assert apply(zone, merged) == (zone, OutcomeKind.REFUSED)


def test_only_writes_of_one_epoch_and_zone_are_merged() -> None:
    """Anything else would lose somebody's condition."""
    plans = several(2)
    early = first_moves(SEEDED, plans)[0]
    moved, _ = apply(SEEDED, early)
    late = first_moves(moved, plans)[1]
    with pytest.raises(ValueError, match="same epoch"):
        merge((early, late))
    with pytest.raises(ValueError, match="same epoch"):
        merge((early, replace(early, zone=DnsName("example.com"))))


def test_a_write_without_a_condition_cannot_be_made() -> None:
    """There is no unconditional write in Outlast."""
    with pytest.raises(ValueError, match="without a condition"):
        Transaction(zone=ZONE, conditions=(), deletions=(), additions=())


def test_spending_is_told_from_naming_the_epoch() -> None:
    """Ordinary moves only read it, so that they do not contend."""
    found = read(LIVE, LAYOUT, Nanos(0))
    assert not spends_epoch(move(SECOND, found, fence_of(SECOND), spend_epoch=False))
    assert spends_epoch(move(SECOND, found, fence_of(SECOND), spend_epoch=True))


def test_absence_is_a_condition_of_its_own() -> None:
    """RFC 2136 section 2.4.3: with no fence there, the write demands that there be none."""
    write = move(FIRST, observed(OF), fence_of(FIRST), spend_epoch=True)
    assert Absent(name=LAYOUT.fence_at, rtype=RecordType.TXT) in write.conditions
    assert addresses("10.9.9.9") not in write.additions
