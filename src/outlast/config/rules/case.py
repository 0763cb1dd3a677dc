"""What the rules are given."""

from collections.abc import Mapping
from dataclasses import dataclass

from outlast.config.faults import Path
from outlast.model.topology import Provider, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A topology to be judged, which may be incomplete.

    Attributes:
        known: for each section, every name written there: a reference to an entry that is itself
            wrong is not wrong as well.
        broken: paths of entries that hold a wrong value, such as `("endpoints", "api")`. Defaults
            stand in for it, so sums and comparisons would be about something nobody wrote.
        providers: those that could be built, by name.
    """

    topology: Topology
    known: Mapping[str, tuple[str, ...]]
    broken: frozenset[Path]
    providers: Mapping[str, Provider]
