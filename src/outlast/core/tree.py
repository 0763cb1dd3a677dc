"""Tree: a plan that is too big for one transaction, laid under names of its own and flipped by one.

    www.example.org  CNAME  g42-5f2c9ab01d3e.www.example.org  A  ...      the tree of plan 42

    SURVEY ---> lay what is missing ---> SURVEY ---> nothing is missing ---> FLIP: pointers and fence
      all of it read    chunk by chunk                                        one fenced write

No transaction holds a plan of a hundred thousand records. So its records go under names that bear its
number and digest, where nobody looks yet; every chunk names fence and epoch in its condition, so that a plan
that is overtaken stops being laid. All of it is read back. Then one small transaction turns the pointers (a
CNAME at each of the plan's names) and the fence together, exactly as a plan in place moves. `core.enact`
drives this; `core.sweep` removes what is left behind.

The digest stands in the names because a number alone does not say what belongs there: two halves of a split
store may both make a plan 42, and a chunk of one that arrives late must not land in the tree of the other.
With it a chunk is right wherever and whenever it arrives.

Readers look through the pointers: an observation shows the records at the plan's own names, and says through
which tree they were found (`Observation.below`). So content, digest and fence mean the same in both layouts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from outlast.model.errors import Bug
from outlast.model.names import NAME_LENGTH_MAX, DnsName
from outlast.model.plan import Layout, Observation, Plan
from outlast.model.records import RecordSet, RecordType, sort_record_sets
from outlast.model.treenames import generation_of, label, under

TRANSACTION_BYTES_MAX = 60_000
"""A DNS message ends at 65,535 bytes (RFC 1035 section 4.2.2); conditions and signature take the rest."""

CHUNK_BYTES_MAX = 48_000
"""What a piece of a tree takes at most."""

_RECORD_BYTES = 16
"""Of each record beside its name and value: type, class, TTL, lengths (RFC 1035 section 3.2.1)."""

Key = tuple[DnsName, RecordType]


@dataclass(frozen=True, slots=True)
class Piece:
    """What one transaction changes below a tree's label.

    Attributes:
        removed: what is taken away first: only what was seen to stand there and should not.
        laid: what is put there.
    """

    removed: tuple[Key, ...]
    laid: tuple[RecordSet, ...]


def label_of(plan: Plan) -> str:
    """Return the label that the names of a plan's tree begin with; empty: the plan lies in place."""
    return label(plan.generation, plan.digest) if plan.layout.tree else ""


def place_of(layout: Layout, top: str) -> Layout:
    """Return the layout by which a tree itself is read: the same fence, the tree's own names."""
    return replace(layout, names=tuple(under(top, one) for one in layout.names))


def leaves_of(plan: Plan) -> tuple[RecordSet, ...]:
    """Return a plan's records as they lie in its tree."""
    top = label_of(plan)
    return sort_record_sets([replace(it, name=under(top, it.name)) for it in plan.record_sets])


def pointers_of(plan: Plan) -> tuple[RecordSet, ...]:
    """Return the records that lead from a plan's names into its tree."""
    top = label_of(plan)
    ttls = {one.name: one.ttl_s for one in plan.record_sets}
    return tuple(
        RecordSet(name, RecordType.CNAME, ttl_s, (under(top, name),))
        for name, ttl_s in sorted(ttls.items())
    )


# reading


def leads_to(seen: Observation) -> str:
    """Return the label of the tree to which everything at an endpoint's names points; empty: to none."""
    if not seen.record_sets:
        return ""
    first = seen.record_sets[0]
    top = first.values[0].removesuffix(f".{first.name}")
    pointing = all(
        one.rtype is RecordType.CNAME and one.values == (under(top, one.name),)
        for one in seen.record_sets
    )
    return top if pointing and generation_of(top) else ""


