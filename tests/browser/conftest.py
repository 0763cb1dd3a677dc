"""A real browser, and a real system for it to look at.

Both are started once a module. Commands run as processes of their own (`windows.outlast`), since Playwright
keeps an event loop in this one.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.support.system import System, system
from tests.support.windows import WAIT_MS, Windows, chromium

expect.set_options(
    timeout=WAIT_MS
)  # Playwright's own five seconds are short for a machine with neighbours


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with chromium() as started:
        yield started


@pytest.fixture
def windows(browser: Browser) -> Iterator[Windows]:
    """Windows of one test."""
    yield Windows(browser)
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs, with both names published."""
    with system(tmp_path_factory.mktemp("world")) as made:
        made.up_and_published()
        yield made
