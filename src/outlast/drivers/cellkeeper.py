"""Cell keeper: gives each endpoint's machine the standing of its cell, and counts what it then takes away."""

from outlast.core import loop
from outlast.core.blast import published
from outlast.core.cells import Book
from outlast.core.messages import CellChanged
from outlast.model.names import CellName, EndpointName
from outlast.model.topology import Endpoint, Topology
from outlast.model.units import Nanos


class CellKeeper:
    """The cells of one topology, as the planner of its endpoints keeps them."""

    def __init__(self, topology: Topology) -> None:
        self._cells = topology.cells, topology.settings.cell_bake_s
        self._book = Book(*self._cells)
        self._cell_of: dict[EndpointName, CellName] = {}

    def change(self, topology: Topology) -> bool:
        """Go on with another topology; return whether budgets are others now."""
        before, self._cells = self._cells, (topology.cells, topology.settings.cell_bake_s)
        self._book.change(*self._cells)
        return before != self._cells

    def meet(self, endpoint: Endpoint) -> None:
        """Count an endpoint's addresses in its cell."""
        self._cell_of[endpoint.name] = endpoint.cell
        self._book.meet(endpoint)

    def prepare(self, name: EndpointName, state: loop.State, now_ns: Nanos) -> loop.State:
        """Return an endpoint's state with how its cell stands now."""
        cell = self._cell_of.get(name)
        standing = self._book.standing(cell, now_ns) if cell is not None else None
        if standing == state.cell:
            return state
        return loop.recall(state, CellChanged(standing=standing, at_ns=now_ns))

    def count(self, state: loop.State) -> None:
        """Count what an endpoint lost, and what it is about to lose."""
        if state.endpoint is not None:
            before = published(state.head)
            self._book.take(state.endpoint, before, state.withdrawals, state.reserved)

    def lines(self, now_ns: Nanos) -> list[str]:
        """Say for people what is left of each budget."""
        found = []
        for cell in self._cells[0]:
            standing = self._book.standing(cell.name, now_ns)
            if standing is not None and standing.spent:
                whole = dict(standing.whole)
                spent = ", ".join(f"{n} of {whole.get(one, 0)} {one}" for one, n in standing.spent)
                found.append(f"cell {cell.name}: {spent} withdrawn in {cell.budget.window_s:g} s")
        return found
