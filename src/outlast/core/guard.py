"""Guard: a plan gets a ruling with *all* its reasons.

The guard trusts nobody, the planner least. It counts again, from the plan's own records and the newest
plan before it, and asks of each change what it could break. Each rule is one function with its
counter-example. All rules are asked, always: an operator at 3 a.m. should not lift one refusal just to
meet the next.

An operator can waive a rule by its name, for a stated time, for one endpoint or all. Rules that can never
be waived are in `ABSOLUTE`: no situation is known in which breaking them helps.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from outlast.core.blast import cell_budget, cell_turn
from outlast.core.moved import fence_moved, left_behind
from outlast.core.plan import Situation, evacuations_of, shed, waivers_of
from outlast.core.tree import unfit
from outlast.model.health import Verdict
from outlast.model.names import VantageName
from outlast.model.override import Freeze, Waiver, is_over
from outlast.model.plan import Finding, Member, Plan, Ruling, Severity
from outlast.model.records import Family, RecordSet, digest_of
from outlast.model.topology import CheckKind, PolicyKind, subject_of
from outlast.model.units import NS_PER_S, Generation, iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the guard judges.

    Attributes:
        newest: the newest generation anybody has seen of the endpoint, in store or DNS.
        sick: vantages that count as sick.
        evidence_max_age_s: evidence older than this is no evidence.
        foreign: record sets that stand at the names without a fence of ours.
    """

    situation: Situation
    plan: Plan
    newest: Generation
    sick: tuple[VantageName, ...]
    evidence_max_age_s: float
    foreign: tuple[RecordSet, ...] = ()


def rule(case: Case) -> Ruling:
    """Judge a plan."""
    findings = [finding for ask in RULES for finding in ask(case)]
    waived = {one.rule: one for one in waivers_of(case.situation) if one.rule not in ABSOLUTE}
    return Ruling(
        endpoint=case.plan.endpoint,
        generation=case.plan.generation,
        findings=tuple(_waive(one, waived.get(one.rule)) for one in findings),
    )


def _waive(finding: Finding, waiver: Waiver | None) -> Finding:
    if waiver is None or finding.severity is not Severity.BLOCK:
        return finding
    waived = f"waived by {waiver.by} until {iso(waiver.until_ns)}: {waiver.reason}"
    return replace(finding, message=f"{finding.message} ({waived})", overridden=True)


def _block(name: str, message: str, remedy: str) -> Finding:
    return Finding(rule=name, severity=Severity.BLOCK, message=message, remedy=remedy)


def _size(members: list[Member]) -> int:
    return sum(one.size for one in members)


def _of(plan: Plan, family: Family) -> list[Member]:
    return [one for one in plan.members if one.family is family]


# The rules. Each returns what it finds; most find nothing.


def never_empty(case: Case) -> list[Finding]:
    """Each name has an address of each family it has targets for.

    20 October 2025: `dynamodb.us-east-1` answered NOERROR with nothing for 2 h 37 min.
    """
    findings = []
    for one in case.situation.endpoint.names:
        for family in one.families:
            if not any(target.address(family) for target in case.situation.endpoint.targets):
                continue
            if not case.plan.addresses(one.name, family.rtype):
                findings.append(
                    _block(
                        "never-empty",
                        f"{one.name} would have no {family.rtype} record",
                        "this rule cannot be waived; publish at least one address",
                    )
                )
    if not case.plan.record_sets:
        findings.append(_block("never-empty", "the plan holds no records at all", "add targets"))
    return findings


def authentic(case: Case) -> list[Finding]:
    """The digest is that of the records: a plan altered on its way is no plan."""
    if case.plan.digest == digest_of(case.plan.record_sets):
        return []
    return [_block("authentic", "the plan's digest is not that of its records", "plan again")]


def newer(case: Case) -> list[Finding]:
    """Its generation is above every one seen anywhere.

    A store restored from yesterday's copy would otherwise hand out numbers that are live already.
    """
    if case.plan.generation > case.newest:
        return []
    message = f"generation {case.plan.generation} is not newer than {case.newest}, seen already"
    return [_block("newer", message, "plan again")]


