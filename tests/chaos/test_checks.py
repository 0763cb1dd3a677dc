"""The judgement on made-up histories: each rule sees what breaks it, and nothing else."""

from chaos.checks import HEAL_S, HEAL_WALL_S, RULES, judge
from chaos.history import NEIGHBOUR, History, Promise
from tests.chaos.made import EMPTY, SILENT, Story, answer, fence, records, with_zone

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def broken(history: History) -> set[str]:
    """The rules that a history breaks."""
    return {one.rule for one in judge(history).violations}


def test_an_orderly_history_breaks_nothing() -> None:
    """Plans one after the other, a server that is silent for a while, a look into the store."""
    story = Story().publishes(1, A).publishes(2, A, B).sees(SILENT).sees(answer(2, A, B))
    story.looks.clear()
    verdict = judge(story.history())
    assert verdict.passed
    assert verdict.judged["S1"] == 30


def test_an_empty_answer_breaks_s1() -> None:
    """The October 2025 answer: no error, no address."""
    assert "S1" in broken(Story().publishes(1, A).sees(EMPTY).history())


def test_a_silent_server_is_no_empty_answer() -> None:
    """What nobody said is no evidence."""
    assert not broken(Story().publishes(1, A).sees(SILENT).sees(answer(1, A)).history())


def test_emptiness_that_a_foreign_hand_made_is_excused_until_it_was_whole_again() -> None:
    """The window closes with the first whole answer: a later emptiness is ours."""
    story = Story().publishes(1, A).wiped().sees(EMPTY, for_s=0.5).sees(answer(1, A, nonce=7))
    assert not broken(story.history())
    assert "S1" in broken(story.sees(EMPTY, for_s=0.1).sees(answer(1, A, nonce=8)).history())


def test_emptiness_before_the_foreign_hand_came_is_not_excused() -> None:
    """A wipe must not hide what was broken before it."""
    story = Story().publishes(1, A).sees(EMPTY, for_s=0.1).wiped().sees(EMPTY, for_s=0.1)
    assert "S1" in broken(story.sees(answer(1, A, nonce=5)).history())


def test_a_window_stays_open_while_the_content_is_wrong() -> None:
    """A fence of ours beside somebody's records is not whole."""
    whole = answer(1, A)
    story = Story().publishes(1, A).wiped()
    story.sees(type(whole)(fence=whole.fence, fence_after=whole.fence, records=records(B)))
    assert not broken(story.sees(EMPTY, for_s=0.1).sees(answer(1, A, nonce=6)).history())


def test_a_window_stays_open_while_the_foreign_hands_own_publication_stands() -> None:
    """However well formed it is."""
    theirs = answer(1, C, writer="somebody", nonce=255)
    story = Story().publishes(1, A).wiped(*theirs.fence).sees(theirs, for_s=0.2)
    assert not broken(story.sees(EMPTY, for_s=0.1).sees(answer(1, A, nonce=6)).history())


def test_an_act_that_was_not_acknowledged_may_still_come() -> None:
    """A server that was stopped carries out what waited in its queue."""
    story = Story().publishes(1, A).wiped(taken=False).sees(answer(1, A)).sees(EMPTY, for_s=0.2)
    assert not broken(story.sees(answer(1, A, nonce=9)).history())


def test_an_older_generation_breaks_s2() -> None:
    """A delayed enactor that overwrites a newer plan."""
    story = Story().publishes(1, A).publishes(2, B).sees(answer(1, A, nonce=9))
    assert broken(story.history()) == {"S2"}


def test_going_back_after_a_wipe_breaks_s2() -> None:
    """An absence between them makes an old plan no newer."""
    story = Story().publishes(1, A).publishes(2, B).wiped().sees(EMPTY, for_s=0.2)
    assert "S2" in broken(story.sees(answer(1, A, nonce=9)).history())


def test_a_lower_fence_that_the_foreign_hand_wrote_is_not_ours() -> None:
    """But what we write afterwards is still held against our own newest."""
    low = fence(1, C, writer="somebody", nonce=255)
    story = Story().publishes(2, A).publishes(3, B).wiped(low)
    story.sees(answer(1, C, writer="somebody", nonce=255), for_s=0.2)
    assert not broken(story.sees(answer(3, B, nonce=8)).history())
    assert "S2" in broken(story.sees(answer(2, A, nonce=11)).history())


def test_two_contents_under_one_number_break_s2() -> None:
    """A number names one plan."""
    story = Story().publishes(1, A).allows(1, B).sees(answer(1, B, nonce=9))
    assert broken(story.history()) == {"S2"}


def test_content_that_is_not_the_fences_breaks_s3() -> None:
    """Half a write."""
    half = answer(2, B)
    story = Story().publishes(1, A).allows(2, B)
    story.sees(type(half)(fence=half.fence, fence_after=half.fence, records=records(A)))
    assert broken(story.history()) == {"S3"}


def test_a_sample_that_saw_the_fence_move_says_nothing_of_the_content() -> None:
    """Its records may be of either."""
    old, new = answer(1, A), answer(2, B)
    story = Story().publishes(1, A).allows(2, B)
    story.sees(type(old)(fence=old.fence, fence_after=new.fence, records=records(B)))
    assert not broken(story.sees(new).history())


