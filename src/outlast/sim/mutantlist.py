"""The list of mutants: what a tired programmer might write or leave out, and the world that shows it."""

from outlast.model.plan import DriftKind, OutcomeKind
from outlast.sim import mutations as change
from outlast.sim import mutationsplan as planning
from outlast.sim.mutants import Mutant
from outlast.sim.mutantsbeyond import BEYOND

ENACT, TRANSACT = "outlast.core.enact", "outlast.core.transact"
LOOP, RETIRE = "outlast.core.loop", "outlast.core.retire"
WORLD = "outlast.sim.world"
CONDITIONS = f"{TRANSACT}:_conditions"
WRITTEN = f"{ENACT}:_on_written"
START = f"{ENACT}:_start_write"
RULES = "outlast.core.guard:RULES"


_WRITES = (
    Mutant(
        name="drop the fence from the condition",
        about="any writer that saw the epoch may overwrite",
        changes=((CONDITIONS, change.only_epoch),),
    ),
    Mutant(
        name="drop the fence from the condition, one enactor",
        about="a write in flight when its writer died lands on its own successor's work",
        changes=((CONDITIONS, change.only_epoch),),
        faults=("crash",),
        enactors=1,
    ),
    Mutant(
        name="drop the epoch from the condition",
        about="an absence seen before the first wipe serves again after the second",
        changes=((CONDITIONS, change.only_fence),),
        faults=("wipe",),
        count=1,
    ),
    Mutant(
        name="never move the epoch on",
        about="the absence that was healed can be used once more",
        changes=((f"{ENACT}:move", change.never_spend),),
        faults=("wipe",),
        count=1,
    ),
    Mutant(
        name="epochs without a nonce",
        about="a wiped epoch comes back as the same value",
        changes=((f"{TRANSACT}:Epoch", change.constant_epoch),),
        faults=("wipe-zone",),
        plans=2,
        count=1,
    ),
    Mutant(
        name="create the epoch together with the data",
        about="a wiped zone accepts whatever was prepared while it had no epoch",
        changes=(
            (f"{ENACT}:parse_epoch", change.epoch_or_none),
            (f"{TRANSACT}:parse_epoch", change.epoch_or_none),
        ),
        faults=("wipe-zone",),
    ),
    Mutant(
        name="write without the fence record",
        about="nothing is left to hold the next write against",
        changes=((f"{ENACT}:move", planning.forget_fence),),
    ),
    Mutant(
        name="delete one name too many",
        about="somebody else's record goes with ours",
        changes=((f"{TRANSACT}:_data_sets", planning.touch_others),),
    ),
    Mutant(
        name="remove a CNAME only where it was seen",
        about="one planted since makes the server drop our addresses without a word",
        changes=((f"{TRANSACT}:_data_sets", change.keep_cname),),
        faults=("plant-cname",),
    ),
)


HOLDS, CARRY_OUT = f"{WORLD}:holds", f"{WORLD}:carry_out"
_PROVIDER = (
    Mutant(
        name="provider: conditions are not looked at",
        about="the lease-only grade sold as a full fence",
        changes=((HOLDS, change.always(value=True)),),
    ),
    Mutant(
        name="provider: a late packet needs no condition",
        about="a write whose sender gave up undoes what came after it",
        changes=((HOLDS, change.always(value=True)),),
        faults=("late-write",),
        enactors=1,
    ),
    Mutant(
        name="provider: a copy of a packet needs no condition",
        about="the same bytes arrive twice, and count twice",
        changes=((HOLDS, change.always(value=True)),),
        faults=("duplicate",),
        enactors=1,
    ),
    Mutant(
        name="provider: an absence is never checked",
        about="prerequisites of the form `does not exist` are skipped",
        changes=((f"{ENACT}:move", change.never_spend), (HOLDS, change.any_absence)),
    ),
    Mutant(
        name="provider: half a transaction",
        about="deletions and fence are carried out, addresses are not",
        changes=((CARRY_OUT, change.half),),
    ),
    Mutant(
        name="provider: a refused write leaks its addresses",
        about="the refusal does not roll everything back",
        changes=((CARRY_OUT, change.despite),),
    ),
)


