"""Plan: topology, health and overrides become the wanted publication of one endpoint.

Deterministic and canonical: the same situation gives the same records to the last byte, whoever asks and
however often. A plan whose records equal those of the newest plan is no new plan. What the plan says of
each target, and why, travels with it (`Member.why`).

A plan is made from a *situation*, a value; asking "what if this address died as well" is making a plan
from an altered situation (`what_if_down`).
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

from outlast.core.cells import Standing
from outlast.core.choose import Question, Removal, choose
from outlast.core.tree import TRANSACTION_BYTES_MAX, bytes_of
from outlast.model.api import ProviderKind
from outlast.model.fence import fence_name
from outlast.model.health import Health, Verdict
from outlast.model.names import Subject, TargetName
from outlast.model.override import Evacuation, Override, Waiver, is_over
from outlast.model.plan import CapacityProof, Laying, Layout, Member, Origin, Plan
from outlast.model.records import (
    WEIGHT_MAX,
    Family,
    RecordSet,
    RecordType,
    digest_of,
    format_weight,
    sort_record_sets,
    weights_name,
)
from outlast.model.topology import Endpoint, Provider, Target, subject_of, zone_of_endpoint
from outlast.model.units import Generation, Nanos, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a plan depends on.

    Attributes:
        health: of the endpoint's subjects, any order; a missing one is unknown.
        head: the newest plan; None: there is none yet.
        overrides: those that may concern the endpoint; ended ones are ignored.
        removals: what automation removed within the budget's window.
        owned: whether Outlast published here before, so that records at the names are its own.
        cell: how its cell stands; None: it has no budget.
    """

    endpoint: Endpoint
    provider: Provider
    health: tuple[Health, ...]
    head: Plan | None
    overrides: tuple[Override, ...]
    removals: tuple[Removal, ...]
    owned: bool
    now_ns: Nanos
    cell: Standing | None = None


class Judged(Protocol):
    """A plan and what it was made from, as a rule of the guard sees them."""

    @property
    def situation(self) -> Situation:
        """What the plan was made from."""

    @property
    def plan(self) -> Plan:
        """The plan."""


def layout_of(endpoint: Endpoint, provider: Provider) -> Layout:
    """Return where an endpoint lies in the DNS."""
    return Layout(
        endpoint=endpoint.name,
        provider=provider.name,
        zone=zone_of_endpoint(endpoint, provider),
        fence_at=fence_name(endpoint.names[0].name),
        names=tuple(one.name for one in endpoint.names),
        cell=endpoint.cell,
        mirrors=endpoint.providers[1:],
        lagging=endpoint.lagging,
        window_s=endpoint.window_s,
    )


def can_be_tree(endpoint: Endpoint, provider: Provider) -> bool:
    """Whether plans of an endpoint may lie in trees.

    Pointers are CNAMEs, which cannot stand at the top of a zone (RFC 1912 section 2.4). Where weights are
    honoured or an API is spoken, records beside an address belong to it and would be torn from it.
    """
    zone = zone_of_endpoint(endpoint, provider)
    apex = any(one.name == zone for one in endpoint.names)
    return provider.kind is ProviderKind.RFC2136 and not endpoint.providers[1:] and not apex


def _is_tree(situation: Situation, record_sets: tuple[RecordSet, ...]) -> bool:
    endpoint = situation.endpoint
    big = endpoint.layout is Laying.AUTO and bytes_of(record_sets) > TRANSACTION_BYTES_MAX
    wanted = endpoint.layout is Laying.TREE or big
    return wanted and can_be_tree(endpoint, situation.provider)


def make(situation: Situation, generation: Generation, origin: Origin = Origin.AUTOMATIC) -> Plan:
    """Make the plan that a situation asks for."""
    members = tuple(
        member
        for family in situation.endpoint.families
        for member in choose(_question(situation, family))
    )
    waived = {one.rule for one in waivers_of(situation)}
    record_sets = publish(situation.endpoint, situation.provider, members)
    head = situation.head
    layout = layout_of(situation.endpoint, situation.provider)
    return Plan(
        layout=replace(layout, tree=_is_tree(situation, record_sets)),
        generation=generation,
        base=head.generation if head is not None else Generation(0),
        digest=digest_of(record_sets),
        record_sets=record_sets,
        floor=1 if "floor-targets" in waived else situation.endpoint.floors.targets,
        owns=situation.owned or situation.endpoint.adopt or "ownership" in waived,
        members=members,
        proof=prove(situation.endpoint, members),
        made_at_ns=situation.now_ns,
        origin=origin,
        reason=explain(head, members, situation.endpoint.ttl_s),
    )


