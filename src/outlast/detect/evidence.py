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
    """

    names: tuple[str, ...]
    services: int
    weight: Reals
    row_of: Codes
    cause_of: Codes


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
    rows, causes = [roads.service_of], [roads.cause_of]
    number = {cause: code for code, cause in enumerate(roads.causes)}
    names = [*roads.services]
    for probe in probes:
        touched = _touched(roads, probe)
        if not touched:
            continue
        codes = [number[one] for one in touched if one in number]
        rows.append(np.full(len(codes), len(names), np.int64))
        causes.append(np.array(codes, np.int64))
        names.append(probe.subject)
        weights.append(-PROBE_WEIGHT if probe.good else PROBE_WEIGHT)
    return Rows(
        tuple(names),
        len(roads.services),
        np.array(weights, np.float64),
        np.concatenate(rows),
        np.concatenate(causes),
    )


def _touched(roads: Roads, probe: ProbeSeen) -> list[Cause]:
    return touched(roads, probe.subject, probe.road)


def touched(roads: Roads, subject: str, road: Road) -> list[Cause]:
    """Return the causes that a probe of a subject leans on; none where the subject is not known."""
    found: list[Cause] = []
    for cause in roads.causes:
        if cause.name == subject:
            found += [cause, *roads.above.get(cause, ())]
    if not found and subject in roads.services:
        row = roads.services.index(subject)
        found = [roads.causes[one] for one in roads.cause_of[roads.service_of == row]]
    if road is Road.PINNED:
        found = [one for one in found if one.kind not in OF_DNS]
    return sorted({*found})
