"""Mutants: small mutations of our own code, each of which the explorer must catch.

A check that nothing can fail proves nothing. Each mutant replaces one function of the production core (or
of the provider's model) by a version with one thing left out or turned round, runs the explorer, and puts
the original back. `faults` are those that the mutant needs to show itself: without them the mutated code
behaves well, which is why such faults are in the catalogue at all.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from outlast.sim.design import Size, Spec, invariant_of
from outlast.sim.designs import catalogue
from outlast.sim.exhaust import Bound, explore
from outlast.sim.search import Finding, Tally, Wish, search
from outlast.sim.shrink import breaks, shrink, wedges

SECONDS = 120.0
"""A hunt ends at its first catch; the limit is only for survivors, on a busy machine."""

Change = Callable[[Any], Any]
"""Makes the mutated function of the original one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mutation.

    Attributes:
        name: for people and tables.
        about: what goes wrong in production where this slips in.
        changes: `module:attribute` and how it is changed; several where two guards back each other up.
        faults: kinds of fault that may happen while it is hunted.
        enactors, plans, count: the world; count is how many faults a run may have.
        design: the design that it is hunted in.
        exhaustive: whether it is hunted by every interleaving of its world: it needs a moment that a search
            meets once in many thousand schedules.
    """

    name: str
    about: str
    changes: tuple[tuple[str, Change], ...]
    faults: tuple[str, ...] = ()
    enactors: int = 2
    plans: int = 3
    count: int = 2
    design: str = "outlast"
    exhaustive: bool = False

    @property
    def spec(self) -> Spec:
        """The world it is hunted in."""
        size = Size(enactors=self.enactors, plans=self.plans, age=1, faults=self.count)
        return Spec(design=self.design, size=size, faults=tuple(sorted(self.faults)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """What became of a mutant.

    Attributes:
        found: the invariant that broke; empty: it survived.
        steps: length of the shrunk trace; 0: not shrunk.
        struck: the faults in the shrunk trace.
    """

    mutant: Mutant
    found: str
    schedules: int
    seconds: float
    steps: int = 0
    struck: tuple[str, ...] = ()


@contextmanager
def applied(mutant: Mutant) -> Iterator[None]:
    """Run with the mutation in place."""
    undo: list[tuple[Any, str, Any]] = []
    try:
        for where, change in mutant.changes:
            path, _, attribute = where.partition(":")
            holder: Any = importlib.import_module(path)
            *owners, attribute = attribute.split(".")
            for owner in owners:
                holder = getattr(holder, owner)
            original = getattr(holder, attribute)
            undo.append((holder, attribute, holder.__dict__[attribute]))
            setattr(holder, attribute, change(original))
        yield
    finally:
        for holder, attribute, original in reversed(undo):
            setattr(holder, attribute, original)


def hunt(mutant: Mutant, *, seconds: float = SECONDS, shrinking: bool = True) -> Catch:
    """Run the explorer against a mutant."""
    began = time.perf_counter()
    with applied(mutant):
        if mutant.exhaustive:
            seen = explore(catalogue.build(mutant.spec), Bound(first=True, seconds=seconds))
            took = time.perf_counter() - began
            text, steps = next(iter(seen.traces.values()), ("", ()))
            return Catch(mutant=mutant, found=text, schedules=0, seconds=took, steps=len(steps))
        tally, finding = search(
            catalogue.build, Wish(spec=mutant.spec, heal_bound=400), seconds=seconds
        )
        took = time.perf_counter() - began
        if finding is None:
            return Catch(mutant=mutant, found="", schedules=tally.schedules, seconds=took)
        return _caught(mutant, tally, finding, took, shrinking=shrinking)


def _caught(
    mutant: Mutant, tally: Tally, finding: Finding, took: float, *, shrinking: bool
) -> Catch:
    if not shrinking:
        return Catch(mutant=mutant, found=finding.found, schedules=tally.schedules, seconds=took)
    design = catalogue.build(finding.spec)
    name = invariant_of(finding.found)
    safety = name.startswith("S")
    test = breaks(design, name) if safety and not finding.calm else wedges(design, name, 400)
    steps, _ = shrink(finding.steps, test, 300)
    shared, locals_ = design.begin()
    struck = set()
    for actor, option in steps:
        what = design.tell(actor, option, shared, locals_[actor])
        struck |= {what.partition(sign)[2] for sign in ("struck by ", "strikes: ") if sign in what}
        if "sender gave up" in what:
            struck.add("late-write")
        design.move(actor, option, shared, locals_[actor])
    return Catch(
        mutant=mutant,
        found=finding.found,
        schedules=tally.schedules,
        seconds=took,
        steps=len(steps),
        struck=tuple(sorted(struck)),
    )
