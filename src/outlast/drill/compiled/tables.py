"""What the compiled step must know of a world and what never changes: who has which part, where edges look.

A run is a stretch of regions that lie side by side both where calls come from and where they go; most
services run wherever their callers do, so a run is a whole row, and a row is what machines are quick at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outlast.drill.flows import Flows
from outlast.drill.layout import Layout
from outlast.drill.mechanisms import clients, credentials, health, leases, resolving
from outlast.drill.mechanisms.memory import REFRESHING
from outlast.drill.meters import DOWN_BELOW
from outlast.drill.needs import Bundle, Needs
from outlast.drill.parts import Fitted, Parts
from outlast.drill.world import TINY, UNLIMITED, World

Places = NDArray[np.int64]
Table = dict[str, Any]
"""Fields of one struct: arrays and numbers."""


def tables(world: World) -> dict[str, Table]:
    """Return the fields of each struct that are worked out once."""
    parts = world.parts
    found = {
        "names": _names(parts),
        "clients": _clients(parts),
        "queues": _count(parts.queues, lambda one: {"length": len(one.ring)}),
        "crowds": _count(parts.crowds, lambda one: {"length": len(one.doomed)}),
        "leases": _count(
            parts.leases, lambda one: {"length": len(one.ring), "working": leases.WORKING}
        ),
        "backlogs": _count(parts.backlogs),
        "credentials": _count(parts.credentials, lambda _: {"return_s": credentials.RETURN_S}),
        "health": _health(parts),
        "scalers": _count(parts.scalers),
        "flows": _flows(world.flows),
        "needs": graph(world.needs),
        "meters": {
            "doors": len(world.layout.services),
            "ends": len(world.needs.works),
            "down_below": DOWN_BELOW,
        },
    }
    return {**found, "world": _world(world)}


def _count(fitted: Fitted[Any] | None, read: Any = lambda _: {}) -> Table:
    return {"count": 0} if fitted is None else {"count": len(fitted.rows), **read(fitted.part)}


def _names(parts: Parts) -> Table:
    return _count(parts.names, lambda _: {"silent": resolving.SILENT})


def _clients(parts: Parts) -> Table:
    return _count(
        parts.clients,
        lambda one: {
            "tries": len(one.outstanding),
            "bucket_s": clients.BUCKET_S,
            "window_s": clients.WINDOW_S,
            "probes": clients.PROBES_RATIO,
        },
    )


def _health(parts: Parts) -> Table:
    fitted, backlogs = parts.health, parts.backlogs
    if fitted is None:
        return _count(None)
    arriving = np.full(len(fitted.rows), -1, dtype=np.int64)
    for k, via in enumerate(fitted.via):
        for at in () if backlogs is None else np.nonzero(backlogs.rows == via)[0]:
            arriving[k] = -1 if backlogs is None else backlogs.via[at]
    return {"count": len(fitted.rows), "arriving": arriving, "flap_checks": health.FLAP_CHECKS}


def _world(world: World) -> Table:
    layout, parts = world.layout, world.parts
    regions = len(layout.regions)
    fitted = {
        "name_of": parts.names,
        "client_of": parts.clients,
        "queue_of": parts.queues,
        "crowd_of": parts.crowds,
        "lease_of": parts.leases,
        "backlog_of": parts.backlogs,
        "credential_of": parts.credentials,
        "health_of": parts.health,
        "scaler_of": parts.scalers,
    }
    return {
        "rows": layout.active,
        "regions": regions,
        "dt_s": world.dt_s,
        "tiny": TINY,
        "unlimited": UNLIMITED,
        "flowing": int(parts.flowing),
        "here": layout.placed[: layout.active].astype(np.float64),
        "nothing": np.zeros(regions),
        "ones": np.ones(regions),
        "worked": np.zeros((layout.active, regions)),
        **{name: _part_of(one, layout) for name, one in fitted.items()},
    }


def _part_of(fitted: Fitted[Any] | None, layout: Layout) -> Places:
    """Return for each service its place within a part, or -1."""
    found = np.full(layout.active, -1, dtype=np.int64)
    if fitted is not None:
        found[fitted.rows] = np.arange(len(fitted.rows))
    return found


def _flows(flows: Flows) -> Table:
    sources, targets, ratio = flows.sources, flows.targets, flows.ratio
    count = len(sources)
    regions = flows.resting.shape[1]
    # A row ends where the next begins: what follows may be another edge that happens to lie beside it.
    broken = np.ones(count, dtype=bool)
    if count:
        broken[1:] = (
            (np.diff(sources) != 1)
            | (np.diff(targets) != 1)
            | (np.diff(ratio) != 0)
            | (sources[1:] % regions == 0)
        )
    first = np.nonzero(broken)[0]
    ends = np.append(first[1:], count)
    return {
        "runs": len(first),
        "run_from": sources[first],
        "run_to": targets[first],
        "run_length": (ends - first)[: len(first)],
        "run_ratio": ratio[first],
        "waits": len(flows.starts),
        "waiters": flows.waiters,
        "wait_first": np.append(flows.starts, len(flows.wait_places)),
        "wait_places": flows.wait_places,
    }


@dataclass(slots=True)
class _Edges:
    """Edges of all bundles that a step looks at, one after the other."""

    bundles: Sequence[Bundle]

    def firsts(self) -> list[int]:
        """Return where each bundle begins."""
        return list(accumulate((len(one.edges) for one in self.bundles), initial=0))[:-1]

    def spans(self, at: int) -> tuple[Places, Places]:
        """Return where the edges of each service of a bundle begin and end."""
        bundle, first = self.bundles[at], self.firsts()[at]
        begins = bundle.groups[bundle.services]
        return first + begins, first + np.append(begins[1:], len(bundle.edges))

    def memory(self) -> Places:
        """Return which row of memory bridges each edge, or -1."""
        found = []
        for one in self.bundles:
            rows = np.full(len(one.edges), -1, dtype=np.int64)
            rows[one.cached] = np.arange(one.remembered.start, one.remembered.stop)
            found.append(rows)
        return _joined(found)

    def ends(self) -> NDArray[np.uint8]:
        """Return which edges are the last of their group."""
        found = [np.zeros(0, dtype=np.uint8)]
        for one in self.bundles:
            flags = np.zeros(len(one.edges), dtype=np.uint8)
            flags[np.append(one.groups[1:], len(one.edges)) - 1] = 1
            found.append(flags)
        return np.concatenate(found)


def graph(needs: Needs) -> Table:
    """Return the edges of a graph, as the step walks them."""
    layout = needs.layout
    regions = len(layout.regions)
    upward = [one.essential for one in needs.levels if one.essential is not None]
    edges = _Edges(needs.stepped())
    first = np.full(layout.active, -1, dtype=np.int64)
    last = first.copy()
    for at, bundle in enumerate(upward):
        first[bundle.rows], last[bundle.rows] = edges.spans(at)
    places = np.concatenate(
        [np.zeros((0, regions), dtype=np.int64), *(one.places for one in edges.bundles)]
    )
    late = np.full(len(places), -1, dtype=np.int64)
    wishes, circles = _wishes(needs, edges, len(upward), late)
    memory = needs.memory
    return {
        "order": _joined([one.rows for one in needs.levels]),
        "first": first,
        "last": last,
        "base": _base(places),
        "places": places,
        "memory": edges.memory(),
        "late": late,
        "ends": edges.ends(),
        "cut": cut(needs),
        **wishes,
        "circles": len(circles),
        "circle_places": circles,
        "prior": np.zeros((len(circles), regions)),
        "remembered": len(memory.places),
        "memory_base": _base(memory.places),
        "refreshing": REFRESHING,
    }


def _wishes(needs: Needs, edges: _Edges, at: int, late: Places) -> tuple[Table, Places]:
    """Return the soft needs, and where those of them look that close a circle."""
    bundle = needs.wishes
    if bundle is None:
        none = np.zeros(0, dtype=np.int64)
        empty = np.zeros((0, len(needs.layout.regions)), dtype=np.int64)
        return {"wishes": 0, "wish_rows": none, "wish_first": none, "wish_last": none}, empty
    begins, ends = edges.spans(at)
    late[edges.firsts()[at] + bundle.late] = np.arange(len(bundle.late))
    found = {
        "wishes": len(bundle.rows),
        "wish_rows": bundle.rows,
        "wish_first": begins,
        "wish_last": ends,
    }
    return found, bundle.places[bundle.late]


def cut(needs: Needs) -> NDArray[np.uint8]:
    """Return which edges are cut now."""
    found = [np.zeros(0, dtype=np.uint8)]
    for one in needs.stepped():
        flags = np.zeros(len(one.edges), dtype=np.uint8)
        if one.cut is not None:
            flags[one.cut] = 1
        found.append(flags)
    return np.concatenate(found)


def _base(places: Places) -> Places:
    """Return where each edge's run of regions begins, or -1 where they do not lie side by side."""
    if not len(places):
        return np.zeros(0, dtype=np.int64)
    steady = (np.diff(places, axis=1) == 1).all(axis=1)
    return np.where(steady, places[:, 0], -1)


def _joined(rows: Sequence[NDArray[Any]]) -> Places:
    return np.concatenate([np.zeros(0, dtype=np.int64), *rows])
