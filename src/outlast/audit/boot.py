"""Booting: in which order everything could come up from cold, and which circles would keep it down.

When nothing runs, nothing is remembered: caches are empty, so `cached` counts as `hard`, and `startup`
counts as well. A service can come up once all that it needs is up, one of each group being enough. What
never can stands in a circle or above one. This is a stricter question than which circles there are: a
circle with a spare road out of it boots.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from outlast.audit.falls import components
from outlast.model.service import Dependency, DependencyKind, Service
from outlast.model.topology import Topology

COLD = frozenset({DependencyKind.HARD, DependencyKind.CACHED, DependencyKind.STARTUP})


@dataclass(frozen=True, slots=True)
class Circle:
    """Services that wait for each other.

    Attributes:
        members: in the order in which each needs the next; the last one needs the first.
        kinds: how, beside each.
    """

    members: tuple[str, ...]
    kinds: tuple[DependencyKind, ...]

    def __str__(self) -> str:
        text = ""
        for name, kind in zip(self.members, self.kinds, strict=True):
            text += f"{name} {'->' if kind is DependencyKind.HARD else f'-({kind})->'} "
        return text + self.members[0]


@dataclass(frozen=True, slots=True)
class Boot:
    """How to come up from cold.

    Attributes:
        waves: services that can start together, first wave first.
        stuck: those that never can.
        circles: why, one for each knot of services that wait for each other.
    """

    waves: tuple[tuple[str, ...], ...]
    stuck: tuple[str, ...]
    circles: tuple[Circle, ...]


def boot(topology: Topology, region: str | None = None) -> Boot:
    """Return the order of a cold start.

    Args:
        region: only what runs there has to start; what runs elsewhere too is up. None: everything.
    """
    starting = {
        str(one.name): one
        for one in topology.services
        if region is None or set(one.regions) == {region} or not one.regions
    }
    waves = []
    waiting = dict(starting)
    waiters = _waiters(starting, region)
    asked = [*starting]
    while asked:
        wave = sorted(name for name in asked if _ready(starting[name], waiting, region))
        for name in wave:
            del waiting[name]
        waves.append(tuple(wave))
        freed = {one for name in wave for one in waiters.get(name, ())}
        asked = [name for name in sorted(freed) if name in waiting]
    found = circles([*waiting.values()], COLD)
    return Boot(tuple(one for one in waves if one), tuple(sorted(waiting)), tuple(found))


def _waiters(starting: dict[str, Service], region: str | None) -> dict[str, list[str]]:
    """Return for each service those that wait for it, so that each wave asks them alone."""
    waiters: dict[str, list[str]] = {}
    for service in starting.values():
        for need in service.needs:
            if need.service in starting and need.kind in COLD and not _elsewhere(need, region):
                waiters.setdefault(str(need.service), []).append(service.name)
    return waiters


def _ready(service: Service, waiting: dict[str, Service], region: str | None) -> bool:
    groups: dict[str, bool] = {}
    for at, need in enumerate(service.needs):
        if need.kind in COLD and not _elsewhere(need, region):
            met = need.service is None or need.service not in waiting
            group = need.group or str(at)
            groups[group] = groups.get(group, False) or met
    return all(groups.values())


def _elsewhere(need: Dependency, region: str | None) -> bool:
    return region is not None and need.region is not None and need.region != region


def circles(services: list[Service], kinds: frozenset[DependencyKind]) -> Iterator[Circle]:
    """Yield a shortest circle of each knot of services that need each other."""
    number = {one.name: at for at, one in enumerate(services)}
    edges: list[dict[int, DependencyKind]] = [{} for _ in services]
    for at, service in enumerate(services):
        for need in service.needs:
            if need.service in number and need.kind in kinds:
                edges[at].setdefault(number[need.service], need.kind)
    for members in components([[*one] for one in edges]):
        if len(members) > 1:
            yield _shortest(sorted(members), edges, services)


def _shortest(
    members: list[int], edges: list[dict[int, DependencyKind]], services: list[Service]
) -> Circle:
    inside = set(members)
    start = members[0]
    came: dict[int, int] = {}
    pending = [start]
    for node in pending:
        for child in edges[node]:
            if child == start:
                way = [node]
                while way[-1] != start:
                    way.append(came[way[-1]])
                way.reverse()
                ends = [*way[1:], start]
                kinds = tuple(edges[a][b] for a, b in zip(way, ends, strict=True))
                return Circle(tuple(services[one].name for one in way), kinds)
            if child in inside and child not in came:
                came[child] = node
                pending.append(child)
    raise AssertionError("a knot without a circle")
