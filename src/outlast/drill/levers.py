"""Levers and gauges: what operators and investigators turn by hand, and what is read off once a minute."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outlast.drill.parts import Fitted
from outlast.drill.scenario import Act, ActionKind
from outlast.drill.world import TINY, World

Floats = NDArray[np.float64]


def handle(world: World, one: Act, row: int, columns: NDArray[np.intp]) -> None:
    """Restart a service, or set the rate of its leases or backlog."""
    parts = world.parts
    fitted: tuple[Fitted[Any] | None, ...] = (
        parts.leases,
        parts.backlogs,
        parts.queues,
        parts.crowds,
    )
    for number, chosen in enumerate(fitted):
        if chosen is None or row not in chosen.rows:
            continue
        at = np.nonzero(chosen.rows == row)[0]
        if one.kind is ActionKind.SET_RATE and number < 2:
            chosen.part.rate[np.ix_(at, columns)] = one.amount
        elif one.kind is ActionKind.RESTART:
            chosen.part.restart(at, columns)


def cut(world: World, feedback: str) -> tuple[str, ...]:
    """Cut a feedback for good; return the services that it ran through, none: there is no such."""
    parts = world.parts
    world.cuts = world.cuts | {feedback}
    fitted: dict[str, Fitted[Any] | None] = {
        "retries": parts.clients,
        "stale work": parts.queues,
        "leases": parts.leases,
        "health checks": parts.health,
        "waiting": parts.queues,
    }
    chosen = fitted.get(feedback)
    if chosen is None:
        return ()
    if feedback == "stale work":
        own = chosen.part.parameters
        chosen.part.parameters = replace(own, fresh=np.ones_like(own.fresh))
    elif feedback == "leases":
        own = chosen.part.parameters
        chosen.part.parameters = replace(own, drop_expired=np.ones_like(own.drop_expired))
    return tuple(str(world.layout.services[row].name) for row in chosen.rows)


def flush(world: World, name: str, ratio: float) -> None:
    """Flush a share of the resolvers' caches for a name."""
    for door, one in enumerate(world.layout.endpoints):
        if one.name == name and world.parts.doors is not None:
            world.parts.doors.flush(ratio, np.array([door]))
    names = world.parts.names
    if names is not None:
        rows = [k for k, row in enumerate(names.rows) if world.layout.label(int(row)) == name]
        names.part.flush(ratio, np.array(rows, dtype=np.intp))


def _critical(world: World, fitted: Fitted[Any]) -> list[tuple[str, NDArray[np.intp], Floats]]:
    """Return the share of the critical requests that are served, where load is shed.

    Whoever sheds lets them in first: they are turned away only when all others are. A queue in which one
    waits longer than anybody's patience sheds too late: then they time out with all others.
    """
    own, rows = fitted.part.parameters, fitted.rows
    patience_s = np.where(own.timeout_s > 0, own.timeout_s, np.inf)
    sheds = (own.critical_ratio > 0) & (own.queue_max > 0) & (own.queue_max / own.rate < patience_s)
    if not sheds.any():
        return []
    chosen = np.flatnonzero(sheds[:, 0])
    mine = rows[chosen]
    sent, good = world.sent[mine], world.good[mine] * world.needs.met[mine]
    share = np.where(sent > TINY, good / np.maximum(sent, TINY), 1.0)
    critical = np.minimum(1.0, share / own.critical_ratio[chosen])
    return [("critical_ratio", mine, critical)]


def gauges(world: World) -> list[tuple[str, NDArray[np.intp], Floats]]:
    """Return the series to be kept: name, services, values."""
    parts = world.parts
    found = [] if parts.queues is None else _critical(world, parts.queues)
    waiting: tuple[Fitted[Any] | None, ...] = (parts.queues, parts.crowds)
    for fitted in waiting:
        if fitted is not None:
            found.append(("queue", fitted.rows, world.queue[fitted.rows]))
            found.append(("latency_s", fitted.rows, world.latency_s[fitted.rows]))
    if parts.clients is not None:
        rows = parts.clients.rows
        more = world.sent[rows] / np.maximum(world.fresh[rows], TINY) - 1.0
        found.append(("retry_ratio", rows, np.where(world.fresh[rows] > TINY, more, 0.0)))
    if parts.leases is not None:
        found.append(("leased_ratio", parts.leases.rows, parts.leases.part.leased()))
    if parts.health is not None:
        found.append(("removed_ratio", parts.health.rows, parts.health.part.removed()))
    if parts.backlogs is not None:
        found.append(("backlog_s", parts.backlogs.rows, parts.backlogs.part.wait_s()))
    if parts.credentials is not None:
        found.append(("valid_ratio", parts.credentials.rows, parts.credentials.part.valid))
    if parts.scalers is not None:
        found.append(("capacity_ratio", parts.scalers.rows, parts.scalers.part.running))
    if parts.names is not None:
        found.append(("resolved_ratio", parts.names.rows, parts.names.part.found()))
    return found
