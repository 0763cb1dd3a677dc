"""Observe: results become verdicts, votes become health, sick monitors are told from sick targets."""

import itertools
from dataclasses import replace

import pytest
from tests.support.builders import DOWN, UNKNOWN, UP, at, health, report, vote

from outlast.core.messages import CastVote, Probed
from outlast.core.observe import (
    RegionView,
    Spell,
    VantageView,
    combine,
    find_sick,
    follow_spells,
    in_doubt,
    step,
    weigh,
)
from outlast.model.health import Health, Verdict, Vote
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.units import Nanos, seconds

SUBJECT = Subject("api/eu-1/ipv4")
RISE, FALL = 2, 3


def probe(results: str) -> list[tuple[Vote, tuple[CastVote, ...]]]:
    """Feed results, `+` good and `-` bad, one a second; return every step."""
    state: Vote | None = None
    steps = []
    for second, result in enumerate(results):
        event = Probed(report=report(good=result == "+", second=second), rise=RISE, fall=FALL)
        state, commands = step(state, event)
        steps.append((state, commands))
    return steps


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ("-", UNKNOWN),
        ("--", UNKNOWN),
        ("---", DOWN),
        ("+", UP),
        ("+--", UP),
        ("+--+--", UP),
        ("+---", DOWN),
        ("+---+", DOWN),
        ("+---+-+", DOWN),
        ("+---++", UP),
        ("--+", UP),
    ],
)
def test_rise_and_fall(results: str, verdict: Verdict) -> None:
    """`fall` bad ones in a row make down, `rise` good ones make up again; the very first good one too."""
    assert probe(results)[-1][0].verdict is verdict


def test_every_sequence_follows_the_counts() -> None:
    """For each sequence of six results the verdict is what a slow reading of the rule says."""
    for results in itertools.product("+-", repeat=6):
        believed = UNKNOWN
        for end in range(1, 7):
            seen = "".join(results[:end])
            if seen.endswith("-" * FALL):
                believed = DOWN
            elif seen.endswith("+" * RISE) or (seen.endswith("+") and believed is UNKNOWN):
                believed = UP
        assert probe("".join(results))[-1][0].verdict is believed, results


def test_a_vote_is_cast_when_a_run_turns_or_the_verdict_changes() -> None:
    """The planner must know when a subject *begins* to fail, not only when it failed `fall` times."""
    cast = [bool(commands) for _, commands in probe("++---+++")]
    assert cast == [True, False, True, False, True, True, True, False]


def test_since_tells_when_the_verdict_changed_and_the_run_when_it_began() -> None:
    """A target that fell at second 3 began to fail at second 1."""
    final = probe("+----")[-1][0]
    assert (final.since_ns, final.run_since_ns, final.at_ns) == (at(3), at(1), at(4))


def view(vantage: str, **onsets: float | None) -> VantageView:
    """Make a vantage's view: each region with the second since when most of it fails, or None."""
    regions = tuple(
        RegionView(
            region=RegionName(region),
            judged=2,
            failing=0 if onset is None else 2,
            onset_ns=None if onset is None else at(onset),
        )
        for region, onset in onsets.items()
    )
    return VantageView(vantage=VantageName(vantage), regions=regions, heard_at_ns=at(60))


def sick(*views: VantageView, ratio: float = 0.5) -> set[str]:
    return set(find_sick(views, sick_ratio=ratio, window_ns=seconds(15)))


def test_most_regions_failing_at_once_from_one_vantage_make_the_vantage_sick() -> None:
    """Two healthy vantages see nothing: the place is sick, not the targets."""
    well = [view(name, eu=None, us=None, ap=None) for name in ("v2", "v3")]
    assert sick(view("v1", eu=0, us=5, ap=None), *well) == {"v1"}


def test_one_region_failing_is_a_region_failing() -> None:
    """A region's death must not cost a vantage its vote, even where only two regions exist."""
    assert sick(view("v1", eu=0, us=None)) == set()
    assert sick(view("v1", eu=0, us=None), ratio=0.25) == set()
    assert sick(view("v1", eu=0)) == set(), "also where the vantage sees no other region"


def test_regions_that_fail_one_after_the_other_do_not_make_a_vantage_sick() -> None:
    """Failures further apart than the window have causes of their own."""
    assert sick(view("v1", eu=0, us=16, ap=None)) == set()
    assert sick(view("v1", eu=0, us=15, ap=None)) == {"v1"}


