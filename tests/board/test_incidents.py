"""Incidents on the board: the list, one with its steps, and the review, from the verified trail alone."""

from pathlib import Path

import httpx
import pytest
from tests.support.boarding import Boarding

from outlast.app.board.forms import IncidentOpen, IncidentSay
from outlast.app.commands.incident import put_opening, put_saying
from outlast.glass.incident import Impact, Phase
from outlast.model.errors import StoreError
from outlast.trail.tiles import CHECKPOINT

REVIEWS = ("/incidents/1/review.md", "/incidents/1/review.html")


async def tell(boarding: Boarding) -> None:
    """Open an incident and an exercise; say something about the first."""
    ledger, now_ns = boarding.world.ledger(boarding.store, "test"), boarding.clock.now_ns()
    hit = IncidentOpen(title="Paying fails", say="We look.", impact=Impact.MAJOR, about=("shop",))
    drill = IncidentOpen(title="Fire drill", say="Nobody is hit.", exercise=True)
    said = IncidentSay(number=1, say="It is <b>DNS</b>.", phase=Phase.IDENTIFIED)
    await put_opening(ledger, hit, "ann", now_ns)
    await put_opening(ledger, drill, "ann", now_ns)
    await put_saying(ledger, said, "ann", now_ns)
    await put_saying(ledger, IncidentSay(number=1, say="Between us.", private=True), "ann", now_ns)


async def publish(boarding: Boarding) -> Path:
    """Let the trail be published; return its folder."""
    await boarding.world.trail_keeper(boarding.store, lambda _: None).keep()
    return boarding.world.state.trail


async def get(boarding: Boarding, path: str) -> httpx.Response:
    """Read a page as nobody in particular."""
    async with boarding.client() as client:
        return await client.get(path)


async def test_one_shows_what_was_said(boarding: Boarding) -> None:
    """Notes as such; an exercise is said to be one; what people wrote is text and never markup."""
    await tell(boarding)
    page = (await get(boarding, "/incidents/1")).text
    assert "It is &lt;b&gt;DNS&lt;/b&gt;." in page
    assert "identified, provisional, not public" in page
    assert '<h1 class="bad">Incident 1: Paying fails' in page
    assert '<h1 class="">Exercise 2: Fire drill' in (await get(boarding, "/incidents/2")).text


async def test_the_list_shows_what_was_opened(boarding: Boarding) -> None:
    """Newest first, with a link to each and its last word."""
    await tell(boarding)
    page = (await get(boarding, "/incidents")).text
    assert "2 incidents on record" in page
    assert page.index("2: Fire drill") < page.index("1: Paying fails")
    assert "(exercise)" in page
    assert 'href="/incidents/1"' in page
    assert "major, identified" in page
    assert "Between us." in page


@pytest.mark.parametrize(("name", "offered"), [("rita", False), ("otto", True)])
async def test_only_who_may_act_is_offered_to(
    boarding: Boarding, name: str, *, offered: bool
) -> None:
    """A reader would fill a form in at night and be refused."""
    await tell(boarding)
    async with boarding.logged_in(name) as client:
        for path in ("/incidents", "/incidents/1"):
            assert ("/act/incident-" in (await client.get(path)).text) is offered


async def test_an_empty_list_says_so(boarding: Boarding) -> None:
    assert "None was ever opened" in (await get(boarding, "/incidents")).text


async def test_without_a_trail_it_says_what_is_missing(boarding: Boarding) -> None:
    """What people said is there; there is no review of facts that nobody can check."""
    await tell(boarding)
    page = await get(boarding, "/incidents/1")
    assert page.status_code == 200
    assert "it is not published yet" in page.text
    assert "No sign that it was detected, attributed" in page.text
    for path in REVIEWS:
        answer = await get(boarding, path)
        assert answer.status_code == 503
        assert "it is not published yet" in answer.text


async def test_the_review_can_be_taken_along(boarding: Boarding) -> None:
    """As the command writes it, from the trail, each fact with its entry."""
    await tell(boarding)
    await boarding.world.ledger(boarding.store, "test").note(
        "plan", "shop leaves us-east", endpoint="shop", by="planner"
    )
    await publish(boarding)
    assert "is missing here" not in (await get(boarding, "/incidents/1")).text
    plain = await get(boarding, REVIEWS[0])
    assert plain.headers["content-disposition"] == 'attachment; filename="incident-1.md"'
    assert plain.headers["content-type"].startswith("text/markdown")
    assert "incident 1 opened: Paying fails" in plain.text
    assert "Fire drill" not in plain.text
    html = await get(boarding, REVIEWS[1])
    assert html.headers["content-disposition"] == 'attachment; filename="incident-1.html"'
    assert "<table>" in html.text
    assert "<b>DNS" not in html.text


async def test_a_trail_that_somebody_edited_gives_no_review(boarding: Boarding) -> None:
    """It says what differs; once the files are whole again, the review is back with the next entry."""
    await tell(boarding)
    folder = await publish(boarding)
    (bundle,) = (one for one in folder.rglob("*") if one.is_file() and "entries" in one.parts)
    whole = bundle.read_bytes()
    bundle.write_bytes(whole.replace(b"Paying fails", b"Paying works"))
    page, answer = await get(boarding, "/incidents/1"), await get(boarding, REVIEWS[0])
    assert "one of them was changed" in page.text
    assert (answer.status_code, "one of them was changed" in answer.text) == (503, True)
    bundle.write_bytes(whole)
    await boarding.world.ledger(boarding.store, "test").note("tick", "goes on", by="somebody")
    await publish(boarding)
    assert (await get(boarding, REVIEWS[0])).status_code == 200


async def test_whatever_is_said_stands_in_the_journal_by_the_same_commit(
    boarding: Boarding,
) -> None:
    """Else a process that dies between the two had told the public what is in no trail."""
    await tell(boarding)
    told = await boarding.store.scan("incident/")
    notes = await boarding.store.scan("journal/")
    assert {one.revision for one in told.entries} <= {one.revision for one in notes.entries}
    assert len(notes.entries) == 4


@pytest.mark.parametrize(
    "path", ["/incidents/7", "/incidents/7/review.md", "/incidents/1/review.pdf"]
)
async def test_what_does_not_exist_is_not_found(boarding: Boarding, path: str) -> None:
    """An incident, its review, a kind of file that is not made."""
    await tell(boarding)
    await publish(boarding)
    assert (await get(boarding, path)).status_code == 404


@pytest.mark.parametrize("path", ["/incidents/1", *REVIEWS])
async def test_while_the_store_is_lost_nobody_says_that_there_is_none(
    boarding: Boarding, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """That would be a lie: nobody knows."""
    await tell(boarding)

    async def lost(prefix: str, *, newer_than: int = 0) -> None:
        raise StoreError("the store cannot be reached", remedy="wait")

    monkeypatch.setattr(boarding.store, "scan", lost)
    answer = await get(boarding, path)
    assert answer.status_code == 503
    assert "the store cannot be reached" in answer.text
    assert (boarding.world.state.trail / CHECKPOINT).exists() is False
