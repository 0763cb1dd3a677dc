"""Findings as JUnit XML: one test case a rule, failed where it found something. Notes do not fail."""

from xml.etree import ElementTree as ET

from outlast.app.audit.outcome import Outcome
from outlast.app.audit.shown import Shown
from outlast.audit.finding import Severity
from outlast.audit.rule import Rule


def junit(outcome: Outcome, rules: tuple[Rule, ...]) -> str:
    """Return one suite.

    Args:
        rules: those that were run.
    """
    by_code: dict[str, list[Shown]] = {}
    for one in outcome.counting:
        by_code.setdefault(one.rule.code, []).append(one)
    failed = [
        code for code, found in by_code.items() if found[0].rule.severity is not Severity.NOTE
    ]
    suite = ET.Element(
        "testsuite",
        name=f"outlast audit {outcome.file}",
        tests=str(len(rules)),
        failures=str(len(failed)),
        errors="0",
    )
    for rule in rules:
        case = ET.SubElement(
            suite, "testcase", classname=f"audit.{rule.code[:3]}", name=f"{rule.code} {rule.title}"
        )
        found = by_code.get(rule.code, [])
        if found and rule.code in failed:
            message = found[0].finding.hit.message
            failure = ET.SubElement(case, "failure", type=str(rule.severity), message=message)
            failure.text = _lines(found)
        elif found:
            ET.SubElement(case, "system-out").text = _lines(found)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _lines(found: list[Shown]) -> str:
    return "\n".join(
        "\n  ".join(
            [f"{one.file}:{one.line}:{one.column}: {one.finding.hit.message}"]
            + [f"road: {road}" for road in one.finding.hit.roads]
        )
        for one in found
    )
