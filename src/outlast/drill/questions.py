"""Questions that a team asks of one world: what hurts most, which of two is better, what breaks a promise.

Pure: cases go out, figures come back, and whoever runs them (a loop, a pool of processes, a cluster) makes
no difference to the answer. Draws are counter-based: the draw of member 7 is the same whether it is run
first, last or alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import combinations
from statistics import fmean, stdev

import numpy as np

from outlast.drill.outcome import Outcome
from outlast.drill.scenario import Fault, FaultKind
from outlast.drill.vary import Case, varied
from outlast.model.topology import Topology

PAIR_REGIONS_MAX = 6
"""Pairs are chosen among so many of the things that hurt most alone."""
CALM_S = 300.0


@dataclass(frozen=True, slots=True)
class Loss:
    """Something to take away: one fault or several at once."""

    name: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What a run did, in the figures by which runs are ranked.

    Attributes:
        user_minutes: lost; 0 where no audience is said.
        people_peak: hit at once, at most.
        essential_minutes: minutes in which an essential service served less than nine tenths, each
            counted; a region's loss is a minute times its share of the service's regions.
        service_minutes: the same for all services.
        broken: expectations that failed.
        stays_down: whether a loop kept the world down.
    """

    user_minutes: float
    people_peak: float
    essential_minutes: float
    service_minutes: float
    broken: tuple[str, ...]
    stays_down: bool

    @property
    def rank(self) -> tuple[float, float, float]:
        """What is worse comes later."""
        return self.user_minutes, self.essential_minutes, self.service_minutes


def harm_of(outcome: Outcome, topology: Topology) -> Harm:
    """Measure a run."""
    below = np.where(np.isnan(outcome.served), np.nan, outcome.served < 0.9)
    placed = (~np.isnan(outcome.served)).any(axis=(0, 2))
    minutes = np.zeros(len(outcome.services))
    minutes[placed] = np.nanmean(below[:, placed], axis=2).sum(axis=0)
    essential = {one.name for one in topology.services if one.essential}
    rows = [at for at, name in enumerate(outcome.services) if name in essential]
    at_once = [float(hit.sum()) for hit in outcome.affected()]
    return Harm(
        user_minutes=sum(at_once),
        people_peak=max(at_once, default=0.0),
        essential_minutes=float(minutes[rows].sum()),
        service_minutes=float(minutes.sum()),
        broken=tuple(one.name for one in outcome.judgements if not one.held),
        stays_down=bool(outcome.metastable),
    )


def singles(topology: Topology, for_s: float, zone_ratio: dict[str, float]) -> Iterator[Loss]:
    """Yield each single region, zone, service, DNS provider and endpoint's name.

    Args:
        zone_ratio: share of each region that one zone of it is.
    """
    for region in topology.regions:
        yield _loss(FaultKind.REGION, region.name, for_s)
    for name, ratio in zone_ratio.items():
        yield _loss(FaultKind.ZONE, name, for_s, ratio)
    for provider in topology.providers:
        yield _loss(FaultKind.PROVIDER, provider.name, for_s)
    for endpoint in topology.endpoints:
        yield _loss(FaultKind.EMPTY_NAME, endpoint.name, for_s)
    for service in topology.services:
        yield _loss(FaultKind.SERVICE, service.name, for_s)


def _loss(kind: FaultKind, subject: str, for_s: float, amount: float = 1.0) -> Loss:
    fault = Fault(kind=kind, subject=subject, at_s=CALM_S, until_s=CALM_S + for_s, amount=amount)
    return Loss(f"{kind}:{subject}", (fault,))


def pairs(worst: Sequence[Loss]) -> Iterator[Loss]:
    """Yield pairs of the things that hurt most alone; zones and whole regions are not paired twice."""
    for one, other in combinations(worst[:PAIR_REGIONS_MAX], 2):
        if one.faults[0].subject != other.faults[0].subject:
            yield Loss(f"{one.name} + {other.name}", (*one.faults, *other.faults))


def case_of(case: Case, loss: Loss) -> Case:
    """Return the case in which something is lost, on top of what the scenario says."""
    scenario = replace(case.scenario, faults=(*case.scenario.faults, *loss.faults))
    return Case(case.topology, scenario)


def uniform(seed: int, member: int, name: str) -> float:
    """Draw a number from 0 to 1 for one member and purpose, whatever else is drawn."""
    digest = blake2b(f"{seed}/{member}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _order(seed: int, count: int, name: str) -> list[int]:
    return sorted(range(count), key=lambda at: uniform(seed, at, f"order/{name}"))


def members(case: Case, count: int, seed: int) -> Iterator[Case]:
    """Yield an ensemble: each variation's range cut into `count` slices, one draw in each (Latin hypercube).

    Each member has a seed of its own too. Order of the slices is drawn for each variation alone (McKay,
    Beckman and Conover 1979), so that a member is not large in everything.
    """
    orders = {one.name: _order(seed, count, one.name) for one in case.scenario.variations}
    for member in range(count):
        made = replace(case.scenario, seed=seed + member)
        current = Case(case.topology, made)
        for one in case.scenario.variations:
            low, high = min(one.values), max(one.values)
            share = (orders[one.name][member] + uniform(seed, member, one.name)) / count
            current = varied(current, one.path, low + share * (high - low))
        yield current


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A figure of two, and how sure the difference is.

    Attributes:
        first, second: means over the members.
        low, high: 95 % confidence interval of second minus first, from pairs with the same draw.
    """

    figure: str
    first: float
    second: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t for 1 to 10 degrees of freedom; beyond, the normal quantile with its first correction."""


def difference(figure: str, first: Sequence[float], second: Sequence[float]) -> Difference:
    """Compare paired figures of two cases."""
    gaps = [b - a for a, b in zip(first, second, strict=True)]
    middle = fmean(gaps)
    half = 0.0
    if len(gaps) > 1:
        free = len(gaps) - 1
        quantile = T_95[free - 1] if free <= len(T_95) else 1.96 + 2.4 / free
        half = quantile * stdev(gaps) / math.sqrt(len(gaps))
    else:
        half = math.inf
    return Difference(
        figure=figure,
        first=fmean(first),
        second=fmean(second),
        low=middle - half,
        high=middle + half,
    )


def candidates(
    losses: Sequence[Loss], size: int, broken: Sequence[frozenset[str]]
) -> Iterator[Loss]:
    """Yield sets of a size to try, without those that hold a smaller one that breaks already."""
    usable = [one for one in losses if frozenset([one.name]) not in broken]
    for chosen in combinations(usable, size):
        names = frozenset(one.name for one in chosen)
        if not any(one <= names for one in broken):
            faults = tuple(fault for one in chosen for fault in one.faults)
            yield Loss(" + ".join(sorted(names)), faults)
