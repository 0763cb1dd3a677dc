"""Loop: the sentence. One endpoint's turn, in order; the only file that knows the verbs of planning.

    health, topology, overrides, drift  ->  plan  ->  guard  ->  commit  |  announce

Each endpoint is a machine of its own, so that a change costs what it touches and nothing else: with
100,000 endpoints one sick target wakes one machine. What concerns several endpoints (an evacuated region,
a sick vantage, a freeze of everything) reaches each of them as an event.

A turn ends in one of three ways: the newest plan already says what is wanted; a new plan is committed on
top of exactly the newest one; or the plan is blocked and people are told why, once for each set of
reasons. In all three what is published stays until an enactor, conditional on the fence, replaces it.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from outlast.core import guard
from outlast.core.adopt import adopt, adoption_ruling, hold_after_rescue
from outlast.core.blast import before_the_push, withdrawn
from outlast.core.cells import Standing, Withdrawal
from outlast.core.choose import RAMP_STEPS, Removal
from outlast.core.messages import (
    Announce,
    CellChanged,
    CommitLost,
    CommitPlan,
    Confirmed,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Observed,
    OverridesChanged,
    PlaceFreeze,
    Ticked,
    TopologyChanged,
    WakeAt,
)
from outlast.core.plan import (
    Situation,
    at_rest,
    evacuations_of,
    make,
    shed,
    with_those_that_left,
)
from outlast.model.fence import Fence, parse_fence
from outlast.model.health import Health, Verdict
from outlast.model.names import VantageName
from outlast.model.override import Evacuation, Freeze, Override, Waiver
from outlast.model.plan import Observation, Origin, Plan, Ruling
from outlast.model.records import RecordSet
from outlast.model.topology import CheckKind, Endpoint, Provider, Settings
from outlast.model.units import NO_GENERATION, Generation, Nanos, seconds

Step = tuple["State", tuple[LoopCommand, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the planner knows of one endpoint.

    Attributes:
        endpoint: None: it left the topology. It stays published and is reported as orphaned.
        health: of its subjects, sorted by subject.
        head: the newest plan in the store.
        pending: the generation that we asked the store to commit and have not heard of; 0: none.
        live: the last well-formed fence seen in the DNS.
        seen: the highest generation that anybody reports to have seen in the DNS.
        observed: whether the DNS was read at all; before that no first plan is made.
        foreign: record sets found at the names with no fence beside them.
        removals: the budget's ledger.
        cell: how its cell stood when the turn began; None: it has no budget.
        withdrawals: the ledger of the cell's budget, this endpoint's part.
        reserved: what the pending plan will add to it.
        announced: the last ruling that people were told of.
        since_ns: since when the endpoint is known, to wait for first evidence.
    """

    endpoint: Endpoint | None = None
    provider: Provider | None = None
    settings: Settings = Settings()
    health: tuple[Health, ...] = ()
    sick: tuple[VantageName, ...] = ()
    overrides: tuple[Override, ...] = ()
    head: Plan | None = None
    pending: Generation = NO_GENERATION
    live: Fence | None = None
    seen: Generation = NO_GENERATION
    observed: bool = False
    foreign: tuple[RecordSet, ...] = ()
    removals: tuple[Removal, ...] = ()
    cell: Standing | None = None
    withdrawals: tuple[Withdrawal, ...] = ()
    reserved: tuple[Withdrawal, ...] = ()
    announced: Ruling | None = None
    since_ns: Nanos = Nanos(0)

    @property
    def owned(self) -> bool:
        """Whether Outlast is known to have published the endpoint before."""
        return self.seen > NO_GENERATION

    @property
    def newest(self) -> Generation:
        """The newest generation seen anywhere."""
        return max(self.seen, self.head.generation if self.head is not None else NO_GENERATION)


def step(state: State, *events: LoopEvent) -> Step:
    """Fold in whatever happened, then take one turn: events queue, a turn decides once."""
    commands: tuple[LoopCommand, ...] = ()
    for event in events:
        state, more = _fold(state, event)
        commands += more
    state, more = _turn(state, max(event.at_ns for event in events))
    return state, (*commands, *more)


def recall(state: State, *events: LoopEvent) -> State:
    """Fold in what is known without taking a turn; what the events ask for is left to the turn."""
    for event in events:
        state, _ = _fold(state, event)
    return state


def situation_of(state: State, now_ns: Nanos) -> Situation | None:
    """Return what the next plan depends on; None for an endpoint that left the topology."""
    if state.endpoint is None or state.provider is None:
        return None
    window_ns = seconds(state.endpoint.budget.window_s)
    return Situation(
        endpoint=state.endpoint,
        provider=state.provider,
        health=state.health,
        head=state.head,
        overrides=state.overrides,
        removals=tuple(one for one in state.removals if now_ns - one.at_ns < window_ns),
        owned=state.owned,
        now_ns=now_ns,
        cell=state.cell,
    )


