"""The pure parts: breaker, budget, brown-out, latencies, last-known-good answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.client.answers import Answers, Miss, NamePolicy
from outlast.client.breaker import HOLDS, TABLE, Breaker, Cause, Limits, State, after
from outlast.client.brownout import Brownout, BudgetVoice, Climb, judge
from outlast.client.budget import Budget
from outlast.client.latency import Latencies

KEY = ("db.example", 2)


def test_the_table_is_closed() -> None:
    """Each cause leads from each state to a state; only RELEASE ends a hold."""
    for state in State:
        for cause in Cause:
            after_it = after(state, cause)
            held = state in {State.HELD_OPEN, State.HELD_CLOSED}
            if held and cause is not Cause.RELEASE and cause not in HOLDS:
                assert after_it is state
    assert set(TABLE) == set(State)


def test_half_of_the_calls_failing_trips_it() -> None:
    """A rate trips, not a run: good and bad in turns open the circuit."""
    breaker = Breaker(Limits(failing_ratio=0.5, calls_min=10))
    for call in range(12):
        (breaker.succeeded if call % 2 else breaker.failed)(call * 0.01)
    assert breaker.state is State.OPEN


def test_few_calls_trip_nothing() -> None:
    """Nine failures of nine calls say nothing where ten are asked for; the tenth does."""
    breaker = Breaker(Limits(calls_min=10))
    for call in range(9):
        breaker.failed(call * 0.01)
    assert breaker.admit(0.1)
    breaker.failed(0.1)
    assert not breaker.admit(0.1)


def test_old_failures_leave_the_window() -> None:
    """Failures of more than a window ago count no more."""
    breaker = Breaker(Limits(calls_min=10, window_s=10))
    for _ in range(9):
        breaker.failed(0.0)
    breaker.failed(30.0)
    assert breaker.state is State.CLOSED
    assert breaker.counts(30.0) == (0, 1)


def test_one_probe_at_a_time_and_a_good_one_closes() -> None:
    """After open_s one call goes out; a second one is refused until the first has ended."""
    breaker = Breaker(Limits(calls_min=1, open_s=5))
    breaker.failed(0.0)
    assert not breaker.admit(4.9)
    assert breaker.admit(5.1)
    assert not breaker.admit(5.1)
    breaker.succeeded(5.2)
    assert breaker.state is State.CLOSED
    assert breaker.admit(5.2)


def test_a_cancelled_probe_gives_its_place_back() -> None:
    """A probe whose caller left must not keep the circuit open for ever."""
    breaker = Breaker(Limits(calls_min=1, open_s=5))
    breaker.failed(0.0)
    assert breaker.admit(6.0)
    breaker.abandoned()
    assert breaker.admit(6.0)


@given(
    st.lists(
        st.tuples(st.sampled_from(["good", "bad", "left", "hold", "free"]), st.floats(0, 20)),
        max_size=60,
    )
)
def test_probes_never_exceed_their_limit(events: list[tuple[str, float]]) -> None:
    """Whatever happens in whatever order, clock jumps included, an open circuit lets one probe out."""
    breaker = Breaker(Limits(calls_min=2, open_s=3))
    at_s, out = 0.0, 0
    for what, step_s in events:
        at_s += step_s - 2.0
        if what == "hold":
            breaker.hold(Cause.HOLD_OPEN, at_s)
        elif what == "free":
            breaker.hold(Cause.RELEASE, at_s)
        before = breaker.state
        admitted = breaker.admit(at_s)
        if before is State.HELD_OPEN:
            assert not admitted
        if breaker.state is State.PROBING and before is State.OPEN:
            out = 1
            assert admitted
            assert not breaker.admit(at_s)
        if what == "good" and admitted:
            breaker.succeeded(at_s)
        elif what == "bad" and admitted:
            breaker.failed(at_s)
        elif admitted:
            breaker.abandoned()
        assert out <= 1


def test_a_budget_bounds_retries_of_a_full_outage() -> None:
    """Nothing is earned while nothing works: at most the bucket is spent."""
    budget = Budget(0.1)
    assert sum(budget.spend(1000) for _ in range(1000)) == 10


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=80))
def test_retries_never_exceed_bucket_and_ratio(steps: list[tuple[int, bool]]) -> None:
    """Spent tokens stay within the bucket plus a tenth of the successes."""
    budget, successes, spent = Budget(0.1), 0, 0
    for more, wants in steps:
        successes += more
        spent += wants and budget.spend(successes)
        assert spent <= 10 + 0.1 * successes + 1e-9


def test_the_highest_voice_wins_and_voices_do_not_undo_each_other() -> None:
    """The budget recovering leaves the operator's level."""
    brownout = Brownout()
    brownout.ask("operator", 1, "maintenance")
    brownout.ask("error budget", 3)
    assert (brownout.level, brownout.why) == (3, "error budget")
    brownout.ask("error budget", 0)
    assert (brownout.level, brownout.why) == (1, "operator: maintenance")
    with pytest.raises(ValueError, match="0 to 9"):
        brownout.ask("operator", 10)


