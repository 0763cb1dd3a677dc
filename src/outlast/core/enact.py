"""Enact: one enactor's work on one endpoint, as a machine: read -> choose -> write -> confirm.

                 Woken            Read              Newest            Wrote             Read
        IDLE ------------> READING -----> CHOOSING --------> WRITING -------> CONFIRMING ----> IDLE
         ^                    ^              |  no epoch yet    |  unknown        |
         |                    |              +---> SEEDING      +---> DOUBTING    |
         +--- nothing to do --+<------ refused, lost, settled, drift --------------+

Order is the point.

* The fence is read *before* the plan is chosen, and the newest plan is fetched *after*, in one atomic
  answer. An enactor that chose first and then looked at the fence could, after a wipe, find no fence to
  hold its old plan against: in a trial, 110 of 200 seeds published backwards.
* The write says "the fence is still what I read". If it is not, the server changes nothing, and the
  machine starts again at reading: a loser drops its plan and takes the newest, so nobody starves while
  dragging an old plan along.
* A time-out is *unknown*, never failed. DOUBTING is a state of its own. It ends by reading the fence
  again: our nonce there means that the write went through. If the old fence still stands, the abandoned
  write may yet be applied; a new one carries the same condition, so at most one of them ever is.
* After a write the provider is read back: BIND and Knot acknowledge an address beside a CNAME, move the
  fence, and drop the address without a word.

A plan that lies in a tree passes through SURVEYING and GROWING before WRITING, see `core.laying`.

Where the condition is not a well-formed fence of ours (first publication, wiped or altered fence, a fence
that went back), the write also moves the zone's epoch on, and a zone without an epoch first gets one in a
write of its own (SEEDING). `model/fence.py` tells why.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from outlast.core import laying
from outlast.core.laying import Aim, Growing, Surveying
from outlast.core.messages import (
    Confirm,
    EnactCommand,
    EnactEvent,
    FetchNewest,
    Newest,
    Read,
    ReadFailed,
    ReadProvider,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.core.transact import move, seed_epoch
from outlast.core.tree import CHUNK_BYTES_MAX
from outlast.core.verify import compare
from outlast.model.fence import Fence, parse_epoch, parse_fence
from outlast.model.names import EnactorName
from outlast.model.plan import (
    Drift,
    DriftKind,
    Layout,
    Observation,
    OutcomeKind,
    Plan,
    Proof,
    Receipt,
)
from outlast.model.units import NO_GENERATION, Generation, Nanos, millis

RETRY_FIRST_NS = millis(50)
RETRY_MAX_NS = millis(5_000)
LOST_MAX = 10
"""Races lost in a row after which the next try waits, longer each time."""
HEALS_MAX = 8
"""Heals that are remembered while their outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Nothing under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Waiting for what the provider holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """Waiting for the newest plan, having seen `found`."""

    found: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeding:
    """Waiting for the zone's first epoch to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """Waiting for the outcome of a write that moves the fence to `fence`."""

    plan: Plan
    fence: Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubting:
    """The outcome of a write is unknown; waiting for the fence to tell."""

    plan: Plan
    fence: Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirming:
    """The write was acknowledged; waiting to see it."""

    plan: Plan
    fence: Fence


Phase = Idle | Reading | Choosing | Seeding | Surveying | Growing | Writing | Doubting | Confirming


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One enactor's view of one endpoint at one provider.

    Attributes:
        seen: the highest generation ever read there: a mark that is kept across restarts in the
            enactor's own file, so that neither a wiped fence nor a store that went back in time can
            make this enactor publish something older.
        attempts: failures in a row, for the back-off.
        lost: races lost in a row, for people.
        woken_at_ns: when the present work began.
        heals: nonces of the heals that were sent and not seen to stand so far, each with what it mends.
        carries: bytes that one transaction carries, where a plan does not fit it.
    """

    enactor: EnactorName
    layout: Layout
    phase: Phase = Idle()
    seen: Generation = NO_GENERATION
    attempts: int = 0
    lost: int = 0
    woken_at_ns: Nanos = Nanos(0)
    heals: tuple[tuple[str, str], ...] = ()
    carries: int = CHUNK_BYTES_MAX

    def __str__(self) -> str:
        name = type(self.phase).__name__.lower()
        return f"{self.enactor} {self.layout.endpoint} {name} seen {self.seen}"


Step = tuple[State, tuple[EnactCommand, ...]]


def step(state: State, event: EnactEvent) -> Step:
    """Take one event. Events that the phase does not wait for are late echoes and change nothing."""
    phase = state.phase
    match event:
        case Woken():
            return _on_woken(state, event)
        case Read():
            return _on_read(_with_seen(state, event.observation), event)
        case ReadFailed():
            return _on_read_failed(state, event)
        case Newest():
            return _on_newest(state, event) if isinstance(phase, Choosing) else (state, ())
        case Wrote():
            return _on_wrote(state, event)
        case _:
            assert_never(event)