def through(seen: Observation, leaves: Observation) -> Observation | None:
    """Look through the pointers: what stands in their tree, at the names that lead there.

    A name that has lost its pointer has lost its records. A pointer whose TTL is not that of the records is
    shown as it is: a longer one would outlive the quarantine of its tree.

    Returns:
        None if somebody wrote between the two readings: read again.
    """
    if (seen.fence, seen.epoch) != (leaves.fence, leaves.epoch):
        return None
    top = leads_to(seen)
    pointers = {under(top, one.name): one for one in seen.record_sets}
    found = [one for one in leaves.record_sets if one.name in pointers]
    odd = {one.name: pointers[one.name] for one in found if one.ttl_s != pointers[one.name].ttl_s}
    shown = [replace(it, name=pointers[it.name].name) for it in found if it.name not in odd]
    return replace(seen, record_sets=sort_record_sets([*shown, *odd.values()]), below=top)


# laying


def missing(plan: Plan, standing: Observation, limit: int = CHUNK_BYTES_MAX) -> tuple[Piece, ...]:
    """Return what must still be changed until a plan's tree is exactly the plan, in transactions.

    What was not seen to stand is added and nothing is deleted for it. A piece that arrives after another
    enactor's survey then changes nothing, even at a server that acknowledges an addition and drops it.

    Args:
        standing: everything that stands at the tree's names.
        limit: bytes that one transaction carries.
    """
    wanted = leaves_of(plan)
    there, keys = set(standing.record_sets), {(one.name, one.rtype) for one in wanted}
    stood = {(one.name, one.rtype) for one in standing.record_sets}
    lacking = [one for one in wanted if one not in there]
    stray = [one for one in standing.record_sets if (one.name, one.rtype) not in keys]
    laying = [
        Piece(tuple((it.name, it.rtype) for it in one if (it.name, it.rtype) in stood), one)
        for one in chunks(lacking, limit)
    ]
    return (*removals(stray, limit), *laying)


def chunks(
    record_sets: Iterable[RecordSet], limit: int = CHUNK_BYTES_MAX
) -> list[tuple[RecordSet, ...]]:
    """Cut record sets into pieces of one transaction each; a set is never split.

    Raises:
        Bug: one alone is too large; the guard lets no such plan pass.
    """
    pieces: list[list[RecordSet]] = []
    size = limit + 1
    for one in record_sets:
        own = bytes_of([one])
        if own > limit:
            raise Bug(f"{one.name} {one.rtype} alone does not fit a transaction")
        if size + own > limit:
            pieces.append([])
            size = 0
        pieces[-1].append(one)
        size += own
    return [tuple(one) for one in pieces]


def removals(record_sets: Iterable[RecordSet], limit: int = CHUNK_BYTES_MAX) -> list[Piece]:
    """Cut a removal into pieces of one transaction each.

    A message that names 400 sets is small, and a server's work on it is not: Knot did not get 200,000 records
    out of a zone by one message within a minute. So it is cut as its laying was.
    """
    return [
        Piece(tuple((one.name, one.rtype) for one in piece), ())
        for piece in chunks(record_sets, limit)
    ]


def is_below(top: str, piece: Piece) -> bool:
    """Whether everything that a piece touches lies in a tree: a sweep must not reach beyond one."""
    names = (*(name for name, _ in piece.removed), *(one.name for one in piece.laid))
    return bool(generation_of(top)) and all(name.startswith(f"{top}.") for name in names)


# sizes


def bytes_of(record_sets: Iterable[RecordSet]) -> int:
    """Return about how many bytes record sets take in a transaction."""
    return sum(
        len(one.name) + sum(_RECORD_BYTES + len(value) for value in one.values)
        for one in record_sets
    )


def unfit(plan: Plan) -> str:
    """Return why a plan cannot be published as it is laid out; empty: it can."""
    placed = pointers_of(plan) if plan.layout.tree else plan.record_sets
    total = bytes_of(placed)
    if total > TRANSACTION_BYTES_MAX:
        what = "pointers" if plan.layout.tree else "records"
        return (
            f"about {total} bytes of {what} do not fit one transaction of {TRANSACTION_BYTES_MAX}"
        )
    for one in leaves_of(plan) if plan.layout.tree else ():
        if bytes_of([one]) > CHUNK_BYTES_MAX:
            return f"{one.name} {one.rtype}: about {bytes_of([one])} bytes of one set, which is never split"
        if len(one.name) > NAME_LENGTH_MAX:
            return f"{one.name} is longer than a name may be"
    return ""
