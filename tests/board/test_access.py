"""Who is let in: sessions, forms, tokens, limits, headers."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.support.boarding import PASSWORD, PORT, Boarding, hidden, log_in, make_boarding

from outlast.app.board.access import CSRF, Entrance
from outlast.app.board.limits import IDLE_S, LENGTH_S, Limits
from outlast.app.board.loginpages import local
from outlast.glass.access import Role
from outlast.model.units import NS_PER_S

FORM = {"endpoint": "shop", "reason": "look first"}


async def test_whoever_reaches_loopback_may_read_and_not_act(boarding: Boarding) -> None:
    """The page says why, and leads to where one logs in and back."""
    async with boarding.client() as nobody:
        page = await nobody.get("/act")
        assert page.status_code == 200
        assert "you are not logged in" in page.text
        led = await nobody.get("/act/freeze?endpoint=shop")
        assert led.status_code == 303
        assert led.headers["location"] == "/login?next=%2Fact%2Ffreeze%3Fendpoint%3Dshop"
        assert (await nobody.get("/api/v1/incidents")).status_code == 200
        assert (await nobody.post("/api/v1/actions/freeze", json={})).status_code == 401


async def test_elsewhere_nothing_is_shown_to_nobody(tmp_path: Path) -> None:
    """Not a page, not a call; only where one logs in."""
    away = make_boarding(tmp_path, Entrance(is_open=False, secure=True, port=PORT))
    away.add("rita", Role.READER)
    async with away.client() as nobody:
        assert (await nobody.get("/requests")).headers["location"] == "/login?next=%2Frequests"
        refused = await nobody.get("/api/v1/status")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert (await nobody.get("/login")).status_code == 200
        logged = await log_in(nobody, "rita")
        cookie = logged.headers.get_list("set-cookie")[0]
        assert cookie.startswith(f"__Host-outlast-{PORT}=")
        assert "Secure" in cookie
        assert (await nobody.get("/requests")).status_code == 200
        assert "strict-transport-security" in logged.headers


async def test_the_cookie_is_for_this_site_and_no_script(boarding: Boarding) -> None:
    """HttpOnly and SameSite=Strict, on every path, and gone with the browser."""
    async with boarding.client() as client:
        cookie = (await log_in(client, "otto")).headers.get_list("set-cookie")[0]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age" not in cookie


@pytest.mark.parametrize("path", ["/act", "/login", "/requests", "/api/v1/actions", "/act/none"])
async def test_every_answer_carries_the_policy(boarding: Boarding, path: str) -> None:
    """No script but our own files, no frame, no form to elsewhere, nothing kept."""
    async with boarding.client() as client:
        headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    for part in ("frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
        assert part in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


async def test_a_form_without_the_sessions_token_is_refused(boarding: Boarding) -> None:
    """None, a wrong one, that of another session: nothing is done."""
    async with boarding.logged_in("ann") as other, boarding.logged_in("otto") as client:
        theirs = hidden((await other.get("/account")).text, CSRF)
        for token in ({}, {CSRF: ""}, {CSRF: "wrong"}, {CSRF: theirs}):
            answer = await client.post("/act/freeze", data=FORM | token)
            assert answer.status_code == 403, token
            assert "nothing was done" in answer.text
        assert (await client.get("/api/v1/requests")).json() == []


async def test_a_form_from_another_site_is_refused(boarding: Boarding) -> None:
    """Even with the right token: the browser says where it comes from."""
    async with boarding.logged_in("otto") as client:
        mine = {CSRF: hidden((await client.get("/account")).text, CSRF)}
        away = await client.post("/logout", data=mine, headers={"sec-fetch-site": "cross-site"})
        assert away.status_code == 403
        home = await client.post("/logout", data=mine, headers={"sec-fetch-site": "same-origin"})
        assert home.status_code == 303


async def test_logging_in_needs_the_form_of_this_browser(boarding: Boarding) -> None:
    """Else another site could log somebody in as itself, and watch what they do."""
    async with boarding.client() as client:
        fields = {"name": "otto", "password": PASSWORD}
        assert (await client.post("/login", data=fields)).status_code == 403
        page = await client.get("/login")
        client.cookies.clear()
        token = {CSRF: hidden(page.text, CSRF)}
        assert (await client.post("/login", data=fields | token)).status_code == 403


@pytest.mark.parametrize(
    ("name", "password"),
    [("otto", "a sentence that is another"), ("nobody", PASSWORD), ("", PASSWORD), ("otto", "")],
)
async def test_a_wrong_name_and_a_wrong_password_look_the_same(
    boarding: Boarding, name: str, password: str
) -> None:
    async with boarding.client() as client:
        answer = await log_in(client, name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert password == "" or password not in answer.text
    assert not any("outlast-9153=" in one for one in answer.headers.get_list("set-cookie"))


async def test_a_session_ends_when_nobody_uses_it(boarding: Boarding) -> None:
    """A page that renews itself is nobody; and after a shift it ends in any case."""
    async with boarding.logged_in("otto") as client:
        boarding.clock.ahead_s += IDLE_S - 60
        assert (await client.get("/account")).status_code == 200
        boarding.clock.ahead_s += IDLE_S - 60
        again = await client.get("/account", headers={"sec-fetch-dest": "empty"})
        assert again.status_code == 200
        boarding.clock.ahead_s += 120
        assert (await client.get("/account")).status_code == 303, "the renewal counted"
    async with boarding.logged_in("otto") as client:
        used_s = 0.0
        while used_s + IDLE_S / 2 < LENGTH_S:
            boarding.clock.ahead_s += IDLE_S / 2
            used_s += IDLE_S / 2
            assert (await client.get("/account")).status_code == 200
        boarding.clock.ahead_s += IDLE_S / 2
        assert (await client.get("/account")).status_code == 303


async def test_logging_out_ends_the_session_here_and_there(boarding: Boarding) -> None:
    """A copy of the cookie opens nothing afterwards."""
    async with boarding.logged_in("otto") as client, boarding.client() as copy:
        copy.cookies.update(client.cookies)
        token = {CSRF: hidden((await client.get("/account")).text, CSRF)}
        await client.post("/logout", data=token)
        assert (await copy.get("/account")).status_code == 303


async def test_what_changes_for_an_account_changes_for_who_is_logged_in(
    boarding: Boarding,
) -> None:
    """Another role at once; disabled or with another password: out."""
    async with boarding.logged_in("otto") as client:
        otto = boarding.accounts.read().account("otto")
        assert otto is not None
        boarding.change(lambda known: known.with_account(replace(otto, role=Role.READER)))
        assert (await client.get("/act/freeze")).status_code == 403
        boarding.change(lambda known: known.with_account(replace(otto, disabled=True)))
        assert (await client.get("/account")).status_code == 303
        assert (await log_in(client, "otto")).status_code == 401
    async with boarding.logged_in("ann") as client:
        ann = boarding.accounts.read().account("ann")
        assert ann is not None
        other = replace(ann, password=boarding.gate.passwords.hash("another long sentence"))
        boarding.change(lambda known: known.with_account(other))
        assert (await client.get("/account")).status_code == 303


async def test_a_reader_cannot_act(boarding: Boarding) -> None:
    """Not see a preview, which probes; not send a form; not with a token."""
    async with boarding.logged_in("rita") as client:
        assert (await client.get("/act/freeze?endpoint=shop&preview=1")).status_code == 403
        token = {CSRF: hidden((await client.get("/account")).text, CSRF)}
        answer = await client.post("/act/freeze", data=FORM | token)
        assert answer.status_code == 403
        assert "rita may read and not act" in answer.text
    async with boarding.client(boarding.token("pager", "otto", Role.READER)) as program:
        assert (await program.get("/api/v1/requests")).json() == []
        assert (await program.post("/api/v1/actions/freeze", json={})).status_code == 403


async def test_a_cookie_does_not_act_where_programs_do(boarding: Boarding) -> None:
    """A browser sends it by itself, also for another page."""
    async with boarding.logged_in("otto") as client:
        sent = {"parameters": {"endpoint": "shop"}, "seen": "x", "reason": "y"}
        answer = await client.post("/api/v1/actions/freeze", json=sent)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next"] == "act on the board, or send a token"


async def test_a_token_ends_when_it_is_revoked_over_or_nobody_answers_for_it(
    boarding: Boarding,
) -> None:
    """At once; and with the next breath it says why."""
    secret = boarding.token("deploy", "otto")
    async with boarding.client(secret) as program:
        assert (await program.get("/api/v1/actions")).status_code == 200
        boarding.change(lambda known: known.without_token("deploy"))
        refused = await program.get("/api/v1/actions")
        assert refused.status_code == 401
        assert refused.json()["title"] == "the token is not known"
    async with boarding.client(boarding.token("second", "otto")) as program:
        token = boarding.accounts.read().token("second")
        assert token is not None
        over = replace(token, until_ns=boarding.clock.now_ns())
        boarding.change(lambda known: known.without_token("second").with_token(over))
        assert (await program.get("/api/v1/actions")).status_code == 401
    async with boarding.client(boarding.token("third", "otto")) as program:
        otto = boarding.accounts.read().account("otto")
        assert otto is not None
        boarding.change(lambda known: known.with_account(replace(otto, role=Role.READER)))
        assert (await program.post("/api/v1/actions/freeze", json={})).status_code == 403
        boarding.change(lambda known: known.with_account(replace(otto, disabled=True)))
        assert (await program.get("/api/v1/actions")).status_code == 401


async def test_guessing_passwords_is_slowed_down_for_the_guesser(boarding: Boarding) -> None:
    """Five for one name, then a while; others log in meanwhile."""
    async with boarding.client() as client:
        codes = [(await log_in(client, "otto", "wrong" * 4)).status_code for _ in range(6)]
        assert codes == [401] * 5 + [429]
        refused = await log_in(client, "otto")
        assert refused.status_code == 429, "even with the right one"
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert (await log_in(client, "ann")).status_code == 303
        boarding.clock.ahead_s += 31
        assert (await log_in(client, "otto")).status_code == 303


async def test_guessing_many_names_is_slowed_down_as_well(boarding: Boarding) -> None:
    """Twenty from one address, whatever the names; none of them need exist."""
    async with boarding.client() as client:
        codes = [(await log_in(client, f"name{n}", "wrong" * 4)).status_code for n in range(21)]
    assert codes == [401] * 20 + [429]


async def test_nobody_keeps_another_out_by_guessing(boarding: Boarding) -> None:
    """A guesser elsewhere slows down the guesser, and not whoever the name belongs to."""
    async with boarding.client() as guesser:
        for _ in range(6):
            await log_in(guesser, "otto", "wrong" * 4)
        assert (await log_in(guesser, "otto")).status_code == 429
    transport = httpx.ASGITransport(app=boarding.app, client=("127.0.0.2", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as otto:
        assert (await log_in(otto, "otto")).status_code == 303


async def test_calls_are_limited_for_each(boarding: Boarding) -> None:
    """Whoever asks too often is told how long to wait; a token has a limit of its own."""
    async with boarding.client() as client:
        answers = [await client.get("/api/v1/actions") for _ in range(140)]
        assert answers[0].status_code == 200
        assert answers[-1].status_code == 429
        assert answers[-1].json()["next"].startswith("try again in")
    async with boarding.client(boarding.token("deploy", "otto")) as program:
        assert (await program.get("/api/v1/actions")).status_code == 200


def test_a_limit_lets_a_burst_pass_and_then_its_rate() -> None:
    """Of each key; and forgets the one that was longest idle."""
    limits = Limits(per_s=2, burst=3)
    assert [limits.wait_s("a", 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limits.wait_s("b", 0) == 0
    assert limits.wait_s("a", NS_PER_S // 4) == 0.25
    assert limits.wait_s("a", NS_PER_S) == 0


async def test_a_name_of_the_web_that_leads_to_loopback_is_refused(boarding: Boarding) -> None:
    """DNS rebinding: a page on the web could read the board through its own name."""
    async with boarding.client() as client:
        for host in ("evil.example", "evil.example:9153", "127.0.0.1.evil.example"):
            assert (await client.get("/act", headers={"host": host})).status_code == 400, host
        for host in ("localhost:9153", "[::1]:9153", "127.0.0.1"):
            assert (await client.get("/act", headers={"host": host})).status_code == 200, host


async def test_a_file_of_accounts_that_cannot_be_read_lets_nobody_in(boarding: Boarding) -> None:
    """And says so; whoever needs no account reads on."""
    async with boarding.logged_in("otto") as client, boarding.client() as nobody:
        boarding.world.state.accounts.write_text("{")
        assert (await client.get("/account")).status_code == 503
        assert (await nobody.get("/requests")).status_code == 200


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example/", "evil", "/\\evil.example", "/a\n", ""]
)
def test_after_logging_in_nobody_is_led_elsewhere(path: str) -> None:
    assert local(path) == "/"
    assert local("/act?x=1") == "/act?x=1"


async def test_too_much_is_not_read(boarding: Boarding) -> None:
    """Nor is what is no form, no JSON, or too many fields."""
    async with boarding.logged_in("otto") as client:
        assert (await client.post("/act/freeze", data={"a": "x" * 300_000})).status_code == 413
        many = "&".join(f"f{number}=1" for number in range(200))
        assert (await client.post("/act/freeze", content=many)).status_code == 400
    async with boarding.client(boarding.token("deploy", "otto")) as program:
        url = "/api/v1/actions/freeze"
        assert (await program.post(url, content="{}")).status_code == 415
        kind = {"content-type": "application/json"}
        assert (await program.post(url, content="{", headers=kind)).status_code == 400
        assert (await program.post(url, content="[]", headers=kind)).status_code == 422
        assert (await program.get(url)).status_code == 405
