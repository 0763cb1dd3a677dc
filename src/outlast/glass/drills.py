"""Drills: which there are, what came out of each, and when it last passed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from outlast.model.units import Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One drill that was held.

    Attributes:
        name: of the scenario, or what it asked: `lose region:us-east`.
        held: expectations that were met, of `total`.
        said: what came out, in a line.
        live: whether it was held on the running system.
    """

    name: str
    title: str
    at_ns: Nanos
    held: int
    total: int
    said: str = ""
    live: bool = False

    @property
    def passed(self) -> bool:
        """Whether something was expected, and all of it was met."""
        return 0 < self.total == self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A drill that can be held, and what became of it.

    Attributes:
        last: the newest run; None: never held here.
        passed_ns: when it last passed; 0: never.
    """

    name: str
    title: str
    world: str
    last: Run | None
    passed_ns: Nanos

    @property
    def kind(self) -> str:
        """How it is marked."""
        if self.last is None or not self.last.total:
            return "none"
        return "good" if self.last.passed else "bad"


def scenarios(known: Iterable[tuple[str, str, str]], runs: Sequence[Run]) -> list[Scenario]:
    """Return every scenario with what became of it: those held first, the newest first.

    Args:
        known: name, world and title of each that can be held.
        runs: whichever were held, in any order; names that are not known stand for themselves.
    """
    newest: dict[str, Run] = {}
    passed: dict[str, Nanos] = {}
    for one in sorted(runs, key=lambda it: it.at_ns):
        newest[one.name] = one
        if one.passed:
            passed[one.name] = one.at_ns
    told = {name: (world, title) for name, world, title in known}
    for name, run in newest.items():
        told.setdefault(name, ("this topology", run.title))
    found = [
        Scenario(
            name=name,
            title=title,
            world=world,
            last=newest.get(name),
            passed_ns=passed.get(name, Nanos(0)),
        )
        for name, (world, title) in told.items()
    ]
    return sorted(found, key=lambda one: -(one.last.at_ns if one.last is not None else 0))
