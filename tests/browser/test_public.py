"""The public page in a real browser: from any host, by everybody, also when what writes it is down."""

import functools
import http.server
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.support.windows import Windows, written

from outlast.glass.incident import Certainty, Impact, Incident, Phase, Update
from outlast.glass.page import Component, Health, PublicPage
from outlast.glass.render import render
from outlast.model.units import Nanos, seconds

pytestmark = [pytest.mark.slow, pytest.mark.servers]

WIRE_MAX = 150_000
LONG = ".".join(["a" * 60] * 3)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and writes nothing to the terminal."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A folder behind any web server: the simplest there is."""
    handler = functools.partial(Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def said(text: str, phase: Phase, **rest: object) -> Update:
    """One public update of now."""
    return replace(Update(at_ns=now(), by="x", text=text, phase=phase), **rest)  # type: ignore[arg-type]


def now() -> Nanos:
    """The real time: the browser's clock is the real one as well."""
    return seconds(time.time())


def page(**rest: object) -> PublicPage:
    """A page with everything on it."""
    names = {Health.OPERATIONAL: LONG, Health.DEGRADED: "b.example", Health.PARTIAL: "c.example"}
    names[Health.MAJOR] = "d.example"
    first = said("A supplier is empty.", Phase.INVESTIGATING)
    wrong = said("It was not.", Phase.MONITORING, certainty=Certainty.REVISED, revises=1)
    over = said("All is well.", Phase.RESOLVED, certainty=Certainty.CONFIRMED)
    going = Incident(
        number=2,
        title="Paying fails",
        impact=Impact.MAJOR,
        about=("api", LONG),
        opened_ns=now(),
        began_ns=now(),
        updates=(first, wrong),
    )
    past = replace(going, number=1, title="Evacuation", exercise=True, updates=(first, over))
    made = PublicPage(
        name="shop",
        url="./",
        at_ns=now(),
        every_s=10.0,
        components=tuple(Component(name=name, health=of) for of, name in names.items()),
        incidents=(going, past),
        checkpoint="log\n1\nhash\n",
    )
    return replace(made, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_accessible_small_and_asks_nobody(
    served: str, tmp_path: Path, windows: Windows, *, phone: bool, dark: bool
) -> None:
    """Axe finds nothing, nothing is wider than the window, nothing complains."""
    written(tmp_path, render(page()))
    visit = windows.open(served, phone=phone, dark=dark)
    assert visit.violations() == []
    assert visit.overflow_px() <= 0
    assert visit.hosts == {served.split("/")[2]}
    assert visit.complaints == []
    assert 2_000 < visit.wire_bytes < WIRE_MAX
    assert visit.page.locator("script:not([src]), style, [style]").count() == 0


def test_without_scripts_it_tells_its_time_and_loads_itself_anew(
    served: str, tmp_path: Path, windows: Windows
) -> None:
    """So that it does not pass for the present."""
    written(tmp_path, render(page()))
    of = windows.open(served, script=False).page
    expect(of.locator("#age")).to_contain_text("Written anew every 10 seconds")
    assert of.locator("meta[http-equiv=refresh]").get_attribute("content") == "10"
    expect(of.locator(".verdict")).to_have_text("Some names do not answer")


def test_news_come_by_themselves_and_lose_nobodys_place(
    served: str, tmp_path: Path, windows: Windows
) -> None:
    """The page is fetched again in its place."""
    os.utime(written(tmp_path, render(page())) / "index.html", (0, 0))  # HTTP dates count seconds
    of = windows.open(served).page
    expect(of.locator("article", has_text="Paying fails")).to_be_visible()
    of.clock.install()
    of.reload()
    of.evaluate("window.mine = 'the same page'")
    well = (Component(name="d.example", health=Health.OPERATIONAL),)
    written(tmp_path, render(page(components=well, incidents=())))
    of.clock.fast_forward(10_000)
    expect(of.locator(".verdict")).to_have_text("All names answer")
    expect(of.locator("article")).to_have_count(0)
    assert of.evaluate("window.mine") == "the same page"


def test_a_page_whose_writer_died_says_how_old_it_is(
    served: str, tmp_path: Path, windows: Windows
) -> None:
    """In words that cannot be missed, and still accessible."""
    ago = Nanos(now() - seconds(3_600))
    written(tmp_path, render(page(at_ns=ago)))
    visit = windows.open(served)
    expect(visit.page.locator("#age.old")).to_contain_text("This page is 60 minutes old")
    expect(visit.page.locator(".outdated .verdict")).to_be_visible()
    assert visit.violations() == []


def test_what_was_well_an_hour_ago_is_not_said_in_green(
    served: str, tmp_path: Path, windows: Windows
) -> None:
    """The verdict is the last one known, until the writer is back."""

    def verdict() -> tuple[str, str]:
        look = """one => [getComputedStyle(one).color, getComputedStyle(one, "::before").content]"""
        colour, before = of.locator(".verdict").evaluate(look)
        return colour, before

    well = (Component(name="d.example", health=Health.OPERATIONAL),)
    first = written(tmp_path, render(page(components=well, incidents=())))
    os.utime(first / "index.html", (0, 0))  # HTTP dates count seconds
    of = windows.open(served).page
    fresh = verdict()
    assert fresh[1] == "none"
    ago = Nanos(now() - seconds(3_600))
    old = written(tmp_path, render(page(components=well, incidents=(), at_ns=ago)))
    os.utime(old / "index.html", (10, 10))
    of.clock.install()
    of.reload()
    expect(of.locator(".outdated .verdict")).to_be_visible()
    assert verdict() == (
        of.locator("footer").evaluate("one => getComputedStyle(one).color"),
        '"Last known: "',
    )
    written(tmp_path, render(page(components=well, incidents=())))
    of.clock.fast_forward(10_000)
    expect(of.locator(".outdated")).to_have_count(0)
    assert verdict() == fresh


def test_the_checkpoint_is_one_click_away(served: str, tmp_path: Path, windows: Windows) -> None:
    """For whoever keeps copies."""
    written(tmp_path, render(page()))
    of = windows.open(served).page
    link = of.get_by_role("link", name="signed checkpoint of the audit trail")
    assert of.request.get(f"{served}{link.get_attribute('href')}").text() == "log\n1\nhash\n"
