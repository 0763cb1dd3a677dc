"""Choose: which of an endpoint's targets should be published in one address family, and why.

The part of *plan* that weighs. It starts from what health, weights, tiers and evacuations ask for, and
then puts back what floors and budgets do not allow automation to take away: a plan that the guard must
block helps nobody while three of four targets are dead. The guard judges the result by its own count.

Every target gets one line of reason, whether it is in or out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from outlast.model.health import Health, Verdict
from outlast.model.names import RegionName, TargetName
from outlast.model.override import Evacuation
from outlast.model.plan import Member
from outlast.model.records import Family
from outlast.model.topology import CheckKind, Endpoint, PolicyKind, Target
from outlast.model.units import NS_PER_S, Nanos

RAMP_STEPS = 4
"""A returning target gets a quarter of its weight, then half, three quarters, all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One address that automation took away for being down: an entry in the budget's ledger."""

    target: TargetName
    family: Family
    size: int
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that the choice depends on, for one family.

    Attributes:
        health: by target; a target without health is unknown.
        before: the members of the newest plan, this family; None: there is no plan yet.
        removals: the ledger of the window.
        cell_left: addresses that the cell's budget still lets go; None: it has none.
        weighted: whether the provider can publish shares of a weight.
        waived: rules of the guard that an operator switched off for now.
    """

    endpoint: Endpoint
    family: Family
    health: tuple[tuple[TargetName, Health], ...]
    before: tuple[Member, ...] | None
    evacuations: tuple[Evacuation, ...]
    removals: tuple[Removal, ...]
    weighted: bool
    waived: frozenset[str]
    now_ns: Nanos
    cell_left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rated:
    """A target with everything that speaks for or against it."""

    target: Target
    address: str
    size: int
    verdict: Verdict
    since_ns: Nanos
    evidence: str
    was: Member | None
    fresh_start: bool
    drained: float
    percent: int

    @property
    def alive(self) -> bool:
        """Whether it may serve. Unknown keeps what was: neither added nor taken away."""
        if self.verdict is Verdict.UNKNOWN:
            return self.fresh_start or (self.was is not None and self.was.published)
        return self.verdict is Verdict.UP

    @property
    def was_published(self) -> bool:
        return self.was is not None and self.was.published

    @property
    def share(self) -> int:
        """Its share of its weight if published. Kept though it should have none, it keeps what it had."""
        if self.percent:
            return self.percent
        return self.was.percent if self.was is not None and self.was.published else 100

    def member(self, why: str, *, published: bool) -> Member:
        return Member(
            target=self.target.name,
            region=self.target.region,
            family=Family.IPV4 if "." in self.address else Family.IPV6,
            address=self.address,
            weight=self.target.weight,
            percent=self.share if published else 0,
            size=self.size,
            published=published,
            verdict=self.verdict,
            why=why,
        )


def choose(question: Question) -> tuple[Member, ...]:
    """Return every target of the family as a member, published or not, in the topology's order."""
    rated = _rate_all(question)
    tiers = _tiers(question.endpoint, rated)
    chosen = _wanted(rated, tiers)
    reasons = {one.target.name: _why_in(one) for one in chosen}
    if not chosen:
        reasons |= {one.target.name: _why_static(one) for one in rated if one.was_published}
    if "budget" not in question.waived:
        reasons |= _keep_for_budget(question, rated, reasons)
    if question.cell_left is not None and "cell-budget" not in question.waived:
        reasons |= _keep_for_cell(question.cell_left, rated, reasons)
    counted = [one for one in rated if _counts(one, tiers)]
    reasons |= _keep_for_floor(question, rated, counted, reasons)
    current = {one.target.name: one for one in [*rated, *chosen]}
    return tuple(
        current[name].member(reasons[name], published=True)
        if name in reasons
        else one.member(_why_out(one, tiers), published=False)
        for name, one in ((one.target.name, one) for one in rated)
    )


# rating


