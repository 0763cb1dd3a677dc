"""Findings as SARIF 2.1.0, the form that code review tools show beside the line."""

import json

from outlast import __version__
from outlast.app.audit.outcome import Outcome
from outlast.app.audit.shown import Shown
from outlast.audit.rule import Rule
from outlast.audit.rules import RULES

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(outcome: Outcome) -> str:
    """Return one run. Suppressed findings are in it, marked so, with their reasons."""
    driver = {
        "name": "outlast audit",
        "semanticVersion": __version__,
        "rules": [_rule(one) for one in RULES],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in outcome.shown],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.happens},
        "help": {"text": str(rule)},
        "defaultConfiguration": {"level": str(rule.severity)},
        "properties": {"tags": [rule.code[:3]]},
    }


def _result(shown: Shown) -> dict[str, object]:
    hit = shown.finding.hit
    roads = "".join(f"\n{one}" for one in hit.roads)
    place: dict[str, object] = {"artifactLocation": {"uri": shown.file.replace("\\", "/")}}
    if shown.line:
        place["region"] = {"startLine": shown.line, "startColumn": shown.column}
    result: dict[str, object] = {
        "ruleId": shown.rule.code,
        "ruleIndex": RULES.index(shown.rule),
        "level": str(shown.finding.severity),
        "message": {"text": f"{hit.message}{roads}\n{shown.rule.remedy}"},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"fullyQualifiedName": shown.field}],
            }
        ],
        "partialFingerprints": {"outlastAudit/v1": shown.digest},
    }
    if shown.reason:
        result["suppressions"] = [{"kind": "inSource", "justification": shown.reason}]
    elif shown.known:
        result["suppressions"] = [{"kind": "external", "justification": "in the baseline"}]
    return result
