"""Drawing the cascade: a tree on its side for wide pages, an indented list for narrow ones and readers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from outlast.drill.outcome import Outcome
from outlast.drill.report.cascade import Node
from outlast.drill.report.clock import clock
from outlast.drill.report.colours import FIGURE

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 150, 24, 70, 6, 8
LETTERS_MAX = 22
STYLE = (
    ".tree .box{fill:var(--box);stroke:var(--line)}.tree .box.fault{stroke:var(--fault);stroke-width:2}"
    ".arrow{fill:none;stroke:var(--faint);stroke-width:1.2;marker-end:url(#tip)}"
    ".tree text{font-size:11px}.tree .when{font-size:10px;fill:var(--faint)}"
)


@dataclass(frozen=True, slots=True)
class _Place:
    node: Node
    depth: int
    y: float
    parent: "_Place | None"


def tree_html(outcome: Outcome, roots: Sequence[Node]) -> Iterator[str]:
    """Yield the drawing and the list."""
    if not roots:
        yield "<p>Nothing fell.</p>"
        return
    yield f'<div class="wide scroll">{tree_svg(outcome, roots, alone=False)}</div>'
    yield '<div class="narrow"><ul class="cascade">'
    yield from _items(outcome, roots)
    yield '</ul></div><details class="wide"><summary>The same as a list</summary><ul class="cascade">'
    yield from _items(outcome, roots)
    yield "</ul></details>"


def tree_svg(outcome: Outcome, roots: Sequence[Node], *, alone: bool = True) -> str:
    """Return the drawing; `alone`: as a picture that needs no page."""
    places = [*_placed(roots)]
    deepest = max((one.depth for one in places), default=0)
    width = 2 * MARGIN + (deepest + 1) * BOX_WIDTH + deepest * GAP_X
    height = 2 * MARGIN + max((one.y for one in places), default=0) + BOX_HEIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tree" viewBox="0 0 {width} {height:g}" '
        f'width="{width}" height="{height:g}" role="img" aria-label="Who took whom down, and when; the '
        'list says the same">'
    )
    style = f'<style>{FIGURE}{STYLE}</style><rect class="ground" width="100%" height="100%"/>'
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="var(--faint)"/></marker></defs>'
    )
    body = "".join(_drawn(outcome, one) for one in places)
    return f"{head}{style if alone else ''}{tip}{body}</svg>"


def _placed(roots: Sequence[Node]) -> Iterator[_Place]:
    """Yield each node with its place: leaves one below the other, parents level with their first child."""
    low = 0.0
    stack: list[tuple[Node, int, _Place | None, bool]] = []
    stack += [(root, 0, None, index == 0) for index, root in enumerate(roots)][::-1]
    while stack:
        node, depth, parent, first = stack.pop()
        if not first:
            low += BOX_HEIGHT + GAP_Y
        place = _Place(node, depth, low, parent)
        yield place
        stack += [(child, depth + 1, place, index == 0) for index, child in enumerate(node.below)][
            ::-1
        ]


def _drawn(outcome: Outcome, place: _Place) -> str:
    x = MARGIN + place.depth * (BOX_WIDTH + GAP_X)
    y = MARGIN + place.y
    node = place.node
    kind = "box fault" if node.fault else "box"
    title = escape(", ".join(node.names[:20]))
    parts = [
        (
            f'<g><title>{title}</title><rect class="{kind}" x="{x}" y="{y:g}" width="{BOX_WIDTH}" '
            f'height="{BOX_HEIGHT}" rx="4"/><text x="{x + 7}" y="{y + 16:g}">{_fitted(node)}</text></g>'
        )
    ]
    when = clock(outcome, node.at_s / 60)
    middle = y + BOX_HEIGHT / 2
    if place.parent is not None:
        from_x, from_y = x - GAP_X, MARGIN + place.parent.y + BOX_HEIGHT / 2
        bend = x - GAP_X + 14
        parts.append(
            f'<path class="arrow" d="M{from_x} {from_y:g}H{bend}V{middle:g}H{x}"/>'
            f'<text class="when" x="{bend + 4}" y="{middle - 4:g}">{when}</text>'
        )
    return "".join(parts)


def _fitted(node: Node) -> str:
    more = f" +{len(node.names) - 1:,}" if len(node.names) > 1 else ""
    room = LETTERS_MAX - len(more)
    name = node.names[0]
    return escape((name if len(name) <= room else name[: room - 1] + "\u2026") + more)


def _items(outcome: Outcome, nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        yield (
            f"<li><time>{clock(outcome, node.at_s / 60)}</time> "
            f'<span title="{escape(", ".join(node.names[:20]), quote=True)}">{escape(node.title)}</span>'
        )
        if node.fault:
            yield ' <b class="tag">fault</b>'
        if node.below:
            yield "<ul>"
            yield from _items(outcome, node.below)
            yield "</ul>"
        yield "</li>"
