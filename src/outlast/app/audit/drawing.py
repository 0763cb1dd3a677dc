"""Drawing: the roads that lead to one thing, as SVG.

Shortest roads to one end form a tree (`audit.roads` finds them by one walk), so the picture is a tree lying
on its side: what is essential at the left, what fells it at the right. It needs no other file, no script
and no font, and takes its colours from the page's light or dark scheme.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from outlast.audit.finding import Road, Thing

BOX_WIDTH, BOX_HEIGHT = 168, 30
GAP_X, GAP_Y = 74, 12
MARGIN = 10
LABEL_LENGTH_MAX = 22

STYLE = """
.box{fill:var(--box,#f4f6f8);stroke:var(--line,#8a949e)}
.essential{fill:var(--good,#e3f0ff);stroke:#3b6ea5}
.lost{fill:var(--bad,#ffe3e0);stroke:#b3261e;stroke-width:2}
.edge{fill:none;stroke:var(--line,#8a949e);stroke-width:1.5}
.soft{stroke-dasharray:5 4}
text{font:12px system-ui,sans-serif;fill:var(--ink,#1b1f23)}
.how{font-size:10px;fill:var(--faint,#5c6670)}
"""


@dataclass(slots=True)
class _Box:
    thing: Thing
    depth: int
    row: float = 0.0
    above: dict[Thing, str] = field(default_factory=dict)


def drawing(roads: Sequence[Road], *, title: str) -> str:
    """Return roads that end at the same thing as one SVG picture; empty where there are none."""
    if not roads or not roads[0].steps:
        return ""
    boxes = _boxes(roads)
    end = roads[0].steps[-1].thing
    rows = _rows(boxes, end)
    deepest = max(one.depth for one in boxes.values())
    width = 2 * MARGIN + (deepest + 1) * BOX_WIDTH + deepest * GAP_X
    height = 2 * MARGIN + rows * (BOX_HEIGHT + GAP_Y)
    starts = {one.start for one in roads}
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img" '
            f'aria-label="{escape(title, quote=True)}">'
        ),
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        *(_edges(one, boxes, deepest) for one in boxes.values()),
        *(_box(one, deepest, _look(one.thing, end, starts)) for one in boxes.values()),
        "</svg>",
    ]
    return "\n".join(parts)


def _boxes(roads: Sequence[Road]) -> dict[Thing, _Box]:
    """Return every thing on a road, with its distance from the end and who needs it, and how."""
    boxes: dict[Thing, _Box] = {}
    for road in roads:
        way = [road.start, *(step.thing for step in road.steps)]
        for at, thing in enumerate(way):
            depth = len(way) - 1 - at
            box = boxes.setdefault(thing, _Box(thing, depth))
            box.depth = max(box.depth, depth)
            if at > 0:
                box.above.setdefault(way[at - 1], road.steps[at - 1].how)
    return boxes


def _rows(boxes: dict[Thing, _Box], end: Thing) -> int:
    """Give each box a row: leaves one below the other, others in the middle of what needs them."""
    placed: dict[Thing, float] = {}
    taken = 0
    pending = [end]
    while pending:
        thing = pending[-1]
        waiting = [one for one in boxes[thing].above if one not in placed and one not in pending]
        if waiting:
            pending.append(waiting[0])
            continue
        pending.pop()
        rows = [placed[one] for one in boxes[thing].above if one in placed]
        if rows:
            placed[thing] = sum(rows) / len(rows)
        else:
            placed[thing] = float(taken)
            taken += 1
    for thing, row in placed.items():
        boxes[thing].row = row
    return max(taken, 1)


def _place(box: _Box, deepest: int) -> tuple[float, float]:
    left = MARGIN + (deepest - box.depth) * (BOX_WIDTH + GAP_X)
    return left, MARGIN + box.row * (BOX_HEIGHT + GAP_Y)


def _look(thing: Thing, end: Thing, starts: set[Thing]) -> str:
    if thing == end:
        return "lost"
    return "essential" if thing in starts else "box"


def _box(box: _Box, deepest: int, look: str) -> str:
    left, top = _place(box, deepest)
    name = box.thing.name
    label = name if len(name) <= LABEL_LENGTH_MAX else name[: LABEL_LENGTH_MAX - 1] + "…"
    return (
        f'<g><title>{escape(str(box.thing))}</title><rect class="{look}" x="{left:g}" y="{top:g}" '
        f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/><text x="{left + 10:g}" '
        f'y="{top + 19:g}">{escape(label)}</text></g>'
    )


def _edges(box: _Box, boxes: dict[Thing, _Box], deepest: int) -> str:
    parts = []
    left, top = _place(box, deepest)
    y_end = top + BOX_HEIGHT / 2
    for thing, how in box.above.items():
        start_left, start_top = _place(boxes[thing], deepest)
        x_start, y_start = start_left + BOX_WIDTH, start_top + BOX_HEIGHT / 2
        middle = (x_start + left) / 2
        plain = how in {"hard", "in", "by"}
        parts.append(
            f'<path class="edge{"" if plain else " soft"}" d="M{x_start:g} {y_start:g} C{middle:g} '
            f'{y_start:g} {middle:g} {y_end:g} {left:g} {y_end:g}"/>'
        )
        if not plain:
            y_text = (y_start + y_end) / 2 - 4
            parts.append(
                f'<text class="how" text-anchor="middle" x="{middle:g}" y="{y_text:g}">'
                f"{escape(how)}</text>"
            )
    return "".join(parts)
