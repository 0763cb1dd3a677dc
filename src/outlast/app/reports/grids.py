"""Grids: which services and countries are counted for a topology."""

from outlast.detect.cells import Grid
from outlast.drivers.reports.decode import NOWHERE
from outlast.model.topology import Topology

_COUNTRIES = (
    "AE AR AT AU BD BE BG BR CA CH CL CN CO CZ DE DK DZ EC EG ES FI FR GB GR HK HU ID IE IL IN IQ IR IT "
    "JP KE KR MA MX MY NG NL NO NZ PE PH PK PL PT RO RU SA SE SG TH TR TW UA US VN ZA"
)
"""Countries that are told apart, beside those that the topology's regions stand in; others are nowhere."""


def grid_of(topology: Topology) -> Grid:
    """Return the grid of a topology: its services, and the countries that reports can name."""
    own = {one.country for one in topology.regions if one.country}
    countries = sorted({*_COUNTRIES.split(), *own} - {NOWHERE})
    return Grid(tuple(str(one.name) for one in topology.services), (*countries, NOWHERE))
