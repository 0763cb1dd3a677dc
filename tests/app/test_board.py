"""The operator's board: what stands on it, live, and what it refuses."""

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from tests.support.builders import NAME, addresses, endpoint, plan, target
from tests.support.system import System, until

from outlast.app.board import assets
from outlast.app.board.access import is_loopback
from outlast.app.board.frame import Frame
from outlast.app.board.live import Live, Sight
from outlast.app.board.pages import endpoints, listed, overview, regions
from outlast.app.board.picture import Picture
from outlast.app.standing import Line, Status
from outlast.glass.grid import endpoint_row
from outlast.glass.incident import Impact, Incident, Phase, Update
from outlast.glass.listing import PAGE_SIZE, Search
from outlast.glass.plans import Pair, differences
from outlast.glass.verdict import control
from outlast.glass.words import age
from outlast.glass.worldmap import Hit, spots
from outlast.model.plan import Plan
from outlast.model.units import NS_PER_S, Nanos

AT = "2026-01-02T03:04:05Z"
WIRE = 150_000
"""Bytes that the first page may need with all that belongs to it, as they go over the wire."""
PAGE = 300_000
"""Bytes that any page may have before it is packed."""

FRAME = Frame(at_ns=Nanos(NS_PER_S))
REGIONS = (*(f"region-{number}" for number in range(30)), "eu-west")
NOTHING = Picture(regions=REGIONS, rows=(), spots=(), people=0)

INCIDENT = Incident(
    number=1,
    title="Paying fails",
    impact=Impact.MAJOR,
    about=("shop",),
    opened_ns=Nanos(0),
    began_ns=Nanos(0),
    updates=(Update(at_ns=Nanos(0), by="somebody", text="Seen.", phase=Phase.INVESTIGATING),),
)


def line(number: int, state: str = "ok", answers: str = "eu-west:1") -> Line:
    return Line(
        endpoint=f"shop-{number}",
        names=(f"www-{number}.shop.test",),
        published=1,
        wanted=1,
        answers=answers,
        state=state,
        detail="",
    )


def status(*lines: Line, **rest: object) -> Status:
    return Status(at=AT, topology="t", store="s", endpoints=lines, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("of", "kind", "said"),
    [
        (status(line(1)), "good", "All 1 endpoints answer"),
        (status(line(1), line(2, "content")), "warn", "shop-2 not as planned: content"),
        (status(line(1, "empty", "EMPTY"), line(2, "content")), "bad", "outlast rescue"),
        (status(line(1), store_reachable=False), "bad", "What is published stays"),
        (status(line(1), sick=("v",)), "warn", "nothing is removed"),
        (status(replace(line(1), detail="down: 192.0.2.1")), "warn", "1 of them without targets"),
        (status(line(1), gone=("planner",)), "warn", "1 role is gone"),
    ],
)
def test_the_verdict_says_the_worst_and_what_to_do(of: Status, kind: str, said: str) -> None:
    """In one line."""
    found = control(of, {}, asked=True)
    assert found.kind == kind
    assert said in f"{found.what} {found.todo}"


def test_ten_thousand_endpoints_stay_usable() -> None:
    """What is wrong comes first; pages stay small; search finds names."""
    lines = [line(number) for number in range(10_000)] + [line(10_000, "drift")]
    whole = status(*lines)
    rows = [endpoint_row(one.endpoint, REGIONS, {"eu-west": 1}, {}, one.answers) for one in lines]
    everywhere = [Hit(code=f"{one:02x}".upper(), share_ratio=0.5, people=one) for one in range(250)]
    seen = Picture(regions=REGIONS, rows=tuple(rows), spots=spots(everywhere), people=9)
    page = endpoints(Sight(whole), Search(), FRAME)
    for other in (overview(Sight(whole), seen, [], FRAME), regions(seen, Search(), FRAME)):
        assert len(other.encode()) < PAGE
    kept = [assets.find(name) for name in assets.names()]
    wire = sum(len(one.packed) for one in kept if one is not None)
    assert len(assets.packed(page.encode())) + wire < WIRE
    assert len(page.encode()) < PAGE
    found = listed(whole.endpoints, Search())
    assert found.lines[0].endpoint == "shop-10000"
    assert len(found.lines) == PAGE_SIZE
    assert listed(whole.endpoints, Search(page=10**9)).page == found.pages == 101
    by_name = listed(whole.endpoints, Search(text="WWW-77."))
    assert [one.endpoint for one in by_name.lines] == ["shop-77"]
    assert len(listed(whole.endpoints, Search(wrong=True)).lines) == 1


def test_what_others_wrote_is_text() -> None:
    """A record's value, a reason, a search."""
    evil = "<script>alert(1)</script>"
    page = endpoints(Sight(status(line(1, evil, evil))), Search(text='"><b>'), FRAME)
    assert "<script>alert" not in page
    assert '"><b>' not in page


