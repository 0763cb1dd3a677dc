"""What `outlast status` tells of big plans: which tree is live, which is kept, which goes, and when."""

from dataclasses import replace

import pytest
from tests.support.builders import at, endpoint, fence_of, plan

from outlast.app.trees import tree_lines
from outlast.core.sweep import Laid
from outlast.drivers.entries import EndpointRow, Head
from outlast.model.names import EnactorName
from outlast.model.plan import Plan, Receipt, Ruling
from outlast.model.units import iso

TTL_S = 60
OF = endpoint("eu-1", "us-1", ttl_s=TTL_S)


def treed(generation: int, ttl_s: int = TTL_S) -> Plan:
    """A plan of two records that lies in a tree."""
    made = plan(replace(OF, ttl_s=ttl_s), generation=generation)
    return replace(made, layout=replace(made.layout, tree=True))


def row_of(live: Plan | None, head: Plan) -> EndpointRow:
    """What the store knows: this plan confirmed, that one the newest."""
    ruling = Ruling(endpoint=head.endpoint, generation=head.generation, findings=())
    receipt = None
    if live is not None:
        receipt = Receipt(
            endpoint=live.endpoint,
            provider=live.layout.provider,
            enactor=EnactorName("e1"),
            fence=fence_of(live),
            at_ns=at(0),
        )
    return EndpointRow(endpoint=head.endpoint, head=Head(plan=head, ruling=ruling), receipt=receipt)


def states(row: EndpointRow | None, *trees: Laid) -> dict[int, str]:
    """What is told of each tree, by generation."""
    rows = {} if row is None else {OF.name: row}
    return {one.generation: one.state for one in tree_lines(rows, {OF.name: trees})}


def laid(generation: int, *, live: bool = True, ttl_s: int = TTL_S) -> Laid:
    """A tree as it is written down."""
    return replace(Laid.of(treed(generation, ttl_s)), was_live=live)


def test_the_live_tree_the_one_before_it_and_those_that_go_are_told_apart() -> None:
    """An hour's pointer that may still be followed decides for how long."""
    found = states(
        row_of(treed(4), treed(5)),
        laid(1, ttl_s=3600),
        laid(2, live=False),
        laid(3),
        laid(4),
        laid(5, live=False),
    )
    until = iso(at(3600))
    going = f"quarantined until {until} or later, then swept"
    assert found == {1: going, 2: going, 3: "kept, it was live before", 4: "live", 5: "being laid"}


def test_after_a_plan_went_back_in_place_no_tree_is_live() -> None:
    """The quarantine is as long as its own TTL and that of any tree."""
    flat = plan(replace(OF, ttl_s=90), generation=3)
    until = iso(at(90))
    assert states(row_of(flat, flat), laid(1), laid(2)) == {
        1: f"quarantined until {until} or later, then swept",
        2: "kept, it was live before",
    }


@pytest.mark.parametrize("row", [None, row_of(None, treed(1))])
def test_without_a_confirmation_nothing_is_promised(row: EndpointRow | None) -> None:
    """A store that lost its receipts knows that trees may stand, and no more."""
    assert states(row, laid(1)) == {1: "nothing is confirmed of its endpoint"}


def test_a_tree_that_was_given_up_is_not_called_being_laid() -> None:
    """Its plan was overtaken; the next confirmed plan makes it an old one."""
    assert states(row_of(treed(1), treed(3)), laid(1), laid(2, live=False))[2] == (
        "given up, not live"
    )


def test_a_line_tells_number_size_and_fate() -> None:
    """A tree that was written down before records were counted says so."""
    old = replace(laid(1), records=0)
    lines = tree_lines({OF.name: row_of(treed(2), treed(2))}, {OF.name: (old, laid(2))})
    assert [one.told for one in lines] == [
        f"tree {OF.name}: plan 2 ({laid(2).top}), 2 records: live",
        f"tree {OF.name}: plan 1 ({old.top}), records not counted: kept, it was live before",
    ]
