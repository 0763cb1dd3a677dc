"""Each rule fires where it should, keeps silent where it nearly would, and explains itself."""

import re

import pytest
from tests.audit.cases import TODAY, Case, base, found, read_cases, said

from outlast.audit.finding import Severity
from outlast.audit.rules import FAMILIES, RULES
from outlast.audit.run import Choice, audit, case_of
from outlast.config import parse

CASES = read_cases()
FIRING = [one for one in CASES if one.fires]
SILENT = [one for one in CASES if not one.fires]
FOUND_IN_TEXT = {"SUP001", "SUP002", "SUP003"}


def test_nothing_is_found_in_the_base() -> None:
    """Or no case would show what its change does."""
    assert audit(case_of(parse(base(), "base.yaml").topology, TODAY)) == []


@pytest.mark.parametrize("case", FIRING, ids=lambda case: case.title)
def test_a_rule_says_exactly_this(case: Case) -> None:
    """Field, message, roads and repair are as written down."""
    assert case.expected
    assert said(case) == case.expected


@pytest.mark.parametrize("case", SILENT, ids=lambda case: case.title)
def test_a_near_miss_is_no_finding(case: Case) -> None:
    """A change that is nearly bad is not told of."""
    assert [one.hit.message for one in found(case)] == []


def test_each_rule_has_a_case_that_fires_and_one_that_does_not() -> None:
    """What reads comments is tested with the comments."""
    codes = {one.code for one in RULES} - FOUND_IN_TEXT
    assert {one.code for one in FIRING} == codes
    assert {one.code for one in SILENT} == codes


def test_codes_are_unique_and_ordered() -> None:
    """A code is a family's three letters and a number that grows."""
    for title, family in FAMILIES:
        codes = [one.code for one in family]
        assert codes == sorted(set(codes))
        assert all(re.fullmatch(title[:3] + r"\d{3}", one) for one in codes)
    assert len({one.code for one in RULES}) == len(RULES) >= 40


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_explains_itself(rule: object) -> None:
    """What can happen, what taught it with a public source, how to fix it, when to ignore it."""
    text = str(rule)
    parts = ("What can happen", "What taught it", "How to fix it", "When to ignore it")
    places = [text.index(one) for one in parts]
    assert places == sorted(places)
    assert re.search(r"https://\S+", text)
    sections = re.split("|".join(parts), text)[1:]
    assert all(len(one.strip()) >= len("Never.") for one in sections)
    assert not re.search(r"  \w+  \w", text.replace("\n    ", "\n"))


def test_only_fixable_rules_offer_repairs() -> None:
    """And each of them does in its own case."""
    offering = {one.code for one in FIRING if any(hit.hit.change for hit in found(one))}
    assert offering == {one.code for one in RULES if one.fixable}


def test_the_longer_beginning_decides_what_is_selected() -> None:
    """As with other linters."""
    assert Choice(ignore=("DIV",)).takes("CUT001")
    assert not Choice(ignore=("DIV",)).takes("DIV012")
    assert Choice(select=("DIV012",), ignore=("DIV",)).takes("DIV012")
    assert not Choice(select=("DIV",), ignore=("DIV012",)).takes("DIV012")
    assert not Choice(select=("DIV",)).takes("CUT001")
    assert not Choice(select=("DIV",), ignore=("DIV",)).takes("DIV001")


def test_the_worst_comes_first() -> None:
    """Errors, warnings, notes."""
    text = base().replace(
        "    essential: true\n    regions: [eu-west, us-east]",
        "    essential: true\n    regions: [eu-west]",
    )
    found = audit(
        case_of(parse(text.replace("drills: [", "drills: [] #"), "base.yaml").topology, TODAY)
    )
    ranks = [[*Severity].index(one.severity) for one in found]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1