def test_the_budget_climbs_fast_and_comes_down_slowly() -> None:
    """One bad window up, three calm ones down."""
    voice, climb = BudgetVoice(), Climb()
    voice = judge(voice, climb, good=50, bad=50)
    assert voice.level == 1
    for level in (1, 1, 0):
        voice = judge(voice, climb, good=100, bad=0)
        assert voice.level == level
    assert judge(voice, climb, good=0, bad=3) == voice


def test_no_percentile_of_few_samples() -> None:
    """Under 20 samples nothing is hedged."""
    latencies = Latencies()
    latencies.durations_s.extend([0.1] * 19)
    assert latencies.quantile(0.95) is None
    latencies.durations_s.append(9.0)
    assert latencies.quantile(0.95) == 9.0


@given(st.lists(st.tuples(st.sampled_from(["learn", *Miss]), st.floats(0, 30)), max_size=40))
def test_no_failure_ever_evicts_an_answer(events: list[tuple[str, float]]) -> None:
    """After one good answer there is one, whatever is not an answer, until its age limit."""
    answers, at_s = Answers(NamePolicy()), 0.0
    answers.learn(KEY, ["192.0.2.1"], at_s)
    for what, step_s in events:
        at_s += step_s
        if what == "learn":
            answers.learn(KEY, [f"192.0.2.{len(events)}"], at_s)
        else:
            answers.missed(KEY, Miss(what), at_s)
        assert answers.look(KEY, at_s).addresses


def test_an_answer_ends_at_its_age_limit() -> None:
    """A day after the last confirmation it is given no more."""
    answers = Answers(NamePolicy(max_age_s=100))
    answers.learn(KEY, ["192.0.2.1"], 0.0)
    answers.missed(KEY, Miss.EMPTY, 50.0)
    assert answers.look(KEY, 99.0).addresses
    assert not answers.look(KEY, 101.0).addresses


def test_a_fresh_answer_wins_at_once() -> None:
    """The old address goes with the first new answer: the trap opposite to forgetting."""
    answers = Answers(NamePolicy())
    answers.learn(KEY, ["192.0.2.1"], 0.0)
    answers.missed(KEY, Miss.GONE, 1.0)
    answers.learn(KEY, ["192.0.2.9"], 2.0)
    assert answers.look(KEY, 2.0).addresses == ("192.0.2.9",)


def test_gone_is_believed_where_the_policy_says_so() -> None:
    """Per name, "gone" may be true; silence is not gone."""
    answers = Answers(NamePolicy(), {"db.example": NamePolicy(gone_is_true=True)})
    answers.learn(KEY, ["192.0.2.1"], 0.0)
    answers.missed(KEY, Miss.SILENT, 1.0)
    assert answers.look(KEY, 1.0).addresses
    answers.missed(KEY, Miss.GONE, 2.0)
    assert not answers.look(KEY, 2.0).addresses


def test_stale_addresses_come_in_the_order_of_last_success() -> None:
    """What connected last is first, what just refused is last."""
    answers = Answers(NamePolicy())
    answers.learn(KEY, ["192.0.2.1", "192.0.2.2", "192.0.2.3"], 0.0)
    answers.connected(KEY, "192.0.2.1", 1.0)
    answers.connected(KEY, "192.0.2.3", 2.0)
    answers.refused(KEY, "192.0.2.1", 3.0)
    answers.missed(KEY, Miss.EMPTY, 4.0)
    assert answers.look(KEY, 4.0).addresses == ("192.0.2.3", "192.0.2.2", "192.0.2.1")


def test_a_failure_is_held_shorter_than_an_answer() -> None:
    """Healing is looked for after negative_s, freshness lasts fresh_s."""
    answers = Answers(NamePolicy(fresh_s=5, negative_s=1))
    answers.learn(KEY, ["192.0.2.1"], 0.0)
    assert answers.look(KEY, 4.0).fresh
    answers.missed(KEY, Miss.EMPTY, 6.0)
    assert answers.look(KEY, 6.5).fresh
    assert not answers.look(KEY, 7.5).fresh


def test_a_policy_that_cannot_be_meant_is_refused() -> None:
    """Negative answers are held shorter than positive ones, always."""
    with pytest.raises(ValueError, match="negative_s <= fresh_s"):
        NamePolicy(fresh_s=1, negative_s=2)
