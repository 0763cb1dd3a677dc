"""Findings go out to Alertmanager and a webhook as those take them, while they last and at their end."""

import httpx
import pytest
from tests.reports.receiver import receiving

from outlast.drivers.reports.outgoing import Finding, Outgoing
from outlast.model.errors import StoreError

AT_S = 1_760_943_600


def finding(cause: str = "us-east", *, at_s: int = AT_S, suggestion: str = "") -> Finding:
    """A region that is held responsible."""
    return Finding(
        key=f"region/{cause}",
        cause=cause,
        text=f"region `{cause}` explains 12 services (99%)",
        started_s=at_s,
        suggestion=suggestion,
        labels={"kind": "region"},
    )


async def test_an_alert_is_repeated_while_it_lasts_keeps_its_start_and_ends() -> None:
    """What is not repeated Alertmanager takes for over, and a start that moves is a new alert to people."""
    with receiving() as there:
        outgoing = Outgoing(alertmanager=there.url + "/")
        for minute in range(3):
            outgoing.put([finding(at_s=AT_S + 60 * minute)], AT_S + 60 * minute)
            await outgoing.tell()
        outgoing.put([], AT_S + 180)
        await outgoing.tell()
        await outgoing.tell()
    assert there.refused == []
    starts = [(len(one), one[0]["startsAt"], one[0].get("endsAt")) for one in there.alerts]
    begun = "2025-10-20T07:00:00Z"
    assert starts == [(1, begun, None)] * 3 + [(1, begun, "2025-10-20T07:03:00Z")]


async def test_several_causes_are_several_alerts_and_one_ends_alone() -> None:
    with receiving() as there:
        outgoing = Outgoing(alertmanager=there.url)
        outgoing.put([finding("a"), finding("b")], AT_S)
        await outgoing.tell()
        outgoing.put([finding("b")], AT_S + 60)
        await outgoing.tell()
    ends = [{one["labels"]["cause"]: "endsAt" in one for one in told} for told in there.alerts]
    assert ends == [{"a": False, "b": False}, {"a": True, "b": False}]
    assert there.refused == []


async def test_a_webhook_hears_each_change_once_and_what_it_missed_in_order() -> None:
    with receiving() as there:
        outgoing = Outgoing(webhook=f"{there.url}/hook")
        there.down = True
        outgoing.put([finding()], AT_S)
        with pytest.raises(StoreError, match="did not take it"):
            await outgoing.tell()
        outgoing.put([finding()], AT_S + 60)  # no change, nothing more to say
        outgoing.put([finding(suggestion="consider: outlast evacuate")], AT_S + 60)
        outgoing.put([], AT_S + 120)
        there.down = False
        await outgoing.tell()
        await outgoing.tell()
    told = [(one["suggestion"][:8], one["ended_s"]) for one in there.hooks]
    assert told == [("", 0), ("consider", 0), ("consider", AT_S + 120)]


async def test_a_receiver_that_is_away_costs_the_other_nothing() -> None:
    """And is told of, so that somebody looks after it."""
    with receiving() as there:
        outgoing = Outgoing(f"{there.url}/hook", "http://127.0.0.1:1")
        outgoing.put([finding()], AT_S)
        with pytest.raises(StoreError, match="did not take it"):
            await outgoing.tell()
    assert len(there.hooks) == 1


async def test_an_end_that_was_not_taken_is_told_again() -> None:
    """Else Alertmanager shows an outage that is over until it forgets it by itself."""
    with receiving() as there:
        outgoing = Outgoing(alertmanager=there.url)
        outgoing.put([finding()], AT_S)
        await outgoing.tell()
        outgoing.put([], AT_S + 60)
        there.down = True
        with pytest.raises(StoreError):
            await outgoing.tell()
        there.down = False
        await outgoing.tell()
    assert "endsAt" in there.alerts[-1][0]


def test_the_receiver_is_as_strict_as_alertmanager() -> None:
    """A receiver that takes everything would prove nothing."""
    good = {"labels": {"alertname": "a"}, "startsAt": "2025-10-20T07:00:00Z"}
    bad: list[object] = [
        [{**good, "status": "firing"}],
        [{**good, "labels": {"alert-name": "a", "alertname": "a"}}],
        [{**good, "labels": {"alertname": "a", "n": 7}}],
        [{**good, "annotations": {"suggestion": ""}}],
        [{**good, "endsAt": "2025-10-20T06:00:00Z"}],
        [{"labels": {"alertname": "a"}}],
        {"alerts": [good]},
    ]
    with receiving() as there:
        for body in bad:
            assert httpx.post(f"{there.url}/api/v2/alerts", json=body).status_code == 400, body
        assert httpx.post(f"{there.url}/api/v2/alerts", json=[good]).status_code == 200
