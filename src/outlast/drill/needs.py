"""How well each service's needs are met: from the bottom of the graph to the top.

`works` holds, for every service and region, the share of calls that succeed. One column more holds the best
of all regions, for needs that may be met anywhere; below the services stand the endpoints twice: as seen by
strangers (does the name lead to a region that lives?) and as seen by those who stand behind them (is there
an answer at all?).

Hard needs multiply; of a group the best counts; cached ones are bridged by memory; soft ones only
degrade. Levels go from what needs nothing upwards, so that news travels through the whole graph within one
step. An edge that closes a circle reads what was written the step before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from outlast.drill.layout import Edge, Layout
from outlast.drill.mechanisms.memory import step_left, with_memory
from outlast.model.service import DependencyKind

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(slots=True)
class Memory:
    """What is remembered of needs, of all levels at once: one step moves all of it.

    Attributes:
        places: where in `works` each remembered need looks [edge, region].
        owners: whose memory it is [edge].
        left_s: how long it serves yet.
    """

    places: Places
    owners: Places
    cached_s: Floats
    left_s: Floats

    @classmethod
    def of(cls, bundles: Sequence["Bundle"], regions: int) -> "Memory":
        """Remember everything, and tell the bundles where their part is."""
        places = [np.zeros((0, regions), dtype=np.intp)]
        owners: list[int] = []
        cached_s: list[float] = []
        for bundle in bundles:
            bundle.remembered = slice(len(owners), len(owners) + len(bundle.cached))
            places.append(bundle.places[bundle.cached])
            chosen = [bundle.edges[k] for k in bundle.cached]
            owners += [one.source for one in chosen]
            cached_s += [one.cached_s for one in chosen]
        upright = np.array(cached_s, dtype=np.float64).reshape(len(cached_s), 1)
        left_s = np.broadcast_to(upright, (len(cached_s), regions)).copy()
        joined, sources = np.concatenate(places), np.array(owners, dtype=np.intp)
        return cls(joined, sources, upright, left_s)

    def step(self, flat: Floats, dt_s: float) -> None:
        """Refresh or age it."""
        if len(self.places):
            self.left_s = step_left(self.left_s, flat[self.places], self.cached_s, dt_s)

    def forget(self, row: int, columns: Places) -> None:
        """Lose what a service remembers."""
        self.left_s[np.ix_(self.owners == row, columns)] = 0.0


@dataclass(slots=True)
class Bundle:
    """Edges of one sort (essential or soft) that are worked out together.

    Attributes:
        rows: the services, each once.
        places: where in `works` each edge looks [edge, region].
        groups, services: where groups begin among the edges, and services among the groups.
        cached: which of the edges have memory.
        remembered: where that stands in the memory.
        late: which of the edges close a circle.
        edges: what they are.
        plain: whether each edge is a group of its own.
        cut: which of the edges are cut now.
    """

    rows: Places
    places: Places
    groups: Places
    services: Places
    cached: Places
    late: Places
    edges: tuple[Edge, ...]
    plain: bool
    remembered: slice = field(default_factory=lambda: slice(0))
    cut: Places | None = None

    def met(self, flat: Floats, memory: Memory, prior: Floats | None = None) -> Floats:
        """Return how well needs are met [row, region].

        Args:
            prior: what edges that close a circle read instead of the present.
        """
        values = flat[self.places]
        if prior is not None:
            values[self.late] = prior
        if len(self.cached):
            left_s = memory.left_s[self.remembered]
            values[self.cached] = with_memory(values[self.cached], left_s)
        if self.cut is not None:
            values[self.cut] = 0.0
        if not self.plain:
            values = np.maximum.reduceat(values, self.groups, axis=0)
        return np.asarray(np.multiply.reduceat(values, self.services, axis=0))

    def edges_at(self, number: int) -> range:
        """Return the edges of the service at a place in `rows`."""
        ends = [*self.services[number : number + 2].tolist(), len(self.groups)]
        first = int(self.groups[ends[0]])
        return range(
            first, int(self.groups[ends[1]]) if ends[1] < len(self.groups) else len(self.edges)
        )


@dataclass(slots=True)
class Level:
    """Services that need only what stands below them, and their essential needs.

    Attributes:
        placed: where they run.
        essential: None: they need nothing.
        whole: whether all of them have essential needs.
    """

    rows: Places
    placed: NDArray[np.bool_]
    essential: Bundle | None
    whole: bool


class Needs:
    """The graph's needs, and how well they are met.

    Attributes:
        works: share of calls that succeed [service or endpoint, region or anywhere].
        met: how well each active service's essential needs are met.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        services, regions = layout.placed.shape
        doors = len(layout.endpoints)
        self.works = np.ones((services + 2 * doors, regions + 1))
        self._placed = layout.placed
        self.met = np.ones((layout.active, regions))
        active = [one for one in layout.edges if one.source < layout.active]
        essential = [one for one in active if one.kind is not DependencyKind.SOFT]
        # Nothing rests on soft needs: they are worked out last, all levels at once.
        self.wishes = self._bundle([one for one in active if one.kind is DependencyKind.SOFT])
        top = int(layout.level.max(initial=0))
        self.levels = [self._level(number, essential) for number in range(top + 1)]
        follow = [one for one in layout.edges if one.source >= layout.active]
        self.followers = self._bundles(sorted(follow, key=lambda e: (e.source, e.group)))
        self._every = self.bundles()
        self.memory = Memory.of(self._every, regions)
        self._at: dict[int, list[tuple[Bundle, range]]] = {}

    @property
    def flat(self) -> Floats:
        """The same, laid out in a line; a view, so that copies of this have views of their own."""
        return self.works.reshape(-1)

    def _level(self, number: int, essential: list[Edge]) -> Level:
        level = self.layout.level
        rows = self._rows(number)
        bundle = self._bundle([one for one in essential if level[one.source] == number])
        whole = bundle is not None and np.array_equal(bundle.rows, rows)
        return Level(rows, self._placed[rows], bundle, whole)

    def _rows(self, level: int) -> Places:
        active = self.layout.level[: self.layout.active]
        return np.nonzero(active == level)[0]

    def _bundles(self, edges: list[Edge]) -> tuple[Bundle | None, Bundle | None]:
        essential = [one for one in edges if one.kind is not DependencyKind.SOFT]
        soft = [one for one in edges if one.kind is DependencyKind.SOFT]
        return self._bundle(essential), self._bundle(soft)

    def _bundle(self, edges: list[Edge]) -> Bundle | None:
        if not edges:
            return None
        groups = [k for k, e in enumerate(edges) if not k or e.group != edges[k - 1].group]
        heads = [edges[k] for k in groups]
        starts = [k for k, e in enumerate(heads) if not k or e.source != heads[k - 1].source]
        cached = [k for k, e in enumerate(edges) if e.kind is DependencyKind.CACHED]
        return Bundle(
            rows=np.array([heads[k].source for k in starts], dtype=np.intp),
            places=np.array([self._place(one) for one in edges], dtype=np.intp),
            groups=np.array(groups, dtype=np.intp),
            services=np.array(starts, dtype=np.intp),
            cached=np.array(cached, dtype=np.intp),
            late=np.array([k for k, e in enumerate(edges) if e.late], dtype=np.intp),
            edges=tuple(edges),
            plain=len(groups) == len(edges),
        )

    def _place(self, edge: Edge) -> list[int]:
        """Say where an edge looks, for each region of its source."""
        services, regions = self._placed.shape
        doors = len(self.layout.endpoints)
        node, columns = edge.target, range(regions)
        if node >= services and self.layout.behind[edge.source] == node - services:
            node += doors
        if edge.pinned >= 0:
            return [node * (regions + 1) + edge.pinned for _ in columns]
        if node >= services:
            return [node * (regions + 1) + column for column in columns]
        here = self._placed[node]
        return [node * (regions + 1) + (column if here[column] else regions) for column in columns]

    def bundles(self) -> list[Bundle]:
        """Return all bundles of edges, followers' ones too."""
        return [*self.stepped(), *(one for one in self.followers if one is not None)]

    def fixed(self) -> list[object]:
        """Return what no run changes, and copies of it may share."""
        return [one.edges for one in self.bundles()]

    def stepped(self) -> list[Bundle]:
        """Return the bundles that each step looks at: of levels, from the bottom up, then soft needs."""
        found = [*(one.essential for one in self.levels), self.wishes]
        return [one for one in found if one is not None]

    def edges_of(self, row: int) -> list[tuple[Bundle, range]]:
        """Return the edges of one service, by bundle."""
        if row not in self._at:
            self._at[row] = [
                (one, one.edges_at(int(at)))
                for one in self._every
                for at in np.nonzero(one.rows == row)[0]
            ]
        return self._at[row]

    def sever(self, roads: set[tuple[int, int]]) -> None:
        """Cut the roads from one service to another."""
        for bundle in self._every:
            bundle.cut = None
            if roads:
                hit = [k for k, e in enumerate(bundle.edges) if (e.source, e.target) in roads]
                bundle.cut = np.array(hit, dtype=np.intp) if hit else None

    def rise(self, share: Floats, soft: Floats) -> None:
        """Work out `works` from the bottom up.

        Args:
            share: what each active service makes of its requests where its needs are met.
            soft: is filled with how well soft needs are met [active service, region].
        """
        works, flat, regions = self.works, self.flat, self._placed.shape[1]
        prior = None if self.wishes is None else flat[self.wishes.places[self.wishes.late]]
        for one in self.levels:
            rows = one.rows
            value = share[rows]
            if one.essential is not None:
                met = one.essential.met(flat, self.memory)
                self.met[one.essential.rows] = met
                value *= met if one.whole else self.met[rows]
            np.minimum(value, 1.0, out=value)
            works[rows, :regions] = value
            works[rows, regions] = (value * one.placed).max(axis=1, initial=0.0)
        if self.wishes is not None:
            soft[self.wishes.rows] = self.wishes.met(flat, self.memory, prior)

    def follow(self, own: Floats, works: Floats | None = None) -> tuple[Floats, Floats]:
        """Work out those who only follow, from the mean of a minute; return works and degraded.

        Args:
            own: what they make of their requests themselves [follower, region].
            works: what to look at instead of the present.
        """
        flat = self.flat if works is None else works.reshape(-1)
        essential, wishes = self.followers
        first = self.layout.active
        value, soft = own.copy(), np.ones_like(own)
        if essential is not None:
            value[essential.rows - first] *= essential.met(flat, self.memory)
        if wishes is not None:
            soft[wishes.rows - first] = wishes.met(flat, self.memory)
        return value, value * (1.0 - soft)

    def remember(self, dt_s: float) -> None:
        """Refresh or age what is remembered."""
        self.memory.step(self.flat, dt_s)

    def forget(self, row: int, columns: Places) -> None:
        """Lose what a service remembers."""
        self.memory.forget(row, columns)
