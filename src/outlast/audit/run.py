"""Running: a topology through the chosen rules, to findings in a stable order."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from outlast.audit.case import Case
from outlast.audit.finding import Finding, Severity
from outlast.audit.rule import Rule
from outlast.audit.rules import RULES
from outlast.model.topology import Topology

RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rules count.

    Attributes:
        select: beginnings of codes, such as `DIV` or `TTL00`; empty: all rules.
        ignore: beginnings of codes that are left out of those. The longer of two beginnings that fit
            decides, as with other linters: `--ignore DIV --select DIV012` leaves DIV012 in.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def takes(self, code: str) -> bool:
        """Whether a rule counts."""
        chosen = _longest(code, self.select) if self.select else 0
        return chosen >= 0 and chosen > _longest(code, self.ignore)


def _longest(code: str, beginnings: Iterable[str]) -> int:
    """Return the length of the longest beginning that fits; -1: none does."""
    return max((len(one) for one in beginnings if code.startswith(one)), default=-1)


ALL = Choice()


def audit(case: Case, choice: Choice = ALL, rules: tuple[Rule, ...] = RULES) -> list[Finding]:
    """Return what the chosen rules find: the worst first, then by rule and field."""
    found = [
        Finding(code=rule.code, severity=rule.severity, hit=hit)
        for rule in rules
        if choice.takes(rule.code)
        for hit in rule.check(case)
    ]
    order = {rule.code: at for at, rule in enumerate(rules)}
    found.sort(key=lambda one: (RANK[one.severity], order[one.code], one.fingerprint))
    return found


def case_of(topology: Topology, today: date) -> Case:
    """Return a topology with all that rules ask of it."""
    return Case(topology, today)
