"""Who uses a topology's services, country by country: what the map counts."""

from importlib.util import find_spec

from outlast.glass.affected import People
from outlast.model.behaviour import Audience
from outlast.model.service import DependencyKind
from outlast.model.topology import Topology


def people(topology: Topology) -> People:
    """Return regular users by service and country."""
    return {
        str(one.name): {code: one.audience.people * share for code, share in _shares(one.audience)}
        for one in topology.services
        if one.audience is not None
    }


def _shares(audience: Audience) -> tuple[tuple[str, float], ...]:
    """Return the share of each country; where it is not said, as drills take it: like people on line."""
    if audience.countries or find_spec("numpy") is None:  # drills are not installed: nobody counts
        return audience.countries
    from outlast.drill.people import COUNTRIES  # noqa: PLC0415 - brings numpy along

    whole = sum(one.online_m for one in COUNTRIES.values())
    return tuple((code, one.online_m / whole) for code, one in COUNTRIES.items())


def down_by_need(topology: Topology, empty: frozenset[str]) -> frozenset[str]:
    """Return the services that cannot do without an endpoint that answers nothing."""
    return frozenset(
        str(one.name)
        for one in topology.services
        for need in one.needs
        if need.kind is DependencyKind.HARD and not need.group and need.endpoint in empty
    )
