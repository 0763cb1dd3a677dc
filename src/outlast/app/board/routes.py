"""Routes of the board. Only GET: nothing can be changed here, so there is nothing to forge.

Served on loopback alone: whoever may read this machine's loopback may read its state folder, too. The Host
header must name loopback as well, or a page on the web could read the board through a name of its own that
leads here (DNS rebinding).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from ipaddress import ip_address

import msgspec
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from outlast.app.board.live import Live, Sight
from outlast.app.board.pages import About, Pair, Search, endpoint, overview, trail
from outlast.app.board.trailpage import look_at_trail, published_checkpoint
from outlast.app.commands.why import as_text, explain
from outlast.app.session import Session
from outlast.app.standing import with_store, without_store
from outlast.app.wiring import World
from outlast.drivers.entries import Note
from outlast.drivers.incidents import all_incidents
from outlast.model.errors import ProviderError, StoreError
from outlast.model.names import EndpointName, ProviderName
from outlast.model.topology import Address
from outlast.ports import Provider, Store

ASK_MAX = 200
"""With more endpoints than this the board tells what the store knows; one endpoint's page asks the DNS."""
NOTES = 30
NUMBER_MAX = 19
"""Digits that no number in a query has: Python refuses to read thousands of them."""
LOOPBACK = ["localhost", "127.0.0.1", "[::1]", "::1"]
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
ASSETS = {"board.css": "text/css", "board.js": "text/javascript"}


def is_loopback(host: str) -> bool:
    """Return whether an address is loopback's."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Board:
    """The board of one process of `outlast up`."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open = open_session
        self._troubles: Callable[[], Mapping[str, str]] = dict
        self.live = Live(self._look)

    @property
    def _session(self) -> Session:
        """The store and connections, with the topology that is in force now."""
        return self._open()

    def routes(self) -> list[BaseRoute]:
        """Return what to serve."""
        pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/": self._overview,
            "/endpoint/{name}": self._endpoint,
            "/trail": self._trail,
            "/trail/checkpoint": self._checkpoint,
            "/status.json": self._status,
            "/events": self._events,
            "/assets/{name}": self._asset,
        }
        inner = [Route(path, _guarded(page)) for path, page in pages.items()]
        return [Mount("/", routes=inner)]

    async def _look(self) -> Sight:
        world = self._session.world
        try:
            status = await with_store(self._session, ask=len(world.topology.endpoints) <= ASK_MAX)
            incidents = tuple(await all_incidents(self._session.ledger))
        except StoreError as error:
            status, incidents = await without_store(world, str(error)), ()
        return Sight(status, incidents, self._troubles())

    async def _seen(self, request: Request) -> Sight:
        """Look; the process says beside it what troubles it."""
        self._troubles = request.app.state.troubles
        return await self.live.refresh()

    async def _overview(self, request: Request) -> Response:
        query = request.query_params
        search = Search(
            text=query.get("q", "").strip(),
            wrong="wrong" in query,
            page=_number(request, "page", 1),
        )
        sight = await self._seen(request)
        return HTMLResponse(overview(sight, search, await self._told(None)))

    async def _endpoint(self, request: Request) -> Response:
        name = request.path_params["name"]
        world = self._session.world
        known = next((one for one in world.topology.endpoints if one.name == name), None)
        sight = await self._seen(request)
        line = next((one for one in sight.status.endpoints if one.endpoint == name), None)
        if known is None or line is None:
            return PlainTextResponse(f"there is no endpoint {name[:80]}", status_code=404)
        try:
            why = as_text(await explain(self._session, known))
            heads = await self._session.ledger.plans(known.name)
        except (StoreError, ProviderError) as error:
            why, heads = str(error), []
        pair = Pair(older=_number(request, "older"), newer=_number(request, "newer"))
        notes = await self._told(known.name)
        about = About(line=line, why=why, heads=heads, notes=notes, pair=pair)
        return HTMLResponse(endpoint(sight, about))

    async def _told(self, name: EndpointName | None) -> list[Note]:
        """Return the newest notes, newest first; none while the store is lost: the page says that."""
        try:
            return (await self._session.ledger.history(name, limit=NOTES))[::-1]
        except StoreError:
            return []

    async def _trail(self, request: Request) -> Response:
        world = self._session.world
        before = _number(request, "before")
        found = await asyncio.to_thread(
            look_at_trail, world.state.trail, world.trail_signer().verifier, before=before
        )
        return HTMLResponse(trail(found, world.clock.now_ns()))

    async def _checkpoint(self, request: Request) -> Response:
        del request
        text = await asyncio.to_thread(published_checkpoint, self._session.world.state.trail)
        code = 200 if text else 404
        return PlainTextResponse(text or "there is no checkpoint yet", status_code=code)

    async def _status(self, request: Request) -> Response:
        raw = msgspec.json.encode((await self._seen(request)).status)
        return Response(raw, media_type="application/json")

    async def _events(self, request: Request) -> Response:
        del request
        return StreamingResponse(self.live.events(), media_type="text/event-stream")

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            return PlainTextResponse("there is no such file", status_code=404)
        raw = files("outlast.app.board").joinpath("templates", name).read_bytes()
        return Response(raw, media_type=ASSETS[name])


def board(
    world: Callable[[], World],
    store: Store,
    connect: Callable[[], Mapping[ProviderName, Provider]],
    at: Address | None,
) -> tuple[dict[str, Callable[[], Awaitable[None]]], list[BaseRoute]]:
    """Return the job that looks and the pages to serve; none where others than this machine could read.

    Args:
        world: returns the topology that is in force.
        connect: makes connections of the board's own.
        at: where pages are served.
    """
    if at is None or not is_loopback(at.host):
        return {}, []
    providers = connect()

    def session() -> Session:
        now = world()
        return Session(
            world=now, store=store, ledger=now.ledger(store, "board"), providers=providers
        )

    made = Board(session)
    return {"board": made.live.run}, made.routes()


def _number(request: Request, name: str, default: int = 0) -> int:
    """Return a number of the query; the default where it is none that a page could have."""
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < NUMBER_MAX else default


def _guarded(page: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Add the headers, and refuse requests that name another host."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method not in {"GET", "HEAD"}:
            refused = PlainTextResponse("only GET", status_code=405, headers={"allow": "GET, HEAD"})
            await refused(scope, receive, send)
            return
        response = await page(request)
        response.headers.update(HEADERS)
        await response(scope, receive, send)

    return TrustedHostMiddleware(app, allowed_hosts=LOOPBACK, www_redirect=False)
