"""Findings: what a rule says of a topology, before anybody knows in which line it stands.

A rule names the *field* (a path); whoever read the file finds the line. So rules work on the topology
alone, whether it came from YAML, from JSON, or was put together by a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Path = tuple[str | int, ...]
"""Where a value stands: keys, and positions in lists counted from 0."""


class Severity(StrEnum):
    """How bad a finding is; the words of SARIF, and of most linters."""

    ERROR = "error"
    """One failure takes something essential down, or nobody can repair it."""
    WARNING = "warning"
    """An outage becomes longer, wider or likelier than it must be."""
    NOTE = "note"
    """Worth knowing; often accepted for good reasons."""


class Kind(StrEnum):
    """What sort of thing can fail as one."""

    SERVICE = "service"
    ENDPOINT = "endpoint"
    TARGET = "target"
    PROVIDER = "provider"
    ZONE = "zone"
    NAME_SERVER = "name server"
    REGION = "region"
    SHARED = "shared fate"
    NETWORK = "network"
    COUNTRY = "country"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that can fail as one."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} `{self.name}`"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a road: what is needed, and how (`hard`, `startup`, `in`, ...)."""

    thing: Thing
    how: str


@dataclass(frozen=True, slots=True)
class Road:
    """How something essential comes to depend on what fails: from it, step by step, to that."""

    start: Thing
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        text = self.start.name
        for step in self.steps:
            arrow = "->" if step.how in {"hard", "in", "by"} else f"-({step.how})->"
            text += f" {arrow} {step.thing.name}"
        return text


@dataclass(frozen=True, slots=True)
class Change:
    """A repair that is safe to make by machine: write this value into this field."""

    path: Path
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a rule found.

    Attributes:
        path: the field; where it is not written, its nearest parent that is.
        message: one line; names the things, and the figures that do not add up.
        key: tells this hit from others of the same rule at the same field, in any later run; empty:
            there is one at most.
        roads: the ways by which the failure reaches what is essential.
        lost: the things whose loss shows the finding, in a drill.
        change: how `--fix` repairs it, where that is safe.
        at_key: whether the key itself is meant, not its value.
    """

    path: Path
    message: str
    key: str = ""
    roads: tuple[Road, ...] = ()
    lost: tuple[Thing, ...] = ()
    change: Change | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A hit with the rule that made it."""

    code: str
    severity: Severity
    hit: Hit

    @property
    def fingerprint(self) -> str:
        """What stays the same while lines move: rule, field and key."""
        return "|".join((self.code, ".".join(str(one) for one in self.hit.path), self.hit.key))


def count(number: int, noun: str) -> str:
    """Write a number and its noun: `1 region`, `3 regions`, `2 queries`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Write names in a row, each in backquotes; those beyond the most are counted."""
    shown = ", ".join(f"`{one}`" for one in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
