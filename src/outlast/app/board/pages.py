"""The board's pages: rendered on the server, complete without JavaScript, told of changes with it."""

from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from outlast.app.board.live import Sight
from outlast.app.board.trailpage import TrailSight
from outlast.app.standing import Line, Status
from outlast.drivers.entries import Head, Note
from outlast.glass.incident import Phase
from outlast.model.plan import Plan
from outlast.model.records import RecordSet
from outlast.model.units import NS_PER_S, Nanos, from_iso, iso

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


def verdict(sight: Sight) -> tuple[str, str]:
    """Return how bad it is, and the line that says what and what to do."""
    status = sight.status
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
        return "warn", f"{_count(status.gone, 'role')} gone. What is published stays."
    if not status.is_well:
        return "warn", "Servers or endpoints do not fit: look below."
    if sight.troubles:
        return "warn", f"This process has trouble with {', '.join(sight.troubles)}: look below."
    return _well(status)


def _well(status: Status) -> tuple[str, str]:
    """Everything is as planned; but a plan made without a region is news, too."""
    said = f"All {len(status.endpoints)} endpoints answer as planned"
    without = [one for one in status.endpoints if one.detail]
    if without:
        return "warn", f"{said}, {len(without)} of them without targets that are down."
    return "good", f"{said}."


def _names(lines: list[Line]) -> str:
    return lines[0].endpoint if len(lines) == 1 else f"{len(lines)} endpoints"


def _count(things: tuple[str, ...], word: str) -> str:
    return f"1 {word} is" if len(things) == 1 else f"{len(things)} {word}s are"


def age(now_ns: int, at_ns: int) -> str:
    """Return how long ago something was, in one unit: `12 s ago`. Clocks differ: the future is now."""
    gone_s = max(0, now_ns - at_ns) // NS_PER_S
    for unit, length_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if gone_s >= 2 * length_s:
            return f"{gone_s // length_s} {unit} ago"
    return f"{gone_s} s ago"


@dataclass(frozen=True, slots=True)
class Step:
    """A plan, and what it changed of the one before; nothing: there is none before, or it is not kept."""

    head: Head
    changes: tuple[tuple[str, str], ...] | None


def differences(before: Plan, after: Plan) -> tuple[tuple[str, str], ...]:
    """Return what a plan drops (`-`) and adds (`+`) of another's answers, value by value."""
    old, new = _values(before.record_sets), _values(after.record_sets)
    gone = [("-", one) for one in old if one not in new]
    come = [("+", one) for one in new if one not in old]
    return tuple(sorted(gone + come, key=lambda one: (one[1], one[0] == "+")))


def _values(sets: tuple[RecordSet, ...]) -> dict[str, None]:
    return {
        f"{one.name} {one.ttl_s} {one.rtype} {value}": None for one in sets for value in one.values
    }


def steps(heads: list[Head]) -> list[Step]:
    """Return the plans, newest first, each with what it changed."""
    found = [Step(heads[0], None)] if heads else []
    found += [
        Step(after, differences(before.plan, after.plan)) for before, after in pairwise(heads)
    ]
    return found[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two generations to compare; 0: the newest two."""

    older: int = 0
    newer: int = 0

    def of(self, heads: list[Head]) -> tuple[Head, Head] | None:
        """Return the two plans; None: one of them is not kept."""
        known = {int(one.plan.generation): one for one in heads}
        numbers = [*known][-2:] if not (self.older or self.newer) else [self.older, self.newer]
        if len(numbers) < 2 or not known.keys() >= set(numbers):
            return None
        return known[numbers[0]], known[numbers[1]]


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


def _page(name: str, now_ns: Nanos, **values: object) -> str:
    template = _environment().get_template(name)
    return template.render(now=iso(now_ns), age=partial(age, now_ns), **values)


def overview(sight: Sight, search: Search, notes: list[Note]) -> str:
    """Return the first page."""
    status = sight.status
    return _page(
        "overview.html",
        from_iso(status.at),
        status=status,
        mark=sight.mark,
        verdict=verdict(sight),
        troubles=sight.troubles,
        search=search,
        found=search.find(status.endpoints),
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


def endpoint(sight: Sight, about: About) -> str:
    """Return the page of one endpoint."""
    found = about.pair.of(about.heads)
    changes = differences(found[0].plan, found[1].plan) if found is not None else None
    return _page(
        "endpoint.html",
        from_iso(sight.status.at),
        mark=sight.mark,
        line=about.line,
        why=about.why,
        steps=steps(about.heads),
        generations=[int(one.plan.generation) for one in about.heads],
        pair=tuple(int(one.plan.generation) for one in found) if found is not None else None,
        changes=changes,
        notes=about.notes,
    )


def trail(found: TrailSight, now_ns: Nanos) -> str:
    """Return the page of the audit trail."""
    return _page("trail.html", now_ns, mark="", found=found)
