"""Tree: a plan that is too big for one transaction, laid under names of its own and flipped by one.

    LAYING ---> VERIFYING ---> FLIPPING ---> LIVE ---> (one maximum TTL later) ---> SWEEPING ---> LIVE
      |  chunk by chunk  |  all of it read      |  one fenced write: root and fence

A plan of a hundred thousand records cannot be published in place, since no transaction holds it. So its
records go under names that bear its number (`g42.ROOT`), where nobody looks yet; every chunk names the fence
in its condition, so a plan that is overtaken stops being laid. All of it is read back. Then one small
transaction turns the root (a CNAME) and the fence together, exactly as a plan in place moves.

What remains is to sweep old trees, and that is where October 2025 went wrong: a clean-up judged by age took
the tree that a delayed enactor had just put back. Here a tree is swept

* only while the fence is, in the same transaction, that of another plan: the condition of each chunk;
* never if it is the live one, or the one before it, which somebody may still have to go back to;
* only after the live one has stood for one maximum TTL, so that no resolver still follows the old root.

Age decides nothing. A tree that is laid, however old, cannot become live between the look and the sweep,
because only a fenced write could make it so, and it would move the fence that the sweep names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.model.errors import Bug
from outlast.model.fence import FENCE_TTL_S, Fence, epoch_name, parse_fence
from outlast.model.names import DnsName
from outlast.model.plan import Absent, Condition, Held, Observation, Transaction
from outlast.model.records import RecordSet, RecordType, digest_of, sort_record_sets
from outlast.model.units import Generation, Nanos, seconds

CHUNK_BYTES_MAX = 48_000
"""What one transaction carries. The protocol's ceiling is 65,535 bytes with conditions and signature; names
are counted here in full though they are packed tighter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A big plan.

    Attributes:
        zone: everything lies in it.
        root: the name that clients ask: a CNAME to the top of the live tree.
        fence_at: where the fence stands.
        leaves: the records by their names relative to the tree's top; "" is the top itself.
    """

    zone: DnsName
    root: DnsName
    fence_at: DnsName
    generation: Generation
    ttl_s: int
    leaves: tuple[RecordSet, ...]

    @property
    def top(self) -> DnsName:
        """The name that the root points to while this tree is live."""
        return top_of(self.root, self.generation)

    @property
    def digest(self) -> str:
        """What the fence names: the digest of the tree and of the root that leads to it."""
        return digest_of((*self.leaves, self.pointer))

    @property
    def pointer(self) -> RecordSet:
        """The root's record."""
        return RecordSet(self.root, RecordType.CNAME, self.ttl_s, (self.top,))


def top_of(root: DnsName, generation: Generation) -> DnsName:
    """Return the top of a tree: the root's name below a label with the plan's number."""
    return DnsName(f"g{generation}.{root}")


def plant(
    tree: Tree, records: Sequence[tuple[str, RecordType, tuple[str, ...]]]
) -> tuple[RecordSet, ...]:
    """Return record sets under a tree's top, from names relative to it ("" for the top), canonical order."""
    return sort_record_sets(
        [
            RecordSet.of(
                DnsName(f"{label}.{tree.top}" if label else tree.top),
                rtype,
                tree.ttl_s,
                list(values),
            )
            for label, rtype, values in records
        ]
    )


def chunks(leaves: Sequence[RecordSet]) -> list[tuple[RecordSet, ...]]:
    """Cut record sets into pieces of one transaction each; a set is never split."""
    pieces: list[tuple[RecordSet, ...]] = []
    piece: list[RecordSet] = []
    size = 0
    for one in leaves:
        own = len(one.values) * (len(one.name) + 16) + sum(len(value) for value in one.values)
        if own > CHUNK_BYTES_MAX:
            raise Bug(f"{one.name} {one.rtype} alone does not fit a transaction")
        if piece and size + own > CHUNK_BYTES_MAX:
            pieces.append(tuple(piece))
            piece, size = [], 0
        piece.append(one)
        size += own
    return [*pieces, tuple(piece)] if piece else pieces


