"""Adopt: what somebody else published as a newer generation becomes the newest plan."""

from dataclasses import replace

import pytest
from tests.support.builders import (
    DOWN,
    NAME,
    addresses,
    at,
    endpoint,
    fence,
    fence_of,
    healths,
    live,
    member,
    observed,
    plan,
    published,
    situation,
)

from outlast.core.adopt import adopt, adoption_ruling, hold_after_rescue
from outlast.model.fence import RESCUER
from outlast.model.override import Freeze
from outlast.model.plan import Origin
from outlast.model.records import RecordSet, RecordType, digest_of

OF = endpoint("eu-1", "us-1")
HEAD = plan(OF)
RESCUED = plan(OF, "eu-1", generation=5)
ASKED = situation(OF, healthy=healths(OF, "us-1"), head=HEAD)


def test_a_live_publication_becomes_a_plan_as_it_stands() -> None:
    """Same generation, digest and records; its base is the newest plan we knew."""
    found = adopt(ASKED, live(OF, RESCUED), fence_of(RESCUED))
    assert found is not None
    assert (found.generation, found.base) == (5, 1)
    assert (found.digest, found.record_sets) == (RESCUED.digest, RESCUED.record_sets)
    assert found.owns


def test_members_say_what_was_found_live() -> None:
    """The dead target stands in the DNS all the same: that is what was found."""
    found = adopt(ASKED, live(OF, RESCUED), fence_of(RESCUED))
    assert found is not None
    assert published(found) == ["us-1"]
    assert member(found, "us-1").verdict is DOWN
    assert member(found, "eu-1").why == "not found live"


@pytest.mark.parametrize(("writer", "origin"), [(RESCUER, Origin.RESCUE), ("e7", Origin.ADOPTED)])
def test_a_rescue_is_told_from_another_automation(writer: str, origin: Origin) -> None:
    """Only a person's rescue is held; a plan of our own lost history is just taken."""
    found = adopt(ASKED, live(OF, RESCUED), fence_of(RESCUED, writer=writer))
    assert found is not None
    assert found.origin is origin
    assert (hold_after_rescue(found, hold_s=60, now_ns=at(1)) is not None) is (writer == RESCUER)


def test_altered_records_under_a_newer_fence_are_not_adopted() -> None:
    """They are not what was published with this fence; nobody vouches for them."""
    altered = observed(OF, addresses("10.6.6.6"), fence=fence_of(RESCUED))
    assert adopt(ASKED, altered, fence_of(RESCUED)) is None


def test_nothing_at_all_is_never_adopted() -> None:
    """A fence that names the digest of nothing, or of weights alone, must not make emptiness the plan."""
    weights = RecordSet(NAME, RecordType.TXT, 30, ("10.0.0.1=1",))
    for sets in ((), (weights,)):
        empty = fence(5, digest_of(sets), writer=RESCUER)
        assert adopt(ASKED, observed(OF, *sets, fence=empty), empty) is None


def test_a_first_adoption_has_no_base() -> None:
    """The store was lost altogether."""
    found = adopt(replace(ASKED, head=None), live(OF, RESCUED), fence_of(RESCUED))
    assert found is not None
    assert found.base == 0


def test_adoption_is_not_asked_of_the_guard_but_noted() -> None:
    """It is live already: refusing would only lose sight of it."""
    ruling = adoption_ruling(RESCUED)
    assert ruling.allowed
    assert [one.rule for one in ruling.findings] == ["adopted"]


def test_a_rescue_is_held_for_a_while_and_not_where_told_otherwise() -> None:
    """Health may still say what it said before the rescue."""
    found = adopt(ASKED, live(OF, RESCUED), fence_of(RESCUED, writer=RESCUER))
    assert found is not None
    assert hold_after_rescue(found, hold_s=0, now_ns=at(9)) is None
    held = hold_after_rescue(found, hold_s=60, now_ns=at(9))
    assert isinstance(held, Freeze)
    assert (held.endpoint, held.until_ns) == (OF.name, at(69))
