"""Fleet place: how large the world of a fleet is, what lies in it, and what a run of it cost."""

from dataclasses import dataclass, replace

from outlast.model.names import DnsName, EndpointName
from outlast.model.policy import Budget, Cell, Floors
from outlast.model.units import Nanos
from outlast.sim.place import Place, made_up

ENACTORS_A_CELL = 5
PLANNERS = 3
VANTAGES = 3
TARGETS = 3
REMOVED_RATIO = 0.4
"""The death of one region of three is let pass, a push that takes as much again is not."""
WINDOW_S = 600.0
BAKE_S = 120.0
VERIFY_S = 60.0
TAKEOVER_S = 0.5
LEASE_S = 5.0
DETECTION_S = 17.0
"""The default check: an interval of 5 s, three failures, one time-out."""
KEPT = 20
END_S = 1_200.0
T0_NS = Nanos(1_800_000_000_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a run cost and how it ended.

    Attributes:
        machines, cells, endpoints: its size.
        reads, writes, refused: questions and writes to the DNS, and writes that lost a race.
        fetches, commits, told: rows read from the store, commits, and watch events it sent for them.
        turns: the planner's.
        first_s, region_s, wipe_s: until all endpoints were right again: published at first, after the region
            died, after the wipe.
        most: addresses that one cell lost within its window, at most, of `allowed`.
        hit: cells that the wrong push had reached when it was taken back.
        broken: what broke; empty: nothing.
        unsettled: what is not well in the end; empty: all is.
    """

    machines: int
    cells: int
    endpoints: int
    reads: int
    writes: int
    refused: int
    fetches: int
    commits: int
    told: int
    turns: int
    first_s: float
    region_s: float
    wipe_s: float
    most: int
    allowed: int
    hit: int
    broken: tuple[str, ...]
    unsettled: tuple[str, ...]


def place_of(count: int, cells: tuple[Cell, ...]) -> Place:
    """Return as many endpoints as enactors, each of three targets in three regions, spread over the cells."""
    one = made_up(1)
    pattern = one.endpoints[0]
    made = []
    for index in range(count):
        name = replace(pattern.names[0], name=DnsName(f"api{index}.example.net"))
        targets = tuple(
            replace(
                it, ipv4=f"10.{64 * n + (index >> 16)}.{index >> 8 & 255}.{index & 255}", ipv6=None
            )
            for n, it in enumerate(pattern.targets)
        )
        made.append(
            replace(
                pattern,
                name=EndpointName(f"api{index}"),
                names=(name,),
                targets=targets,
                cell=cells[index % len(cells)].name,
                budget=Budget(removed_ratio=1.0, window_s=0.0),
                floors=Floors(targets=1, share_ratio=0.0),
            )
        )
    return Place(tuple(made), one.provider)
