"""Acting from the board, in a real browser: logging in, preview and reason, a second person."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect
from tests.support.people import PASSWORD, PEOPLE, Person, add_people, logged_in
from tests.support.system import AP, EU, US, System, until
from tests.support.windows import WAIT_MS, Visit, Windows

pytestmark = [pytest.mark.slow, pytest.mark.servers]

EVACUATE = f"/act/evacuate?region={EU}&steps=1&every=1s&preview=1"
PAGES = ("/login", "/act", "/act/freeze", EVACUATE, "/requests", "/requests/1", "/account")


@pytest.fixture(scope="module")
def people(world: System) -> Iterator[dict[str, Person]]:
    """Everybody, logged in once: that is limited. One request stands on record."""
    add_people(world)
    with ExitStack() as stack:
        found = {name: stack.enter_context(logged_in(world, name)) for name in PEOPLE}
        drill = {"title": "A drill", "say": "Nobody is hit.", "exercise": "1"}
        page = found["otto"].act("incident-open", drill, "")
        assert "Request 1: incident-open, done" in page
        yield found


def url(world: System, path: str = "/") -> str:
    """Where a page of the board is."""
    return f"http://127.0.0.1:{world.http_port}{path}"


def visit_as(windows: Windows, person: Person, path: str = "/act", **how: bool) -> Visit:
    """Open a window of somebody who has logged in."""
    visit = windows.open("about:blank", **how)
    base = str(person.client.base_url)
    for name, value in person.client.cookies.items():
        visit.page.context.add_cookies([{"name": name, "value": value, "url": base}])
    visit.page.goto(f"{base.rstrip('/')}{path}")
    return visit


def preview(page: Page) -> None:
    """Ask for a preview of what is filled in."""
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_be_visible(timeout=WAIT_MS)


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)])
def test_every_page_is_accessible_and_fits(
    world: System, windows: Windows, people: dict[str, Person], *, phone: bool, dark: bool
) -> None:
    """Axe finds nothing, nothing is wider than the window, nothing complains, nobody else is asked."""
    visit = visit_as(windows, people["otto"], PAGES[0], phone=phone, dark=dark)
    for path in PAGES:
        visit.page.goto(url(world, path))
        expect(visit.page.locator("h1")).to_be_visible(timeout=WAIT_MS)
        assert visit.violations() == [], path
        assert visit.overflow_px() <= 0, path
        inline = "script:not([src]), style, [style], [onclick], [onload], [onerror]"
        assert visit.page.locator(inline).count() == 0, path
    assert visit.hosts - {""} == {f"127.0.0.1:{world.http_port}"}
    assert visit.complaints == []


@pytest.mark.usefixtures("people")
def test_logging_in_by_keyboard_and_out_again(world: System, windows: Windows) -> None:
    """A wrong password is told and keeps nobody out; the name stands on every page afterwards."""
    page = windows.open(url(world)).page
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill("not the right sentence")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("wrong", timeout=WAIT_MS)
    page.get_by_label("Name").focus()
    page.keyboard.type("otto")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(url(world))
    cookies = {one["name"]: one for one in page.context.cookies()}
    session = cookies[f"outlast-{world.http_port}"]
    assert session["httpOnly"]
    assert session["sameSite"] == "Strict"
    page.get_by_role("link", name="otto (operator)").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible(timeout=WAIT_MS)
    page.goto(url(world, "/act/freeze"))
    expect(page.locator("h1")).to_have_text("Log in", timeout=WAIT_MS)


def test_an_action_with_preview_and_reason(
    world: System, windows: Windows, people: dict[str, Person]
) -> None:
    """What is shown is what is done; without a reason the browser does not even send it."""
    page = visit_as(windows, people["otto"]).page
    page.get_by_role("link", name="Freeze").click()
    page.get_by_label("Endpoint").fill("www.shop.test")
    page.get_by_label("For how long").fill("10m")
    preview(page)
    expect(page.locator("li", has_text="freeze shop")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="Freeze").click()
    expect(page.locator("h1")).to_have_text("Freeze", timeout=WAIT_MS)
    page.get_by_label("Reason").fill("load test")
    page.get_by_role("button", name="Freeze").click()
    expect(page.locator("h1")).to_contain_text("done", timeout=WAIT_MS)
    expect(page.locator("pre")).to_contain_text("shop is frozen until", timeout=WAIT_MS)
    page.goto(url(world))
    expect(page.locator(".flag", has_text="(by otto: load test)")).to_be_visible(timeout=WAIT_MS)
    page.goto(url(world, "/act/thaw?endpoint=shop"))
    preview(page)
    page.get_by_label("Reason").fill("it is over")
    page.get_by_role("button", name="Thaw").click()
    expect(page.locator("pre")).to_contain_text("shop is thawed", timeout=WAIT_MS)


def test_an_evacuation_takes_a_second_person(
    world: System, windows: Windows, people: dict[str, Person]
) -> None:
    """Asked for on a desk, agreed to on a phone without scripts; and stopped by one alone."""
    world.wait_for(EU, US, AP)
    asking = visit_as(windows, people["ann"], EVACUATE).page
    expect(asking.locator("pre")).to_contain_text(f"shop without {EU}", timeout=WAIT_MS)
    asking.get_by_label("Reason").fill("power work")
    asking.get_by_role("button", name="Ask for a second person").click()
    expect(asking.locator("h1")).to_contain_text("waiting", timeout=WAIT_MS)
    expect(asking.get_by_text("you asked for it yourself")).to_be_visible(timeout=WAIT_MS)
    expect(asking.get_by_role("button", name="Agree")).to_have_count(0, timeout=WAIT_MS)
    number = re.findall(r"\d+", asking.url)[-1]
    assert world.answer() == {EU, US, AP}
    asking.get_by_role("link", name="Overview").click()
    flag = asking.locator("#top .flag", has_text="Waits for a second person")
    expect(flag).to_contain_text("ann: power work", timeout=WAIT_MS)

    path = f"/requests/{number}"
    other = visit_as(windows, people["otto"], path).page
    expect(other.get_by_text("only an approver")).to_be_visible(timeout=WAIT_MS)
    second = visit_as(windows, people["abe"], path, phone=True, script=False)
    expect(second.page.locator("pre")).to_contain_text(f"shop without {EU}", timeout=WAIT_MS)
    second.page.get_by_role("button", name="Agree, and do it now").click()
    expect(second.page.locator("h1")).to_contain_text("done", timeout=WAIT_MS)
    world.wait_for(US, AP)
    expect(asking.locator(".flag", has_text="(by ann: power work)")).to_be_visible(timeout=WAIT_MS)
    expect(flag).to_have_count(0, timeout=WAIT_MS)

    other.goto(url(world, f"/act/restore?region={EU}"))
    preview(other)
    other.get_by_label("Reason").fill("power is back")
    other.get_by_role("button", name="Restore").click()
    expect(other.locator("h1")).to_contain_text("done", timeout=WAIT_MS)
    world.wait_for(EU, US, AP)


def test_what_was_done_stands_in_the_trail_under_pseudonyms(
    world: System, windows: Windows
) -> None:
    """Who asked and who agreed are two people there too, and nobody's name is told."""
    page = windows.open(url(world, "/trail")).page

    def told() -> str:
        page.reload()
        return page.locator("main").inner_text()

    until(lambda: "done: evacuate" in told(), "the trail has it")
    text = told()
    asked = re.search(r"person-(\w+): approver asks for a second person: evacuate", text)
    agreed = re.search(r"person-(\w+): request \d+ agreed to: evacuate", text)
    assert asked is not None, text
    assert agreed is not None, text
    assert asked[1] != agreed[1]
    for name in ("ann", "abe", "otto"):
        assert not re.search(rf"\b{name}\b", text), name


