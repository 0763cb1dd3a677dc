"""Enact: what the machine does in each phase at each event, and why no event makes it go back."""

from dataclasses import replace

import pytest
from tests.support.builders import (
    E1,
    NAME,
    addresses,
    at,
    endpoint,
    epoch,
    fence,
    fence_of,
    live,
    nonce,
    observed,
    outcome,
    plan,
    provider,
)

from outlast.core.enact import (
    LOST_MAX,
    RETRY_MAX_NS,
    Choosing,
    Confirming,
    Doubting,
    Idle,
    Phase,
    Reading,
    Seeding,
    State,
    Writing,
    step,
)
from outlast.core.messages import (
    Confirm,
    EnactCommand,
    EnactEvent,
    Newest,
    Read,
    ReadFailed,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.core.plan import layout_of
from outlast.core.transact import spends_epoch
from outlast.model.errors import Bug
from outlast.model.names import DnsName, ProviderName
from outlast.model.plan import Drift, DriftKind, Held, Observation, OutcomeKind, Plan
from outlast.model.records import RecordType, digest_of
from outlast.model.topology import PublishedName
from outlast.model.units import Generation, Nanos

OF = endpoint("eu-1", "us-1")
LAYOUT = layout_of(OF, provider())
FIRST = plan(OF)
PLAN = plan(OF, "eu-1", generation=2, head=FIRST)
OLD = live(OF, FIRST)
MINE = fence_of(PLAN, number=9)
NOTHING = observed(OF)
FOREIGN = observed(OF, addresses("10.9.9.9"))
NO_EPOCH = observed(OF, epoch="")
DROPPED = observed(OF, *FIRST.record_sets, fence=MINE)


def state(phase: Phase | None = None, *, seen: int = 1, attempts: int = 0) -> State:
    return State(
        enactor=E1,
        layout=LAYOUT,
        phase=phase or Idle(),
        seen=Generation(seen),
        attempts=attempts,
        woken_at_ns=at(0),
    )


def read(found: Observation) -> Read:
    return Read(observation=found, at_ns=at(1))


def newest(wanted: Plan | None = PLAN, *, confirmed: int = 1, number: int = 9) -> Newest:
    return Newest(plan=wanted, confirmed=Generation(confirmed), nonce=nonce(number), at_ns=at(1))


def wrote(kind: OutcomeKind) -> Wrote:
    return Wrote(outcome=outcome(kind), at_ns=at(1))


PHASES: dict[str, Phase] = {
    "idle": Idle(),
    "reading": Reading(),
    "choosing": Choosing(found=OLD),
    "seeding": Seeding(),
    "writing": Writing(plan=PLAN, fence=MINE),
    "doubting": Doubting(plan=PLAN, fence=MINE),
    "confirming": Confirming(plan=PLAN, fence=MINE),
}

EVENTS: dict[str, EnactEvent] = {
    "woken": Woken(layout=LAYOUT, at_ns=at(1)),
    "read old": read(OLD),
    "read mine": read(live(OF, PLAN, 9)),
    "read theirs": read(live(OF, PLAN, 8, writer="e2")),
    "read dropped": read(DROPPED),
    "read nothing": read(NOTHING),
    "read failed": ReadFailed(detail="no answer", at_ns=at(1)),
    "newest": newest(),
    "newest none": newest(None),
    "applied": wrote(OutcomeKind.APPLIED),
    "refused": wrote(OutcomeKind.REFUSED),
    "rejected": wrote(OutcomeKind.REJECTED),
    "unknown": wrote(OutcomeKind.UNKNOWN),
    "busy": wrote(OutcomeKind.BUSY),
}

# What is not in the table is a late echo: nothing changes and nothing is asked for.
TABLE: dict[tuple[str, str], str] = {
    ("idle", "woken"): "reading ReadProvider",
    ("reading", "read old"): "choosing FetchNewest",
    ("reading", "read mine"): "choosing FetchNewest",
    ("reading", "read theirs"): "choosing FetchNewest",
    ("reading", "read dropped"): "choosing FetchNewest",
    ("reading", "read nothing"): "choosing FetchNewest",
    ("reading", "read failed"): "idle ReportDrift RetryAt",
    ("choosing", "newest"): "writing Write",
    ("choosing", "newest none"): "idle",
    ("seeding", "applied"): "reading ReadProvider",
    ("seeding", "refused"): "reading ReadProvider",
    ("seeding", "unknown"): "reading ReadProvider",
    ("seeding", "rejected"): "idle ReportDrift RetryAt",
    ("seeding", "busy"): "idle ReportDrift RetryAt",
    ("writing", "applied"): "confirming ReadProvider",
    ("writing", "refused"): "doubting ReadProvider",
    ("writing", "unknown"): "doubting ReadProvider",
    ("writing", "rejected"): "idle ReportDrift RetryAt",
    ("writing", "busy"): "idle ReportDrift RetryAt",
    ("doubting", "woken"): "doubting ReadProvider",
    ("doubting", "read mine"): "idle Confirm",
    ("doubting", "read theirs"): "idle Confirm",
    ("doubting", "read old"): "reading ReadProvider",
    ("doubting", "read nothing"): "reading ReadProvider",
    ("doubting", "read dropped"): "idle ReportDrift RetryAt",
    ("doubting", "read failed"): "doubting RetryAt",
    ("confirming", "read mine"): "idle Confirm",
    ("confirming", "read theirs"): "idle Confirm",
    ("confirming", "read old"): "reading ReadProvider",
    ("confirming", "read nothing"): "reading ReadProvider",
    ("confirming", "read dropped"): "idle ReportDrift RetryAt",
    ("confirming", "read failed"): "idle ReportDrift RetryAt",
}


def shown(after: State, commands: tuple[EnactCommand, ...]) -> str:
    names = [type(after.phase).__name__.lower(), *(type(one).__name__ for one in commands)]
    return " ".join(names)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("phase", PHASES)
def test_each_phase_at_each_event(phase: str, event: str) -> None:
    """The table above is the machine; late echoes change nothing but what was seen."""
    before = state(PHASES[phase])
    after, commands = step(before, EVENTS[event])
    if (phase, event) in TABLE:
        assert shown(after, commands) == TABLE[phase, event]
    else:
        assert (after.phase, commands) == (before.phase, ())
        assert after.seen >= before.seen


def test_every_phase_can_be_left() -> None:
    """Whatever a phase waits for, each answer that can come leads on: none swallows its own answer."""
    waits = {
        "reading": ["read old", "read failed"],
        "choosing": ["newest", "newest none"],
        "seeding": ["applied", "refused", "rejected", "unknown", "busy"],
        "writing": ["applied", "refused", "rejected", "unknown", "busy"],
        "doubting": ["woken", "read old", "read failed"],
        "confirming": ["read old", "read failed"],
    }
    for phase, answers in waits.items():
        for event in answers:
            after, commands = step(state(PHASES[phase]), EVENTS[event])
            assert commands or isinstance(after.phase, Idle), (phase, event)


# choosing


def choose(
    found: Observation,
    wanted: Plan | None = PLAN,
    *,
    seen: int = 1,
    confirmed: int = 1,
) -> tuple[State, tuple[EnactCommand, ...]]:
    """Let the newest plan arrive after `found` was read."""
    return step(state(Choosing(found=found), seen=seen), newest(wanted, confirmed=confirmed))


def written(commands: tuple[EnactCommand, ...]) -> Write:
    (one,) = [command for command in commands if isinstance(command, Write)]
    return one


def drift(commands: tuple[EnactCommand, ...]) -> Drift:
    (one,) = [command for command in commands if isinstance(command, ReportDrift)]
    return one.drift


def test_what_stands_already_is_confirmed_without_a_write() -> None:
    """Another enactor was first: nothing is left to do."""
    after, (command,) = choose(live(OF, PLAN, 5, writer="e2"))
    assert isinstance(after.phase, Idle)
    assert isinstance(command, Confirm)
    assert command.receipt.fence.writer == "e2"
    assert command.receipt.took_ns == at(1) - at(0)


def test_an_older_plan_is_replaced_under_exactly_its_fence() -> None:
    """An ordinary move: the condition is the fence as read, and the epoch is named but not moved."""
    after, commands = choose(OLD)
    write = written(commands).transaction
    assert Held(name=LAYOUT.fence_at, rtype=RecordType.TXT, values=OLD.fence) in write.conditions
    assert any(one.name.startswith("_outlast-epoch") for one in write.conditions)
    assert not spends_epoch(write)
    assert isinstance(after.phase, Writing)
    assert after.phase.fence == MINE


@pytest.mark.parametrize(
    "found",
    [
        live(OF, plan(OF, generation=3)),
        observed(OF, *FIRST.record_sets, fence=fence(2, "f" * 32)),
    ],
    ids=["newer", "same generation of a split store"],
)
def test_a_newer_or_conflicting_fence_is_never_overwritten(found: Observation) -> None:
    """October 2025: the delayed enactor comes with its old plan, and leaves it."""
    after, commands = choose(found)
    assert isinstance(after.phase, Idle)
    assert drift(commands).kind is DriftKind.AHEAD
    assert not any(isinstance(one, Write) for one in commands)


def test_the_high_water_mark_holds_where_the_fence_was_wiped() -> None:
    """A store gone back in time offers generation 2; this enactor saw 5 before the wipe."""
    after, commands = choose(NOTHING, seen=5)
    assert isinstance(after.phase, Idle)
    assert drift(commands).kind is DriftKind.AHEAD


def test_seen_is_raised_by_every_reading_in_every_phase() -> None:
    """A late echo is still evidence."""
    for phase in PHASES.values():
        after, _ = step(state(phase), read(live(OF, plan(OF, generation=7))))
        assert after.seen == 7
        after, _ = step(state(phase, seen=9), read(live(OF, plan(OF, generation=7))))
        assert after.seen == 9, "and never lowered"


@pytest.mark.parametrize(
    "found",
    [
        NOTHING,
        observed(OF, *PLAN.record_sets, fence="garbage"),
        replace(OLD, fence=(str(fence(1)), str(fence(2)))),
    ],
    ids=["wiped", "altered", "doubled"],
)
def test_absence_and_garbage_spend_the_epoch(found: Observation) -> None:
    """Such a condition could come true again after a second wipe; the moved epoch makes it stale."""
    after, commands = choose(found)
    assert spends_epoch(written(commands).transaction)
    assert isinstance(after.phase, Writing)
    assert after.heals, "people are told that something was healed"


def test_a_fence_that_went_back_spends_the_epoch() -> None:
    """The fence names generation 1 though we saw 2: a zone restored from a copy; it may happen twice."""
    _, commands = choose(OLD, seen=2)
    assert spends_epoch(written(commands).transaction)


def test_a_zone_without_an_epoch_gets_one_first_and_alone() -> None:
    """No write carries data in a zone whose epoch its writer has not seen."""
    after, commands = choose(NO_EPOCH)
    write = written(commands).transaction
    assert isinstance(after.phase, Seeding)
    assert [one.name for one in write.additions] == ["_outlast-epoch.example.net"]
    after, commands = step(after, wrote(OutcomeKind.APPLIED))
    assert shown(after, commands) == "reading ReadProvider"


def test_a_doubled_epoch_is_replaced_as_it_stands() -> None:
    """Two epochs are none; the seed names both in its condition."""
    doubled = replace(NO_EPOCH, epoch=(epoch(1), epoch(2)))
    write = written(choose(doubled)[1]).transaction
    (condition,) = write.conditions
    assert isinstance(condition, Held)
    assert condition.values == doubled.epoch
    assert len(write.deletions) == 1


@pytest.mark.parametrize(
    ("owns", "confirmed", "seen", "allowed"),
    [
        (False, 0, 0, False),
        (True, 0, 0, True),
        (False, 1, 0, True),
        (False, 0, 1, True),
    ],
)
def test_foreign_records_are_left_alone(
    *, owns: bool, confirmed: int, seen: int, allowed: bool
) -> None:
    """Records without a fence are somebody's, unless we published here before or were told to adopt."""
    wanted = replace(PLAN, owns=owns)
    _, commands = choose(FOREIGN, wanted, seen=seen, confirmed=confirmed)
    assert any(isinstance(one, Write) for one in commands) is allowed
    if not allowed:
        assert drift(commands).kind is DriftKind.FOREIGN


def test_foreign_records_that_are_the_plan_s_own_are_taken_over() -> None:
    """Moving an existing name under Outlast with the same content needs no permission."""
    found = observed(OF, *PLAN.record_sets)
    _, commands = choose(found, replace(PLAN, owns=False), seen=0, confirmed=0)
    assert written(commands)


def test_a_changed_layout_is_read_again_before_anything_is_written() -> None:
    """A name was added since: what was read is not all that will be written."""
    more = endpoint(
        "eu-1", names=(PublishedName(name=NAME), PublishedName(name=DnsName("b.example.net")))
    )
    wanted = plan(more, generation=2)
    after, commands = choose(OLD, wanted)
    assert shown(after, commands) == "reading ReadProvider"
    assert after.layout == wanted.layout


def test_an_endpoint_that_moved_to_another_provider_is_none_of_ours() -> None:
    """The enactor of the old provider must not carry the new one's plan there."""
    moved = replace(PLAN, layout=replace(PLAN.layout, provider=ProviderName("other")))
    after, commands = choose(OLD, moved)
    assert (shown(after, commands), after.layout) == ("idle", LAYOUT)


def test_a_plan_with_a_wrong_digest_or_none_left_stops_the_enactor() -> None:
    """The enactor's own last look, whatever planner and guard said; nothing is written."""
    with pytest.raises(Bug, match="digest"):
        choose(OLD, replace(PLAN, digest="0" * 32))
    with pytest.raises(Bug, match="empty"):
        choose(OLD, replace(PLAN, record_sets=(), digest=digest_of(())))
    with pytest.raises(Bug, match="floor"):
        choose(OLD, replace(PLAN, floor=2))


# after the write


def test_one_s_own_nonce_after_a_time_out_is_success() -> None:
    """The reply was lost, the write was not."""
    doubting, _ = step(state(PHASES["writing"]), wrote(OutcomeKind.UNKNOWN))
    after, (command,) = step(doubting, read(live(OF, PLAN, 9)))
    assert isinstance(command, Confirm)
    assert command.receipt.fence == MINE
    assert isinstance(after.phase, Idle)


def test_a_refusal_that_came_from_one_s_own_first_copy_is_success() -> None:
    """The message was sent twice by the network; the second copy met the first one's fence."""
    doubting, _ = step(state(PHASES["writing"]), wrote(OutcomeKind.REFUSED))
    _, (command,) = step(doubting, read(live(OF, PLAN, 9)))
    assert isinstance(command, Confirm)


def test_a_loser_takes_the_newest_not_its_old_plan() -> None:
    """It goes back to reading, and then asks the store anew: nothing of the old plan is left."""
    doubting, _ = step(state(PHASES["writing"]), wrote(OutcomeKind.REFUSED))
    reading, _ = step(doubting, read(live(OF, plan(OF, generation=2, now=5), 8, writer="e2")))
    assert isinstance(reading.phase, Reading)
    assert reading.lost == 1
    third = plan(OF, generation=3)
    choosing, _ = step(reading, read(live(OF, PLAN, 8, writer="e2")))
    writing, _ = step(choosing, newest(third))
    assert isinstance(writing.phase, Writing)
    assert writing.phase.plan == third


def test_an_abandoned_write_that_still_may_come_is_followed_by_one_under_the_same_condition() -> (
    None
):
    """After 'unknown' the old fence still stands: the second write names it too, so one of them loses."""
    first, commands = choose(OLD)
    first_write = written(commands).transaction
    doubting, _ = step(first, wrote(OutcomeKind.UNKNOWN))
    reading, _ = step(doubting, read(OLD))
    choosing, _ = step(reading, read(OLD))
    _, commands = step(choosing, newest(number=10))
    second_write = written(commands).transaction
    assert second_write.conditions == first_write.conditions
    assert second_write.additions != first_write.additions, "with a nonce of its own"


def test_a_silent_drop_is_seen_and_reported() -> None:
    """BIND and Knot acknowledge an address beside a CNAME, move the fence, and drop the address."""
    confirming, _ = step(state(PHASES["writing"]), wrote(OutcomeKind.APPLIED))
    after, commands = step(confirming, read(DROPPED))
    assert drift(commands).kind is DriftKind.CONTENT
    assert isinstance(commands[-1], RetryAt)
    assert isinstance(after.phase, Idle)


def test_doubt_outlasts_an_unreachable_provider() -> None:
    """Only a fence that was read can end it, however long the provider is away."""
    current = state(PHASES["doubting"])
    for _ in range(20):
        current, commands = step(current, EVENTS["read failed"])
        assert isinstance(current.phase, Doubting)
        assert isinstance(commands[-1], RetryAt)
        current, commands = step(current, EVENTS["woken"])
        assert len(commands) == 1


def test_failures_are_retried_later_each_time_and_never_too_late() -> None:
    """A dead provider must not be hammered, nor forgotten."""
    waits: list[int] = []
    current = state()
    for _ in range(20):
        current, _ = step(current, EVENTS["woken"])
        current, commands = step(current, EVENTS["read failed"])
        retry = commands[-1]
        assert isinstance(retry, RetryAt)
        waits.append(retry.at_ns - at(1))
    assert waits == sorted(waits)
    assert waits[0] < waits[3] < RETRY_MAX_NS == waits[-1]


def test_success_ends_the_back_off() -> None:
    """The next failure starts with a short wait again."""
    after, _ = step(state(PHASES["confirming"], attempts=9), EVENTS["read mine"])
    assert after.attempts == 0


@pytest.mark.parametrize(
    ("found", "seen", "confirmed", "healed"),
    [
        (OLD, 1, 1, ""),
        (NOTHING, 0, 0, ""),
        (NOTHING, 1, 1, "empty"),
        (observed(OF, *PLAN.record_sets), 1, 1, "fence-absent"),
        (DROPPED, 2, 2, "content"),
    ],
)
def test_a_receipt_tells_a_heal_from_an_ordinary_move(
    found: Observation, seen: int, confirmed: int, healed: str
) -> None:
    """A first publication heals nothing; a wiped name that is back does."""
    writing, _ = choose(found, seen=seen, confirmed=confirmed)
    confirming, _ = step(writing, wrote(OutcomeKind.APPLIED))
    _, (command,) = step(confirming, read(live(OF, PLAN, 9)))
    assert isinstance(command, Confirm)
    assert command.receipt.healed == healed


def test_a_heal_is_counted_by_the_one_who_did_it() -> None:
    """Three enactors see the wipe, one write wins: the losers confirm, and claim nothing."""
    doubting = replace(state(Doubting(plan=PLAN, fence=MINE)), heals=((MINE.nonce, "empty"),))
    _, (command,) = step(doubting, EVENTS["read theirs"])
    assert isinstance(command, Confirm)
    assert command.receipt.healed == ""


def test_a_heal_that_arrives_after_its_writer_gave_it_up_is_still_told_as_a_heal() -> None:
    """The first try was slow, the second was refused by it: what stands is our own earlier nonce."""
    altered = observed(OF, *FIRST.record_sets, fence=fence_of(PLAN, number=3))
    first, _ = choose(altered, seen=2, confirmed=2)
    doubting, _ = step(first, wrote(OutcomeKind.UNKNOWN))
    reading, _ = step(doubting, read(altered))
    choosing, _ = step(reading, read(altered))
    second, _ = step(choosing, newest(number=10))
    doubting, _ = step(second, wrote(OutcomeKind.REFUSED))
    after, (command,) = step(doubting, read(live(OF, PLAN, 9)))
    assert isinstance(command, Confirm)
    assert command.receipt.healed == "content"
    assert not after.heals, "and told once"


def test_a_heal_seen_only_after_a_failed_read_is_still_told_as_a_heal() -> None:
    """Acknowledged, then the read-back failed: the next look finds it standing."""
    writing, _ = choose(DROPPED, seen=2, confirmed=2)
    confirming, _ = step(writing, wrote(OutcomeKind.APPLIED))
    idle, _ = step(confirming, ReadFailed(detail="no answer", at_ns=at(1)))
    reading, _ = step(idle, Woken(layout=LAYOUT, at_ns=at(2)))
    choosing, _ = step(reading, read(live(OF, PLAN, 9)))
    _, (command,) = step(choosing, newest(number=10))
    assert isinstance(command, Confirm)
    assert command.receipt.healed == "content"


def test_work_begins_with_the_layout_it_was_woken_with() -> None:
    """The topology may have changed since the last time."""
    other = replace(LAYOUT, names=(DnsName("b.example.net"),))
    after, _ = step(state(), Woken(layout=other, at_ns=Nanos(5)))
    assert (after.layout, after.woken_at_ns) == (other, 5)


def test_a_state_prints_in_one_line() -> None:
    """As it stands in logs."""
    assert str(state(PHASES["doubting"], seen=4)) == "e1 api doubting seen 4"


def test_who_loses_every_race_waits_longer_each_time() -> None:
    """A server whose reads differ from what its conditions see must not be hammered."""
    doubting = Doubting(plan=FIRST, fence=fence_of(FIRST))
    state = State(enactor=E1, layout=LAYOUT, phase=doubting, lost=LOST_MAX - 1)
    after, commands = step(state, Read(observation=observed(OF), at_ns=at(1)))
    assert isinstance(after.phase, Idle)
    assert [type(one) for one in commands] == [ReportDrift, RetryAt]
    state = replace(state, lost=LOST_MAX - 2)
    after, _ = step(state, Read(observation=observed(OF), at_ns=at(1)))
    assert isinstance(after.phase, Reading)


def test_an_acknowledged_write_is_remembered_before_it_is_read_back() -> None:
    """Wiped between acknowledgement and read-back, our own records must not look like a stranger's."""
    third = replace(FIRST, generation=Generation(3))
    writing = Writing(plan=third, fence=fence_of(third))
    state = State(enactor=E1, layout=LAYOUT, phase=writing)
    after, _ = step(state, Wrote(outcome=outcome(OutcomeKind.APPLIED), at_ns=at(1)))
    assert after.seen == 3
