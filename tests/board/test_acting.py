"""Acting: preview, reason, second person, and what stands on record afterwards."""

import json

import httpx
import pytest
from tests.support.boarding import Boarding, hidden

from outlast.app.board import forms
from outlast.app.board.access import CSRF
from outlast.app.board.actions import KINDS
from outlast.app.board.forms import REASON_MAX
from outlast.app.cli import COMMANDS
from outlast.app.commands import evacuate
from outlast.core.guard import WAIVABLE
from outlast.drivers import requests
from outlast.drivers.ledger import Ledger
from outlast.drivers.requests import all_requests, settle
from outlast.glass.access import WAITS_S, State
from outlast.model.errors import OutlastError
from outlast.model.names import EndpointName
from outlast.model.override import Freeze, Override, Waiver

WAIVE = {"rule": "budget", "endpoint": "shop", "length": "10m"}


def ledger(boarding: Boarding) -> Ledger:
    return boarding.world.ledger(boarding.store, "test")


async def in_force(boarding: Boarding) -> list[Override]:
    """What people have ordered."""
    overrides, _ = await ledger(boarding).overrides()
    return overrides or []


async def send(
    client: httpx.AsyncClient, kind: str, fields: dict[str, str], reason: str = "look first"
) -> httpx.Response:
    """Ask for a preview as a person does, then send its form."""
    page = await client.get(f"/act/{kind}", params=fields | {"preview": "1"})
    assert page.status_code == 200, page.text
    sent = {CSRF: hidden(page.text, CSRF), "seen": hidden(page.text, "seen"), "reason": reason}
    return await client.post(f"/act/{kind}", data=fields | sent)


async def decide(client: httpx.AsyncClient, number: int, how: str = "agree") -> httpx.Response:
    """Look at a request, then agree to it or end it."""
    page = (await client.get(f"/requests/{number}")).text
    seen = hidden(page, "seen") if 'name="seen"' in page else ""
    account = (await client.get("/account")).text
    sent = {CSRF: hidden(account, CSRF), "seen": seen}
    return await client.post(f"/requests/{number}/{how}", data=sent)


async def test_an_action_shows_first_and_asks_why(boarding: Boarding) -> None:
    """A preview changes nothing; what was done stands on its page, in the journal, with name and role."""
    async with boarding.logged_in("otto") as client:
        page = await client.get("/act/freeze?endpoint=www.shop.test&length=2h&preview=1")
        assert "<code>freeze shop</code>" in page.text
        assert await in_force(boarding) == []
        done = await send(client, "freeze", {"endpoint": "www.shop.test", "length": "2h"})
        assert done.headers["location"] == "/requests/1"
        shown = (await client.get("/requests/1")).text
    assert "Request 1: freeze" in shown
    assert "shop is frozen until" in shown
    overrides = await in_force(boarding)
    assert [(type(one), one.by, one.reason) for one in overrides] == [
        (Freeze, "otto", "look first")
    ]
    told = [one for one in await ledger(boarding).history(None, limit=10) if one.event == "request"]
    assert told[0].text == "operator acts: freeze: look first"
    assert {one.by for one in told} == {"otto"}
    data = told[0].data
    assert data is not None
    assert data["parameters"] == {"endpoint": "www.shop.test", "length": "2h"}


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "x" * (REASON_MAX + 1)])
async def test_nothing_is_done_without_a_reason(boarding: Boarding, reason: str) -> None:
    async with boarding.logged_in("otto") as client:
        refused = await send(client, "freeze", {"endpoint": "shop"}, reason)
    assert refused.status_code == 422
    assert await in_force(boarding) == []
    assert await all_requests(ledger(boarding), 0) == []


async def test_nothing_is_done_that_nobody_saw(boarding: Boarding) -> None:
    """Without a preview it is refused; with that of something else it is not done, and says so."""
    async with boarding.logged_in("otto") as client:
        token = {CSRF: hidden((await client.get("/account")).text, CSRF), "reason": "why"}
        plain = await client.post("/act/freeze", data={"endpoint": "shop"} | token)
        assert plain.status_code == 409
        page = await client.get("/act/freeze?endpoint=api&preview=1")
        seen = {"seen": hidden(page.text, "seen")}
        other = await client.post("/act/freeze", data={"endpoint": "shop"} | token | seen)
        shown = (await client.get(other.headers["location"])).text
        assert "something changed since the preview" in shown
        dangerous = await client.post("/act/waive", data=WAIVE | token | seen)
        assert dangerous.status_code == 409
    assert await in_force(boarding) == []


