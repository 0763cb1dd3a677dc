"""Mutations: functions that make a wrong version of a right one. `mutantlist` says which and where."""

from dataclasses import replace
from typing import Any

from outlast.core import enact
from outlast.core.messages import (
    Confirm,
    FetchNewest,
    Newest,
    Read,
    ReadProvider,
    RetryAt,
    Woken,
    Wrote,
)
from outlast.core.verify import compare
from outlast.model.fence import Epoch
from outlast.model.plan import (
    Absent,
    DriftKind,
    Observation,
    OutcomeKind,
    Proof,
    Transaction,
)
from outlast.model.records import RecordType
from outlast.sim.mutants import Change
from outlast.sim.world import put


def always(value: Any) -> Change:
    """Make a function that gives one answer whatever it is asked."""
    return lambda _original: lambda *_args, **_named: value


# conditions of writes


def only_epoch(original: Any) -> Any:
    """Leave the fence out of the conditions."""
    return lambda layout, found: original(layout, found)[:1]


def only_fence(original: Any) -> Any:
    """Leave the epoch out of the conditions."""
    return lambda layout, found: original(layout, found)[1:]


def never_spend(original: Any) -> Any:
    """Never move the epoch on."""
    return lambda plan, found, fence, **_named: original(plan, found, fence, spend_epoch=False)


def constant_epoch(original: Any) -> Any:
    """Make epochs with one nonce for all."""
    del original
    return lambda number, _nonce: Epoch(number, "0" * 16)


def epoch_or_none(original: Any) -> Any:
    """Take a missing epoch for epoch zero."""
    return lambda values: original(values) or Epoch(0, "0" * 16)


def any_absence(original: Any) -> Any:
    """Skip conditions of the form "does not exist"."""

    def holds(zone: Any, transaction: Transaction) -> bool:
        held = tuple(one for one in transaction.conditions if not isinstance(one, Absent))
        return not held or original(zone, replace(transaction, conditions=held))

    return holds


def half(original: Any) -> Any:
    """Carry out all of a transaction but its addresses."""

    def carry_out(zone: Any, transaction: Transaction) -> Any:
        fences = tuple(one for one in transaction.additions if one.rtype is RecordType.TXT)
        return original(zone, replace(transaction, additions=fences))

    return carry_out


def despite(original: Any) -> Any:
    """A server that keeps the fence of a refused write out but lets its addresses in."""

    def carry_out(zone: Any, transaction: Transaction) -> Any:
        after = original(zone, transaction)
        if after is not None or len(transaction.additions) < 2:
            return after
        data = [one for one in transaction.additions if one.rtype is not RecordType.TXT]
        return put(zone, *data)

    return carry_out


# choosing


def ahead_is_behind(original: Any) -> Any:
    """Call a newer live plan an older one."""

    def compare(plan: Any, observation: Any) -> Any:
        found = original(plan, observation)
        if getattr(found, "kind", None) is DriftKind.AHEAD:
            return replace(found, kind=DriftKind.BEHIND)
        return found

    return compare


def keep_old_plan(original: Any) -> Any:
    """A loser goes on with the plan it held, against the fence it sees now."""

    def settle(state: Any, phase: Any, event: Any) -> Any:
        after, commands = original(state, phase, event)
        if commands and isinstance(commands[-1], ReadProvider):
            drift: Any = compare(phase.plan, event.observation)
            nonce = f"{int(phase.fence.nonce, 16) + (1 << 20):016x}"
            again = Newest(plan=phase.plan, confirmed=1, nonce=nonce, at_ns=event.at_ns)  # type: ignore[arg-type]
            choosing = enact.Choosing(found=event.observation)
            return enact._start_write(replace(after, phase=choosing), phase.plan, drift, again)  # noqa: SLF001
        return after, commands

    return settle


