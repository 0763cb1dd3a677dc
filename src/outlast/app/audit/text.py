"""Findings as text for people and as JSON for machines."""

import json

from outlast.app.audit.outcome import Outcome
from outlast.app.audit.shown import Shown
from outlast.audit.boot import Boot
from outlast.audit.finding import Severity, Thing
from outlast.audit.rule import Rule
from outlast.glass.words import plural


def text(outcome: Outcome, *, reasons: bool = False) -> str:
    """Return one block for each finding that counts, and a line that counts them.

    Args:
        reasons: whether to list what is accepted as well, each with its reason.
    """
    blocks = [_block(one) for one in outcome.counting]
    if reasons and outcome.suppressed:
        blocks.append("\n".join(_accepted(one) for one in outcome.suppressed))
    return "\n\n".join([*blocks, outcome.summary])


def _block(shown: Shown) -> str:
    place = f"{shown.file}:{shown.line}:{shown.column}" if shown.line else shown.file
    hit = shown.finding.hit
    lines = [f"{place}: {shown.finding.severity}: {hit.message} [{shown.rule.code}]"]
    if shown.excerpt:
        gutter = f"{shown.line:>6} | "
        blank = " " * (len(gutter) - 2) + "| "
        lines += [gutter + shown.excerpt, blank + " " * shown.caret + "^"]
    lines += [f"  road: {one}" for one in hit.roads]
    lines.append(f"  -> {shown.rule.remedy}")
    if hit.change is not None:
        field = ".".join(str(one) for one in hit.change.path)
        lines.append(f"  -> `--fix` writes `{field}: {hit.change.value}`")
    if shown.drill:
        lines.append(f"  see it: {shown.drill}")
    return "\n".join(lines)


def _accepted(shown: Shown) -> str:
    return (
        f"{shown.file}:{shown.line}: accepted: {shown.finding.hit.message} [{shown.rule.code}]\n"
        f"  because: {shown.reason}"
    )


def as_json(outcome: Outcome) -> str:
    """Return everything as one JSON object."""
    return json.dumps(
        {
            "file": outcome.file,
            "counts": {str(one): outcome.number(one) for one in Severity},
            "findings": [_finding(one) for one in outcome.shown],
            "baseline_gone": outcome.gone,
            "boot": {
                "waves": [[*one] for one in outcome.boot.waves],
                "stuck": [*outcome.boot.stuck],
                "circles": [str(one) for one in outcome.boot.circles],
            },
        },
        indent=2,
        ensure_ascii=False,
    )


def _finding(shown: Shown) -> dict[str, object]:
    hit = shown.finding.hit
    change = None
    if hit.change is not None:
        change = {"field": ".".join(str(one) for one in hit.change.path), "value": hit.change.value}
    return {
        "code": shown.rule.code,
        "severity": str(shown.finding.severity),
        "message": hit.message,
        "line": shown.line,
        "column": shown.column,
        "field": shown.field,
        "remedy": shown.rule.remedy,
        "roads": [str(one) for one in hit.roads],
        "lost": [_thing(one) for one in hit.lost],
        "drill": shown.drill,
        "fix": change,
        "digest": shown.digest,
        "accepted": shown.reason,
        "known": shown.known,
    }


def _thing(thing: Thing) -> dict[str, str]:
    return {"kind": str(thing.kind), "name": thing.name}


def boot_text(boot: Boot, what: str) -> str:
    """Return the order of a cold start, wave by wave."""
    lines = [f"From cold, {what} can come up in {plural(len(boot.waves), 'wave')}:"]
    lines += [f"{at:>4}. {', '.join(one)}" for at, one in enumerate(boot.waves, start=1)]
    if boot.stuck:
        lines.append(f"These never can: {', '.join(boot.stuck)}")
        lines += [f"      circle: {one}" for one in boot.circles]
    return "\n".join(lines)


def rule_list(rules: tuple[Rule, ...]) -> str:
    """Return one line for each rule."""
    return "\n".join(
        f"{one.code}  {one.severity:<7}  {one.title}{'  [fix]' if one.fixable else ''}"
        for one in rules
    )
