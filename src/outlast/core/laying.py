"""Laying: how a tree comes to stand whole before anything points to it; a part of `enact`.

    Surveying: all of the tree is read ---> Growing: what it lacks is written, piece by piece --+
        ^      |                                                                                |
        |      +--> nothing is lacking: it may be flipped to                                    |
        +---------------------------------------------------------------------------------------+

What is acknowledged proves nothing; only a survey that lacks nothing ends the work. A try that was abandoned,
by whomever, is gone on with: what stands already is not laid again. Every piece names the fence on which
the plan was chosen, and so does the flip: whoever is overtaken is refused, and chooses anew.
"""

from dataclasses import dataclass, replace

from outlast.core.messages import Newest, ReadProvider, Write, Wrote
from outlast.core.transact import tend
from outlast.core.tree import Piece, label_of, missing, place_of
from outlast.model.plan import Drift, Observation, OutcomeKind, Plan

SURVEYS_MAX = 10
"""Surveys in a row that still find something lacking; then the next try waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is to be published once its tree stands whole.

    Attributes:
        found: what was read before the plan was chosen; its fence is the condition of every write.
        verdict: how that differs from the plan.
        newest: the answer of the store with the plan.
    """

    plan: Plan
    found: Observation
    verdict: Drift
    newest: Newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveying:
    """Waiting for a reading of the whole tree; `times`: surveys so far."""

    aim: Aim
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """Waiting for the outcome of the first of the pieces that are left."""

    aim: Aim
    left: tuple[Piece, ...]
    times: int


def survey(aim: Aim, times: int = 1) -> tuple[Surveying, ReadProvider]:
    """Read all that stands of a tree."""
    place = place_of(aim.plan.layout, label_of(aim.plan))
    return Surveying(aim=aim, times=times), ReadProvider(layout=place)


def surveyed(phase: Surveying, standing: Observation, limit: int) -> tuple[Growing, Write] | None:
    """Go on with what is lacking; None: nothing is.

    Args:
        limit: bytes that one transaction carries.
    """
    left = missing(phase.aim.plan, standing, limit)
    return _grow(Growing(aim=phase.aim, left=left, times=phase.times)) if left else None


def overtaken(aim: Aim, standing: Observation) -> bool:
    """Whether the fence is no longer the one on which the plan was chosen."""
    return (standing.fence, standing.epoch) != (aim.found.fence, aim.found.epoch)


def grown(phase: Growing, event: Wrote) -> tuple[Surveying, ReadProvider] | tuple[Growing, Write]:
    """Take the outcome of a piece: the next one, or a look at how far it came."""
    left = phase.left[1:] if event.outcome.kind is OutcomeKind.APPLIED else ()
    if left:
        return _grow(replace(phase, left=left))
    return survey(phase.aim, phase.times + 1)


def _grow(phase: Growing) -> tuple[Growing, Write]:
    plan = phase.aim.plan
    piece = tend(plan.layout, label_of(plan), phase.left[0], phase.aim.found)
    return phase, Write(transaction=piece)
