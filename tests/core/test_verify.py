"""Verify: whatever the DNS holds is proof, or a drift with a name; nothing is an error."""

from dataclasses import replace

import pytest
from tests.support.builders import (
    NAME,
    addresses,
    endpoint,
    fence,
    fence_of,
    live,
    observed,
    plan,
)

from outlast.core.verify import compare
from outlast.model.plan import Drift, DriftKind, Observation, Proof
from outlast.model.records import RecordType

OF = endpoint("eu-1", "us-1")
FIRST = plan(OF)
PLAN = plan(OF, "eu-1", generation=2, head=FIRST)
OLD = live(OF, FIRST)
CNAME = replace(addresses("10.0.0.9"), rtype=RecordType.CNAME, values=("elsewhere.example.com",))


def test_the_plan_itself_is_proof() -> None:
    """Fence and content both are the plan's."""
    found = compare(PLAN, live(OF, PLAN))
    assert isinstance(found, Proof)
    assert found.fence == fence_of(PLAN)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (observed(OF), DriftKind.EMPTY),
        (observed(OF, *PLAN.record_sets), DriftKind.FENCE_ABSENT),
        (observed(OF, *PLAN.record_sets, fence="outlast1 g=2"), DriftKind.FENCE_FOREIGN),
        (observed(OF, fence="outlast1 g=2"), DriftKind.FENCE_FOREIGN),
        (OLD, DriftKind.BEHIND),
        (observed(OF, fence=fence_of(FIRST)), DriftKind.BEHIND),
        (observed(OF, fence=fence_of(PLAN)), DriftKind.EMPTY),
        (observed(OF, addresses("10.0.0.9"), fence=fence_of(PLAN)), DriftKind.CONTENT),
        (observed(OF, *FIRST.record_sets, fence=fence_of(PLAN)), DriftKind.CONTENT),
        (observed(OF, CNAME, fence=fence_of(PLAN)), DriftKind.EMPTY),
        (observed(OF, *PLAN.record_sets, CNAME, fence=fence_of(PLAN)), DriftKind.CONTENT),
        (observed(OF, addresses("10.0.0.9"), fence=fence(3)), DriftKind.AHEAD),
        (observed(OF, *PLAN.record_sets, fence=fence(2, "f" * 32)), DriftKind.AHEAD),
    ],
)
def test_every_drift_has_a_name(found: Observation, kind: DriftKind) -> None:
    """Nothing, garbage, an older plan, half a plan, a foreign hand: each is an ordinary finding."""
    drift = compare(PLAN, found)
    assert isinstance(drift, Drift)
    assert drift.kind is kind
    assert drift.message


def test_a_doubled_fence_is_no_fence() -> None:
    """Two well-formed fences side by side say nothing about what is published."""
    doubled = replace(live(OF, PLAN), fence=(str(fence_of(PLAN)), str(fence(3))))
    drift = compare(PLAN, doubled)
    assert isinstance(drift, Drift)
    assert drift.kind is DriftKind.FENCE_FOREIGN


def test_another_ttl_is_another_content() -> None:
    """A TTL of an hour where 30 s were planned keeps clients on a dead address for an hour."""
    slow = tuple(replace(one, ttl_s=3600) for one in PLAN.record_sets)
    drift = compare(PLAN, observed(OF, *slow, fence=fence_of(PLAN)))
    assert isinstance(drift, Drift)
    assert drift.kind is DriftKind.CONTENT
    assert "3600" in drift.message


def test_the_message_names_what_is_empty() -> None:
    """At 3 a.m. the name and the type are what one needs."""
    drift = compare(PLAN, observed(OF, fence=fence_of(PLAN)))
    assert isinstance(drift, Drift)
    assert f"{NAME} A" in drift.message
