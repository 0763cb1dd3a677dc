"""The board's first pages: how it stands, every endpoint, every region; rendered on the server."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from outlast.app.board.desk import Desk, number
from outlast.app.board.frame import Frame, render
from outlast.app.board.live import Sight
from outlast.app.board.picture import Picture, picture
from outlast.app.standing import Line
from outlast.drivers.entries import Note
from outlast.glass.grid import NONE, Row
from outlast.glass.incident import Phase
from outlast.glass.listing import PAGE_SIZE, Found, Search
from outlast.glass.verdict import BAD, WARN, verdict

FIRST = 12
"""Endpoints, and rows of the grid, on the first page: what is wrong, then the first of the others."""
COUNTRIES = 10


def asked(request: Request) -> Search:
    """Return what a list is searched for."""
    query = request.query_params
    return Search(
        text=query.get("q", "").strip(), wrong="wrong" in query, page=number(request, "page", 1)
    )


def listed(lines: Sequence[Line], search: Search, size: int = PAGE_SIZE) -> Found[Line]:
    """Return the endpoints that are asked for, what is wrong first."""
    return search.find(
        lines,
        lambda one: (one.endpoint, *one.names),
        lambda one: one.state != "ok" or bool(one.detail),
        size,
    )


def rows_listed(rows: Sequence[Row], search: Search, size: int = PAGE_SIZE) -> Found[Row]:
    """Return the rows of the grid that are asked for, what is wrong first."""
    return search.find(rows, lambda one: (one.name,), lambda one: one.kind in {BAD, WARN}, size)


def overview(sight: Sight, seen: Picture, notes: Sequence[Note], frame: Frame) -> str:
    """Return the first page."""
    status = sight.status
    return render(
        "overview.html",
        frame,
        status=status,
        verdict=verdict(status, sight.troubles, sight.detection, asked=sight.asked),
        waiting=sight.waiting,
        troubles=sight.troubles,
        found=listed(status.endpoints, Search(), FIRST),
        picture=seen,
        grid=rows_listed([one for one in seen.rows if one.kind != NONE], Search(), FIRST),
        spots=seen.spots[:COUNTRIES],
        notes=notes,
        incidents=[one for one in sight.incidents if one.phase is not Phase.RESOLVED],
    )


def endpoints(sight: Sight, search: Search, frame: Frame) -> str:
    """Return the page of all endpoints."""
    found = listed(sight.status.endpoints, search)
    return render("endpoints.html", frame, found=found, search=search)


def regions(seen: Picture, search: Search, frame: Frame) -> str:
    """Return the page of all endpoints and services by region."""
    return render(
        "regions.html", frame, picture=seen, found=rows_listed(seen.rows, search), search=search
    )


async def show_overview(desk: Desk, request: Request) -> Response:
    """Answer with the first page."""
    sight = await desk.seen(request)

    async def make() -> str:
        seen = picture(desk.session.world.topology, sight)
        return overview(sight, seen, await desk.told(None), desk.frame(request, "/", sight))

    return await desk.kept(request, sight, make)


async def show_endpoints(desk: Desk, request: Request) -> Response:
    """Answer with the page of all endpoints."""
    sight = await desk.seen(request)

    async def make() -> str:
        return endpoints(sight, asked(request), desk.frame(request, "/endpoints", sight))

    return await desk.kept(request, sight, make)


async def show_regions(desk: Desk, request: Request) -> Response:
    """Answer with the page of all regions."""
    sight = await desk.seen(request)

    async def make() -> str:
        seen = picture(desk.session.world.topology, sight)
        return regions(seen, asked(request), desk.frame(request, "/regions", sight))

    return await desk.kept(request, sight, make)