def test_going_back_and_what_is_wanted(world: System, people: dict[str, Person]) -> None:
    """A rollback by two, what it froze thawed by one, and what is wanted published from the board."""
    ann, abe = people["ann"], people["abe"]
    before = world.generation()
    asked = ann.act("rollback", {"endpoint": "shop", "to": "1"}, "18 is wrong")
    number = int(re.findall(r"Request (\d+)", asked)[0])
    done = abe.agree(number)
    assert "done</h1>" in done, done
    assert "published" in done
    assert world.generation() == before + 1
    assert "done</h1>" in ann.act("thaw", {"endpoint": "shop"}, "enough")
    assert "checksum" in ann.preview("apply", {"endpoint": "*"}) or "as wanted" in ann.preview(
        "apply", {"endpoint": "*"}
    )
    assert "done</h1>" in ann.act("apply", {"endpoint": "api"}, "see that it stands")


def test_an_orphan_is_released_by_two(world: System, people: dict[str, Person]) -> None:
    """Once it has left the topology; its records go, and another's stay."""
    whole = world.file.read_text()
    world.file.write_text(whole[: whole.index("  api:\n")])
    ann, abe = people["ann"], people["abe"]
    until(
        lambda: "records" in ann.preview("release", {"endpoint": "api"}),
        "the topology without it is in force",
    )
    asked = ann.act("release", {"endpoint": "api"}, "moved away")
    done = abe.agree(int(re.findall(r"Request (\d+)", asked)[0]))
    assert "api is released" in done, done
    assert world.ask("api.shop.test", "A") == []
    assert world.answer()


def test_the_last_known_good_is_restored_by_two(world: System) -> None:
    """With no planner and no enactor at work, and the name wiped."""
    world.wait_for(EU, US, AP)
    world.stop()
    http = f"127.0.0.1:{world.http_port}"
    roles = ("--role", "nameserver", "--role", "prober", "--http", http)
    world.up(*roles)
    until(lambda: world.answer() == {EU, US, AP}, "the name server is back")
    world.wipe()
    assert world.answer() == set()
    with logged_in(world, "ann") as ann, logged_in(world, "abe") as abe:  # it began anew
        asked = ann.act("rescue", {"endpoint": "*"}, "the name is empty")
        done = abe.agree(int(re.findall(r"Request (\d+)", asked)[0]))
    assert "shop is restored" in done, done
    assert world.answer() == {EU, US, AP}
