"""Who may do what: the rules alone."""

from dataclasses import replace

import pytest

from outlast.glass.access import (
    Request,
    Role,
    State,
    Who,
    cannot_act,
    cannot_decide,
    cannot_decline,
    cannot_read,
    waits_until,
)
from outlast.model.units import Nanos

ANN = Who(name="ann", role=Role.APPROVER)
ABE = Who(name="abe", role=Role.APPROVER)
OTTO = Who(name="otto", role=Role.OPERATOR)
RITA = Who(name="rita", role=Role.READER)
ROBOT = Who(name="deploy", role=Role.OPERATOR, owner="ann")
ASKED = Request(
    number=1,
    kind="evacuate",
    parameters="{}",
    reason="smoke",
    by="ann",
    at_ns=Nanos(0),
    state=State.WAITING,
    until_ns=waits_until(0),
)


@pytest.mark.parametrize(
    ("who", "is_open", "may"),
    [(None, True, True), (None, False, False), (RITA, False, True), (ROBOT, False, True)],
)
def test_reading(who: Who | None, *, is_open: bool, may: bool) -> None:
    """On loopback everybody; elsewhere whoever is known."""
    assert (cannot_read(who, is_open=is_open) == "") is may


@pytest.mark.parametrize(
    ("who", "may"), [(None, False), (RITA, False), (OTTO, True), (ANN, True), (ROBOT, True)]
)
def test_acting(who: Who | None, *, may: bool) -> None:
    assert (cannot_act(who) == "") is may


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (ABE, ""),
        (ANN, "you asked for it yourself"),
        (OTTO, "only an approver"),
        (RITA, "may read and not act"),
        (None, "not logged in"),
        (Who(name="x", role=Role.APPROVER, owner="abe"), "nobody's second person"),
    ],
)
def test_the_second_person_is_another_person(who: Who | None, why: str) -> None:
    found = cannot_decide(who, ASKED, Role.APPROVER)
    assert found == "" if why == "" else why in found


def test_nobody_agrees_to_what_their_own_token_asked_for() -> None:
    """Else an approver would be two people with a token."""
    by_token = replace(ASKED, by="deploy", owner="ann")
    assert "yourself" in cannot_decide(ANN, by_token, Role.OPERATOR)
    assert cannot_decide(ABE, by_token, Role.OPERATOR) == ""


@pytest.mark.parametrize("role", [None, Role.READER])
def test_whoever_asked_must_still_be_allowed_to(role: Role | None) -> None:
    """A disabled account evacuates nothing an hour later."""
    assert "may not act any more" in cannot_decide(ABE, ASKED, role)


def test_a_request_waits_for_an_hour() -> None:
    """What was true when it was asked for goes stale."""
    late = ASKED.at(ASKED.until_ns + 1)
    assert ASKED.at(ASKED.until_ns).state is State.WAITING
    assert late.state is State.EXPIRED
    assert "expired" in cannot_decide(ABE, late, Role.APPROVER)
    assert "expired" in cannot_decline(ABE, late)
    assert replace(ASKED, state=State.DONE).at(ASKED.until_ns + 1).state is State.DONE


@pytest.mark.parametrize(
    ("who", "may"), [(ANN, True), (ABE, True), (OTTO, False), (RITA, False), (ROBOT, True)]
)
def test_whoever_asked_and_every_approver_may_end_it(who: Who, *, may: bool) -> None:
    """The robot is ann's."""
    assert (cannot_decline(who, ASKED) == "") is may
