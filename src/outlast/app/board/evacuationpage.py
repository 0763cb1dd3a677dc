"""Evacuation: the proof, the drill's forecast, the steps, and when the power may go.

Nothing is begun here: whoever may begins it on the page of that action, or at the command line. The proof is
made anew at each look, by the production planner and guard; the forecast once a topology and region, by two
runs of the drill's engine in a process of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from starlette.requests import Request
from starlette.responses import Response

from outlast.app.board.desk import Desk, number
from outlast.app.board.frame import Frame, render
from outlast.app.board.once import Once
from outlast.app.drain import endpoints_in, measure, prove, safe_at_ns
from outlast.app.session import Session
from outlast.app.wiring import World
from outlast.glass.evacuation import Drain, Proof, drain, proof, refused
from outlast.model.errors import ProviderError, StoreError
from outlast.model.names import RegionName
from outlast.model.override import Evacuation, is_over

STEPS_MAX = 100
ENDPOINTS_MAX = 200
"""Endpoints of a region that a look proves; for more the command line does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is told of evacuating.

    Attributes:
        region: the one that was chosen; empty: none was.
        proofs: what would remain of each endpoint.
        forecast: what a drill says; empty: it is still being held.
        drains: what was ordered, and how far it is.
        why: why something is not known.
    """

    regions: Sequence[str]
    region: str = ""
    steps: int = 1
    every_s: int = 30
    proofs: Sequence[Proof] = ()
    too_many: int = 0
    forecast: str = ""
    drains: Sequence[Drain] = ()
    why: str = ""


def evacuation(about: About, frame: Frame, file: str) -> str:
    """Return the page."""
    return render("evacuation.html", frame, about=about, refused=refused(about.proofs), file=file)


class EvacuationPage:
    """Remembers forecasts."""

    def __init__(self) -> None:
        self._forecasts: Once[str] = Once()

    async def show(self, desk: Desk, request: Request) -> Response:
        """Answer with the page."""
        sight = await desk.seen(request)

        async def make() -> str:
            session = desk.session
            about = await self._about(session, request)
            frame = desk.frame(request, "/evacuation", sight)
            return evacuation(about, frame, session.world.file.name)

        return await desk.kept(request, sight, make)

    async def _about(self, session: Session, request: Request) -> About:
        world = session.world
        regions = [str(one.name) for one in world.topology.regions]
        asked = request.query_params.get("region", "")
        region = asked if asked in regions else ""
        steps = min(max(1, number(request, "steps", 1)), STEPS_MAX)
        every_s = max(1, number(request, "every", 30))
        drains, proofs, too_many, why = [], [], 0, ""
        try:
            drains = await _drains(session)
            if region:
                chosen = endpoints_in(world, RegionName(region))
                too_many = len(chosen) if len(chosen) > ENDPOINTS_MAX else 0
                order = Evacuation(
                    region=RegionName(region),
                    reason="to see whether it fits",
                    by="board",
                    at_ns=world.clock.now_ns(),
                    step_count=steps,
                    step_s=every_s,
                )
                found = [] if too_many else await prove(session, chosen, order)
                proofs = [
                    proof(one.endpoint.name, one.plan or one.head, one.ruling) for one in found
                ]
        except (StoreError, ProviderError) as error:
            why = str(error)
        return About(
            regions=regions,
            region=region,
            steps=steps,
            every_s=every_s,
            proofs=proofs,
            too_many=too_many,
            forecast=self._forecast(world, region) if region else "",
            drains=drains,
            why=why,
        )

    def _forecast(self, world: World, region: str) -> str:
        """Return what a drill says; empty while it is being held."""
        if not world.topology.services:
            return "none: the topology has no services to hold a drill with"
        if find_spec("numpy") is None or find_spec("pyarrow") is None:
            return "none: drills are not installed here (pip install 'outlast[drill]')"
        from outlast.app.reports.forecasting import bounded  # noqa: PLC0415 - brings the engine
        from outlast.detect.belief import Advice  # noqa: PLC0415

        key = (world.digest, region)
        task = self._forecasts.start(key, lambda: bounded(world.topology, Advice.EVACUATE, region))
        return task.result() if task.done() else ""


async def _drains(session: Session) -> list[Drain]:
    overrides, _ = await session.ledger.overrides()
    now_ns = session.world.clock.now_ns()
    found = []
    for one in overrides or ():
        if isinstance(one, Evacuation) and not is_over(one, now_ns):
            endpoints = endpoints_in(session.world, one.region)
            progress = await measure(session, endpoints, one.region)
            safe_ns = safe_at_ns(endpoints, progress.confirmed_ns)
            found.append(
                drain(one, now_ns, left=progress.left, unproved=progress.unproved, safe_ns=safe_ns)
            )
    return found