async def test_what_does_nothing_is_not_called_done(boarding: Boarding) -> None:
    """Whoever reads `done` believes that it happened."""
    async with boarding.logged_in("otto") as client:
        page = await client.get("/act/freeze?endpoint=shop&preview=1")
        token = {CSRF: hidden(page.text, CSRF), "seen": hidden(page.text, "seen"), "reason": "why"}
        sent = await client.post("/act/thaw", data={"endpoint": "shop"} | token)
        shown = (await client.get(sent.headers["location"])).text
    assert "Request 1: thaw shop, failed" in shown
    assert "Nothing was done." in shown


async def test_what_is_dangerous_waits_for_somebody_else(boarding: Boarding) -> None:
    """Not for whoever asked, not for an operator; the second person sees it as it would be now."""
    async with (
        boarding.logged_in("ann") as ann,
        boarding.logged_in("abe") as abe,
        boarding.logged_in("otto") as otto,
    ):
        assert (await send(ann, "waive", WAIVE)).headers["location"] == "/requests/1"
        assert await in_force(boarding) == []
        mine = (await ann.get("/requests/1")).text
        assert "you asked for it yourself" in mine
        assert "Withdraw it" in mine
        for client, why in ((ann, "yourself"), (otto, "only an approver")):
            refused = await decide(client, 1)
            assert refused.status_code == 403
            assert why in refused.text
        assert await in_force(boarding) == []
        assert "waive budget for shop" in (await abe.get("/requests/1")).text
        assert (await decide(abe, 1)).status_code == 303
        shown = (await abe.get("/requests/1")).text
    assert "Request 1: waive shop, done" in shown
    assert [(type(one), one.by) for one in await in_force(boarding)] == [(Waiver, "ann")]
    notes = await ledger(boarding).history(EndpointName("shop"), limit=20)
    told = [(one.by, one.text) for one in notes]
    assert ("ann", "approver asks for a second person: waive: look first") in told
    assert ("abe", "request 1 agreed to: waive") in told
    assert ("ann", "request 1 done: waive") in told


async def test_it_is_done_once(boarding: Boarding) -> None:
    """A second agreement, or one after it was withdrawn, comes too late."""
    async with boarding.logged_in("ann") as ann, boarding.logged_in("abe") as abe:
        await send(ann, "waive", WAIVE)
        await decide(abe, 1)
        assert "does not wait any more" in (await decide(abe, 1)).text
        await send(ann, "waive", WAIVE | {"rule": "capacity"})
        assert (await decide(ann, 2, "decline")).status_code == 303
        assert "withdrawn" in (await abe.get("/requests/2")).text
        assert (await decide(abe, 2)).status_code == 403
        await send(ann, "waive", WAIVE | {"rule": "capacity"})
        await decide(abe, 3, "decline")
        assert "declined" in (await ann.get("/requests/3")).text
    assert [one.rule for one in await in_force(boarding) if isinstance(one, Waiver)] == ["budget"]


async def test_two_who_agree_at_the_same_moment_begin_it_once(boarding: Boarding) -> None:
    """Both read that it waits; the store lets one of them go on."""
    async with boarding.logged_in("ann") as ann:
        await send(ann, "waive", WAIVE)
    now_ns = boarding.clock.now_ns()
    seen = (await all_requests(ledger(boarding), now_ns))[0]
    begun = await settle(ledger(boarding), seen, State.BEGUN, by="abe", at_ns=now_ns)
    assert begun.second == "abe"
    with pytest.raises(OutlastError, match="somebody else"):
        await settle(ledger(boarding), seen, State.BEGUN, by="eve", at_ns=now_ns)


async def test_agreeing_takes_what_was_seen(boarding: Boarding) -> None:
    """Whoever agrees to something else than it would be now is told, and it waits on."""
    async with boarding.logged_in("ann") as ann, boarding.logged_in("abe") as abe:
        await send(ann, "waive", WAIVE)
        token = {CSRF: hidden((await abe.get("/account")).text, CSRF), "seen": "0" * 16}
        assert (await abe.post("/requests/1/agree", data=token)).status_code == 409
        assert (await decide(abe, 1)).status_code == 303


