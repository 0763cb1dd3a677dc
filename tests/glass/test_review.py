"""Incidents measured from the trail: what was done, by which entry; and what nobody knows."""

from dataclasses import replace

import pytest

from outlast.glass.incident import (
    Certainty,
    Impact,
    Incident,
    Phase,
    Provenance,
    Step,
    Update,
    lead_s,
    milestones,
    missing,
)
from outlast.glass.review import as_html, review
from outlast.model.units import Nanos, from_iso
from outlast.trail.entry import TrailEntry

AT = from_iso("2025-10-20T06:48:00Z")
MINUTE_NS = 60_000_000_000


def at(minute: float) -> Nanos:
    return Nanos(AT + round(minute * MINUTE_NS))


def entry(minute: float, event: str, about: str = "shop", text: str = "so it was") -> TrailEntry:
    return TrailEntry(at_ns=at(minute), event=event, about=about, by="planner", text=text)


def told(minute: float, phase: Phase = Phase.INVESTIGATING, *, public: bool = True) -> Update:
    return Update(
        at_ns=at(minute),
        by="somebody",
        text=f"{phase} | <b>",
        phase=phase,
        certainty=Certainty.PROVISIONAL,
        public=public,
    )


INCIDENT = Incident(
    number=1,
    title="Shop is empty",
    impact=Impact.CRITICAL,
    about=("shop",),
    opened_ns=at(4),
    began_ns=at(0),
    notice_ns=at(23),
    updates=(told(4, public=False), told(6), told(90, Phase.RESOLVED)),
)
TRAIL = [
    (7, entry(-5, "alarm", text="before it began")),
    (8, entry(1, "plan")),
    (9, entry(2, "alarm", text="7 times what is usual")),
    (10, entry(2.5, "alarm", text="again")),
    (11, entry(3, "verdict", text="endpoint `shop`")),
    (12, entry(5, "override", about="", text="us-east is being evacuated")),
    (13, entry(6, "override", about="api", text="another endpoint")),
    (14, entry(120, "override", text="after it was over")),
]


def test_what_happens_after_the_end_or_before_the_beginning_is_no_step_of_it() -> None:
    """To the nanosecond: the word that ends it and what happened at that moment belong to it."""
    for minute, inside in ((-0.1, False), (0, True), (90, True), (90.1, False), (120, False)):
        acted = [(12, entry(minute, "override"))]
        assert (Step.ACTED not in missing(milestones(INCIDENT, acted))) is inside, minute


def test_what_is_said_after_the_end_makes_no_outage_longer() -> None:
    """A note of the next day, or a correction; but whoever takes it back makes it go on."""
    later = replace(INCIDENT, updates=(*INCIDENT.updates, told(900, Phase.RESOLVED, public=False)))
    assert later.resolved_ns == at(90)
    recovered = next(one for one in milestones(later, []) if one.step is Step.RECOVERED)
    assert recovered.after_s == 90 * 60
    assert replace(later, updates=(*later.updates, told(950))).resolved_ns is None
    again = (*later.updates, told(950), told(960, Phase.RESOLVED))
    assert replace(later, updates=again).resolved_ns == at(960)


def test_only_a_verdict_that_names_a_cause_attributes() -> None:
    """Quiet, nothing shared and unknown are verdicts, too, and concern nobody in particular."""
    quiet = entry(3, "verdict", about="", text="quiet: nothing is down")
    assert Step.ATTRIBUTED in missing(milestones(INCIDENT, [(11, quiet)]))
    assert Step.ATTRIBUTED not in missing(milestones(INCIDENT, [(11, quiet), TRAIL[4]]))


def test_steps_are_measured_at_their_first_sign() -> None:
    """By entries of its time and its subject, and by what people said."""
    found = milestones(INCIDENT, TRAIL)
    assert [(one.step, one.after_s / 60, one.index) for one in found] == [
        (Step.DETECTED, 2.0, 9),
        (Step.ATTRIBUTED, 3.0, 11),
        (Step.ACKNOWLEDGED, 4.0, None),
        (Step.ACTED, 5.0, 12),
        (Step.PUBLISHED, 6.0, None),
        (Step.RECOVERED, 90.0, None),
    ]
    assert [one.provenance for one in found[:3]] == [
        Provenance.MEASURED,
        Provenance.MEASURED,
        Provenance.HUMAN,
    ]
    assert missing(found) == []
    assert lead_s(INCIDENT, found) == 21 * 60


def test_what_is_missing_is_listed_and_not_made_up() -> None:
    """An incident that nobody saw, and that nobody has told of."""
    alone = Incident(
        number=2,
        title="x",
        impact=Impact.NONE,
        about=(),
        opened_ns=at(4),
        began_ns=at(0),
        updates=(told(4, public=False),),
    )
    found = milestones(alone, [])
    assert missing(found) == [
        Step.DETECTED,
        Step.ATTRIBUTED,
        Step.ACTED,
        Step.PUBLISHED,
        Step.RECOVERED,
    ]
    assert lead_s(alone, found) is None
    text = review(alone, [])
    assert "- no sign that it was detected" in text
    assert "- when the provider at fault gave notice itself is not on record" in text
    assert "resolved | not yet" in text


def test_a_review_names_where_each_value_is_from() -> None:
    """And leaves the reasoning to people."""
    text = review(INCIDENT, TRAIL)
    assert (
        "| detected | 2025-10-20T06:50:00Z | 2 min 00 s | 7 times what is usual | measured, entry 9 |"
        in text
    )
    assert "Detected 21 min 00 s before the provider's own notice." in text
    assert "| length | 1 h 30 min |" in text
    assert "another endpoint" not in text
    assert "## What made sense at the time" in text
    assert r"resolved \| &lt;b>" in text, "nothing leaves its place in a table"


def test_a_review_as_html_runs_nothing() -> None:
    """What people wrote is text."""
    page = as_html(review(INCIDENT, TRAIL), "<title>")
    assert "<b>" not in page
    assert "&lt;title>" in page
    assert "<table>" in page


def test_an_update_cannot_revise_what_was_not_said() -> None:
    """There are three."""
    wrong = Update(at_ns=at(1), by="x", text="y", phase=Phase.RESOLVED, revises=4)
    with pytest.raises(ValueError, match="no update 4: there are 3"):
        INCIDENT.updated(wrong)


def test_a_verdict_on_a_cause_concerns_the_services_that_it_explains() -> None:
    """It stands under the cause's name, and the incident is about those that are hit."""
    verdict = replace(entry(3, "verdict", about="us-east"), data={"concerns": ["api", "shop"]})
    other = replace(entry(2.5, "verdict", about="us-west"), data={"concerns": ["bank"]})
    found = milestones(INCIDENT, [(1, entry(2, "alarm")), (2, other), (3, verdict)])
    assert [one.index for one in found if one.step is Step.ATTRIBUTED] == [3]
