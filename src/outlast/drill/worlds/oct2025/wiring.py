"""Short words for the edges of this world."""

from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Dependency, DependencyKind

EAST = RegionName("us-east-1")
WEST = RegionName("us-west-2")
EUROPE = RegionName("eu-west-1")
EVERYWHERE = (EAST, WEST, EUROPE)


def hard(*names: str, region: RegionName | None = None) -> tuple[Dependency, ...]:
    """Return needs without which a service is down."""
    return tuple(Dependency(service=ServiceName(name), region=region) for name in names)


def uncalled(*names: str) -> tuple[Dependency, ...]:
    """Return hard needs that are not called for each request: launches have a rate of their own."""
    return tuple(Dependency(service=ServiceName(name), calls_ratio=0.0) for name in names)


def soft(*names: str) -> tuple[Dependency, ...]:
    """Return needs without which a service does less."""
    return tuple(Dependency(service=ServiceName(one), kind=DependencyKind.SOFT) for one in names)


def cached(name: str, cached_s: float) -> Dependency:
    """Return a need that memory bridges for a time."""
    return Dependency(service=ServiceName(name), kind=DependencyKind.CACHED, cached_s=cached_s)
