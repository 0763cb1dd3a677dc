"""The fleet: machines by the hundred, one plot full of faults, and what cells promise is kept."""

from collections.abc import Callable

import pytest

from outlast.core import bounds, guard
from outlast.core.messages import Newest
from outlast.model.policy import Reach
from outlast.sim import fleetenactors, fleetplanners
from outlast.sim.fleet import Fleet

MACHINES = 46
"""Eight cells of five enactors and five endpoints each."""


@pytest.mark.slow
def test_nothing_breaks_and_all_is_well_in_the_end() -> None:
    """Whatever stalls, dies, is wiped, lost, late, or pushed in error; and it is all the same again."""
    load = Fleet(MACHINES).run()
    assert load.broken == ()
    assert load.unsettled == ()
    assert load.writes > 3 * load.endpoints
    assert 0 < load.most <= load.allowed, "deaths and the push spent the budget"
    assert load.hit == 3, "one cell each two minutes had the push, of six that it was on"
    assert load == Fleet(MACHINES).run(), "a run follows from its seed"


def _without(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        kept = tuple(one for one in guard.RULES if one.__name__ != name)
        monkeypatch.setattr(guard, "RULES", kept)

    return patch


def _nothing_recalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planner that takes over lets the same budget be spent once more."""
    monkeypatch.setattr(fleetplanners.Planners, "_recall", lambda *_: None)


def _every_plan_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An enactor of one cell takes up another's endpoints, and nobody keeps the plan from it."""

    def within(reach: Reach, newest: Newest) -> Newest:
        del reach
        return newest

    monkeypatch.setattr(bounds, "within", within)
    _astray(monkeypatch)


def _astray(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that mistakes the cell: everybody is told of every endpoint."""
    real = fleetenactors.Enactors.__init__

    def init(self: fleetenactors.Enactors, *args: object) -> None:
        real(self, *args)  # type: ignore[arg-type]
        everybody = self._enactors
        self._of_cell = dict.fromkeys(self._of_cell, everybody)

    monkeypatch.setattr(fleetenactors.Enactors, "__init__", init)


MUTANTS: list[tuple[str, Callable[[pytest.MonkeyPatch], None]]] = [
    ("C2 bounded", _without("cell_budget")),
    ("C2 bounded", _nothing_recalled),
    ("C3 in turn", _without("cell_turn")),
    ("C1 contained", _every_plan_told),
]


@pytest.mark.slow
@pytest.mark.parametrize(("promise", "patch"), MUTANTS)
def test_what_breaks_a_promise_is_found(
    promise: str, patch: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch(monkeypatch)
    broken = Fleet(MACHINES).run().broken
    assert broken
    assert broken[0].startswith(promise)


@pytest.mark.slow
def test_a_driver_that_mistakes_the_cell_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan itself says whose it is."""
    _astray(monkeypatch)
    assert Fleet(12).run().broken == ()
