"""`outlast up --cell`: whose enactors write where, and what the status says of it."""

from dataclasses import replace

import pytest
from tests.support.builders import provider
from tests.support.system import AP, EU, US, System, until

from outlast.app.shares import check_reload, shares_of, sign_every_s
from outlast.model.errors import ConfigError
from outlast.model.names import CellName, EnactorName
from outlast.model.policy import Cell, Reach
from outlast.model.topology import Address, Settings, StoreChoice, Topology, TrailChoice

PAY, SEARCH = CellName("pay"), CellName("search")
TOPOLOGY = Topology(
    cells=(Cell(name=PAY, enactors=2), Cell(name=SEARCH)), settings=Settings(enactors=1)
)


def reaches(name: str | None, *cells: CellName) -> dict[str, Reach]:
    """Return who may write where."""
    shares = shares_of(TOPOLOGY, EnactorName(name) if name else None, cells)
    return {who: share.reach for who, share in shares.items()}


def test_a_cell_with_enactors_of_its_own_is_left_to_them() -> None:
    own = Reach(only=(PAY,))
    assert reaches(None) == {"enactor-1": Reach(never=(PAY,)), "pay-1": own, "pay-2": own}
    assert reaches("enactor-7") == {"enactor-7": Reach(never=(PAY,))}
    assert reaches("pay-2") == {"pay-2": own}


def test_a_process_of_some_cells_plays_their_enactors_alone() -> None:
    own = Reach(only=(PAY,))
    assert reaches(None, PAY) == {"pay-1": own, "pay-2": own}
    assert reaches(None, SEARCH) == {"search-1": Reach(only=(SEARCH,))}
    assert reaches("spare", PAY, SEARCH) == {"spare": Reach(only=(PAY, SEARCH))}


def test_a_cell_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError) as refused:
        reaches(None, CellName("payments"))
    assert "there is no cell payments" in refused.value.what
    assert refused.value.remedy == "choose one of: default, pay, search"


def test_enactors_of_a_cell_come_with_a_restart() -> None:
    """A running process that took the edit over would leave the cell to nobody."""
    changed = Topology(cells=(Cell(name=PAY, enactors=1),), settings=TOPOLOGY.settings)
    with pytest.raises(ConfigError):
        check_reload(changed, TOPOLOGY)
    check_reload(TOPOLOGY, TOPOLOGY)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(TOPOLOGY, trail=TrailChoice(folders=("elsewhere",))), "the audit trail"),
        (
            replace(TOPOLOGY, store=StoreChoice(etcd=(Address(host="192.0.2.1", port=2379),))),
            "the store",
        ),
        (replace(TOPOLOGY, providers=(provider(),)), "the providers"),
    ],
)
def test_what_takes_a_restart_is_refused_and_not_left_undone(changed: Topology, said: str) -> None:
    """Taken over without a word, copies of the trail are thought to be made, and are not."""
    with pytest.raises(ConfigError) as refused:
        check_reload(changed, TOPOLOGY)
    assert said in refused.value.what
    assert "restart" in refused.value.remedy


@pytest.mark.parametrize(("cells", "every_s"), [(0, 2.0), (3, 2.0), (200, 100.1)])
def test_signs_of_life_of_a_fleet_grow_no_further(cells: int, every_s: float) -> None:
    """Each wakes every machine: ten a second of all enactors together, one in two seconds of each at most."""
    many = tuple(Cell(name=CellName(f"c{k}"), enactors=5) for k in range(cells))
    assert sign_every_s(Topology(cells=many, settings=Settings(enactors=1))) == every_s


@pytest.mark.slow
def test_a_sign_of_life_says_when_the_next_one_comes(still: System) -> None:
    """Who reads it counts nobody as gone before three of them are missed."""
    cells = ", ".join(f"c{k}: {{enactors: 16}}" for k in range(20))
    still.edit("defaults:\n", f"cells: {{{cells}}}\ndefaults:\n")
    still.up("--role", "enactor", "--name", "enactor-1", ready="started")

    def signs() -> list[float]:
        return [one["every_s"] for one in still.outlast("status", "--json").json()["roles"]]

    until(lambda: bool(signs()), "a sign of life")
    assert signs() == [32.3]


@pytest.mark.slow
def test_enactors_of_a_cell_publish_its_endpoints_and_no_others(still: System) -> None:
    """`shop` is in the cell `pay`, `api` in `default`."""
    still.edit("    names: [www.shop.test]\n", "    names: [www.shop.test]\n    cell: pay\n")
    still.edit("defaults:\n", "cells: {pay: {enactors: 1}}\ndefaults:\n")
    still.up("--role", "nameserver", ready="started")
    still.up("--role", "planner", "--role", "prober")
    still.up("--role", "enactor", "--cell", "pay")
    still.wait_for(EU, US, AP)
    found = still.outlast("status", "--json").json()
    by_cell = {one["cell"]: one for one in found["cells"]}
    assert by_cell["pay"]["enactors"] == ["pay-1"]
    assert by_cell["default"]["endpoints"] == 1
    published = {one["endpoint"]: one["published"] for one in found["endpoints"]}
    assert published["shop"] > 0
    assert published["api"] == 0, "nobody works in its cell"
    assert "cell pay: 1 endpoints" in still.outlast("status").out
    still.up("--role", "enactor", "--cell", "default")
    until(lambda: still.outlast("status").code == 0, "its own enactors publish it")
