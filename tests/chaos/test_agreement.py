"""Several providers: each rule holds for each by itself, one number has one content, all agree in the end."""

from dataclasses import replace

from chaos.agreement import apart
from chaos.checks import judge
from chaos.history import (
    NEIGHBOUR,
    SECOND_NS,
    Answer,
    History,
    Promise,
    at_side,
    looks_at,
    plans_at,
)
from tests.chaos.made import EMPTY, SHOP, Story, answer, records

A, B = "192.0.2.1", "192.0.2.2"
SIDES = ("bind", "knot")
KEPT = Promise(rule="L1", subject="all endpoints", took_s=1, bound_s=20, kept=True)


def both(story: Story, bind: list[Answer], knot: list[Answer]) -> History:
    """Both providers as they answered, second by second."""
    for side, answers in zip(SIDES, (bind, knot), strict=True):
        story.now_s = 0.0
        for one in answers:
            story.sees(one, subject=at_side("shop", side))
    history = replace(story.history(), sides=SIDES, promises=(KEPT,))
    return replace(
        history,
        endpoints=tuple(replace(SHOP, endpoint=at_side("shop", side)) for side in SIDES),
        plans=plans_at(history.plans, SIDES),
        looks=looks_at(history.looks, SIDES),
    )


def story() -> Story:
    """Two plans that the guard let pass, and a look into the store that has them."""
    return Story(now_s=2.0).allows(1, A).allows(2, B).looked((1, A), (2, B))


def broken(history: History) -> list[tuple[str, str]]:
    return [(one.rule, one.subject) for one in judge(history).violations]


def test_a_flip_in_which_one_is_a_little_later_breaks_nothing() -> None:
    """Each has its own fence; that they differ for a moment is how it is."""
    one, two = answer(1, A), answer(2, B)
    history = both(story(), [one, two, two], [one, one, two])
    assert broken(history) == []
    assert judge(history).judged["S4"] == 3
    assert apart(history)[0] == 1.0


def test_each_rule_is_held_against_each_provider() -> None:
    """The second may break what the first keeps, and is named."""
    one, two = answer(1, A), answer(2, B)
    assert broken(both(story(), [one, two, two], [two, one, two])) == [("S2", "shop@knot")]
    assert broken(both(story(), [one, one], [EMPTY, one])) == [
        ("S1", "shop@knot"),
        ("S3", "shop@knot"),
    ]
    wrong = replace(answer(2, B), records=records(A))
    assert broken(both(story(), [one, wrong, two], [one, one, two])) == [("S3", "shop@bind")]


def test_one_number_with_two_contents_at_two_providers_breaks_s2() -> None:
    """Whoever hears both could not tell which is newer."""
    history = both(story().allows(2, A), [answer(2, B)], [answer(2, A)])
    assert ("S2", "shop") in broken(history)


def test_providers_that_differ_in_the_end_break_l1() -> None:
    """They may differ while something is broken, not when all is over; a mute one does not agree."""
    one, two = answer(1, A), answer(2, B)
    assert broken(both(story(), [one, two], [one, one])) == [("L1", "shop")]
    assert ("L1", "shop") in broken(both(story(), [one, two], [EMPTY, EMPTY]))


def test_a_neighbour_that_changes_at_the_second_breaks_s6() -> None:
    """Other people's records are looked after at each."""
    made = story()
    for side, last in zip(SIDES, (A, B), strict=True):
        for address in (A, last):
            what = Answer(records=records(address))
            made.runs += Story().sees(what, subject=at_side(NEIGHBOUR, side)).runs
    one = answer(1, A)
    assert broken(both(made, [one], [one])) == [("S6", "-@knot")]


def test_time_apart_is_counted_while_both_are_whole() -> None:
    """During the faults and afterwards; what a foreign hand broke is not counted as another plan."""
    one, two = answer(1, A), answer(2, B)
    history = both(story(), [one, two, two, two], [one, one, EMPTY, two])
    assert apart(history) == (2.0, 0.0)
    assert apart(replace(history, faults_end_ns=history.began_ns + SECOND_NS // 2)) == (0.0, 2.0)
