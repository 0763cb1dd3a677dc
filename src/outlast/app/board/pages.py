"""The board's pages: rendered on the server, complete without JavaScript, told of changes with it."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from outlast.app.standing import Line, Status
from outlast.drivers.entries import Head, Note
from outlast.glass.incident import Incident
from outlast.model.units import iso

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which endpoints are shown.

    Attributes:
        text: part of a name; empty: all.
        wrong: only what needs somebody.
        page: counted from 1.
    """

    text: str = ""
    wrong: bool = False
    page: int = 1

    def find(self, lines: tuple[Line, ...]) -> "Found":
        """Return the lines that are asked for, what is wrong first."""
        mine = [one for one in lines if self._fits(one)]
        mine.sort(key=lambda one: one.state == "ok")
        pages = max(1, -(-len(mine) // PAGE_SIZE))
        page = min(max(1, self.page), pages)
        shown = mine[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        return Found(tuple(shown), total=len(mine), page=page, pages=pages)

    def _fits(self, line: Line) -> bool:
        if self.wrong and line.state == "ok":
            return False
        text = self.text.lower()
        return text in line.endpoint or any(text in name for name in line.names)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of endpoints."""

    lines: tuple[Line, ...]
    total: int
    page: int
    pages: int


def verdict(status: Status) -> tuple[str, str]:
    """Return how bad it is, and the line that says what and what to do."""
    if not status.store_reachable:
        return "bad", "The store cannot be used. What is published stays; nothing is removed."
    empty = [one for one in status.wrong if one.answers == "EMPTY"]
    if empty:
        return "bad", f"{_names(empty)} without an answer. Look below; last resort: outlast rescue"
    if status.wrong:
        first = status.wrong[0]
        return "warn", f"{_names(status.wrong)} not as planned: {first.state}. {first.detail}"
    if status.sick:
        return "warn", "A vantage is sick: nothing is removed on its word."
    if status.gone:
        return "warn", f"{len(status.gone)} roles are gone. What is published stays."
    if not status.is_well:
        return "warn", "Servers or endpoints do not fit: look below."
    return "good", f"All {len(status.endpoints)} endpoints answer as planned."


def _names(lines: list[Line]) -> str:
    return lines[0].endpoint if len(lines) == 1 else f"{len(lines)} endpoints"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("outlast.app.board"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["iso"] = iso
    return environment


def overview(status: Status, search: Search, notes: list[Note], incidents: list[Incident]) -> str:
    """Return the first page."""
    return (
        _environment()
        .get_template("overview.html")
        .render(
            status=status,
            verdict=verdict(status),
            search=search,
            found=search.find(status.endpoints),
            notes=notes,
            incidents=incidents,
        )
    )


def endpoint(line: Line, why: str, heads: list[Head], notes: list[Note]) -> str:
    """Return the page of one endpoint."""
    return (
        _environment()
        .get_template("endpoint.html")
        .render(line=line, why=why, heads=heads, notes=notes)
    )
