"""Services: what people and other services use, and what each needs.

Drills break them, the audit judges them, detection attributes outages to what they share.
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.behaviour import Audience, Behaviour, Resolving
from outlast.model.facts import Action, Call, Load, Role
from outlast.model.names import EndpointName, RegionName, ServiceName
from outlast.model.source import StatusPage


class DependencyKind(StrEnum):
    """What happens to a service when what it needs is gone."""

    HARD = "hard"
    """It is down."""
    SOFT = "soft"
    """It is degraded."""
    CACHED = "cached"
    """It lives on what it remembers, for `cached_s`."""
    STARTUP = "startup"
    """It runs on but cannot start."""
    CONTROL = "control"
    """It runs on but cannot be changed, scaled or repaired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """An edge from a service to what it needs: another service or an endpoint.

    Attributes:
        service, endpoint: exactly one of the two.
        region: the region it is pinned to; None: the dependent's own region, or any.
        cached_s: for `cached`: for how long memory serves.
        group: needs of one service with the same group stand in for each other: one is enough. Empty:
            it is needed by itself.
        call: how it is called, where that is known.
        calls_ratio: calls for each request of the dependent.
    """

    kind: DependencyKind = DependencyKind.HARD
    service: ServiceName | None = None
    endpoint: EndpointName | None = None
    region: RegionName | None = None
    cached_s: float = 0.0
    group: str = ""
    call: Call | None = None
    calls_ratio: float = 1.0

    def __post_init__(self) -> None:
        if (self.service is None) == (self.endpoint is None):
            raise ValueError("a dependency names either a service or an endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something that people or other services use.

    Attributes:
        essential: whether it must survive a regional failure.
        regions: where it runs; empty: everywhere, or not placed.
        needs: what it depends on.
        role: what it is to the others, where that matters for repair.
        vendor: who runs it; empty: not known.
        failover: what must be done before another region carries it; empty: nothing.
        load: how much it must carry and can, where that is known.
        behaviour: how it fares under stress; None: up while what it needs is up.
        audience: who uses it; None: other services only.
        resolving: how its callers find it; None: by a road that a drill cannot break.
        official: where its supplier says how it is; None: nowhere.
    """

    name: ServiceName
    title: str = ""
    essential: bool = False
    regions: tuple[RegionName, ...] = ()
    needs: tuple[Dependency, ...] = ()
    role: Role | None = None
    vendor: str = ""
    failover: tuple[Action, ...] = ()
    load: Load | None = None
    behaviour: Behaviour | None = None
    audience: Audience | None = None
    resolving: Resolving | None = None
    official: StatusPage | None = None
