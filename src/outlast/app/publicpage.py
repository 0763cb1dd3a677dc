"""The public page: gathered from store and DNS, written to a folder that any host can serve."""

import os
from collections.abc import Mapping
from pathlib import Path

from outlast.app.session import open_session
from outlast.app.standing import Line, with_store, without_store
from outlast.app.wiring import World
from outlast.drivers.incidents import all_incidents
from outlast.glass.incident import Incident
from outlast.glass.page import Component, Health, PublicPage
from outlast.model.errors import ConfigError, StoreError
from outlast.model.plan import DriftKind
from outlast.trail.tiles import CHECKPOINT

_HEALTH: Mapping[str, Health] = {
    "ok": Health.OPERATIONAL,
    "frozen": Health.OPERATIONAL,
    "blocked": Health.OPERATIONAL,
    "unreadable": Health.DEGRADED,
    "no plan": Health.DEGRADED,
    DriftKind.EMPTY: Health.MAJOR,
    DriftKind.UNREACHABLE: Health.DEGRADED,
}
"""What a state means for people. A freeze or a refused plan changes no answer; a server that *we* cannot
read may well answer others; anything not named here is a wrong answer."""


async def gather(world: World, *, name: str, url: str, every_s: float) -> PublicPage:
    """Return the page as it is now; without a store the DNS alone is asked, since that is no outage."""
    incidents: list[Incident] = []
    try:
        async with open_session(world, "page", writes=False) as session:
            found = await with_store(session, ask=True)
            incidents = await all_incidents(session.ledger)
    except StoreError as error:
        found = await without_store(world, str(error))
    return PublicPage(
        name=name,
        url=url,
        at_ns=world.clock.now_ns(),
        every_s=every_s,
        components=tuple(_component(name, one) for one in found.endpoints for name in one.names),
        incidents=tuple(incidents),
        checkpoint=_checkpoint(world),
    )


def _component(name: str, line: Line) -> Component:
    if line.answers == "EMPTY":
        return Component(name=name, health=Health.MAJOR)
    return Component(name=name, health=_HEALTH.get(line.state, Health.PARTIAL))


def _checkpoint(world: World) -> str:
    try:
        return (world.state.trail / CHECKPOINT).read_text(encoding="utf-8")
    except OSError:
        return ""  # the trail is kept on another machine


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the page's files, each by a rename: whoever reads meanwhile finds whole files.

    Raises:
        ConfigError: the folder cannot be written.
    """
    try:
        for path, raw in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.{os.getpid()}")
            fresh.write_bytes(raw)
            fresh.replace(target)
    except OSError as error:
        raise ConfigError(
            f"the page cannot be written to {folder}: {error.strerror}",
            remedy="name a folder that this user may write with --to",
        ) from error
