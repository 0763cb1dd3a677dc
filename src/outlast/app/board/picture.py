"""The picture: who is affected and where, out of one look and the topology."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from outlast.app.board.live import Sight
from outlast.app.board.people import down_by_need, people
from outlast.app.standing import Line
from outlast.glass.affected import merged
from outlast.glass.detection import hits
from outlast.glass.grid import Row, endpoint_row, service_row
from outlast.glass.worldmap import Spot, spots
from outlast.model.topology import Endpoint, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the first page draws.

    Attributes:
        regions: names, in the topology's order: the columns of the grid.
        spots: the countries that are hit, the worst first.
        people: how many at least are affected in all of them.
    """

    regions: tuple[str, ...]
    rows: tuple[Row, ...]
    spots: tuple[Spot, ...]
    people: int


def picture(topology: Topology, sight: Sight) -> Picture:
    """Return who is affected, and the grid, what is worst first."""
    detection = sight.detection
    believed = detection if detection is not None and not detection.stale else None
    empty = frozenset(one.endpoint for one in sight.status.endpoints if one.answers == "EMPTY")
    down = down_by_need(topology, empty)
    well: frozenset[str] = frozenset()
    if believed is not None:
        down, well = down | believed.down_services, believed.well_services
    told = hits(believed.alarms) if believed is not None else ()
    found = spots(merged(people(topology) if down else {}, down, told))
    regions = tuple(str(one.name) for one in topology.regions)
    rows = [
        *_endpoints(topology, sight.status.endpoints, regions),
        *(service_row(one.name, regions, one.regions, down, well) for one in topology.services),
    ]
    rows.sort(key=lambda one: one.kind != "bad" and 1 + (one.kind != "warn"))
    return Picture(
        regions=regions,
        rows=tuple(rows),
        spots=found,
        people=sum(one.hit.people for one in found),
    )


def _endpoints(
    topology: Topology, lines: Iterable[Line], regions: tuple[str, ...]
) -> Iterable[Row]:
    known = {str(one.name): one for one in topology.endpoints}
    for line in lines:
        endpoint = known.get(line.endpoint)
        if endpoint is not None:
            region_of = {str(one.name): str(one.region) for one in endpoint.targets}
            down = Counter({one.partition("/")[0] for one in line.down} & region_of.keys())
            lost = Counter(region_of[name] for name in down.elements())
            declared = Counter(region_of.values())
            yield endpoint_row(line.endpoint, regions, declared, lost, line.answers)


def regions_of(endpoint: Endpoint) -> dict[str, str]:
    """Return the region of each address of an endpoint."""
    return {
        str(target.address(family)): str(target.region)
        for target in endpoint.targets
        for family in target.families
    }
