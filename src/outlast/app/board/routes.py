"""Routes of the board: the pages that read. What acts is in `acting`; who may do either, in `access`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route

from outlast.app.board import assets
from outlast.app.board.access import Gate
from outlast.app.board.acting import acting, make_gate
from outlast.app.board.desk import Desk, missing, number, takes_packed
from outlast.app.board.front import Front
from outlast.app.board.pages import About, endpoint, overview, trail
from outlast.app.board.trailpage import look_at_trail, published_checkpoint
from outlast.app.commands.why import as_text, explain
from outlast.app.session import Session
from outlast.app.wiring import World
from outlast.glass.listing import Search
from outlast.glass.plans import Pair
from outlast.model.errors import ProviderError, StoreError
from outlast.model.names import ProviderName
from outlast.ports import Provider, Store

FOR_EVER = "public, max-age=31536000, immutable"


class Board:
    """The board of one process of `outlast up`."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self.desk = desk
        self.gate = gate

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
        inner = [Route(path, self.gate.guard(page)) for path, page in pages.items()]
        return [*acting(self.desk, self.gate), Mount("/", routes=inner)]

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
    front: Front | None,
) -> tuple[dict[str, Callable[[], Awaitable[None]]], list[BaseRoute]]:
    """Return the job that looks and the pages to serve; none where no board is wanted.

    Args:
        world: returns the topology that is in force.
        connect: makes connections of the board's own.
        front: where pages are served; None: nowhere.
    """
    if front is None or not front.board:
        return {}, []
    providers = connect()

    def session() -> Session:
        now = world()
        return Session(
            world=now, store=store, ledger=now.ledger(store, "board"), providers=providers
        )

    made = Board(Desk(session), make_gate(world(), front))
    return {"board": made.desk.live.run}, made.routes()
