"""Marks: what was seen of a store must come by again in the watch, the same and in its place."""

import pytest

from outlast.drivers.stores.etcd.link import Access, Link
from outlast.drivers.stores.etcd.marks import Keys, Mark, Marks
from outlast.model.errors import StoreReplaced
from outlast.model.topology import Address

SEEN = Mark(5, b"a", 5)


@pytest.fixture
async def marks() -> Marks:
    """Marks of an etcd that nobody asks."""
    link = Link(Access(endpoints=(Address(host="192.0.2.1", port=2379),)))
    return Marks(link, Keys(b"outlast/"))


@pytest.mark.parametrize(
    "brought",
    [
        Mark(5, b"b", 5),  # restored, and written on just as far by somebody else
        Mark(6, b"a", 6),
        Mark(6, b"b", 6),  # ours was taken back
    ],
)
async def test_a_mark_that_the_watch_does_not_bring_was_another_stores(
    marks: Marks, brought: Mark
) -> None:
    marks.left(SEEN)
    with pytest.raises(StoreReplaced):
        marks.brought(brought)
    assert marks.replaced is not None, "nobody uses it again"


async def test_what_was_brought_needs_no_second_proof(marks: Marks) -> None:
    """Older ones come by before it; one that the watch showed first waits for nothing."""
    marks.left(SEEN)
    marks.brought(Mark(4, b"x", 4))
    assert marks.oldest_unproven == SEEN
    marks.brought(SEEN)
    assert marks.oldest_unproven is None
    marks.brought(Mark(7, b"c", 7))
    marks.left(Mark(7, b"c", 7))
    assert marks.oldest_unproven is None
    assert marks.replaced is None
