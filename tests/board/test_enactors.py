"""Who is at work: each process writes down what its enactors do, and any board shows it of all of them."""

import asyncio
import io
import re
from pathlib import Path

from rich.console import Console
from tests.support.boarding import Boarding, make_boarding
from tests.support.waiting import answered

from outlast.app.commands import status
from outlast.app.standing import Status
from outlast.app.up import Options, Role, Up
from outlast.drivers.entries import ALIVE, Alive, encode
from outlast.drivers.facts import Event, Fact
from outlast.model.names import EnactorName
from outlast.model.units import Nanos


def lost(html: str) -> list[str]:
    """Return the cells of lost races, from top to bottom."""
    return re.findall(r'data-label="Lost races">([^<]*)<', html)


async def test_lost_races_are_told_of_enactors_of_other_processes(boarding: Boarding) -> None:
    """As each said with its last sign of life; one of an older Outlast says nothing of them."""
    ledger = boarding.world.ledger(boarding.store, "elsewhere")
    for name, races in (("e1", 7), ("e2", 0), ("e3", None)):
        at_ns = boarding.clock.now_ns()
        await ledger.alive(
            Alive(kind="enactor", name=name, doing="", at_ns=at_ns, every_s=2.0, races=races)
        )
    async with boarding.client() as client:
        assert lost((await client.get("/enactors")).text) == ["7", "0", "\N{EN DASH}"]
        told = (await client.get("/api/v1/status")).json()["roles"]
    assert [one["races"] for one in told] == [7, 0, None]


async def test_a_process_says_of_each_of_its_enactors_what_it_lost(tmp_path: Path) -> None:
    """Races alone, and only its own."""
    world = make_boarding(tmp_path).world
    world.state.make()
    options = Options(roles=frozenset({Role.ENACTOR}), enactor=EnactorName("e1"))
    up = Up(world, options, lambda _: None)
    for event, role in (
        (Event.RACE_LOST, "e1"),
        (Event.RACE_LOST, "e1"),
        (Event.RACE_LOST, "e2"),
        (Event.HEALED, "e1"),
    ):
        up.metrics.count(Fact(event=event, role=role))
    running = asyncio.ensure_future(up.run())
    store = await world.store()
    try:
        ledger = world.ledger(store, "elsewhere")

        async def told() -> bool:
            return bool(await ledger.roles())

        await answered(told, "a sign of life")
        (sign,) = await ledger.roles()
        assert (sign.kind, sign.name, sign.races) == ("enactor", "e1", 2)
    finally:
        up.stop()
        await running
        await store.close()


def test_status_tells_lost_races_where_there_are_any() -> None:
    """A line for each role, and nothing where nothing was lost."""
    roles = tuple(
        Alive(kind="enactor", name=name, doing="rests", at_ns=Nanos(0), every_s=2.0, races=races)
        for name, races in (("e1", 7), ("e2", 1), ("e3", 0), ("e4", None))
    )
    file = io.StringIO()
    out = Console(file=file, width=160)
    status._print(
        out, Status(at="", topology="t", store="s", roles=roles, endpoints=()), only_wrong=True
    )
    said = [one.strip() for one in file.getvalue().splitlines() if "alive" in one]
    assert said == [
        "alive enactor e1: rests; 7 lost races",
        "alive enactor e2: rests; 1 lost race",
        "alive enactor e3: rests",
        "alive enactor e4: rests",
    ]


def test_a_sign_of_an_older_outlast_is_read() -> None:
    """Processes are replaced one after the other."""
    raw = encode(Alive(kind="enactor", name="e1", doing="", at_ns=Nanos(0), every_s=2.0, races=3))
    assert ALIVE.decode(raw.replace(b',"races":3', b"")).races is None
