"""A plot of how the time of a drill grows, as an SVG: lines through the origin, if all is well."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, EDGE, FOOT = 340, 46, 194
BELOW = 44
"""From the axis to the first of the lines' names: they stand below it, where no line can run."""

ROW = 14
COLOURS = ("#0072b2", "#d55e00", "#009e73")


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one line."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one axis."""

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]


def plot(panels: Sequence[Panel]) -> str:
    """Return the SVG."""
    width = WIDTH * len(panels)
    height = FOOT + BELOW + ROW * max(len(one.lines) for one in panels)
    drawn = "".join(_panel(one, k * WIDTH) for k, one in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{drawn}</svg>\n'
    )


def _panel(panel: Panel, left: int) -> str:
    points = [one for line in panel.lines for one in line.points]
    most_x, most_y = max(x for x, _ in points), max(y for _, y in points)
    wide, high = WIDTH - 2 * EDGE, FOOT - EDGE
    foot, begin = FOOT, left + EDGE

    def place(x: float, y: float) -> str:
        return f"{begin + wide * x / most_x:.1f},{foot - high * y / most_y:.1f}"

    parts = [
        f'<text x="{begin}" y="18" font-weight="bold">{panel.title}</text>',
        f'<path d="M{begin},{foot - high} V{foot} H{begin + wide}" fill="none" stroke="#555"/>',
        f'<text x="{begin + wide}" y="{foot + 30}" text-anchor="end">{panel.across}</text>',
        f'<text x="{begin}" y="{foot - high - 8}">{panel.up}</text>',
        f'<text x="{begin - 5}" y="{foot - high + 4}" text-anchor="end">{most_y:.3g}</text>',
    ]
    for x in sorted({x for x, _ in points}):
        at = place(x, 0).split(",")[0]
        parts.append(f'<text x="{at}" y="{foot + 15}" text-anchor="middle">{x:g}</text>')
    for number, line in enumerate(panel.lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(place(x, y) for x, y in line.points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [_dot(place(x, y), colour) for x, y in line.points]
        parts.append(
            f'<text x="{begin}" y="{foot + BELOW + ROW * number}" fill="{colour}">'
            f"{line.name}</text>"
        )
    return "".join(parts)


def _dot(place: str, colour: str) -> str:
    x, y = place.split(",")
    return f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
