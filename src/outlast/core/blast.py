"""Blast: what a plan takes from clients, and what the cell around it allows: the guard's rules on cells.

*Withdrawn* is wider than what an endpoint's budget counts. That one asks for the dead and the departed; a
wrong push also writes another address into every target, or the weight 0, and each of them takes an
address away that answered. Evacuations are an operator's doing with a capacity proof of their own, and a
later tier that gives way to a better one loses nothing: neither counts.
"""

from dataclasses import replace

from outlast.core.cells import Counts, Withdrawal
from outlast.core.plan import Judged, Situation, evacuations_of, with_those_that_left
from outlast.model.health import Verdict
from outlast.model.names import TargetName
from outlast.model.plan import Finding, Member, Plan, Severity
from outlast.model.records import Family
from outlast.model.topology import Target
from outlast.model.units import iso


def withdrawn(situation: Situation, plan: Plan) -> tuple[tuple[Member, Withdrawal], ...]:
    """Return the members, as they were, whose addresses the plan takes from clients."""
    if situation.head is None:
        return ()
    drained = {one.region for one in evacuations_of(situation)}
    now = {(one.target, one.family): one for one in plan.members}
    gone = []
    for was in situation.head.members:
        one = now.get((was.target, was.family))
        if not was.published or (one is not None and one.published and one.address == was.address):
            continue
        dead = one is not None and one.address == was.address and one.verdict is Verdict.DOWN
        if (
            one is not None
            and one.address == was.address
            and not dead
            and (one.weight or not was.weight)
        ):
            continue  # a tier or a standby gave way, or an evacuation took it
        if was.region in drained and one is not None and not one.published:
            continue
        gone.append((was, Withdrawal(family=was.family, pushed=not dead, at_ns=plan.made_at_ns)))
    return tuple(gone)


def published(plan: Plan | None) -> Counts:
    """Count the addresses that a plan gives to clients."""
    members = plan.members if plan is not None else ()
    return tuple(
        (family, sum(1 for one in members if one.family is family and one.published))
        for family in Family
    )


def cell_budget(case: Judged) -> list[Finding]:
    """Not too much is taken away in the whole cell, counted over time.

    A push that deletes a third of each endpoint's targets keeps within every endpoint's budget, and takes a
    third of everything.
    """
    standing = case.situation.cell
    if standing is None:
        return []
    findings = []
    gone = withdrawn(case.situation, case.plan)
    spent, whole = dict(standing.spent), dict(standing.whole)
    for family in Family:
        leaving = [one.target for one, it in gone if it.family is family]
        if len(leaving) <= standing.left(family):
            continue
        budget = standing.cell.budget
        findings.append(
            Finding(
                rule="cell-budget",
                severity=Severity.BLOCK,
                message=f"{len(leaving)} {family} addresses would go ({', '.join(leaving)}); in cell "
                f"{standing.cell.name} {spent.get(family, 0)} of {whole.get(family, 0)} went within the last "
                f"{budget.window_s:g} s, {budget.removed_ratio * whole.get(family, 0):g} may",
                remedy="if it is meant: outlast apply --waive cell-budget --for 10m, with a reason",
            )
        )
    return findings


def cell_turn(case: Judged) -> list[Finding]:
    """What nobody saw down is taken away in one cell at a time.

    Budgets alone would let a wrong push take its share of every cell in the same second.
    """
    standing = case.situation.cell
    if standing is None or standing.other_until_ns <= case.situation.now_ns:
        return []
    pushed = [one.target for one, it in withdrawn(case.situation, case.plan) if it.pushed]
    if not pushed:
        return []
    return [
        Finding(
            rule="cell-turn",
            severity=Severity.BLOCK,
            message=f"{', '.join(pushed)} would go though nobody saw them down, while the same kind of "
            f"change in cell {standing.other} is watched until {iso(standing.other_until_ns)}",
            remedy="wait until then; or outlast apply --waive cell-turn --for 10m, with a reason",
        )
    ]


def before_the_push(situation: Situation) -> Situation:
    """Return the situation in which targets are what they were where an edit takes their address away.

    For the case that this is what the guard blocks: a target that dies meanwhile must still be taken out.
    """
    rest = with_those_that_left(situation)
    head = situation.head
    was = {(one.target, one.family): one for one in head.members if one.published} if head else {}
    targets = tuple(_as_before(one, was) for one in rest.endpoint.targets)
    if targets == situation.endpoint.targets:
        return situation
    return replace(rest, endpoint=replace(rest.endpoint, targets=targets))


def _as_before(target: Target, was: dict[tuple[TargetName, Family], Member]) -> Target:
    known = [
        one for one in (was.get((target.name, family)) for family in Family) if one is not None
    ]
    if not known:
        return target
    addresses = {one.family: one.address for one in known}
    return replace(
        target,
        ipv4=addresses.get(Family.IPV4, target.ipv4),
        ipv6=addresses.get(Family.IPV6, target.ipv6),
        weight=target.weight or known[0].weight,
    )
