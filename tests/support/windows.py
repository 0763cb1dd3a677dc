"""Windows of a real browser: the system's Chromium, driven by Playwright; nothing is downloaded.

Each window is a profile of its own. What the browser itself notices is kept: hosts that were asked, what
was complained about, and bytes over the wire.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from tests.support.browser import PROGRAM
from tests.support.system import System

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WAIT_MS = 30_000


@dataclass(slots=True)
class Visit:
    """A page, and what the browser noticed about it.

    Attributes:
        hosts: every host that was asked for anything.
        complaints: console errors and warnings, the content security policy's among them; exceptions.
        wire_bytes: what came over the wire: bodies and headers.
    """

    page: Page
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    wire_bytes: int = 0

    def violations(self) -> list[str]:
        """Return what axe finds against accessibility, each with the first place."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]

    def overflow_px(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") or 0
        )


@dataclass(frozen=True, slots=True)
class Windows:
    """Opens windows; all of them are closed after the test."""

    browser: Browser

    def open(
        self, url: str, *, phone: bool = False, dark: bool = False, script: bool = True
    ) -> Visit:
        """Open a page in a window of its own, with no memory of others."""
        context = self.browser.new_context(
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]  # a dict of two numbers
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            locale="de-DE",
            timezone_id="Europe/Berlin",
        )
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        visit = Visit(page)
        page.on("request", lambda one: visit.hosts.add(urlsplit(one.url).netloc))
        page.on("console", lambda one: _note(visit, one.type, one.text))
        page.on("pageerror", lambda one: visit.complaints.append(str(one)))
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda one: _count(visit, one["encodedDataLength"]))
        page.goto(url)
        return visit


def _note(visit: Visit, kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        visit.complaints.append(text)


def _count(visit: Visit, size: float) -> None:
    visit.wire_bytes += int(size)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window on the screen."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which(PROGRAM),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        try:
            yield started
        finally:
            started.close()


def outlast(world: System, command: str, *arguments: str) -> None:
    """Run a command on a world, in a process of its own."""
    line = [sys.executable, "-m", "outlast", *command.split(), str(world.file), *arguments]
    done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder."""
    for path, raw in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
    return folder
