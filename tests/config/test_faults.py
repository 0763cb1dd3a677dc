"""Every rule of the topology file, by golden cases, and what faults look like."""

import json

import pytest
from tests.config.golden import NAME, Case, base, changed, faults_of, outcome, read_cases

from outlast.config import Severity, TopologyErrors, parse
from outlast.config.faults import FAULTS_SHOWN_MAX

SECRET = "c2VjcmV0LW9mLW1pbmU="


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.title)
def test_each_case_says_exactly_this(case: Case) -> None:
    """Rule, file, line, column, field, value, excerpt, caret and remedy are as written down."""
    assert outcome(case) == case.expected


def test_the_base_has_no_fault() -> None:
    """What the cases change is clean, so each fault is the change's own."""
    assert faults_of(base()) == ()


def test_each_fault_has_a_reason_a_remedy_and_a_place() -> None:
    """No fault leaves its reader alone."""
    for case in read_cases():
        for fault in faults_of(changed(base(), case.change)):
            assert fault.message, case.title
            assert fault.remedy, case.title
            assert fault.line > 0, case.title
            assert fault.column > 0, case.title


def test_the_caret_stands_under_the_column() -> None:
    """The excerpt is the line itself, unless a secret or its length forbids it."""
    for case in read_cases():
        text = changed(base(), case.change)
        for fault in faults_of(text):
            if "***" not in fault.excerpt and fault.column < 80:
                line = text.splitlines()[fault.line - 1].replace("\t", " ")
                assert line.startswith(fault.excerpt.rstrip("…")), case.title
                assert fault.caret == fault.column - 1, case.title


def test_an_inline_secret_is_nowhere_in_what_is_said() -> None:
    """Faults end up in logs and tickets."""
    cases = [case for case in read_cases() if SECRET in "".join(case.change)]
    assert len(cases) >= 5
    for case in cases:
        with pytest.raises(TopologyErrors) as caught:
            parse(changed(base(), case.change), NAME)
        said = str(caught.value) + repr(caught.value) + json.dumps(caught.value.as_json())
        assert SECRET not in said, case.title
        assert SECRET not in repr(caught.value.faults), case.title


def test_errors_carry_warnings_too_and_count_both() -> None:
    """Who repairs a file sees everything at once; the last line counts, and says what follows."""
    text = (
        base()
        .replace("demand: 1500", "demand: x")
        .replace("negative_ttl_s: 5", "negative_ttl_s: 900")
    )
    with pytest.raises(TopologyErrors) as caught:
        parse(text, NAME)
    severities = {fault.severity for fault in caught.value.faults}
    assert severities == {Severity.ERROR, Severity.WARNING}
    assert str(caught.value).endswith("topology.yaml: 1 error, 1 warning. Nothing was changed.")
    assert caught.value.exit_code == 2


def test_faults_are_json() -> None:
    """`--json` gives every field of every fault, under stable names."""
    with pytest.raises(TopologyErrors) as caught:
        parse(base().replace("demand: 1500", "demand: 1_500"), NAME)
    assert caught.value.as_json() == {
        "file": "topology.yaml",
        "faults": [
            {
                "rule": "value",
                "severity": "error",
                "file": "topology.yaml",
                "line": 38,
                "column": 13,
                "path": "endpoints.shop.demand",
                "value": "1_500",
                "message": "underscores are not read alike everywhere",
                "remedy": "write `1500`",
            }
        ],
        "more": 0,
    }


def test_a_wrong_default_is_told_once_where_it_is_written() -> None:
    """Endpoints that inherit one wrong value make one fault, at `defaults`."""
    text = base().replace("check: {path: /healthz}", "check: {path: /healthz, status_min: 500}")
    faults = faults_of(text)
    assert [(one.rule, one.path, one.line) for one in faults] == [
        ("status-range", "defaults.check.status_min", 28)
    ]


def test_more_faults_than_anybody_reads_are_counted() -> None:
    """The list ends at a limit, errors first, and says how many more there are."""
    extra = FAULTS_SHOWN_MAX + 7
    lines = "".join(f"  r{number}: {{zzz: 1}}\n" for number in range(extra))
    with pytest.raises(TopologyErrors) as caught:
        parse(base().replace("  ap-south: {}\n", "  ap-south: {}\n" + lines), NAME)
    assert len(caught.value.faults) == FAULTS_SHOWN_MAX
    assert caught.value.more == 7
    assert "and 7 more that are not listed" in str(caught.value)