def test_two_vantages_and_the_majority_that_agree_are_believed() -> None:
    """The same two of three regions, seen failing from two of three places, are the regions' failure."""
    same = [view("v1", eu=0, us=0, ap=None), view("v2", eu=1, us=1, ap=None)]
    assert sick(*same, view("v3", eu=None, us=None, ap=None)) == set()
    lonely = [view(name, eu=None, us=None, ap=None) for name in ("v3", "v4")]
    assert sick(*same, *lonely) == {"v1", "v2"}, "two of four are no majority"


def test_everything_failing_is_a_sick_monitor_whoever_agrees() -> None:
    """Meta, October 2021: where all looks dead, removing it all cannot help."""
    assert sick(view("v1", eu=0, us=0), view("v2", eu=0, us=0)) == {"v1", "v2"}


def test_the_ratio_is_what_may_fail_not_what_may_not() -> None:
    """Exactly the ratio is tolerated, one more region is not."""
    half = view("v1", eu=0, us=0, ap=None, sa=None)
    assert sick(half, ratio=0.5) == set()
    assert sick(half, ratio=0.4) == {"v1"}


def test_regions_that_a_vantage_does_not_probe_do_not_count() -> None:
    """Three regions that nobody judges must not make two dead of two look like two of five."""
    empty = RegionView(region=RegionName("sa"), judged=0, failing=0, onset_ns=None)
    base = view("v1", eu=0, us=0)
    wide = VantageView(
        vantage=base.vantage, regions=(*base.regions, empty), heard_at_ns=base.heard_at_ns
    )
    assert sick(wide) == {"v1"}


def test_a_region_view_remembers_the_onset_until_most_work_again() -> None:
    """Half failing is not most; the onset stays while more fail, and goes when they do not."""
    start = RegionView(region=RegionName("eu"), judged=4, failing=0, onset_ns=None)
    assert start.moved(failing=2, at_ns=at(1)).onset_ns is None
    begun = start.moved(failing=3, at_ns=at(2))
    assert begun.moved(failing=4, at_ns=at(3)).onset_ns == at(2)
    assert begun.moved(failing=2, at_ns=at(4)).onset_ns is None


def take(*votes: Vote, now: float = 60, before: Health | None = None) -> Health:
    """Take the vote; each vantage was heard when its vote was last probed."""
    return combine(
        SUBJECT,
        tuple((one, one.at_ns) for one in votes),
        before=before,
        now_ns=at(now),
        max_age_ns=seconds(60),
    )


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], UNKNOWN),
        ([UP], UP),
        ([DOWN], DOWN),
        ([UP, DOWN], UNKNOWN),
        ([UP, DOWN, DOWN], DOWN),
        ([UP, UP, DOWN], UP),
        ([DOWN, UNKNOWN, UNKNOWN], DOWN),
        ([UNKNOWN], UNKNOWN),
    ],
)
def test_a_majority_of_those_who_know_decides(verdicts: list[Verdict], expected: Verdict) -> None:
    """A tie is unknown, and so is nobody knowing: never down."""
    votes = [vote(verdict, f"v{number}") for number, verdict in enumerate(verdicts)]
    assert take(*votes).verdict is expected


def test_old_evidence_is_no_evidence() -> None:
    """A prober that died half an hour ago must not outvote one that lives."""
    old_down = [vote(DOWN, "v1", second=0), vote(DOWN, "v2", second=0)]
    fresh_up = vote(UP, "v3", second=50)
    assert take(*old_down, fresh_up, now=60).verdict is DOWN, "60 s old is still evidence"
    assert take(*old_down, fresh_up, now=61).verdict is UP
    assert take(*old_down, now=61).verdict is UNKNOWN, "missing is unknown, never down"


def test_a_silent_vote_counts_while_its_vantage_is_known_to_probe_on() -> None:
    """Votes are cast on change only; the vantage's sign of life keeps an unchanged one fresh."""
    votes = ((vote(DOWN, second=0), at(500)),)
    found = combine(SUBJECT, votes, before=None, now_ns=at(510), max_age_ns=seconds(60))
    assert (found.verdict, found.evidence_at_ns) == (DOWN, at(500))


def test_a_sick_vantage_has_no_vote_but_is_shown() -> None:
    """Untrusted votes are kept for people and not counted."""
    found = take(vote(DOWN, "v1", trusted=False), vote(DOWN, "v2", trusted=False), vote(UP, "v3"))
    assert found.verdict is UP
    assert len(found.votes) == 3


def test_since_moves_only_with_the_verdict() -> None:
    """A target that stays down for an hour has been down for an hour."""
    before = health("eu-1", DOWN, since=5)
    assert take(vote(DOWN, second=50), before=before).since_ns == at(5)
    assert take(vote(UP, second=50), before=before).since_ns == at(60)


