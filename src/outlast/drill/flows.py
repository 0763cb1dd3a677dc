"""Calls between services: who sends how much to whom.

A request that a service works on calls what the service needs, `calls_ratio` times. Calls made in one step
arrive in the next: a hop takes a step. Edges that close a circle carry none, since a request does not go
round in circles. Of needs that stand in for each other the first is called.

Where a service states its load, calls from within are scaled so that at rest they come to what is stated;
where it does not, its load is the sum of its callers'. Services that nobody calls and that state nothing
take one request a second in each region: their flow is then a measure of its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outlast.drill.layout import Layout
from outlast.drill.population import Population
from outlast.model.service import DependencyKind

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(slots=True)
class Flows:
    """Edges that carry calls, and what is on them.

    Attributes:
        sources, targets: places in flat [service, region] arrays, one for each edge and region.
        ratio: calls a request, for each of them.
        resting: requests a second at rest [active service, region].
        roots: load of services that nobody calls and that state none [service, region].
        inside: which services' stated load consists of calls from within.
    """

    layout: Layout
    sources: Places
    targets: Places
    ratio: Floats
    outer_sources: Places
    outer_targets: Places
    outer_ratio: Floats
    starts: Places
    waiters: Places
    wait_places: Places
    resting: Floats
    wait_s: Floats
    roots: Floats
    scale: Floats
    inside: NDArray[np.bool_]
    now: Floats
    outer: Floats

    @classmethod
    def of(cls, layout: Layout, population: Population) -> "Flows":
        """Lay out the calls of a world."""
        n, regions = layout.active, len(layout.regions)
        inner, outer = _edges(layout)
        src, dst, ratio = _places(layout, [*inner])
        osrc, odst, oratio = _places(layout, [*outer])
        hard = [one for one in inner if one[2] != 0.0]
        sources = [one[0] for one in hard]
        starts = [k for k, one in enumerate(sources) if not k or one != sources[k - 1]]
        _, wait, _ = _places(layout, hard, all_regions=True)
        called = np.zeros(len(layout.services), dtype=bool)
        for _, target, _, _ in (*inner, *outer):
            called[target] = True
        owns = population.states_load
        roots = np.where((~called & ~owns)[:, None], layout.placed.astype(float), 0.0)
        return cls(
            layout=layout,
            sources=src,
            targets=dst,
            ratio=ratio,
            outer_sources=osrc,
            outer_targets=odst,
            outer_ratio=oratio,
            starts=np.array(starts, dtype=np.intp),
            waiters=np.array([sources[k] for k in starts], dtype=np.intp),
            wait_places=wait.reshape(len(hard), regions)
            if hard
            else np.zeros((0, regions), dtype=np.intp),
            resting=np.zeros((n, regions)),
            wait_s=np.zeros((n, regions)),
            roots=roots,
            scale=np.ones((n, regions)),
            inside=np.zeros((n, 1), dtype=bool),
            now=np.zeros((n, regions)),
            outer=np.zeros((n, regions)),
        )

    def from_followers(self, load: Floats) -> None:
        """Take the calls of those who only follow: as many as their users make."""
        if len(self.outer_sources):
            flat = load.reshape(-1)[self.outer_sources] * self.outer_ratio
            size = self.outer.size
            made = np.bincount(self.outer_targets, flat, size)
            self.outer = made.astype(np.float64).reshape(self.outer.shape)

    def pass_on(self, worked: Floats) -> None:
        """Send on what was worked on (requests a second): it arrives in the next step."""
        if len(self.sources):
            flat = worked.reshape(-1)[self.sources] * self.ratio
            made = np.bincount(self.targets, flat, self.now.size)
            self.now = made.astype(np.float64).reshape(self.now.shape)

    def inflow(self) -> Floats:
        """Return the calls that arrive, a second [active service, region]."""
        return (self.now + self.outer) * self.scale

    def rest(self, ext: Floats) -> None:
        """Find the flows of a world at rest, level by level."""
        stated = np.array(
            [
                one.load is not None and one.load.demand > 0
                for one in self.layout.services[: len(ext)]
            ],
            dtype=bool,
        )
        people = np.array(
            [one.audience is not None for one in self.layout.services[: len(ext)]], dtype=bool
        )
        flow = ext.copy()
        for _ in range(int(self.layout.level.max(initial=0)) + 2):
            self.pass_on(flow)
            calls = self.now + self.outer
            whole = calls.sum(axis=1, keepdims=True)
            # Stated loads hold calls from within already: what comes from outside is then nil.
            inner = (stated & ~people & (whole[:, 0] > 0))[:, None]
            self.scale = np.where(
                inner, ext.sum(axis=1, keepdims=True) / np.maximum(whole, 1e-12), 1.0
            )
            self.inside = inner
            flow = np.where(inner, 0.0, ext) + calls * self.scale
        self.resting = flow
        self.pass_on(flow)

    def waiting(self, excess_s: Floats, extra_s: Floats) -> None:
        """Add to each service's time what it waits for longer than at rest."""
        if len(self.starts):
            values = excess_s.reshape(-1)[self.wait_places]
            extra_s[self.waiters] += np.add.reduceat(values, self.starts, axis=0)


def _edges(
    layout: Layout,
) -> tuple[list[tuple[int, int, float, int]], list[tuple[int, int, float, int]]]:
    """Return (source, target, calls, pinned) of edges that carry calls: of active ones, of followers."""
    inner: list[tuple[int, int, float, int]] = []
    outer: list[tuple[int, int, float, int]] = []
    seen: set[int] = set()
    for edge in layout.edges:
        if edge.target >= len(layout.services) or edge.late or edge.group in seen:
            continue
        seen.add(edge.group)
        if edge.kind is DependencyKind.CACHED:
            continue
        one = (edge.source, edge.target, edge.calls_ratio, edge.pinned)
        (inner if edge.source < layout.active else outer).append(one)
    return inner, outer


def _places(
    layout: Layout, edges: list[tuple[int, int, float, int]], *, all_regions: bool = False
) -> tuple[Places, Places, Floats]:
    regions = len(layout.regions)
    src: list[int] = []
    dst: list[int] = []
    ratio: list[float] = []
    for source, target, calls, pinned in edges:
        for column in range(regions):
            if not layout.placed[source, column] and not all_regions:
                continue
            there = pinned if pinned >= 0 else _nearest(layout, target, column)
            src.append(source * regions + column)
            dst.append(target * regions + there)
            ratio.append(calls)
    return np.array(src, dtype=np.intp), np.array(dst, dtype=np.intp), np.array(ratio)


def _nearest(layout: Layout, target: int, column: int) -> int:
    if layout.placed[target, column]:
        return column
    for other in layout.nearest[column]:
        if layout.placed[target, other]:
            return int(other)
    return column