def test_a_fence_that_went_by_itself_breaks_s3() -> None:
    """Addresses without a fence are nobody's publication."""
    naked = answer(1, A)
    story = Story().publishes(1, A).sees(type(naked)(records=records(A)))
    assert broken(story.history()) == {"S3"}


def test_a_live_plan_that_is_not_in_the_store_breaks_s4() -> None:
    """Retired by age, the live one with the others."""
    story = Story().publishes(1, A).looked((1, A)).publishes(2, B).looked((1, A), (2, B))
    assert not broken(story.history())
    story.sees(answer(2, B)).looked((1, A))
    assert broken(story.history()) == {"S4"}


def test_the_plan_before_the_live_one_must_be_in_the_store_too() -> None:
    """It is what one rolls back to."""
    story = Story().publishes(1, A).looked((1, A)).publishes(2, B).looked((2, B))
    assert broken(story.history()) == {"S4"}


def test_what_was_superseded_while_the_store_took_its_time_may_be_gone_when_it_answers() -> None:
    """The plan before it too, which was needed when the store was asked; but not what stayed live."""
    story = Story().publishes(1, A).looked((1, A)).publishes(2, B).looked((1, A), (2, B))
    story.publishes(3, A).publishes(4, B)
    assert not broken(story.looked((3, A), (4, B), took_s=2.5).history())
    assert broken(story.looked((3, A), took_s=0.5).history()) == {"S4"}


def test_a_new_store_has_time_to_adopt_what_is_live_but_not_for_ever() -> None:
    """A store that was lost knows nothing at first."""
    story = Story().publishes(1, A).looked((1, A)).sees(answer(1, A)).looked(since_s=1.5)
    assert not broken(story.history())
    story.sees(answer(1, A), for_s=10).looked(since_s=1.5)
    assert broken(story.history()) == {"S4"}


def test_a_publication_that_nobody_allowed_breaks_s5() -> None:
    """Neither unknown nor refused plans may stand."""
    assert broken(Story().sees(answer(1, A)).history()) == {"S5"}
    assert broken(Story().allows(1, A, allowed=False).sees(answer(1, A)).history()) == {"S5"}


def test_a_rescue_may_publish_what_was_allowed_once_and_nothing_else() -> None:
    """It restores the last known good under a number of its own."""
    story = Story().publishes(1, A).sees(answer(9, A, writer="rescue"))
    assert not broken(story.history())
    assert broken(story.sees(answer(10, C, writer="rescue")).history()) == {"S5"}


def test_a_changed_neighbour_breaks_s6() -> None:
    """Seen by asking, and seen by comparing the zone before and after."""
    neighbour = answer(1, C)
    story = Story().publishes(1, A)
    story.sees(type(neighbour)(records=records(C)), subject=NEIGHBOUR)
    assert not broken(story.history())
    assert not broken(with_zone(story.history(), ("mail 60 A 198.51.100.25",)))
    assert broken(with_zone(story.history(), ())) == {"S6"}
    assert broken(story.sees(type(neighbour)(), subject=NEIGHBOUR).history()) == {"S6"}


def test_what_is_not_healed_within_the_bound_breaks_l2() -> None:
    """And what is never healed at all."""
    healed = Story().publishes(1, A).wiped().sees(EMPTY, for_s=HEAL_S - 1)
    assert not broken(healed.sees(answer(1, A, nonce=9)).history())
    late = Story().publishes(1, A).wiped().sees(EMPTY, for_s=HEAL_S + 1)
    assert broken(late.sees(answer(1, A, nonce=9)).history()) == {"L2"}
    assert broken(Story().publishes(1, A).wiped().sees(EMPTY).history()) == {"L2"}


def test_time_in_which_nobody_could_heal_does_not_count() -> None:
    """The server down, or all three enactors stopped; but not two of them, and not without end."""
    story = Story().publishes(1, A).fails("stop-server", "server", for_s=5).wiped()
    story.sees(EMPTY, for_s=HEAL_S + 2).sees(answer(1, A, nonce=9))
    assert not broken(story.history())
    for stopped, verdict in ((3, set[str]()), (2, {"L2"})):
        story = Story().publishes(1, A)
        for number in range(1, stopped + 1):
            story.fails("stop-planner", f"enactor-{number}", for_s=5)
        story.wiped().sees(EMPTY, for_s=HEAL_S + 2).sees(answer(1, A, nonce=9))
        assert broken(story.history()) == verdict
    story = Story().publishes(1, A).fails("stop-server", "server", for_s=60).wiped()
    story.sees(EMPTY, for_s=HEAL_WALL_S + 1).sees(answer(1, A, nonce=9))
    assert broken(story.history()) == {"L2"}


def test_a_promise_that_was_not_kept_breaks_its_rule() -> None:
    """L1 and L3 are put to the test while the system runs."""
    for rule in ("L1", "L3"):
        story = Story().publishes(1, A)
        story.promises.append(
            Promise(rule=rule, subject="x", took_s=20.1, bound_s=20, kept=False, detail="late")
        )
        assert broken(story.history()) == {rule}


def test_every_rule_is_counted() -> None:
    """A rule that was held against nothing is shown with a nought, not left out."""
    assert set(judge(Story().history()).judged) == set(RULES)
