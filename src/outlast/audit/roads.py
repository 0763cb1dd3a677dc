"""Roads: how the loss of one thing reaches services, step by step, as people would tell it.

All roads from one thing are found by one walk upwards, through nodes that it fells and no others, which
ends as soon as each service that was asked for is met. So they are shortest ones.
"""

from collections import deque
from collections.abc import Sequence

from outlast.audit.falls import Falls
from outlast.audit.finding import Road, Step, Thing

PLAIN = frozenset({"", "in", "by"})
"""Ways of needing that are no dependency of a kind of its own."""


def roads(falls: Falls, starts: Sequence[Thing], end: Thing) -> tuple[Road, ...]:
    """Return a shortest road for each service that falls with a thing; in the order given."""
    graph = falls.graph
    first = falls.node_of(end)
    above: dict[int, int] = {first: first}
    nodes = {start: graph.number[start] for start in starts}
    missing = set(nodes.values()) - {first}
    pending = deque([first])
    while pending and missing:
        node = pending.popleft()
        for parent in falls.parents[node]:
            if parent not in above and falls.fells(end, parent):
                above[parent] = node
                missing.discard(parent)
                pending.append(parent)
    return tuple(_down(falls, above, start) for start in starts if nodes[start] in above)


def _down(falls: Falls, above: dict[int, int], start: Thing) -> Road:
    """Follow a road down; nodes that only join others are left out, but how they are needed is kept."""
    graph = falls.graph
    steps: list[Step] = []
    node = graph.number[start]
    kept = ""
    while above[node] != node:
        child = above[node]
        how = graph.hows[node][graph.needs[node].index(child)]
        kept = how if kept in PLAIN else kept
        thing = graph.labels[child]
        if thing is not None and thing != (steps[-1].thing if steps else start):
            steps.append(Step(thing, kept))
            kept = ""
        node = child
    return Road(start, tuple(steps))