def lay_chunk(tree: Tree, piece: Sequence[RecordSet], found: Observation) -> Transaction:
    """Lay a piece of a tree that is not live. Names it replaces are its own, from an earlier try."""
    if live_of(found) >= tree.generation:
        raise Bug(f"generation {tree.generation} is not to be laid: {live_of(found)} is live")
    _check_below(tree.top, [one.name for one in piece])
    return Transaction(
        zone=tree.zone,
        conditions=_conditions(tree.zone, tree.fence_at, found),
        deletions=tuple((one.name, one.rtype) for one in piece),
        additions=tuple(piece),
    )


def is_laid(tree: Tree, standing: Sequence[RecordSet]) -> bool:
    """Whether a reading of everything below the tree's top is exactly the tree."""
    return digest_of(tuple(standing)) == digest_of(tree.leaves)


def flip(tree: Tree, found: Observation, fence: Fence) -> Transaction:
    """Turn root and fence to a tree that was read back whole: the only write that clients notice."""
    if fence.generation != tree.generation or fence.digest != tree.digest:
        raise Bug(f"the fence {fence} is not that of generation {tree.generation}")
    if live_of(found) >= tree.generation:
        raise Bug(f"generation {tree.generation} would go back behind {live_of(found)}")
    root_types = (RecordType.A, RecordType.AAAA, RecordType.CNAME)
    return Transaction(
        zone=tree.zone,
        conditions=_conditions(tree.zone, tree.fence_at, found),
        deletions=(
            *((tree.root, one) for one in root_types),
            (tree.fence_at, RecordType.TXT),
        ),
        additions=(
            tree.pointer,
            RecordSet(tree.fence_at, RecordType.TXT, FENCE_TTL_S, (str(fence),)),
        ),
    )


def may_sweep(
    doomed: Generation,
    found: Observation,
    before: Generation,
    *,
    live_since_ns: Nanos,
    ttl_max_s: int,
) -> bool:
    """Whether a tree may be swept now.

    Args:
        found: what was just read; its fence becomes the sweep's condition.
        before: the generation that was live before the one in `found`.
        live_since_ns: since when the one in `found` is known to be live.
        ttl_max_s: the longest TTL that any root ever had.
    """
    live = live_of(found)
    quarantined = found.at_ns - live_since_ns >= seconds(ttl_max_s)
    return 0 < doomed < live and doomed != before and quarantined


def sweep_chunk(
    root: DnsName, doomed: Generation, piece: Sequence[RecordSet], found: Observation, zone: DnsName
) -> Transaction:
    """Remove a piece of an old tree, on the condition that the fence is that of another plan."""
    if live_of(found) == doomed or parse_fence(found.fence) is None:
        raise Bug(f"generation {doomed} is live, or nobody knows what is: nothing is swept")
    _check_below(top_of(root, doomed), [one.name for one in piece])
    return Transaction(
        zone=zone,
        conditions=_conditions(zone, DnsName(f"_outlast.{root}"), found),
        deletions=tuple((one.name, one.rtype) for one in piece),
        additions=(),
    )


def live_of(found: Observation) -> Generation:
    """The generation that the fence names; 0: no fence of ours."""
    fence = parse_fence(found.fence)
    return fence.generation if fence is not None else Generation(0)


def _check_below(top: DnsName, names: Sequence[DnsName]) -> None:
    outside = next((one for one in names if one != top and not one.endswith(f".{top}")), None)
    if outside is not None:
        raise Bug(f"{outside} does not lie below {top}")


def _conditions(zone: DnsName, fence_at: DnsName, found: Observation) -> tuple[Condition, ...]:
    return tuple(
        Held(name=at, rtype=RecordType.TXT, values=values)
        if values
        else Absent(name=at, rtype=RecordType.TXT)
        for at, values in ((epoch_name(zone), found.epoch), (fence_at, found.fence))
    )
