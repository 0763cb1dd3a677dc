"""The operator's board in a real browser: live, by keyboard, on a phone, in the dark, and without scripts."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect
from tests.app.test_board import AT, line
from tests.support.boardworld import belief, believe, board_world, trace
from tests.support.system import EU, US, System
from tests.support.windows import WAIT_MS, Windows, outlast

from outlast.app.board.frame import Frame
from outlast.app.board.live import Sight
from outlast.app.board.pages import endpoints
from outlast.app.standing import Status
from outlast.glass.listing import Search
from outlast.model.units import from_iso

pytestmark = [pytest.mark.slow, pytest.mark.servers]

PAGES = (
    "/",
    "/endpoints",
    "/endpoint/shop",
    "/regions",
    "/detection",
    "/enactors",
    "/evacuation?region=us-east&steps=3",
    "/drills",
    "/audit",
    "/incidents",
    "/trail",
)
WIRE_MAX = 150_000
"""Bytes that a page may need, with everything that belongs to it."""
INLINE = "script:not([src]), style, [style]:not(.uplot *, .uplot), [onclick], [onload], [onerror]"
"""What a chart's own script sets on its own elements went through no parser, and no policy forbids it."""


def url(world: System, path: str = "/") -> str:
    """Where a page of the board is."""
    return f"http://127.0.0.1:{world.http_port}{path}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs, and something to show on every page of it."""
    with board_world(tmp_path_factory.mktemp("world")) as made:
        believe(made, belief())
        yield made


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)])
def test_every_page_is_accessible_and_fits(
    world: System, windows: Windows, path: str, *, phone: bool, dark: bool
) -> None:
    """Axe finds nothing, nothing is wider than the window, no other host is asked, nothing complains.

    No script or style stands in the page, so that what others wrote can never run.
    """
    visit = windows.open(url(world, path), phone=phone, dark=dark)
    expect(visit.page.locator("h1")).to_be_visible()
    assert visit.violations() == []
    assert visit.overflow_px() <= 0
    assert visit.hosts == {f"127.0.0.1:{world.http_port}"}
    assert visit.complaints == []
    assert 5_000 < visit.wire_bytes < WIRE_MAX
    assert visit.page.locator(INLINE).count() == 0
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.ran = 1'}))"
    )
    assert visit.page.evaluate("window.ran") is None, "the policy is in force"


@pytest.mark.parametrize("path", PAGES)
def test_everything_is_there_without_scripts(world: System, windows: Windows, path: str) -> None:
    """Texts and tables are whole, and the browser loads what changes anew by itself."""
    page = windows.open(url(world, path), script=False).page
    expect(page.locator("h1")).to_be_visible()
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "10"


def test_search_without_scripts(world: System, windows: Windows) -> None:
    """A form and a button."""
    page = windows.open(url(world, "/endpoints"), script=False).page
    page.get_by_label("Find").fill("api")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_search_by_keyboard(world: System, windows: Windows) -> None:
    """Tab to the field, type; what fits comes by itself; Tab to it, Enter."""
    page = windows.open(url(world, "/endpoints")).page
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "q":
            break
    page.keyboard.type("api.shop.test")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.wait_for_url("**q=api.shop.test**")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "api":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/endpoint/api")
    expect(page.locator("h1")).to_have_text("api: ok")
    expect(page.locator("pre")).to_contain_text("the DNS holds exactly generation")
    expect(page.locator("pre")).to_contain_text("one more failure: it ")
    page.go_back()
    expect(page.get_by_label("Find")).to_have_value("api.shop.test")


