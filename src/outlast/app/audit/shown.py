"""Showing: findings get the line that they are about, and what became of them.

The file is read a second time for places only if there is something to place. A hundred endpoints that
inherit one wrong default point to one line.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from outlast.app.cli import COMMANDS
from outlast.audit.finding import Finding, Kind, Thing
from outlast.audit.rule import Rule
from outlast.audit.rules import RULES
from outlast.config.faults import FAULTS_SHOWN_MAX, Fault
from outlast.config.finding import Finding as ConfigFinding
from outlast.config.json_places import read_places
from outlast.config.load import wanted_places
from outlast.config.nodes import Node
from outlast.config.place import Source, place
from outlast.config.reader import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A finding with its place.

    Attributes:
        file: as it was given.
        line, column: from 1; 0 where the file as a whole is meant.
        field: the field, such as `services.login.regions`.
        excerpt, caret: the line, and where the caret stands in it.
        reason: why it is suppressed; empty: it is not.
        known: whether the baseline has it.
    """

    finding: Finding
    rule: Rule
    file: str
    line: int
    column: int
    field: str
    excerpt: str
    caret: int
    reason: str = ""
    known: bool = False

    @property
    def counts(self) -> bool:
        """Whether anybody has to look at it."""
        return not self.reason and not self.known

    @property
    def digest(self) -> str:
        """What stays the same while lines move, as 16 hex digits."""
        return hashlib.sha256(self.finding.fingerprint.encode()).hexdigest()[:16]

    @property
    def drill(self) -> str:
        """The command that shows the finding in a drill; empty: none does."""
        return drill_command(self.file, self.finding.hit.lost)


_DRILL_WORDS = {
    Kind.SERVICE: "service",
    Kind.ENDPOINT: "endpoint",
    Kind.TARGET: "target",
    Kind.PROVIDER: "provider",
    Kind.ZONE: "dns-zone",
    Kind.REGION: "region",
    Kind.SHARED: "shared",
}
"""What `outlast drill --lose` calls a kind of thing; a drill cannot take the others away."""


def drill_command(file: str, lost: Sequence[Thing]) -> str:
    """Return the command that takes things away in a drill; empty where no drill can."""
    if not lost or "drill" not in COMMANDS or any(one.kind not in _DRILL_WORDS for one in lost):
        return ""
    words = " ".join(f"--lose {_DRILL_WORDS[one.kind]}:{one.name}" for one in lost)
    return f"outlast drill {file} {words}"


def root_of(file: str, text: str, findings: Sequence[ConfigFinding]) -> Node:
    """Return the nodes of a text that is known to be good; of JSON, those that findings need."""
    if Path(file).suffix == ".json":
        return read_places(text, wanted_places([*findings]))
    return read(text)[0]


def show(findings: Sequence[Finding], file: str, text: str) -> list[Shown]:
    """Return findings with their places, in the order given."""
    if not findings:
        return []
    asked = [
        # The number takes the place of the rule, so that two findings at one place stay two.
        ConfigFinding(
            rule=str(at),
            path=one.hit.path,
            message=one.hit.message,
            remedy="",
            at_key=one.hit.at_key,
        )
        for at, one in enumerate(findings)
    ]
    source = Source(file=file, text=text, root=root_of(file, text, asked))
    placed: dict[int, Fault] = {}
    for start in range(0, len(asked), FAULTS_SHOWN_MAX):
        faults, _ = place(asked[start : start + FAULTS_SHOWN_MAX], source)
        placed |= {int(one.rule): one for one in faults}
    rules = {one.code: one for one in RULES}
    return [_shown(one, rules[one.code], placed[at]) for at, one in enumerate(findings)]


def _shown(finding: Finding, rule: Rule, fault: Fault) -> Shown:
    return Shown(
        finding=finding,
        rule=rule,
        file=fault.file,
        line=fault.line,
        column=fault.column,
        field=fault.path,
        excerpt=fault.excerpt,
        caret=fault.caret,
    )


def with_reason(shown: Shown, reason: str) -> Shown:
    """Return a finding as suppressed."""
    return replace(shown, reason=reason)


def with_known(shown: Shown) -> Shown:
    """Return a finding as one that the baseline has."""
    return replace(shown, known=True)
