"""Blame: what the services that are down have in common and those that are well have not.

Nominate by enrichment (the gain of one cause alone over the background), explain away (greedy choice under
the noisy-OR), then look back: prune what the others explain, and swap a cause for another that explains as
much with less, since a region and the one DNS name in it share most of their dependents.

"Nothing shared" and "unknown" are answers. The first is given where the evidence for the best explanation
does not beat what chance alone would show once in a thousand outages of nothing (see `chance`); the second
where two candidates explain as well as each other, and then the probe that would tell them apart is named.
"""

from collections.abc import Collection, Sequence

import numpy as np

from outlast.detect import noisyor
from outlast.detect.cells import ProbeSeen, Reals
from outlast.detect.chance import chance_of
from outlast.detect.evidence import rows_of
from outlast.detect.noisyor import Picture
from outlast.detect.question import best_question
from outlast.detect.verdict import Cause, CauseKind, Outcome, Roads, Suspect, Verdict

FALSE_ATTRIBUTION = 1e-3
"""How often blame may name a cause where nothing shared has failed."""

SURE = 0.6
"""Below this posterior the leader is no answer."""

_CAUSES_MOST = 8
_NEXT_GAIN = 6.9
"""What a further cause has to gain beyond the number of candidates, as a logarithm: one in a thousand."""

_ALTERNATIVES = 5
_SWAPS = 3


def blame(
    graph: Roads,
    symptoms: Collection[str],
    healthy: Collection[str],
    probes: Sequence[ProbeSeen] = (),
) -> Verdict:
    """Name what explains the symptoms.

    Args:
        graph: who depends on what; may be wrong and incomplete.
        symptoms: services that are down.
        healthy: services that are seen to be well. Those in neither are not known: silence is not health.
        probes: what was probed, and by which road.
    """
    if not symptoms and all(one.good for one in probes):
        return Verdict(outcome=Outcome.QUIET)
    rows = rows_of(graph, symptoms, healthy, probes)
    picture = noisyor.begin(rows, len(graph.causes))
    background = picture.background
    if not graph.causes:
        return _nothing(graph, picture, 1.0)
    first, hits = noisyor.gains(picture)
    chance = chance_of(picture, first)
    if chance > FALSE_ATTRIBUTION:
        return _nothing(graph, picture, chance, _suspects(graph, picture, first, hits))
    _explain(picture)
    _look_back(picture)
    if not picture.chosen:
        picture.background = background
        return _nothing(graph, picture, chance)
    return _verdict(graph, picture, chance)


def _wanted(picture: Picture) -> float:
    return _NEXT_GAIN + float(np.log(picture.count))


def _explain(picture: Picture) -> None:
    """Add causes, the best first, while each gains enough."""
    while len(picture.chosen) < _CAUSES_MOST:
        gain, hits = noisyor.gains(picture)
        best = int(gain.argmax())
        if picture.chosen and gain[best] < _wanted(picture):
            return
        picture.chosen[best] = float(hits[best])
        noisyor.settle(picture)


def _look_back(picture: Picture) -> None:
    """Swap and prune until nothing changes, a few times at most."""
    for _ in range(_SWAPS):
        changed = False
        for cause in [*picture.chosen]:
            gain, hits = noisyor.gains(picture, without=cause)
            best = int(gain.argmax())
            if gain[best] < _wanted(picture) and len(picture.chosen) > 1:
                del picture.chosen[cause]
                changed = True
            elif best != cause and gain[best] > gain[cause]:
                del picture.chosen[cause]
                picture.chosen[best] = float(hits[best])
                changed = True
        if not changed:
            return
        noisyor.settle(picture)
        _explain(picture)


def _verdict(graph: Roads, picture: Picture, chance: float) -> Verdict:
    found: list[tuple[Suspect, tuple[Suspect, ...]]] = []
    carried = _carried(graph, [graph.causes[one] for one in picture.chosen])
    for cause in picture.chosen:
        if graph.causes[cause] in carried:
            continue
        gain, hits = noisyor.gains(picture, without=cause)
        ranked = _suspects(graph, picture, gain, hits)
        mine = next((one for one in ranked if one.cause == graph.causes[cause]), None)
        if mine is not None:
            found.append((mine, tuple(one for one in ranked if one is not mine)))
    found.sort(key=lambda pair: (-pair[0].posterior, -len(pair[0].explained), pair[0].cause))
    leader, others = found[0]
    doubt = leader.posterior < SURE
    runner = others[0] if others else None
    return Verdict(
        outcome=Outcome.UNKNOWN if doubt else Outcome.CAUSE,
        suspects=tuple(one for one, _ in found),
        carried=carried,
        runner_up=runner,
        alternatives=others[:_ALTERNATIVES],
        unexplained=_unexplained(graph, picture),
        background_ratio=picture.background,
        chance=chance,
        question=best_question(graph, leader, runner) if runner else None,
    )


def _carried(graph: Roads, chosen: Sequence[Cause]) -> tuple[Cause, ...]:
    """Return the services among them that lean on another of them: they pass its failure on.

    A store takes gateways, functions and queues down, and each of those all that stands on it. They did
    fail, and without them the picture would be wrong; but nobody would have to mend them.
    Who leans only faintly is none of these: it should have done without, so that it failed is its own
    trouble (a balancer whose checks doubt new machines takes good ones out as well).
    """
    return tuple(
        sorted(
            one
            for one in chosen
            if one.kind is CauseKind.SERVICE
            and any(
                other in graph.above.get(one, ())
                and other not in graph.faint.get(one, ())
                and one not in graph.above.get(other, ())
                for other in chosen
                if other != one
            )
        )
    )


def _suspects(graph: Roads, picture: Picture, gain: Reals, hits: Reals) -> tuple[Suspect, ...]:
    """Return the likeliest candidates for one place in the explanation, with their posteriors.

    The candidates exclude one another there, and each was as likely as the next beforehand; that no
    cause at all is needed counts as one more, with the prior weight of all of them together.
    """
    top = max(float(gain.max()), 0.0)
    odds = np.exp(gain - top) / picture.count
    posterior = odds / (odds.sum() + np.exp(-top))
    order = np.argsort(-posterior, kind="stable")[: _ALTERNATIVES + 1]
    return tuple(_suspect(graph, picture, int(one), float(posterior[one]), hits) for one in order)


def _suspect(graph: Roads, picture: Picture, cause: int, posterior: float, hits: Reals) -> Suspect:
    mine = noisyor.dependents(picture.rows, cause)
    weight = picture.rows.weight[mine]
    names = graph.services
    return Suspect(
        cause=graph.causes[cause],
        posterior=posterior,
        hit_ratio=float(hits[cause]),
        explained=tuple(names[one] for one in mine[weight > 0]),
        healthy=tuple(names[one] for one in mine[weight < 0]),
    )


def _unexplained(graph: Roads, picture: Picture) -> tuple[str, ...]:
    explained: set[int] = set()
    for cause in picture.chosen:
        explained.update(noisyor.dependents(picture.rows, cause).tolist())
    down = np.flatnonzero(picture.rows.weight[: picture.rows.services] > 0)
    return tuple(graph.services[one] for one in down.tolist() if one not in explained)


def _nothing(
    graph: Roads, picture: Picture, chance: float, near: tuple[Suspect, ...] = ()
) -> Verdict:
    return Verdict(
        outcome=Outcome.NOTHING_SHARED,
        alternatives=near[:_ALTERNATIVES],
        unexplained=_unexplained(graph, picture),
        background_ratio=picture.background,
        chance=chance,
    )
