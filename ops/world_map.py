"""Draw the world map that reports and dashboards colour: `python ops/world_map.py FOLDER > world.svg`.

Only whoever renews the map runs this. FOLDER holds `countries-110m.json` and `countries-10m.json` of the
npm package `world-atlas` (TopoJSON of Natural Earth, public domain); codes come from `pycountry`.

The projection is the plate carrée, cropped to where people live: it is the one that everybody can check
by hand. Countries that the coarse file leaves out for their size are drawn as dots, since a map without
Singapore or Malta would show nobody hit there.
"""

import json
import sys
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path

import pycountry

WIDTH, HEIGHT = 1000, 394
NORTH, SOUTH = 84.0, -58.0
DOT_RADIUS = 3
NAMELESS = {"Kosovo": "XK"}  # no ISO code; the user-assigned one that everybody uses

Point = tuple[float, float]


def main(folder: Path) -> None:
    """Print the map."""
    coarse = shapes(json.loads((folder / "countries-110m.json").read_text()))
    fine = shapes(json.loads((folder / "countries-10m.json").read_text()))
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        "<!-- Made with Natural Earth (public domain); see world.txt -->"
    )
    for code, (name, rings) in sorted(coarse.items()):
        path = "".join(drawn(ring) for ring in rings) if code != "AQ" else ""
        if path:
            print(f'<path data-country="{code}" d="{path}"><title>{escape(name)}</title></path>')
    areas = {code for code, (_, rings) in coarse.items() if any(map(drawn, rings))}
    for code, (name, rings) in sorted(fine.items()):
        if code not in areas and not code.startswith("-"):
            x, y = middle(max(rings, key=len))
            print(
                f'<circle data-country="{code}" cx="{x}" cy="{y}" r="{DOT_RADIUS}">'
                f"<title>{escape(name)}</title></circle>"
            )
    print("</svg>")


def shapes(topology: dict) -> dict[str, tuple[str, list[list[Point]]]]:
    """Return name and rings of each country by its code; what has none keeps its name after a hyphen."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        arcs.append(points)
    found: dict[str, tuple[str, list[list[Point]]]] = {}
    for shape in topology["objects"]["countries"]["geometries"]:
        name = shape["properties"]["name"]
        code = code_of(shape.get("id"), name)
        rings = [joined(ring, arcs) for ring in rings_of(shape)]
        found[code] = (name, [*found.get(code, (name, []))[1], *rings])
    return found


def code_of(number: str | None, name: str) -> str:
    """Return the alpha-2 code, or a hyphen and the name where there is none."""
    if number is None:
        return NAMELESS.get(name, f"-{name}")
    known = pycountry.countries.get(numeric=number)
    return known.alpha_2 if known else f"-{name}"


def rings_of(shape: dict) -> Iterator[list[int]]:
    """Yield the arcs of each ring."""
    if shape["type"] == "Polygon":
        yield from shape["arcs"]
    elif shape["type"] == "MultiPolygon":
        for polygon in shape["arcs"]:
            yield from polygon


def joined(ring: list[int], arcs: list[list[Point]]) -> list[Point]:
    """Return a ring's points; a negative number is an arc walked backwards (TopoJSON, section 2.1.4)."""
    points: list[Point] = []
    for number in ring:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc[1:] if points else arc
    return points


def unrolled(ring: list[Point]) -> list[Point]:
    """Return a ring whose longitudes never jump: Russia goes on beyond 180 degrees."""
    points = ring[:1]
    for longitude, latitude in ring[1:]:
        turns = round((points[-1][0] - longitude) / 360)
        points.append((longitude + 360 * turns, latitude))
    return points


def projected(point: Point) -> tuple[int, int]:
    """Return the pixel of a longitude and latitude."""
    longitude, latitude = point
    latitude = min(NORTH, max(SOUTH, latitude))
    return (
        round((longitude + 180) / 360 * WIDTH),
        round((NORTH - latitude) / (NORTH - SOUTH) * HEIGHT),
    )


def drawn(ring: list[Point]) -> str:
    """Return a path, and again a turn further where it crosses the date line: the frame cuts both."""
    points = unrolled(ring)
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    turns = [0, *([-360] if east > 180 else []), *([360] if west < -180 else [])]
    return "".join(outline([(x + turn, y) for x, y in points]) for turn in turns)


def outline(points: list[Point]) -> str:
    """Return a path with relative, whole steps; nothing for what has no area in whole pixels."""
    pixels = [projected(point) for point in points]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(pixels) if a != b]
    if len(steps) < 3:
        return ""
    x, y = pixels[0]
    return f"M{x} {y}l" + " ".join(f"{dx} {dy}" for dx, dy in steps[:-1]).replace(" -", "-") + "z"


def middle(ring: list[Point]) -> tuple[int, int]:
    """Return the pixel in the middle of a ring."""
    pixels = [projected(point) for point in ring]
    return (
        round(sum(x for x, _ in pixels) / len(pixels)),
        round(sum(y for _, y in pixels) / len(pixels)),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
