"""Adopt: a generation that we did not make is live; take it as our own instead of fighting it.

It is there because somebody rescued the endpoint while automation was away, or because our store went
back in time or was lost. The fence says what was published; where the records still are what the fence
names, they become the endpoint's newest plan and everything goes on from there.
"""

from dataclasses import replace

from outlast.core.plan import Situation, layout_of, prove
from outlast.model.fence import RESCUER, Fence
from outlast.model.health import Verdict
from outlast.model.override import Freeze
from outlast.model.plan import Finding, Member, Observation, Origin, Plan, Ruling, Severity
from outlast.model.records import Family, RecordType, digest_of
from outlast.model.topology import subject_of
from outlast.model.units import NO_GENERATION, Nanos, seconds

RESCUE_LEAP = 1_000
"""How far a rescue's generation lies beyond every one known, in plans.

A planner that comes back may make a plan before it hears of the rescue. Were the rescue just one ahead,
that plan would bear its number or the next, and enactors would put it in the rescue's place at once.
"""


def adopt(situation: Situation, observation: Observation, fence: Fence) -> Plan | None:
    """Return the live publication as a plan; None if it is empty or not what the fence names.

    An empty one would be held for an hour after a rescue, and no enactor could ever restore it.
    """
    answers = [
        one for one in observation.record_sets if one.rtype in {RecordType.A, RecordType.AAAA}
    ]
    if not answers or digest_of(observation.record_sets) != fence.digest:
        return None
    head = situation.head
    members = _members(situation, observation)
    layout = layout_of(situation.endpoint, situation.provider)
    return Plan(
        layout=replace(layout, tree=bool(observation.below)),
        generation=fence.generation,
        base=head.generation if head is not None else NO_GENERATION,
        digest=fence.digest,
        record_sets=observation.record_sets,
        floor=1,
        owns=True,
        members=members,
        proof=prove(situation.endpoint, members),
        made_at_ns=situation.now_ns,
        origin=Origin.RESCUE if fence.writer == RESCUER else Origin.ADOPTED,
        reason=f"found live, written by {fence.writer}",
        signature=fence.signature,
    )


def _members(situation: Situation, observation: Observation) -> tuple[Member, ...]:
    live = {value for one in observation.record_sets for value in one.values}
    verdicts = {one.subject: one.verdict for one in situation.health}
    members = []
    for family in Family:
        targets = [one for one in situation.endpoint.targets if one.address(family) is not None]
        sized = all(one.capacity for one in targets)
        for target in targets:
            address = str(target.address(family))
            subject = subject_of(situation.endpoint.name, target.name, family)
            members.append(
                Member(
                    target=target.name,
                    region=target.region,
                    family=family,
                    address=address,
                    weight=target.weight,
                    percent=100 if address in live else 0,
                    size=target.capacity if sized else 1,
                    published=address in live,
                    verdict=verdicts.get(subject, Verdict.UNKNOWN),
                    why="found live" if address in live else "not found live",
                )
            )
    return tuple(members)


def adoption_ruling(plan: Plan) -> Ruling:
    """The guard is not asked: the publication is live already, refusing would only lose sight of it."""
    note = f"generation {plan.generation} was found live and adopted: {plan.reason}"
    finding = Finding(rule="adopted", severity=Severity.NOTE, message=note)
    return Ruling(endpoint=plan.endpoint, generation=plan.generation, findings=(finding,))


def hold_after_rescue(plan: Plan, *, hold_s: float, now_ns: Nanos) -> Freeze | None:
    """Return the freeze that keeps automation from undoing a rescue; None where none is due.

    Whoever rescued an endpoint did not like what automation had published, and health may still say the
    same as then.
    """
    if plan.origin is not Origin.RESCUE or hold_s <= 0:
        return None
    return Freeze(
        endpoint=plan.endpoint,
        reason=f"rescued as generation {plan.generation}; automation holds still for a while",
        by="outlast",
        at_ns=now_ns,
        until_ns=Nanos(now_ns + seconds(hold_s)),
    )
