"""The world: which countries are hit, drawn from one sheet of shapes that a browser keeps.

The shapes are those of drills' reports (`drill/report/world.svg`, made at build time). Pages refer to them by
`<use>`: a page, and a change on it, costs a line for each country that is hit and nothing for the others.
Colour alone tells nobody apart who cannot see it, so the worst ones bear their number in the table beside
the map, and the table says everything that the map says.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

VIEW = "0 0 1000 394"
NUMBERED = 8
"""How many countries bear a number on the map."""
LEVELS = (0.02, 0.1, 0.3, 0.6)
"""Where a level ends; the last one has no end. Level 1 is the lightest."""
_SHAPE = re.compile(r'<(path|circle) data-country="([^"]+)"( .*?)><title>([^<]*)</title></\1>')
_MOVES = re.compile(r"M(-?\d+) (-?\d+)l?((?:-?\d+ ?)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A country that is hit.

    Attributes:
        code: ISO 3166-1 alpha-2.
        share_ratio: of its use that fails, or of its services that are reported, 0 to 1.
        people: how many are affected; 0: not known.
        services: how many are reported there.
    """

    code: str
    share_ratio: float
    people: int = 0
    services: int = 0

    @property
    def level(self) -> int:
        """From 1, hardly, to 5."""
        return 1 + sum(self.share_ratio >= one for one in LEVELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A country as the map and its table show it; x, y are where its number stands; 0: none."""

    hit: Hit
    name: str
    number: int
    x: float
    y: float
    drawn: bool


def spots(hits: Sequence[Hit]) -> tuple[Spot, ...]:
    """Return what to draw and tell, the worst first."""
    places = _places()
    order = sorted(hits, key=lambda one: (-one.people, -one.share_ratio, one.code))
    found = []
    for number, one in enumerate(order, start=1):
        name, (x, y) = places.get(one.code, (one.code, (0.0, 0.0)))
        shown = number if number <= NUMBERED and one.code in places else 0
        found.append(Spot(hit=one, name=name, number=shown, x=x, y=y, drawn=one.code in places))
    return tuple(found)


@cache
def sheet() -> str:
    """Return the shapes as a picture whose countries can be referred to by code, all of them by `world`."""
    shapes = "".join(
        f'<{tag} id="{code.replace(" ", "_")}"{rest}/>'
        for tag, code, rest, _ in _SHAPE.findall(_drawing())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{VIEW}">'
        "<!-- Natural Earth (public domain); see drill/report/world.txt -->"
        f'<g id="world">{shapes}</g></svg>'
    )


@cache
def _drawing() -> str:
    return files("outlast").joinpath("drill", "report", "world.svg").read_text()


@cache
def _places() -> dict[str, tuple[str, tuple[float, float]]]:
    """Return name and middle of each country by code."""
    return {
        code: (name.replace("&amp;", "&"), _middle(tag, rest))
        for tag, code, rest, name in _SHAPE.findall(_drawing())
    }


def _middle(tag: str, rest: str) -> tuple[float, float]:
    """Return the middle of a country's largest piece: that of a far island would name the wrong place."""
    if tag == "circle":
        found = dict(re.findall(r'(c[xy])="([\d.]+)"', rest))
        return float(found["cx"]), float(found["cy"])
    best, middle = -1.0, (0.0, 0.0)
    for x0, y0, moves in _MOVES.findall(rest):
        steps = [int(one) for one in re.findall(r"-?\d+", moves)]
        xs, ys = _walk(int(x0), steps[::2]), _walk(int(y0), steps[1::2])
        size = (max(xs) - min(xs)) * (max(ys) - min(ys))
        if size > best:
            best, middle = size, ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    return middle


def _walk(start: int, steps: Sequence[int]) -> list[int]:
    places = [start]
    for step in steps:
        places.append(places[-1] + step)
    return places
