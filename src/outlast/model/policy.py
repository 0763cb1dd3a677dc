"""Policy: how an endpoint's targets are chosen, and what automation may never take away.

Part of the topology, through which everybody imports it.
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.names import CellName, RegionName


class PolicyKind(StrEnum):
    """How targets are chosen among the healthy ones."""

    WEIGHTED = "weighted"
    FAILOVER = "failover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How an endpoint's targets are chosen.

    Attributes:
        kind: `weighted` publishes every healthy target with its weight; `failover` publishes the first
            tier of `order` that is healthy enough, with weights inside the tier (both combined).
        order: for `failover`: tiers of regions, first choice first.
        tier_share_min: for `failover`: the share of a tier's capacity, above 0 and up to 1, that must
            be healthy for the tier to carry the endpoint; below it the next tier joins.
        ramp_s: how long a target that returns takes to reach its full weight, in steps; 0: at once.
            Only where the provider honours weights.
        recovery_s: how soon after a target dies clients should be off it. Detection plus TTL must fit.
    """

    kind: PolicyKind = PolicyKind.WEIGHTED
    order: tuple[tuple[RegionName, ...], ...] = ()
    tier_share_min: float = 0.5
    ramp_s: float = 0.0
    recovery_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """What automation never goes below, per name and address family.

    Attributes:
        targets: addresses that stay published, at least 1.
        share_ratio: share of the declared capacity that stays published, 0 to 1.
    """

    targets: int = 1
    share_ratio: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much automation may take away over time (not per run: repeated runs would add up).

    Attributes:
        removed_ratio: share of the declared capacity that may be removed within the window, 0 to 1.
            One target may always go, so that a small endpoint can fail over at all; its second
            removal within the window is judged like anybody's.
        window_s: length of the window.
    """

    removed_ratio: float = 0.5
    window_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A group of endpoints that can be hurt together, and no further.

    Attributes:
        budget: how much automation may take away in all its endpoints together: addresses, of those that
            they have. An endpoint's own budget holds beside it.
        enactors: how many of its own `outlast up` starts; 0: those of the settings serve it too.
    """

    name: CellName
    budget: Budget = Budget()
    enactors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The cells that an enactor may write in.

    Attributes:
        only: none but these; empty: every cell.
        never: not these, though `only` may not say so: they have enactors of their own.
    """

    only: tuple[CellName, ...] = ()
    never: tuple[CellName, ...] = ()

    def covers(self, cell: CellName) -> bool:
        """Whether it may write in a cell."""
        return cell not in self.never and (not self.only or cell in self.only)
