"""The designs by name, with what can be switched on in each. The one place that knows them all."""

from collections.abc import Callable
from dataclasses import dataclass

from outlast.model.errors import ConfigError
from outlast.sim import faults
from outlast.sim.design import AnyDesign, Size, Spec
from outlast.sim.designs import aws2025, blind, dual, locks
from outlast.sim.designs.dual import Dual
from outlast.sim.designs.outlast import Outlast
from outlast.sim.designs.trees import Trees
from outlast.sim.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A design that can be asked for.

    Attributes:
        small, large: configurations for exhaustive search and for search in the large.
        switches, faults: what it knows.
        small_faults: those that exhaustive search has by itself.
    """

    name: str
    about: str
    build: Callable[[Spec], AnyDesign]
    small: Size
    large: Size
    switches: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    small_faults: tuple[str, ...] = ()


ENTRIES = (
    Entry(
        name="outlast",
        about="this software: its production core under the whole fault catalogue",
        build=Outlast,
        small=Size(enactors=2, plans=1, age=1, faults=1),
        large=Size(enactors=3, plans=6, endpoints=2, faults=4),
        faults=faults.NAMES,
        small_faults=("crash", "late-write", "lost-reply", "wipe"),
    ),
    Entry(
        name="trees",
        about="this software where plans lie in trees: laid, flipped, swept, with resolvers that remember",
        build=Trees,
        small=Size(enactors=1, plans=3, age=1),
        large=Size(enactors=3, plans=8, faults=4),
        faults=faults.NAMES,
    ),
    Entry(
        name="dual",
        about="this software with one name at two providers; hold, unless go_on or roll_back is switched on",
        build=Dual,
        small=Size(enactors=1, plans=2, age=1),
        large=Size(enactors=2, plans=6, faults=4),
        switches=dual.SWITCHES,
        faults=dual.FAULTS,
    ),
    Entry(
        name="aws-2025",
        about="the DNS automation of 20 October 2025 as published",
        build=aws2025.Aws2025,
        small=Size(enactors=2, plans=5, age=2),
        large=Size(enactors=3, plans=40, endpoints=3, age=30, faults=2),
        switches=aws2025.SWITCHES,
        faults=aws2025.FAULTS,
    ),
    Entry(
        name="last-writer-wins",
        about="look once, then write whatever you hold; clean up by age",
        build=blind.Blind,
        small=Size(enactors=3, plans=6, endpoints=2, age=2),
        large=Size(enactors=3, plans=40, endpoints=8, age=30),
        switches=blind.SWITCHES,
    ),
    Entry(
        name="lease-only",
        about="a lease says who may write; the DNS does not know of it",
        build=locks.Locks,
        small=Size(enactors=3, plans=4),
        large=Size(enactors=3, plans=12, endpoints=4),
    ),
    Entry(
        name="token-late",
        about="a fencing token that is drawn after the plan was chosen",
        build=locks.Locks,
        small=Size(enactors=3, plans=4),
        large=Size(enactors=3, plans=12, endpoints=4),
        switches=locks.SWITCHES,
    ),
)

NAMES = tuple(entry.name for entry in ENTRIES)


def entry_of(name: str) -> Entry:
    """Return a design's entry.

    Raises:
        ConfigError: there is none of this name.
    """
    for entry in ENTRIES:
        if entry.name == name:
            return entry
    raise ConfigError(f"no design is named {name!r}", remedy=f"these are: {', '.join(NAMES)}")


def build(spec: Spec) -> AnyDesign:
    """Build a design.

    Raises:
        ConfigError: unknown design, switch or fault.
    """
    entry = entry_of(spec.design)
    for kind, given, known in (
        ("switch", spec.switches, entry.switches),
        ("fault", spec.faults, entry.faults),
    ):
        strange = [one for one in given if one not in known]
        if strange:
            raise ConfigError(
                f"{spec.design} has no {kind} named {strange[0]!r}",
                remedy=f"it knows: {', '.join(known) or 'none'}",
            )
    return entry.build(spec)


def build_at(place: Place, spec: Spec) -> AnyDesign:
    """Build `outlast` on a topology of the user's own."""
    build(spec)
    return Outlast(spec, place)
