"""Findings: faults before they have a place. Rules say *which field*; `place` finds the line.

So a rule works on the topology alone, whether it came from YAML, from JSON or by the fast path that
keeps no positions, and the price of knowing lines is paid only where something is wrong.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from outlast.config.faults import Path, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong at a field.

    Attributes:
        path: the field; where it is not written, its nearest parent that is will be pointed at.
        value: the offending value; None: whatever scalar stands at the field.
        at_key: whether the key itself is meant, not its value.
        secret: whether the value must not be repeated.
        place: line and column where they are known already.
    """

    rule: str
    path: Path
    message: str
    remedy: str
    severity: Severity = Severity.ERROR
    value: str | None = None
    at_key: bool = False
    secret: bool = False
    place: tuple[int, int] | None = None


def warning(rule: str, path: Path, message: str, remedy: str, value: str | None = None) -> Finding:
    """Return a finding that does not stop the file from being used."""
    return Finding(
        rule=rule,
        path=path,
        message=message,
        remedy=remedy,
        severity=Severity.WARNING,
        value=value,
    )


def did_you_mean(word: str, options: Iterable[str], noun: str) -> str:
    """Return the remedy for a word that is none of the options: the nearest one, or all of them."""
    known = list(options)
    near = difflib.get_close_matches(word[:80], known[:2000], 1, 0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    if not known:
        return f"no {noun} is defined in this file"
    shown = ", ".join(f"`{one}`" for one in known[:12])
    return f"known here: {shown}" + (f" and {len(known) - 12} more" if len(known) > 12 else "")
