"""Cells: how much was taken away lately in each group of endpoints, and whose turn it is.

An endpoint's own budget does not bound a mistake that is made everywhere at once: a push that deletes a third
of every endpoint's targets stays within each budget and takes a third of everything. A *cell* has a budget
of its own over all its endpoints, so what one cell may lose does not grow with the number of endpoints; and
what nobody saw down is taken away in one cell at a time, `cell_bake_s` apart, so that people see the
damage before it reaches the next one. What died leaves in all cells at once: a region that is gone must not
wait for anybody's turn.

Counted in addresses, not in capacity, whose unit is each endpoint's own. Counted from the plans
themselves: a planner that starts knows from the archived ones what was taken away within the window.

`Book` is the sum over all endpoints, kept by whoever plans them; each endpoint is judged by what it says of
its cell at that moment (`Standing`). Time is kept in whole seconds, rounded up, so that ten thousand
removals of one second are one entry.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from outlast.model.names import CellName, EndpointName
from outlast.model.policy import Cell
from outlast.model.records import Family
from outlast.model.topology import Endpoint
from outlast.model.units import NS_PER_S, Nanos, seconds

Counts = tuple[tuple[Family, int], ...]
"""A number for each family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """An address that clients were given before and are given no more.

    Attributes:
        pushed: nobody saw it down: an edit of the topology, or of a target source, took it away.
    """

    family: Family
    pushed: bool
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a cell stands at a moment.

    Attributes:
        whole: its addresses, by family.
        spent: those of them that were withdrawn within its window, or are about to be.
        frees_at_ns: when the oldest withdrawal leaves the window; 0: there is none.
        other: a cell in which something nobody saw down was withdrawn lately; empty: none.
        other_until_ns: until when that one bakes.
    """

    cell: Cell
    whole: Counts
    spent: Counts
    frees_at_ns: Nanos = Nanos(0)
    other: str = ""
    other_until_ns: Nanos = Nanos(0)

    def left(self, family: Family) -> int:
        """How many addresses may go now. One always may while nothing went, as in an endpoint's budget."""
        spent = dict(self.spent).get(family, 0)
        allowed = int(self.cell.budget.removed_ratio * dict(self.whole).get(family, 0))
        return max(allowed - spent, 0 if spent else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What one endpoint adds to its cell."""

    cell: CellName
    whole: Counts
    withdrawals: tuple[Withdrawal, ...] = ()


class _Account:
    """One cell's sums."""

    __slots__ = ("pushed", "spent", "whole")

    def __init__(self) -> None:
        self.whole: Counter[Family] = Counter()
        self.spent: dict[int, Counter[Family]] = {}
        self.pushed: Counter[int] = Counter()

    def add(self, entry: _Entry, sign: int) -> None:
        for family, count in entry.whole:
            self.whole[family] += sign * count
        for one in entry.withdrawals:
            second = -(-one.at_ns // NS_PER_S)
            self.spent.setdefault(second, Counter())[one.family] += sign
            self.pushed[second] += sign * one.pushed

    def forget(self, before: int) -> None:
        """Drop what is older than a second; what is taken out of it later is dropped the next time."""
        for second in [one for one in self.spent if one < before]:
            del self.spent[second]
            del self.pushed[second]

    def since(self, second: int) -> tuple[Counts, int]:
        """Return what was withdrawn from a second on, and the first second of it; 0: nothing was."""
        total: Counter[Family] = Counter()
        first = 0
        for at, counts in self.spent.items():
            if at >= second and any(counts.values()):
                total.update(counts)
                first = min(first or at, at)
        return tuple((one, total[one]) for one in Family if total[one]), first

    def last_push(self) -> int:
        return max((at for at, count in self.pushed.items() if count > 0), default=0)


class Book:
    """What was withdrawn in each cell. Cells without a budget of their own are not counted.

    Args:
        cells: those with a budget.
        bake_s: how long a push is looked at in one cell before the next cell gets it.
    """

    def __init__(self, cells: Iterable[Cell] = (), bake_s: float = 0.0) -> None:
        self._cells: dict[CellName, Cell] = {}
        self._accounts: dict[CellName, _Account] = {}
        self._entries: dict[EndpointName, _Entry] = {}
        self._bake_s = bake_s
        self.change(cells, bake_s)

    def change(self, cells: Iterable[Cell], bake_s: float) -> None:
        """Go on with other budgets; what was withdrawn stays withdrawn."""
        self._cells = {one.name: one for one in cells}
        self._bake_s = bake_s

    def meet(self, endpoint: Endpoint) -> None:
        """Count an endpoint's addresses, before anything is decided about it."""
        if not self._cells:
            return
        known = self._entries.get(endpoint.name)
        withdrawals = known.withdrawals if known is not None else ()
        before = known.whole if known is not None and known.cell == endpoint.cell else ()
        self._put(endpoint, _larger(_declared(endpoint), before), withdrawals)

    def take(
        self,
        endpoint: Endpoint,
        published: Counts,
        gone: tuple[Withdrawal, ...],
        reserved: tuple[Withdrawal, ...] = (),
    ) -> None:
        """Count what an endpoint publishes, took away, and is about to take away.

        The topology that is being pushed may name fewer addresses than there were: a share is taken of the
        larger number, or the measure would shrink with what it measures.
        """
        if self._cells:
            before = Counter(dict(published))
            before.update(one.family for one in gone)
            whole = _larger(_declared(endpoint), tuple(before.items()))
            self._put(endpoint, whole, (*gone, *reserved))

    def _put(self, endpoint: Endpoint, whole: Counts, withdrawals: tuple[Withdrawal, ...]) -> None:
        entry = _Entry(cell=endpoint.cell, whole=whole, withdrawals=withdrawals)
        known = self._entries.get(endpoint.name)
        if known == entry:
            return
        if known is not None:
            self._account(known.cell).add(known, -1)
        self._account(entry.cell).add(entry, 1)
        self._entries[endpoint.name] = entry

    def _account(self, name: CellName) -> _Account:
        return self._accounts.setdefault(name, _Account())

    def standing(self, name: CellName, now_ns: Nanos) -> Standing | None:
        """Return how a cell stands; None: it has no budget."""
        cell = self._cells.get(name)
        if cell is None:
            return None
        account = self._account(name)
        window_ns = seconds(cell.budget.window_s)
        account.forget((now_ns - max(window_ns, seconds(self._bake_s))) // NS_PER_S)
        spent, first = account.since((now_ns - window_ns) // NS_PER_S + 1)
        other, until_ns = self._other(name, now_ns)
        return Standing(
            cell=cell,
            whole=tuple((one, account.whole[one]) for one in Family if account.whole[one]),
            spent=spent,
            frees_at_ns=Nanos(first * NS_PER_S + window_ns) if first else Nanos(0),
            other=other,
            other_until_ns=until_ns,
        )

    def _other(self, name: CellName, now_ns: Nanos) -> tuple[str, Nanos]:
        """Return the other cell whose last push bakes longest, and until when."""
        bake_ns = seconds(self._bake_s)
        found: tuple[str, Nanos] = ("", Nanos(0))
        for one, account in self._accounts.items():
            if one == name or not account.pushed:
                continue
            last = account.last_push()
            until_ns = Nanos(last * NS_PER_S + bake_ns)
            if last and until_ns > max(now_ns, found[1]):
                found = one, until_ns
        return found


def _declared(endpoint: Endpoint) -> Counts:
    return tuple(
        (family, sum(1 for one in endpoint.targets if one.address(family) is not None))
        for family in endpoint.families
    )


def _larger(one: Counts, other: Counts) -> Counts:
    mine, theirs = dict(one), dict(other)
    return tuple(
        (family, max(mine.get(family, 0), theirs.get(family, 0)))
        for family in Family
        if family in mine or family in theirs
    )
