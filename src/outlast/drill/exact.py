"""Exact: one service of a drill once more, request by request, between the same borders.

The line of `outlast.drill.events` is given, at each instant, what the service met in the run of the whole:
tries that do not find it, answers that are none since a need is down, capacity that is gone, answers that
come later. Its own queue, its callers' patience and their retries are then exact, and can be held
beside what the fluid engine made of them.

Many requests are thinned: of a service a k-th as large with a k-th of the callers the shares are the same,
only less smooth, and single requests wait longer; at `CUSTOMERS` neither shows beside patience of seconds.
"""

import heapq
import math
from dataclasses import dataclass, replace

from outlast.client.budget import Budget
from outlast.drill.boundary import Boundary, Met
from outlast.drill.events import GIVEN_UP, SERVED, WAITING, Line, Rate, Tally
from outlast.drill.mechanisms.clients import BUCKET_S
from outlast.model.behaviour import Serving

CUSTOMERS = 400_000
"""So many requests at most are played through, unless more are asked for."""

LEAST = 1e-6
"""Share of the capacity that is left where there is none, so that time goes on."""


class Bounded(Line):
    """A service with its callers in virtual time, between given borders."""

    def __init__(self, boundary: Boundary, scale: float, seed: int) -> None:
        serving = _scaled(boundary.serving, scale)
        super().__init__(serving, boundary.retrying, seed=seed)
        most = max((one.rate for one in boundary.met), default=0.0) / scale
        if boundary.retrying.budget_ratio > 0:
            ratio = boundary.retrying.budget_ratio
            self._budget = Budget(ratio, max(1.0, ratio * most * BUCKET_S))
        self._met = boundary.met
        self._at = 0
        self._now_met = boundary.met[0]
        self._rates = [Rate(one.from_s, one.rate / scale) for one in boundary.met]

    def play(self, length_s: float) -> Tally:
        """Play it through; return what was counted."""
        return self.run(self._rates, length_s)

    def _meet(self, now: float) -> Met:
        """Return what is met now."""
        met, at = self._met, self._at
        if at + 1 < len(met) and met[at + 1].from_s <= now:
            restarted = False
            while at + 1 < len(met) and met[at + 1].from_s <= now:
                at += 1
                restarted = restarted or met[at].restarted
            self._at, self._now_met = at, met[at]
            if restarted:
                self._restart(now)
        return self._now_met

    def _restart(self, now: float) -> None:
        """Empty the line: whoever waits gets an error."""
        self._area(now)
        for request in self._line:
            if request[2] == WAITING:
                request[2] = GIVEN_UP
                self._retry(now, int(request[1]))
        self._line.clear()
        self._in_line = 0

    def _take(self, now: float, number: int) -> None:
        met = self._meet(now)
        if met.reach * met.admit < 1.0 and self._chance() >= met.reach * met.admit:
            self.tally.tries += 1
            self.tally.refused += 1
            self._retry(now, number)
            return
        super()._take(now, number)

    def _chance(self) -> float:
        """Return a number evenly between 0 and 1, out of an exponential one."""
        return 1.0 - math.exp(-self._draw())

    def _begin(self, now: float, request: list[float]) -> None:
        own, met = self.serving, self._meet(now)
        rate = own.rate
        if own.in_flight_max > 0:
            rate = min(rate, own.in_flight_max / max(1e-9, own.base_s + met.extra_s))
        took_s = self._draw() * self.servers / (rate * max(LEAST, met.usable))
        self._serial += 1
        self._inside += 1
        heapq.heappush(self._ends, (now + took_s, self._serial, request))

    def _finish(self, now: float) -> None:
        """End one service: a good answer, an error, or an answer that nobody waits for."""
        _, _, request = heapq.heappop(self._ends)
        self._inside -= 1
        tally, own, met = self.tally, self.serving, self._meet(now)
        tally.served += 1
        late_s = now + own.base_s + met.extra_s - request[0]
        if request[2] != WAITING or (own.timeout_s > 0 and late_s > own.timeout_s):
            tally.wasted += 1  # given up on, or about to be: its deadline will tell
        elif met.works < 1.0 and self._chance() >= met.works:
            request[2] = SERVED
            self._retry(now, int(request[1]))
        else:
            request[2] = SERVED
            tally.good[int(now // 60.0)] += 1
        self._next(now)


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of both engines: shares of the first tries that came to a good end."""

    minute: int
    asked: float
    fluid: float
    exact: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both engines beside each other.

    Attributes:
        scale: how many requests each one that was played through stands for.
        difference: mean distance of both, weighed by what was asked for.
        worst: the greatest distance of a minute.
    """

    boundary: Boundary
    scale: float
    tally: Tally
    minutes: tuple[Minute, ...]
    difference: float
    worst: float


def compare(boundary: Boundary, *, seed: int = 1, customers: int = CUSTOMERS) -> Comparison:
    """Play a service through exactly, and hold it beside the fluid engine."""
    whole = sum(boundary.asked) * 60.0
    scale = max(1.0, whole * max(1, boundary.retrying.attempts) / customers)
    tally = Bounded(boundary, scale, seed).play(boundary.length_s)
    minutes = tuple(
        Minute(
            at,
            asked,
            min(1.0, fluid / asked) if asked > 0 else 1.0,
            min(1.0, tally.good[at] / tally.asked[at]) if tally.asked[at] else 1.0,
        )
        for at, (asked, fluid) in enumerate(zip(boundary.asked, boundary.good, strict=True))
    )
    distances = [abs(one.fluid - one.exact) for one in minutes]
    weight = sum(one.asked for one in minutes)
    mean = sum(d * one.asked for d, one in zip(distances, minutes, strict=True))
    return Comparison(
        boundary=boundary,
        scale=scale,
        tally=tally,
        minutes=minutes,
        difference=mean / weight if weight else 0.0,
        worst=max(distances, default=0.0),
    )


def _scaled(serving: Serving, scale: float) -> Serving:
    """Return a service so many times smaller."""
    flight = serving.in_flight_max / scale
    limits = [one / scale for one in (serving.queue_max,) if one > 0]
    if flight > 0:
        limits.append(max(0.0, flight - serving.rate / scale * serving.base_s))
    return replace(
        serving,
        rate=serving.rate / scale,
        queue_max=max(1.0, round(min(limits))) if limits else 0.0,
        in_flight_max=flight,
        slope_s=serving.slope_s * scale,
    )