async def test_a_thousand_boards_are_told_by_one_look() -> None:
    """Within a second, and only when something changed."""
    looks = 0
    now = Sight(status(line(1)))

    async def look() -> Sight:
        nonlocal looks
        looks += 1
        return now

    live = Live(look)
    streams = [live.events() for _ in range(1_000)]
    for _ in range(2):  # how to come back, and that nothing is known yet
        await asyncio.gather(*(anext(one) for one in streams))
    waiting = [asyncio.ensure_future(anext(one)) for one in streams]
    await live.refresh()
    first = await asyncio.gather(*waiting)
    assert set(first) == {f"id: 1\nevent: changed\ndata: {now.mark}\n\n"}
    again = asyncio.ensure_future(anext(streams[0]))
    await live.refresh()
    assert not again.done(), "nothing changed"
    now = Sight(status(line(1, "drift")))
    await live.refresh()
    assert (await again).startswith("id: 2")
    assert looks == 3
    for one in streams:
        await one.aclose()


def test_whatever_is_shown_on_top_is_news() -> None:
    """An incident and a trouble of the process reach open boards; the time alone does not."""
    plain = Sight(status(line(1)))
    assert plain.mark == Sight(replace(plain.status, at="2027-01-01T00:00:00Z")).mark
    assert plain.mark != Sight(plain.status, (INCIDENT,)).mark
    assert plain.mark != Sight(plain.status, troubles={"store world": "lost"}).mark


def test_what_needs_somebody_stands_on_top() -> None:
    """Incidents, overrides and the process's own troubles stand before the endpoints."""
    of = status(line(1), overrides=("evacuated: eu-west in 4 steps",))
    sight = Sight(of, (INCIDENT,), {"bug prober": "prober ended"})
    page = overview(sight, NOTHING, [], FRAME)
    top = page[: page.index("Who is affected")]
    for said in ("Paying fails", "evacuated: eu-west", "prober ended", "trouble with bug prober"):
        assert said in top


@pytest.mark.parametrize(
    ("gone_s", "said"),
    [
        (0, "0 s"), (-5, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"),
        (172_800, "2 d"),
    ],
)  # fmt: skip
def test_ages_have_one_unit(gone_s: int, said: str) -> None:
    """And never lie in the future."""
    assert age(gone_s * NS_PER_S, 0) == f"{said} ago"


def made(generation: int, *values: str) -> Plan:
    """A plan that answers one name."""
    before = plan(endpoint(target("eu-1")), generation=generation)
    return replace(before, record_sets=(addresses(*values),))


def test_differences_are_told_value_by_value() -> None:
    """One address leaves, one comes, one stays."""
    before, after = made(1, "192.0.2.1", "192.0.2.2"), made(2, "192.0.2.2", "192.0.2.3")
    assert differences(before, after) == (
        ("-", f"{NAME} 30 A 192.0.2.1"),
        ("+", f"{NAME} 30 A 192.0.2.3"),
    )
    assert differences(before, before) == ()


@pytest.mark.parametrize(
    ("pair", "found"),
    [
        (Pair(), (2, 3)),
        (Pair(older=1, newer=3), (1, 3)),
        (Pair(newer=2), (1, 2)),
        (Pair(older=1, newer=9), None),
        (Pair(newer=9), (2, 3)),
        (Pair(newer=1), None),
    ],
)
def test_two_plans_are_compared_if_both_are_kept(pair: Pair, found: tuple[int, int] | None) -> None:
    """The newest two, unless somebody asks for others."""
    plans = [made(one, "192.0.2.1") for one in (1, 2, 3)]
    got = pair.of(plans)
    assert (got and tuple(int(one.generation) for one in got)) == found
    assert Pair().of(plans[:1]) is None


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
    ],
)
def test_the_board_is_served_on_loopback_alone(host: str, *, inside: bool) -> None:
    """There are no accounts: whoever reaches it may read it."""
    assert is_loopback(host) is inside


def fetch(world: System, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    request = urllib.request.Request(f"http://127.0.0.1:{world.http_port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


@pytest.mark.slow
def test_the_board_of_a_running_system(running: System) -> None:
    """Overview, one endpoint with its reasons, JSON; and what is refused."""
    until(lambda: "answer as planned." in fetch(running, "/")[1], "a loaded machine's probes pass")
    code, text, headers = fetch(running, "/")
    assert code == 200
    assert "first publication" in text
    assert "script-src" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'self'")
    code, text, _ = fetch(running, "/endpoint/shop")
    assert code == 200
    assert "first publication" in text
    assert "local says up" in text
    assert fetch(running, "/endpoint/none")[0] == 404
    until(lambda: "<strong>plan<" in fetch(running, "/trail")[1], "the trail is shown")
    assert "Its signature was checked" in fetch(running, "/trail")[1]
    assert "outlast/trail" in fetch(running, "/trail/checkpoint")[1].replace(".", "/")
    assert json.loads(fetch(running, "/status.json")[1])["store_reachable"] is True
    assert fetch(running, "/", Host="evil.example")[0] == 400
    for name in ("board.css", "board.js"):
        assert fetch(running, f"/assets/{name}")[0] == 200
    assert fetch(running, "/assets/..%2fpages.py")[0] == 404
    assert fetch(running, "/metrics")[0] == 200
    running.wipe()
    running.outlast("freeze", "shop", "--reason", "look at it")
    until(lambda: "look at it" in fetch(running, "/")[1], "the freeze is shown")
