"""The public page: what it tells, in shapes that others read, and nothing that could run or call home."""

import re
from xml.etree import ElementTree as ET

import msgspec
import pytest

from outlast.glass.incident import Certainty, Impact, Incident, Phase, Update
from outlast.glass.page import Component, Health, PublicPage, api
from outlast.glass.render import ATOM, render
from outlast.model.units import Nanos, from_iso

AT = from_iso("2025-10-20T07:00:00Z")
MINUTE_NS = 60_000_000_000
SHOP = Component(name="www.shop.test", health=Health.OPERATIONAL)
HOSTILE = "<script>alert(1)</script> & \"quotes\" 'too'"


def said(minute: int, text: str, phase: Phase, certainty: Certainty, revises: int = 0) -> Update:
    at_ns = Nanos(AT + minute * MINUTE_NS)
    return Update(
        at_ns=at_ns, by="somebody", text=text, phase=phase, certainty=certainty, revises=revises
    )


FIRST = said(1, "We look into it.", Phase.INVESTIGATING, Certainty.PROVISIONAL)
SECOND = said(5, "It is the network.", Phase.IDENTIFIED, Certainty.CONFIRMED)
THIRD = said(9, "It is DNS.", Phase.IDENTIFIED, Certainty.REVISED, revises=2)
LAST = said(60, "All answer.", Phase.RESOLVED, Certainty.CONFIRMED)
NOTE = Update(at_ns=AT, by="somebody", text="not for all", phase=Phase.INVESTIGATING, public=False)


def incident(*updates: Update, exercise: bool = False, title: str = "Paying fails") -> Incident:
    return Incident(
        number=3,
        title=title,
        impact=Impact.MAJOR,
        about=("api",),
        opened_ns=AT,
        began_ns=AT,
        updates=updates,
        exercise=exercise,
    )


def page(*incidents: Incident, components: tuple[Component, ...] = (SHOP,)) -> PublicPage:
    return PublicPage(
        name="Shop",
        url="https://status.shop.test/",
        at_ns=AT,
        every_s=10,
        components=components,
        incidents=incidents,
        checkpoint="outlast.trail/shop\n1\n",
    )


def html(of: PublicPage) -> str:
    return render(of)["index.html"].decode()


@pytest.mark.parametrize(
    ("health", "impact"),
    [
        (Health.OPERATIONAL, Impact.NONE),
        (Health.DEGRADED, Impact.MINOR),
        (Health.PARTIAL, Impact.MAJOR),
        (Health.MAJOR, Impact.CRITICAL),
    ],
)
def test_the_verdict_is_the_worst_that_anybody_meets(health: Health, impact: Impact) -> None:
    """Of names and open incidents; resolved ones and exercises hit nobody."""
    bad = page(components=(SHOP, Component(name="api.shop.test", health=health)))
    assert bad.impact is impact
    assert page(incident(FIRST)).impact is Impact.MAJOR
    assert page(incident(FIRST, LAST)).impact is Impact.NONE
    assert page(incident(FIRST, exercise=True)).impact is Impact.NONE


def test_what_was_wrong_stays_struck_out() -> None:
    """A revised update replaces nothing silently; a private note is in no file."""
    of = page(incident(NOTE, FIRST, SECOND, THIRD))
    assert "<s>We look into it.</s>" in html(of), "revises counts private notes too"
    files = render(of)
    assert not any(b"not for all" in raw for raw in files.values())
    assert not any(b"somebody" in raw for raw in files.values()), "nobody is named"
    assert "revised (replaces update 2)" in html(of)


def test_the_api_has_the_shapes_of_statuspage() -> None:
    """As clients of its version 2 read them."""
    found = api(page(incident(FIRST, SECOND), incident(FIRST, LAST, exercise=True)))
    assert set(found) == {
        "summary.json",
        "status.json",
        "components.json",
        "incidents.json",
        "incidents/unresolved.json",
        "scheduled-maintenances.json",
    }
    summary = msgspec.json.decode(msgspec.json.encode(found["summary.json"]))
    assert summary["page"]["time_zone"] == "Etc/UTC"
    assert summary["status"] == {
        "indicator": "major",
        "description": "Some names answer wrongly in part",
    }
    assert summary["components"][0]["status"] == "operational"
    (open_one,) = summary["incidents"]
    assert open_one["status"] == "identified"
    assert [one["body"] for one in open_one["incident_updates"]] == [
        "[confirmed] It is the network.",
        "[provisional] We look into it.",
    ]
    (exercise,) = summary["scheduled_maintenances"]
    assert exercise["status"] == "completed"
    assert exercise["name"].startswith("Exercise: ")


def test_what_is_over_is_not_among_what_is_unresolved() -> None:
    """It stays in the history of `incidents.json`, with the time at which it was over."""
    found = msgspec.json.decode(msgspec.json.encode(api(page(incident(FIRST, LAST)))))
    assert found["incidents/unresolved.json"]["incidents"] == []
    assert found["summary.json"]["incidents"] == []
    (over,) = found["incidents.json"]["incidents"]
    assert over["resolved_at"] == "2025-10-20T08:00:00Z"


def test_an_exercise_is_told_as_one_wherever_it_is_told() -> None:
    """Open or over; a client that knows incidents alone must not hear of it, for nobody is hit."""
    for updates in ((FIRST,), (FIRST, LAST)):
        of = page(incident(*updates, exercise=True, title="Fire drill"))
        found = api(of)
        assert found["incidents.json"]["incidents"] == []
        assert found["incidents/unresolved.json"]["incidents"] == []
        assert found["summary.json"]["incidents"] == []
        files = render(of)
        assert re.search(r"Exercise</[a-z]+>\s*Fire drill", files["index.html"].decode())
        feed = ET.fromstring(files["history.atom"])
        titles = [one.text or "" for one in feed.findall(f"{{{ATOM}}}entry/{{{ATOM}}}title")]
        assert titles
        assert all(one.startswith("Exercise: Fire drill") for one in titles)


def test_the_feed_is_atom_newest_first() -> None:
    """RFC 4287."""
    feed = ET.fromstring(render(page(incident(FIRST, SECOND)))["history.atom"])
    assert feed.tag == f"{{{ATOM}}}feed"
    titles = [one.text for one in feed.findall(f"{{{ATOM}}}entry/{{{ATOM}}}title")]
    assert titles == ["Paying fails: identified", "Paying fails: investigating"]
    ids = [one.text for one in feed.iter(f"{{{ATOM}}}id")]
    assert len(set(ids)) == 3


def test_nothing_can_run_or_call_another_host() -> None:
    """What people write is text, whatever it says; no address of another host is in any file."""
    hostile = said(1, HOSTILE, Phase.INVESTIGATING, Certainty.PROVISIONAL)
    files = render(page(incident(hostile, title=HOSTILE)))
    text = files["index.html"].decode()
    assert "<script>alert" not in text
    assert text.count("<script") == 1
    assert not re.search(r"\son\w+=|style=", text)
    for name, raw in files.items():
        hosts = set(re.findall(rb"https?://([^/\"<\s]+)", raw))
        assert hosts <= {b"status.shop.test", b"www.w3.org"}, name


def test_the_page_says_when_it_was_written() -> None:
    """For readers with and without script."""
    text = html(page())
    assert 'datetime="2025-10-20T07:00:00Z"' in text
    assert 'data-every="10"' in text
    assert "signed checkpoint" in text
