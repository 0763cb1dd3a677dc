"""Baseline: the findings of a day, so that from then on only new ones are told.

A finding is known by rule, field and key, not by its line: moving text does not make it new.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from outlast.app.audit.shown import Shown, with_known
from outlast.model.errors import ConfigError

VERSION = 1


def read_baseline(path: Path) -> dict[str, str]:
    """Return the fingerprints of a baseline and what each said.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] == VERSION:
            return {one["digest"]: one["message"] for one in found["findings"]}
        reason = f"it has version {found['version']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
    raise ConfigError(
        f"{path} is no baseline that can be read: {reason}",
        remedy=f"write one: outlast audit FILE --write-baseline {path}",
    )


def write_baseline(path: Path, shown: Sequence[Shown]) -> None:
    """Write what is found today, but for what is suppressed in the file."""
    findings = [
        {"digest": one.digest, "code": one.rule.code, "field": one.field, "message": _message(one)}
        for one in shown
        if not one.reason
    ]
    text = json.dumps({"version": VERSION, "findings": findings}, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _message(shown: Shown) -> str:
    return shown.finding.hit.message


def apply(shown: Sequence[Shown], baseline: dict[str, str]) -> tuple[list[Shown], int]:
    """Mark what the baseline has; return also how many of its entries are gone."""
    marked = [with_known(one) if one.digest in baseline else one for one in shown]
    return marked, len(baseline.keys() - {one.digest for one in shown})
