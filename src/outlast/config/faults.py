"""Faults: what is wrong in a topology file, told so that its author can repair it at once.

A file is judged as a whole: `TopologyErrors` carries every fault, each with its place, the value that
stands there, the reason, and what to write instead. A secret that somebody wrote into the file is
never repeated, neither as a value nor in the excerpt of its line, since faults end up in logs.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from outlast.model.errors import ConfigError

Step = str | int
Path = tuple[Step, ...]
"""Where a value stands: keys, and positions in lists counted from 0."""

VALUE_LENGTH_MAX = 120
"""A longer value is cut in messages: the excerpt shows the place anyway."""

EXCERPT_LENGTH_MAX = 160
"""As above; a JSON file without line breaks is one line of many megabytes."""

SECRET_REACH = 4000
"""How far around a place secrets are looked for. A JSON file of 20 MB in one line has no more of them in
its excerpt than this, unless a single one is longer."""

FAULTS_SHOWN_MAX = 1000
"""More faults than this are counted, not listed. They have a common cause, and nobody reads on."""

NOT_SHOWN = "(not shown)"

_SECRET_IN_LINE = re.compile(
    r"(?P<before>[\w-]*(?:secret|passw|token|psk)[\w-]*[\"']?\s*[:=]\s*)"
    r"(?![\"']?(?:env|file):)(?P<value>[^\s{[&|>].*)",
    re.IGNORECASE,
)


class Severity(StrEnum):
    """Whether a file can be used in spite of a fault."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in a file.

    Attributes:
        rule: which rule it breaks, such as `unknown-key`; stable, for scripts.
        file: the name of the file as it was given.
        line, column: counted from 1; 0 where the file as a whole is meant.
        path: the field, such as `endpoints.api.targets.eu-1.ipv4`; empty: the file as a whole.
        value: the offending value; cut where long; `(not shown)` where it may be a secret.
        remedy: what to write or do instead.
        excerpt: the line, without secrets; cut to a window where long.
        caret: position in `excerpt` of the offending value, from 0.
    """

    rule: str
    severity: Severity
    file: str
    line: int
    column: int
    path: str
    value: str
    message: str
    remedy: str
    excerpt: str = ""
    caret: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        lines = [f"{place}: {self.severity}: {subject}{self.message} [{self.rule}]"]
        if self.excerpt:
            gutter = f"{self.line:>6} | "
            blank = " " * (len(gutter) - 2) + "| "
            lines += [gutter + self.excerpt, blank + " " * self.caret + "^"]
        if self.remedy:
            lines.append(f"  -> {self.remedy}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, str | int]:
        """Return the fault as a JSON object, for `--json`."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "value": self.value,
            "message": self.message,
            "remedy": self.remedy,
        }


class FileErrors(ConfigError):
    """A file that cannot be used, with all its faults, warnings included.

    Attributes:
        faults: in the order of the file.
        more: how many further faults are not listed.
    """

    def __init__(self, file: str, faults: tuple[Fault, ...], more: int = 0) -> None:
        self.file = file
        self.faults = faults
        self.more = more
        super().__init__(render(faults, file, more))

    def as_json(self) -> dict[str, object]:
        """Return all faults as one JSON object, for `--json`."""
        return {
            "file": self.file,
            "faults": [one.as_json() for one in self.faults],
            "more": self.more,
        }


class TopologyErrors(FileErrors):
    """A topology file that cannot be used."""


class ScenarioErrors(FileErrors):
    """A scenario file that cannot be used."""


def render(faults: tuple[Fault, ...], file: str, more: int = 0) -> str:
    """Return the text for people: one block a fault, and a last line that counts them."""
    blocks = [str(one) for one in faults]
    return "\n\n".join([*blocks, summary(faults, file, more)])


def summary(faults: tuple[Fault, ...], file: str, more: int = 0) -> str:
    """Return one line: how many errors and warnings a file has, and what follows from it."""
    errors = sum(one.severity is Severity.ERROR for one in faults)
    warnings = len(faults) - errors
    counted = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
    further = f", and {more} more that are not listed" if more else ""
    if errors:
        return f"{file}: {counted}{further}. Nothing was changed."
    return f"{file}: {counted}{further}. The file can be used."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number or 'no'} {noun}s"


def format_path(path: Path) -> str:
    """Write a path as people do: `endpoints.shop.names[1].families`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def shorten(value: str) -> str:
    """Cut a long value, and make line breaks and control characters visible."""
    shown = value if value.isprintable() else ascii(value)[1:-1]
    return shown if len(shown) <= VALUE_LENGTH_MAX else shown[: VALUE_LENGTH_MAX - 1] + "…"


def excerpt_of(line: str, column: int, secrets: frozenset[str]) -> tuple[str, int]:
    """Return what is shown of a line, and where the caret stands in it.

    Args:
        column: of the offending value, from 1.
        secrets: texts of the file that must not be repeated.
    """
    caret = max(column - 1, 0)
    start = max(caret - SECRET_REACH, 0)
    line, caret = line[start : caret + SECRET_REACH], caret - start
    before, after = _mask(line[:caret], secrets), _mask(line[caret:], secrets)
    if line != before + after or _SECRET_IN_LINE.search(line):
        # A mask over the whole line may begin left of the caret: take it whole then.
        whole = _mask(line, secrets)
        before, after = whole[: len(before)], whole[len(before) :]
    if len(before) > EXCERPT_LENGTH_MAX // 2:
        before = "…" + before[-EXCERPT_LENGTH_MAX // 2 :]
    if len(after) > EXCERPT_LENGTH_MAX // 2:
        after = after[: EXCERPT_LENGTH_MAX // 2] + "…"
    shown = "".join(sign if sign.isprintable() else " " for sign in before + after)
    return shown.rstrip(), len(before)


def _mask(text: str, secrets: frozenset[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return _SECRET_IN_LINE.sub(r"\g<before>***", text)
