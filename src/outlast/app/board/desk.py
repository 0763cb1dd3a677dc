"""The desk: what every page of the board is made from, looked at once for all who look.

A page is made from one sight. While the sight is fresh, the same page for the same role is the same bytes:
a thousand boards that are told of a change cost one look, one page made and packed, and a thousand answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from outlast.app.board.assets import packed
from outlast.app.board.believed import believed
from outlast.app.board.frame import Frame
from outlast.app.board.live import Live, Sight
from outlast.app.session import Session
from outlast.app.standing import with_store, without_store
from outlast.drivers.entries import Note
from outlast.drivers.incidents import all_incidents
from outlast.drivers.requests import waiting_requests
from outlast.model.errors import StoreError
from outlast.model.names import EndpointName
from outlast.model.units import from_iso

ASK_MAX = 200
"""With more endpoints than this the board tells what the store knows; one endpoint's page asks the DNS."""
NOTES = 30
NUMBER_MAX = 19
"""Digits that no number in a query has: Python refuses to read thousands of them."""
PACK_LEVEL = 5
KEPT_MAX = 200
"""Pages kept of one sight: what many look at at once; searches of one person need not stay."""


class Desk:
    """What pages are made from."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open = open_session
        self._troubles: Callable[[], Mapping[str, str]] = dict
        self._made: _Made = {}
        self._made_of: Sight | None = None
        self.live = Live(self._look)

    @property
    def session(self) -> Session:
        """The store and connections, with the topology that is in force now."""
        return self._open()

    async def _look(self) -> Sight:
        session = self.session
        world = session.world
        ask = len(world.topology.endpoints) <= ASK_MAX
        try:
            status = await with_store(session, ask=ask)
            incidents = tuple(await all_incidents(session.ledger))
            belief = await believed(session.store, world.clock.now_ns())
            waiting = tuple(await waiting_requests(session.ledger, world.clock.now_ns()))
        except StoreError as error:
            return Sight(await without_store(world, str(error)), troubles=self._troubles())
        troubles = self._troubles()
        return Sight(status, incidents, troubles, belief, asked=ask, waiting=waiting)

    async def seen(self, request: Request) -> Sight:
        """Look, unless somebody just did; the process says beside it what troubles it."""
        self._troubles = request.app.state.troubles
        return await self.live.sight()

    async def told(self, name: EndpointName | None) -> list[Note]:
        """Return the newest notes, newest first; none while the store is lost: the page says that."""
        try:
            return (await self.session.ledger.history(name, limit=NOTES))[::-1]
        except StoreError:
            return []

    def frame(self, request: Request, path: str, sight: Sight | None = None) -> Frame:
        """Return what stands around a page; without a sight the page does not change by itself.

        Who looks is said by whatever let the request in, in `request.state`: `who`, `name` and `form` of
        `Frame`. Where nothing says so, nobody is signed in and the page reads.
        """
        state = request.scope.get("state", {})
        at_ns = (
            from_iso(sight.status.at) if sight is not None else self.session.world.clock.now_ns()
        )
        return Frame(
            at_ns=at_ns,
            path=path,
            mark=sight.mark if sight is not None else "",
            who=state.get("who"),
            name=state.get("name", ""),
            form=state.get("form", {}),
        )

    async def kept(
        self, request: Request, sight: Sight, make: Callable[[], Awaitable[str]]
    ) -> Response:
        """Answer with a page of a sight, made once while that sight is the newest.

        Whoever asks while it is made waits for it: making it asks the store, and a thousand boards that
        are told of a change at once would else make it a thousand times. A page with forms is one
        person's own and is not kept.
        """
        if request.scope.get("state", {}).get("form"):
            return answer(request, Page.of(await make()))
        if self._made_of is not sight:
            self._made, self._made_of = {}, sight
        made = self._made
        key = (str(request.url.path), str(request.url.query), *_who(request))
        making = made.get(key)
        if making is None:
            making = asyncio.ensure_future(_make(make))
            if len(made) < KEPT_MAX:
                made[key] = making
            making.add_done_callback(lambda done: _forget_failure(made, key, done))
        return answer(request, await asyncio.shield(making))

    def page(self, request: Request, html: str) -> Response:
        """Answer with a page that is not kept."""
        return answer(request, Page.of(html))


@dataclass(frozen=True, slots=True)
class Page:
    """A page as bytes, plain and packed."""

    raw: bytes
    packed: bytes

    @classmethod
    def of(cls, html: str) -> "Page":
        """Pack a page."""
        raw = html.encode()
        return cls(raw, packed(raw, PACK_LEVEL))


_Made = dict[tuple[str, str, str, str], asyncio.Future[Page]]


async def _make(make: Callable[[], Awaitable[str]]) -> Page:
    return Page.of(await make())


def _forget_failure(
    made: _Made, key: tuple[str, str, str, str], done: asyncio.Future[Page]
) -> None:
    """The next one tries again; whoever waited for it has been told."""
    if (done.cancelled() or done.exception() is not None) and made.get(key) is done:
        del made[key]


def answer(request: Request, page: Page) -> Response:
    """Answer with a page, packed for whoever can unpack it."""
    response = HTMLResponse(page.raw)
    if takes_packed(request):
        response = HTMLResponse(page.packed, headers={"content-encoding": "gzip"})
    response.headers["vary"] = "accept-encoding, cookie"
    return response


def takes_packed(request: Request) -> bool:
    """Whether a browser takes gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def number(request: Request, name: str, default: int = 0) -> int:
    """Return a number of the query; the default where it is none that a page could have."""
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < NUMBER_MAX else default


def _who(request: Request) -> tuple[str, str]:
    state = request.scope.get("state", {})
    return str(state.get("who")), str(state.get("name", ""))


def missing(what: str) -> Response:
    """Answer that there is no such thing."""
    return PlainTextResponse(what[:200], status_code=404)
