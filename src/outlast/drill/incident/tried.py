"""Tried: changes of structure that might explain what the drill misses, run and shown, none of them taken.

The second waves of STS and Connect and the instant at which new instances lack network were left to be
predicted. To choose a structure by how well it hits them would make a fit of a prediction, so what the record
says of the mechanism is tried beside what is in the world, and what comes of it is printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from outlast.drill.vary import Case, varied
from outlast.model.names import ServiceName
from outlast.model.service import Dependency, DependencyKind

MISSED = (
    "STS, second wave begins",
    "STS, second wave ends",
    "Connect, second wave begins",
    "Connect, second wave ends",
    "new instances without network",
)
"""The claims that the drill misses."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A change of the world, and why somebody might make it."""

    label: str
    case: Case


def tried(case: Case) -> Iterator[Tried]:
    """Yield the world as it is, and each change alone."""
    yield Tried("as it is", case)
    yield Tried(
        "STS's health checks may remove more than a zone, as the balancers' did",
        varied(case, "services.sts.health.removable_ratio", 1.0),
    )
    rate = "services.sts.serving.rate"
    yield Tried(
        "STS has a fifth less to spare",
        varied(case, rate, 0.8 * _now(case, "sts")),
    )
    yield Tried(
        "STS is reached through the balancers (the record: *then NLB*)",
        _needs(case, "sts", "nlb", DependencyKind.HARD),
    )
    yield Tried(
        "Connect loses only part of its function with the balancers",
        _needs(case, "connect", "nlb", DependencyKind.SOFT),
    )
    yield Tried(
        "Connect cannot do without new instances",
        _needs(case, "connect", "new-instances", DependencyKind.HARD),
    )
    yield Tried(
        "network state counts as late after an hour only",
        varied(case, "services.ec2-network.backlog.late_s", 3600.0),
    )


def _now(case: Case, name: str) -> float:
    own = next(one for one in case.topology.services if one.name == name).behaviour
    assert own is not None
    assert own.serving is not None
    return own.serving.rate


def _needs(case: Case, name: str, other: str, kind: DependencyKind) -> Case:
    """Return the case in which a service needs another in this way, whatever it said of it before."""
    need = Dependency(service=ServiceName(other), kind=kind)
    services = tuple(
        replace(one, needs=(*(two for two in one.needs if two.service != other), need))
        if one.name == name
        else one
        for one in case.topology.services
    )
    return replace(case, topology=replace(case.topology, services=services))