# folding events in


def _fold(state: State, event: LoopEvent) -> Step:
    match event:
        case TopologyChanged():
            since_ns = state.since_ns or event.at_ns
            state = replace(
                state,
                endpoint=event.endpoint,
                provider=event.provider,
                settings=event.settings,
                since_ns=since_ns,
            )
            return state, ()
        case HealthChanged():
            known = {one.subject: one for one in (*state.health, *event.health)}
            health = tuple(known[subject] for subject in sorted(known))
            return replace(state, health=health, sick=event.sick), ()
        case CellChanged():
            return replace(state, cell=event.standing), ()
        case OverridesChanged():
            return replace(state, overrides=event.overrides), ()
        case HeadChanged():
            return _take_head(state, event), ()
        case CommitLost():
            return replace(state, pending=NO_GENERATION, reserved=()), ()
        case Confirmed():
            fence = event.receipt.fence
            seen = max(state.seen, fence.generation)
            return replace(state, live=fence, seen=seen, observed=True, foreign=()), ()
        case Observed():
            return _take_observation(state, event)
        case Ticked():
            return state, ()
        case _:
            assert_never(event)


def _take_head(state: State, event: HeadChanged) -> State:
    """Make a plan of the store the newest one, and write what it took away into the ledger."""
    plan = event.plan
    if state.head is not None and plan.generation <= state.head.generation:
        return state
    situation = situation_of(state, event.at_ns)
    removals: tuple[Removal, ...] = ()
    withdrawals = _withdrawals(state, situation, plan)
    if situation is not None:
        removals = situation.removals
        if plan.origin in {Origin.AUTOMATIC, Origin.MANUAL}:
            removals += tuple(
                Removal(target=one.target, family=one.family, size=one.size, at_ns=plan.made_at_ns)
                for one in shed(situation, plan)
            )
    state = replace(state, head=plan, removals=removals, withdrawals=withdrawals)
    if plan.generation < state.pending:
        return state
    return replace(state, pending=NO_GENERATION, reserved=())


def _withdrawals(state: State, situation: Situation | None, plan: Plan) -> tuple[Withdrawal, ...]:
    """Return the endpoint's part of its cell's ledger once a plan is the newest."""
    if situation is None or situation.cell is None:
        return state.withdrawals
    window_ns = seconds(situation.cell.cell.budget.window_s)
    kept = tuple(one for one in state.withdrawals if situation.now_ns - one.at_ns < window_ns)
    if plan.origin not in {Origin.AUTOMATIC, Origin.MANUAL}:
        return kept
    return kept + tuple(one for _, one in withdrawn(situation, plan))


def _take_observation(state: State, event: Observed) -> Step:
    observation = event.observation
    fence = parse_fence(observation.fence)
    state = replace(state, seen=max(state.seen, event.seen))
    if fence is None:
        foreign = () if state.owned or observation.fence else observation.record_sets
        return replace(state, observed=True, foreign=foreign), ()
    seen = max(state.seen, fence.generation)
    state = replace(state, observed=True, foreign=(), live=fence, seen=seen)
    head = state.head.generation if state.head is not None else NO_GENERATION
    situation = situation_of(state, event.at_ns)
    if situation is None or fence.generation <= head or fence.generation <= state.pending:
        return state, ()
    return _adopt(state, situation, observation, fence)


def _adopt(state: State, situation: Situation, observation: Observation, fence: Fence) -> Step:
    plan = adopt(situation, observation, fence)
    if plan is None:
        return state, ()
    commit = CommitPlan(plan=plan, ruling=adoption_ruling(plan), expected=plan.base)
    state = replace(state, pending=plan.generation)
    hold_s = state.settings.rescued_hold_s
    freeze = hold_after_rescue(plan, hold_s=hold_s, now_ns=situation.now_ns)
    if freeze is None:
        return state, (commit,)
    state = replace(state, overrides=(*state.overrides, freeze))
    return state, (PlaceFreeze(freeze=freeze), commit)


# the turn


def _turn(state: State, now_ns: Nanos) -> Step:
    situation = situation_of(state, now_ns)
    if situation is None or state.pending:
        return state, ()
    if state.head is None and not state.observed:
        return state, ()
    if state.head is None and (wait_until := _evidence_due(state)) > now_ns:
        return state, (WakeAt(at_ns=wait_until),)
    plan = make(situation, Generation(state.newest + 1))
    wake = _wake(situation, plan)
    if state.head is not None and not _differs(state, state.head, plan):
        return replace(state, announced=None), wake
    ruling = _judge(state, situation, plan)
    if ruling.allowed:
        state = replace(_reserve(state, situation, plan), announced=None)
        return state, (CommitPlan(plan=plan, ruling=ruling, expected=plan.base), *wake)
    if rest := _without_the_step(state, situation) or _without_the_loss(state, situation):
        return _reserve(state, situation, rest.plan), (rest, *wake)
    if state.announced is not None and state.announced.findings == ruling.findings:
        return state, wake
    announce = Announce(ruling=ruling, plan=plan, at_ns=now_ns)
    return replace(state, announced=ruling), (announce, *wake)


