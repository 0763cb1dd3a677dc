"""The operator's board in a real browser: live, by keyboard, on a phone, in the dark, and without scripts."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect
from tests.app.test_board import AT, line
from tests.support.system import EU, System, until
from tests.support.windows import WAIT_MS, Windows, outlast

from outlast.app.board.live import Sight
from outlast.app.board.pages import overview
from outlast.app.standing import Status
from outlast.glass.listing import Search

pytestmark = [pytest.mark.slow, pytest.mark.servers]

PAGES = ("/", "/endpoint/shop", "/trail")
WIRE_MAX = 150_000
"""Bytes that the first page may need, with everything that belongs to it."""


def url(world: System, path: str = "/") -> str:
    """Where a page of the board is."""
    return f"http://127.0.0.1:{world.http_port}{path}"


@pytest.fixture(scope="module", autouse=True)
def logged(world: System) -> None:
    """The trail's first entries are published."""
    until((world.state_folder.trail / "checkpoint").exists, "a checkpoint")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_is_accessible_and_fits(
    world: System, windows: Windows, path: str, *, phone: bool, dark: bool
) -> None:
    """Axe finds nothing, nothing is wider than the window, nobody else is asked, nothing complains."""
    visit = windows.open(url(world, path), phone=phone, dark=dark)
    expect(visit.page.locator("h1")).to_be_visible()
    assert visit.violations() == []
    assert visit.overflow_px() <= 0
    assert visit.hosts == {f"127.0.0.1:{world.http_port}"}
    assert visit.complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_no_script_or_style_stands_in_a_page(world: System, windows: Windows, path: str) -> None:
    """The policy forbids it, so that what others wrote can never run; and the policy is in force."""
    page = windows.open(url(world, path)).page
    inline = "script:not([src]), style, [style], [onclick], [onload], [onerror]"
    assert page.locator(inline).count() == 0
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.ran = 1'}))"
    )
    assert page.evaluate("window.ran") is None


def test_the_first_page_is_small(world: System, windows: Windows) -> None:
    """As counted by the browser, headers and all."""
    visit = windows.open(url(world))
    expect(visit.page.locator("#link")).to_have_text("live")
    assert 5_000 < visit.wire_bytes < WIRE_MAX


@pytest.mark.parametrize("path", PAGES)
def test_everything_is_there_without_scripts(world: System, windows: Windows, path: str) -> None:
    """Texts and tables are whole, and the browser loads what changes anew by itself."""
    page = windows.open(url(world, path), script=False).page
    expect(page.locator("h1")).to_be_visible()
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "10"
    if path == "/":
        page.get_by_label("Find").fill("api")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_search_by_keyboard(world: System, windows: Windows) -> None:
    """Tab to the field, type, Enter; Tab to what was found, Enter."""
    page = windows.open(url(world)).page
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "q":
            break
    page.keyboard.type("shop.test")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=shop.test**")
    expect(page.locator("tbody tr")).to_have_count(2)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "api":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/endpoint/api")
    expect(page.locator("h1")).to_have_text("api: ok")
    expect(page.locator("pre")).to_contain_text("the DNS holds exactly generation")
    expect(page.locator("pre")).to_contain_text("one more failure: it ")


def test_paging_by_keyboard(world: System, windows: Windows) -> None:
    """From the search, Tab leads to the next page and back; what was searched for stays."""
    visit = windows.open(url(world))
    many = Sight(Status(at=AT, topology="t", store="s", endpoints=tuple(map(line, range(250)))))

    def answer(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        search = Search(text=asked["q"][0], page=int(asked.get("page", ["1"])[0]))
        route.fulfill(body=overview(many, search, []), content_type="text/html")

    visit.page.route("**/?q=*", answer)
    visit.page.goto(url(world, "/?q=shop"))
    assert visit.violations() == []
    for link, place in (("further", 2), ("further", 3), ("earlier", 2)):
        visit.page.locator("tbody a").last.focus()
        for _ in range(3):
            visit.page.keyboard.press("Tab")
            if visit.page.evaluate("document.activeElement.textContent") == link:
                break
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url(f"**/?q=shop&page={place}")
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
    """Nothing is loaded anew: what somebody types stays, focus stays, and the verdict changes."""
    page = windows.open(url(world)).page
    expect(page.locator("#link")).to_have_text("live")
    page.evaluate("window.mine = 'the same page'")
    page.get_by_label("Find").fill("half a wo")
    page.locator("tbody a").first.focus()
    focused = page.evaluate("document.activeElement.textContent")
    world.regions.fail(EU)
    row = page.locator("tbody tr", has_text="www.shop.test")
    expect(row).to_contain_text("down:", timeout=WAIT_MS)
    expect(row).not_to_contain_text(f"{EU}:", timeout=WAIT_MS)
    expect(page.locator("h1")).to_contain_text("without targets that are down", timeout=WAIT_MS)
    assert page.evaluate("window.mine") == "the same page"
    assert page.get_by_label("Find").input_value() == "half a wo"
    assert page.evaluate("document.activeElement.textContent") == focused

    page.goto(url(world, "/endpoint/shop"))
    eu = world.places[EU]
    expect(page.locator("#plans > .diff")).to_contain_text(f"- www.shop.test 1 A {eu}")
    expect(page.locator("pre")).to_contain_text("says down")
    page.get_by_label("from").select_option("1")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**older=1**")
    expect(page.locator("#plans > .diff")).to_contain_text(eu)
    world.regions.recover(EU)


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
    expect(page.locator(".notes li").last).to_contain_text(re.compile(r"^0 "))
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
