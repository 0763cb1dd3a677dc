"""A model of a DNS server: record sets in a tuple, and conditional transactions, all or nothing.

Written from RFC 2136 alone (section 2.4 for the conditions, 3.4.2 for the changes), independent of every
other model in the repository, so that it can disagree with them. A zone is a sorted tuple of record sets:
a frozen value that a search can remember.
"""

from outlast.model.fence import epoch_name, next_name
from outlast.model.names import DnsName
from outlast.model.plan import (
    Absent,
    Condition,
    Held,
    Layout,
    Observation,
    OutcomeKind,
    Transaction,
)
from outlast.model.records import RecordSet, RecordType, weights_name
from outlast.model.units import Nanos

Zone = tuple[RecordSet, ...]


def values_at(zone: Zone, name: DnsName, rtype: RecordType) -> tuple[str, ...]:
    """Return the values that stand at a name and type."""
    for one in zone:
        if (one.name, one.rtype) == (name, rtype):
            return one.values
    return ()


def holds(zone: Zone, condition: Condition) -> bool:
    """Whether a condition is true now."""
    standing = values_at(zone, condition.name, condition.rtype)
    match condition:
        case Held(values=values):
            return sorted(standing) == sorted(values)
        case Absent():
            return not standing


def apply(zone: Zone, transaction: Transaction) -> tuple[Zone, OutcomeKind]:
    """Carry out a transaction: wholly if every condition holds, else not at all.

    As BIND and Knot do, an address beside a CNAME is acknowledged and dropped without a word.
    """
    if not all(holds(zone, one) for one in transaction.conditions):
        return zone, OutcomeKind.REFUSED
    gone = set(transaction.deletions)
    sets = {(one.name, one.rtype): one for one in zone if (one.name, one.rtype) not in gone}
    for one in transaction.additions:
        if one.rtype is not RecordType.CNAME and (one.name, RecordType.CNAME) in sets:
            continue
        there = sets.get((one.name, one.rtype))
        values = sorted({*one.values, *(there.values if there else ())})
        sets[one.name, one.rtype] = RecordSet(one.name, one.rtype, one.ttl_s, tuple(values))
    return tuple(sets[key] for key in sorted(sets)), OutcomeKind.APPLIED


def read(zone: Zone, layout: Layout, at_ns: Nanos) -> Observation:
    """Read all that stands at an endpoint's names."""
    wanted = {(name, rtype) for name in layout.names for rtype in RecordType}
    wanted -= {(name, RecordType.TXT) for name in layout.names}
    wanted |= {(weights_name(name), RecordType.TXT) for name in layout.names}
    return Observation(
        endpoint=layout.endpoint,
        provider=layout.provider,
        epoch=values_at(zone, epoch_name(layout.zone), RecordType.TXT),
        fence=values_at(zone, layout.fence_at, RecordType.TXT),
        record_sets=tuple(one for one in zone if (one.name, one.rtype) in wanted),
        at_ns=at_ns,
        laid=values_at(zone, next_name(layout.fence_at), RecordType.TXT) if layout.mirrors else (),
    )


def put(zone: Zone, *record_sets: RecordSet) -> Zone:
    """Let a foreign hand put record sets in place of whatever stands there."""
    sets = {(one.name, one.rtype): one for one in (*zone, *record_sets)}
    return tuple(sets[key] for key in sorted(sets))


def drop(zone: Zone, *names: DnsName) -> Zone:
    """Let a foreign hand remove everything at some names."""
    return tuple(one for one in zone if one.name not in names)