def plan_before_fence(original: Any) -> Any:
    """The plan is fetched first and the fence read afterwards."""

    def step(state: Any, event: Any) -> Any:
        match event, state.phase:
            case Woken(), enact.Idle():
                fetch = FetchNewest(endpoint=state.layout.endpoint)
                nothing = Observation(
                    endpoint=state.layout.endpoint,
                    provider=state.layout.provider,
                    epoch=(),
                    fence=("not read yet",),
                    record_sets=(),
                    at_ns=event.at_ns,
                )
                return replace(state, phase=enact.Choosing(found=nothing)), (fetch,)
            case Newest(), enact.Choosing(found=Observation(fence=("not read yet",))):
                reading = enact.Choosing(found=event)  # type: ignore[arg-type]
                return replace(state, phase=reading), (ReadProvider(layout=state.layout),)
            case Read(), enact.Choosing(found=Newest() as newest):
                state = enact._with_seen(state, event.observation)  # noqa: SLF001
                choosing = enact.Choosing(found=event.observation)
                return original(replace(state, phase=choosing), newest)
        return original(state, event)

    return step


def drop_mark_check(original: Any) -> Any:
    """`plan.generation < state.seen` is left out of the choice."""

    def on_newest(state: Any, event: Any) -> Any:
        after, commands = original(replace(state, seen=min(state.seen, 1)), event)
        return replace(after, seen=max(state.seen, after.seen)), commands

    return on_newest


def rest_where(kind: DriftKind) -> Change:
    """There is no branch for one kind of drift: the enactor rests, and rests again."""

    def change(original: Any) -> Any:
        def start(state: Any, plan: Any, verdict: Any, event: Any) -> Any:
            if verdict.kind is kind and (state.seen or event.confirmed):
                return enact._rest(state), ()  # noqa: SLF001
            return original(state, plan, verdict, event)

        return start

    return change


# outcomes


def confirm_unseen(kinds: frozenset[OutcomeKind]) -> Change:
    """These outcomes are taken for success without reading back."""

    def change(original: Any) -> Any:
        def on_written(state: Any, phase: Any, event: Wrote) -> Any:
            if event.outcome.kind not in kinds:
                return original(state, phase, event)
            proof = Proof(
                endpoint=phase.plan.endpoint,
                provider=phase.plan.layout.provider,
                fence=phase.fence,
                at_ns=event.at_ns,
            )
            return enact._confirmed(state, phase.plan, proof, event.at_ns)  # noqa: SLF001

        return on_written

    return change


def give_up_after(original: Any) -> Any:
    """Whatever fails is not tried again."""

    def retry(state: Any, at_ns: Any, *first: Any) -> Any:
        after, commands = original(state, at_ns, *first)
        return after, tuple(one for one in commands if not isinstance(one, RetryAt))

    return retry


def waits_for_ever(kind: OutcomeKind) -> Change:
    """Leave one outcome of a write without an answer."""

    def change(original: Any) -> Any:
        def on_written(state: Any, phase: Any, event: Wrote) -> Any:
            if event.outcome.kind is kind:
                return state, ()
            return original(state, phase, event)

        return on_written

    return change


def confirm_anyhow(original: Any) -> Any:
    """The read-back is made, but what it says is not looked at."""

    def settle(state: Any, phase: Any, event: Any) -> Any:
        if not isinstance(phase, enact.Confirming):
            return original(state, phase, event)
        proof = Proof(
            endpoint=phase.plan.endpoint,
            provider=phase.plan.layout.provider,
            fence=phase.fence,
            at_ns=event.at_ns,
        )
        return enact._confirmed(state, phase.plan, proof, event.at_ns)  # noqa: SLF001

    return settle


def silent_proof(original: Any) -> Any:
    """What is found in order is not recorded."""

    def on_newest(state: Any, event: Any) -> Any:
        after, commands = original(state, event)
        if commands and isinstance(commands[0], Confirm):
            return after, ()
        return after, commands

    return on_newest


def mark_alone_owns(original: Any) -> Any:
    """Take the mark alone for proof of ownership."""
    del original
    return lambda state, plan, _event, found: (
        bool(found.fence or state.seen) or all(one in plan.record_sets for one in found.record_sets)
    )


def keep_cname(original: Any) -> Any:
    """Remove no CNAME."""
    return lambda layout, found, plan: [
        one for one in original(layout, found, plan) if one[1] is not RecordType.CNAME
    ]


def ask_once(original: Any) -> Any:
    """The driver does not ask the store again when it did not answer."""

    def fetch(self: Any, site: Any, world: Any, fault: str, nonce: str) -> None:
        if fault != "store-down":
            original(self, site, world, fault, nonce)

    return fetch


def ignore_failed_read(original: Any) -> Any:
    """Leave a failed read without an answer."""
    del original
    return lambda state, _event: (state, ())
