"""Pages: suppliers' status pages, asked again and again; the third class of evidence.

A page that cannot be read, or says nothing of us, is *unknown*: what it said before is forgotten after some
missed answers, in both directions. On the day that counts, status pages stand on what is down: one that
answers "operational" is no sign of health, and one that is silent even less.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from outlast.detect.belief import Feed
from outlast.detect.cells import Evidence, Notice
from outlast.drivers.reports.statuspage import read_page
from outlast.drivers.sources.asking import fetch
from outlast.drivers.sources.listing import BYTES_MAX, SourceError
from outlast.model.errors import StoreError
from outlast.model.service import Service
from outlast.model.source import StatusPage
from outlast.model.units import NS_PER_S, Nanos
from outlast.ports import Clock

MISSED_MAX = 3
"""Intervals without an answer after which nothing is known any more."""

Fetch = Callable[[str, float], bytes]


@dataclass(slots=True)
class _Page:
    """One address, and what it said."""

    asked: StatusPage
    services: dict[str, str]
    read_ns: Nanos = Nanos(0)
    trouble: str = "not asked yet"
    notices: tuple[Notice, ...] = ()
    due_s: float = 0.0
    trouble_ns: Nanos = Nanos(0)

    def lasts(self, now_ns: Nanos) -> bool:
        """Whether what it said still counts."""
        patience_s = MISSED_MAX * self.asked.interval_s + self.asked.timeout_s
        return self.read_ns > 0 and now_ns - self.read_ns <= patience_s * NS_PER_S


class Pages:
    """The status pages of a topology's services."""

    def __init__(self, services: Iterable[Service], clock: Clock, ask: Fetch = fetch) -> None:
        self._clock = clock
        self._ask = ask
        self._pages: dict[str, _Page] = {}
        self.change(services)

    def change(self, services: Iterable[Service]) -> None:
        """Ask for other services; what is known of a page that stays is kept."""
        known, self._pages = self._pages, {}
        for one in services:
            if one.official is None:
                continue
            page = self._pages.get(one.official.url)
            if page is None:
                page = self._pages[one.official.url] = _Page(one.official, {})
            page.services[one.official.component or one.name] = one.name
        for url, page in self._pages.items():
            before = known.get(url)
            if before is not None and before.services == page.services:
                self._pages[url] = before

    async def run(self) -> None:
        """Ask each page at its own pace until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = [one for one in self._pages.values() if one.due_s <= loop.time()]
            for one in due:
                one.due_s = loop.time() + one.asked.interval_s
            await asyncio.gather(*(self._read(one) for one in due))
            soonest = min((one.due_s for one in self._pages.values()), default=loop.time() + 1.0)
            await asyncio.sleep(min(1.0, max(0.02, soonest - loop.time())))

    async def _read(self, page: _Page) -> None:
        url = page.asked.url
        try:
            body = await asyncio.to_thread(self._ask, url, page.asked.timeout_s)
            notices = read_page(body[:BYTES_MAX], page.services)  # one that is cut is no JSON
        except (SourceError, StoreError) as error:
            page.trouble = error.what
            return
        lacking = sorted(set(page.services.values()) - {one.service for one in notices})
        page.trouble = f"says nothing of {', '.join(lacking[:5])}" if lacking else ""
        page.read_ns, page.notices = self._clock.now_ns(), notices
        admits = any(one.degraded for one in notices)
        page.trouble_ns = (page.trouble_ns or page.read_ns) if admits else Nanos(0)

    def notices(self) -> tuple[Notice, ...]:
        """Return what the pages say that can be believed to be of now."""
        now_ns = self._clock.now_ns()
        return tuple(
            notice for one in self._pages.values() if one.lasts(now_ns) for notice in one.notices
        )

    def feeds(self) -> tuple[Feed, ...]:
        """Return how each page stands."""
        now_ns = self._clock.now_ns()
        return tuple(_feed(url, one, now_ns) for url, one in sorted(self._pages.items()))


def _feed(url: str, page: _Page, now_ns: Nanos) -> Feed:
    troubled = sorted(one.service for one in page.notices if one.degraded)
    lasts = page.lasts(now_ns)
    says = (
        f"trouble at {', '.join(troubled[:5])}" if troubled else "no trouble, which proves nothing"
    )
    return Feed(
        evidence=Evidence.OFFICIAL,
        name=url,
        heard_ns=page.read_ns,
        silent="" if lasts else page.trouble or "it has not answered of late",
        trouble_ns=page.trouble_ns if lasts else Nanos(0),
        says=f"{says}; {page.trouble}" if lasts and page.trouble else says if lasts else "",
    )
