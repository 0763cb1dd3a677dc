"""The report: every number has its place, a violation tells what was being done, the page is whole."""

import re
from dataclasses import replace

import pytest
from chaos.__main__ import main
from chaos.catalogue import CATALOGUE
from chaos.checks import RULES, judge
from chaos.document import tables
from chaos.page import page
from chaos.report import Summary, summarize, text
from tests.chaos.made import EMPTY, Story, answer

A = "192.0.2.1"


def bad() -> tuple[str, str, Summary]:
    """Text, page and summary of a run with an empty answer during a fault."""
    story = Story().publishes(1, A).fails("kill-server", "server", for_s=1).sees(EMPTY, for_s=0.5)
    history = story.sees(answer(1, A, nonce=9)).history()
    verdict = judge(history)
    summary = summarize(history, verdict)
    return text(summary), page(history, verdict, summary), summary


def test_a_violation_says_what_was_being_done() -> None:
    """The first question of whoever reads it."""
    told, _, summary = bad()
    assert not summary.passed
    assert re.search(
        r"S1 shop at 1\.000 s: www.example.org has 0 .* \(during: kill-server server\)", told
    )
    assert "again:  none" in told


def test_every_rule_stands_in_the_text_with_its_count() -> None:
    """Also one that was held against nothing."""
    told, _, summary = bad()
    assert [one.rule for one in summary.rules] == list(RULES)
    assert re.search(r"S1 +30 +1 ", told)


def test_the_page_is_self_contained_and_shows_the_violation_and_the_fault() -> None:
    """No script, no address of anything elsewhere."""
    _, shown, _ = bad()
    assert 'class="bad"' in shown
    assert "1 kill-server server" in shown
    assert "http" not in shown
    assert "<script" not in shown


def test_the_documents_table_has_a_line_for_each_kind_and_rule() -> None:
    """What was never done is a nought, not an omission."""
    _, _, summary = bad()
    made = tables([summary_on_bind(summary)])
    for kind in CATALOGUE:
        count = 1 if kind.name == "kill-server" else 0
        assert f"| `{kind.name}`: {kind.about} | {count} |" in made
    assert "| **S1** never empty: broken | 1 of 30 |" in made


def test_how_long_providers_differed_stands_in_text_and_table() -> None:
    """Only where there are several; a run at one has a dash beside it."""
    _, _, summary = bad()
    one = summary_on_bind(summary)
    assert "differed" not in text(one)
    two = replace(one, server="dual", apart_s=(3.25, 0.5))
    assert "providers: differed for at most 3.2 s during the faults, 0.5 s afterwards" in text(two)
    made = tables([one, two])
    assert "| providers differed at most, s: during faults, afterwards | - | 3.2, 0.5 |" in made
    assert "differed" not in tables([one])


def summary_on_bind(summary: Summary) -> Summary:
    """The same, with a server and a promise as real runs have them."""
    return replace(summary, server="bind", promises=("L1 all endpoints: kept, 2.0 s of 20 s",))


def test_wrong_use_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """And says what would have been right."""
    with pytest.raises(SystemExit) as ended:
        main(["--server", "nonsense"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
