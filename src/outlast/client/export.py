"""Declarations as a part of the topology file, so that drills and audit know what the code does.

The kind of an edge follows from the declaration: an essential dependency that only `OtherRegion` or nothing
stands in for is `hard`; one with `LastGood` first among the others is `cached`, for as long as that result
may live; everything else is `soft`.
"""

from collections.abc import Mapping
from typing import Any

from outlast.client.application import Application
from outlast.client.dependency import Dependency
from outlast.client.ladder import Ladder, LastGood, OtherRegion


def topology_of(application: Application) -> Mapping[str, Any]:
    """Return `regions:` and `services:` as the topology file has them: functions and dependencies."""
    services: dict[str, Any] = {}
    functions = application.functions.values()
    services[_key(application.name)] = {
        "title": application.name,
        "essential": any(one.essential for one in functions),
        "needs": [_edge(one) for one in application.dependencies.values()],
    }
    for function in functions:
        services[f"{_key(application.name)}-{_key(function.name)}"] = {
            "title": function.name,
            "essential": function.essential,
            "needs": [
                *(_edge(one) for one in function.needs),
                *({**_edge(one), "kind": _soft(one)} for one in function.wants),
            ],
        }
    for one in application.dependencies.values():
        services[_key(one.name)] = {
            "title": ", ".join((one.name, *one.hosts)),
            "essential": one.essential,
            "regions": list(dict.fromkeys(one.regions)),
        }
    regions: dict[str, dict[str, str]] = {
        region: {} for one in application.dependencies.values() for region in one.regions
    }
    return {"regions": regions, "services": services} if regions else {"services": services}


def _edge(one: Dependency) -> dict[str, Any]:
    edge: dict[str, Any] = {"service": _key(one.name), "kind": _kind(one)}
    age_s = _age_s(_ladder(one))
    if edge["kind"] == "cached":
        edge["cached_s"] = age_s
    return edge


def _soft(one: Dependency) -> str:
    kind = _kind(one)
    return "soft" if kind == "hard" else kind


def _kind(one: Dependency) -> str:
    local = [rung for rung in _ladder(one) if not isinstance(rung, OtherRegion)]
    if not local:
        return "hard" if one.essential else "soft"
    return "cached" if isinstance(local[0], LastGood) else "soft"


def _ladder(one: Dependency) -> Ladder:
    """The dependency's own ladder, or the poorest of its functions': a chain is as strong as that."""
    ladders = [job.ladder for job in one.jobs] or [one.fallbacks]
    return min(ladders, key=len)


def _age_s(ladder: Ladder) -> float:
    return max((rung.max_age_s for rung in ladder if isinstance(rung, LastGood)), default=0.0)


def _key(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")
