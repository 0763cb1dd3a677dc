"""Shares: which enactors a process of `outlast up` plays, and what each of them may write."""

from outlast.app.wiring import enactor_names
from outlast.model.errors import ConfigError
from outlast.model.names import DEFAULT_CELL, CellName, EnactorName
from outlast.model.policy import Reach
from outlast.model.shares import Share
from outlast.model.topology import Topology

SIGN_OF_LIFE_S = 2.0
SIGNS_A_SECOND = 10.0
"""Of all the topology's enactors together, however many."""

Own = dict[CellName, tuple[EnactorName, ...]]


def shares_of(
    topology: Topology, name: EnactorName | None, cells: tuple[CellName, ...]
) -> dict[EnactorName, Share]:
    """Return what each enactor of a process looks after.

    Args:
        name: of its single one; None: as many as the topology asks for.
        cells: work in these only; none: everywhere, each cell that has enactors of its own by those.

    Raises:
        ConfigError: there is no such cell.
    """
    _check_cells(topology, cells)
    peers, own = tuple(enactor_names(topology)), _own(topology)
    if name is not None:
        mine = tuple(cell for cell, names in own.items() if name in names)
        reach = Reach(only=cells or mine, never=() if cells or mine else tuple(own))
        return {name: Share(peers=peers, own=own, reach=reach)}
    if cells:
        own |= {cell: _names(cell, len(peers)) for cell in cells if cell not in own}
    found = {
        one: Share(peers=peers, own=own, reach=Reach(only=(cell,)))
        for cell, names in own.items()
        if not cells or cell in cells
        for one in names
    }
    if cells:
        return found
    shared = Share(peers=peers, own=own, reach=Reach(never=tuple(own)))
    return {**dict.fromkeys(peers, shared), **found}


def sign_every_s(topology: Topology) -> float:
    """Return how often a role says that it is alive.

    Each sign is a commit, and wakes everybody who watches the store: if each of a thousand enactors spoke
    every two seconds, that would be half a million wake-ups a second.
    """
    enactors = len(enactor_names(topology)) + sum(len(names) for names in _own(topology).values())
    return max(SIGN_OF_LIFE_S, enactors / SIGNS_A_SECOND)


def check_reload(new: Topology, old: Topology) -> None:
    """Refuse a topology that a running process cannot take over.

    Raises:
        ConfigError: it cannot; what is published stays meanwhile.
    """
    changed = ""
    if new.providers != old.providers:
        changed = "the providers"
    elif _own(new) != _own(old):
        changed = "the cells' enactors"
    elif new.store != old.store:
        changed = "the store"
    elif new.trail != old.trail:
        changed = "where the audit trail is published"
    if changed:
        raise ConfigError(
            f"{changed} changed, which a running process cannot take over",
            remedy="restart `outlast up`; what is published stays meanwhile",
        )


def _own(topology: Topology) -> Own:
    return {one.name: _names(one.name, one.enactors) for one in topology.cells if one.enactors}


def _names(cell: CellName, count: int) -> tuple[EnactorName, ...]:
    return tuple(EnactorName(f"{cell}-{index + 1}") for index in range(count))


def _check_cells(topology: Topology, cells: tuple[CellName, ...]) -> None:
    known = sorted({DEFAULT_CELL, *(one.name for one in topology.cells)})
    for one in cells:
        if one not in known:
            raise ConfigError(
                f"there is no cell {one} in the topology",
                remedy=f"choose one of: {', '.join(known)}",
            )
