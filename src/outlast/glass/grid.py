"""The grid: regions across, endpoints and services down, a word and a sign in each cell.

Two sorts of knowledge stand in it and are not mixed: of an endpoint, how many of its targets the DNS answers
with; of a service, what detection holds. Where nothing is known, the cell says so: no word is no health.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from outlast.glass.verdict import BAD, GOOD, WARN

NONE = "none"
ORDER = (BAD, WARN, GOOD, NONE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One field: `good`, `warn`, `bad` or `none`, and its words."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An endpoint or a service; one cell a region."""

    name: str
    sort: str
    cells: tuple[Cell, ...]
    href: str = ""

    @property
    def kind(self) -> str:
        """The worst of its cells."""
        return min((one.kind for one in self.cells), key=ORDER.index, default=NONE)


ABSENT = Cell(NONE, "not here")


def answers_of(text: str) -> dict[str, int]:
    """Read how often each region is answered with: `eu-west:2 us-east:1`."""
    pairs = (one.rpartition(":") for one in text.split())
    return {region: int(number) for region, _, number in pairs if number.isdecimal()}


def endpoint_row(
    name: str,
    regions: Sequence[str],
    declared: Mapping[str, int],
    down: Mapping[str, int],
    answers: str,
) -> Row:
    """Return the row of an endpoint.

    Args:
        declared: targets by region.
        down: of these, those that are believed to be down.
        answers: what the DNS answers, as regions; empty: it was not asked.
    """
    found = answers_of(answers)
    cells = []
    for region in regions:
        all_of, lost = declared.get(region, 0), down.get(region, 0)
        if not all_of:
            cells.append(ABSENT)
        elif not answers:
            cells.append(Cell(WARN, f"{lost} down") if lost else Cell(NONE, "not asked"))
        else:
            cells.append(_answered(found.get(region, 0), all_of, lost, empty=not found))
    return Row(name=name, sort="endpoint", cells=tuple(cells), href=f"/endpoint/{name}")


def _answered(there: int, all_of: int, lost: int, *, empty: bool) -> Cell:
    also = f", {lost} down" if lost else ""
    if not there:  # while others answer, a target that is well waits for its turn
        return Cell(BAD, f"out{also}") if lost or empty else Cell(NONE, "standby")
    if there < all_of or lost:
        return Cell(WARN, f"{there} of {all_of}{also}")
    return Cell(GOOD, f"{there} of {all_of}")


def service_row(
    name: str,
    regions: Sequence[str],
    placed: Collection[str],
    down: Collection[str],
    well: Collection[str],
) -> Row:
    """Return the row of a service.

    Args:
        placed: where it runs; empty: everywhere.
        down, well: what is held to be down or well: services, or `service in region`.
    """
    cells = []
    for region in regions:
        keys = {name, f"{name} in {region}"}
        if placed and region not in placed:
            cells.append(ABSENT)
        elif not keys.isdisjoint(down):
            cells.append(Cell(BAD, "down"))
        elif not keys.isdisjoint(well):
            cells.append(Cell(GOOD, "well"))
        else:
            cells.append(Cell(NONE, "no word"))
    return Row(name=name, sort="service", cells=tuple(cells))
