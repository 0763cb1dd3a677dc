"""A world with something to show on every page of the board, and what detection believes of it."""

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.system import TOPOLOGY, System, system, until

from outlast.app.drill.results import add_result
from outlast.app.options import open_world
from outlast.detect.belief import Advice, Belief, Feed, Held, Moment, Order, Suggestion, Trace
from outlast.detect.cells import Evidence, Road
from outlast.detect.verdict import (
    Alarm,
    Cause,
    CauseKind,
    Outcome,
    Question,
    Scope,
    Series,
    State,
)
from outlast.drivers.reports.beliefs import write_belief
from outlast.glass.drills import Run
from outlast.model.units import NS_PER_S, Nanos

SERVICES = """\
services:
  storefront:
    essential: true
    regions: [eu-west, us-east, ap-south]
    needs: [{endpoint: shop}, {service: catalogue}, {service: reviews, kind: soft}]
    audience:
      people: 9000000
      countries: {US: 0.4, DE: 0.2, GB: 0.15, IN: 0.15, BR: 0.1}
      category: shopping
  checkout:
    essential: true
    regions: [eu-west, us-east]
    needs: [{endpoint: api}, {service: catalogue}]
    audience: {people: 2500000, countries: {US: 0.5, CA: 0.2, DE: 0.3}, category: shopping}
  catalogue: {regions: [us-east, eu-west]}
  reviews: {regions: [eu-west, us-east]}
  search: {regions: [ap-south], needs: [{service: catalogue}]}
"""
MINUTES = 90
NAME = Cause(CauseKind.NAME, "api")
REGION = Cause(CauseKind.REGION, "us-east")


def series(service: str, country: str = "") -> Series:
    """A series of a service, in a country or everywhere."""
    return Series(Scope.CELL if country else Scope.SERVICE, service=service, country=country)


def belief(now_ns: int | None = None) -> Belief:
    """What is believed when a region is dark: a cause, a rival, alarms and their curves."""
    at_ns = Nanos(now_ns if now_ns is not None else time.time_ns())
    minute = at_ns // (60 * NS_PER_S)
    return Belief(
        at_ns=at_ns,
        minute=minute,
        since_ns=Nanos(at_ns - 24 * 60 * NS_PER_S),
        outcome=Outcome.CAUSE,
        down=3,
        suspects=(held(REGION, 0.97, ("storefront", "checkout", "catalogue"), ("reviews",)),),
        carried=(Cause(CauseKind.SERVICE, "catalogue"),),
        runner_up=held(NAME, 0.02, ("checkout",), ("search",)),
        chance=0.0004,
        question=Question(
            subject="api",
            road=Road.PINNED,
            good_means="name `api`",
            bad_means="region `us-east`",
            gain_bits=0.6,
        ),
        orders=(Order(subject="api", road=Road.PINNED, good_means="", bad_means="", at_ns=at_ns),),
        alarms=tuple(
            alarm(minute, service, country)
            for service in ("storefront", "checkout")
            for country in ("US", "CA", "DE", "BR")
        ),
        alarm_count=8,
        traces=tuple(trace(name, minute) for name in ("storefront in US", "checkout in CA")),
        suggestions=(
            Suggestion(
                advice=Advice.EVACUATE,
                subject="us-east",
                command="outlast evacuate world.yaml us-east",
                proof=("shop: 2000 of 3000 carries a demand of 1500",),
                forecast="3,100 user-minutes lost in the hour, 41,000 if nothing is done",
            ),
        ),
        feeds=(
            Feed(evidence=Evidence.USER, name="partner-a", heard_ns=at_ns, says="412 reports"),
            Feed(evidence=Evidence.PROBE, name="local", heard_ns=Nanos(0), silent="never heard"),
        ),
    )


def held(cause: Cause, posterior: float, down: tuple[str, ...], well: tuple[str, ...]) -> Held:
    """A suspect with its lists."""
    return Held(
        cause=cause,
        posterior=posterior,
        hit_ratio=0.8,
        explained=down,
        explained_count=len(down),
        healthy=well,
        healthy_count=len(well),
    )


def alarm(minute: int, service: str, country: str) -> Alarm:
    """An alarm that is open."""
    return Alarm(
        series=series(service, country),
        state=State.CONFIRMED,
        minute=minute,
        since=minute - 20,
        window=15,
        observed=240,
        expected=18.5,
        high=31.0,
        chance=1e-9,
        false_a_year=0.1,
        evidence=(Evidence.USER, Evidence.PROBE),
        countries=(country,),
    )


def trace(name: str, minute: int) -> Trace:
    """A quiet hour, then reports."""
    moments = []
    for at in range(MINUTES):
        expected = 12 + 3 * math.sin(at / 15)
        loud = max(0, at - 66) * 11
        seen = round(expected + loud + 3 * math.sin(at * 2.4))
        moments.append(Moment(minute - MINUTES + at, seen, expected, expected + 9))
    return Trace(series=name, moments=tuple(moments))


def believe(world: System, found: Belief) -> None:
    """Leave a belief in the store of a system that runs."""

    async def write() -> None:
        store = await open_world(world.file, world.state, kept=True).store(check_s=0.05)
        try:
            await write_belief(store, found)
        finally:
            await store.close()

    aside = threading.Thread(
        target=lambda: asyncio.run(write())
    )  # Playwright's loop is in this one
    aside.start()
    aside.join()


RUNS = (
    Run(
        name="region-lost",
        title="A region goes dark",
        at_ns=Nanos(1_760_000_000 * NS_PER_S),
        held=3,
        total=3,
    ),
    Run(
        name="lose region:us-east",
        title="us-east gone for 30 min",
        at_ns=Nanos(1_763_000_000 * NS_PER_S),
        held=0,
        total=1,
        said="checkout below 99 %",
    ),
)


@contextmanager
def board_world(folder: Path) -> Iterator[System]:
    """A system that runs, with services, drills that were held, and its trail published."""
    with system(folder, TOPOLOGY + SERVICES) as made:
        made.up_and_published()
        until((made.state_folder.trail / "checkpoint").exists, "a checkpoint")
        for run in RUNS:
            add_result(made.state_folder.root, run)
        yield made