AHEAD = (
    (f"{ENACT}:compare", change.ahead_is_behind),
    (f"{ENACT}:_on_newest", change.drop_mark_check),
)
_CHOOSING = (
    Mutant(
        name="compare turned round: ahead counts as behind",
        about="a rescue is overwritten by the older plan in hand",
        changes=AHEAD,
        faults=("rescue",),
    ),
    Mutant(
        name="compare turned round, stale store",
        about="a replica of the store drags the DNS back",
        changes=AHEAD,
        faults=("store-stale",),
        enactors=1,
    ),
    Mutant(
        name="choose the plan before reading the fence",
        about="after a wipe there is no fence to hold the old plan against",
        changes=((f"{ENACT}:step", change.plan_before_fence),),
        faults=("wipe",),
        plans=2,
    ),
    Mutant(
        name="a loser keeps its plan",
        about="the October 2025 shape: a delayed enactor forces its old plan in",
        changes=((f"{ENACT}:_settle", change.keep_old_plan),),
    ),
    Mutant(
        name="ignore the mark of the highest generation read",
        about="a store that went back drags the DNS with it once the fence is gone",
        changes=((f"{ENACT}:_on_newest", change.drop_mark_check),),
        faults=("store-rollback", "wipe"),
        enactors=3,
    ),
    Mutant(
        name="only the mark proves that records are ours",
        about="an enactor on a new disk leaves its own zone alone for ever",
        changes=((f"{ENACT}:_ours", change.mark_alone_owns),),
        faults=("crash-forgets", "wipe-fence"),
        enactors=1,
    ),
    Mutant(
        name="no branch for an empty endpoint",
        about="the October 2025 wedge: what is missing cannot be stepped out of",
        changes=((START, change.rest_where(DriftKind.EMPTY)),),
        faults=("wipe",),
    ),
    Mutant(
        name="no branch for a missing fence",
        about="records without their fence are left alone for ever",
        changes=((START, change.rest_where(DriftKind.FENCE_ABSENT)),),
        faults=("wipe-fence",),
    ),
    Mutant(
        name="no branch for garbage in the fence's place",
        about="one stray TXT record stops all automation",
        changes=((START, change.rest_where(DriftKind.FENCE_FOREIGN)),),
        faults=("alter-fence",),
    ),
    Mutant(
        name="no branch for altered records",
        about="a foreign address is served for ever",
        changes=((START, change.rest_where(DriftKind.CONTENT)),),
        faults=("alter-records",),
    ),
    Mutant(
        name="do not compare the records, only the fence",
        about="what stands there is believed because of its label",
        changes=(("outlast.core.verify:same_content", change.always(value=True)),),
        faults=("wipe-records",),
    ),
)


_OUTCOMES = (
    Mutant(
        name="skip the read-back",
        about="a publication is confirmed that nobody saw",
        changes=((WRITTEN, change.confirm_unseen(frozenset({OutcomeKind.APPLIED}))),),
    ),
    Mutant(
        name="take a time-out for success",
        about="a write is confirmed that may never have arrived",
        changes=((WRITTEN, change.confirm_unseen(frozenset({OutcomeKind.UNKNOWN}))),),
        faults=("lost-request",),
    ),
    Mutant(
        name="take a lost reply for success",
        about="a write is confirmed that nobody saw",
        changes=((WRITTEN, change.confirm_unseen(frozenset({OutcomeKind.UNKNOWN}))),),
        faults=("lost-reply",),
    ),
    Mutant(
        name="read back, but do not look",
        about="a server that drops addresses, or answers from the past, is believed",
        changes=((f"{ENACT}:_settle", change.confirm_anyhow),),
        faults=("read-behind",),
        enactors=1,
    ),
    Mutant(
        name="read back, but do not look, at a server that drops",
        about="acknowledged, fence moved, no address: and confirmed",
        changes=((f"{ENACT}:_settle", change.confirm_anyhow),),
        faults=("drops-silently",),
        enactors=1,
    ),
    Mutant(
        name="what is found in order is not recorded",
        about="one lost receipt and nobody ever knows that the plan is live",
        changes=((f"{ENACT}:_on_newest", change.silent_proof),),
        faults=("store-lost-write",),
        enactors=1,
    ),
    Mutant(
        name="wait for ever after `busy`",
        about="one throttled request and the enactor is gone",
        changes=((WRITTEN, change.waits_for_ever(OutcomeKind.BUSY)),),
        faults=("throttled",),
        enactors=1,
    ),
    Mutant(
        name="wait for ever after a rejection",
        about="an hour of read-only DNS and the enactor is gone",
        changes=((WRITTEN, change.waits_for_ever(OutcomeKind.REJECTED)),),
        faults=("read-only",),
        enactors=1,
    ),
    Mutant(
        name="wait for ever after a read that failed",
        about="one lost packet and the enactor is gone",
        changes=((f"{ENACT}:_on_read_failed", change.ignore_failed_read),),
        faults=("lost-request",),
        enactors=1,
    ),
    Mutant(
        name="never try again",
        about="whatever failed once stays as it is",
        changes=((f"{ENACT}:_retry", change.give_up_after),),
        faults=("throttled",),
        enactors=1,
    ),
    Mutant(
        name="driver: ask the store once",
        about="a store that is away for a second takes the enactor with it",
        changes=(("outlast.sim.roleenactor:Enactor._fetch", change.ask_once),),
        faults=("store-down",),
        enactors=1,
    ),
)


