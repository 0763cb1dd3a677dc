"""One endpoint: what every server answers, the plan and who applied it, why, and how it came to be."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from outlast.app.board.desk import Desk, missing, number
from outlast.app.board.frame import Frame, render
from outlast.app.board.picture import regions_of
from outlast.app.commands.why import Why, as_text, explain
from outlast.app.session import Session
from outlast.app.standing import Line
from outlast.core.dual import places
from outlast.core.plan import layout_of
from outlast.core.verify import compare
from outlast.drivers.entries import EndpointRow, Note
from outlast.drivers.providers.authority import ask
from outlast.glass.answers import Heard, heard
from outlast.glass.plans import Pair, differences, steps
from outlast.model.errors import ProviderError, StoreError
from outlast.model.plan import Layout, Observation, Plan
from outlast.model.topology import NO_SERVER, Address, Endpoint

SERVERS_MAX = 16
ASK_S = 1.0
"""For all servers together: a page at 3 a.m. does not wait for a dead one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is told of one endpoint.

    Attributes:
        why: every address with its votes, and what one more failure would do; None: the store is lost.
        lost: why that is not known.
        plans: those that are kept, oldest first.
    """

    line: Line
    servers: Sequence[Heard]
    why: Why | None
    lost: str
    row: EndpointRow | None
    plans: Sequence[Plan]
    notes: Sequence[Note]
    pair: Pair = Pair()


def endpoint(about: About, frame: Frame) -> str:
    """Return the page of one endpoint."""
    found = about.pair.of(about.plans)
    return render(
        "endpoint.html",
        frame,
        line=about.line,
        servers=about.servers,
        why=about.why,
        text=as_text(about.why) if about.why is not None else about.lost,
        row=about.row,
        steps=steps(about.plans),
        generations=[int(one.generation) for one in about.plans],
        pair=tuple(int(one.generation) for one in found) if found is not None else None,
        newer=found[1] if found is not None else None,
        changes=differences(*found) if found is not None else None,
        notes=about.notes,
    )


async def show_endpoint(desk: Desk, request: Request) -> Response:
    """Answer with the page of one endpoint."""
    name = request.path_params["name"]
    session = desk.session
    known = next((one for one in session.world.topology.endpoints if one.name == name), None)
    sight = await desk.seen(request)
    line = next((one for one in sight.status.endpoints if one.endpoint == name), None)
    if known is None or line is None:
        return missing(f"there is no endpoint {name[:80]}")

    async def make() -> str:
        pair = Pair(older=number(request, "older"), newer=number(request, "newer"))
        about = await _about(desk, session, known, line=line, pair=pair)
        return endpoint(about, desk.frame(request, "/endpoints", sight))

    return await desk.kept(request, sight, make)


async def _about(desk: Desk, session: Session, known: Endpoint, *, line: Line, pair: Pair) -> About:
    why, lost, row, plans = None, "", None, []
    try:
        row = await session.ledger.row(known.name)
        plans = [one.plan for one in await session.ledger.plans(known.name)]
        why = await explain(session, known)
    except (StoreError, ProviderError) as error:
        lost = str(error)
    head = row.head.plan if row is not None and row.head is not None else None
    return About(
        line=line,
        servers=await ask_servers(session, known, head),
        why=why,
        lost=lost,
        row=row,
        plans=plans,
        notes=await desk.told(known.name),
        pair=pair,
    )


async def ask_servers(session: Session, known: Endpoint, head: Plan | None) -> list[Heard]:
    """Ask every authoritative server of an endpoint at once what it answers now."""
    topology = session.world.topology
    nouns = {one.name: one for one in topology.providers}
    layout = head.layout if head is not None else layout_of(known, nouns[known.provider])
    regions = regions_of(known)
    asked = []
    for place in places(layout):
        provider = nouns.get(place.provider)
        if provider is None:
            continue
        servers = dict.fromkeys([provider.server, *provider.verify_servers])
        asked += [
            _ask_one(session, place, server, head, regions) for server in [*servers][:SERVERS_MAX]
        ]
    return list(await asyncio.gather(*asked))


async def _ask_one(
    session: Session, layout: Layout, server: Address, head: Plan | None, regions: Mapping[str, str]
) -> Heard:
    provider = str(layout.provider)
    name = str(server) if server != NO_SERVER else f"{provider} (by its API)"
    try:
        found = await _read(session, layout, server)
    except ProviderError as error:
        silent = heard(name, provider, None, None, regions)
        return Heard(
            server=silent.server,
            provider=provider,
            answers=(),
            fence="",
            kind=silent.kind,
            says=error.what,
        )
    return heard(name, provider, found, compare(head, found) if head is not None else None, regions)


async def _read(session: Session, layout: Layout, server: Address) -> Observation:
    if server == NO_SERVER:
        return await session.providers[layout.provider].read(layout)
    return await ask(server, layout, session.world.clock, timeout_s=ASK_S)
