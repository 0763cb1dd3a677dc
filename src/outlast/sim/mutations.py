"""Mutations: functions that make a wrong version of a right one. `mutantlist` says which and where."""

from dataclasses import replace
from typing import Any

from outlast.core import enact
from outlast.core.messages import (
    CommitLost,
    CommitPlan,
    Confirm,
    FetchNewest,
    Newest,
    OverridesChanged,
    Read,
    ReadProvider,
    RetryAt,
    Woken,
    Wrote,
)
from outlast.core.verify import compare
from outlast.model.fence import Epoch
from outlast.model.health import Verdict
from outlast.model.plan import (
    Absent,
    DriftKind,
    Observation,
    OutcomeKind,
    Proof,
    Transaction,
)
from outlast.model.records import RecordType
from outlast.model.units import Generation
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
            return enact._confirmed(state, phase.plan, proof, "", event.at_ns)  # noqa: SLF001

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
        return enact._confirmed(state, phase.plan, proof, "", event.at_ns)  # noqa: SLF001

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


# planning


def always_empty(_original: Any) -> Any:
    """Make no rules at all."""
    return ()


def without_rule(name: str) -> Change:
    """Take one rule away from the guard."""
    return lambda rules: tuple(one for one in rules if one.__name__ != name)


def down_when_unknown(original: Any) -> Any:
    """Take unknown for down."""

    def choose(question: Any) -> Any:
        health = tuple(
            (
                target,
                replace(
                    one, verdict=Verdict.DOWN if one.verdict is Verdict.UNKNOWN else one.verdict
                ),
            )
            for target, one in question.health
        )
        return original(replace(question, health=health))

    return choose


def lose_the_endpoint(original: Any) -> Any:
    """Forget the endpoint when a commit was lost."""

    def fold(state: Any, event: Any) -> Any:
        after, commands = original(state, event)
        if isinstance(event, CommitLost):
            after = replace(after, endpoint=None)
        return after, commands

    return fold


def collect_overrides(original: Any) -> Any:
    """Keep every override that was ever in force."""

    def fold(state: Any, event: Any) -> Any:
        if isinstance(event, OverridesChanged):
            event = replace(event, overrides=(*state.overrides, *event.overrides))
        return original(state, event)

    return fold


def only_the_future(original: Any) -> Any:
    """Ignore events dated before the start."""

    def fold(state: Any, event: Any) -> Any:
        return (state, ()) if event.at_ns < state.since_ns else original(state, event)

    return fold


def own_numbers(original: Any) -> Any:
    """Count generations by the own head alone."""
    del original
    return property(lambda self: self.head.generation if self.head is not None else 0)


# retiring


def by_age(original: Any) -> Any:
    """Keep the newest few, whatever is live."""
    del original
    return lambda state, kept: state.stored[: -(kept + 1)]


def no_predecessor(original: Any) -> Any:
    """Keep nothing older than what is live."""
    del original

    def retirable(state: Any, _kept: int) -> Any:
        oldest = min((generation for _, generation in state.live), default=0)
        return tuple(one for one in state.stored if one < oldest)

    return retirable


def touch_others(original: Any) -> Any:
    """Delete somebody else's record too."""

    def data_sets(layout: Any, found: Any, plan: Any) -> Any:
        sets = original(layout, found, plan)
        return [*sets, (f"_elsewhere.{layout.zone}", RecordType.A)]

    return data_sets


def forget_fence(original: Any) -> Any:
    """Leave the fence out of what is written."""

    def move(plan: Any, found: Any, fence: Any, *, spend_epoch: bool) -> Any:
        made = original(plan, found, fence, spend_epoch=spend_epoch)
        at = plan.layout.fence_at
        return replace(made, additions=tuple(one for one in made.additions if one.name != at))

    return move


def adopt_nothing(original: Any) -> Any:
    """Never adopt."""
    del original
    return lambda state, *_: (state, ())


def records_differ(original: Any) -> Any:
    """Only other records or another place make a new plan."""
    del original
    return lambda _state, head, plan: plan.digest != head.digest or plan.layout != head.layout


def same_place_only(original: Any) -> Any:
    """Plan anew only where the names stayed the same."""
    return lambda state, head, plan: plan.layout == head.layout and original(state, head, plan)


def commit_blindly(original: Any) -> Any:
    """The driver commits whatever the store's newest plan is by now."""

    def carry_out(self: Any, site: Any, world: Any, *, told: bool = True) -> Any:
        command = self.todo[0]
        if isinstance(command, CommitPlan):
            head = world.rows[site.index].head
            newest = Generation(head.generation if head is not None else 0)
            self.todo = (replace(command, expected=newest), *self.todo[1:])
        return original(self, site, world, told=told)

    return carry_out
