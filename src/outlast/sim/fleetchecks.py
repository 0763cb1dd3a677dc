"""Fleet checks: what cells promise, judged by somebody who shares no code with those who promise it.

    C1 contained   an enactor writes in its own cell only
    C2 bounded     within a cell's window no more addresses go than its budget lets go, or one
    C3 in turn     what nobody saw down goes in one cell at a time, as far apart as settings say

Judged by the records of two plans that follow each other, and by what the world knows to be dead: not by
members, verdicts or the planner's own ledger.
"""

from collections import defaultdict

from outlast.model.names import CellName, EndpointName
from outlast.model.plan import Plan
from outlast.model.records import Family
from outlast.model.topology import Cell, Endpoint
from outlast.model.units import Nanos, seconds
from outlast.sim.world import ADDRESSES

SECOND_NS = seconds(1)
"""Budgets may be kept in whole seconds; a promise is not broken by less."""


class FleetChecks:
    """What was taken away so far, and when."""

    def __init__(
        self, cells: tuple[Cell, ...], endpoints: tuple[Endpoint, ...], bake_s: float
    ) -> None:
        self._cells = {one.name: one for one in cells}
        self._bake_ns = seconds(bake_s)
        self._whole: dict[tuple[CellName, Family], int] = defaultdict(int)
        for one in endpoints:
            for target in one.targets:
                for family in target.families:
                    self._whole[one.cell, family] += 1
        self._gone: dict[tuple[CellName, Family], list[int]] = defaultdict(list)
        self._pushed: dict[CellName, int] = {}
        self.most: dict[CellName, int] = defaultdict(int)

    def wrote(self, enactor: str, cells: tuple[CellName, ...], endpoint: Endpoint) -> str:
        """C1: judge that an enactor, bound to these cells, wrote an endpoint."""
        if not cells or endpoint.cell in cells:
            return ""
        return f"C1 contained: {enactor} wrote {endpoint.name} of cell {endpoint.cell}"

    def planned(
        self, head: Plan | None, plan: Plan, cell: CellName, dead: frozenset[str], now_ns: Nanos
    ) -> str:
        """C2 and C3: judge that a plan became the newest."""
        if head is None or cell not in self._cells:
            return ""
        pushed = False
        for family in Family:
            lost = _addresses(head, family) - _addresses(plan, family)
            pushed = pushed or bool(lost - dead)
            broken = self._spend(plan.endpoint, cell, family, len(lost), now_ns)
            if broken:
                return broken
        if not pushed:
            return ""
        for other, at_ns in self._pushed.items():
            if other != cell and now_ns - at_ns < self._bake_ns - SECOND_NS:
                return f"C3 in turn: a push reached {plan.endpoint} of {cell} while {other} bakes"
        self._pushed[cell] = now_ns
        return ""

    def _spend(
        self, endpoint: EndpointName, cell: CellName, family: Family, count: int, now_ns: Nanos
    ) -> str:
        if not count:
            return ""
        budget = self._cells[cell].budget
        window_ns = seconds(budget.window_s) - SECOND_NS
        gone = [one for one in self._gone[cell, family] if now_ns - one < window_ns]
        gone += [now_ns] * count
        self._gone[cell, family] = gone
        self.most[cell] = max(self.most[cell], len(gone))
        allowed = max(1, int(budget.removed_ratio * self._whole[cell, family]))
        if len(gone) <= allowed:
            return ""
        return f"C2 bounded: {endpoint} is the {len(gone)}th of {allowed} {family} to go in {cell}"


def _addresses(plan: Plan, family: Family) -> set[str]:
    return {
        value
        for one in plan.record_sets
        if one.rtype in ADDRESSES and one.rtype is family.rtype
        for value in one.values
    }
