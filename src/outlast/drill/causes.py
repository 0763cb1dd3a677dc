"""Why a service fell: what was decisive at the moment it did.

Asked in the order in which a request meets trouble: the region or service itself, its name, what it needs
(the worst need), and last its own queue, leases, credentials or backlog.
"""

from outlast.drill.mechanisms.resolving import GOOD
from outlast.drill.world import World

LOW = 0.9


def because(world: World, row: int, column: int) -> str:
    """Name what took a service down in a region: a service, endpoint, fault or mechanism."""
    now, layout = world.conditions, world.layout
    if now.dark[column]:
        return f"region {layout.regions[column].name}"
    if (row, column) in now.waits:
        return now.waits[row, column]
    if now.alive[row, column] * now.works[row, column] < LOW:
        return "fault"
    if now.said[row, column] != GOOD:
        return "name"
    worst, name = LOW, ""
    flat = world.needs.flat
    for bundle, edges in world.needs.edges_of(row):
        for k in edges:
            value = float(flat[bundle.places[k, column]])
            if value < worst:
                worst, name = value, layout.label(bundle.edges[k].target)
    return name or _own(world, row, column)


def _own(world: World, row: int, column: int) -> str:
    parts = world.parts
    for word, fitted in (
        ("leases", parts.leases),
        ("credentials", parts.credentials),
        ("backlog", parts.backlogs),
        ("health checks", parts.health),
        ("queue", parts.queues),
        ("concurrency", parts.crowds),
        ("name", parts.names),
    ):
        if fitted is not None and row in fitted.rows:
            at = list(fitted.rows).index(row)
            if word in {"queue", "concurrency", "name"} or _low(word, fitted.part, at, column):
                return word
    return "capacity"


def _low(word: str, part: object, row: int, column: int) -> bool:
    reads = {
        "leases": "leased",
        "credentials": "valid",
        "backlog": "in_time",
        "health checks": "removed",
    }
    value = getattr(part, reads[word])
    value = value() if callable(value) else value
    seen = float(value[row, column])
    return seen > 1.0 - LOW if word == "health checks" else seen < LOW
