"""Beside a running control plane: its probers are evidence and do what is ordered, and incidents tell when.

An incident that is opened from an alarm says when it was detected, and how far ahead of the supplier.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from tests.reports.receiver import Receiver, receiving
from tests.reports.test_detecting import counted, foretold, joined, lost
from tests.support.system import AP, EU, TOPOLOGY, US, Done, System, invoke, system
from tests.support.waiting import answered

from outlast.app.options import open_world
from outlast.app.reports.detecting import Detecting
from outlast.app.reports.grids import grid_of
from outlast.app.reports.suggesting import suggest
from outlast.app.reports.watching import Entry
from outlast.app.wiring import World
from outlast.detect.belief import Belief
from outlast.detect.kinds import Evidence, Road
from outlast.detect.verdict import Cause, CauseKind, Outcome, Suspect, Verdict
from outlast.drivers.reports.beliefs import read_belief
from outlast.drivers.reports.orders import Answer, Orders
from outlast.drivers.reports.outgoing import Outgoing
from outlast.drivers.reports.sources import Sources
from outlast.model.units import NS_PER_S

pytestmark = [pytest.mark.slow, pytest.mark.servers]

APPS, WARM_MINUTES = 12, 200
SERVICES = "services:\n" + "".join(
    f"  {name}-{one}: {{regions: [{region}]@PAGE@}}\n"
    for name, region in (("app", "us-east"), ("own", "eu-west"))
    for one in range(APPS)
)


@dataclass
class Case:
    """A control plane that runs, and detection beside it."""

    world: World
    plane: System
    there: Receiver
    detecting: Detecting
    told: list[Entry]

    async def belief(self) -> Belief:
        """What others are shown."""
        store = await self.world.store()
        found = await read_belief(store)
        await store.close()
        assert found is not None
        return found

    async def outlast(self, command: str, *arguments: str) -> Done:
        """Run a command, off this loop."""
        return await asyncio.to_thread(self.plane.outlast, command, *arguments)

    async def answers(self) -> list[Answer]:
        """What vantages answered."""
        store = await self.world.store()
        found = await Orders(store, self.world.clock).answers(600)
        await store.close()
        return found


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    """Names are published and answer; detection has seen quiet hours."""
    with receiving() as there:
        page = f", official: {{url: {there.url}/c.json}}"
        services = SERVICES.replace("@PAGE@", page, 1).replace("@PAGE@", "")
        with system(tmp_path, TOPOLOGY + services) as plane:
            plane.up_and_published()
            world = open_world(plane.file, None)
            told: list[Entry] = []
            detecting = Detecting(
                world,
                grid_of(world.topology),
                told.append,
                sources=Sources(),
                outgoing=Outgoing(alertmanager=there.url),
            )
            yield Case(world, plane, there, detecting, told)


async def warmed(case: Case) -> int:
    """Let quiet hours have passed until the minute before last; return the present one."""
    grid, now = grid_of(case.world.topology), case.world.clock.now_ns() // (60 * NS_PER_S)
    first = now - WARM_MINUTES
    parts = [counted(grid, first + one, lambda _: 3) for one in range(WARM_MINUTES - 1)]
    await case.detecting.warm(joined(grid, parts))
    return now


async def outage(case: Case) -> None:
    """Let the east fail, and its users say so in the last minute."""
    grid = grid_of(case.world.topology)
    now = await warmed(case)
    case.plane.regions.fail(US)
    case.plane.wait_for("eu-west", "ap-south")
    await case.detecting.turn(
        joined(grid, [counted(grid, now - 1, lost("app-")), counted(grid, now, lost("app-"))]), now
    )


async def test_an_outage_from_the_votes_of_a_prober_to_the_review_of_its_incident(
    case: Case,
) -> None:
    """Nothing is told to the detector: it reads the votes of the prober that runs in the other process."""
    await of_two_regions_the_second_cannot_be_spared(case)
    await outage(case)
    await own_probes_agree_and_the_suggestion_is_proved_and_foretold(case)
    await what_the_guard_would_refuse_is_said_and_not_suggested(case)
    await an_incident_from_an_alarm_tells_its_lead_over_the_suppliers_notice(case)


async def own_probes_agree_and_the_suggestion_is_proved_and_foretold(case: Case) -> None:
    """A proof by planner and guard, a forecast by a drill, and nothing done."""

    async def suggested() -> bool:
        return bool((await case.belief()).suggestions)

    try:
        await answered(suggested, "a suggestion")
        belief = await case.belief()
    except AssertionError:
        await case.detecting.close()
        raise
    assert belief.outcome is Outcome.CAUSE
    assert [one.cause.name for one in belief.suspects] == [US]
    hit = next(one for one in belief.alarms if one.series.service == "app-0")
    # Whichever came first confirmed it: our own probes, or users of a second country.
    assert Evidence.PROBE in hit.evidence or len(hit.countries) > 1
    assert any(one.evidence is Evidence.PROBE and not one.silent for one in belief.feeds)
    (suggestion,) = belief.suggestions
    assert suggestion.command.startswith("outlast evacuate")
    proof = "; ".join(suggestion.proof)
    assert f"shop without {US}: ap-south:1 eu-west:1; " in proof
    assert "1500" in proof, "the capacity that the rest must carry"
    assert "in the hour" in suggestion.forecast
    assert case.there.refused == []
    # It was a suggestion: nobody evacuated anything.
    assert "evacuat" not in (await case.outlast("status")).out


def blamed(*regions: str) -> Verdict:
    """Regions are held responsible."""
    return Verdict(
        outcome=Outcome.CAUSE,
        suspects=tuple(
            Suspect(
                cause=Cause(CauseKind.REGION, one),
                posterior=1.0,
                hit_ratio=1.0,
                explained=(),
                healthy=(),
            )
            for one in regions
        ),
    )


async def of_two_regions_the_second_cannot_be_spared(case: Case) -> None:
    """Each could be evacuated alone; the proof of the second is made with the first one empty."""
    first, second = await suggest(case.world, blamed(US, AP), foretold)
    assert (first.refused, first.forecast) == ("", f"a drill of evacuate {US}")
    assert "shop: " in second.refused
    (alone,) = await suggest(case.world, blamed(AP), foretold)
    assert alone.refused == ""


async def what_the_guard_would_refuse_is_said_and_not_suggested(case: Case) -> None:
    """With the east gone, the rest of the regions cannot carry it all without the west."""
    (found,) = await suggest(case.world, blamed(EU))
    assert (found.command, found.forecast) == ("", "")
    assert "shop: " in found.refused
    assert str(found).startswith(f"to evacuate {EU} would be refused: ")


async def an_incident_from_an_alarm_tells_its_lead_over_the_suppliers_notice(
    case: Case,
) -> None:
    """The same outage goes on."""
    body = {"components": [{"name": "app-0", "status": "major_outage"}]}
    case.there.pages["/c.json"] = 200, msgspec.json.encode(body)
    page = asyncio.create_task(case.detecting.pages.run())

    async def admitted() -> bool:
        return any(one.degraded for one in case.detecting.pages.notices())

    await answered(admitted, "the supplier's notice")
    page.cancel()
    await case.detecting.leave()
    await case.detecting.close()
    opened = await case.outlast(
        "incident open", "East is dark", "--from-alarm", "--say", "We are looking into it."
    )
    assert opened.code == 0, opened.err

    async def reviewed() -> bool:
        review = await case.outlast("incident review", "1")
        return "attributed" in review.out.split("Missing")[0]

    await answered(reviewed, "the trail")
    text = (await case.outlast("incident review", "1")).out
    steps = text.split("## Steps")[1].split("Missing")[0]
    assert "| detected |" in steps
    assert "measured, entry" in steps
    assert "the provider's own notice" in steps  # within a second of it, one way or the other
    trail = str(case.plane.state_folder.trail)
    key = (await case.outlast("log key")).out.strip()
    told = await asyncio.to_thread(invoke, "log", "story", US, trail, "--key", key)
    assert f"cause: region `{US}`" in told.out


async def test_an_ordered_probe_is_made_by_the_prober_that_runs(case: Case) -> None:
    """By name and by address, and again while the order lasts; what it finds is evidence."""
    store = await case.world.store()
    orders = Orders(store, case.world.clock)
    for road in Road:
        assert await orders.place("shop", road)
    await orders.place(US, Road.PINNED)

    async def all_there() -> bool:
        return len(await case.answers()) == 4

    await answered(all_there, "answers")
    found = {(one.subject, one.road): one for one in await case.answers()}
    assert {key: one.good for key, one in found.items()} == {
        ("shop", Road.RESOLVED): True,
        ("shop", Road.PINNED): True,
        ("shop", Road.ASKED): True,
        (US, Road.PINNED): True,
    }
    now = await warmed(case)
    await case.detecting.turn(counted(grid_of(case.world.topology), 0, lambda _: 0), now)
    seen = {(one.subject, one.road) for one in case.detecting.seen if "by order" in one.place}
    await case.detecting.close()
    await store.close()
    assert seen == found.keys()
