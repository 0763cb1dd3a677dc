"""Transact: the few writes that Outlast ever makes, as values. None of them is unconditional.

* `move` puts a plan in the place of what was found, and the fence with it.
* `tend` changes a piece of a tree that nobody's names point to, or puts one back as it was (`core.tree`).
* `seed_epoch` gives a zone its first epoch, alone: no data travels with it.
* `release` takes an endpoint out of the DNS, only ever asked for by name.

Each is one transaction with one condition on the fence as it was read, and one on the zone's epoch.
"""

from outlast.core.tree import Piece, is_below, pointers_of
from outlast.model.errors import Bug
from outlast.model.fence import (
    FENCE_TTL_S,
    Epoch,
    Fence,
    Mark,
    epoch_name,
    next_name,
    parse_epoch,
)
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Condition, Held, Layout, Observation, Plan, Transaction
from outlast.model.records import RecordSet, RecordType, digest_of, weights_name


def move(plan: Plan, found: Observation, fence: Fence, *, spend_epoch: bool) -> Transaction:
    """Replace what was found by the plan: by its records, or by pointers to a tree that stands whole.

    Args:
        plan: what to publish.
        found: what the provider held when the condition was read.
        fence: the new fence.
        spend_epoch: whether to move the epoch on too, as every write must whose condition is not a
            well-formed fence that never went back. Such a condition could come true a second time.

    Raises:
        Bug: the plan breaks an invariant of its own. The enactor stops and changes nothing.
    """
    _check(plan)
    epoch = parse_epoch(found.epoch)
    if epoch is None:
        raise Bug(f"{plan.endpoint}: a write was prepared in a zone without an epoch")
    layout = plan.layout
    published = pointers_of(plan) if layout.tree else plan.record_sets
    additions = [*published, _txt(layout.fence_at, str(fence))]
    deletions = [*_data_sets(layout, found, plan), (layout.fence_at, RecordType.TXT)]
    if spend_epoch:
        at = epoch_name(layout.zone)
        additions.append(_txt(at, str(Epoch(epoch.number + 1, fence.nonce))))
        deletions.append((at, RecordType.TXT))
    return Transaction(
        zone=layout.zone,
        conditions=_conditions(layout, found),
        deletions=tuple(deletions),
        additions=tuple(additions),
    )


def tend(layout: Layout, top: str, piece: Piece, found: Observation) -> Transaction:
    """Lay or sweep a piece of the tree with this label, while fence and epoch are as they were found.

    Raises:
        Bug: something of it does not lie in the tree.
    """
    if not is_below(top, piece):
        raise Bug(
            f"{layout.endpoint}: {piece.removed or piece.laid} does not lie in the tree {top!r}"
        )
    return Transaction(
        zone=layout.zone,
        conditions=_conditions(layout, found),
        deletions=piece.removed,
        additions=piece.laid,
    )


def seed_epoch(layout: Layout, found: Observation, nonce: str) -> Transaction:
    """Give the zone its first epoch, in the place of nothing or of whatever garbage was found there."""
    at = epoch_name(layout.zone)
    return Transaction(
        zone=layout.zone,
        conditions=(_condition(at, found.epoch),),
        deletions=((at, RecordType.TXT),) if found.epoch else (),
        additions=(_txt(at, str(Epoch(1, nonce))),),
    )


def lay(plan: Plan, found: Observation) -> Transaction:
    """Lay a mark beside the fence: this provider takes our writes and waits for the others.

    The fence is named and not moved: nothing that clients see changes. A mark is for progress only, so one
    that is replayed late costs a round and no more.
    """
    at = next_name(plan.layout.fence_at)
    return Transaction(
        zone=plan.layout.zone,
        conditions=_conditions(plan.layout, found),
        deletions=((at, RecordType.TXT),),
        additions=(_txt(at, str(Mark(plan.generation, plan.digest))),),
    )


