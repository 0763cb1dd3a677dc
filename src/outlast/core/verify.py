"""Verify: what the DNS answers, held against the newest plan: proof, or drift.

Drift is only ever input to the next turn. Whatever is found (nothing, garbage, an older plan, half a
plan, a foreign hand) is an ordinary finding with a name; none of them is an error. On 20 October 2025
"the current plan is missing" was a case that the automation had no branch for, and so could not leave.
"""

from outlast.core.tree import label_of
from outlast.model.fence import parse_fence
from outlast.model.plan import Drift, DriftKind, Observation, Plan, Proof
from outlast.model.records import RecordSet, RecordType, digest_of


def compare(plan: Plan, observation: Observation) -> Proof | Drift:
    """Hold an observation of one server against a plan."""
    fence = parse_fence(observation.fence)
    if fence is not None and (fence.generation, fence.digest) == (plan.generation, plan.digest):
        if same_content(plan, observation):
            return Proof(
                endpoint=plan.endpoint,
                provider=observation.provider,
                fence=fence,
                at_ns=observation.at_ns,
            )
        return _drift(observation, *_content_drift(plan, observation))
    if fence is None:
        return _drift(observation, *_fence_drift(plan, observation))
    if fence.generation < plan.generation:
        message = f"generation {fence.generation} is published, {plan.generation} is wanted"
        return _drift(observation, DriftKind.BEHIND, message)
    message = (
        f"generation {fence.generation} by {fence.writer} is published, we know {plan.generation}"
    )
    if fence.generation == plan.generation:
        message += f" with another content ({fence.digest} there, {plan.digest} here)"
    return _drift(observation, DriftKind.AHEAD, message)


def same_content(plan: Plan, observation: Observation) -> bool:
    """Whether the records are the plan's, and lie where it wants them; the fence names their digest."""
    if observation.below != label_of(plan):
        return False
    return observation.record_sets == plan.record_sets or (
        digest_of(observation.record_sets) == plan.digest
    )


def _drift(observation: Observation, kind: DriftKind, message: str) -> Drift:
    return Drift(
        endpoint=observation.endpoint,
        provider=observation.provider,
        kind=kind,
        message=message,
        at_ns=observation.at_ns,
    )


def _fence_drift(plan: Plan, observation: Observation) -> tuple[DriftKind, str]:
    at = plan.layout.fence_at
    if observation.fence:
        return DriftKind.FENCE_FOREIGN, f"at {at} stands {' | '.join(observation.fence)}"
    empty = empty_names(plan, observation.record_sets)
    if empty:
        return DriftKind.EMPTY, f"no fence at {at}, and no address at {', '.join(empty)}"
    return DriftKind.FENCE_ABSENT, f"no fence at {at}"


def _content_drift(plan: Plan, observation: Observation) -> tuple[DriftKind, str]:
    empty = empty_names(plan, observation.record_sets)
    if empty:
        return DriftKind.EMPTY, f"no address at {', '.join(empty)}"
    if observation.below != label_of(plan):
        there_is, wanted_is = (one or "in place" for one in (observation.below, label_of(plan)))
        return DriftKind.CONTENT, f"the records lie {there_is}, not {wanted_is}"
    there, wanted = set(observation.record_sets), set(plan.record_sets)
    extra = sorted(str(one) for one in there - wanted)
    missing = sorted(str(one) for one in wanted - there)
    return (
        DriftKind.CONTENT,
        f"found {'; '.join(extra) or 'nothing more'}, not {'; '.join(missing) or 'less'}",
    )


def empty_names(plan: Plan, record_sets: tuple[RecordSet, ...]) -> list[str]:
    """Return `name type` for each address set of the plan that is not there at all."""
    there = {(one.name, one.rtype) for one in record_sets}
    return [
        f"{one.name} {one.rtype}"
        for one in plan.record_sets
        if one.rtype is not RecordType.TXT and (one.name, one.rtype) not in there
    ]
