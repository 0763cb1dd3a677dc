"""What pages are made of: pure values, from what is known to what is shown."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import endpoint, plan, target

from outlast.app.drill.results import FILE, add_result, read_results
from outlast.glass.affected import hit_people, merged
from outlast.glass.answers import heard
from outlast.glass.causegraph import graph
from outlast.glass.chart import ROWS, chart
from outlast.glass.detection import Alarm, Curve, Detection, Outcome, Suggestion, Suspect, hits
from outlast.glass.drills import Run, scenarios
from outlast.glass.enactors import waiting
from outlast.glass.evacuation import drain, proof
from outlast.glass.grid import Cell, answers_of, endpoint_row, service_row
from outlast.glass.listing import Search, paged
from outlast.glass.verdict import Verdict, control, verdict
from outlast.glass.words import count, plural, share, span
from outlast.glass.worldmap import Hit, sheet, spots
from outlast.model.names import RegionName
from outlast.model.override import Evacuation
from outlast.model.plan import Finding, Ruling, Severity
from outlast.model.units import NS_PER_S, Nanos

SUSPECT = Suspect(
    cause="region `us-east`",
    posterior=0.97,
    hit_ratio=0.8,
    explained=("a", "b"),
    explained_count=1_764,
    healthy=("c",),
    healthy_count=1,
)
CAUSE = Detection(
    at_ns=Nanos(9),
    since_ns=Nanos(5),
    outcome=Outcome.CAUSE,
    down=1_800,
    chance=0.001,
    suspects=(SUSPECT,),
    suggestions=(
        Suggestion(text="", command="outlast evacuate", proof=(), refused="", forecast=""),
    ),
)


class Line:
    """An endpoint's line."""

    def __init__(self, state: str = "ok", answers: str = "eu:1") -> None:
        self.endpoint, self.state, self.answers, self.detail = "shop", state, answers, ""
        self.since_ns = 0


class Standing:
    """How everything stands."""

    store_reachable, sick, gone, is_well = True, (), (), True

    def __init__(self, *lines: Line) -> None:
        self.endpoints = lines


def judged(standing: Standing, detection: Detection | None) -> Verdict:
    """The verdict of both."""
    return verdict(standing, {}, detection)


def test_a_cause_stands_before_its_symptoms() -> None:
    """With since when, how sure, and what to do; the control plane's own word beside it."""
    found = judged(Standing(Line("drift")), CAUSE)
    assert (found.kind, found.since_ns) == ("bad", 5)
    assert found.what == "region `us-east` explains 1,764 of 1,800 services down."
    assert found.sure == "97 % likely; by chance once in 1,000"
    assert found.todo == "outlast evacuate"
    assert "not as planned" in found.why


@pytest.mark.parametrize(
    ("chance", "said"),
    [
        (0.0, "not by chance"),
        (5e-324, "less than once in a million"),
        (1.3e-300, "less than once in a million"),
        (1e-6, "once in 1.0 million"),
        (0.0004, "once in 2,500"),
        (0.5, "chance explains it as well"),
    ],
)
def test_a_chance_is_a_number_that_people_read(chance: float, said: str) -> None:
    """October 2025 had one of three hundred digits, and a smaller one broke the page."""
    sure = judged(Standing(), replace(CAUSE, chance=chance)).sure
    assert sure.endswith(said)
    assert len(sure) < 60


def test_a_replay_is_not_taken_for_today() -> None:
    """Whoever comes upon the board reads it in the first word, and in that of the control plane, too."""
    replayed = replace(CAUSE, replay=True)
    assert judged(Standing(), replayed).what.startswith("A replay: region `us-east` explains")
    assert "Detection: A replay: " in judged(Standing(Line("empty", "EMPTY")), replayed).why
    assert not judged(Standing(Line("drift")), replace(replayed, stale=True)).why