def _question(situation: Situation, family: Family) -> Question:
    endpoint, head = situation.endpoint, situation.head
    by_subject: dict[Subject, Health] = {one.subject: one for one in situation.health}
    health: list[tuple[TargetName, Health]] = []
    for target in endpoint.targets:
        found = by_subject.get(subject_of(endpoint.name, target.name, family))
        if found is not None:
            health.append((target.name, found))
    before = tuple(one for one in head.members if one.family is family) if head else ()
    return Question(
        endpoint=endpoint,
        family=family,
        health=tuple(health),
        before=before or None,
        evacuations=evacuations_of(situation),
        removals=tuple(one for one in situation.removals if one.family is family),
        cell_left=situation.cell.left(family) if situation.cell is not None else None,
        weighted=situation.provider.honours_weights,
        waived=frozenset(one.rule for one in waivers_of(situation)),
        now_ns=situation.now_ns,
    )


def evacuations_of(situation: Situation) -> tuple[Evacuation, ...]:
    """Return the evacuations in force: one planned for tonight excuses nothing today."""
    return tuple(
        one
        for one in situation.overrides
        if isinstance(one, Evacuation)
        and one.at_ns <= situation.now_ns
        and not is_over(one, situation.now_ns)
    )


def waivers_of(situation: Situation) -> tuple[Waiver, ...]:
    """Return the waivers in force for the endpoint."""
    return tuple(
        one
        for one in situation.overrides
        if isinstance(one, Waiver)
        and one.endpoint in (None, situation.endpoint.name)
        and not is_over(one, situation.now_ns)
    )


def at_rest(situation: Situation) -> Situation:
    """Return the situation with every evacuation held where the newest plan has it.

    For the case that its next step is blocked: a target that dies elsewhere must still be taken out.
    """
    if situation.head is None:
        return situation
    members = situation.head.members
    overrides = tuple(
        _held(one, members, situation.now_ns) if isinstance(one, Evacuation) else one
        for one in situation.overrides
    )
    return replace(situation, overrides=overrides)


def _held(evacuation: Evacuation, members: tuple[Member, ...], now_ns: Nanos) -> Evacuation:
    mine = [one for one in members if one.region == evacuation.region]
    kept = sum(one.percent for one in mine if one.published)
    drained = 100 - kept // len(mine) if mine else 0
    # A hundred steps of an age each: the one that is under way lasts until the situation is looked at anew.
    age_s = 1e9
    at_ns = now_ns - seconds(age_s * (drained - 1)) if drained else now_ns + 1
    return replace(evacuation, step_count=100, step_s=age_s, at_ns=Nanos(at_ns), returning=False)


def with_those_that_left(situation: Situation) -> Situation:
    """Return the situation in which published targets that left the topology are still in it.

    For the case that their leaving is what the guard blocks. A source that lost half of its list, or a
    hand that deleted too many lines, must not also keep a target that dies meanwhile in the answer.
    """
    endpoint, head = situation.endpoint, situation.head
    if head is None:
        return situation
    known = {one.name for one in endpoint.targets}
    sized = bool(endpoint.targets) and all(one.capacity for one in endpoint.targets)
    left: dict[TargetName, Target] = {}
    for one in head.members:
        if one.target in known or not one.published:
            continue
        ipv4 = one.address if one.family is Family.IPV4 else None
        ipv6 = one.address if one.family is Family.IPV6 else None
        before = left.get(one.target)
        left[one.target] = Target(
            name=one.target,
            region=one.region,
            ipv4=ipv4 or (before.ipv4 if before else None),
            ipv6=ipv6 or (before.ipv6 if before else None),
            weight=one.weight,
            capacity=one.size if sized else 0,
        )
    if not left:
        return situation
    targets = (*endpoint.targets, *left.values())
    return replace(situation, endpoint=replace(endpoint, targets=targets))