async def test_a_request_waits_for_an_hour_and_no_longer(boarding: Boarding) -> None:
    async with boarding.logged_in("ann") as ann:
        await send(ann, "waive", WAIVE)
    boarding.clock.ahead_s += WAITS_S + 1
    async with boarding.logged_in("abe") as abe:
        assert "expired" in (await abe.get("/requests/1")).text
        assert (await decide(abe, 1)).status_code == 403


async def test_who_may_not_act_any_more_has_asked_in_vain(boarding: Boarding) -> None:
    async with boarding.logged_in("otto") as otto:
        await send(otto, "waive", WAIVE)
    known = boarding.accounts.read()
    boarding.change(
        lambda _: type(known)(accounts=tuple(one for one in known.accounts if one.name != "otto"))
    )
    async with boarding.logged_in("abe") as abe:
        refused = await decide(abe, 1)
    assert refused.status_code == 403
    assert "may not act any more" in refused.text


async def test_what_a_command_refuses_is_refused_here_in_its_words(boarding: Boarding) -> None:
    """Nothing to thaw, no such endpoint, no such region, nothing to release."""
    async with boarding.logged_in("otto") as client:
        page = await client.get("/act/thaw?endpoint=shop&preview=1")
        assert "shop was not frozen" in page.text
        assert "This cannot be done now" in page.text
        for path, said in (
            ("/act/freeze?endpoint=none&preview=1", "no endpoint or name"),
            ("/act/evacuate?region=moon&steps=1&every=30s&preview=1", "there is no region"),
            ("/act/release?endpoint=shop&preview=1", "automation would put it back"),
            ("/act/rescue?endpoint=shop&preview=1", "no last known good publication"),
        ):
            refused = await client.get(path)
            assert refused.status_code == 409, path
            assert said in refused.text, path
        wrong = await client.get("/act/evacuate?region=moon&steps=0&preview=1")
        assert wrong.status_code == 422
        assert "Expected `int` &gt;= 1" in wrong.text


async def test_words_to_the_public_are_their_own_reason(boarding: Boarding) -> None:
    """An incident opened and told from the board is the command line's."""
    async with boarding.logged_in("otto") as client:
        opened = {
            "title": "Paying fails",
            "say": "We look.",
            "impact": "major",
            "about": "shop, api",
        }
        assert (await send(client, "incident-open", opened, "")).status_code == 303
        said = {"number": "1", "say": "It is DNS.", "phase": "identified", "confirmed": "1"}
        assert (await send(client, "incident-say", said, "")).status_code == 303
        found = (await client.get("/api/v1/incidents/1")).json()
    assert found["about"] == ["shop", "api"]
    assert [one["certainty"] for one in found["updates"]] == ["provisional", "confirmed"]
    assert {one["by"] for one in found["updates"]} == {"otto"}


async def test_a_program_asks_and_a_person_agrees(boarding: Boarding) -> None:
    """The token's owner cannot; somebody else can, on the board."""
    secret = boarding.token("deploy", "ann")
    async with boarding.client(secret) as program:
        shown = await program.post("/api/v1/actions/waive/preview", json={"parameters": WAIVE})
        assert shown.json()["possible"] is True
        sent = {"parameters": WAIVE, "seen": shown.json()["seen"], "reason": "moving"}
        asked = await program.post("/api/v1/actions/waive", json=sent)
        assert asked.status_code == 202
        assert asked.json()["state"] == "waiting"
        async with boarding.logged_in("ann") as ann, boarding.logged_in("abe") as abe:
            assert "yourself" in (await decide(ann, 1)).text
            await decide(abe, 1)
        assert (await program.get("/api/v1/requests/1")).json()["state"] == "done"