def test_a_cause_never_explains_more_than_is_down() -> None:
    """Blame is asked every few minutes; meanwhile services become well again."""
    found = judged(Standing(), replace(CAUSE, down=68))
    assert found.what == "region `us-east` explains what is down: 68 services down now."


def test_an_empty_name_stands_before_any_cause() -> None:
    """Nothing else can be repaired at once."""
    found = judged(Standing(Line("empty", "EMPTY")), CAUSE)
    assert "without an answer" in found.what
    assert "us-east" in found.why


def test_since_when_is_the_earliest_that_anybody_wrote_down() -> None:
    """And nothing where nobody did: a look alone knows no beginning."""
    lines = [Line("drift"), Line("drift"), Line("drift")]
    assert judged(Standing(*lines), None).since_ns is None
    lines[1].since_ns, lines[2].since_ns = 7, 5
    assert judged(Standing(*lines), None).since_ns == 5


@pytest.mark.parametrize(
    "silent", [None, replace(CAUSE, stale=True), replace(CAUSE, outcome=Outcome.QUIET)]
)
def test_nothing_is_concluded_from_silence(silent: Detection | None) -> None:
    """Nobody detects, it is old, or it is quiet: the control plane speaks for itself."""
    standing = Standing(Line())
    assert judged(standing, silent) == control(standing, {}, asked=True)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [(Outcome.UNKNOWN, "not known"), (Outcome.NOTHING_SHARED, "nothing they share")],
)
def test_doubt_is_said_as_doubt(outcome: Outcome, said: str) -> None:
    """It warns, and names no cause."""
    found = judged(Standing(Line()), replace(CAUSE, outcome=outcome, suggestions=()))
    assert found.kind == "warn"
    assert said in found.what
    assert "us-east" not in found.what


def test_whether_the_dns_was_asked_is_said() -> None:
    """Else a page of the store's words would look like the DNS's."""
    assert "was asked" in control(Standing(Line()), {}, asked=True).sure
    assert "not asked" in control(Standing(Line()), {}, asked=False).sure


def test_nobody_is_counted_twice() -> None:
    """A person uses several services: of a country the largest that is down counts alone."""
    people = {"a": {"DE": 100.0, "US": 10.0}, "b": {"DE": 60.0}, "c": {"DE": 900.0}}
    assert hit_people(people, ["a", "b"]) == {"DE": 100.0, "US": 10.0}
    found = {one.code: one for one in merged(people, ["b"], [Hit(code="US", share_ratio=0.3)])}
    assert (found["DE"].people, found["DE"].share_ratio) == (60, 60 / 900)
    assert (found["US"].people, found["US"].share_ratio) == (0, 0.3)


def test_the_map_numbers_the_worst_and_tells_what_it_cannot_draw() -> None:
    """A country without a shape stands in the table all the same."""
    found = spots(
        [Hit(code="ZZ", share_ratio=1.0, people=9), Hit(code="DE", share_ratio=0.1, people=5)]
    )
    assert [(one.name, one.number, one.drawn) for one in found] == [
        ("ZZ", 0, False),
        ("Germany", 2, True),
    ]
    assert 'id="DE"' in sheet()
    assert [Hit(code="DE", share_ratio=one).level for one in (0, 0.02, 0.1, 0.3, 0.6)] == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_countries_are_told_by_alarms() -> None:
    """`ZZ` is no country; the share is of the country with most services."""
    alarm = Alarm(
        series="a in DE",
        service="a",
        country="DE",
        state="confirmed",
        since_ns=Nanos(0),
        window_min=5,
        observed=9,
        expected=1.0,
        high=3.0,
        evidence=("user",),
        countries=("DE", "ZZ"),
    )
    found = hits([alarm, replace(alarm, service="b"), replace(alarm, country="FR", countries=())])
    assert [(one.code, one.services, one.share_ratio) for one in found] == [
        ("DE", 2, 1.0),
        ("FR", 1, 0.5),
    ]


