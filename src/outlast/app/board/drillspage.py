"""Drills: every scenario that ships, what was held on this topology, and when each last passed."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from outlast.app.board.desk import Desk
from outlast.app.board.frame import Frame, render
from outlast.app.board.once import Once
from outlast.app.board.pages import asked
from outlast.app.drill.results import read_results
from outlast.glass.drills import Run, Scenario, scenarios
from outlast.glass.listing import Search
from outlast.model.units import NS_PER_S, Nanos

PAGE_SIZE = 50
Known = tuple[tuple[str, str, str], ...]


def drills(found: list[Scenario], search: Search, frame: Frame, file: str) -> str:
    """Return the page."""
    listed = search.find(
        found,
        lambda one: (one.name, one.title, one.world),
        lambda one: one.kind == "bad",
        PAGE_SIZE,
    )
    return render("drills.html", frame, found=listed, search=search, file=file)


class DrillsPage:
    """Reads the scenarios that ship once."""

    def __init__(self) -> None:
        self._known: Once[Known] = Once()

    async def show(self, desk: Desk, request: Request) -> Response:
        """Answer with the page."""
        state = desk.session.world.state
        known = await self._known.get("shipped", _shipped)
        runs = [*read_results(state.root), *exercises(state.root / "exercises")]
        frame = desk.frame(request, "/drills")
        page = drills(scenarios(known, runs), asked(request), frame, desk.session.world.file.name)
        return desk.page(request, page)


def _shipped() -> Known:
    from outlast.app.drill.library import titles  # noqa: PLC0415 - the library of worlds

    return tuple((name, world, title) for name, world, title in titles())


def exercises(folder: Path) -> Iterator[Run]:
    """Yield what was exercised on the running system, from the records that were left."""
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            at = datetime.fromisoformat(record["events"][-1].split(" ", 1)[0])
            at_ns = Nanos(round(at.timestamp()) * NS_PER_S)
            done = record["outcome"] == "done"
            yield Run(
                name=f"exercise {record['region']}",
                title=record["reason"],
                at_ns=at_ns,
                held=int(done),
                total=1,
                said=f"{record['outcome']} {record['why']}".strip(),
                live=True,
            )
        except (ValueError, KeyError, IndexError, TypeError):
            continue  # half written, or of another program: the page shows what it can read
