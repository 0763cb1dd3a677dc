"""Merkle trees as in RFC 6962: roots, and short proofs that an entry is in, and that nothing was changed.

A leaf is hashed with a zero byte before it and a node with a one byte, so that no node can pass for an
entry (section 2.1). Everything is computed from the hashes of *perfect* subtrees: the one at (level, index)
covers the leaves `index * 2**level` up to `(index + 1) * 2**level`. Who keeps them, and how many, is
somebody else's business (`Subtrees`); nothing here knows of files.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

Hash = bytes
Subtrees = Callable[[int, int], Hash]
"""Return the hash of the perfect subtree (level, index)."""

EMPTY_ROOT = sha256().digest()
"""Root of the tree without leaves."""


class ProofError(Exception):
    """A proof does not prove what it should."""


def leaf_hash(entry: bytes) -> Hash:
    """Return the hash of an entry."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """Return the hash of the node above two others."""
    return sha256(b"\1" + left + right).digest()


def perfect_root(hashes: Sequence[Hash]) -> Hash:
    """Return the root over hashes whose number is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(*level[at : at + 2]) for at in range(0, len(level), 2)]
    return level[0]


def root(subtrees: Subtrees, size: int) -> Hash:
    """Return the root of the tree of the first `size` leaves."""
    return _over(subtrees, 0, size) if size else EMPTY_ROOT


def _split(size: int) -> int:
    """Return the largest power of two below a size of at least two."""
    return 1 << ((size - 1).bit_length() - 1)


def _over(subtrees: Subtrees, begin: int, end: int) -> Hash:
    size = end - begin
    if size & (size - 1) == 0:
        return subtrees(size.bit_length() - 1, begin // size)
    middle = begin + _split(size)
    return node_hash(_over(subtrees, begin, middle), _over(subtrees, middle, end))


def inclusion_proof(subtrees: Subtrees, index: int, size: int) -> list[Hash]:
    """Return the audit path of a leaf in the tree of the first `size` leaves (section 2.1.1).

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no entry {index} among {size}")
    path: list[Hash] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_over(subtrees, middle, end))
            end = middle
        else:
            path.append(_over(subtrees, begin, middle))
            begin = middle
    return path[::-1]


def consistency_proof(subtrees: Subtrees, old: int, size: int) -> list[Hash]:
    """Return the proof that the tree of `size` leaves begins with the one of `old` (section 2.1.2).

    Raises:
        ValueError: the old tree is empty or larger.
    """
    if not 0 < old <= size:
        raise ValueError(f"no proof from {old} entries to {size}")
    path: list[Hash] = []
    begin, end, whole = 0, size, True
    while old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_over(subtrees, middle, end))
            end = middle
        else:
            path.append(_over(subtrees, begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append(_over(subtrees, begin, end))
    return path[::-1]


def check_inclusion(
    leaf: Hash, index: int, size: int, path: Sequence[Hash], expected: Hash
) -> None:
    """Check an audit path (RFC 9162 section 2.1.3.2).

    Raises:
        ProofError: the leaf is not at this index of the tree with this root.
    """
    if not 0 <= index < size:
        raise ProofError(f"no entry {index} among {size}")
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise ProofError("the path is too long")
        if place & 1 or place == last:
            found = node_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last or found != expected:
        raise ProofError(f"entry {index} is not in the tree of {size} with this root")


def check_consistency(
    old: int, size: int, path: Sequence[Hash], old_root: Hash, new_root: Hash
) -> None:
    """Check that a tree begins with an older one (RFC 9162 section 2.1.4.2).

    Raises:
        ProofError: it does not.
    """
    if not 0 < old <= size:
        raise ProofError(f"no proof from {old} entries to {size}")
    wrong = ProofError(f"the tree of {size} entries does not begin with the one of {old}")
    if old == size:
        if path or old_root != new_root:
            raise wrong
        return
    # The old tree that is a perfect subtree is not repeated in the path.
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        raise wrong
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before, after = _climb(steps, place, last)
    if (before, after) != (old_root, new_root):
        raise wrong


def _climb(steps: Sequence[Hash], place: int, last: int) -> tuple[Hash, Hash]:
    """Return the old and the new root that a consistency proof leads to."""
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofError("the proof is too long")
        if place & 1 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the proof is too short")
    return before, after