def stale_base(case: Case) -> list[Finding]:
    """It was derived from the newest plan: two planners must not each undo what the other just did."""
    head = case.situation.head
    base = head.generation if head is not None else Generation(0)
    if case.plan.base == base:
        return []
    message = f"it was derived from generation {case.plan.base}, the newest is {base}"
    return [_block("stale-base", message, "plan again: what it knew is out of date")]


def frozen(case: Case) -> list[Finding]:
    """Nobody froze the endpoint."""
    return [
        _block(
            "frozen",
            f"frozen by {one.by} since {iso(one.at_ns)}: {one.reason}",
            f"outlast thaw {one.endpoint or '--all'}"
            + (f", or wait until {iso(one.until_ns)}" if one.until_ns else ""),
        )
        for one in case.situation.overrides
        if isinstance(one, Freeze)
        and one.endpoint in (None, case.plan.endpoint)
        and not is_over(one, case.situation.now_ns)
    ]


def floor_targets(case: Case) -> list[Finding]:
    """Enough addresses stay, in each family alone: a floor met by IPv4 does not help IPv6 clients.

    Counted in the records: two targets of one address are one record, and the enactor would stop at it.
    """
    findings = []
    endpoint = case.situation.endpoint
    for family in endpoint.families:
        members = _of(case.plan, family)
        stay = min(
            len(case.plan.addresses(one.name, family.rtype))
            for one in endpoint.names
            if family in one.families
        )
        if stay < min(endpoint.floors.targets, len(members)):
            findings.append(
                _block(
                    "floor-targets",
                    f"{stay} {family} addresses would stay; the floor is {endpoint.floors.targets}",
                    "repair a target, add one, or lower floors.targets",
                )
            )
    return findings


def floor_share(case: Case) -> list[Finding]:
    """Enough of the capacity stays published, in each family alone.

    With failover it is counted over the smallest tier that serves: later tiers wait on purpose, and one
    healthy target of a large later tier, published to help, must not make that whole tier the measure.
    """
    findings = []
    endpoint = case.situation.endpoint
    for family in endpoint.families:
        members = [one for one in _of(case.plan, family) if one.weight]
        stay = [one for one in _of(case.plan, family) if one.published]
        whole = _size(members)
        if endpoint.policy.kind is PolicyKind.FAILOVER:
            tiers = _tiers(case, members)
            serving = [tier for tier in tiers if any(one.serves for one in tier)]
            standing = [tier for tier in tiers if any(one.published for one in tier)]
            whole = min((_size(tier) for tier in serving or standing), default=0)
        needed = endpoint.floors.share_ratio * whole
        if _size(stay) < needed:
            findings.append(
                _block(
                    "floor-share",
                    f"{_size(stay)} of {whole} ({family}) would stay; the floor is {needed:g}",
                    "repair targets, evacuate less, or lower floors.share_ratio",
                )
            )
    return findings


def _tiers(case: Case, members: list[Member]) -> list[list[Member]]:
    """Members by tier; regions that no tier names are the last one."""
    order = case.situation.endpoint.policy.order
    named = [region for tier in order for region in tier]
    tiers = [[one for one in members if one.region in tier] for tier in order]
    return [*tiers, [one for one in members if one.region not in named]]


def budget(case: Case) -> list[Finding]:
    """Not too much is taken away within the window, counted over time.

    Counted per run, as peers do, repeated runs each just below the limit empty a zone; and endpoints too
    small for a percentage had no guard at all. Here one target may always go, the next is counted.
    """
    findings = []
    limits = case.situation.endpoint.budget
    gone = shed(case.situation, case.plan)
    for family in Family:
        leaving = [one for one in gone if one.family is family]
        spent = sum(one.size for one in case.situation.removals if one.family is family)
        whole = _size(_of(case.plan, family)) + _size(
            [one for one in leaving if one.target not in {two.target for two in case.plan.members}]
        )
        allowed = limits.removed_ratio * whole
        first = spent == 0 and len(leaving) == 1
        if leaving and not first and spent + _size(leaving) > allowed:
            findings.append(
                _block(
                    "budget",
                    f"{_size(leaving)} of {whole} ({family}) would go ("
                    f"{', '.join(one.target for one in leaving)}), {spent} went within the last "
                    f"{limits.window_s:g} s; {allowed:g} may",
                    "if it is meant: outlast apply --waive budget --for 10m, with a reason",
                )
            )
    return findings


