"""The moving parts of a world: which mechanisms it has, for which services.

Each part has rows of its own, only for the services that have it; `rows` says which. A world that has none of
a kind carries None and pays nothing for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from outlast.drill.layout import Layout
from outlast.drill.mechanisms import (
    autoscaling,
    backlog,
    clients,
    concurrency,
    credentials,
    health,
    leases,
    resolving,
    serving,
)
from outlast.drill.mechanisms.table import column, flags
from outlast.model.behaviour import Behaviour, Discipline, Retrying
from outlast.model.names import ServiceName

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Part = TypeVar("Part")
Fact = TypeVar("Fact")


@dataclass(slots=True)
class Fitted(Generic[Part]):
    """A part and the services that it belongs to.

    Attributes:
        rows: the services that have it.
        via: the service that it leans on, or -1.
    """

    part: Part
    rows: Places
    via: Places


@dataclass(slots=True)
class Parts:
    """All parts of a world."""

    names: Fitted[resolving.Resolving] | None
    doors: resolving.Resolving | None
    clients: Fitted[clients.Clients] | None
    queues: Fitted[serving.Queues] | None
    crowds: Fitted[concurrency.Crowds] | None
    leases: Fitted[leases.Leases] | None
    backlogs: Fitted[backlog.Backlogs] | None
    health: Fitted[health.Health] | None
    credentials: Fitted[credentials.Credentials] | None
    scalers: Fitted[autoscaling.Scalers] | None

    @property
    def flowing(self) -> bool:
        """Whether requests have to be counted at all."""
        return any((self.clients, self.queues, self.crowds, self.backlogs, self.scalers))


def fit(layout: Layout, dt_s: float) -> Parts:
    """Make the parts that the services of a world ask for, at rest."""
    maker = _Maker(layout, dt_s)
    return Parts(
        names=maker.names(),
        doors=maker.doors(),
        clients=maker.clients(),
        queues=maker.queues(),
        crowds=maker.crowds(),
        leases=maker.leases(),
        backlogs=maker.backlogs(),
        health=maker.health(),
        credentials=maker.credentials(),
        scalers=maker.scalers(),
    )


@dataclass(slots=True)
class _Maker:
    layout: Layout
    dt_s: float

    @property
    def _regions(self) -> int:
        return len(self.layout.regions)

    def _with(self, read: Callable[[Behaviour], Fact | None]) -> tuple[list[Fact], Places]:
        facts: list[Fact] = []
        rows: list[int] = []
        for row, one in enumerate(self.layout.services[: self.layout.active]):
            fact = read(one.behaviour) if one.behaviour is not None else None
            if fact is not None:
                facts.append(fact)
                rows.append(row)
        return facts, np.array(rows, dtype=np.intp)

    def _via(self, names: Sequence[ServiceName | None]) -> Places:
        rows = {one.name: row for row, one in enumerate(self.layout.services)}
        return np.array([-1 if one is None else rows[one] for one in names], dtype=np.intp)

    def names(self) -> Fitted[resolving.Resolving] | None:
        chosen = [
            (row, one.resolving)
            for row, one in enumerate(self.layout.services[: self.layout.active])
            if one.resolving is not None
        ]
        if not chosen:
            return None
        table = np.array(
            [
                [one.ttl_s, one.negative_ttl_s, one.ignore_ratio, one.stale_ratio, one.open_s]
                for _, one in chosen
            ]
        )
        rows = np.array([row for row, _ in chosen], dtype=np.intp)
        return Fitted(resolving.Resolving.of(table, self._regions), rows, np.full(len(rows), -1))

    def doors(self) -> resolving.Resolving | None:
        endpoints = self.layout.endpoints
        if not endpoints:
            return None
        topology = self.layout.topology
        negative = [topology.provider(one.provider).negative_ttl_s for one in endpoints]
        table = np.array(
            [[one.ttl_s, ttl, 0.0, 0.0, 0.0] for one, ttl in zip(endpoints, negative, strict=True)]
        )
        return resolving.Resolving.of(table, self._regions)

    def clients(self) -> Fitted[clients.Clients] | None:
        facts, rows = self._with(lambda one: one.retrying if _tries(one.retrying) else None)
        if not facts:
            return None
        made = clients.Parameters(
            attempts=column(facts, lambda one: max(1, one.attempts)),
            backoff_s=column(facts, lambda one: one.backoff_s),
            jitter=flags(facts, lambda one: one.jitter),
            budget_ratio=column(facts, lambda one: one.budget_ratio),
            breaker_ratio=column(facts, lambda one: one.breaker_ratio),
            breaker_s=column(facts, lambda one: one.breaker_s),
            hedge_ratio=column(facts, lambda one: one.hedge_ratio),
        )
        return Fitted(clients.Clients(made, self._regions, self.dt_s), rows, np.full(len(rows), -1))

    def queues(self) -> Fitted[serving.Queues] | None:
        facts, rows = self._with(
            lambda one: one.serving if one.serving and one.serving.slope_s <= 0 else None
        )
        keep = [k for k, one in enumerate(facts) if one.rate > 0 or one.in_flight_max > 0]
        facts, rows = [facts[k] for k in keep], rows[keep]
        if not facts:
            return None
        made = serving.Parameters(
            rate=column(facts, lambda one: one.rate if one.rate > 0 else np.inf),
            base_s=column(facts, lambda one: one.base_s),
            timeout_s=column(facts, lambda one: one.timeout_s),
            queue_max=column(facts, lambda one: one.queue_max),
            in_flight_max=column(facts, lambda one: one.in_flight_max),
            critical_ratio=column(facts, lambda one: one.critical_ratio),
            fresh=flags(facts, lambda one: one.discipline is Discipline.FRESH),
            lifo=flags(facts, lambda one: one.discipline is Discipline.LIFO),
        )
        return Fitted(serving.Queues(made, self._regions, self.dt_s), rows, np.full(len(rows), -1))

    def crowds(self) -> Fitted[concurrency.Crowds] | None:
        facts, rows = self._with(
            lambda one: one.serving if one.serving and one.serving.slope_s > 0 else None
        )
        if not facts:
            return None
        made = concurrency.Parameters(
            rate=column(facts, lambda one: one.rate if one.rate > 0 else np.inf),
            base_s=column(facts, lambda one: max(one.base_s, 1e-6)),
            slope_s=column(facts, lambda one: one.slope_s),
            timeout_s=column(facts, lambda one: one.timeout_s),
            in_flight_max=column(facts, lambda one: one.in_flight_max or np.inf),
        )
        return Fitted(
            concurrency.Crowds(made, self._regions, self.dt_s), rows, np.full(len(rows), -1)
        )

    def leases(self) -> Fitted[leases.Leases] | None:
        facts, rows = self._with(lambda one: one.leasing)
        if not facts:
            return None
        made = leases.Parameters(
            count=column(facts, lambda one: one.count),
            expire_s=column(facts, lambda one: one.expire_s),
            rate=column(facts, lambda one: one.rate),
            deadline_s=column(facts, lambda one: one.deadline_s),
            admission_ratio=column(facts, lambda one: one.admission_ratio),
            drop_expired=flags(facts, lambda one: one.drop_expired),
        )
        part = leases.Leases(made, self._regions, self.dt_s)
        return Fitted(part, rows, self._via([one.via for one in facts]))

    def backlogs(self) -> Fitted[backlog.Backlogs] | None:
        facts, rows = self._with(lambda one: one.backlog)
        if not facts:
            return None
        made = backlog.Parameters(
            rate=column(facts, lambda one: one.rate),
            units_ratio=column(facts, lambda one: one.units_ratio),
            missed_ratio=column(facts, lambda one: one.missed_ratio),
            late_s=column(facts, lambda one: one.late_s),
        )
        part = backlog.Backlogs(made, self._regions, self.dt_s)
        return Fitted(part, rows, self._via([one.of for one in facts]))

    def health(self) -> Fitted[health.Health] | None:
        facts, rows = self._with(lambda one: one.health)
        if not facts:
            return None
        made = health.Parameters(
            interval_s=column(facts, lambda one: one.interval_s),
            fall=column(facts, lambda one: one.fall),
            rise=column(facts, lambda one: one.rise),
            checker_rate=column(facts, lambda one: one.checker_rate),
            velocity_ratio=column(facts, lambda one: one.velocity_ratio),
            removable_ratio=column(facts, lambda one: one.removable_ratio),
            open_ratio=column(facts, lambda one: one.open_ratio),
            nodes=column(facts, lambda one: one.nodes),
            new_ratio=column(facts, lambda one: one.new_ratio),
        )
        part = health.Health(made, self._regions, self.dt_s)
        return Fitted(part, rows, self._via([one.via for one in facts]))

    def credentials(self) -> Fitted[credentials.Credentials] | None:
        facts, rows = self._with(lambda one: one.credentials)
        if not facts:
            return None
        valid = np.ones((len(facts), self._regions))
        part = credentials.Credentials(column(facts, lambda one: one.ttl_s), valid)
        return Fitted(part, rows, self._via([one.via for one in facts]))

    def scalers(self) -> Fitted[autoscaling.Scalers] | None:
        facts, rows = self._with(lambda one: one.autoscaling)
        if not facts:
            return None
        made = autoscaling.Parameters(
            target_ratio=column(facts, lambda one: one.target_ratio),
            delay_s=column(facts, lambda one: one.delay_s),
            warmup_s=column(facts, lambda one: one.warmup_s),
            step_ratio=column(facts, lambda one: one.step_ratio),
            low_ratio=column(facts, lambda one: one.low_ratio),
            min_ratio=column(facts, lambda one: one.min_ratio),
            max_ratio=column(facts, lambda one: one.max_ratio),
            churn_ratio=column(facts, lambda one: one.churn_ratio),
        )
        part = autoscaling.Scalers(made, self._regions, self.dt_s)
        return Fitted(part, rows, self._via([one.via for one in facts]))


def _tries(own: Retrying | None) -> bool:
    return own is not None and (own.attempts > 1 or own.breaker_ratio > 0 or own.hedge_ratio > 0)