def merge(transactions: tuple[Transaction, ...]) -> Transaction:
    """Make one transaction of several that spend the same epoch of the same zone.

    Such writes exclude each other: the first one moves the epoch that all of them name. Publishing
    thousands of new endpoints one by one would mean as many round trips; together they are one write,
    all or nothing, that moves the epoch once.

    Raises:
        ValueError: they are not of one zone, or do not name the same epoch.
    """
    at = epoch_name(transactions[0].zone)
    epochs = {one for two in transactions for one in two.conditions if one.name == at}
    if len(epochs) != 1 or any(one.zone != transactions[0].zone for one in transactions):
        raise ValueError("only writes that name the same epoch of the same zone can be merged")
    additions = [one for two in transactions for one in two.additions if one.name != at]
    spent = [one for one in transactions[0].additions if one.name == at]
    return Transaction(
        zone=transactions[0].zone,
        conditions=tuple(dict.fromkeys(one for two in transactions for one in two.conditions)),
        deletions=tuple(dict.fromkeys(one for two in transactions for one in two.deletions)),
        additions=(*additions, *spent),
    )


def spends_epoch(transaction: Transaction) -> bool:
    """Whether a transaction moves its zone's epoch."""
    at = epoch_name(transaction.zone)
    return any(one.name == at for one in transaction.additions)


def release(layout: Layout, found: Observation, *, keep_records: bool = False) -> Transaction:
    """Take an endpoint out: its fence, and its records unless they are to be left to somebody else."""
    records = [(one.name, one.rtype) for one in found.record_sets]
    if (
        found.below
    ):  # what stands at the names are the pointers; the tree behind them is swept afterwards
        records = [(name, RecordType.CNAME) for name in layout.names]
    return Transaction(
        zone=layout.zone,
        conditions=_conditions(layout, found),
        deletions=(
            (layout.fence_at, RecordType.TXT),
            *(((next_name(layout.fence_at), RecordType.TXT),) if found.laid else ()),
            *([] if keep_records else records),
        ),
        additions=(),
    )


def _check(plan: Plan) -> None:
    """The enactor's own last look, whatever planner and guard said."""
    if digest_of(plan.record_sets) != plan.digest:
        raise Bug(f"{plan}: the digest is not that of its records")
    addresses = [one for one in plan.record_sets if one.rtype is not RecordType.TXT]
    if not addresses:
        raise Bug(f"{plan}: it would empty the endpoint")
    for one in addresses:
        known = sum(1 for member in plan.members if member.family.rtype is one.rtype)
        if len(one.values) < min(plan.floor, known):
            raise Bug(f"{plan}: {one.name} {one.rtype} is below the floor of {plan.floor}")


def _data_sets(layout: Layout, found: Observation, plan: Plan) -> list[tuple[DnsName, RecordType]]:
    """The record sets to remove first.

    Addresses and a CNAME always, whether or not they were seen: somebody may have added them since, and
    beside a CNAME some servers drop our addresses without a word. Weights only where they were seen or
    are about to be written.
    """
    known = {(one.name, one.rtype) for one in (*found.record_sets, *plan.record_sets)}
    sets: list[tuple[DnsName, RecordType]] = []
    for name in layout.names:
        sets += [(name, RecordType.A), (name, RecordType.AAAA), (name, RecordType.CNAME)]
        weights = (weights_name(name), RecordType.TXT)
        sets += [weights] if weights in known else []
    return sets


def _conditions(layout: Layout, found: Observation) -> tuple[Condition, ...]:
    return (
        _condition(epoch_name(layout.zone), found.epoch),
        _condition(layout.fence_at, found.fence),
    )


def _condition(at: DnsName, values: tuple[str, ...]) -> Condition:
    if not values:
        return Absent(name=at, rtype=RecordType.TXT)
    return Held(name=at, rtype=RecordType.TXT, values=values)


def _txt(at: DnsName, value: str) -> RecordSet:
    return RecordSet(at, RecordType.TXT, FENCE_TTL_S, (value,))
