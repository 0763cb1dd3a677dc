"""The table of cells: groups of endpoints that can be hurt together, and no further."""

from collections.abc import Mapping
from typing import Any

from outlast.config.endpoint_tables import BUDGET
from outlast.config.fields import Field, Part, Table, Whole
from outlast.model.names import CellName
from outlast.model.policy import Budget, Cell

ENACTORS_MAX = 16

CELL = Table(
    name="cell",
    meaning="A group of endpoints with a budget and, if wanted, enactors of its own: what bounds a mistake "
    "that is made everywhere at once. An endpoint that names none is in `default`.",
    model=Cell,
    fields=(
        Field(
            key="budget",
            kind=Part(BUDGET),
            meaning="How much automation may take away in all its endpoints together, counted in "
            "addresses. Each endpoint's own budget holds beside it.",
        ),
        Field(
            key="enactors",
            kind=Whole(low=0, high=ENACTORS_MAX),
            meaning="Enactors of its own that `outlast up` starts. 0: those of the settings serve it too.",
            too_small="An enactor that runs wild, or is stuck, does so in other cells as well.",
            too_large="More processes and connections, no more safety.",
        ),
    ),
)


def cells_of(values: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Build the cells of a file."""
    return tuple(
        Cell(
            name=CellName(name),
            budget=Budget(**one.get("budget", {})),
            enactors=one.get("enactors", 0),
        )
        for name, one in values.items()
    )
