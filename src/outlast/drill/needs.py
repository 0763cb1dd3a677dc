"""How well each service's needs are met: from the bottom of the graph to the top.

`works` holds, for every service and region, the share of calls that succeed. One column more holds the best
of all regions, for needs that may be met anywhere; below the services stand the endpoints twice: as seen by
strangers (does the name lead to a region that lives?) and as seen by those who stand behind them (is there
an answer at all?).

Hard needs multiply; of a group the best counts; cached ones are bridged by memory; soft ones only
degrade. Levels go from what needs nothing upwards, so that news travels through the whole graph within one
step. An edge that closes a circle reads what was written the step before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outlast.drill.layout import Edge, Layout
from outlast.drill.mechanisms.memory import step_left, with_memory
from outlast.model.service import DependencyKind

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(slots=True)
class Bundle:
    """Edges of the services of one level, of one sort (essential or soft).

    Attributes:
        rows: the services, each once.
        places: where in `works` each edge looks [edge, region].
        groups, services: where groups begin among the edges, and services among the groups.
        cached: which of the edges have memory, and for how long [edge, 1].
        edges: what they are.
        plain: whether each edge is a group of its own.
    """

    rows: Places
    places: Places
    groups: Places
    services: Places
    cached: Places
    cached_s: Floats
    left_s: Floats
    edges: tuple[Edge, ...]
    plain: bool

    def met(self, flat: Floats, cut: Places | None) -> Floats:
        """Return how well needs are met [row, region]."""
        values = flat[self.places]
        if len(self.cached):
            values[self.cached] = with_memory(values[self.cached], self.left_s)
        if cut is not None:
            values[cut] = 0.0
        if not self.plain:
            values = np.maximum.reduceat(values, self.groups, axis=0)
        return np.asarray(np.multiply.reduceat(values, self.services, axis=0))

    def remember(self, flat: Floats, dt_s: float) -> None:
        """Refresh or age what is remembered."""
        if len(self.cached):
            self.left_s = step_left(
                self.left_s, flat[self.places[self.cached]], self.cached_s, dt_s
            )


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
        self.flat = self.works.reshape(-1)
        self._placed = layout.placed
        self.met = np.ones((layout.active, regions))
        top = int(layout.level.max(initial=0))
        active = [one for one in layout.edges if one.source < layout.active]
        self.levels = [
            (
                self._rows(level),
                self._bundles([e for e in active if layout.level[e.source] == level]),
            )
            for level in range(top + 1)
        ]
        follow = [one for one in layout.edges if one.source >= layout.active]
        self.followers = self._bundles(sorted(follow, key=lambda e: (e.source, e.group)))
        self.cut: dict[int, Places] = {}

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
        cached_s = np.array([[edges[k].cached_s] for k in cached]).reshape(len(cached), 1)
        return Bundle(
            rows=np.array([heads[k].source for k in starts], dtype=np.intp),
            places=np.array([self._place(one) for one in edges], dtype=np.intp),
            groups=np.array(groups, dtype=np.intp),
            services=np.array(starts, dtype=np.intp),
            cached=np.array(cached, dtype=np.intp),
            cached_s=cached_s,
            left_s=np.broadcast_to(cached_s, (len(cached), self._placed.shape[1])).copy(),
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
        pairs = [pair for _, pair in self.levels] + [self.followers]
        return [one for pair in pairs for one in pair if one is not None]

    def sever(self, roads: set[tuple[int, int]]) -> None:
        """Cut the roads from one service to another."""
        self.cut = {}
        for number, bundle in enumerate(self.bundles()):
            hit = [k for k, e in enumerate(bundle.edges) if (e.source, e.target) in roads]
            if hit:
                self.cut[number] = np.array(hit, dtype=np.intp)

    def rise(self, share: Floats, soft: Floats) -> None:
        """Work out `works` from the bottom up.

        Args:
            share: what each active service makes of its requests where its needs are met.
            soft: is filled with how well soft needs are met [active service, region].
        """
        works, regions = self.works, self._placed.shape[1]
        number = 0
        for rows, (essential, wishes) in self.levels:
            value = share[rows]
            if essential is not None:
                met = essential.met(self.flat, self.cut.get(number))
                number += 1
                self.met[essential.rows] = met
                value = value * self.met[rows]
            if wishes is not None:
                soft[wishes.rows] = wishes.met(self.flat, self.cut.get(number))
                number += 1
            value = np.minimum(1.0, value)
            works[rows, :regions] = value
            works[rows, regions] = np.where(self._placed[rows], value, 0.0).max(axis=1, initial=0.0)

    def follow(self, own: Floats, works: Floats | None = None) -> tuple[Floats, Floats]:
        """Work out those who only follow, from the mean of a minute; return works and degraded.

        Args:
            own: what they make of their requests themselves [follower, region].
            works: what to look at instead of the present.
        """
        flat = self.flat if works is None else works.reshape(-1)
        number = sum(one is not None for _, pair in self.levels for one in pair)
        essential, wishes = self.followers
        first = self.layout.active
        value, soft = own.copy(), np.ones_like(own)
        if essential is not None:
            value[essential.rows - first] *= essential.met(flat, self.cut.get(number))
            number += 1
        if wishes is not None:
            soft[wishes.rows - first] = wishes.met(flat, self.cut.get(number))
        return value, value * (1.0 - soft)

    def remember(self, dt_s: float) -> None:
        """Refresh or age what is remembered."""
        for _, (essential, _soft) in self.levels:
            if essential is not None:
                essential.remember(self.flat, dt_s)

    def forget(self, row: int, columns: Places) -> None:
        """Lose what a service remembers."""
        for bundle in self.bundles():
            for k, edge in enumerate(bundle.cached):
                if bundle.edges[edge].source == row:
                    bundle.left_s[k, columns] = 0.0
