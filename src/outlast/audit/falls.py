"""What falls with what: for every node, all single failures that take it down, found in one sweep.

In a graph without spare roads this question is answered by dominators. Ours has them (`Graph.any_of`), so
the idea is carried over: a node that needs all children falls with whatever fells one of them (union); a
node that needs any falls only with what fells each of them (intersection). The sets are whole numbers used
as bit sets, one bit for each thing, so a union over ten thousand things is one instruction of the
interpreter. Nodes are visited from the ground up, strongly connected ones until nothing changes.

Circles: failures spread, and nothing else does. Two services that need each other are up until something
fells one of them (they hold each other up). How they got up is another question: see `boot`.

Sets of two: `Falls.without` starts from what is known and lets one more thing fail. Only nodes above a
spare road that has just become the only one can change, so only they are looked at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush

from outlast.audit.finding import Kind, Thing
from outlast.audit.graph import Graph

PAIR_WORK_MAX = 30_000_000
"""Bound of the search for pairs, in 64-bit words that are joined: some half a second. Beyond it the list is
known to be incomplete, and said to be."""


def components(needs: list[list[int]]) -> list[list[int]]:
    """Return the strongly connected components, each after all that it needs (Tarjan, no recursion)."""
    size = len(needs)
    order = [-1] * size
    low = [0] * size
    done = bytearray(size)
    stack: list[int] = []
    found: list[list[int]] = []
    clock = 0
    for root in range(size):
        if order[root] >= 0:
            continue
        work = [(root, iter(needs[root]))]
        order[root] = low[root] = clock
        clock += 1
        stack.append(root)
        while work:
            node, rest = work[-1]
            deeper = -1
            lowest = low[node]
            for child in rest:
                if order[child] < 0:
                    deeper = child
                    break
                if not done[child] and order[child] < lowest:
                    lowest = order[child]
            low[node] = lowest
            if deeper >= 0:
                order[deeper] = low[deeper] = clock
                clock += 1
                stack.append(deeper)
                work.append((deeper, iter(needs[deeper])))
                continue
            work.pop()
            if work and lowest < low[work[-1][0]]:
                low[work[-1][0]] = lowest
            if lowest == order[node]:
                found.append(_popped(stack, node, done))
    return found


def _popped(stack: list[int], node: int, done: bytearray) -> list[int]:
    members = []
    while True:
        one = stack.pop()
        done[one] = 1
        members.append(one)
        if one == node:
            return members


LAST = frozenset({Kind.SERVICE, Kind.TARGET, Kind.NAME_SERVER})


@dataclass(frozen=True, slots=True)
class Pair:
    """Two things whose loss together fells a node that outlives each of them."""

    first: Thing
    second: Thing


class Falls:
    """The single failures that fell each node of a graph.

    Attributes:
        graph: whose.
        things: bit to thing.
        sets: for each node the set of things, as bits.
    """

    def __init__(self, graph: Graph, wanted: Callable[[Thing], bool] = lambda _: True) -> None:
        """Work it out.

        Args:
            wanted: the things that are asked about; the fewer, the faster.
        """
        self.graph = graph
        self.things: list[Thing] = []
        self._own = [0] * len(graph.things)
        self._at: list[int] = []
        for node, thing in enumerate(graph.things):
            if thing is not None and wanted(thing):
                self._at.append(node)
                self._own[node] = 1 << len(self.things)
                self.things.append(thing)
        self._bits = {thing: bit for bit, thing in enumerate(self.things)}
        self.sets = [0] * len(graph.things)
        self._rank = [0] * len(graph.things)
        for rank, members in enumerate(components(graph.needs)):
            for node in members:
                self._rank[node] = rank
            self._settle(members)

    def _settle(self, members: list[int]) -> None:
        if len(members) == 1:
            self.sets[members[0]] = self._seen(members[0], self.sets)
            return
        if not any(self.graph.any_of[node] for node in members):
            together = 0
            for node in members:
                together |= self._seen(node, self.sets)
            for node in members:
                self.sets[node] = together
            return
        changed = True
        while changed:
            changed = False
            for node in members:
                now = self._seen(node, self.sets)
                if now != self.sets[node]:
                    self.sets[node] = now
                    changed = True

    def _seen(self, node: int, sets: list[int]) -> int:
        """Return what fells a node, given what fells its children."""
        children = self.graph.needs[node]
        if not self.graph.any_of[node]:
            together = self._own[node]
            for child in children:
                together |= sets[child]
            return together
        if not children:
            return self._own[node]
        together = sets[children[0]]
        for child in children[1:]:
            together &= sets[child]
        return together | self._own[node]

    def mask(self, kinds: frozenset[Kind]) -> int:
        """Return the things of some kinds as a set."""
        return sum(1 << bit for bit, thing in enumerate(self.things) if thing.kind in kinds)

    def fell(self, node: int, mask: int = -1) -> Iterator[Thing]:
        """Yield the things of a set (-1: of all) whose loss alone fells a node."""
        yield from self._listed(self.sets[node] & mask)

    def tally(self, nodes: list[int]) -> dict[Thing, int]:
        """Return for each thing how many of some nodes fall with it.

        Counted in columns: `planes[i]` holds bit i of every thing's count, so that adding a node's set is
        a few operations on whole sets, and not one for each of its things.
        """
        planes: list[int] = []
        for node in nodes:
            carry = self.sets[node]
            for at, plane in enumerate(planes):
                planes[at], carry = plane ^ carry, plane & carry
            if carry:
                planes.append(carry)
        rows = [f"{plane:b}"[::-1] for plane in planes]
        counts: dict[Thing, int] = {}
        for at, row in enumerate(rows):
            bit = row.find("1")
            while bit >= 0:
                counts[self.things[bit]] = counts.get(self.things[bit], 0) + (1 << at)
                bit = row.find("1", bit + 1)
        return counts

    def fells(self, thing: Thing, node: int) -> bool:
        """Whether the loss of a thing alone fells a node."""
        bit = self._bits.get(thing)
        return bit is not None and bool(self.sets[node] >> bit & 1)

    def node_of(self, thing: Thing) -> int:
        """Return the node where a thing fails by itself.

        Raises:
            KeyError: it is not in the graph.
        """
        return self._at[self._bits[thing]]

    def _listed(self, bits: int) -> Iterator[Thing]:
        # Written out in base 2 and searched as text: taking the lowest bit off a number of ten thousand
        # bits copies all of them each time.
        text = f"{bits:b}"[::-1]
        at = text.find("1")
        while at >= 0:
            yield self.things[at]
            at = text.find("1", at + 1)

    def pairs(self, nodes: list[int], work_max: int = PAIR_WORK_MAX) -> "Pairs":
        """Find the sets of two that fell each of some nodes, within a bound."""
        found: dict[int, dict[Pair, None]] = {node: {} for node in nodes}
        work = 0
        candidates = self._candidates(nodes)
        for tried, bit in enumerate(candidates):
            if work > work_max:
                return Pairs(found, complete=False, tried=tried, candidates=len(candidates))
            changed, looked_at = self._without(bit)
            work += looked_at
            for node in nodes:
                more = changed.get(node, 0) & ~self.sets[node] & ~(1 << bit)
                for other in self._listed(more) if more else ():
                    first, second = sorted((self.things[bit], other), key=self._bits.__getitem__)
                    found[node][Pair(first, second)] = None
        return Pairs(found, complete=True, tried=len(candidates), candidates=len(candidates))

    def _candidates(self, nodes: list[int]) -> list[int]:
        """Return bits of which each pair has one at least.

        A pair fells a node, so it breaks each set of roads that would carry it alone. One such set is
        taken, with the fewest things on it, and every pair has a member there. Only things that fell a
        child of a spare road, but not all of them, can be half of a pair.
        """
        graph, sets = self.graph, self.sets
        useful = 0
        for node in range(len(sets)):
            if graph.any_of[node]:
                for child in graph.needs[node]:
                    useful |= sets[child] & ~sets[node]
        ways = self._one_way(useful)
        bits = [self._bits[thing] for thing in self._listed(self._halves(ways, nodes))]
        # Places first: should the bound be met, they were looked at.
        return sorted(bits, key=lambda bit: (self.things[bit].kind in LAST, bit))

    def _halves(self, ways: "Falls", nodes: list[int]) -> int:
        found = 0
        for start in nodes:
            met = sum(1 << self._bits[thing] for thing in ways.fell(start))
            found |= met & ~self.sets[start]
        return found

    def _one_way(self, useful: int) -> "Falls":
        """Return what lies on one way by which each node works, as far as it is useful.

        Of spare roads the one is taken that falls with the fewest things.
        """
        graph, sizes = self.graph, [one.bit_count() for one in self.sets]
        taken = Graph(
            things=graph.things,
            needs=[
                [min(children, key=sizes.__getitem__)] if any_of and children else children
                for children, any_of in zip(graph.needs, graph.any_of, strict=True)
            ],
            any_of=bytearray(len(graph.things)),
        )
        asked = set(self._listed(useful))
        return Falls(taken, asked.__contains__)

    def _without(self, bit: int) -> tuple[dict[int, int], int]:
        """Let one thing fail, and return the sets that change (to any that fell the rest), and the work."""
        graph = self.graph
        parents = self.parents
        mask = 1 << bit
        down = self._down(bit)
        changed: dict[int, int] = {}
        waiting = {
            parent
            for node in down
            for parent in parents[node]
            if graph.any_of[parent] and parent not in down
        }
        # From the ground up, so that a node is looked at once all that it needs is known; in circles again.
        pending = [(self._rank[node], node) for node in waiting]
        heapify(pending)
        words = len(self.things) // 64 + 1
        work = len(down)
        while pending:
            _, node = heappop(pending)
            waiting.discard(node)
            work += words * len(graph.needs[node])
            now = self._seen_without(node, down, changed)
            if now | mask == changed.get(node, self.sets[node]) | mask:
                continue
            changed[node] = now
            for parent in parents[node]:
                if parent not in waiting and parent not in down:
                    waiting.add(parent)
                    heappush(pending, (self._rank[parent], parent))
        return changed, work

    def _seen_without(self, node: int, down: set[int], changed: dict[int, int]) -> int:
        sets = self.sets
        left = [
            changed.get(child, sets[child]) for child in self.graph.needs[node] if child not in down
        ]
        together = self._own[node]
        if not self.graph.any_of[node]:
            for one in left:
                together |= one
            return together
        common = left[0]
        for one in left[1:]:
            common &= one
        return together | common

    def _down(self, bit: int) -> set[int]:
        """Return the nodes that a thing fells."""
        parents = self.parents
        start = self._at[bit]
        down = {start}
        pending = [start]
        while pending:
            for parent in parents[pending.pop()]:
                if parent not in down and self.sets[parent] >> bit & 1:
                    down.add(parent)
                    pending.append(parent)
        return down

    @cached_property
    def parents(self) -> list[list[int]]:
        """For each node those that need it."""
        found: list[list[int]] = [[] for _ in self.sets]
        for node, children in enumerate(self.graph.needs):
            for child in children:
                found[child].append(node)
        return found


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sets of two.

    Attributes:
        of: for each node that was asked about its pairs, in a fixed order.
        complete: whether the search ended before its bound did.
        tried, candidates: how many things were let fail, of how many that might be half of a pair.
    """

    of: dict[int, dict[Pair, None]]
    complete: bool
    tried: int
    candidates: int
