"""Enactors: lag, lost races, and what each is doing."""

from starlette.requests import Request
from starlette.responses import Response

from outlast.app.board.desk import Desk
from outlast.app.board.frame import render
from outlast.glass.enactors import at_work, waiting
from outlast.model.errors import StoreError

WAITING_MAX = 50


async def show_enactors(desk: Desk, request: Request) -> Response:
    """Answer with the page of who is at work."""
    sight = await desk.seen(request)

    async def make() -> str:
        ledger = desk.session.ledger
        try:
            rows, _ = await ledger.rows()
        except StoreError:
            rows = []  # the page says that the store is lost
        receipts = [one.receipt for one in rows if one.receipt is not None]
        waits = waiting((one.head.plan, one.confirmed) for one in rows if one.head is not None)
        return render(
            "enactors.html",
            desk.frame(request, "/enactors", sight),
            work=at_work(sight.status.roles, receipts),
            gone=sight.status.gone,
            waiting=waits[:WAITING_MAX],
            waiting_count=len(waits),
            status=sight.status,
        )

    return await desk.kept(request, sight, make)