async def test_a_program_acts_and_is_told_why_not(boarding: Boarding) -> None:
    """What happened, why, and what to do next."""
    async with boarding.client(boarding.token("deploy", "otto")) as program:
        url, parameters = "/api/v1/actions/freeze", {"parameters": {"endpoint": "shop"}}
        seen = (await program.post(f"{url}/preview", json=parameters)).json()["seen"]
        unseen = await program.post(url, json=parameters | {"seen": "", "reason": "r"})
        assert (unseen.status_code, unseen.json()["next"]) == (409, "ask for a preview first")
        no_reason = await program.post(url, json=parameters | {"seen": seen})
        assert (no_reason.status_code, no_reason.json()["title"]) == (422, "a reason is needed")
        done = await program.post(url, json=parameters | {"seen": seen, "reason": "load test"})
        assert done.status_code == 200
        assert done.json()["said"].startswith("shop is frozen")
        changed = await program.post(url, json=parameters | {"seen": "0" * 16, "reason": "r"})
        assert changed.status_code == 409
        assert changed.json()["next"] == "/api/v1/requests/2"
        extra = {"parameters": {"endpoint": "shop", "by": "somebody"}}
        assert (await program.post(f"{url}/preview", json=extra)).status_code == 422


async def test_a_waiver_that_was_agreed_to_counts_in_an_evacuation(
    boarding: Boarding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the board it is an action of its own, before; at the command line a flag."""
    heard: list[str] = []

    async def carries(*given: object) -> bool:
        heard.extend(one.rule for one in given[-1] if isinstance(one, Waiver))  # type: ignore[attr-defined]
        return True

    monkeypatch.setattr(evacuate, "carries", carries)
    asked = {"region": "eu-west", "steps": "1", "every": "30s", "preview": "1"}
    async with boarding.logged_in("ann") as ann, boarding.logged_in("abe") as abe:
        await ann.get("/act/evacuate", params=asked)
        assert heard == []
        await send(ann, "waive", {"rule": "capacity", "endpoint": "*", "length": "10m"})
        await decide(abe, 1)
        await ann.get("/act/evacuate", params=asked)
        assert heard == ["capacity"]
        boarding.clock.ahead_s += 601
        await ann.get("/act/evacuate", params=asked)
    assert heard == ["capacity"]


async def test_requests_do_not_pile_up(boarding: Boarding, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are kept; what happened stays in the audit trail."""
    monkeypatch.setattr(requests, "KEPT", 3)
    async with boarding.logged_in("otto") as client:
        for _ in range(3):
            await send(client, "freeze", {"endpoint": "shop"})
            await send(client, "thaw", {"endpoint": "shop"})
    found = await all_requests(ledger(boarding), 0)
    assert [one.number for one in found] == [6, 5, 4, 3]


def test_every_changing_command_is_an_action() -> None:
    """Whoever adds a command that changes says here whether the board has it."""
    reading = {
        "up", "demo", "status", "why", "plan", "history", "check", "page", "log", "config", "schema",
        "audit", "drill", "verify", "reports", "watch", "client",
    }  # fmt: skip
    # They set up, on the machine, what the board itself rests on.
    machine = {"keys", "import", "certify", "account", "token"}
    acting = {one.name.partition("-")[0] for one in KINDS}
    assert acting == COMMANDS.keys() - reading - machine


def test_what_takes_two_people() -> None:
    """What drains, goes back, deletes, or switches a protection off."""
    dangerous = {one.name for one in KINDS if one.dangerous}
    assert dangerous == {"evacuate", "rollback", "waive", "rescue", "release"}


def test_a_form_survives_the_page_and_the_store() -> None:
    """As fields of a page, and as JSON."""
    form = forms.IncidentOpen(title="A", say="B", about=("shop", "api"), exercise=True)
    assert forms.from_page(forms.IncidentOpen, forms.as_fields(form)) == form
    assert forms.from_stored(forms.IncidentOpen, forms.as_json(form)) == form
    assert json.loads(forms.as_json(form))["impact"] == "minor"


def test_a_page_offers_what_there_is() -> None:
    """Regions and rules to choose from; defaults stand in their fields."""
    lists = {"regions": ["eu", "us"], "rules": list(WAIVABLE)}
    drawn = {one.name: one for one in forms.fields(forms.Evacuate, {"region": "us"}, lists)}
    assert drawn["region"].choices == ("eu", "us")
    assert drawn["region"].value == "us"
    assert (drawn["steps"].kind, drawn["steps"].value) == ("number", "1")
    said = {one.name: one for one in forms.fields(forms.IncidentSay, {}, lists)}
    assert said["phase"].choices[0] == ""
    assert said["private"].kind == "flag"
    assert said["number"].required
