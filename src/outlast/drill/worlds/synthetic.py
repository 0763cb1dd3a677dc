"""Synthetic worlds: as many services as you like, wired as large production systems are.

The figures are those of public studies of call graphs at Alibaba: of call graphs (one request each) nodes
have median 7, 90th percentile 11 and 99th 18, at most 50; depth has median 4, at most 7; a caller calls 2.35
others in the mean, 1 in the median, 6 at the 90th percentile; 62 % of the nodes are ordinary services,
17 % relays, 12 % caches, 7 % unknown, 1.5 % databases; 43 % of the calls are RPC, 29 % go to caches, 26 %
are HTTP, 2 % go to databases [1]. Of the services 13 % are entries, 48 % stand in the middle, 39 % are
leaves [2].

[1] https://github.com/dufanrong/DGG (graphs), https://arxiv.org/abs/2412.19083
[2] https://arxiv.org/abs/2504.13141

A graph is a chain of callers, as deep as drawn, of which one (the hub) calls most of the rest: that is what
a median of 1 beside a mean of 2.35 looks like. Graphs are woven into services by using services again: an
entry serves several graphs, and leaves are shared most. Regions, people and what a failed call means are
not in the studies: they are assumed, and the same everywhere.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from outlast.model.behaviour import Audience
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Region, Topology

NODES_MAX, DEPTH_MAX = 50, 7
NODES_MEDIAN, NODES_SIGMA = 7.0, 0.38
DEPTHS = ((2, 0.06), (3, 0.22), (4, 0.34), (5, 0.22), (6, 0.11), (7, 0.05))
HUB_RATIO = 0.86
"""Share of the leaves beyond one for each caller that hang on the hub."""
AGAIN_RATIO = 0.56
"""How likely a cache is asked once more while one request is served ..."""
SAME_RATIO = 0.8
"""... and how likely by the same caller."""
ENTRIES_RATIO, LEAVES_RATIO = 0.13, 0.39
GRAPHS_PER_ENTRY = 3
PEOPLE = 1_000_000.0
REGIONS = (("us-east", "US"), ("eu-west", "IE"), ("ap-south", "IN"))


class NodeKind(StrEnum):
    """What a node of a call graph is."""

    NORMAL = "normal"
    RELAY = "relay"
    CACHE = "cache"
    UNKNOWN = "unknown"
    DATABASE = "database"


class CallKind(StrEnum):
    """How a node is called."""

    RPC = "rpc"
    HTTP = "http"
    CACHE = "cache"
    DATABASE = "database"


_LEAVES = (
    (NodeKind.NORMAL, 0.67),
    (NodeKind.CACHE, 0.205),
    (NodeKind.UNKNOWN, 0.095),
    (NodeKind.DATABASE, 0.025),
)
_CALLERS = ((NodeKind.NORMAL, 0.55), (NodeKind.RELAY, 0.42), (NodeKind.UNKNOWN, 0.03))
RPC_RATIO = 0.43 / (0.43 + 0.26)


@dataclass(frozen=True, slots=True)
class CallGraph:
    """One request's way: node 0 is the entry; callers come before the called.

    Attributes:
        kinds: of the nodes.
        calls: caller, called, and how.
    """

    kinds: tuple[NodeKind, ...]
    calls: tuple[tuple[int, int, CallKind], ...]


def draw_graph(random: Random) -> CallGraph:
    """Draw one call graph."""
    size = min(max(round(random.lognormvariate(math.log(NODES_MEDIAN), NODES_SIGMA)), 2), NODES_MAX)
    depths, weights = zip(*DEPTHS, strict=True)
    depth = min(random.choices(depths, weights)[0], size)
    chain = list(range(depth))
    parents = {at: at - 1 for at in chain[1:]}
    callers = chain[:-1]
    hub = random.choice(callers)
    for node in range(depth, size):
        parents[node] = hub if random.random() < HUB_RATIO else random.choice(callers)
    kinds = [_drawn(random, _CALLERS if at in callers else _LEAVES) for at in range(size)]
    calls = [(parent, node) for node, parent in parents.items()]
    for node, kind in enumerate(kinds):
        if kind is NodeKind.CACHE:
            while random.random() < AGAIN_RATIO:
                again = parents[node] if random.random() < SAME_RATIO else random.choice(callers)
                calls.append((again, node))
    return CallGraph(
        tuple(kinds), tuple((one, other, _call(random, kinds[other])) for one, other in calls)
    )


def _drawn(random: Random, table: tuple[tuple[NodeKind, float], ...]) -> NodeKind:
    kinds = [kind for kind, _ in table]
    return random.choices(kinds, [weight for _, weight in table])[0]


def _call(random: Random, called: NodeKind) -> CallKind:
    if called is NodeKind.CACHE:
        return CallKind.CACHE
    if called is NodeKind.DATABASE:
        return CallKind.DATABASE
    return CallKind.RPC if random.random() < RPC_RATIO else CallKind.HTTP


@dataclass(slots=True)
class _Loom:
    """Weaves graphs into services.

    Attributes:
        wanted: how many middles and leaves there shall be in all.
        made: services so far by name, with what they call and how.
        middles, leaves: by height (the middles'), so that using one again makes no graph deeper.
    """

    random: Random
    wanted: tuple[int, int]
    made: dict[str, dict[str, CallKind]] = field(default_factory=dict)
    middles: dict[int, list[str]] = field(default_factory=dict)
    leaves: dict[NodeKind, list[str]] = field(default_factory=dict)

    def weave(self, entry: str, graph: CallGraph) -> None:
        """Add a graph to an entry."""
        calls: dict[int, list[tuple[int, CallKind]]] = {}
        for caller, called, kind in graph.calls:
            calls.setdefault(caller, []).append((called, kind))
        heights = [1] * len(graph.kinds)
        for node in reversed(range(len(graph.kinds))):
            heights[node] += max((heights[one] for one, _ in calls.get(node, [])), default=0)
        own = self.made.setdefault(entry, {})
        waiting = [(own, one, kind) for one, kind in calls.get(0, [])]
        names: dict[int, str] = {}
        while waiting:
            callers, node, kind = waiting.pop()
            if node not in names:
                below = calls.get(node, [])
                make = self._middle if below else self._leaf
                names[node] = make(graph.kinds[node], heights[node])
                if names[node] not in self.made:  # what is used again calls what it called
                    theirs = self.made[names[node]] = {}
                    waiting += [(theirs, one, how) for one, how in below]
            callers[names[node]] = kind

    def _middle(self, kind: NodeKind, height: int) -> str:
        count = sum(map(len, self.middles.values()))
        alike = self.middles.setdefault(height, [])
        if alike and (count >= self.wanted[0] or self.random.random() < 0.25):
            return self.random.choice(alike)
        alike.append(f"{kind}-m{count + 1}")
        return alike[-1]

    def _leaf(self, kind: NodeKind, height: int) -> str:
        del height
        count = sum(map(len, self.leaves.values()))
        alike = self.leaves.setdefault(kind, [])
        if alike and (count >= self.wanted[1] or self.random.random() < 0.75):
            return self.random.choice(alike)
        alike.append(f"{kind}-l{count + 1}")
        return alike[-1]

    def full(self) -> bool:
        """Whether all services that were wanted are there."""
        have = sum(map(len, self.middles.values())), sum(map(len, self.leaves.values()))
        return have[0] >= self.wanted[0] and have[1] >= self.wanted[1]


def synthetic(seed: int, n: int) -> Topology:
    """Draw a world of about `n` services, 8 or more, in three regions; the same for the same seed."""
    random = Random(f"synthetic/{seed}/{n}")  # noqa: S311 - worlds are no secrets
    entries = max(round(ENTRIES_RATIO * n), 1)
    leaves = max(round(LEAVES_RATIO * n), 1)
    loom = _Loom(random, (max(n - entries - leaves, 1), leaves))
    names = [f"entry-{at + 1}" for at in range(entries)]
    drawn = 0
    while drawn < GRAPHS_PER_ENTRY * entries or not loom.full():
        loom.weave(names[drawn % entries], draw_graph(random))
        drawn += 1
    regions = tuple(
        Region(name=RegionName(name), country=country, zones=3) for name, country in REGIONS
    )
    where = tuple(one.name for one in regions)
    return Topology(
        regions=regions,
        services=tuple(_service(name, calls, where) for name, calls in loom.made.items()),
    )


def _service(name: str, calls: dict[str, CallKind], where: tuple[RegionName, ...]) -> Service:
    is_entry = name.startswith("entry-")
    needs = tuple(
        Dependency(
            service=ServiceName(other),
            kind=DependencyKind.SOFT if kind is CallKind.CACHE else DependencyKind.HARD,
        )
        for other, kind in calls.items()
        if other != name
    )
    return Service(
        name=ServiceName(name),
        essential=is_entry,
        regions=where,
        needs=needs,
        audience=Audience(people=PEOPLE) if is_entry else None,
    )
