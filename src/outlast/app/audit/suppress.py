"""Suppressions: comments that say which finding is accepted, and why.

    payments:                 # audit: ignore DIV001 -- the bank has one data centre, agreed 2026-02
    # audit: ignore-file DIV016 -- users type one name

A comment stands in the line of the finding or in the comment lines right above it; `ignore-file` counts for
the whole file. One without a reason suppresses nothing and is a finding itself, as is one that nothing needs
any more: what was true once would hide what is not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outlast.app.audit.shown import Shown, with_reason
from outlast.audit.finding import Finding, Hit
from outlast.audit.rule import Rule
from outlast.audit.rules import RULES
from outlast.config.faults import excerpt_of
from outlast.config.reader import split_lines

_COMMENT = re.compile(
    r"#\s*audit:\s*ignore(?P<whole>-file)?\b(?P<codes>[\sA-Za-z0-9,]*)(?:--\s*(?P<reason>.*))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One comment.

    Attributes:
        line, column: from 1.
        alone: whether nothing but the comment stands in the line, so that it is about what follows.
        whole: whether it counts for the whole file.
    """

    line: int
    column: int
    codes: tuple[str, ...]
    reason: str
    alone: bool
    whole: bool


def suppressions(text: str) -> list[Suppression]:
    """Read the suppressions of a text."""
    return [*_read(split_lines(text))] if "audit:" in text else []


def _read(lines: Sequence[str]) -> Iterator[Suppression]:
    for number, line in enumerate(lines, start=1):
        found = _COMMENT.search(line)
        if found is not None:
            yield Suppression(
                line=number,
                column=found.start() + 1,
                codes=tuple(found["codes"].replace(",", " ").split()),
                reason=(found["reason"] or "").strip(),
                alone=not line[: found.start()].strip(),
                whole=bool(found["whole"]),
            )


def apply(shown: Sequence[Shown], file: str, text: str, rules: Sequence[Rule]) -> list[Shown]:
    """Mark what is suppressed, and add what is wrong with the suppressions themselves.

    Args:
        rules: those that were run; a suppression of another one may well be needed.
    """
    comments = suppressions(text)
    if not comments:
        return [*shown]
    lines = split_lines(text)
    used: set[tuple[int, str]] = set()
    marked = [_marked(one, comments, lines, used) for one in shown]
    ran = {one.code for one in rules}
    return marked + [
        _about(one, code, message, file, lines)
        for one in comments
        for code, message in _wrong(one, ran, used)
        if code in ran
    ]


def _marked(
    shown: Shown,
    comments: Sequence[Suppression],
    lines: Sequence[str],
    used: set[tuple[int, str]],
) -> Shown:
    code = shown.rule.code
    for one in comments:
        if code in one.codes and one.reason and (one.whole or _reaches(one, shown.line, lines)):
            used.add((one.line, code))
            shown = shown if shown.reason else with_reason(shown, one.reason)
    return shown


def _reaches(comment: Suppression, line: int, lines: Sequence[str]) -> bool:
    if comment.line == line:
        return True
    between = lines[comment.line : line - 1]
    return (
        comment.alone
        and comment.line < line
        and all(one.lstrip().startswith("#") for one in between)
    )


def _wrong(
    comment: Suppression, ran: set[str], used: set[tuple[int, str]]
) -> Iterator[tuple[str, str]]:
    known = {one.code for one in RULES}
    if not comment.codes or not comment.reason:
        yield "SUP001", "a suppression needs codes and a reason: `# audit: ignore DIV001 -- why`"
        return
    for code in comment.codes:
        if code not in known:
            yield "SUP002", f"there is no rule `{code}`"
        elif code in ran and (comment.line, code) not in used:
            yield "SUP003", f"`{code}` finds nothing here any more: delete the suppression"


def _about(comment: Suppression, code: str, message: str, file: str, lines: Sequence[str]) -> Shown:
    rule = next(one for one in RULES if one.code == code)
    excerpt, caret = excerpt_of(lines[comment.line - 1], comment.column, frozenset())
    hit = Hit(path=(), message=message, key=f"{comment.codes}")
    return Shown(
        finding=Finding(code=code, severity=rule.severity, hit=hit),
        rule=rule,
        file=file,
        line=comment.line,
        column=comment.column,
        field="",
        excerpt=excerpt,
        caret=caret,
    )
