"""The desk: what many look at is made once, and what belongs to one person is nobody else's."""

import asyncio
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request
from tests.app.test_board import line, status

from outlast.app.board.desk import Desk
from outlast.app.board.live import LOOK_S, LOOK_SHARE, Live, Sight, pause_s
from outlast.app.board.once import Once
from outlast.app.drill.results import read_results, remember
from outlast.app.session import Session
from outlast.drill.outcome import Judgement
from outlast.drill.scenario import Scenario


def request(path: str = "/", *, packed: bool = True, **state: object) -> Request:
    """A request of somebody."""
    headers = [(b"accept-encoding", b"gzip")] if packed else []
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "path": path,
            "query_string": b"",
            "headers": headers,
            "state": state,
        }
    )


def nobody() -> Session:
    """No session: pages that are kept ask for none."""
    raise AssertionError


class Maker:
    """Makes pages, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    async def make(self) -> str:
        """Make a page."""
        self.made += 1
        return f"page {self.made}"


async def test_a_page_of_one_look_is_made_once() -> None:
    """For whoever may see the same; a newer look makes it anew."""
    desk, maker = Desk(nobody), Maker()
    sight = Sight(status(line(1)))
    answers = [await desk.kept(request(), sight, maker.make) for _ in range(3)]
    assert {gzip.decompress(bytes(one.body)) for one in answers} == {b"page 1"}
    plain = await desk.kept(request(packed=False), sight, maker.make)
    assert (bytes(plain.body), "content-encoding" in plain.headers) == (b"page 1", False)
    assert plain.headers["vary"] == "accept-encoding, cookie", "a cache between gives it to others"
    for other in (request("/regions"), request(who="operator", name="o")):
        before = maker.made
        await desk.kept(other, sight, maker.make)
        assert maker.made == before + 1
    await desk.kept(request(), Sight(status(line(2))), maker.make)
    assert maker.made == 4


async def test_a_page_that_many_ask_for_at_once_is_made_once() -> None:
    """Making it asks the store, and the others come meanwhile; one who leaves takes it from nobody."""
    desk, maker = Desk(nobody), Maker()
    sight, gate = Sight(status(line(1))), asyncio.Event()

    async def make() -> str:
        page = await maker.make()
        await gate.wait()
        return page

    first, *others = [asyncio.ensure_future(desk.kept(request(), sight, make)) for _ in range(50)]
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    found = await asyncio.gather(*others)
    assert {gzip.decompress(bytes(one.body)) for one in found} == {b"page 1"}


async def test_a_page_that_could_not_be_made_is_tried_again() -> None:
    desk, maker = Desk(nobody), Maker()
    sight = Sight(status(line(1)))

    async def fail() -> str:
        raise ValueError("no store")

    for _ in range(2):
        with pytest.raises(ValueError, match="no store"):
            await desk.kept(request(), sight, fail)
    assert bytes((await desk.kept(request(packed=False), sight, maker.make)).body) == b"page 1"


async def test_a_page_with_a_persons_token_is_kept_for_nobody() -> None:
    """Else the next reader would get it."""
    desk, maker = Desk(nobody), Maker()
    sight = Sight(status(line(1)))
    for _ in range(2):
        await desk.kept(request(who="operator", form={"csrf": "x"}), sight, maker.make)
    assert maker.made == 2


async def test_what_many_ask_for_at_once_is_one_look() -> None:
    """The look that is under way answers those who came meanwhile."""
    looks = 0

    async def look() -> Sight:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return Sight(status(line(1)))

    live = Live(look)
    found = await asyncio.gather(*(live.sight() for _ in range(1_000)))
    assert looks == 1
    assert len({id(one) for one in found}) == 1


def test_one_long_look_beside_a_thousand_boards_delays_no_other() -> None:
    """Where looking itself takes long, the roles beside it come first."""
    assert pause_s([0.01]) == LOOK_S
    assert pause_s([0.01, 0.9]) == LOOK_S, "it waited for its turn"
    assert pause_s([0.5, 0.9]) == LOOK_SHARE * 0.5


async def test_whoever_shows_the_newest_look_is_told_nothing() -> None:
    """But the first word after a change, whatever was shown."""
    now = Sight(status(line(1)))

    async def look() -> Sight:
        return now

    live = Live(look)
    await live.refresh()
    stream = live.events(now.mark)
    assert (await anext(stream)).startswith("retry:")
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    now = Sight(status(line(1, "drift")))
    await live.refresh()
    assert now.mark in await waiting
    await stream.aclose()


async def test_what_takes_a_while_is_worked_out_once() -> None:
    """Also when it fails; another key is another matter."""
    calls: list[str] = []

    def make(text: str) -> str:
        calls.append(text)
        if text == "bad":
            raise ValueError(text)
        return text

    once: Once[str] = Once()
    found = await asyncio.gather(*(once.get(1, lambda: make("good")) for _ in range(5)))
    assert (found, calls) == (["good"] * 5, ["good"])
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            await once.get(2, lambda: make("bad"))
    assert calls == ["good", "bad"]


def test_a_drill_of_a_topology_is_remembered_beside_it(tmp_path: Path) -> None:
    """In its state folder, with what was not met; and nowhere where there is none."""
    world = tmp_path / "world.yaml"
    world.write_text("")
    scenario = Scenario(
        name="lose region:eu",
        title="eu gone",
        world="world.yaml",
        start=datetime(2026, 1, 1, tzinfo=UTC),
        length_s=60.0,
    )
    judged = tuple(
        Judgement(name=name, held=held, shown=0.0, wanted=1.0, text="")
        for name, held in (("stays up", False), ("comes back", True))
    )
    remember(str(world), scenario, judged)
    assert not (tmp_path / ".outlast").exists()
    root = tmp_path / ".outlast" / "world"
    root.mkdir(parents=True)
    remember(str(tmp_path / "scenario.yaml"), scenario, judged)
    (found,) = read_results(root)
    assert (found.name, found.held, found.total, found.passed) == ("lose region:eu", 1, 2, False)
    assert found.said == "not met: stays up"
