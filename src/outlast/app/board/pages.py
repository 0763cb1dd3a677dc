"""The board's first pages: rendered on the server, complete without JavaScript, told of changes with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.app.board.frame import Frame, render
from outlast.app.board.live import Sight
from outlast.app.board.trailpage import TrailSight
from outlast.app.standing import Line
from outlast.drivers.entries import Head, Note
from outlast.glass.incident import Phase
from outlast.glass.listing import Found, Search
from outlast.glass.plans import Pair, differences, steps
from outlast.glass.verdict import verdict
from outlast.model.units import from_iso

FIRST = 12
"""Endpoints on the first page: what is wrong, and the first of the others."""


def listed(lines: Sequence[Line], search: Search, size: int = 100) -> Found[Line]:
    """Return the endpoints that are asked for, what is wrong first."""
    return search.find(
        lines, lambda one: (one.endpoint, *one.names), lambda one: one.state != "ok", size
    )


def overview(
    sight: Sight, search: Search, notes: Sequence[Note], frame: Frame | None = None
) -> str:
    """Return the first page."""
    status = sight.status
    return render(
        "overview.html",
        frame or Frame(at_ns=from_iso(status.at), mark=sight.mark),
        status=status,
        verdict=verdict(status, sight.troubles, sight.detection, asked=sight.asked),
        troubles=sight.troubles,
        search=search,
        found=listed(status.endpoints, search),
        notes=notes,
        incidents=[one for one in sight.incidents if one.phase is not Phase.RESOLVED],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is told of one endpoint."""

    line: Line
    why: str
    heads: list[Head]
    notes: list[Note]
    pair: Pair = Pair()


def endpoint(about: About, frame: Frame) -> str:
    """Return the page of one endpoint."""
    plans = [one.plan for one in about.heads]
    found = about.pair.of(plans)
    changes = differences(found[0], found[1]) if found is not None else None
    return render(
        "endpoint.html",
        frame,
        line=about.line,
        why=about.why,
        steps=steps(plans),
        generations=[int(one.generation) for one in plans],
        pair=tuple(int(one.generation) for one in found) if found is not None else None,
        changes=changes,
        notes=about.notes,
    )


def trail(found: TrailSight, frame: Frame) -> str:
    """Return the page of the audit trail."""
    return render("trail.html", frame, found=found)