def _on_woken(state: State, event: Woken) -> Step:
    match state.phase:
        case Idle():
            return _read(replace(state, layout=event.layout, woken_at_ns=event.at_ns))
        case Doubting():
            return state, (ReadProvider(layout=state.layout),)
        case _:
            return state, ()


def _read(state: State) -> Step:
    return replace(state, phase=Reading()), (ReadProvider(layout=state.layout),)


def _rest(state: State) -> State:
    return replace(state, phase=Idle(), attempts=0, lost=0, heals=())


def _retry(state: State, at_ns: Nanos, *first: EnactCommand) -> Step:
    """Go back to idle and ask to be woken, later each time."""
    wait_ns = min(RETRY_MAX_NS, RETRY_FIRST_NS << min(state.attempts, 16))
    state = replace(state, phase=Idle(), attempts=state.attempts + 1)
    return state, (*first, RetryAt(at_ns=Nanos(at_ns + wait_ns)))


def _with_seen(state: State, observation: Observation) -> State:
    fence = parse_fence(observation.fence)
    seen = fence.generation if fence is not None else NO_GENERATION
    return replace(state, seen=max(state.seen, seen))


# reading


def _on_read(state: State, event: Read) -> Step:
    match state.phase:
        case Reading():
            found = event.observation
            fetch = FetchNewest(endpoint=state.layout.endpoint)
            return replace(state, phase=Choosing(found=found)), (fetch,)
        case Doubting() | Confirming() as phase:
            return _settle(state, phase, event)
        case Surveying() as phase:
            return _on_surveyed(state, phase, event)
        case Idle() | Choosing() | Seeding() | Growing() | Writing():
            return state, ()


def _on_read_failed(state: State, event: ReadFailed) -> Step:
    match state.phase:
        case Doubting():
            # Still unknown. Keep the doubt: only a fence that was read can end it.
            doubting = state.phase
            state, commands = _retry(state, event.at_ns)
            return replace(state, phase=doubting), commands
        case Reading() | Confirming() | Surveying():
            return _unreachable(state, event.detail, event.at_ns)
        case Idle() | Choosing() | Seeding() | Growing() | Writing():
            return state, ()


def _settle(state: State, phase: Doubting | Confirming, event: Read) -> Step:
    """After a write: see what really stands there."""
    found = compare(phase.plan, event.observation)
    if isinstance(found, Proof):
        return _confirmed(state, phase.plan, found, event.at_ns)
    if parse_fence(event.observation.fence) == phase.fence:
        # Our fence moved, the records did not follow: acknowledged and dropped.
        return _retry(state, event.at_ns, _report(state, found, event.observation))
    # Somebody else's fence: lost, or overtaken since. Or the old one still: not applied so far.
    state = replace(state, lost=state.lost + 1)
    if state.lost >= LOST_MAX:
        # Not bad luck any more: reads and conditions see different things here. Do not hammer the server.
        return _retry(state, event.at_ns, _report(state, found, event.observation))
    return _read(state)


# choosing


def _on_newest(state: State, event: Newest) -> Step:
    if not isinstance(state.phase, Choosing):
        return state, ()
    found, plan = state.phase.found, event.plan
    if plan is None or plan.layout.provider != state.layout.provider:
        return _rest(state), ()
    if plan.layout != state.layout:
        return _read(replace(state, layout=plan.layout))  # not all that will be written was read
    verdict = compare(plan, found)
    if isinstance(verdict, Proof):
        return _confirmed(state, plan, verdict, event.at_ns)
    if verdict.kind is DriftKind.AHEAD or plan.generation < state.seen:
        # Never go back: neither behind the fence that stands nor behind any seen before it was wiped.
        ahead = replace(verdict, kind=DriftKind.AHEAD)
        return _rest(state), (_report(state, ahead, found),)
    if not _ours(state, plan, event, found):
        foreign = replace(verdict, kind=DriftKind.FOREIGN)
        return _rest(state), (_report(state, foreign, found),)
    return _start_write(state, plan, verdict, event)


def _ours(state: State, plan: Plan, event: Newest, found: Observation) -> bool:
    """Whether what stands at the names without any fence may be replaced."""
    if found.fence or plan.owns or event.confirmed or state.seen:
        return True
    return all(one in plan.record_sets for one in found.record_sets)


def _start_write(state: State, plan: Plan, verdict: Drift, event: Newest) -> Step:
    if not isinstance(state.phase, Choosing):
        return state, ()
    found = state.phase.found
    if parse_epoch(found.epoch) is None:
        seed = seed_epoch(plan.layout, found, event.nonce)
        return replace(state, phase=Seeding()), (Write(transaction=seed),)
    aim = Aim(plan=plan, found=found, verdict=verdict, newest=event)
    if not plan.layout.tree:
        return _write(state, aim)
    surveying, reading = laying.survey(aim)
    return replace(state, phase=surveying), (reading,)