def _rate_all(question: Question) -> list[_Rated]:
    endpoint, family = question.endpoint, question.family
    targets = [one for one in endpoint.targets if one.address(family) is not None]
    sized = all(one.capacity > 0 for one in targets)
    health = dict(question.health)
    before = {one.target: one for one in question.before or ()}
    drained = {one.region: one.drained_ratio(question.now_ns) for one in question.evacuations}
    rated = []
    for target in targets:
        ratio = drained.get(target.region, 0.0)
        if ratio and not question.weighted:
            ratio = _drained_whole(target, targets, ratio)
        found = health.get(target.name)
        probed = target.check.kind is not CheckKind.NONE
        rated.append(
            _Rated(
                target=target,
                address=str(target.address(family)),
                size=target.capacity if sized else 1,
                verdict=(found.verdict if found else Verdict.UNKNOWN) if probed else Verdict.UP,
                since_ns=found.since_ns if found else Nanos(0),
                evidence=_evidence(found),
                was=before.get(target.name),
                fresh_start=question.before is None,
                drained=ratio,
                percent=_percent(question, found, before.get(target.name), ratio),
            )
        )
    return rated


def _drained_whole(target: Target, targets: list[Target], ratio: float) -> float:
    """Without weights a step of an evacuation takes whole targets: the last ones by name first."""
    region = sorted(one.name for one in targets if one.region == target.region)
    stay = math.ceil(len(region) * (1.0 - ratio))
    return 0.0 if region.index(target.name) < stay else 1.0


def _percent(question: Question, health: Health | None, was: Member | None, drained: float) -> int:
    share = 1.0 - drained
    ramp_ns = question.endpoint.policy.ramp_s * NS_PER_S
    settled = question.before is None or (was is not None and was.published and was.percent == 100)
    draining = was is not None and was.published and drained > 0
    if ramp_ns and question.weighted and health is not None and not (settled or draining):
        elapsed = (question.now_ns - health.since_ns) * RAMP_STEPS / ramp_ns
        # A clock that stepped back puts `since_ns` into the future: that is the first step, no less.
        share *= max(1, min(RAMP_STEPS, 1 + int(elapsed))) / RAMP_STEPS
    return round(100 * share)


def _evidence(health: Health | None) -> str:
    if health is None or not health.votes:
        return "no evidence yet"
    return "; ".join(str(vote) for vote in health.votes)


# choosing


def _tiers(endpoint: Endpoint, rated: list[_Rated]) -> tuple[frozenset[RegionName], ...]:
    """The tiers in use: just one holding everything unless the policy is failover."""
    if endpoint.policy.kind is not PolicyKind.FAILOVER:
        return (frozenset(one.target.region for one in rated),)
    order = [frozenset(tier) for tier in endpoint.policy.order]
    rest = frozenset(one.target.region for one in rated) - frozenset().union(*order)
    used: list[frozenset[RegionName]] = []
    for tier in [*order, rest] if rest else order:
        members = [one for one in rated if one.target.region in tier and one.target.weight]
        # By percent: a tier that ramps or is drained all alike has equal weights, so without help from
        # the next one a cold region would get everything at once, and steps would move nothing.
        alive = sum(one.size * one.percent for one in members if one.alive)
        if not alive:
            continue
        used.append(tier)
        if alive >= endpoint.policy.tier_share_min * 100 * sum(one.size for one in members):
            break
    return tuple(used)


def _counts(one: _Rated, tiers: tuple[frozenset[RegionName], ...]) -> bool:
    """Whether it counts for floors: those in a tier in use that answer in ordinary times."""
    return bool(one.target.weight) and any(one.target.region in tier for tier in tiers)


def _wanted(rated: list[_Rated], tiers: tuple[frozenset[RegionName], ...]) -> list[_Rated]:
    wanted = [one for one in rated if one.alive and one.percent and _counts(one, tiers)]
    if wanted:
        return wanted
    standby = [one for one in rated if one.alive and one.percent and not one.target.weight]
    if standby:
        return standby
    # Nothing that should serve is alive. A drained target that answers beats a dead one that should.
    return [replace(one, percent=100) for one in rated if one.alive]


