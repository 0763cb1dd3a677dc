"""Boundary: what one service of a drill meets, step by step, written down from a run of the whole.

A whole world request by request would take days. One service in it takes seconds, once it is known what
crosses its border: who calls, how often, whether they find it, how well its needs are met, how much of its
capacity is there. That is what is kept here, beside what the fluid engine made of it.
"""

from dataclasses import dataclass

import numpy as np

from outlast.drill.compiled.wanted import Engine
from outlast.drill.mechanisms.serving import Queues
from outlast.drill.parts import Fitted
from outlast.drill.running import Run
from outlast.drill.scenario import ActionKind, Scenario
from outlast.model.behaviour import Retrying, Serving
from outlast.model.errors import ConfigError
from outlast.model.topology import Topology


@dataclass(frozen=True, slots=True)
class Met:
    """What a service meets from an instant on.

    Attributes:
        rate: first tries a second.
        reach: share of the tries that find it and find it alive.
        usable: share of its capacity that is there.
        extra_s: how much longer an answer takes, for faults and for what it waits for.
        works: share of the answers that are none for what it lacks: needs, leases, credentials.
        admit: share of the tries that operators let in.
        restarted: whether operators empty its queue now.
    """

    from_s: float
    rate: float
    reach: float = 1.0
    usable: float = 1.0
    extra_s: float = 0.0
    works: float = 1.0
    admit: float = 1.0
    restarted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A service in a region, cut out of a run.

    Attributes:
        met: what it met, one for each step.
        good: requests a second that came to a good end in the fluid engine, by the minute.
        asked: first tries a second, by the minute.
    """

    service: str
    region: str
    serving: Serving
    retrying: Retrying
    met: tuple[Met, ...]
    good: tuple[float, ...]
    asked: tuple[float, ...]
    length_s: float


class _Cut(Run):
    """A run that writes the boundary of one service down, step by step."""

    def __init__(self, topology: Topology, scenario: Scenario, row: int, column: int) -> None:
        super().__init__(topology, scenario, Engine.NUMPY)
        self.row, self.column = row, column
        self.met: list[Met] = []
        self.good: list[float] = []
        self.asked: list[float] = []

    def stride(self, most: int) -> int:
        """Run one step and write down what crossed the border in it."""
        del most
        from_s, restarts = self.now_s, self._restarts()
        made = super().stride(1)
        world, now, at = self.world, self.world.conditions, (self.row, self.column)
        names, reach = world.parts.names, 1.0
        if names is not None and self.row in names.rows:
            reach = float(names.part.reach()[list(names.rows).index(self.row), self.column])
        works = now.works[at] * world.held()[at] * world.needs.met[at]
        self.met.append(
            Met(
                from_s=from_s,
                rate=float(world.fresh[at]) / self.dt_s,
                reach=reach * float(now.alive[at]),
                usable=float(world.usable(now.capacity[: world.layout.active])[at]),
                extra_s=float(world.extra_s[at]),
                works=float(works),
                admit=float(now.admit[at]),
                restarted=self._restarts() > restarts,
            )
        )
        self.good.append(float(world.good[at] * world.needs.met[at]) / self.dt_s)
        self.asked.append(float(world.fresh[at]) / self.dt_s)
        return made

    def _restarts(self) -> int:
        """Count how often operators have restarted the service there."""
        name, region = self.layout.label(self.row), self.layout.regions[self.column].name
        return sum(
            one.act.kind is ActionKind.RESTART
            and one.act.subject == name
            and one.act.region in {"", region}
            for one in self.timeline.taken
        )


def cut_out(topology: Topology, scenario: Scenario, service: str, region: str = "") -> Boundary:
    """Run a scenario and cut one service out of it.

    Args:
        region: where; empty: the first region where it runs.

    Raises:
        ConfigError: there is no such service or region, or nothing is said of how it serves.
    """
    probe = Run(topology, scenario, Engine.NUMPY)
    row, column = _found(probe, service, region)
    queues = probe.world.parts.queues
    own = probe.layout.services[row].behaviour
    if own is None or own.serving is None or own.serving.rate <= 0:
        raise ConfigError(
            f"how {service} serves is not said, so there is nothing to be exact about",
            remedy=f"add `behaviour: {{serving: {{rate: ...}}}}`; it is for {_exact(queues, probe)}",
        )
    retrying = own.retrying or Retrying()
    if retrying.breaker_ratio or retrying.hedge_ratio:
        raise ConfigError(
            f"callers of {service} break circuits or hedge, which the exact engine does not know",
            remedy="choose a service without; the fluid engine knows both",
        )
    made = _Cut(topology, scenario, row, column)
    for _ in range(made.meters.minutes):
        made.minute()
    return Boundary(
        service=service,
        region=str(made.layout.regions[column].name),
        serving=own.serving,
        retrying=retrying,
        met=tuple(made.met),
        good=_by_minute(made.good, made.steps),
        asked=_by_minute(made.asked, made.steps),
        length_s=made.now_s,
    )


def _found(run: Run, service: str, region: str) -> tuple[int, int]:
    layout = run.layout
    try:
        row = layout.row(service)
    except KeyError as error:
        names = ", ".join(str(one.name) for one in layout.services[:10])
        raise ConfigError(f"there is no service {service!r}", remedy=f"such as {names}") from error
    try:
        column = int(layout.columns(region)[0]) if region else int(layout.placed[row].argmax())
    except KeyError as error:
        names = ", ".join(str(one.name) for one in layout.regions)
        raise ConfigError(f"there is no region {region!r}", remedy=f"one of {names}") from error
    if not layout.placed[row, column]:
        raise ConfigError(
            f"{service} does not run in {region}", remedy="name a region where it does"
        )
    return row, column


def _exact(queues: Fitted[Queues] | None, run: Run) -> str:
    rows = [] if queues is None else queues.rows.tolist()
    return ", ".join(run.layout.label(row) for row in rows[:8]) or "none"


def _by_minute(values: list[float], steps: int) -> tuple[float, ...]:
    return tuple(np.array(values).reshape(-1, steps).mean(axis=1).tolist())