@pytest.mark.parametrize(
    ("answers", "down", "cell"),
    [
        ("eu:2", {}, Cell("good", "2 of 2")),
        ("eu:1", {"eu": 1}, Cell("warn", "1 of 2, 1 down")),
        ("us:1", {"eu": 2}, Cell("bad", "out, 2 down")),
        ("us:1", {}, Cell("none", "standby")),
        ("", {}, Cell("none", "not asked")),
        ("EMPTY", {}, Cell("bad", "out")),
    ],
)
def test_a_cell_of_the_grid(answers: str, down: dict[str, int], cell: Cell) -> None:
    """How many of a region's targets the DNS answers with."""
    row = endpoint_row("shop", ["eu", "ap"], {"eu": 2}, down, answers)
    assert row.cells == (cell, Cell("none", "not here"))


def test_no_word_of_a_service_is_no_health() -> None:
    """Only what detection holds to be well is shown as well."""
    row = service_row("a", ["eu", "us", "ap"], ["eu", "us"], {"a in eu"}, set())
    assert [one.text for one in row.cells] == ["down", "no word", "not here"]
    assert row.kind == "bad"
    assert service_row("a", ["eu"], [], set(), {"a"}).cells == (Cell("good", "well"),)


def test_answers_are_read_as_status_writes_them() -> None:
    """`EMPTY` is no region."""
    assert answers_of("eu-west:2 us-east:1") == {"eu-west": 2, "us-east": 1}
    assert answers_of("EMPTY") == {}


def test_the_oldest_plan_that_waits_comes_first() -> None:
    """And one that is confirmed does not wait."""
    old, new = (
        replace(plan(endpoint(target("eu-1")), generation=2), made_at_ns=Nanos(one))
        for one in (1, 2)
    )
    assert [one.made_ns for one in waiting([(new, 1), (old, 0), (old, 2)])] == [1, 2]


def test_the_power_may_go_one_ttl_after_the_last_confirmation() -> None:
    """Not while anything is left or unproved, and never on the way back."""
    order = Evacuation(
        region=RegionName("eu"), reason="r", by="b", at_ns=Nanos(0), step_count=3, step_s=10.0
    )
    now_ns, safe_ns = Nanos(15 * NS_PER_S), Nanos(14 * NS_PER_S)
    done = drain(order, now_ns, left=0, unproved=(), safe_ns=safe_ns)
    assert (done.taken, done.safe_ns, done.is_safe) == (2, safe_ns, True)
    assert not drain(order, now_ns, left=0, unproved=(), safe_ns=Nanos(now_ns + 1)).is_safe
    for left, unproved, returning in ((1, (), False), (0, ("shop",), False), (0, (), True)):
        back = replace(order, returning=returning)
        found = drain(back, now_ns, left=left, unproved=unproved, safe_ns=safe_ns)
        assert (found.safe_ns, found.is_safe) == (None, False)


def test_a_refusal_of_the_guard_is_told_with_its_rule() -> None:
    """And what would remain, by region."""
    made = plan(endpoint(target("eu-1")), generation=1)
    block = Finding(rule="capacity", severity=Severity.BLOCK, message="too little")
    ruling = Ruling(endpoint=made.endpoint, generation=made.generation, findings=(block,))
    assert proof("shop", made, ruling).blocked == ("capacity: too little",)
    assert proof("shop", made, ruling).kind == "bad"
    assert proof("shop", None, None).capacity == "nothing is published yet"


def test_a_silent_server_answers_nothing() -> None:
    """It is no empty answer of anybody."""
    found = heard("192.0.2.1:53", "local", None, None, {})
    assert (found.kind, found.answers, found.fence) == ("bad", (), "")


def curve(length: int) -> Curve:
    """A series that rises."""
    return Curve(
        series="a",
        at_ns=tuple(Nanos(one * 60 * NS_PER_S) for one in range(length)),
        observed=tuple(range(length)),
        expected=(1.0,) * length,
        high=(3.0,) * length,
    )


