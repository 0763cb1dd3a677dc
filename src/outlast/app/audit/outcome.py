"""The outcome of an audit: what was looked at, what was found, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from outlast.app.audit.shown import Shown
from outlast.audit.boot import Boot
from outlast.audit.finding import Severity, count
from outlast.audit.run import RANK


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An audit of one file.

    Attributes:
        file: as it was given.
        size: what is in it, in a few words.
        shown: every finding, suppressed and known ones included.
        gone: how many findings of the baseline are gone.
        boot: how everything could come up from cold.
    """

    file: str
    size: str
    shown: Sequence[Shown]
    gone: int
    boot: Boot

    @property
    def counting(self) -> list[Shown]:
        """The findings that somebody has to look at."""
        return [one for one in self.shown if one.counts]

    @property
    def suppressed(self) -> list[Shown]:
        """Those that are accepted in the file, each with its reason."""
        return [one for one in self.shown if one.reason]

    def number(self, severity: Severity) -> int:
        """Return how many findings of one severity count."""
        return sum(one.finding.severity is severity for one in self.counting)

    def fails(self, least: Severity) -> bool:
        """Whether there is a finding of this severity or a worse one."""
        return any(RANK[one.finding.severity] <= RANK[least] for one in self.counting)

    @property
    def summary(self) -> str:
        """One line: counts, never a score."""
        parts = [count(self.number(one), one) for one in Severity]
        known = sum(one.known and not one.reason for one in self.shown)
        if self.suppressed:
            parts.append(f"{len(self.suppressed)} accepted with a reason")
        if known:
            parts.append(f"{known} known from the baseline")
        if self.gone:
            parts.append(f"{self.gone} of the baseline gone")
        return f"{self.file} ({self.size}): {', '.join(parts)}"
