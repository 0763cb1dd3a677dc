"""A rule: a pure function over a topology, and all that its reader should know about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from outlast.audit.case import Case
from outlast.audit.finding import Hit, Severity

Check = Callable[[Case], Iterator[Hit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An outage that taught something, with its public source."""

    title: str
    day: str
    source: str

    def __str__(self) -> str:
        return f"{self.title}, {self.day}: {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        code: family in three letters and a number, such as `DIV001`; stable, for scripts.
        title: in a few words.
        happens: what can happen.
        taught: what an incident showed, in a sentence or two.
        incidents: those incidents.
        remedy: how to fix it.
        ignore: when to ignore it.
        fixable: whether `--fix` can repair it.
    """

    code: str
    severity: Severity
    title: str
    happens: str
    taught: str
    incidents: tuple[Incident, ...]
    remedy: str
    ignore: str
    check: Check
    fixable: bool = False

    def as_json(self) -> dict[str, object]:
        """Return all but the function, for `--list-rules --json`."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "title": self.title,
            "happens": self.happens,
            "taught": self.taught,
            "incidents": [
                {"title": one.title, "day": one.day, "source": one.source} for one in self.incidents
            ],
            "remedy": self.remedy,
            "ignore": self.ignore,
            "fixable": self.fixable,
        }

    def __str__(self) -> str:
        sources = "\n".join(f"    {one}" for one in self.incidents)
        fix = "\n\n`--fix` repairs it." if self.fixable else ""
        return (
            f"{self.code} ({self.severity}): {self.title}\n\n"
            f"What can happen\n    {self.happens}\n\n"
            f"What taught it\n    {self.taught}\n{sources}\n\n"
            f"How to fix it\n    {self.remedy}\n\n"
            f"When to ignore it\n    {self.ignore}{fix}"
        )