def test_health_without_any_evidence_says_so() -> None:
    """`evidence_at_ns` 0 means that nobody trusted ever saw it."""
    assert take(vote(DOWN, trusted=False)).evidence_at_ns == Nanos(0)


V1 = VantageName("v1")
DOUBT = seconds(60)


def looks(heard_s: float, **onsets: float | None) -> VantageView:
    """A view of v1, and when it came."""
    return replace(view("v1", **onsets), heard_at_ns=at(heard_s))


def spells_of(*views: VantageView) -> list[Spell | None]:
    """The spell after each view, one view after the other."""
    spells: dict[VantageName, Spell] = {}
    found = []
    for one in views:
        ill = find_sick((one,), sick_ratio=0.5, window_ns=seconds(15))
        spells = follow_spells(spells, (one,), ill, window_ns=seconds(15), doubt_ns=DOUBT)
        found.append(spells.get(V1))
    return found


def test_a_spell_begins_with_the_first_region_that_fell_and_ends_when_the_vantage_is_well() -> None:
    """A region that has been dead for an hour is no part of it."""
    assert spells_of(
        looks(0, eu=None, us=None, ap=-3600),
        looks(13, eu=10, us=12, ap=-3600),
        looks(20, eu=10, us=None, ap=-3600),
        looks(30, eu=None, us=None, ap=-3600),
    ) == [
        None,
        Spell(began_ns=at(10)),
        Spell(began_ns=at(10), ended_ns=at(20)),
        Spell(began_ns=at(10), ended_ns=at(20)),
    ]


@pytest.mark.parametrize(("again_s", "began_s"), [(79, 10), (80, 10), (81, 81)])
def test_a_relapse_before_all_was_probed_again_continues_the_spell(
    again_s: float, began_s: float
) -> None:
    """Else what was found dead in the first half would count after the second."""
    views = [looks(12, eu=10, us=10), looks(20, eu=None, us=None)]
    relapsed = spells_of(*views, looks(again_s, eu=again_s, us=again_s))[-1]
    assert relapsed == Spell(began_ns=at(began_s))


SPELL = Spell(began_ns=at(10), ended_ns=at(20))


@pytest.mark.parametrize(
    ("verdict", "since_s", "run_since_s", "good_run", "heard_s", "counts"),
    [
        (DOWN, 15, 12, 0, 21, False),  # found dead while it was sick, not probed again yet
        (DOWN, 15, 12, 0, 80, False),
        (DOWN, 15, 12, 0, 81, True),  # still dead a minute later: it is
        (DOWN, 15, 21, 1, 21, False),  # the first good result of two
        (DOWN, 15, 95, 1, 95, False),  # also much later: it is on its way up
        (DOWN, 22, 19, 0, 22, False),  # the probe was sent before the end, its time-out came after
        (DOWN, 40, 35, 0, 40, True),  # it died after the end
        (DOWN, 9, 7, 0, 21, True),  # it was dead before
        (DOWN, 10, 10, 0, 21, False),  # the very failure that began it
        (UP, 15, 15, 2, 21, True),  # alive is alive
    ],
)
def test_what_was_found_dead_in_a_bad_time_is_doubted_until_it_is_proven(
    verdict: Verdict,
    since_s: float,
    run_since_s: float,
    good_run: int,
    heard_s: float,
    *,
    counts: bool,
) -> None:
    """The network of a lone vantage returns: the region it probes last must not be taken out."""
    told = replace(
        vote(verdict),
        since_ns=at(since_s),
        run_since_ns=at(run_since_s),
        good_run=good_run,
        bad_run=0 if good_run else 5,
    )
    assert weigh(told, SPELL, heard_at_ns=at(heard_s), doubt_ns=DOUBT).trusted is counts
    assert weigh(told, None, heard_at_ns=at(heard_s), doubt_ns=DOUBT).trusted
    ill = Spell(began_ns=at(10))
    assert not weigh(told, ill, heard_at_ns=at(heard_s), doubt_ns=DOUBT).trusted


def test_a_vantage_is_in_doubt_from_its_spell_until_all_was_probed_again() -> None:
    """When this set changes, time alone has changed what counts: everything is judged anew."""
    assert in_doubt({V1: SPELL}, (looks(80),), DOUBT) == {V1}
    assert in_doubt({V1: SPELL}, (looks(81),), DOUBT) == set()
    assert in_doubt({V1: Spell(began_ns=at(10))}, (looks(999),), DOUBT) == {V1}
    assert in_doubt({}, (looks(0),), DOUBT) == set()
