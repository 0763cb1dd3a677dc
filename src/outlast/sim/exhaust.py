"""Exhaustive search: every interleaving of a small configuration, breadth first, to a stated bound.

How a state is kept. Shared states, and each actor's local states, are numbered as they are met. A state is
one integer: a field of bits for the shared number and one for each actor's local number. Since a move
touches the shared state and the mover's own, `state & mask of these two fields` is all that decides what
the mover can do; so the design's code runs once for each such pair, and its result is kept as *the
difference to be added to the state*. A step of the search is then a look-up, an addition and a set
insertion, whatever a step of the design costs.

Symmetry: where enactors are identical, states that differ only in who is who are one. The fields of the
twins are put in ascending order, again by a difference that is looked up.

Breadth first, so the first trace found for an invariant is a shortest one. A violation is noticed when its
pair is met first, which is at the smallest depth at which it can happen.

What is not covered is said: `Exploration.complete` is false as soon as a bound cut anything off.
"""

import sys
import time
from array import array
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from outlast.sim.design import AnyDesign, Step, invariant_of

SHARED_BITS = 28
LOCAL_BITS = 16
_LOCAL_MASK = (1 << LOCAL_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where to stop. None: nowhere.

    Attributes:
        first: stop at the first violation of any invariant.
        symmetry: treat states that differ only in which twin is which as one.
    """

    depth: int | None = None
    states: int | None = None
    seconds: float | None = None
    first: bool = False
    symmetry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What exhaustive search saw.

    Attributes:
        states: distinct states, the initial one included.
        transitions: moves taken from them.
        depth: length of the longest shortest path.
        complete: whether every reachable state was visited and expanded.
        unexpanded: states that were met but not looked beyond, because a bound came first.
        traces: for each invariant broken (first two words of its text), a shortest trace to it.
        pairs: how often the design's own code ran.
        bytes_per_state: memory of the visited set and the links back, divided by the states.
    """

    states: int
    transitions: int
    depth: int
    complete: bool
    unexpanded: int
    traces: dict[str, tuple[str, tuple[Step, ...]]]
    pairs: int
    seconds: float
    bytes_per_state: int


@dataclass(slots=True)
class _Numbers:
    """Values numbered in the order in which they are met."""

    limit: int
    of: dict[Hashable, int] = field(default_factory=dict)
    values: list[Hashable] = field(default_factory=list)

    def number(self, value: Hashable) -> int:
        found = self.of.get(value)
        if found is None:
            found = len(self.values)
            if found > self.limit:
                raise OverflowError(f"more than {self.limit} component states")
            self.of[value] = found
            self.values.append(value)
        return found


class Explorer:
    """One exhaustive search. Keep it to ask for traces afterwards."""

    def __init__(
        self, design: AnyDesign, bound: Bound, start: tuple[Any, Sequence[Any]] | None = None
    ) -> None:
        self._design = design
        self._bound = bound
        self._start = start or design.begin()
        actors = range(len(design.actors))
        self._shifts = [LOCAL_BITS * actor for actor in actors]
        self._top = LOCAL_BITS * len(design.actors)
        whole = ((1 << SHARED_BITS) - 1) << self._top
        self._masks = [whole | (_LOCAL_MASK << shift) for shift in self._shifts]
        self._shared = _Numbers((1 << SHARED_BITS) - 1)
        self._local = _Numbers(_LOCAL_MASK)
        self._memo: list[dict[int, tuple[int, ...]]] = [{} for _ in actors]
        self._twins = tuple(self._shifts[twin] for twin in design.twins)
        self._twin_mask = sum(_LOCAL_MASK << shift for shift in self._twins)
        self._sorted: dict[int, int] = {}
        self._broken: list[tuple[str, int]] = []
        self.states: list[int] = []
        self._parents = array("q")

    def run(self, progress: Callable[[int, int], None] | None = None) -> Exploration:
        """Search. `progress` is called once a level with states and depth."""
        began = time.perf_counter()
        bound, states = self._bound, self.states
        first = self._canonical(self._pack_initial())
        seen = {first}
        states.append(first)
        self._parents.append(-1)
        traces: dict[str, tuple[str, tuple[Step, ...]]] = {}
        transitions = depth = level = 0
        complete = True
        while level < len(states):
            if self._out_of_bounds(depth, began):
                complete = False
                break
            end = len(states)
            transitions += self._expand_level(level, end, seen, traces)
            level = end
            depth += 1
            if progress:
                progress(len(states), depth)
            if bound.first and traces:
                complete = False
                break
        memory = sys.getsizeof(seen) + sys.getsizeof(states) + sys.getsizeof(self._parents)
        memory += sys.getsizeof(first) * len(states)
        return Exploration(
            states=len(states),
            transitions=transitions,
            depth=depth - 1 if complete else depth,
            complete=complete,
            unexpanded=len(states) - level,
            traces=traces,
            pairs=sum(len(memo) for memo in self._memo),
            seconds=time.perf_counter() - began,
            bytes_per_state=memory // len(states),
        )

    def _out_of_bounds(self, depth: int, began: float) -> bool:
        bound = self._bound
        return (
            (bound.depth is not None and depth >= bound.depth)
            or (bound.states is not None and len(self.states) >= bound.states)
            or (bound.seconds is not None and time.perf_counter() - began >= bound.seconds)
        )

    def _expand_level(
        self,
        begin: int,
        end: int,
        seen: set[int],
        traces: dict[str, tuple[str, tuple[Step, ...]]],
    ) -> int:
        """Expand states of one level; the hot loop, so everything stands in local names."""
        states, parents = self.states, self._parents
        pairs = list(zip(range(len(self._masks)), self._masks, self._memo, strict=True))
        symmetry = self._bound.symmetry and len(self._twins) > 1
        twin_mask, in_order = self._twin_mask, self._sorted
        add, append, link = seen.add, states.append, parents.append
        transitions = 0
        for index in range(begin, end):
            state = states[index]
            for actor, mask, memo in pairs:
                key = state & mask
                deltas = memo.get(key)
                if deltas is None:
                    deltas = memo[key] = self._differences(actor, key)
                    while self._broken:
                        self._note(index, *self._broken.pop(), traces)
                for delta in deltas:
                    transitions += 1
                    after = state + delta
                    if symmetry:
                        twins = after & twin_mask
                        change = in_order.get(twins)
                        if change is None:
                            change = in_order[twins] = self._sort(twins) - twins
                        after += change
                    if after not in seen:
                        add(after)
                        append(after)
                        link(index)
        return transitions

    def _differences(self, actor: int, key: int) -> tuple[int, ...]:
        """Run the design for one pair of shared and local state."""
        design, shift = self._design, self._shifts[actor]
        shared_number, local_number = key >> self._top, key >> shift & _LOCAL_MASK
        before = self._shared.values[shared_number], self._local.values[local_number]
        shared, local = design.thaw(*before)
        deltas = []
        for option in range(design.options(actor, shared, local)):
            shared, local = design.thaw(*before)
            deed = design.move(actor, option, shared, local)
            frozen_shared, frozen_local = design.freeze(shared, local)
            delta = (self._shared.number(frozen_shared) - shared_number << self._top) + (
                self._local.number(frozen_local) - local_number << shift
            )
            deltas.append(delta)
            broken = design.judge(shared, deed) if deed else ""
            if broken:
                self._broken.append((broken, delta))
        return tuple(deltas)

    def _note(
        self,
        index: int,
        broken: str,
        delta: int,
        traces: dict[str, tuple[str, tuple[Step, ...]]],
    ) -> None:
        name = invariant_of(broken)
        if name not in traces:
            traces[name] = (broken, self.trace(index, self.states[index] + delta))

    def trace(self, index: int, last: int | None = None) -> tuple[Step, ...]:
        """Return the moves that lead from the initial state to a state, and one further if given.

        Under symmetry the path of sorted states is walked again with the actors as they really are.
        """
        path = [] if last is None else [self._canonical(last)]
        while index >= 0:
            path.append(self.states[index])
            index = self._parents[index]
        path.reverse()
        state, steps = self._pack_initial(), []
        for wanted in path[1:]:
            step, state = self._step_to(state, wanted)
            steps.append(step)
        return tuple(steps)

    def _step_to(self, state: int, wanted: int) -> tuple[Step, int]:
        for actor, mask in enumerate(self._masks):
            for option, delta in enumerate(self._differences(actor, state & mask)):
                if self._canonical(state + delta) == wanted:
                    self._broken.clear()
                    return (actor, option), state + delta
        raise AssertionError("a path of the search cannot be walked again")

    def shared_states(self) -> Iterator[Any]:
        """Yield every shared state that was reached, as fresh cells."""
        _, locals_ = self._start
        _, local = self._design.freeze(*self._design.begin()[:1], locals_[0])
        for value in self._shared.values:
            yield self._design.thaw(value, local)[0]

    def _pack_initial(self) -> int:
        shared, locals_ = self._start
        state = 0
        for shift, local in zip(self._shifts, locals_, strict=True):
            frozen_shared, frozen_local = self._design.freeze(shared, local)
            state |= self._local.number(frozen_local) << shift
        return state | self._shared.number(frozen_shared) << self._top

    def _canonical(self, state: int) -> int:
        if not self._bound.symmetry or len(self._twins) < 2:
            return state
        twins = state & self._twin_mask
        return state - twins + self._sort(twins)

    def _sort(self, twins: int) -> int:
        numbers = sorted(twins >> shift & _LOCAL_MASK for shift in self._twins)
        return sum(number << shift for number, shift in zip(numbers, self._twins, strict=True))


def explore(
    design: AnyDesign,
    bound: Bound | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Exploration:
    """Search a design exhaustively; see the module's text."""
    return Explorer(design, bound or Bound()).run(progress)
