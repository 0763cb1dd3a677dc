"""The cause graph: from each cause to what it explains, and to what exonerates it.

A solid line ends in a service that is down and leans on the cause; a dashed one in a service that leans on it
and is well, which speaks against it. Causes stand left, services right; of many, the first are drawn and the
rest is counted. The lists beside it say the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.glass.detection import Suspect

WIDTH = 640
ROW = 26
CAUSE_X, SERVICE_X = 12, 380
EXPLAINED_MAX, HEALTHY_MAX = 8, 4
NAME_MAX = 34


@dataclass(frozen=True, slots=True)
class Box:
    """A node: where it begins, its words, and how it is drawn: `cause`, `rival`, `down`, `well`, `more`."""

    y: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tie:
    """An edge from one height to another: `explained` (solid) or `exonerating` (dashed)."""

    y0: float
    y1: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What to draw."""

    height: float
    causes: tuple[Box, ...]
    services: tuple[Box, ...]
    ties: tuple[Tie, ...]


def graph(suspects: Sequence[Suspect], runner_up: Suspect | None) -> Graph:
    """Return the graph of the suspects, and of the runner-up below them."""
    causes: list[Box] = []
    services: list[Box] = []
    ties: list[Tie] = []
    rows: dict[tuple[str, str], float] = {}
    y = ROW / 2
    everybody = [(one, "cause") for one in suspects]
    everybody += [(runner_up, "rival")] if runner_up is not None else []
    for one, kind in everybody:
        first = y
        for text, sort in _leaves(one):
            key = (text, sort)
            if sort == "more" or key not in rows:
                rows[key] = y
                services.append(Box(y, cut(text), sort))
                y += ROW
        y = max(y, first + ROW)
        at = (first + y - ROW) / 2
        causes.append(Box(at, cut(one.cause), kind))
        ties += [
            Tie(at, rows[key], "exonerating" if key[1] == "well" else "explained")
            for key in _leaves(one)
        ]
        y += ROW / 2
    return Graph(height=y, causes=tuple(causes), services=tuple(services), ties=tuple(ties))


def _leaves(one: Suspect) -> list[tuple[str, str]]:
    found = [(name, "down") for name in one.explained[:EXPLAINED_MAX]]
    more = one.explained_count - len(found)
    found += [(f"and {more:,} more down ({one.cause})", "more")] if more > 0 else []
    well = [(name, "well") for name in one.healthy[:HEALTHY_MAX]]
    rest = one.healthy_count - len(well)
    well += [(f"and {rest:,} more well ({one.cause})", "well")] if rest > 0 else []
    return found + well


def cut(text: str) -> str:
    """Return a name that fits into the drawing."""
    return text if len(text) <= NAME_MAX else f"{text[: NAME_MAX - 1]}\N{HORIZONTAL ELLIPSIS}"