def _reserve(state: State, situation: Situation, plan: Plan) -> State:
    """Mark a plan as on its way, and what it takes away as spent: others of the cell are judged meanwhile."""
    gone = withdrawn(situation, plan) if situation.cell is not None else ()
    return replace(state, pending=plan.generation, reserved=tuple(one for _, one in gone))


def _judge(state: State, situation: Situation, plan: Plan) -> Ruling:
    return guard.rule(
        guard.Case(
            situation=situation,
            plan=plan,
            newest=state.newest,
            sick=state.sick,
            evidence_max_age_s=state.settings.evidence_max_age_s,
            foreign=state.foreign,
        )
    )


def _without_the_step(state: State, situation: Situation) -> CommitPlan | None:
    """What else is wanted, where the next step of an evacuation is what the guard blocks."""
    if state.head is None or not evacuations_of(situation):
        return None
    return _instead(state, state.head, at_rest(situation))


def _without_the_loss(state: State, situation: Situation) -> CommitPlan | None:
    """What else is wanted, where targets that an edit took away are what the guard blocks."""
    rest = with_those_that_left(situation) if situation.cell is None else before_the_push(situation)
    if state.head is None or rest.endpoint is situation.endpoint:
        return None
    return _instead(state, state.head, rest)


def _instead(state: State, head: Plan, rest: Situation) -> CommitPlan | None:
    """The plan that a lesser wish asks for, if it is allowed and says anything new."""
    plan = make(rest, Generation(state.newest + 1))
    if not _differs(state, head, plan):
        return None
    ruling = _judge(state, rest, plan)
    return CommitPlan(plan=plan, ruling=ruling, expected=plan.base) if ruling.allowed else None


def _differs(state: State, head: Plan, plan: Plan) -> bool:
    """Whether a new plan is needed.

    Besides other records or another place, it is when a generation beyond the newest plan was seen and
    could not be adopted (a wipe after a store went back in time leaves nothing to adopt), or when the
    live fence names the newest generation with other content, as two halves of a split store would make
    it: then only a newer generation settles which is right. And it is when foreign records stand
    there and the newest plan lacks the permission, given since, to replace them.
    """
    if state.foreign and plan.owns and not head.owns:
        return True
    if plan.digest != head.digest or plan.layout != head.layout or state.newest > head.generation:
        return True
    if state.settings.signing_key is not None and not head.signature:
        return (
            True  # keys were introduced since: whoever checks should not have to wait for a change
        )
    live = state.live
    return live is not None and live.generation == head.generation and live.digest != head.digest


def _evidence_due(state: State) -> Nanos:
    """Until when the first plan waits for each target's first verdict; 0: all are there."""
    endpoint = state.endpoint
    if endpoint is None:
        return Nanos(0)
    judged = {one.subject for one in state.health if one.verdict is not Verdict.UNKNOWN}
    probed = [one for one in endpoint.targets if one.check.kind is not CheckKind.NONE]
    missing = [
        one.check.detection_s
        for one in probed
        if not all(f"{endpoint.name}/{one.name}/{family}" in judged for family in one.families)
    ]
    return Nanos(state.since_ns + seconds(max(missing))) if missing else Nanos(0)


def _wake(situation: Situation, plan: Plan) -> tuple[WakeAt, ...]:
    """When time alone may change the answer: ramps, evacuations, overrides that end, budgets."""
    endpoint, now_ns = situation.endpoint, situation.now_ns
    times: list[int] = []
    if any(one.published and one.percent < 100 for one in plan.members):
        ramp_ns = seconds(endpoint.policy.ramp_s / RAMP_STEPS)
        times += [now_ns + ramp_ns] if ramp_ns else []
    for override in situation.overrides:
        match override:
            case Evacuation(at_ns=at_ns, step_s=step_s, step_count=count):
                times += [at_ns + seconds(step_s * index) for index in range(count)]
            case Freeze(until_ns=until_ns) | Waiver(until_ns=until_ns):
                times += [until_ns] if until_ns is not None else []
    kept = any(one.published and one.verdict is Verdict.DOWN for one in plan.members)
    if kept or shed(situation, plan):  # the budget may be what keeps or blocks them
        times += [one.at_ns + seconds(endpoint.budget.window_s) for one in situation.removals]
    if situation.cell is not None and (kept or withdrawn(situation, plan)):
        times += [situation.cell.frees_at_ns, situation.cell.other_until_ns]
    later = [one for one in times if one > now_ns]
    return (WakeAt(at_ns=Nanos(min(later))),) if later else ()
