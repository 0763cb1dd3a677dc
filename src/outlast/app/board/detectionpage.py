"""Detection: what is believed to be down where, why, and what speaks against it."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from outlast.app.board.desk import Desk
from outlast.app.board.frame import Frame, render
from outlast.app.board.live import Sight
from outlast.app.board.pages import asked
from outlast.glass.causegraph import SERVICE_X, WIDTH, graph
from outlast.glass.chart import chart
from outlast.glass.detection import Detection
from outlast.glass.listing import Search
from outlast.glass.verdict import cause
from outlast.model.units import iso

CHARTS = 4
ALARMS = 25
NAMED = 10
"""Services that an incident is about, at most: the public reads them."""


def detection(sight: Sight, search: Search, frame: Frame) -> str:
    """Return the page."""
    found = sight.detection
    drawn = graph(found.suspects, found.runner_up) if found is not None else None
    return render(
        "detection.html",
        frame,
        detection=found,
        verdict=cause(found) if found is not None and found.outcome != "quiet" else None,
        opening=opening(found) if found is not None else "",
        charts=[chart(one) for one in found.curves[:CHARTS]] if found is not None else [],
        graph=drawn,
        width=WIDTH,
        service_x=SERVICE_X,
        alarms=search.find(
            found.alarms if found is not None else (),
            lambda one: (one.series,),
            lambda one: one.state == "confirmed",
            ALARMS,
        ),
        search=search,
    )


def opening(found: Detection) -> str:
    """Return what the form for opening an incident of it begins with: whom it hits, and since when.

    What to call it is left to people: the public reads that. A replay hits nobody, and began another day.
    Empty: nothing is down, or it is old.
    """
    if found.stale or found.outcome == "quiet":
        return ""
    named = [name for one in found.suspects for name in one.explained] or found.unexplained
    about = [one for one in dict.fromkeys(named) if " " not in one][:NAMED]
    began = iso(min((one.since_ns for one in found.alarms), default=found.since_ns))
    rest = {"exercise": "1"} if found.replay else {"began": began}
    return urlencode({"about": " ".join(about)} | rest)


async def show_detection(desk: Desk, request: Request) -> Response:
    """Answer with the page."""
    sight = await desk.seen(request)

    async def make() -> str:
        return detection(sight, asked(request), desk.frame(request, "/detection", sight))

    return await desk.kept(request, sight, make)


async def show_series(desk: Desk, request: Request) -> Response:
    """Answer with the figures of the charts, for the script that draws them."""
    sight = await desk.seen(request)
    found = sight.detection
    curves = found.curves[:CHARTS] if found is not None else ()
    return JSONResponse([{"title": one.series, "data": chart(one).data} for one in curves])
