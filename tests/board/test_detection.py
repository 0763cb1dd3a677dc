"""What detection left in the store, on the pages: all of it, and never more than it says."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from tests.support.boarding import Boarding
from tests.support.boardworld import belief

from outlast.detect.belief import STALE_S, Belief
from outlast.detect.verdict import Outcome
from outlast.drivers.reports.beliefs import write_belief
from outlast.model.units import NS_PER_S, Nanos, iso


async def page(boarding: Boarding, path: str, found: Belief) -> str:
    """Return the text of a page while something is believed."""
    await write_belief(boarding.store, found)
    async with boarding.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


@pytest.mark.parametrize(
    "said",
    [
        "region `us-east` explains 3 of 3 services down.",
        "97 % likely; by chance once in 2,500",
        "outlast evacuate world.yaml us-east",
        "Explains 3: storefront, checkout, catalogue",
        "well, 1: reviews",
        "Passes a failure on, and is no cause: service `catalogue`",
        "2 % likely; explains 1, 1 speak against it",
        "What would tell: probe api (pinned): good speaks for name `api`, bad for region `us-east`",
        "ordered: api (pinned): no answer yet",
        "shop: 2000 of 3000 carries a demand of 1500",
        "a drill says: 3,100 user-minutes lost in the hour, 41,000 if nothing is done",
        "confirmed",
        "240 18.5 31 user, probe; US",
        "storefront in US: ",
        "412 reports",
        "never counts for nothing: never heard",
    ],
)
async def test_detection_tells_what_is_believed(boarding: Boarding, said: str) -> None:
    """What, how sure, what to do; what explains it and what speaks against it; and the evidence."""
    assert said in await page(boarding, "/detection", belief(boarding.clock.now_ns()))


async def test_todays_word_is_not_called_anything_else(boarding: Boarding) -> None:
    """Neither a replay nor old."""
    shown = await page(boarding, "/detection", belief(boarding.clock.now_ns()))
    assert "A replay" not in shown
    assert "This is old" not in shown
    assert "would be refused" not in shown


async def test_an_order_that_would_be_refused_is_told_with_its_reason(boarding: Boarding) -> None:
    """Nobody is to find that out at the prompt."""
    now = belief(boarding.clock.now_ns())
    one = replace(now.suggestions[0], refused="api: below its floor", command="")
    shown = await page(boarding, "/detection", replace(now, suggestions=(one,)))
    assert "refused: api: below its floor" in shown


async def test_a_replay_is_called_so_on_the_board(boarding: Boarding) -> None:
    """Else somebody evacuates from an outage of last year."""
    replayed = replace(belief(boarding.clock.now_ns()), replay=True)
    shown = await page(boarding, "/detection", replayed)
    assert "A replay: region `us-east` explains" in shown


async def test_an_old_word_is_called_old(boarding: Boarding) -> None:
    """It is neither health nor an outage."""
    now = belief(boarding.clock.now_ns())
    boarding.clock.ahead_s = STALE_S + 1
    assert "This is old: detection last spoke" in await page(boarding, "/detection", now)


async def test_nothing_is_concluded_from_an_old_word(boarding: Boarding) -> None:
    """The control plane speaks for itself, and no country is said to be hit."""
    now = belief(boarding.clock.now_ns())
    boarding.clock.ahead_s = STALE_S + 1
    shown = await page(boarding, "/", now)
    assert "explains" not in shown
    assert "no country shows anything" in shown


@pytest.mark.parametrize("replayed", [False, True])
async def test_an_incident_is_opened_from_what_is_believed(
    boarding: Boarding, *, replayed: bool
) -> None:
    """Whom it hits and since when are filled in; a replay is an exercise, and began another day."""
    now = replace(belief(boarding.clock.now_ns()), replay=replayed)
    await write_belief(boarding.store, now)
    async with boarding.logged_in("otto") as client:
        shown = (await client.get("/detection")).text
        (path,) = re.findall(r'href="(/act/incident-open[^"]*)"', shown)
        form = (await client.get(html.unescape(path))).text
    assert 'name="about" value="storefront checkout catalogue"' in form
    began = iso(now.alarms[0].since * 60 * NS_PER_S)
    assert (f'name="began" value="{began}"' in form) is not replayed
    assert ('name="exercise" value="1" checked' in form) is replayed
    assert 'name="title" value=""' in form, "the public reads it: people say it"


@pytest.mark.parametrize(
    ("name", "known"),
    [("rita", {}), ("otto", {"outcome": Outcome.QUIET}), ("otto", {"at_ns": Nanos(0)})],
)
async def test_nothing_is_opened_by_a_reader_or_of_nothing(
    boarding: Boarding, name: str, known: dict[str, Any]
) -> None:
    """Nor of what is old."""
    await write_belief(boarding.store, replace(belief(boarding.clock.now_ns()), **known))
    async with boarding.logged_in(name) as client:
        assert "/act/incident-open" not in (await client.get("/detection")).text
