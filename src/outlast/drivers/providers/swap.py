"""The fenced write at APIs whose only condition is "delete exactly this, create what is not there".

Route 53 and Google Cloud DNS know no prerequisites. But a batch of theirs is applied wholly or not at all,
a deletion must repeat what stands there to the last value and TTL, and a creation fails where something
stands. So each condition of a transaction becomes a part of the batch itself:

* `Held` and moved: delete the old set exactly, create the new one. This is the fence's compare-and-swap.
* `Held` and not moved (the zone's epoch): delete the set and create the same again in the same batch.
* `Absent` and created: the creation is the condition.
* `Absent` and not created: these APIs cannot say that. The write is rejected before anything is sent;
  a look beforehand would be no condition.

What stands there is read first, in full, since a deletion must name it. Whatever changes between that
reading and the batch makes the batch fail: a stale reading costs a retry, never the fence. The
unconditional verbs (UPSERT, `resourceRecordSets.patch` and the like) are never used.

Weights. A plan publishes them as a TXT set at `_weights.NAME`, so that the digest in the fence covers
them and anybody can check it by DNS alone. That set is written here as well, and beside it the
addresses take the API's own weighted form. When read back, the native form is made anew from the
addresses and weights that stand there and compared with what really stands; if they differ, the reading
shows the native one in the place of the weights, which is drift like any other.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from outlast.drivers.providers.reading import questions_of
from outlast.model.errors import ProviderError
from outlast.model.fence import epoch_name
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Layout, Observation, Outcome, OutcomeKind, Transaction
from outlast.model.records import (
    RecordSet,
    RecordType,
    format_weight,
    parse_weight,
    sort_record_sets,
    weights_name,
)
from outlast.model.units import Nanos

Native = Mapping[str, Any]
"""A record set as the API writes it, with all its fields: a deletion must repeat every one of them."""

Key = tuple[DnsName, RecordType]
Standing = Mapping[Key, Sequence[Native]]
"""What stands at each name and type; several natives where the API splits a set by routing."""

ADDRESS_TYPES = (RecordType.A, RecordType.AAAA)


class Dialect(Protocol):
    """How an API writes record sets."""

    def read(self, key: Key, natives: Sequence[Native]) -> RecordSet:
        """Return the values and the TTL, whatever the routing."""
        ...

    def write(self, record_set: RecordSet, weights: Mapping[str, int]) -> tuple[Native, ...]:
        """Return the native form. Addresses without a weight have none to be chosen by."""
        ...

    def routing(self, natives: Sequence[Native]) -> tuple[str, ...]:
        """Return one sorted text for each native, equal where answers are; for people, too."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """One change of an API: all of it or nothing."""

    deletions: tuple[Native, ...]
    creations: tuple[Native, ...]


def names_in(transaction: Transaction) -> tuple[DnsName, ...]:
    """Return every name that must be read before a transaction can be written."""
    keys = [one.name for one in (*transaction.conditions, *transaction.additions)]
    keys += [name for name, _ in transaction.deletions]
    return tuple(dict.fromkeys(keys))


def names_at(layout: Layout) -> tuple[DnsName, ...]:
    """Return every name that must be read to see an endpoint."""
    return tuple(dict.fromkeys(one.name for one in questions_of(layout)))


def batch_of(transaction: Transaction, standing: Standing, dialect: Dialect) -> Batch | Outcome:
    """Make one batch of a transaction; an outcome where that cannot be, or a condition fails already."""
    created = {(one.name, one.rtype) for one in transaction.additions}
    moved = {*transaction.deletions} | created
    deletions: dict[Key, Sequence[Native]] = {}
    creations: list[Native] = []
    for one in transaction.conditions:
        key = (one.name, one.rtype)
        natives = standing.get(key, ())
        if not _holds(one.values if not isinstance(one, Absent) else (), key, natives, dialect):
            what = "something stands" if isinstance(one, Absent) else "another value stands"
            return Outcome(kind=OutcomeKind.REFUSED, detail=f"{what} at {one.name}")
        if natives:
            deletions[key] = natives
            creations += [] if key in moved else natives
        elif key not in created:
            detail = f"this API cannot make a write depend on the absence of {one.name} {one.rtype}"
            return Outcome(kind=OutcomeKind.REJECTED, detail=detail)
    for key in transaction.deletions:
        deletions[key] = standing.get(key, ())
    for record_set in transaction.additions:
        creations += dialect.write(record_set, _weights_for(record_set, transaction.additions))
    gone = tuple(native for natives in deletions.values() for native in natives)
    return Batch(gone, tuple(creations))


def _holds(values: tuple[str, ...], key: Key, natives: Sequence[Native], dialect: Dialect) -> bool:
    found = dialect.read(key, natives).values if natives else ()
    return set(found) == set(values)


def _weights_for(record_set: RecordSet, sets: Sequence[RecordSet]) -> Mapping[str, int]:
    """Return the weights that stand for a set of addresses among other sets; empty: none."""
    if record_set.rtype not in ADDRESS_TYPES:
        return {}
    at = weights_name(record_set.name)
    found = next((one for one in sets if (one.name, one.rtype) == (at, RecordType.TXT)), None)
    pairs = [parse_weight(value) for value in found.values] if found is not None else []
    return dict(pair for pair in pairs if pair is not None)


def observe(layout: Layout, standing: Standing, dialect: Dialect, at_ns: Nanos) -> Observation:
    """Say what stands, in the words of `ports.Provider.read`.

    Raises:
        ProviderError: a CNAME stands where fence or epoch should, beside which no TXT can stand.
    """
    for name in (layout.fence_at, epoch_name(layout.zone)):
        if standing.get((name, RecordType.CNAME)):
            raise ProviderError(
                f"a CNAME stands at {name}, which is Outlast's own",
                remedy=f"remove it: no fence can be written beside a CNAME of {name}",
            )

    def values_at(name: DnsName) -> tuple[str, ...]:
        key = (name, RecordType.TXT)
        return dialect.read(key, standing[key]).values if standing.get(key) else ()

    fence = values_at(layout.fence_at)
    found: list[RecordSet] = []
    for name in layout.names:
        found += _seen_at(name, standing, dialect, is_ours=bool(fence))
    return Observation(
        endpoint=layout.endpoint,
        provider=layout.provider,
        epoch=values_at(epoch_name(layout.zone)),
        fence=fence,
        record_sets=sort_record_sets(found),
        at_ns=at_ns,
    )


def _seen_at(
    name: DnsName, standing: Standing, dialect: Dialect, *, is_ours: bool
) -> list[RecordSet]:
    """Return the sets at one of an endpoint's names, and its weights as they really are.

    Where nothing of ours stands yet, weights by which somebody's sets are chosen are shown as a plan would
    write them: whoever moves in with the same ones changes no answer.
    """
    weights = (weights_name(name), RecordType.TXT)
    keys = [(name, rtype) for rtype in (*ADDRESS_TYPES, RecordType.CNAME)]
    sets = [dialect.read(key, standing[key]) for key in (*keys, weights) if standing.get(key)]
    strange: list[str] = []
    ttl_s = 0
    for one in sets:
        if one.rtype not in ADDRESS_TYPES:
            continue
        native = dialect.routing(standing[one.name, one.rtype])
        if native != dialect.routing(dialect.write(one, _weights_for(one, sets))):
            strange += native
            ttl_s = one.ttl_s
    if not strange:
        return sets
    plain = [] if is_ours else _plain_weights(strange)
    shown = RecordSet.of(weights[0], RecordType.TXT, ttl_s, plain or strange)
    return [*(one for one in sets if one.name != weights[0]), shown]


_WEIGHED = re.compile(r"(?P<address>[0-9a-f.:]+) Weight=(?P<weight>[0-9]+)")


def _plain_weights(routing: Sequence[str]) -> list[str]:
    """Return weights as plans write them, in lowest terms; nothing where they are not all there is."""
    found = [_WEIGHED.fullmatch(one) for one in routing]
    pairs = [(one["address"], int(one["weight"])) for one in found if one is not None]
    common = math.gcd(*(weight for _, weight in pairs))
    if len(pairs) < len(routing) or not common:
        return []
    return [format_weight(address, weight // common) for address, weight in pairs]
