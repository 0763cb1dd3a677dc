"""Dual: one endpoint at several providers, as one machine around one `enact` machine for each.

Each provider keeps its own fence, so nothing here is needed for safety: whatever this machine does, no
provider goes back, none is emptied, and each shows exactly one plan. It is there so that the world does not
get two answers for longer than it must.

    enact says Write  --->  is the gate open for this plan?  -- yes -->  the write goes out
                                  |  no
                                  v
                            lay a mark beside the fence, wait for the others

The gate is open for a plan once every provider has taken its mark, which proves that each is reachable, takes
our writes and holds the fence that the change rests on. Then all flip, as fast as messages travel. It is
open as well if the plan is published anywhere already (then the others must follow, whatever happened), and
for the plans by which people repair things: rescued, adopted, rolled back.

If somebody is not ready within the window, the operator's choice decides (`Lagging`): *hold*, and say so;
*go on* with those that are ready, the last one follows when it can; or *roll back*: hold before the flip,
and if one fails in the middle of it, ask for the plan before as a new generation. A generation never returns.
"""

from dataclasses import dataclass, replace

from outlast.core import enact
from outlast.core.messages import (
    EnactCommand,
    EnactEvent,
    Read,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.core.transact import lay
from outlast.model.fence import Mark, parse_fence
from outlast.model.names import EnactorName, ProviderName
from outlast.model.plan import (
    Drift,
    DriftKind,
    Lagging,
    Layout,
    Observation,
    Origin,
    OutcomeKind,
    Plan,
)
from outlast.model.units import NO_GENERATION, Generation, Nanos, millis, seconds

LOOK_AGAIN_NS = millis(200)
"""How often those who wait at the gate look again."""

REPAIRS = {Origin.RESCUE, Origin.ADOPTED, Origin.ROLLBACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One provider.

    Attributes:
        laid: the plan whose mark it has taken; 0: none.
        live: the generation seen there last; 0: no fence of ours.
        laying: the plan whose mark is being written; 0: none.
    """

    machine: enact.State
    laid: Generation = NO_GENERATION
    live: Generation = NO_GENERATION
    laying: Generation = NO_GENERATION

    @property
    def provider(self) -> ProviderName:
        """Whose lane it is."""
        return self.machine.layout.provider


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One enactor's view of one endpoint at all its providers.

    Attributes:
        wanted: the plan that somebody waits for at the gate; 0: nobody does.
        since_ns: since when.
        told: the plan of which a lag was told.
    """

    lanes: tuple[Lane, ...]
    wanted: Generation = NO_GENERATION
    since_ns: Nanos = Nanos(0)
    told: Generation = NO_GENERATION


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """Publish what was before this plan, as a new generation: a provider failed in the middle of it."""

    generation: Generation


Tagged = tuple[ProviderName, EnactCommand | RollBack]
Step = tuple[State, tuple[Tagged, ...]]


def places(layout: Layout) -> tuple[Layout, ...]:
    """Return the layout at each of its providers."""
    return tuple(replace(layout, provider=one) for one in layout.providers)


def at_place(plan: Plan, provider: ProviderName) -> Plan:
    """Return the plan as it is for one of its providers."""
    return replace(plan, layout=replace(plan.layout, provider=provider))


def begin(enactor: EnactorName, layout: Layout, seen: Generation) -> State:
    """Return a machine that knows nothing yet but the highest generation ever seen."""
    machines = (enact.State(enactor=enactor, layout=one, seen=seen) for one in places(layout))
    return State(lanes=tuple(Lane(machine=one) for one in machines))


def step(state: State, provider: ProviderName, event: EnactEvent) -> Step:
    """Take one event of one provider. Events of providers that are none of ours change nothing."""
    lane = next((one for one in state.lanes if one.provider == provider), None)
    if lane is None:
        return state, ()
    if isinstance(event, Wrote) and lane.laying:
        return _on_laid(state, lane, event)
    if isinstance(event, Read):
        lane = _with_sight(lane, event.observation)
    before = lane.machine.phase
    machine, commands = enact.step(lane.machine, event)
    state = _with(state, replace(lane, machine=machine))
    if isinstance(before, enact.Choosing) and isinstance(machine.phase, enact.Writing):
        plan = machine.phase.plan
        if not is_open(state, plan, event.at_ns):
            return _wait(state, provider, before.found, event.at_ns)
    state, more = _after(state, provider, event.at_ns)
    return state, (*((provider, one) for one in commands), *more)


def is_open(state: State, plan: Plan, at_ns: Nanos) -> bool:
    """Whether a plan may be published now."""
    generation = plan.generation
    if plan.origin in REPAIRS or any(one.live >= generation for one in state.lanes):
        return True
    ready = [one for one in state.lanes if one.laid == generation]
    if len(ready) == len(state.lanes):
        return True
    late = state.wanted == generation and _is_late(state, plan.layout, at_ns)
    return late and bool(ready) and plan.layout.lagging is Lagging.GO_ON


def _is_late(state: State, layout: Layout, at_ns: Nanos) -> bool:
    return at_ns - state.since_ns >= seconds(layout.window_s)


def _with(state: State, lane: Lane) -> State:
    lanes = tuple(lane if one.provider == lane.provider else one for one in state.lanes)
    return replace(state, lanes=lanes)


def _lane(state: State, provider: ProviderName) -> Lane:
    return next(one for one in state.lanes if one.provider == provider)


def _with_sight(lane: Lane, observation: Observation) -> Lane:
    fence = parse_fence(observation.fence)
    return replace(lane, live=fence.generation if fence is not None else NO_GENERATION)


def _wait(state: State, provider: ProviderName, found: Observation, at_ns: Nanos) -> Step:
    """Hold a write back: lay a mark if that is not done, and look again soon."""
    lane = _lane(state, provider)
    phase = lane.machine.phase
    if not isinstance(phase, enact.Writing):
        return state, ()
    plan = phase.plan
    machine = replace(lane.machine, phase=enact.Idle(), attempts=0)
    lane = replace(lane, machine=machine)
    if state.wanted != plan.generation:
        state = replace(state, wanted=plan.generation, since_ns=at_ns)
    if found.laid == (str(Mark(plan.generation, plan.digest)),):
        lane = replace(lane, laid=plan.generation)
    if lane.laid != plan.generation:
        state = _with(state, replace(lane, laying=plan.generation))
        return state, ((provider, Write(transaction=lay(plan, found))),)
    state = _with(state, lane)
    return _knock(state, provider, plan, at_ns)


def _knock(state: State, provider: ProviderName, plan: Plan, at_ns: Nanos) -> Step:
    """A provider is ready. If the gate is open now all go; if not, say who is missing, in time."""
    if is_open(state, plan, at_ns):
        return _wake_all(state, at_ns)
    again = (provider, RetryAt(at_ns=Nanos(at_ns + LOOK_AGAIN_NS)))
    if not _is_late(state, plan.layout, at_ns) or state.told == plan.generation:
        return state, (again,)
    missing = [str(one.provider) for one in state.lanes if one.laid != plan.generation]
    drift = Drift(
        endpoint=plan.endpoint,
        provider=provider,
        kind=DriftKind.LAGGING,
        message=f"generation {plan.generation} waits for {', '.join(missing)}",
        at_ns=at_ns,
    )
    report = ReportDrift(drift=drift, observation=None, seen=NO_GENERATION)
    return replace(state, told=plan.generation), ((provider, report), again)


def _wake_all(state: State, at_ns: Nanos) -> Step:
    """Let every provider that rests read again: each chooses anew, in case something newer came meanwhile."""
    commands: tuple[Tagged, ...] = ()
    for lane in state.lanes:
        if isinstance(lane.machine.phase, enact.Idle) and not lane.laying:
            woken = Woken(layout=lane.machine.layout, at_ns=at_ns)
            machine, more = enact.step(lane.machine, woken)
            state = _with(state, replace(lane, machine=machine))
            commands += tuple((lane.provider, one) for one in more)
    return state, commands


def _on_laid(state: State, lane: Lane, event: Wrote) -> Step:
    """The mark was taken, or it was not: then look again, with whatever is newest then."""
    generation = lane.laying
    taken = event.outcome.kind is OutcomeKind.APPLIED
    lane = replace(lane, laying=NO_GENERATION, laid=generation if taken else lane.laid)
    state = _with(state, lane)
    if taken and all(one.laid == generation for one in state.lanes):
        return _wake_all(state, event.at_ns)
    return state, ((lane.provider, RetryAt(at_ns=Nanos(event.at_ns + LOOK_AGAIN_NS))),)


def _after(state: State, provider: ProviderName, at_ns: Nanos) -> Step:
    """In the middle of a flip: if one provider fails, the others may be asked to go back."""
    layout = _lane(state, provider).machine.layout
    flipped = max(one.live for one in state.lanes)
    behind = [one for one in state.lanes if one.live < flipped]
    if (
        layout.lagging is not Lagging.ROLL_BACK
        or not behind
        or state.wanted != flipped
        or state.told == flipped
        or not _is_late(state, layout, at_ns)
    ):
        return state, ()
    return replace(state, told=flipped), ((provider, RollBack(generation=flipped)),)
