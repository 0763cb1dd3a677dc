"""Shrinking: the shortest story that still ends badly.

A failing run holds hundreds of steps, most of which have nothing to do with the failure. They go in this
order: whatever comes after the failure; whole chunks of an actor's last steps; chunks anywhere; faults
(replaced by the ordinary option); at last steps of one actor are drawn together, because every switch from
one actor to another is a thing that the reader has to carry in mind.

A candidate is run leniently: a step that its actor cannot take any more is left out. So each accepted
candidate is a real run, written down as it went.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from outlast.sim.design import AnyDesign, Step, invariant_of
from outlast.sim.liveness import heal

REPLAYS_MAX = 200

Test = Callable[[Sequence[Step]], list[Step] | None]
"""Runs a candidate; returns the steps really taken if it still fails, else None."""


def breaks(design: AnyDesign, invariant: str) -> Test:
    """Return the test "this invariant is broken"."""

    def test(steps: Sequence[Step]) -> list[Step] | None:
        shared, locals_ = design.begin()
        taken: list[Step] = []
        for actor, option in steps:
            local = locals_[actor]
            if option >= design.options(actor, shared, local):
                continue
            taken.append((actor, option))
            deed = design.move(actor, option, shared, local)
            if deed and invariant_of(design.judge(shared, deed)) == invariant:
                return taken
        return None

    return test


def wedges(design: AnyDesign, promise: str, bound: int) -> Test:
    """Return the test "after these steps and calm, this promise is not kept within the bound"."""

    def test(steps: Sequence[Step]) -> list[Step] | None:
        shared, locals_ = design.begin()
        taken: list[Step] = []
        for actor, option in steps:
            if option < design.options(actor, shared, locals_[actor]):
                taken.append((actor, option))
                design.move(actor, option, shared, locals_[actor])
        left = heal(design, taken, bound).unsettled
        return taken if invariant_of(left) == promise else None

    return test


def shrink(
    steps: Sequence[Step], test: Test, replays_max: int = REPLAYS_MAX
) -> tuple[list[Step], int]:
    """Return a smaller run that fails alike, and how many replays that took.

    Raises:
        ValueError: the run given does not fail.
    """
    best = test(steps)
    if best is None:
        raise ValueError("the run to be shrunk does not fail when it is run again")
    spent = 1
    improved = True
    while improved and spent < replays_max:
        improved = False
        for propose in _WAYS:
            again = True
            while again and spent < replays_max:
                again = False
                for candidate in propose(best):
                    taken = test(candidate)
                    spent += 1
                    if taken is not None and weight(taken) < weight(best):
                        best, improved, again = taken, True, True
                        break
                    if spent >= replays_max:
                        break
    return best, spent


def weight(steps: Sequence[Step]) -> tuple[int, int, int]:
    """How much a reader has to take in: faults first, then steps, then switches between actors."""
    faults = sum(1 for _, option in steps if option)
    switches = sum(1 for a, b in pairwise(steps) if a[0] != b[0])
    return faults, len(steps), switches


def _without_actor(steps: list[Step]) -> Iterator[list[Step]]:
    for actor in sorted({actor for actor, _ in steps}):
        yield [one for one in steps if one[0] != actor]


def _without_chunk(steps: list[Step]) -> Iterator[list[Step]]:
    size = len(steps) // 2
    while size > 1:
        for begin in range(len(steps) - size, -1, -size):
            yield steps[:begin] + steps[begin + size :]
        size //= 2


def _without_window(steps: list[Step]) -> Iterator[list[Step]]:
    """Leave out some steps in a row of one actor, whatever stands between them.

    A whole walk over the endpoints, for instance, lies scattered among the steps of others.
    """
    actors = sorted({actor for actor, _ in steps})
    for count in (8, 5, 3):
        for actor in actors:
            own = [place for place, one in enumerate(steps) if one[0] == actor]
            for end in range(len(own), count - 1, -max(1, count // 3)):
                out = set(own[end - count : end])
                yield [one for place, one in enumerate(steps) if place not in out]


def _without_step(steps: list[Step]) -> Iterator[list[Step]]:
    for place in range(len(steps) - 1, -1, -1):
        yield steps[:place] + steps[place + 1 :]


def _without_fault(steps: list[Step]) -> Iterator[list[Step]]:
    for place, (actor, option) in enumerate(steps):
        if option:
            yield [*steps[:place], (actor, 0), *steps[place + 1 :]]


def _drawn_together(steps: list[Step]) -> Iterator[list[Step]]:
    """Move a whole run of one actor up to that actor's run before it."""
    begin = 0
    while begin < len(steps):
        end = begin
        while end < len(steps) and steps[end][0] == steps[begin][0]:
            end += 1
        before = begin - 1
        while before >= 0 and steps[before][0] != steps[begin][0]:
            before -= 1
        if 0 <= before < begin - 1:
            head, between = steps[: before + 1], steps[before + 1 : begin]
            yield [*head, *steps[begin:end], *between, *steps[end:]]
        begin = end


_WAYS = (
    _without_actor,
    _without_fault,
    _without_chunk,
    _without_window,
    _without_step,
    _drawn_together,
)