@given(st.integers(0, 200))
def test_a_chart_says_the_same_in_every_form(length: int) -> None:
    """Points, table and data have the same minutes; a series without any is drawn empty."""
    made = chart(curve(length))
    assert len(made.seen.split()) == len(made.data[0]) == length
    assert len(made.band.split()) == 2 * length
    assert len(made.rows) == min(ROWS, length)
    ys = [float(one.split(",")[1]) for one in made.seen.split()]
    assert ys == sorted(ys, reverse=True), "upwards is more"


def test_the_graph_draws_each_service_once_and_counts_the_rest() -> None:
    """A rival that explains the same points to the same node; what exonerates is dashed."""
    rival = replace(SUSPECT, cause="name `api`", explained=("b",), explained_count=1)
    made = graph((SUSPECT,), rival)
    assert [one.text for one in made.services].count("b") == 1
    assert any("1,762 more down" in one.text for one in made.services)
    assert [one.kind for one in made.causes] == ["cause", "rival"]
    assert sorted({one.kind for one in made.ties}) == ["exonerating", "explained"]
    assert len(made.ties) == 4 + 2
    assert max(one.y for one in made.services) < made.height


def run(name: str, at: int, held: int, total: int = 2) -> Run:
    """A drill that was held."""
    return Run(name=name, title=name.upper(), at_ns=Nanos(at), held=held, total=total)


def test_a_drill_that_fails_now_tells_when_it_last_passed() -> None:
    """Known ones that were never held come last; one that expects nothing never passes."""
    known = [("a", "shop", "A"), ("b", "shop", "B")]
    runs = [run("b", 5, 1), run("b", 3, 2), run("mine", 4, 0, 0)]
    found = {one.name: one for one in scenarios(known, runs)}
    assert list(found) == ["b", "mine", "a"]
    assert (found["b"].kind, found["b"].passed_ns) == ("bad", 3)
    assert (found["mine"].kind, found["mine"].passed_ns) == ("none", 0)
    assert (found["a"].kind, found["a"].last) == ("none", None)


def test_results_are_remembered_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    """Nothing is written where there is no state folder."""
    add_result(tmp_path / "nowhere", run("a", 1, 2))
    assert not (tmp_path / "nowhere").exists()
    add_result(tmp_path, run("a", 1, 2))
    with (tmp_path / FILE).open("a") as file:
        file.write(json.dumps({"name": "half"})[:-3] + "\n")
    add_result(tmp_path, run("b", 2, 2))
    assert read_results(tmp_path) == [run("a", 1, 2), run("b", 2, 2)]


@given(st.lists(st.integers()), st.integers(1, 50), st.integers(1, 20))
def test_every_thing_stands_on_one_page(things: list[int], page: int, size: int) -> None:
    """And a page beyond the last one is the last one."""
    whole = [
        it for at in range(paged(things, 1, size).pages) for it in paged(things, at + 1, size).lines
    ]
    assert whole == things
    assert paged(things, page, size).page <= paged(things, page, size).pages


def test_what_is_wrong_comes_first_and_searching_ignores_case() -> None:
    """Without changing the order otherwise."""
    found = Search(text="A").find(
        ["xa", "b", "ya", "za"], lambda one: (one,), lambda one: one == "ya"
    )
    assert found.lines == ("ya", "xa", "za")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (count(9_999), "9,999"),
        (count(41_234), "41,000"),
        (count(1_260_000), "1.3 million"),
        (count(23_400_000), "23 million"),
        (share(0.0), "0 %"),
        (share(0.004), "under 1 %"),
        (share(0.9999), "over 99 %"),
        (share(1.0), "100 %"),
        (plural(1, "country"), "1 country"),
        (plural(2_000, "country"), "2,000 countries"),
        (span(119 * NS_PER_S), "119 s"),
    ],
)
def test_figures_as_people_read_them(said: str, words: str) -> None:
    """Two digits that count, and no share that reads as nothing or all without being so."""
    assert said == words
