"""The moving world: state of a run, and one step of it.

One step, in this order: what name servers say and what resolvers know; demand by region; retries; queues;
needs met from the bottom of the graph to the top; failures back to the clients; then what follows slowly
from all this: leases, backlogs, credentials, memory, health checks, capacity. Calls travel down the graph
one hop a step, news of failures travel up through all of it at once.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outlast.drill.conditions import Conditions
from outlast.drill.flows import Flows
from outlast.drill.layout import Layout
from outlast.drill.mechanisms.backlog import Backlogs
from outlast.drill.mechanisms.concurrency import Crowds
from outlast.drill.mechanisms.serving import Queues, Result
from outlast.drill.needs import Needs
from outlast.drill.parts import Fitted, Parts, fit
from outlast.drill.population import Population
from outlast.drill.steering import Steering, Steers, at_home, move, patience_of

Floats = NDArray[np.float64]

UTILISATION_UNKNOWN = 0.6
"""Utilisation of a service that states neither its load nor its rate: below the two thirds that a region of
three zones may have so that losing one is harmless."""

TINY = 1e-9

UNLIMITED = 1e12
"""Requests a second of a queue that only its concurrency limits."""


@dataclass(slots=True)
class World:
    """State of a run.

    Attributes:
        cuts: feedbacks that are switched off, for the search of what keeps a world down.
        share: what each active service makes of its requests where its needs are met.
        home: how well users are served by home region [active service, region].
        soft: how well soft needs are met.
        extra_s: how much longer calls take than at rest.
        patience_s: how long an endpoint's checks wait [endpoint].
    """

    layout: Layout
    population: Population
    needs: Needs
    parts: Parts
    flows: Flows
    steering: Steers
    conditions: Conditions
    dt_s: float
    ext: Floats
    used: Floats
    share: Floats
    home: Floats
    soft: Floats
    keep: Floats
    shares: Floats
    extra_s: Floats
    excess_s: Floats
    fresh: Floats
    sent: Floats
    queue: Floats
    latency_s: Floats
    good: Floats
    late: Floats
    timed: Floats
    cuts: frozenset[str] = frozenset()
    patience_s: Floats = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def at_rest(cls, layout: Layout, population: Population, dt_s: float) -> "World":
        """Make a world in which nothing is wrong yet."""
        n, shape = layout.active, (layout.active, len(layout.regions))
        parts = fit(layout, dt_s)
        flows = Flows.of(layout, population)
        zero, one = np.zeros(shape), np.ones(shape)
        made = cls(
            layout=layout,
            population=population,
            needs=Needs(layout),
            parts=parts,
            flows=flows,
            steering=Steering.of(layout),
            conditions=Conditions.calm(layout),
            dt_s=dt_s,
            ext=zero.copy(),
            used=_utilisation(layout)[:n],
            share=one.copy(),
            home=one.copy(),
            soft=one.copy(),
            keep=np.ones(layout.placed.shape),
            shares=np.zeros(layout.placed.shape),
            extra_s=zero.copy(),
            excess_s=zero.copy(),
            fresh=zero.copy(),
            sent=zero.copy(),
            queue=zero.copy(),
            latency_s=zero.copy(),
            good=zero.copy(),
            late=zero.copy(),
            timed=zero.copy(),
            patience_s=patience_of(layout),
        )
        made.minute(0.0, None)
        flows.rest(made.ext)
        if parts.crowds is not None:
            parts.crowds.part.settle(flows.resting[parts.crowds.rows])
        return made

    def minute(self, at_s: float, cut: Floats | None) -> None:
        """Take the demand of the minute that begins."""
        if not self.parts.flowing:
            return
        load = self.population.load(at_s, cut) * self.conditions.load[:, None]
        load = np.where(
            self.population.states_load[:, None],
            load,
            self.flows.roots * self.conditions.load[:, None],
        )
        if self.steering.active:
            load = move(load, self.keep, self.shares)
        self.ext = np.where(self.flows.inside, 0.0, load[: self.layout.active])
        self.flows.from_followers(load)

    def step(self) -> None:
        """Move on by one step."""
        n, now = self.layout.active, self.conditions
        reach = self._reach()
        alive, works = now.alive[:n], now.works[:n]
        usable = self.usable(now.capacity[:n])
        held = works * self.held()
        if self.parts.flowing:
            self._flow(reach * alive, held, usable)
        else:
            self.share = reach * alive * held * np.minimum(1.0, usable / self.used)
        self.doors()
        self.needs.rise(self.share, self.soft)
        met = self.needs.works[:n, :-1]
        if self.parts.flowing:
            self._failures()
        self.home = at_home(met, self.keep[:n], self.shares[:n]) if self.steering.active else met
        self._follow()

    def _reach(self) -> Floats:
        """Return the share of requests that find the way [active service, region]."""
        reach = np.ones(self.share.shape)
        names = self.parts.names
        if names is not None:
            names.part.say(self.conditions.said[names.rows])
            names.part.step(self.dt_s)
            reach[names.rows] = names.part.reach()
        return reach

    def doors(self) -> None:
        """Say how well endpoints lead, and steer users."""
        doors = self.parts.doors
        if doors is not None:
            lives = self.lives()
            self.steering.step(lives, self.conditions, self.dt_s)
            doors.say(self.steering.said(self.conditions))
            doors.step(self.dt_s)
            services, count = len(self.layout.services), len(self.layout.endpoints)
            works, reach = self.needs.works, doors.reach()
            works[services : services + count, :-1] = reach * self.steering.leads(lives)
            works[services + count :, :-1] = reach
            works[services:, -1] = works[services:, :-1].max(axis=1)
        else:
            nobody = np.ones((0, len(self.layout.regions)))
            self.steering.step(nobody, self.conditions, self.dt_s)
        if self.steering.active:
            self.keep = self.steering.keep()
            self.shares = self.steering.shares(self.keep)

    def lives(self) -> Floats:
        """Say how well each region passes an endpoint's checks: by what stands behind it."""
        alive = self.conditions.alive * self.conditions.works
        slower_s = self.conditions.slower_s
        lives = np.ones((len(self.layout.endpoints), len(self.layout.regions)))
        lives *= np.where(self.conditions.dark[None, :], 0.0, 1.0)
        for row in np.nonzero(self.layout.behind >= 0)[0]:
            door = self.layout.behind[row]
            passes = np.where(slower_s[row] < self.patience_s[door], alive[row], 0.0)
            lives[door] = np.minimum(lives[door], np.where(self.layout.placed[row], passes, 1.0))
        return lives

    def usable(self, capacity: Floats) -> Floats:
        """Return the share of each service's capacity that can be used."""
        usable = capacity
        scalers, health = self.parts.scalers, self.parts.health
        if scalers is not None:
            usable = usable.copy()
            usable[scalers.rows] *= scalers.part.running
        if health is not None:
            usable = usable.copy()
            usable[health.rows] *= 1.0 - health.part.removed()
        return usable

    def held(self) -> Floats:
        """Return the share of requests not lost for want of leases, credentials or done work."""
        held = np.ones(self.share.shape)
        parts = self.parts
        if parts.leases is not None:
            held[parts.leases.rows] *= parts.leases.part.leased()
        if parts.credentials is not None:
            held[parts.credentials.rows] *= parts.credentials.part.valid
        if parts.backlogs is not None:
            held[parts.backlogs.rows] *= parts.backlogs.part.in_time()
        return held

    def _flow(self, reach: Floats, works: Floats, usable: Floats) -> None:
        """Send requests through clients and queues, and say what share comes out well."""
        dt_s, now, parts = self.dt_s, self.conditions, self.parts
        self.fresh = (self.ext + self.flows.inflow()) * dt_s
        self.sent = self.fresh.copy()
        if parts.clients is not None:
            rows = parts.clients.rows
            self.sent[rows] = parts.clients.part.send(self.fresh[rows])[0]
        arriving = self.sent * reach
        able = np.minimum(1.0, usable / self.used)
        good = arriving * able
        worked, self.late = arriving.copy(), np.zeros_like(good)
        self.timed = np.zeros_like(good)
        self._slower()
        served: tuple[Fitted[Queues] | Fitted[Crowds] | None, ...] = (parts.queues, parts.crowds)
        for fitted in served:
            if fitted is None:
                continue
            rows = fitted.rows
            result = self._serve(fitted, arriving[rows], usable[rows])
            good[rows], worked[rows] = result.good, result.worked
            self.late[rows] = result.expired
            self.timed[rows] = np.maximum(0.0, arriving[rows] - result.good - result.refused)
            self.queue[rows], self.latency_s[rows] = result.queue, result.latency_s
            base = fitted.part.parameters.base_s
            gone = (now.alive[rows] <= 0) & (fitted.part.parameters.timeout_s > 0)
            seen = np.where(gone, fitted.part.parameters.timeout_s, result.latency_s)
            self.excess_s[rows] = np.maximum(0.0, seen - base - self.flows.wait_s[rows])
        self.good = good * works
        potential = reach * works * able
        self.share = np.where(
            self.fresh > TINY, self.good / np.maximum(self.fresh, TINY), potential
        )
        self.flows.pass_on(worked / dt_s)

    def _serve(
        self, fitted: Fitted[Queues] | Fitted[Crowds], arriving: Floats, usable: Floats
    ) -> Result:
        rows, now = fitted.rows, self.conditions
        extra = self.extra_s[rows]
        if isinstance(fitted.part, Crowds):
            return fitted.part.step(arriving * now.admit[rows], usable, extra)
        own = fitted.part.parameters
        rate = np.where(np.isfinite(own.rate), own.rate, UNLIMITED)
        flight = np.where(
            own.in_flight_max > 0, own.in_flight_max / np.maximum(own.base_s + extra, TINY), np.inf
        )
        capacity = np.minimum(rate, flight) * usable
        return fitted.part.step(arriving, capacity, extra, now.admit[rows])

    def _slower(self) -> None:
        """Say how much longer service takes for what it waits for."""
        self.extra_s = self.conditions.slower_s[: self.layout.active].copy()
        if "waiting" not in self.cuts and (self.excess_s > TINY).any():
            self.flows.waiting(self.excess_s, self.extra_s)

    def _failures(self) -> None:
        """Give failures back to the clients, who may try again."""
        clients = self.parts.clients
        met = self.needs.met
        good = self.good * met
        if clients is None or "retries" in self.cuts:
            if clients is not None:
                clients.part.orbit[:] = 0.0
                clients.part.outstanding[:] = 0.0
            return
        rows = clients.rows
        failed = np.maximum(0.0, self.sent[rows] - good[rows] - self.timed[rows]) + self.late[rows]
        clients.part.fail(failed, good[rows], self.sent[rows])

    def _via(self, fitted: Fitted[Any]) -> Floats:
        """Return how well what a part leans on works [row, region]; at home, or anywhere."""
        layout = self.layout
        met = self.needs.works[: len(layout.services)]
        via = np.maximum(fitted.via, 0)
        here = np.where(layout.placed[via], met[via, :-1], met[via, -1:])
        return np.where((fitted.via >= 0)[:, None], here, 1.0)

    def _follow(self) -> None:
        """Move what follows slowly."""
        parts, now, dt_s = self.parts, self.conditions, self.dt_s
        self.needs.remember(dt_s)
        if parts.leases is not None:
            parts.leases.part.step(self._via(parts.leases), now.admit[parts.leases.rows])
        if parts.backlogs is not None:
            self._pile(parts.backlogs)
        if parts.credentials is not None:
            parts.credentials.part.step(self._via(parts.credentials), dt_s)
        if parts.health is not None:
            self._check()
        if parts.scalers is not None:
            self._scale()

    def _pile(self, fitted: Fitted[Backlogs]) -> None:
        of, rows = fitted.via, fitted.rows
        works = self.needs.works[of, :-1]
        good = self.fresh[of] * works
        own = np.where(
            self.layout.placed[rows], self.conditions.alive[rows] * self.needs.met[rows], 0.0
        )
        fitted.part.step(good, self.fresh[of] * (1.0 - works), own, self.conditions.admit[rows])

    def _check(self) -> None:
        fitted = self.parts.health
        assert fitted is not None
        rows = fitted.rows
        part = fitted.part
        part.off = self.conditions.off[rows] | ("health checks" in self.cuts)
        behind = (1.0 - self._via(fitted)) * part.parameters.new_ratio * self._arriving(fitted)
        part.step(np.clip(self.conditions.lying[rows] + behind, 0.0, 1.0))

    def _arriving(self, fitted: Fitted[Any]) -> Floats:
        """Return how well that works which makes new nodes: where nothing is launched, nothing flaps.

        On 20 October 2025 health checks flapped only once launches had begun to succeed again.
        """
        backlogs = self.parts.backlogs
        arriving = np.ones((len(fitted.rows), len(self.layout.regions)))
        if backlogs is not None:
            for k, via in enumerate(fitted.via):
                for at in np.nonzero(backlogs.rows == via)[0]:
                    arriving[k] = self.needs.works[backlogs.via[at], :-1]
        return arriving

    def _scale(self) -> None:
        fitted = self.parts.scalers
        assert fitted is not None
        rows = fitted.rows
        part = fitted.part
        part.frozen = self.conditions.frozen[rows]
        at_rest = self.used[rows]
        rest = np.maximum(self.flows.resting[rows], TINY)
        factor = np.where(self.flows.resting[rows] > TINY, self.sent[rows] / self.dt_s / rest, 1.0)
        use = at_rest * factor / np.maximum(part.running, TINY)
        part.step(use, self._via(fitted), at_rest)

    def followers(self, works: Floats) -> tuple[Floats, Floats]:
        """Return how well those are served who only follow, from the mean of a minute."""
        first = self.layout.active
        now = self.conditions
        own = now.alive[first:] * now.works[first:]
        own = own * np.minimum(1.0, now.capacity[first:] / UTILISATION_UNKNOWN)
        return self.needs.follow(own, works)

    def followed_home(self, served: Floats) -> Floats:
        """Return the same by home region."""
        first = self.layout.active
        return at_home(served, self.keep[first:], self.shares[first:])


def _utilisation(layout: Layout) -> Floats:
    """Return how much of its capacity each service uses at rest [service, 1 region]."""
    used = np.full(layout.placed.shape, UTILISATION_UNKNOWN)
    for row, one in enumerate(layout.services):
        load = one.load
        if load is not None and load.demand > 0 and load.capacity > 0:
            count = max(1, int(layout.placed[row].sum()))
            used[row] = min(1.0, load.demand / (load.capacity * count))
    return used
