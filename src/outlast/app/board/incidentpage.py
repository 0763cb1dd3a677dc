"""Incidents on the board: what was said, the steps that the audit trail shows, the review to take along.

Steps and review come from the published trail, as `outlast incident review` makes them. The trail is
verified first, which takes seconds where it is long: once for each state of it.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from outlast.app.board.desk import Desk, missing
from outlast.app.board.frame import render
from outlast.app.board.once import Once
from outlast.app.wiring import World
from outlast.drivers.incidents import all_incidents
from outlast.drivers.trail.folder import published_in
from outlast.glass.incident import Incident, Numbered, milestones
from outlast.glass.incident import missing as missing_steps
from outlast.glass.review import as_html, review
from outlast.trail.tiles import CHECKPOINT
from outlast.trail.verify import TamperedError, entries, verify

HERE = "/incidents"
REVIEWS = frozenset({"md", "html"})


class IncidentPages:
    """The list, one incident, and its review as a file."""

    def __init__(self) -> None:
        self._of = b""
        self._once: Once[tuple[Numbered, ...] | str] = Once()

    async def listing(self, desk: Desk, request: Request) -> Response:
        """Answer with all incidents."""
        sight = await desk.seen(request)

        async def make() -> str:
            return render(
                "incidents.html", desk.frame(request, HERE, sight), incidents=sight.incidents
            )

        return await desk.kept(request, sight, make)

    async def one(self, desk: Desk, request: Request) -> Response:
        """Answer with one incident."""
        found = await self._find(desk, request)
        if found is None:
            return missing("there is no such incident")
        trail = await self._trail(desk.session.world)
        why, known = (trail, ()) if isinstance(trail, str) else ("", trail)
        steps = milestones(found, known)
        page = render(
            "incident.html",
            desk.frame(request, HERE),
            one=found,
            steps=steps,
            missing=missing_steps(steps),
            why=why,
        )
        return desk.page(request, page)

    async def review(self, desk: Desk, request: Request) -> Response:
        """Answer with the review, as Markdown or as a page of its own."""
        found, kind = await self._find(desk, request), request.path_params["kind"]
        if found is None or kind not in REVIEWS:
            return missing(
                "there is no such incident" if found is None else "there is no such file"
            )
        trail = await self._trail(desk.session.world)
        if isinstance(trail, str):
            return PlainTextResponse(f"there is no review without the audit trail: {trail}", 503)
        text = review(found, trail)
        name = f'attachment; filename="incident-{found.number}.{kind}"'
        if kind == "html":
            return HTMLResponse(as_html(text, found.title), headers={"content-disposition": name})
        return PlainTextResponse(
            text, media_type="text/markdown", headers={"content-disposition": name}
        )

    async def _find(self, desk: Desk, request: Request) -> Incident | None:
        """Return the incident as the store has it now: whoever just said something looks for it here."""
        number = request.path_params["number"]
        known = await all_incidents(desk.session.ledger)
        return next((one for one in known if one.number == number), None)

    async def _trail(self, world: World) -> tuple[Numbered, ...] | str:
        try:
            key = await asyncio.to_thread((world.state.trail / CHECKPOINT).read_bytes)
        except OSError as error:
            return f"it is not published yet ({error.strerror})"
        if key != self._of:  # a whole trail is large: one state of it is kept
            self._of, self._once = key, Once()
        return await self._once.get(key, lambda: _verified(world))


def _verified(world: World) -> tuple[Numbered, ...] | str:
    read = published_in(world.state.trail)
    try:
        size = verify(read, world.trail_signer().verifier).checkpoint.size
        return tuple(entries(read, size))
    except TamperedError as error:
        return str(error)
