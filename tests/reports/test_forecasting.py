"""A forecast: two drills on the same topology, in a process of their own, within a time."""

import time
from pathlib import Path

import pytest
from tests.reports.test_detecting import foretold
from tests.support.builders import plan

from outlast.app.options import open_world
from outlast.app.reports.forecasting import bounded, compared, held
from outlast.app.reports.suggesting import suggest
from outlast.config import load
from outlast.core.messages import CommitPlan
from outlast.detect.belief import Advice
from outlast.detect.verdict import Cause, CauseKind, Outcome, Suspect, Verdict
from outlast.drill.questions import Harm
from outlast.model.plan import Ruling
from outlast.model.topology import Topology
from outlast.model.units import NO_GENERATION

WORLD = """\
outlast: 1
regions: {east: {country: US}, west: {country: IE}}
providers:
  dns: {kind: embedded, server: 127.0.0.1:5399, zones: [example.net]}
endpoints:
  shop:
    names: [shop.example.net]
    provider: dns
    ttl_s: 5
    targets: {e: {region: east, ipv4: 127.0.0.11}, w: {region: west, ipv4: 127.0.0.12}}
services:
  shop:
    regions: [east, west]
    audience: {people: 1000000, countries: {US: 1.0}}
"""


def world(folder: Path) -> Topology:
    """A shop in two regions, used in one country."""
    path = folder / "world.yaml"
    path.write_text(WORLD)
    return load(path).topology


def endless(topology: Topology, advice: Advice, subject: str) -> str:
    """A drill that never ends."""
    del topology, advice, subject
    while True:
        time.sleep(1)


def broken(topology: Topology, advice: Advice, subject: str) -> str:
    """A drill that ends by a fault of its own."""
    raise SystemExit(f"{topology} {advice} {subject}"[:0])


def harm(user_minutes: float = 0.0, service_minutes: float = 0.0) -> Harm:
    return Harm(
        user_minutes=user_minutes,
        people_peak=0.0,
        essential_minutes=0.0,
        service_minutes=service_minutes,
        broken=(),
        stays_down=False,
    )


@pytest.mark.slow
def test_what_takes_too_long_is_no_forecast_and_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    text = bounded(world(tmp_path), Advice.EVACUATE, "east", deadline_s=0.2, hold=endless)
    assert text == "none: it was not over after 0.2 s"
    assert time.monotonic() - began < 60


@pytest.mark.slow
def test_a_drill_that_fails_is_no_forecast(tmp_path: Path) -> None:
    text = bounded(world(tmp_path), Advice.EVACUATE, "east", hold=broken)
    assert text.startswith("none: the drill of this topology failed")


@pytest.mark.slow
def test_a_drill_says_what_an_evacuation_spares_people(tmp_path: Path) -> None:
    text = held(world(tmp_path), Advice.EVACUATE, "east")
    with_it, without = (
        float(one.split()[0].replace(",", "")) for one in text.split(" lost in the hour, ", 1)[0:2]
    )
    assert with_it < without, text


def test_people_are_told_where_it_is_known_who_they_are_else_services() -> None:
    assert compared(harm(6000.4), harm(12.0)) == (
        "12 user-minutes lost in the hour, 6,000 if nothing is done"
    )
    assert compared(harm(0, 60), harm(0, 2)) == (
        "2 service-minutes below nine tenths in the hour, 60 if nothing is done"
    )


def blamed(region: str, outcome: Outcome = Outcome.CAUSE) -> Verdict:
    """A verdict that names a region."""
    suspect = Suspect(
        cause=Cause(CauseKind.REGION, region),
        posterior=0.5,
        hit_ratio=1.0,
        explained=("shop",),
        healthy=(),
    )
    return Verdict(outcome=outcome, suspects=(suspect,))


async def test_where_blame_wavers_nothing_is_suggested(tmp_path: Path) -> None:
    """An evacuation is for a cause, not for the likelier of two candidates."""
    world(tmp_path)
    here = open_world(tmp_path / "world.yaml", tmp_path / "state")
    for outcome, wanted in ((Outcome.UNKNOWN, 0), (Outcome.CAUSE, 1)):
        assert len(await suggest(here, blamed("east", outcome), foretold)) == wanted


async def test_what_cannot_be_planned_now_is_not_suggested(tmp_path: Path) -> None:
    """With nothing that is well elsewhere no plan is made: the newest one is no proof without the region."""
    topology = world(tmp_path)
    here = open_world(tmp_path / "world.yaml", tmp_path / "state")
    published = plan(topology.endpoints[0])
    store = await here.store()
    ruling = Ruling(endpoint=published.endpoint, generation=published.generation, findings=())
    wanted = CommitPlan(plan=published, ruling=ruling, expected=NO_GENERATION)
    assert await here.ledger(store, "test").commit_plan(wanted)
    await store.close()
    (found,) = await suggest(here, blamed("east"), foretold)
    assert (found.command, found.forecast) == ("", "")
    assert found.refused == "shop: no plan can be made without east now"