# keeping: each function returns the names of targets that stay although nothing asks for them, and why


def _keep_for_budget(
    question: Question, rated: list[_Rated], staying: Mapping[TargetName, str]
) -> dict[TargetName, str]:
    """Dead targets that stay because too much was taken away within the window already."""
    budget = question.endpoint.budget
    leaving = _dying(rated, staying)
    spent = sum(one.size for one in question.removals)
    allowed = budget.removed_ratio * sum(one.size for one in rated)
    one_is_free = not question.removals
    kept: dict[TargetName, str] = {}
    for one in leaving:
        if one_is_free or spent + one.size <= allowed:
            spent += one.size
            one_is_free = False
            continue
        kept[one.target.name] = (
            f"down, but kept: {spent:g} of {allowed:g} that may be removed within "
            f"{budget.window_s:g} s are gone ({one.evidence})"
        )
    return kept


def _dying(rated: list[_Rated], staying: Mapping[TargetName, str]) -> list[_Rated]:
    """Those that would leave for being down, the longest dead first."""
    return [
        one
        for one in sorted(rated, key=lambda one: (one.since_ns, one.target.name))
        if one.was_published
        and one.target.name not in staying
        and one.verdict is Verdict.DOWN
        and not one.drained
    ]


def _keep_for_cell(
    left: int, rated: list[_Rated], staying: Mapping[TargetName, str]
) -> dict[TargetName, str]:
    """Dead targets that stay because too much was taken away in the whole cell already."""
    return {
        one.target.name: f"down, but kept: the cell's budget lets {left} more go ({one.evidence})"
        for one in _dying(rated, staying)[left:]
    }


def _keep_for_floor(
    question: Question,
    rated: list[_Rated],
    counted: list[_Rated],
    staying: Mapping[TargetName, str],
) -> dict[TargetName, str]:
    """Targets that stay because fewer would be below a floor: the least certainly dead first."""
    floors = question.endpoint.floors
    least = 1 if "floor-targets" in question.waived else floors.targets
    ratio = 0.0 if "floor-share" in question.waived else floors.share_ratio
    needed = ratio * sum(one.size for one in counted)
    inside = [one for one in rated if one.target.name in staying]
    count, size = len(inside), sum(one.size for one in inside)
    spare = sorted(
        (one for one in rated if one.target.name not in staying and not one.drained),
        key=lambda one: (
            one.verdict is Verdict.DOWN,
            not one.was_published,
            one not in counted,
            -one.since_ns,
            one.target.name,
        ),
    )
    kept: dict[TargetName, str] = {}
    for one in spare:
        if count >= least and size >= needed:
            break
        floor = f"{least} targets" if count < least else f"{needed:g} of capacity"
        kept[one.target.name] = f"{one.verdict}, but kept: floor of {floor} ({one.evidence})"
        count, size = count + 1, size + one.size
    return kept


# reasons


def _why_static(one: _Rated) -> str:
    return f"{one.verdict}, but kept: nothing at all is alive ({one.evidence})"


def _why_in(one: _Rated) -> str:
    if one.drained and one.percent == 100:
        return f"being evacuated, but nothing else is alive ({one.evidence})"
    if one.drained:
        return f"being evacuated: {one.percent} % of its weight left"
    if one.percent < 100:
        return f"returning: {one.percent} % of its weight"
    if one.target.check.kind is CheckKind.NONE:
        return "not probed"
    state = "healthy" if one.verdict is Verdict.UP else "unknown, kept as it was"
    return f"{state} ({one.evidence})"


def _why_out(one: _Rated, tiers: tuple[frozenset[RegionName], ...]) -> str:
    if one.verdict is Verdict.DOWN:
        return f"down ({one.evidence})"
    if one.drained:
        return "evacuated"
    if not one.target.weight:
        return "standby: weight 0"
    if not any(one.target.region in tier for tier in tiers):
        return "waits in a later tier"
    return f"{one.verdict}, not added until it is up ({one.evidence})"
