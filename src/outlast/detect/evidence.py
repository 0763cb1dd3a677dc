"""What is seen, as rows for blame: each with how strongly it speaks, and what it leans on.

A row is a service, or one probe. Its *weight of evidence* is the logarithm of how much likelier what was
seen is if it is down than if it is well: positive down, negative well, 0 not known. Nothing is certain:
people are wrong, probes flap, so weights are bounded and one row moves little.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from outlast.detect.cells import Codes, ProbeSeen, Reals, Road
from outlast.detect.verdict import Cause, CauseKind, Roads

SYMPTOM_WEIGHT = 7.0
"""Of a service that is down, in natural logarithms: one in a thousand is a mistake."""

PROBE_WEIGHT = 7.0

_CLEAR_PLACES = 2
_PLACES_MOST = 3
"""From more places than so many, probes of one thing say nothing new: they see the same."""

FAINT = 0.25
"""How much of a failure passes an edge that is felt late or in part."""

OF_DNS = frozenset({CauseKind.NAME, CauseKind.PROVIDER, CauseKind.ZONE})
"""What a probe at a pinned address needs nothing of."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows and their edges to causes, numbered as in `Roads`.

    Attributes:
        names: the services, then the probes' subjects.
        services: how many rows are services; the rest are probes.
        weight: of each row.
        row_of, cause_of: the edges.
        share_of: how much of a failure passes each edge, 0 to 1; None: all of it.
        times: how often each row was seen alike; None: once.
    """

    names: tuple[str, ...]
    services: int
    weight: Reals
    row_of: Codes
    cause_of: Codes
    share_of: Reals | None = None
    times: Reals | None = None

    @property
    def counted(self) -> Reals:
        """How often each row counts."""
        return np.ones(len(self.weight)) if self.times is None else self.times

    @property
    def cleared(self) -> Codes:
        """Causes that are seen to be well by themselves, from two places or more.

        A probe that leans on one thing alone, such as a question for its name, leaves no room: whatever
        the services above it show, it is not this.
        """
        edges = np.bincount(self.row_of, minlength=len(self.weight))
        alone = (edges == 1) & (self.weight < 0) & (self.counted >= _CLEAR_PLACES)
        alone[: self.services] = False
        found: Codes = np.unique(self.cause_of[alone[self.row_of]])
        return found

    def leaning(self, cause: int) -> tuple[Codes, Reals]:
        """Return the rows that lean on a cause, and how much of its failure each would show."""
        edges = np.flatnonzero(self.cause_of == cause)
        share = np.ones(len(edges)) if self.share_of is None else self.share_of[edges]
        return self.row_of[edges], share

    @property
    def telling(self) -> tuple[Codes, Codes, Reals]:
        """Rows, causes and shares of the edges of which something is seen."""
        share = np.ones(len(self.row_of)) if self.share_of is None else self.share_of
        known = self.weight[self.row_of] != 0
        return self.row_of[known], self.cause_of[known], share[known]


def rows_of(
    roads: Roads,
    symptoms: Collection[str],
    healthy: Collection[str],
    probes: Sequence[ProbeSeen] = (),
) -> Rows:
    """Put together what is seen. Services in neither collection are not known; symptoms win."""
    down, well = {*symptoms}, {*healthy}
    weights = [
        SYMPTOM_WEIGHT if one in down else -SYMPTOM_WEIGHT if one in well else 0.0
        for one in roads.services
    ]
    rows, causes, shares = [roads.service_of], [roads.cause_of], [_shares(roads)]
    number = {cause: code for code, cause in enumerate(roads.causes)}
    by_name = _by_name(roads)
    names = [*roads.services]
    times = [1.0] * len(names)
    for (subject, road), places in _agreed(probes).items():
        leans = _touched(roads, by_name.get(subject, []), subject, road)
        codes = [number[one] for one in leans if one in number]
        if not codes:
            continue
        rows.append(np.full(len(codes), len(names), np.int64))
        causes.append(np.array(codes, np.int64))
        shares.append(np.array([leans[one] for one in leans if one in number]))
        names.append(subject)
        weights.append(PROBE_WEIGHT if places > 0 else -PROBE_WEIGHT if places < 0 else 0.0)
        times.append(float(min(abs(places), _PLACES_MOST)))
    return Rows(
        tuple(names),
        len(roads.services),
        np.array(weights, np.float64),
        np.concatenate(rows),
        np.concatenate(causes),
        np.concatenate(shares),
        np.array(times),
    )


def _shares(roads: Roads) -> Reals:
    return np.ones(len(roads.cause_of)) if roads.share_of is None else roads.share_of


def _agreed(probes: Sequence[ProbeSeen]) -> dict[tuple[str, Road], int]:
    """Return by how many more places the probes of one thing by one road failed than did not."""
    found: dict[tuple[str, Road], int] = {}
    for one in probes:
        key = one.subject, one.road
        found[key] = found.get(key, 0) + (-1 if one.good else 1)
    return found


def touched(roads: Roads, subject: str, road: Road) -> list[Cause]:
    """Return the causes that a probe of a subject leans on; none where the subject is not known."""
    mine = [cause for cause in roads.causes if cause.name == subject]
    return sorted(_touched(roads, mine, subject, road))


def _by_name(roads: Roads) -> dict[str, list[Cause]]:
    found: dict[str, list[Cause]] = {}
    for cause in roads.causes:
        found.setdefault(cause.name, []).append(cause)
    return found


def _touched(roads: Roads, mine: Sequence[Cause], subject: str, road: Road) -> dict[Cause, float]:
    """Return what a probe leans on, and how much of its failure the probe would show."""
    found: dict[Cause, float] = {}
    for cause in mine:
        faint = roads.faint.get(cause, frozenset())
        for one in (cause, *roads.above.get(cause, ())):
            found[one] = max(found.get(one, 0.0), FAINT if one in faint else 1.0)
    if not mine and subject in roads.services:
        edges = np.flatnonzero(roads.service_of == roads.services.index(subject))
        codes, shares = roads.cause_of[edges].tolist(), _shares(roads)[edges].tolist()
        found = {roads.causes[one]: share for one, share in zip(codes, shares, strict=True)}
    if road is Road.PINNED:
        own = {roads.own[one] for one in mine if one in roads.own}
        spared = own or {one for one in found if one.kind in OF_DNS}
        found = {one: share for one, share in found.items() if one not in spared}
    if road is Road.ASKED:
        found = {one: found[one] for one in _of_dns(roads, found)}
    return found


def _of_dns(roads: Roads, leans: Collection[Cause]) -> list[Cause]:
    """Return what a question to the DNS leans on: names, who publishes them, and what that stands on.

    A vendor can be reached over a region as well; over the zone's name servers it counts.
    """
    dns = [one for one in leans if one.kind in OF_DNS]
    behind = {
        far for one in dns if one.kind is not CauseKind.NAME for far in roads.above.get(one, ())
    }
    return [one for one in leans if one in behind or one.kind in OF_DNS]
