"""Suppliers' status pages: trouble counts; silence, garbage, old and good words are unknown."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.reports.desks import StillClock
from tests.reports.receiver import Receiver, receiving
from tests.support.waiting import eventually

from outlast.detect.cells import Notice
from outlast.drivers.reports.pages import MISSED_MAX, Pages
from outlast.model.names import ServiceName
from outlast.model.service import Service
from outlast.model.source import StatusPage

PATH = "/api/v2/components.json"
WAIT_S = 30.0


def page(**components: str) -> tuple[int, bytes]:
    """A page in the v2 format."""
    found = [{"name": name, "status": status} for name, status in components.items()]
    return 200, json.dumps({"page": {"id": "x"}, "components": found}).encode()


def services(there: Receiver) -> list[Service]:
    """Two services on one page, one of which is called otherwise there; a third has no page."""
    url = there.url + PATH
    return [
        Service(
            name=ServiceName("shop"), official=StatusPage(url=url, component="API", interval_s=0.1)
        ),
        Service(name=ServiceName("bank"), official=StatusPage(url=url, interval_s=0.1)),
        Service(name=ServiceName("own")),
    ]


@asynccontextmanager
async def asked(there: Receiver, clock: StillClock) -> AsyncIterator[Pages]:
    """Pages that are asked all the time."""
    pages = Pages(services(there), clock)
    task = asyncio.create_task(pages.run())
    try:
        yield pages
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_trouble_is_a_notice_of_the_service_that_the_component_stands_for() -> None:
    with receiving() as there:
        there.pages[PATH] = page(API="partial_outage", bank="operational", Other="major_outage")
        async with asked(there, StillClock()) as pages:
            await eventually(lambda: bool(pages.notices()), deadline_s=WAIT_S)
            assert set(pages.notices()) == {
                Notice(service="shop", degraded=True),
                Notice(service="bank", degraded=False),
            }
            feed = pages.feeds()[0]
            assert (feed.silent, feed.says) == ("", "trouble at shop")
            assert feed.trouble_ns > 0


async def test_a_page_that_fails_is_unknown_after_some_answers_that_were_missed() -> None:
    """It is neither healthy nor in trouble for ever because it said so once."""
    with receiving() as there:
        clock = StillClock()
        there.pages[PATH] = page(API="major_outage", bank="operational")
        async with asked(there, clock) as pages:
            await eventually(lambda: bool(pages.notices()), deadline_s=WAIT_S)
            there.down = True
            await eventually(lambda: "503" in _trouble(pages), deadline_s=WAIT_S)
            assert pages.notices()
            clock.second += MISSED_MAX + 60
            assert pages.notices() == ()
            assert "503" in pages.feeds()[0].silent
            assert pages.feeds()[0].trouble_ns == 0


@pytest.mark.parametrize(
    "body", [b"<html>all good</html>", b"[]", b'{"components": [{"name": "API"}]}', b""]
)
async def test_what_is_no_status_page_says_nothing(body: bytes) -> None:
    with receiving() as there:
        there.pages[PATH] = 200, body
        async with asked(there, StillClock()) as pages:
            await eventually(lambda: "status page" in _trouble(pages), deadline_s=WAIT_S)
            assert pages.notices() == ()


async def test_a_page_that_does_not_name_us_says_so_and_nothing_else() -> None:
    with receiving() as there:
        there.pages[PATH] = page(Renamed="major_outage")
        async with asked(there, StillClock()) as pages:
            await eventually(
                lambda: "says nothing of bank, shop" in _says(pages), deadline_s=WAIT_S
            )
            assert pages.notices() == ()


async def test_good_words_are_said_to_prove_nothing() -> None:
    with receiving() as there:
        there.pages[PATH] = page(API="operational", bank="under_maintenance")
        async with asked(there, StillClock()) as pages:
            await eventually(lambda: bool(pages.notices()), deadline_s=WAIT_S)
            assert not any(one.degraded for one in pages.notices())
            assert "proves nothing" in _says(pages)


async def test_an_edited_topology_forgets_pages_that_are_gone() -> None:
    with receiving() as there:
        there.pages[PATH] = page(API="major_outage", bank="operational")
        async with asked(there, StillClock()) as pages:
            await eventually(lambda: bool(pages.notices()), deadline_s=WAIT_S)
            pages.change(services(there))
            assert pages.notices()
            pages.change([])
            assert (pages.notices(), pages.feeds()) == ((), ())


def _trouble(pages: Pages) -> str:
    return "".join(one.silent + one.says for one in pages.feeds())


def _says(pages: Pages) -> str:
    return pages.feeds()[0].says
