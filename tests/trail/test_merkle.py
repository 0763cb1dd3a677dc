"""The tree: the roots and proofs of another program's, and every proof tampered with."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from outlast.trail.growing import Growing, Tile
from outlast.trail.merkle import (
    EMPTY_ROOT,
    Hash,
    ProofError,
    Subtrees,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    perfect_root,
    root,
)
from outlast.trail.tiles import WIDTH, subtrees_of, width_of, widths

SIZES = st.integers(1, 70)

KNOWN = [b"", b"\0", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
"""The entries of the test vectors that certificate transparency logs share."""

KNOWN_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def entry(index: int) -> bytes:
    return f"entry {index}".encode()


def subtrees(entries: list[bytes]) -> Subtrees:
    hashes = [leaf_hash(one) for one in entries]
    return lambda level, index: perfect_root(hashes[index << level : (index + 1) << level])


def numbered(size: int) -> Subtrees:
    return subtrees([entry(index) for index in range(size)])


def peer(size: int) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for index in range(size):
        tree.append_entry(entry(index))
    return tree


@pytest.mark.parametrize(("size", "expected"), KNOWN_ROOTS.items())
def test_roots_of_the_shared_vectors(size: int, expected: str) -> None:
    """As in RFC 6962's reference implementation."""
    assert root(subtrees(KNOWN), size).hex() == expected


def test_the_empty_tree_has_a_root() -> None:
    """SHA-256 of nothing (RFC 6962 section 2.1)."""
    assert root(numbered(0), 0) == EMPTY_ROOT
    assert EMPTY_ROOT.hex().startswith("e3b0c442")


@settings(derandomize=True, max_examples=60)
@given(SIZES)
def test_roots_are_those_of_another_program(size: int) -> None:
    """Whatever the size."""
    assert root(numbered(size), size) == peer(size).get_root()


@settings(derandomize=True, max_examples=150)
@given(SIZES, st.data())
def test_inclusion(size: int, data: st.DataObject) -> None:
    """A proof holds for its entry and its place alone, and another program takes it."""
    index = data.draw(st.integers(0, size - 1))
    tree, expected = numbered(size), root(numbered(size), size)
    path = inclusion_proof(tree, index, size)
    leaf = leaf_hash(entry(index))
    check_inclusion(leaf, index, size, path, expected)
    theirs = peer(size).prove_inclusion(index + 1)
    verify_inclusion(leaf, expected, theirs)
    assert sorted(path) == sorted(theirs.path[1:])
    with pytest.raises(ProofError):
        check_inclusion(leaf_hash(b"another"), index, size, path, expected)
    if size > 1:
        with pytest.raises(ProofError):
            check_inclusion(leaf, (index + 1) % size, size, path, expected)
        for damaged in _damaged(path):
            with pytest.raises(ProofError):
                check_inclusion(leaf, index, size, damaged, expected)


@settings(derandomize=True, max_examples=150)
@given(SIZES, st.data())
def test_consistency(size: int, data: st.DataObject) -> None:
    """A proof holds between these two trees alone."""
    old = data.draw(st.integers(1, size))
    tree = numbered(size)
    before, after = root(tree, old), root(tree, size)
    path = consistency_proof(tree, old, size)
    check_consistency(old, size, path, before, after)
    verify_consistency(before, after, peer(size).prove_consistency(old, size))
    with pytest.raises(ProofError):
        check_consistency(old, size, path, leaf_hash(b"no root"), after)
    if old < size:
        with pytest.raises(ProofError):
            check_consistency(old, size, path, before, leaf_hash(b"no root"))
        for damaged in _damaged(path):
            with pytest.raises(ProofError):
                check_consistency(old, size, damaged, before, after)


def _damaged(path: list[Hash]) -> list[list[Hash]]:
    flipped = [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]]
    return [flipped, path[1:], [*path, path[-1]]]


def test_what_cannot_be_proved_is_refused() -> None:
    """No proof of an entry or a tree that is not there."""
    tree = numbered(3)
    for index in (-1, 3):
        with pytest.raises(ValueError, match=r"entry"):
            inclusion_proof(tree, index, 3)
        with pytest.raises(ProofError, match=r"entry"):
            check_inclusion(leaf_hash(b""), index, 3, [], EMPTY_ROOT)
    for old in (0, 4):
        with pytest.raises(ValueError, match=r"proof"):
            consistency_proof(tree, old, 3)
        with pytest.raises(ProofError, match=r"proof"):
            check_consistency(old, 3, [], EMPTY_ROOT, EMPTY_ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_050])
def test_a_growing_tree_has_the_same_root(size: int) -> None:
    """Its edge is enough, whatever was added at once, and it can be taken up again from its tiles."""
    hashes = [leaf_hash(entry(index)) for index in range(size)]
    tiles: dict[tuple[int, int], tuple[Hash, ...]] = {}

    def keep(made: list[Tile]) -> None:
        tiles.update({(one.level, one.index): one.hashes for one in made})

    tree = Growing.empty()
    at = 0
    for step in (1, 7, 250, 1000):
        keep(tree.add(hashes[at : at + step]))
        at += step
    keep(tree.add(hashes[at:]))
    keep(tree.partial())
    assert tree.size == size
    assert set(tiles) == {
        (level, index) for level, count in widths(size) for index in range(-(-count // WIDTH))
    }
    for level, count in widths(size):
        for index in range(-(-count // WIDTH)):
            assert len(tiles[level, index]) == width_of(count, index)

    def read(level: int, index: int, width: int) -> tuple[Hash, ...]:
        return tiles[level, index][:width]

    plain = root(lambda level, at: perfect_root(hashes[at << level : (at + 1) << level]), size)
    assert tree.root() == plain
    assert root(subtrees_of(read, size), size) == plain
    assert Growing.resume(size, read).root() == plain