def publish(
    endpoint: Endpoint, provider: Provider, members: tuple[Member, ...]
) -> tuple[RecordSet, ...]:
    """Turn members into record sets: addresses at each name, and weights where they are honoured."""
    published = [one for one in members if one.published]
    weights = _weights(published) if provider.honours_weights else []
    record_sets: list[RecordSet] = []
    for one in endpoint.names:
        for family in one.families:
            values = [member.address for member in published if member.family is family]
            if values:
                record_sets.append(RecordSet.of(one.name, family.rtype, endpoint.ttl_s, values))
        if weights:
            at = weights_name(one.name)
            record_sets.append(RecordSet.of(at, RecordType.TXT, endpoint.ttl_s, weights))
    return sort_record_sets(record_sets)


def _weights(published: list[Member]) -> list[str]:
    """The weights of all published addresses in lowest terms; nothing where they are all equal."""
    shares = [one.weight * one.percent for one in published]
    if len(set(shares)) <= 1:
        return []
    # The greatest divisor first, so that equal ratios give equal records; then into 16 bits, where a
    # small share must not become none.
    divisor = math.gcd(*shares)
    largest = max(shares) // divisor
    scale = max(1, math.ceil(largest / WEIGHT_MAX))
    return [
        format_weight(one.address, max(share // divisor // scale, min(share, 1)))
        for one, share in zip(published, shares, strict=True)
    ]


def prove(endpoint: Endpoint, members: tuple[Member, ...]) -> CapacityProof:
    """Prove, for the tightest family, that what serves can carry the demand."""
    known = all(target.capacity for target in endpoint.targets)
    proofs = []
    for family in endpoint.families:
        mine = [one for one in members if one.family is family]
        proofs.append(
            CapacityProof(
                family=family,
                published=sum(one.size for one in mine if one.serves),
                declared=sum(one.size for one in mine) if known else 0,
                demand=endpoint.demand,
            )
        )
    return min(proofs, key=lambda one: (one.published, one.family))


def explain(head: Plan | None, members: tuple[Member, ...], ttl_s: int) -> str:
    """Say in one line what differs from the newest plan."""
    if head is None:
        count = sum(1 for one in members if one.published)
        return f"first publication: {count} addresses"
    before = {(one.target, one.family): one for one in head.members}
    now = {(one.target, one.family): one for one in members}
    parts = [_difference(before.get(key), one) for key, one in now.items()]
    parts += [
        f"{target} {family} out: left the topology"
        for (target, family), one in before.items()
        if one.published and (target, family) not in now
    ]
    if head.record_sets and any(one.ttl_s != ttl_s for one in head.record_sets):
        parts.append(f"TTL {ttl_s} s")
    return "; ".join(part for part in parts if part) or "names or types changed"


def _difference(was: Member | None, now: Member) -> str:
    before = was is not None and was.published
    if now.published and not before:
        return f"{now.target} {now.family} in: {now.why}"
    if before and not now.published:
        return f"{now.target} {now.family} out: {now.why}"
    if was is not None and before and now.published and was.address != now.address:
        return f"{now.target} {now.family} {was.address} -> {now.address}"
    share = was is not None and (was.percent, was.weight) != (now.percent, now.weight)
    return f"{now.target} {now.family} weight {now.weight} at {now.percent} %" if share else ""


def shed(situation: Situation, plan: Plan) -> tuple[Member, ...]:
    """Return, as they were, the members a plan takes away because they are down or left the topology.

    What an evacuation takes is the operator's doing, what a tier takes is replaced by a better one:
    neither counts.
    """
    if situation.head is None:
        return ()
    drained = {one.region for one in evacuations_of(situation)}
    now = {(one.target, one.family): one for one in plan.members}
    gone = []
    for was in situation.head.members:
        one = now.get((was.target, was.family))
        dead = one is None or (one.verdict is Verdict.DOWN and one.region not in drained)
        if was.published and dead and (one is None or not one.published):
            gone.append(was)
    return tuple(gone)


def what_if_down(situation: Situation, subject: Subject) -> Situation:
    """Return the situation in which one more address is down."""
    others = tuple(one for one in situation.health if one.subject != subject)
    dead = Health(
        subject=subject,
        verdict=Verdict.DOWN,
        since_ns=situation.now_ns,
        evidence_at_ns=situation.now_ns,
    )
    return replace(situation, health=(*others, dead))