_PLANNING = (
    Mutant(
        name="unknown counts as down, and nobody asks for evidence",
        about="a dead monitor takes the service down with it",
        changes=(
            ("outlast.core.plan:choose", planning.down_when_unknown),
            (RULES, planning.without_rule("evidence")),
        ),
        faults=("probes-silent",),
    ),
    Mutant(
        name="no floor for a family, and the guard sleeps",
        about="IPv6 goes to nothing while IPv4 is well",
        changes=(
            ("outlast.core.choose:_keep_for_floor", change.always(value={})),
            (RULES, planning.always_empty),
            (f"{TRANSACT}:_check", change.always(value=None)),
        ),
        faults=("probes-lie",),
    ),
    Mutant(
        name="plan although frozen",
        about="automation undoes what an operator does by hand",
        changes=((RULES, planning.without_rule("frozen")),),
        faults=("freeze",),
    ),
    Mutant(
        name="a plan altered on its way, and the guard sleeps",
        about="the fence would name what is not published",
        changes=(
            (RULES, planning.always_empty),
            ("outlast.core.plan:digest_of", change.always(value="0" * 32)),
        ),
    ),
    Mutant(
        name="overrides are collected, never lifted",
        about="a region that was evacuated once never serves again",
        changes=((f"{LOOP}:_fold", planning.collect_overrides),),
        faults=("evacuate",),
    ),
    Mutant(
        name="events from before the start are ignored",
        about="a clock that leaps back makes the planner deaf",
        changes=((f"{LOOP}:_fold", planning.only_the_future),),
        faults=("clock-jump",),
    ),
    Mutant(
        name="never adopt what was found live",
        about="automation fights a rescue instead of going on from it",
        changes=(
            (f"{LOOP}:_adopt", planning.adopt_nothing),
            (f"{LOOP}:_differs", planning.records_differ),
        ),
        faults=("rescue",),
    ),
    Mutant(
        name="count generations by the store alone",
        about="a store that begins anew hands out numbers that are live already",
        changes=(
            (f"{LOOP}:_adopt", planning.adopt_nothing),
            (f"{LOOP}:State.newest", planning.own_numbers),
        ),
        faults=("store-lost",),
    ),
    Mutant(
        name="a lost commit loses the endpoint",
        about="one lost reply of the store and the planner never plans again",
        changes=((f"{LOOP}:_fold", planning.lose_the_endpoint),),
        faults=("store-lost-reply",),
    ),
    Mutant(
        name="driver: commit without comparing",
        about="two planners give one number to two plans",
        changes=(("outlast.sim.roleplanner:Planner.carry_out", planning.commit_blindly),),
        faults=("split-planner",),
    ),
    Mutant(
        name="changes of the topology are not taken up",
        about="a new name is never published",
        changes=((f"{LOOP}:_differs", planning.same_place_only),),
        faults=("topology-edit",),
    ),
)


RETIRABLE = f"{RETIRE}:_retirable"
_RETIRING = (
    Mutant(
        name="retire by age",
        about="the plan that is live is deleted because it is old",
        changes=((RETIRABLE, planning.by_age),),
        plans=5,
    ),
    Mutant(
        name="retire the predecessor",
        about="there is nothing left to go back to",
        changes=((RETIRABLE, planning.no_predecessor),),
        plans=5,
    ),
)


def mutants() -> tuple[Mutant, ...]:
    """Return all mutants, in the order of the table."""
    return (*_WRITES, *_PROVIDER, *_CHOOSING, *_OUTCOMES, *_PLANNING, *_RETIRING, *BEYOND)