def evidence(case: Case) -> list[Finding]:
    """What is taken away for being down was seen to be down, lately, by a vantage that is not sick."""
    findings = []
    health = {one.subject: one for one in case.situation.health}
    limit_ns = case.evidence_max_age_s * NS_PER_S
    probed = {
        one.name for one in case.situation.endpoint.targets if one.check.kind is not CheckKind.NONE
    }
    for one in shed(case.situation, case.plan):
        if one.target not in probed:
            continue
        found = health.get(subject_of(case.plan.endpoint, one.target, one.family))
        fresh = found is not None and case.situation.now_ns - found.evidence_at_ns <= limit_ns
        if found is None or found.verdict is not Verdict.DOWN or not fresh:
            findings.append(
                _block(
                    "evidence",
                    f"{one.target} ({one.family}) would go without fresh evidence that it is down",
                    "missing evidence is unknown, never down: look after the probers",
                )
            )
    return findings


def sick_monitor(case: Case) -> list[Finding]:
    """While every vantage is sick nothing is taken away: a monitor that sees all dead is dead itself."""
    voting = {vote.vantage for one in case.situation.health for vote in one.votes}
    if not voting or not voting <= set(case.sick) or not shed(case.situation, case.plan):
        return []
    message = f"every vantage is sick ({', '.join(sorted(voting))}); none is left to judge by"
    return [
        _block(
            "sick-monitor", message, "look after the vantages; evacuate by hand if a region is gone"
        )
    ]


def ownership(case: Case) -> list[Finding]:
    """Records that Outlast never published are not overwritten, unless they are what it would publish."""
    strange = [str(one) for one in case.foreign if one not in case.plan.record_sets]
    if not strange or case.plan.owns:
        return []
    return [
        _block(
            "ownership",
            f"records that Outlast did not publish stand at its names: {'; '.join(strange)}",
            "compare them with the plan, then take them over: outlast apply --adopt",
        )
    ]


def capacity(case: Case) -> list[Finding]:
    """What stays can carry the demand; an evacuation that leaves too little is refused.

    Only what the evacuation still takes counts against it. A target that dies elsewhere an hour after the
    region left must go: its address carries nothing, published or not.
    """
    proof = case.plan.proof
    if proof.holds is not False:
        return []
    if not _drains_more(case):
        message = f"{proof}; nothing can be done about it here, the rest is dead already"
        return [Finding(rule="capacity", severity=Severity.WARN, message=message)]
    return [
        _block(
            "capacity",
            f"{proof} while a region is being evacuated",
            "evacuate less, add capacity, or waive `capacity` for a stated time",
        )
    ]


def _drains_more(case: Case) -> bool:
    """Whether the plan takes more from an evacuated region than went before; the dead do not count."""
    head = case.situation.head
    drained = {one.region for one in evacuations_of(case.situation)}
    now = {(one.target, one.family): one for one in case.plan.members}
    for was in head.members if head is not None else ():
        one = now.get((was.target, was.family))
        if was.region not in drained or not was.published or one is None:
            continue
        if one.verdict is not Verdict.DOWN and one.percent < was.percent:
            return True
    return False


def transaction_size(case: Case) -> list[Finding]:
    """It fits one message, since a fenced change is never split; what lies in a tree, piece by piece."""
    why = unfit(case.plan)
    remedy = "publish fewer addresses or names in one endpoint; `layout: auto` where a tree may lie"
    return [_block("transaction-size", why, remedy)] if why else []


RULES: tuple[Callable[[Case], list[Finding]], ...] = (
    never_empty,
    authentic,
    newer,
    stale_base,
    frozen,
    floor_targets,
    floor_share,
    budget,
    cell_budget,
    cell_turn,
    evidence,
    sick_monitor,
    ownership,
    capacity,
    transaction_size,
    fence_moved,
    left_behind,
)

ABSOLUTE = frozenset(
    {"never-empty", "authentic", "newer", "stale-base", "transaction-size", "fence-moved"}
)
WAIVABLE: tuple[str, ...] = (
    *("frozen", "floor-targets", "floor-share", "budget", "cell-budget", "cell-turn"),
    *("evidence", "sick-monitor", "ownership", "capacity"),
)