def _write(state: State, aim: Aim) -> Step:
    plan, found, event = aim.plan, aim.found, aim.newest
    fence = Fence(
        generation=plan.generation,
        digest=plan.digest,
        nonce=event.nonce,
        writer=state.enactor,
        signature=plan.signature,
    )
    standing = parse_fence(found.fence)
    trusted = standing is not None and standing.generation >= state.seen
    write = Write(transaction=move(plan, found, fence, spend_epoch=not trusted))
    ordinary = aim.verdict.kind is DriftKind.BEHIND and trusted
    first = not state.seen and not event.confirmed
    state = replace(state, phase=Writing(plan=plan, fence=fence))
    if ordinary or first:
        return state, (write,)
    heals = (*state.heals, (fence.nonce, str(aim.verdict.kind)))[-HEALS_MAX:]
    return replace(state, heals=heals), (_report(state, aim.verdict, found), write)


def _on_surveyed(state: State, phase: Surveying, event: Read) -> Step:
    """The tree was read: flip to it if it stands whole, else go on laying it."""
    if laying.overtaken(phase.aim, event.observation):
        return _read(replace(state, lost=state.lost + 1))
    going = laying.surveyed(phase, event.observation, state.carries)
    if going is None:
        return _write(state, phase.aim)
    if phase.times > laying.SURVEYS_MAX:
        return _retry(state, event.at_ns, _report(state, phase.aim.verdict, phase.aim.found))
    growing, write = going
    return replace(state, phase=growing), (write,)


def _report(state: State, drift: Drift, observation: Observation | None) -> ReportDrift:
    return ReportDrift(drift=drift, observation=observation, seen=state.seen)


# writing


def _on_wrote(state: State, event: Wrote) -> Step:
    match state.phase:
        case Seeding():
            if event.outcome.kind in {OutcomeKind.REJECTED, OutcomeKind.BUSY}:
                return _failed(state, event)
            return _read(state)  # seeded by us or by somebody else, or unknown: look
        case Writing() as phase:
            return _on_written(state, phase, event)
        case Growing() as growing:
            if event.outcome.kind in {OutcomeKind.REJECTED, OutcomeKind.BUSY}:
                return _failed(state, event)
            after, command = laying.grown(growing, event)
            return replace(state, phase=after), (command,)
        case Idle() | Reading() | Choosing() | Surveying() | Doubting() | Confirming():
            return state, ()


def _on_written(state: State, phase: Writing, event: Wrote) -> Step:
    match event.outcome.kind:
        case OutcomeKind.APPLIED:
            # Seen from now on, even if somebody wipes it before it is read back: without this mark our
            # own records beside a missing fence would look like a stranger's, for ever.
            seen = max(state.seen, phase.fence.generation)
            confirming = Confirming(plan=phase.plan, fence=phase.fence)
            reading = (ReadProvider(layout=state.layout),)
            return replace(state, phase=confirming, seen=seen), reading
        case OutcomeKind.UNKNOWN | OutcomeKind.REFUSED:
            # A refusal may come from our own first copy, so it is settled by reading as well.
            doubting = Doubting(plan=phase.plan, fence=phase.fence)
            return replace(state, phase=doubting), (ReadProvider(layout=state.layout),)
        case OutcomeKind.REJECTED | OutcomeKind.BUSY:
            return _failed(state, event)


def _failed(state: State, event: Wrote) -> Step:
    """Nothing changed. Say so, and try again later with whatever is newest then."""
    return _unreachable(state, f"write {event.outcome.kind}: {event.outcome.detail}", event.at_ns)


def _unreachable(state: State, message: str, at_ns: Nanos) -> Step:
    drift = Drift(
        endpoint=state.layout.endpoint,
        provider=state.layout.provider,
        kind=DriftKind.UNREACHABLE,
        message=message,
        at_ns=at_ns,
    )
    return _retry(state, at_ns, _report(state, drift, None))


def _confirmed(state: State, plan: Plan, proof: Proof, at_ns: Nanos) -> Step:
    # By the nonce that stands there, not by the write that was last in hand: a heal whose answer was lost
    # refuses the next try of its own writer. A stranger's nonce is the stranger's heal, to be told by them.
    receipt = Receipt(
        endpoint=plan.endpoint,
        provider=proof.provider,
        enactor=state.enactor,
        fence=proof.fence,
        at_ns=at_ns,
        healed=dict(state.heals).get(proof.fence.nonce, ""),
        took_ns=Nanos(at_ns - state.woken_at_ns),
    )
    return _rest(state), (Confirm(receipt=receipt, plan=plan),)
