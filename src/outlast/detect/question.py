"""The probe that would separate two candidates.

A probe is worth what its answer tells on average: the mutual information between the answer and which of
the two candidates it is. A region and a name in it are told apart by one probe at a pinned address: it
fails if the region is gone and works if only the name is.
"""

from collections.abc import Collection, Iterable
from math import log2

from outlast.detect.cells import Road
from outlast.detect.evidence import OF_DNS, touched
from outlast.detect.noisyor import PROBE_HIT
from outlast.detect.verdict import Cause, CauseKind, Question, Roads, Suspect

_WELL_FAILS = 0.001
"""How often a probe fails that leans on nothing broken."""

_TELLING_BITS = 1e-6
_SERVICES_MOST = 20
"""How many services of each candidate are thought of as a place to probe."""


def best_question(
    graph: Roads,
    leader: Suspect,
    other: Suspect,
    among: Collection[tuple[str, Road]] | None = None,
) -> Question | None:
    """Return the probe that tells most; None: none tells anything.

    Args:
        among: the probes that can be made; None: any.
    """
    total = leader.posterior + other.posterior
    prior = leader.posterior / total if total else 0.5
    # Of the best probe that could be thought of: it leans on one of the two and not on the other.
    most = max(
        _information(prior, PROBE_HIT, _WELL_FAILS), _information(prior, _WELL_FAILS, PROBE_HIT)
    )
    if most <= _TELLING_BITS:
        return None
    best: tuple[float, Question] | None = None
    for subject in _subjects(graph, leader.cause, other.cause):
        for road in _roads(graph, subject):
            if among is not None and (subject, road) not in among:
                continue
            leans = touched(graph, subject, road)
            bad_if_leader = _fails(leader.cause, leans)
            bad_if_other = _fails(other.cause, leans)
            gain = _information(prior, bad_if_leader, bad_if_other)
            if gain > _TELLING_BITS and (best is None or gain > best[0] + 1e-9):
                worse, better = (leader, other) if bad_if_leader > bad_if_other else (other, leader)
                made = Question(
                    subject=subject,
                    road=road,
                    good_means=str(better.cause),
                    bad_means=str(worse.cause),
                    gain_bits=gain,
                )
                best = gain, made
            if best is not None and best[0] >= most - 1e-9:
                return best[1]
    return best[1] if best else None


def _subjects(graph: Roads, leader: Cause, other: Cause) -> Iterable[str]:
    """Causes first: a probe of the thing itself asks nobody else."""
    yield leader.name
    yield other.name
    for cause in graph.causes:
        above = graph.above.get(cause, ())
        if (leader in above) != (other in above):
            yield cause.name
    codes = {cause: code for code, cause in enumerate(graph.causes)}
    for cause in (leader, other):
        rows = graph.service_of[graph.cause_of == codes[cause]]
        for row in rows[:_SERVICES_MOST].tolist():
            yield graph.services[row]


def _roads(graph: Roads, subject: str) -> tuple[Road, ...]:
    """A region or a vendor has no name of its own: it is reached at a fixed address or not at all."""
    kinds = {one.kind for one in graph.causes if one.name == subject}
    nameless = kinds and not kinds & (OF_DNS | {CauseKind.SERVICE})
    if nameless:
        return (Road.PINNED,)
    asked = (Road.ASKED,) if CauseKind.NAME in kinds else ()
    return (Road.PINNED, Road.RESOLVED, *asked)


def _fails(cause: Cause, leans: list[Cause]) -> float:
    return PROBE_HIT if cause in leans else _WELL_FAILS


def _information(prior: float, first: float, second: float) -> float:
    """The mutual information in bits between a yes-no answer and two hypotheses."""
    mixed = prior * first + (1 - prior) * second
    return _entropy(mixed) - prior * _entropy(first) - (1 - prior) * _entropy(second)


def _entropy(chance: float) -> float:
    if not 0 < chance < 1:
        return 0.0
    return -chance * log2(chance) - (1 - chance) * log2(1 - chance)
