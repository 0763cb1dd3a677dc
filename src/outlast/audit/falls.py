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

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from outlast.audit.finding import Thing
from outlast.audit.graph import Graph

PAIR_WORK_MAX = 400_000
"""Bound of the search for pairs: how many nodes are looked at again, about a second. Beyond it the list is
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

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.things: list[Thing] = []
        self._own = [0] * len(graph.things)
        self._at: list[int] = []
        for node, thing in enumerate(graph.things):
            if thing is not None:
                self._at.append(node)
                self._own[node] = 1 << len(self.things)
                self.things.append(thing)
        self._bits = {thing: bit for bit, thing in enumerate(self.things)}
        self.sets = [0] * len(graph.things)
        for members in components(graph.needs):
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

    def fell(self, node: int) -> Iterator[Thing]:
        """Yield the things whose loss alone fells a node."""
        yield from self._listed(self.sets[node])

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
        wanted = 0
        for start in nodes:
            wanted |= self._one_way(start) & ~sets[start]
        bits = wanted & useful
        return [self._bits[thing] for thing in self._listed(bits)]

    def _one_way(self, start: int) -> int:
        """Return the things on one way by which a node works."""
        graph, sets = self.graph, self.sets
        seen = {start}
        pending = [start]
        met = 0
        while pending:
            node = pending.pop()
            met |= self._own[node]
            children = graph.needs[node]
            if graph.any_of[node] and children:
                children = [min(children, key=lambda one: (sets[one] & ~sets[start]).bit_count())]
            for child in children:
                if child not in seen:
                    seen.add(child)
                    pending.append(child)
        return met

    def _without(self, bit: int) -> tuple[dict[int, int], int]:
        """Let one thing fail, and return the sets that change (to any that fell the rest), and the work."""
        graph = self.graph
        parents = self.parents
        mask = 1 << bit
        down = self._down(bit)
        changed: dict[int, int] = {}
        pending: deque[int] = deque(
            parent
            for node in down
            for parent in parents[node]
            if graph.any_of[parent] and parent not in down
        )
        work = len(down)
        while pending:
            node = pending.popleft()
            if node in down:
                continue
            work += 1
            now = self._seen_without(node, down, changed)
            if now | mask != changed.get(node, self.sets[node]) | mask:
                changed[node] = now
                pending.extend(parents[node])
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
