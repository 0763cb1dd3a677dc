"""Routes of the board. Only GET: nothing can be changed here, so there is nothing to forge.

Served on loopback alone: whoever may read this machine's loopback may read its state folder, too. The Host
header must name loopback as well, or a page on the web could read the board through a name of its own that
leads here (DNS rebinding).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address

import msgspec
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from outlast.app.board import assets
from outlast.app.board.desk import Desk, missing, number, takes_packed
from outlast.app.board.pages import About, endpoint, overview, trail
from outlast.app.board.trailpage import look_at_trail, published_checkpoint
from outlast.app.commands.why import as_text, explain
from outlast.app.session import Session
from outlast.app.wiring import World
from outlast.glass.listing import Search
from outlast.glass.plans import Pair
from outlast.model.errors import ProviderError, StoreError
from outlast.model.names import ProviderName
from outlast.model.topology import Address
from outlast.ports import Provider, Store

LOOPBACK = ["localhost", "127.0.0.1", "[::1]", "::1"]
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
FOR_EVER = "public, max-age=31536000, immutable"


def is_loopback(host: str) -> bool:
    """Return whether an address is loopback's."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Board:
    """The board of one process of `outlast up`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

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
        inner = [Route(path, guarded(page)) for path, page in pages.items()]
        return [Mount("/", routes=inner)]

    async def _overview(self, request: Request) -> Response:
        sight = await self.desk.seen(request)

        async def make() -> str:
            notes = await self.desk.told(None)
            return overview(sight, asked(request), notes, self.desk.frame(request, "/", sight))

        return await self.desk.kept(request, sight, make)

    async def _endpoint(self, request: Request) -> Response:
        name = request.path_params["name"]
        session = self.desk.session
        known = next((one for one in session.world.topology.endpoints if one.name == name), None)
        sight = await self.desk.seen(request)
        line = next((one for one in sight.status.endpoints if one.endpoint == name), None)
        if known is None or line is None:
            return missing(f"there is no endpoint {name[:80]}")

        async def make() -> str:
            try:
                why = as_text(await explain(session, known))
                heads = await session.ledger.plans(known.name)
            except (StoreError, ProviderError) as error:
                why, heads = str(error), []
            pair = Pair(older=number(request, "older"), newer=number(request, "newer"))
            notes = await self.desk.told(known.name)
            about = About(line=line, why=why, heads=heads, notes=notes, pair=pair)
            return endpoint(about, self.desk.frame(request, "/endpoints", sight))

        return await self.desk.kept(request, sight, make)

    async def _trail(self, request: Request) -> Response:
        world = self.desk.session.world
        before = number(request, "before")
        found = await asyncio.to_thread(
            look_at_trail, world.state.trail, world.trail_signer().verifier, before=before
        )
        return self.desk.page(request, trail(found, self.desk.frame(request, "/trail")))

    async def _checkpoint(self, request: Request) -> Response:
        del request
        text = await asyncio.to_thread(published_checkpoint, self.desk.session.world.state.trail)
        code = 200 if text else 404
        return PlainTextResponse(text or "there is no checkpoint yet", status_code=code)

    async def _status(self, request: Request) -> Response:
        raw = msgspec.json.encode((await self.desk.seen(request)).status)
        return Response(raw, media_type="application/json")

    async def _events(self, request: Request) -> Response:
        mark = request.query_params.get("mark", "")
        return StreamingResponse(self.desk.live.events(mark), media_type="text/event-stream")

    async def _asset(self, request: Request) -> Response:
        found = assets.find(request.path_params["name"])
        if found is None:
            return missing("there is no such file")
        if not takes_packed(request):
            response = Response(found.raw, media_type=found.media)
        else:
            packed = {"content-encoding": "gzip"}
            response = Response(found.packed, media_type=found.media, headers=packed)
        response.headers["vary"] = "accept-encoding"
        if request.query_params.get("v") == found.digest:
            response.headers["cache-control"] = FOR_EVER
        return response


def asked(request: Request) -> Search:
    """Return what a list is searched for."""
    query = request.query_params
    return Search(
        text=query.get("q", "").strip(), wrong="wrong" in query, page=number(request, "page", 1)
    )


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

    made = Board(Desk(session))
    return {"board": made.desk.live.run}, made.routes()


def guarded(page: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Add the headers, and refuse requests that name another host."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method not in {"GET", "HEAD"}:
            refused = PlainTextResponse("only GET", status_code=405, headers={"allow": "GET, HEAD"})
            await refused(scope, receive, send)
            return
        response = await page(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    return TrustedHostMiddleware(app, allowed_hosts=LOOPBACK, www_redirect=False)
