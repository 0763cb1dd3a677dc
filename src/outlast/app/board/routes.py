"""Routes of the board: the pages that read. What acts is in `acting`; who may do either, in `access`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route

from outlast.app.board import assets
from outlast.app.board.access import Gate
from outlast.app.board.acting import acting, make_gate
from outlast.app.board.auditpage import AuditPage
from outlast.app.board.desk import Desk, missing, number, takes_packed
from outlast.app.board.detectionpage import show_detection, show_series
from outlast.app.board.drillspage import DrillsPage
from outlast.app.board.enactorspage import show_enactors
from outlast.app.board.endpointpage import show_endpoint
from outlast.app.board.evacuationpage import EvacuationPage
from outlast.app.board.frame import render
from outlast.app.board.front import Front
from outlast.app.board.incidentpage import IncidentPages
from outlast.app.board.pages import show_endpoints, show_overview, show_regions
from outlast.app.board.trailpage import look_at_trail, published_checkpoint
from outlast.app.session import Session
from outlast.app.wiring import World
from outlast.model.names import ProviderName
from outlast.ports import Provider, Store

Show = Callable[[Desk, Request], Awaitable[Response]]
"""A page: answers a request from a desk."""

FOR_EVER = "public, max-age=31536000, immutable"


class Board:
    """The board of one process of `outlast up`."""

    def __init__(self, desk: Desk, gate: Gate) -> None:
        self.desk = desk
        self.gate = gate
        incidents = IncidentPages()
        self._shown: dict[str, Show] = {
            "/": show_overview,
            "/endpoints": show_endpoints,
            "/endpoint/{name}": show_endpoint,
            "/regions": show_regions,
            "/detection": show_detection,
            "/detection/series.json": show_series,
            "/enactors": show_enactors,
            "/evacuation": EvacuationPage().show,
            "/drills": DrillsPage().show,
            "/audit": AuditPage().show,
            "/incidents": incidents.listing,
            "/incidents/{number:int}": incidents.one,
            "/incidents/{number:int}/review.{kind:str}": incidents.review,
        }

    def routes(self) -> list[BaseRoute]:
        """Return what to serve."""
        pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            **{path: partial(show, self.desk) for path, show in self._shown.items()},
            "/trail": self._trail,
            "/trail/checkpoint": self._checkpoint,
            "/status.json": self._status,
            "/events": self._events,
            "/assets/{name}": self._asset,
        }
        inner = [Route(path, self.gate.guard(page)) for path, page in pages.items()]
        return [*acting(self.desk, self.gate), Mount("/", routes=inner)]

    async def _trail(self, request: Request) -> Response:
        world = self.desk.session.world
        before = number(request, "before")
        found = await asyncio.to_thread(
            look_at_trail, world.state.trail, world.trail_signer().verifier, before=before
        )
        page = render("trail.html", self.desk.frame(request, "/trail"), found=found)
        return self.desk.page(request, page)

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
