"""Who took whom down: a forest grown from the events, each arrow with its time.

Every DOWN event names what was decisive. A fault is a root; so is a mechanism that nobody took down
first. A service that falls twice stands there twice: the second wave is not the first one's echo.
Those that fell with the same cause, in the same minute and with nobody under them are drawn as one.
"""

from dataclasses import dataclass, field

from outlast.drill.outcome import Event, EventKind, Outcome

NODES_MAX = 70
TOGETHER_MIN = 10.0
"""Siblings that fell within so many minutes are drawn as one."""


@dataclass(slots=True)
class Node:
    """Something that fell, or made others fall.

    Attributes:
        names: one, or several drawn as one.
        at_s: when it fell; for a root: when it began.
        mechanism: how, where the cause is no service.
        fault: whether it is a fault of the scenario.
    """

    names: list[str]
    at_s: float
    mechanism: str = ""
    fault: bool = False
    below: list["Node"] = field(default_factory=list)

    @property
    def title(self) -> str:
        """A short name."""
        more = len(self.names) - 1
        return self.names[0] + (f" and {more:,} more" if more else "")

    def size(self) -> int:
        """How many services it and everything below it are."""
        return len(self.names) + sum(one.size() for one in self.below)


def forest(outcome: Outcome) -> tuple[Node, ...]:
    """Return the roots, in the order of time."""
    roots: list[Node] = []
    standing: dict[str, Node] = {}
    fell: dict[str, float] = {}
    for event in sorted(outcome.events, key=lambda one: one.at_s):
        if event.kind is EventKind.FAULT:
            node = Node([event.subject], event.at_s, mechanism=event.note, fault=True)
            roots.append(node)
            standing[event.subject] = node
        elif event.kind is EventKind.DOWN and _is_news(event, fell):
            fell[event.subject] = event.at_s
            node = Node([event.subject], event.at_s)
            _parent(event, standing, roots).below.append(node)
            standing[event.subject] = node
    for root in roots:
        _gather(root)
    fruitful = [root for root in roots if root.below or root.fault]
    return tuple(_pruned(fruitful))


def _is_news(event: Event, fell: dict[str, float]) -> bool:
    """Whether it is the first fall in an hour: what flaps, or falls in several regions, fell once."""
    return event.at_s - fell.get(event.subject, -1e9) > 3600


def _parent(event: Event, standing: dict[str, Node], roots: list[Node]) -> Node:
    because = event.because or "not known"
    struck = standing.get(event.subject)
    if because in {"name", "fault", "capacity"} and struck is not None and struck.fault:
        return struck
    known = standing.get(because)
    if known is not None and because != event.subject:
        return known
    named = f"{event.subject}: {because}" if because == event.subject else because
    if named not in standing:
        standing[named] = Node([named], event.at_s, mechanism=because)
        roots.append(standing[named])
    return standing[named]


def _gather(node: Node) -> None:
    """Draw childless siblings that fell together as one."""
    kept: list[Node] = []
    for child in node.below:
        last = next((one for one in reversed(kept) if not one.below), None)
        if child.below:
            _gather(child)
            kept.append(child)
        elif last is not None and child.at_s - last.at_s <= TOGETHER_MIN * 60:
            last.names += child.names
        else:
            kept.append(child)
    node.below = kept


def _pruned(roots: list[Node]) -> list[Node]:
    """Keep the biggest roots while there is room."""
    room = NODES_MAX
    kept: list[Node] = []
    for root in sorted(roots, key=lambda one: (not one.fault, -one.size())):
        drawn = _nodes(root)
        if drawn <= room or not kept:
            kept.append(root)
            room -= drawn
    return sorted(kept, key=lambda one: one.at_s)


def _nodes(node: Node) -> int:
    return 1 + sum(_nodes(one) for one in node.below)