def test_paging_by_keyboard(world: System, windows: Windows) -> None:
    """From the search, Tab leads to the next page and back; what was searched for stays."""
    visit = windows.open(url(world))
    many = Sight(Status(at=AT, topology="t", store="s", endpoints=tuple(map(line, range(250)))))

    def answer(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        search = Search(text=asked["q"][0], page=int(asked.get("page", ["1"])[0]))
        frame = Frame(at_ns=from_iso(AT), path="/endpoints")
        route.fulfill(body=endpoints(many, search, frame), content_type="text/html")

    visit.page.route("**/endpoints?q=*", answer)
    visit.page.goto(url(world, "/endpoints?q=shop"))
    assert visit.violations() == []
    for link, place in (("further", 2), ("further", 3), ("earlier", 2)):
        visit.page.locator("tbody a").last.focus()
        for _ in range(3):
            visit.page.keyboard.press("Tab")
            if visit.page.evaluate("document.activeElement.textContent") == link:
                break
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url(f"**/endpoints?q=shop&page={place}")
        expect(visit.page.get_by_text(f"page {place} of 3")).to_be_visible()


def test_times_are_told_here_and_by_age(world: System, windows: Windows) -> None:
    """UTC, the wall clock where the browser is, and how long ago; and the age goes on."""
    page = windows.open(url(world)).page
    note = page.locator(".notes li").first
    expect(note.locator("time")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"))
    aged = note.locator(".age")
    expect(aged).to_have_text(re.compile(r"^\d\d:\d\d:\d\d here, \d+ (s|min) ago$"))
    utc, here = note.locator("time").inner_text(), aged.inner_text()
    assert utc[11:13] != here[:2], "Berlin is never on UTC"
    assert utc[14:19] == here[3:8]
    before = page.locator("#now").inner_text()
    expect(page.locator("#now")).not_to_have_text(before)


def test_a_region_fails_before_your_eyes(world: System, windows: Windows) -> None:
    """Nothing is loaded anew: what somebody types stays, focus stays, and what the DNS answers changes."""
    page = windows.open(url(world, "/endpoints")).page
    expect(page.locator("#link")).to_have_text("live")
    page.evaluate("window.mine = 'the same page'")
    page.get_by_label("Find").fill("shop")
    page.locator("tbody a").first.focus()
    focused = page.evaluate("document.activeElement.textContent")
    world.regions.fail(EU)
    row = page.locator("tbody tr", has_text="www.shop.test")
    expect(row).to_contain_text("down:", timeout=WAIT_MS)
    expect(row).not_to_contain_text(f"{EU}:", timeout=WAIT_MS)
    assert page.evaluate("window.mine") == "the same page"
    assert page.get_by_label("Find").input_value() == "shop"
    assert page.evaluate("document.activeElement.textContent") == focused

    page.goto(url(world))
    expect(page.locator("#top")).to_contain_text("without targets that are down")
    cell = page.locator(".grid tr", has_text="shop endpoint").locator("td").first
    expect(cell).to_have_text("out, 1 down")
    world.regions.recover(EU)
    expect(row.first).to_contain_text(f"{EU}:1", timeout=WAIT_MS)


def test_a_slider_goes_through_the_plans(world: System, windows: Windows) -> None:
    """By keyboard; what each plan changed is shown beside it, and any two can be compared."""
    world.regions.fail(EU)
    world.wait_for("us-east", "ap-south")
    page = windows.open(url(world, "/endpoint/shop")).page
    eu = world.places[EU]
    newest = page.locator("#slider").get_attribute("max")
    expect(page.locator("#plans > .diff")).to_contain_text(f"- www.shop.test 1 A {eu}")
    page.locator("#slider").focus()
    page.keyboard.press("Home")
    expect(page.locator("#plans")).to_contain_text("There is nothing kept before this one")
    page.keyboard.press("End")
    expect(page.locator("#plans")).to_contain_text(f"What generation {newest} ")
    page.get_by_label("from").select_option("1")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**older=1**")
    expect(page.locator("#plans > .diff")).to_contain_text(eu)
    expect(page.locator("tr", has_text=eu)).to_contain_text("says down")
    world.regions.recover(EU)
    world.wait_for(EU, US, "ap-south")


def test_every_server_is_asked(world: System, windows: Windows) -> None:
    """What it answers now, its fence and whose it is; and a wiped name shows at once."""
    page = windows.open(url(world, "/endpoint/api")).page
    server = page.locator("tr", has_text=f"127.0.0.1:{world.dns_port}")
    expect(server).to_contain_text("exactly the plan")
    expect(server).to_contain_text(f"{world.places[EU]} ({EU})")
    expect(server).to_contain_text("by enactor-")


def test_detection_is_shown_with_what_speaks_against_it(world: System, windows: Windows) -> None:
    """The verdict, charts with their figures, the graph, the runner-up; and the first page says it, too."""
    believe(world, belief())
    page = windows.open(url(world)).page
    expect(page.locator("h1")).to_contain_text("region `us-east` explains 3 of 3 services down")
    expect(page.locator("#verdict")).to_contain_text("97 % likely")
    expect(page.locator("#verdict")).to_contain_text("outlast evacuate world.yaml us-east")
    expect(page.locator("#where")).to_contain_text("At least 9.5 million people in 6 countries")
    expect(page.locator("#where tr", has_text="Canada")).to_contain_text("500,000")
    expect(page.locator(".world use")).to_have_count(7)
    page.get_by_role("link", name="Detection").click()
    expect(page.locator(".uplot")).to_have_count(2)
    expect(page.locator("#graph .exonerating")).not_to_have_count(0)
    expect(page.locator("#graph")).to_contain_text("name `api`: 2 % likely")
    page.get_by_text("As a table").first.click()
    expect(page.locator("#chart-1 tbody tr")).to_have_count(12)
    now = belief()
    believe(world, replace(now, traces=(trace("search in IN", now.minute),)))
    expect(page.locator(".chart .uplot")).to_have_count(1)
    expect(page.locator(".chart h3")).to_have_text("search in IN")


def test_a_belief_that_is_old_is_said_to_be(world: System, windows: Windows) -> None:
    """Old is not quiet, and the first page concludes nothing from it."""
    page = windows.open(url(world, "/detection")).page
    expect(page.locator("#link")).to_have_text("live")
    believe(world, belief(1_760_000_000_000_000_000))
    expect(page.locator("#top")).to_contain_text("This is old")
    page.goto(url(world))
    expect(page.locator("h1")).not_to_contain_text("us-east")
    believe(world, belief())


def test_an_evacuation_says_when_it_is_safe(world: System, windows: Windows) -> None:
    """The proof and a drill's forecast before, the steps while it goes on, and the hour after."""
    page = windows.open(url(world, "/evacuation")).page
    page.get_by_label("Region").select_option(US)
    page.get_by_role("button", name="Prove it").click()
    expect(page.locator("#proof")).to_contain_text("us-east can be drained")
    expect(page.locator("#proof tr", has_text="shop")).to_contain_text("carries a demand of 1500")
    expect(page.locator("#forecast")).to_contain_text("if nothing is done", timeout=60_000)
    outlast(world, "evacuate", US, "--reason", "power work", "--no-wait")
    expect(page.locator("#drains h1")).to_contain_text("safe to power off", timeout=WAIT_MS)
    expect(page.locator("#drains")).to_contain_text("power work")
    expect(page.locator("#drains")).to_contain_text("outlast restore world.yaml us-east")
    outlast(world, "restore", US)


def test_incidents_and_overrides_come_by_themselves(world: System, windows: Windows) -> None:
    """Above everything else, on a page that is open."""
    page = windows.open(url(world)).page
    expect(page.locator("#link")).to_have_text("live")
    outlast(world, "incident open", "Paying fails", "--impact", "major", "--say", "We look.")
    expect(page.locator("#top .flag.bad")).to_contain_text("Incident 1, major, investigating")
    expect(page.locator("#top .flag.bad")).to_contain_text("We look.")
    outlast(world, "freeze", "shop", "--reason", "hands off", "--for", "10m")
    expect(page.locator("#top .flag.warn", has_text="hands off")).to_be_visible()
    outlast(world, "thaw", "shop")
    expect(page.locator("#top .flag.warn", has_text="hands off")).to_have_count(0)


def test_the_trail_is_shown_with_what_verifies_it(world: System, windows: Windows) -> None:
    """Entries with their index, the checkpoint as it is published, and the command."""
    page = windows.open(url(world)).page
    page.get_by_role("link", name="Trail", exact=True).click()
    page.wait_for_url("**/trail")
    expect(page.locator("h1")).to_have_text(re.compile(r"Audit trail: \d+ entries"))
    expect(page.locator(".notes li").last).to_contain_text(re.compile(r"^\d+ "))
    expect(page.locator("pre").last).to_contain_text("outlast log verify")
    page.get_by_role("link", name="this file").click()
    expect(page.locator("body")).to_contain_text("— ")


def test_a_lost_connection_is_said(world: System, windows: Windows) -> None:
    """A board that shows the past says so, and comes back by itself."""
    page = windows.open(url(world)).page
    expect(page.locator("#link")).to_have_text("live")
    world.stop()
    expect(page.locator("#link")).to_have_text("no connection: this shows the past")
    world.up_and_published()
    expect(page.locator("#link")).to_have_text("live", timeout=WAIT_MS)
