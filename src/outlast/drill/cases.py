"""Cases with a known answer, for the engine to be held against: closed forms and published experiments.

Each says its parameters, what is expected and from where, and what the engine shows. A tolerance is a share
of what is expected; for queues simulated event by event it covers the spread between seeds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from outlast.drill.events import Line, Rate, Tally
from outlast.drill.mechanisms.backlog import drain_s
from outlast.drill.mechanisms.clients import amplification, success
from outlast.drill.mechanisms.concurrency import in_progress
from outlast.drill.mechanisms.health import nodes_spare
from outlast.drill.mechanisms.leases import finishes
from outlast.drill.mechanisms.resolving import EMPTY, GOOD, Resolving, hit_ratio, negative_ttl_s
from outlast.drill.outcome import Outcome
from outlast.drill.running import Run
from outlast.drill.scenario import Fault, FaultKind, Scenario
from outlast.model.behaviour import Behaviour, Discipline, Leasing, Retrying, Serving
from outlast.model.facts import Load
from outlast.model.names import RegionName, ServiceName
from outlast.model.service import Service
from outlast.model.topology import Region, Topology

ERLANG = "Erlang 1917; Cooper, Introduction to Queueing Theory, 1981"
NEVER = math.inf
MANY = 200_000


@dataclass(frozen=True, slots=True)
class Case:
    """A case and how it came out; `tolerance` is a share of `expected` (or of 1, where that is 0)."""

    name: str
    parameters: str
    source: str
    expected: float
    shown: float
    tolerance: float

    @property
    def deviation(self) -> float:
        """How far off it is, as a share."""
        if math.isinf(self.expected) or math.isinf(self.shown):
            return 0.0 if self.expected == self.shown else math.inf
        return abs(self.shown - self.expected) / (abs(self.expected) or 1.0)

    @property
    def held(self) -> bool:
        """Whether it is within its tolerance."""
        return self.deviation <= self.tolerance


def every() -> Iterator[Case]:
    """Run all cases."""
    for part in (_queues, _losses, _clients, _overload, _storms, _names, _leases, _closed):
        yield from part()


def _line(rate: float, servers: int, *, queue_max: float = 0, seed: int = 3) -> Tally:
    serving = Serving(rate=float(servers), queue_max=queue_max)
    return Line(serving, servers=servers, seed=seed).run([Rate(0.0, rate)], MANY / rate)


def erlang_b(load: float, servers: int) -> float:
    """Return the share of calls lost, by the recursion B(n) = a B(n-1) / (n + a B(n-1))."""
    lost = 1.0
    for count in range(1, servers + 1):
        lost = load * lost / (count + load * lost)
    return lost


def erlang_c(load: float, servers: int) -> float:
    """Return the share of customers who wait."""
    lost = erlang_b(load, servers)
    return lost / (1.0 - load / servers * (1.0 - lost))


def _queues() -> Iterator[Case]:
    for rate in (0.8, 0.9):
        tally = _line(rate, 1)
        expected = rate / (1.0 - rate)
        source = "Kleinrock, Queueing Systems I, 1975, 3.2"
        yield Case(
            "M/M/1 wait",
            f"lambda {rate}, mu 1",
            source,
            expected,
            tally.waited_s / tally.served,
            0.1,
        )
        left = tally.area / (tally.waited_s + tally.unfinished_s)
        yield Case(
            "Little's law", f"L / (lambda W), lambda {rate}", "Little 1961", 1.0, left, 0.001
        )
        kept = tally.served + tally.refused + tally.left
        yield Case(
            "conservation", "arrived - all outcomes", "exact", 0.0, float(tally.tries - kept), 0.0
        )
    for rate, servers in ((8.0, 10), (9.0, 10), (95.0, 100)):
        tally = _line(rate, servers)
        expected = erlang_c(rate, servers)
        shown = tally.delayed / tally.arrived
        yield Case(
            "Erlang C, P(wait)", f"load {rate:g}, {servers} servers", ERLANG, expected, shown, 0.05
        )
        wait = expected / (servers - rate)
        yield Case(
            "Erlang C, wait", f"load {rate:g}, {servers} servers", ERLANG, wait,
            tally.waited_s / tally.served, 0.1,
        )  # fmt: skip


def _losses() -> Iterator[Case]:
    for load, servers in ((10.0, 10), (100.0, 100), (100.0, 110)):
        tally = _line(load, servers, queue_max=-1)
        yield Case(
            "Erlang B, loss", f"load {load:g}, {servers} servers", ERLANG, erlang_b(load, servers),
            tally.refused / tally.arrived, 0.06,
        )  # fmt: skip
    for rho, room in ((0.9, 10), (2.0, 10), (1.2, 100)):
        tally = _line(rho, 1, queue_max=room - 1)
        expected = (1.0 - rho) * rho**room / (1.0 - rho ** (room + 1))
        yield Case(
            "M/M/1/K blocking", f"rho {rho}, K {room}", "Kleinrock 1975, 3.6", expected,
            tally.refused / tally.arrived, 0.06,
        )  # fmt: skip


def _clients() -> Iterator[Case]:
    source = "Brooker, Fixing retries with token buckets, 2022"
    for fail, calls, good in ((0.5, 1.875, 0.9375), (0.75, 2.734, 0.684)):
        text = f"f {fail}, 4 tries"
        yield Case("retry amplification", text, source, calls, amplification(fail, 4), 0.001)
        yield Case("success with retries", text, source, good, success(fail, 4), 0.001)
    source = "Google SRE book, chapter 22"
    yield Case(
        "retries in a chain", "3 tries, 5 layers", source, 243.0, amplification(1.0, 3) ** 5, 0.0
    )
    fault = Fault(kind=FaultKind.ERRORS, subject="s", amount=0.5)
    shown = _served([_service(10.0, 1e6, tries=4)], 600.0, fault)
    yield Case("success with retries, fluid", "f 0.5, 4 tries", source, 0.9375, shown, 0.005)


def _overload() -> Iterator[Case]:
    source = "an independent simulation, event by event"
    for discipline, rate, expected in (
        (Discipline.FIFO, 8.0, 7.94), (Discipline.FIFO, 12.0, 0.07), (Discipline.FIFO, 20.0, 0.03),
        (Discipline.LIFO, 8.0, 7.75), (Discipline.LIFO, 12.0, 9.57), (Discipline.LIFO, 20.0, 9.93),
    ):  # fmt: skip
        serving = Serving(rate=10.0, timeout_s=3.0, discipline=discipline)
        good = Line(serving, seed=2).run([Rate(0.0, rate)], 2000.0).goodput / 2000.0
        text = f"mu 10, T 3 s, lambda {rate:g}, {discipline}"
        yield Case("goodput, events", text, source, expected, good, 0.05 if expected > 1 else 1.0)
        fluid = _served([_service(rate, 10.0, discipline=discipline)], 2040.0) * rate
        yield Case("goodput, fluid", text, source, expected, fluid, 0.06 if expected > 1 else 1.0)
    for rate in (10.5, 12.0):
        fluid = _served([_service(rate * 100, 1000.0, discipline=Discipline.FRESH)], 2040.0) * rate
        text = f"mu 1000, T 3 s, lambda {rate * 100:g}, fresh"
        yield Case("goodput, fluid", text, "work is never wasted: mu", 10.0, fluid, 0.02)


def _storms() -> Iterator[Case]:
    source = "median of seven seeds, event by event"
    for rate, tries, budget, expected in (
        (3.0, 3, 0.0, 38.0), (8.0, 1, 0.0, 11.0), (8.0, 3, 0.1, 16.0), (5.0, 3, 0.0, NEVER),
    ):  # fmt: skip
        text = f"mu 10, T 3 s, lambda {rate:g}, {tries} tries, budget {budget:g}"
        yield Case(
            "minute of recovery, fluid", text, source, expected, _storm(rate, tries, budget), 0.15
        )
        events = _storm_events(rate, tries, budget)
        yield Case("minute of recovery, events", text, source, expected, events, 0.3)


def _storm(rate: float, tries: int, budget: float) -> float:
    fault = Fault(kind=FaultKind.LOAD, subject="s", at_s=300.0, until_s=330.0, amount=30.0 / rate)
    shown = _run([_service(rate * 100, 1000.0, tries=tries, budget=budget)], 7200.0, fault)
    return recovery_minute(shown.served[:, 0, 0])


def _storm_events(rate: float, tries: int, budget: float) -> float:
    serving = Serving(rate=10.0, timeout_s=3.0)
    retrying = Retrying(attempts=tries, budget_ratio=budget, backoff_s=0.001)
    found = []
    for seed in range(7):
        tally = Line(serving, retrying, seed=seed).run(
            [Rate(0.0, rate), Rate(300.0, 30.0), Rate(330.0, rate)], 7200.0
        )
        found.append(recovery_minute(np.array(tally.good) / np.maximum(1, tally.asked)))
    return float(np.median(found))


def recovery_minute(served: "np.typing.ArrayLike") -> float:
    """Return the first minute, after the sixth, that begins two minutes of 85 % goodput."""
    good = np.asarray(served) >= 0.85
    both = np.nonzero(good[6:-1] & good[7:])[0]
    return float(both[0] + 6) if len(both) else NEVER


def _names() -> Iterator[Case]:
    jung = "Jung, Berger and Balakrishnan, INFOCOM 2003"
    for rate, ttl, expected in ((0.1, 5.0, 0.3333), (1.0, 5.0, 0.8333), (0.01, 900.0, 0.9)):
        text = f"lambda {rate}, TTL {ttl:g} s"
        yield Case("DNS cache hits", text, jung, expected, hit_ratio(rate, ttl), 0.001)
    text = "SOA TTL 900, minimum 86400"
    yield Case(
        "negative TTL", text, "RFC 2308, section 5", 900.0, negative_ttl_s(900.0, 86_400.0), 0.0
    )
    for after, expected in ((0.0, 0.0), (450.0, 0.5), (900.0, 1.0)):
        text = f"TTL 5 s, negative 900 s, {after:g} s after the repair"
        source = "AWS, summary of October 2025: 15 min of caches"
        yield Case("resolvers back", text, source, expected, _back(after), 0.01)


def _back(after_s: float) -> float:
    names = Resolving.of(np.array([[5.0, 900.0, 0.0, 0.0, 0.0]]), 1)
    for said, steps in ((EMPTY, 600), (GOOD, int(after_s))):
        names.say(np.array([[said]], dtype=np.int8))
        for _ in range(steps):
            names.step(1.0)
    return float(names.reach()[0, 0])


def _leases() -> Iterator[Case]:
    source = "N <= 2 r T, derived in outlast.drill.mechanisms.leases"
    for count, rate, deadline, expected, admission, drop in (
        (50_000, 50, 600, 1_600.0, 0.0, False),
        (59_000, 50, 600, 3_560.0, 0.0, False),
        (61_000, 50, 600, NEVER, 0.0, False),
        (61_000, 50, 600, 1_220.0, 0.0, True),
        (61_000, 50, 600, 1_220.0, 0.5, False),
        (1_000_000, 225, 900, NEVER, 0.0, False),
        (1_000_000, 225, 900, 4_445.0, 0.5, False),
    ):
        own = Leasing(
            count=count, via=ServiceName("d"), expire_s=60.0, rate=rate, deadline_s=deadline,
            admission_ratio=admission, drop_expired=drop,
        )  # fmt: skip
        text = f"N {count}, r {rate}/s, T {deadline} s, admission {admission:g}, drop {drop}"
        yield Case("leases taken anew", text, source, expected, _leased_s(own), 0.05)
    yield Case(
        "lease threshold",
        "N 60000, r 50, T 600",
        source,
        1.0,
        float(finishes(60_000, 50, 600)),
        0.0,
    )


def _leased_s(own: Leasing) -> float:
    services = [
        Service(name=ServiceName("l"), behaviour=Behaviour(leasing=own)),
        Service(name=ServiceName("d")),
    ]
    fault = Fault(kind=FaultKind.SERVICE, subject="d", at_s=60.0, until_s=180.0)
    shown = _run(services, 12_000.0, fault)
    leased = shown.meters["leased_ratio"][:, shown.services.index("l"), 0]
    whole = np.nonzero(leased[3:] > 0.9995)[0]
    return float(whole[0] * 60.0 + 60.0) if len(whole) else NEVER


def _closed() -> Iterator[Case]:
    text = "D 156 min, rho 0.7"
    yield Case("backlog drain", text, "D rho / (1 - rho)", 364.0, drain_s(156.0, 0.7), 0.001)
    shown = _drain(600.0, 0.7)
    yield Case(
        "backlog drain, fluid", "D 10 min, rho 0.7", "D rho / (1 - rho)", 1400.0, shown, 0.06
    )
    spare = nodes_spare(3, 2.0 / 3.0)
    yield Case("nodes to spare", "3 zones at 2/3", "n (1 - u)", 1.0, spare, 0.001)
    crowd = float(in_progress(np.array(40.0), np.array(1.0), np.array(0.01)))
    text = "W = 1 + 0.01 L, lambda 40"
    yield Case("requests in progress", text, "Brooker 2021", 66.667, crowd, 0.001)
    serving = Serving(base_s=1.0, slope_s=0.01, timeout_s=3.0)
    for backoff, expected in ((1e-6, NEVER), (4.0, 60.0)):
        tally = Line(serving, Retrying(attempts=3, backoff_s=backoff), seed=1).run(
            [Rate(0.0, 40.0), Rate(20.0, 90.0), Rate(25.0, 40.0)], 600.0
        )
        healthy = tally.good[-1] > 0.9 * tally.asked[-1]
        text = f"W = 1 + 0.01 L, T 3 s, 3 tries, 40/s, 5 s of 90/s, back-off {backoff:g} s"
        yield Case(
            "recovers",
            text,
            "after Brooker 2023 (there 80/s)",
            expected,
            60.0 if healthy else NEVER,
            0.0,
        )


def _drain(outage_s: float, rho: float) -> float:
    fault = Fault(kind=FaultKind.CAPACITY, subject="s", at_s=60.0, until_s=60.0 + outage_s)
    serving = Serving(rate=1000.0, base_s=0.0)
    service = Service(
        name=ServiceName("s"),
        load=Load(demand=round(1000 * rho)),
        behaviour=Behaviour(serving=serving),
    )
    queue = _run([service], 7200.0, fault).meters["queue"][:, 0, 0]
    busy = np.nonzero(queue > 1.0)[0]
    return float((busy[-1] + 1) * 60.0 - 60.0 - outage_s)


def _service(
    rate: float,
    capacity: float,
    *,
    tries: int = 1,
    budget: float = 0.0,
    discipline: Discipline = Discipline.FIFO,
) -> Service:
    serving = Serving(rate=capacity, timeout_s=3.0, base_s=0.0, discipline=discipline)
    retrying = Retrying(attempts=tries, budget_ratio=budget, backoff_s=0.001)
    return Service(
        name=ServiceName("s"),
        load=Load(demand=round(rate)),
        behaviour=Behaviour(serving=serving, retrying=retrying),
    )


def _run(services: list[Service], length_s: float, *faults: Fault) -> Outcome:
    regions = (Region(name=RegionName("here")),)
    scenario = Scenario(
        name="case",
        world="",
        start=datetime(2025, 1, 1, tzinfo=UTC),
        length_s=length_s,
        faults=faults,
    )
    made = Run(Topology(regions=regions, services=tuple(services)), scenario)
    for _ in range(made.meters.minutes):
        made.minute()
    return made.outcome()


def _served(services: list[Service], length_s: float, *faults: Fault) -> float:
    return float(_run(services, length_s, *faults).served[:, 0, 0].mean())
