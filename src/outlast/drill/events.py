"""The exact engine: one service, request by request, from the same facts as the fluid.

A heap of completions, a line of those who wait, and a line of deadlines (patience is the same for all, so
deadlines come in the order of arrival and need no heap). Arrivals are a Poisson process whose rate changes
at given times; service times are exponential with mean `servers / rate`, or, where latency grows with
concurrency, fixed on arrival at base + slope * L. Callers give up after `timeout_s` and try again after a
back-off with full jitter, as far as attempts and budget allow; work that nobody waits for is served all the
same, unless the discipline drops it.

One seed gives one run, bit for bit.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from outlast.client.budget import Budget
from outlast.model.behaviour import Discipline, Retrying, Serving

WAITING, SERVED, GIVEN_UP = 0, 1, 2

BATCH = 4096
"""Random numbers drawn at once: one at a time costs more than the event they are for."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Arrivals a second from an instant on."""

    from_s: float
    rate: float


@dataclass(slots=True)
class Tally:
    """What was counted.

    Attributes:
        arrived: first tries.
        tries: all tries, refused ones included.
        good: answered while the caller still waited, by the minute.
        asked: first tries by the minute.
        refused, expired, wasted: turned away; given up on; served for nobody.
        waited_s, area: sum of the waits in line, and time-integral of those in line (Little).
        unfinished_s: how long those in line at the end have waited.
        delayed: how many had to wait.
        left: in line or in service at the end.
    """

    arrived: int = 0
    tries: int = 0
    refused: int = 0
    expired: int = 0
    wasted: int = 0
    served: int = 0
    delayed: int = 0
    waited_s: float = 0.0
    area: float = 0.0
    unfinished_s: float = 0.0
    left: int = 0
    good: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    @property
    def goodput(self) -> int:
        """How many were answered in time."""
        return sum(self.good)


def exponential(seed: int) -> Iterator[float]:
    """Yield exponential numbers of mean 1."""
    chance = np.random.default_rng(seed)
    while True:
        yield from chance.exponential(size=BATCH).tolist()


class Line:
    """A service with its callers, in virtual time.

    Args:
        servers: how many serve at once; together they serve `serving.rate` a second.
    """

    def __init__(
        self, serving: Serving, retrying: Retrying | None = None, *, servers: int = 1, seed: int = 1
    ) -> None:
        self.serving = serving
        self.retrying = retrying or Retrying()
        self.servers = servers
        self.mean_s = servers / serving.rate if serving.rate > 0 else math.inf
        self.tally = Tally()
        self._draw = exponential(seed).__next__
        self._line: deque[list[float]] = deque()
        self._ends: list[tuple[float, int, list[float]]] = []
        self._deadlines: deque[tuple[float, list[float]]] = deque()
        self._again: list[tuple[float, int, int]] = []
        self._serial = 0
        self._inside = 0
        self._in_line = 0
        self._changed_s = 0.0
        self._budget = (
            Budget(self.retrying.budget_ratio) if self.retrying.budget_ratio > 0 else None
        )

    def run(self, rates: Sequence[Rate], length_s: float) -> Tally:
        """Run for a time; return what was counted."""
        tally, never = self.tally, math.inf
        minutes = max(1, math.ceil(length_s / 60.0))
        tally.good, tally.asked = [0] * minutes, [0] * minutes
        coming = self._arrivals(rates)
        arrival = next(coming, never)
        while True:
            end = self._ends[0][0] if self._ends else never
            deadline = self._deadlines[0][0] if self._deadlines else never
            again = self._again[0][0] if self._again else never
            now = min(arrival, end, deadline, again)
            if now >= length_s:
                break
            if now == end:
                self._finish(now)
            elif now == arrival:
                tally.arrived += 1
                tally.asked[int(now // 60.0)] += 1
                self._take(now, 1)
                arrival = next(coming, never)
            elif now == deadline:
                self._expire(now)
            else:
                self._take(now, heapq.heappop(self._again)[2])
        self._area(length_s)
        tally.left = self._in_line + self._inside
        tally.unfinished_s = sum(length_s - one[0] for one in self._line)
        return tally

    def _arrivals(self, rates: Sequence[Rate]) -> Iterator[float]:
        """Yield instants of arrival: unit exponentials stretched by the rate of the moment."""
        draw = self._draw
        for index, one in enumerate(rates):
            until = rates[index + 1].from_s if index + 1 < len(rates) else math.inf
            if one.rate <= 0:
                continue
            now = one.from_s + draw() / one.rate
            while now < until:
                yield now
                now += draw() / one.rate

    def _area(self, now: float) -> None:
        self.tally.area += self._in_line * (now - self._changed_s)
        self._changed_s = now

    def _take(self, now: float, number: int) -> None:
        """Take a try: serve it, let it wait, or refuse it."""
        own, tally = self.serving, self.tally
        tally.tries += 1
        request = [now, number, WAITING]
        if own.slope_s > 0:
            self._crowd(now, request)
        elif self._inside < self.servers:
            self._begin(now, request)
        elif (own.queue_max and self._in_line >= own.queue_max) or own.queue_max < 0:
            tally.refused += 1
            self._retry(now, number)
            return
        else:
            tally.delayed += 1
            self._area(now)
            self._in_line += 1
            self._line.append(request)
        if own.timeout_s > 0:
            self._deadlines.append((now + own.timeout_s, request))

    def _crowd(self, now: float, request: list[float]) -> None:
        took_s = self.serving.base_s + self.serving.slope_s * self._inside
        self._serial += 1
        self._inside += 1
        heapq.heappush(self._ends, (now + took_s, self._serial, request))

    def _begin(self, now: float, request: list[float]) -> None:
        self._serial += 1
        self._inside += 1
        heapq.heappush(self._ends, (now + self._draw() * self.mean_s, self._serial, request))

    def _finish(self, now: float) -> None:
        """End one service and begin the next."""
        _, _, request = heapq.heappop(self._ends)
        self._inside -= 1
        self.tally.served += 1
        if request[2] == WAITING:
            request[2] = SERVED
            self.tally.good[int(now // 60.0)] += 1
        else:
            self.tally.wasted += 1
        self._next(now)

    def _next(self, now: float) -> None:
        """Take the next out of the line."""
        line, own = self._line, self.serving
        while line and self._inside < self.servers:
            self._area(now)
            following = line.pop() if own.discipline is Discipline.LIFO else line.popleft()
            self._in_line -= 1
            if own.discipline is Discipline.FRESH and following[2] == GIVEN_UP:
                continue
            self.tally.waited_s += now - following[0]
            self._begin(now, following)

    def _expire(self, now: float) -> None:
        _, request = self._deadlines.popleft()
        if request[2] == WAITING:
            request[2] = GIVEN_UP
            self.tally.expired += 1
            self._retry(now, int(request[1]))

    def _retry(self, now: float, number: int) -> None:
        own = self.retrying
        if number >= own.attempts:
            return
        if self._budget is not None and not self._budget.spend(self.tally.arrived):
            return
        wait_s = own.backoff_s * 2.0 ** (number - 1)
        # Full jitter: evenly between nothing and the whole; from an exponential by its distribution.
        share = 1.0 - math.exp(-self._draw()) if own.jitter else 1.0
        self._serial += 1
        heapq.heappush(self._again, (now + wait_s * share, self._serial, number + 1))
