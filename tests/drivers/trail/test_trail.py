"""The trail: every note gets its place, whatever store, folder and other scribes do meanwhile."""

import asyncio
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from tests.support.builders import endpoint, fence_of, plan

from outlast.core.messages import CommitPlan
from outlast.drivers.clock import SystemClock
from outlast.drivers.facts import Event, Fact
from outlast.drivers.ledger import Ledger
from outlast.drivers.stores.memory import MemoryData, MemoryStore
from outlast.drivers.trail.folder import TileFolder, TrailForkError, published_in
from outlast.drivers.trail.keeper import Keeper
from outlast.drivers.trail.scribe import HEAD, Scribe, TrailHead, entry_key, hide_people
from outlast.model.errors import StoreCorrupt, StoreReplaced
from outlast.model.names import EndpointName
from outlast.model.plan import Ruling
from outlast.model.units import Generation
from outlast.ports import Change
from outlast.trail.entry import TrailEntry, unpack
from outlast.trail.note import Signer
from outlast.trail.tiles import CHECKPOINT
from outlast.trail.verify import TamperedError, entries, verify

SIGNER = Signer.of("outlast.test/trail", b"k" * 32)
KEY = SIGNER.verifier


def hide(name: str) -> str:
    return name if name in {"planner", "test"} else "person-1"


class World:
    """A store, whoever writes in it, and what the keeper tells."""

    def __init__(self, root: Path) -> None:
        self.data = MemoryData()
        self.root = root
        self.facts: list[Fact] = []
        self.ledger = Ledger(MemoryStore(self.data), SystemClock(), "test")

    def keeper(self) -> Keeper:
        store = MemoryStore(self.data)
        folders = [TileFolder(self.root, SIGNER)]
        return Keeper(store, Scribe(store, hide), folders, tell=self.facts.append)

    async def note(self, first: int, last: int) -> None:
        for index in range(first, last):
            await self.ledger.note("tick", f"number {index}", endpoint="shop", by="somebody")

    def published(self) -> list[TrailEntry]:
        read = published_in(self.root)
        return [one for _, one in entries(read, verify(read, KEY).checkpoint.size)]

    def told(self) -> list[Event]:
        return [fact.event for fact in self.facts]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty one."""
    return World(tmp_path / "trail")


async def test_every_note_gets_its_place_in_order(world: World) -> None:
    """And the published log is verified, however often it was added to."""
    keeper, written = world.keeper(), 0
    for upto in (1, 3, 250, 256, 257, 600):
        await world.note(written, upto)
        await keeper.keep()
        written = upto
        assert [one.text for one in world.published()] == [f"number {one}" for one in range(upto)]
    assert world.told() == []


async def test_people_are_hidden_and_roles_are_not(world: World) -> None:
    """By the rule that the scribe is given."""
    await world.note(0, 1)
    await world.ledger.note("tick", "by itself")
    await world.keeper().keep()
    assert [one.by for one in world.published()] == ["person-1", "test"]


async def test_a_plan_is_logged_with_its_ruling(world: World) -> None:
    """Whole, so that the log alone tells what was wanted and why it was let through."""
    of = endpoint("eu-1", "us-1")
    wanted = plan(of)
    ruling = Ruling(endpoint=wanted.endpoint, generation=wanted.generation, findings=())
    await world.ledger.commit_plan(CommitPlan(plan=wanted, ruling=ruling, expected=Generation(0)))
    await world.keeper().keep()
    (entry,) = world.published()
    assert entry.event == "plan"
    assert entry.generation == fence_of(wanted).generation
    assert entry.data is not None
    assert {"plan", "ruling"} == set(entry.data)
    assert EndpointName(entry.about) == of.name


async def test_unfinished_tiles_of_the_past_are_removed(world: World) -> None:
    """All but those of the last two checkpoints; full ones stay."""
    keeper = world.keeper()
    for index in range(20):
        await world.note(index, index + 1)
        await keeper.keep()
    widths = sorted(int(one.name) for one in (world.root / "tile/0/000.p").iterdir())
    assert widths == [19, 20]


async def test_whoever_reads_while_it_is_written_finds_a_whole_log(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each single file: what a checkpoint counts is there before it, and until after the next."""
    sizes: list[int] = []
    write = TileFolder._write

    def watched(folder: TileFolder, path: str, raw: bytes) -> None:
        write(folder, path, raw)
        if sizes or path == CHECKPOINT:
            sizes.append(verify(published_in(folder.root), KEY).checkpoint.size)

    monkeypatch.setattr(TileFolder, "_write", watched)
    keeper, upto = world.keeper(), (1, 255, 257, 300, 301)
    for first, last in pairwise((0, *upto)):
        await world.note(first, last)
        await keeper.keep()
    assert sorted(set(sizes)) == list(upto)
    assert len(sizes) > 3 * len(upto)


class HeldStore(MemoryStore):
    """A store that holds commits back until it is let go."""

    def __init__(self, data: MemoryData) -> None:
        super().__init__(data)
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def commit(self, change: Change) -> int | None:
        self.asked.set()
        await self.go.wait()
        return await super().commit(change)


async def test_a_scribe_that_comes_late_does_not_shorten_the_log(world: World) -> None:
    """It looks again, and goes on behind what another one wrote meanwhile."""
    held = HeldStore(world.data)
    await world.note(0, 5)
    late = asyncio.create_task(Scribe(held, hide).copy())
    await held.asked.wait()
    await world.note(5, 10)
    assert await Scribe(MemoryStore(world.data), hide).copy() == 10
    held.go.set()
    assert await late == 10


async def test_two_scribes_share_one_log(world: World) -> None:
    """Nothing is logged twice, nothing is lost."""
    scribes = [Scribe(MemoryStore(world.data), hide) for _ in range(3)]
    await world.note(0, 350)
    await asyncio.gather(*(one.copy() for one in scribes))
    raw = await scribes[0].read(0, (await scribes[0].head()).size)
    assert [unpack(one).text for one in raw] == [f"number {one}" for one in range(350)]


async def test_a_new_keeper_goes_on_where_the_last_one_stopped(world: World) -> None:
    """In the store and in the folder."""
    await world.note(0, 300)
    await world.keeper().keep()
    await world.note(300, 310)
    await world.keeper().keep()
    assert len(world.published()) == 310


async def test_a_store_gone_back_in_time_gets_its_entries_again(world: World) -> None:
    """Published is published: the log goes on behind it, and no note is logged twice."""
    await world.note(0, 10)
    await world.keeper().keep()
    backup = dict(world.data.entries)
    await world.note(10, 20)
    await world.keeper().keep()
    world.data.entries = backup
    world.data.keys = sorted(backup)
    await world.note(20, 25)
    await world.keeper().keep()
    assert [one.text for one in world.published()] == [f"number {one}" for one in range(25)]
    assert world.told() == [Event.TRAIL_MENDED]


async def test_a_note_that_the_restored_store_still_holds_is_not_logged_again(world: World) -> None:
    """The snapshot was taken between a note and its copy."""
    await world.note(0, 10)
    await world.keeper().keep()
    await world.note(10, 20)
    backup = dict(world.data.entries)
    await world.keeper().keep()
    world.data.entries = backup
    world.data.keys = sorted(backup)
    await world.note(20, 25)
    await world.keeper().keep()
    assert [one.text for one in world.published()] == [f"number {one}" for one in range(25)]


async def test_a_head_from_another_history_costs_no_note_and_doubles_none(world: World) -> None:
    """It tells of a revision that this store has not had, so whatever is there is looked through."""
    await world.note(0, 10)
    await world.keeper().keep()
    ahead = msgspec.json.encode(TrailHead(10, 1_000))
    await MemoryStore(world.data).commit(Change(puts=((HEAD, ahead),)))
    await world.note(10, 20)
    keeper = world.keeper()
    await keeper.keep()
    await keeper.keep()
    assert [one.text for one in world.published()] == [f"number {one}" for one in range(20)]


async def test_a_running_keeper_notices_that_the_store_went_back(world: World) -> None:
    """And mends it at the next look."""
    keeper = world.keeper()
    await world.note(0, 10)
    await keeper.keep()
    backup = dict(world.data.entries)
    await world.note(10, 20)
    await keeper.keep()
    world.data.entries = backup
    world.data.keys = sorted(backup)
    await keeper.keep()
    assert len(world.published()) == 20
    assert world.told() == [Event.TRAIL_MENDED]


async def test_what_happens_in_a_new_store_comes_behind_what_was_published(world: World) -> None:
    """The store is deleted under a running keeper, and the planner is quicker than the next look."""
    keeper = world.keeper()
    await world.note(0, 10)
    await keeper.keep()
    world.data.entries, world.data.keys = {}, []
    await world.note(10, 13)
    await keeper.keep()
    await world.note(13, 14)
    await keeper.keep()
    assert [one.text for one in world.published()] == [f"number {one}" for one in range(14)]
    assert world.told() == [Event.TRAIL_MENDED]


async def test_a_store_with_a_beginning_of_its_own_is_left_as_it_is(world: World) -> None:
    """A scribe without the folder copied first: to put entries behind its own would mix two logs."""
    keeper = world.keeper()
    await world.note(0, 10)
    await keeper.keep()
    world.data.entries, world.data.keys = {}, []
    await world.note(10, 13)
    other = Scribe(MemoryStore(world.data), hide)
    await other.copy()
    mine = await other.read(0, 3)
    await keeper.keep()
    assert world.told() == [Event.TRAIL_REFUSED]
    assert await other.read(0, (await other.head()).size) == mine
    assert len(world.published()) == 10


async def test_what_another_scribe_wrote_meanwhile_is_not_taken_for_what_was_published(
    world: World,
) -> None:
    """It copies in the moment between the look and the mending."""

    class Late(Scribe):
        async def put_back(self, first: int, raw: Sequence[bytes]) -> None:
            await world.note(10, 23)
            await Scribe(MemoryStore(world.data), hide).copy()
            await super().put_back(first, raw)

    store = MemoryStore(world.data)
    folders = [TileFolder(world.root, SIGNER)]
    await world.note(0, 10)
    await world.keeper().keep()
    world.data.entries, world.data.keys = {}, []
    await Keeper(store, Late(store, hide), folders, tell=world.facts.append).keep()
    assert world.told() == [Event.TRAIL_REFUSED]
    assert len(world.published()) == 10


async def test_a_longer_log_in_a_store_that_was_replaced_is_not_published_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size alone does not tell: once the store says that it is another one, all is matched anew."""
    monkeypatch.setattr("outlast.drivers.trail.keeper.PAUSE_S", 0.0)

    class EndError(Exception):
        """Enough was seen."""

    class Replaced(MemoryStore):
        looks = 0

        async def wait(self, revision: int) -> int:
            self.looks += 1
            if self.looks == 2:
                world.data.entries, world.data.keys = {}, []
                await world.note(10, 23)
                await Scribe(MemoryStore(world.data), hide).copy()
                raise StoreReplaced("another one")
            if self.looks == 4:
                raise EndError
            return world.data.revision

    store = Replaced(world.data)
    folders = [TileFolder(world.root, SIGNER)]
    await world.note(0, 10)
    with pytest.raises(EndError):
        await Keeper(store, Scribe(store, hide), folders, tell=world.facts.append).run()
    assert world.told() == [Event.STORE_LOST, Event.TRAIL_REFUSED, Event.STORE_BACK]
    assert len(world.published()) == 10


async def test_an_edited_store_is_not_published_over_the_log(world: World) -> None:
    """The folder keeps what was published, and somebody is told."""
    await world.note(0, 10)
    await world.keeper().keep()
    raw = world.data.entries[entry_key(9)].value.replace(b"number 9", b"number 8")
    await MemoryStore(world.data).commit(Change(puts=((entry_key(9), raw),)))
    await world.note(10, 11)
    keeper = world.keeper()
    await keeper.keep()
    await keeper.keep()
    assert [one.text for one in world.published()][-1] == "number 9"
    assert world.told() == [Event.TRAIL_REFUSED]  # once, not at each look
    assert "other entries than were published" in world.facts[0].detail


async def test_an_edited_folder_is_not_continued(world: World) -> None:
    """Nor one that somebody else signed."""
    await world.note(0, 300)
    await world.keeper().keep()
    tile = world.root / "tile/1/000.p/1"
    tile.write_bytes(bytes(32))
    await world.note(300, 301)
    await world.keeper().keep()
    assert world.told() == [Event.TRAIL_REFUSED]
    with pytest.raises(TamperedError):
        world.published()
    other = TileFolder(world.root, Signer.of("outlast.test/trail", b"o" * 32))
    with pytest.raises(TrailForkError, match="not signed by"):
        other.open()


async def test_a_folder_that_cannot_be_written_is_told(world: World) -> None:
    """And the trail in the store goes on."""
    world.root.write_text("in the way")
    await world.note(0, 3)
    keeper = world.keeper()
    await keeper.keep()
    assert world.told() == [Event.TRAIL_REFUSED]
    assert (await Scribe(MemoryStore(world.data), hide).head()).size == 3
    world.root.unlink()
    await keeper.keep()
    assert len(world.published()) == 3


async def test_a_lost_folder_is_written_anew(world: World) -> None:
    """All of it, from the store."""
    await world.note(0, 300)
    await world.keeper().keep()
    shutil.rmtree(world.root)
    await world.keeper().keep()
    assert len(world.published()) == 300


async def test_an_entry_missing_from_the_store_is_told(world: World) -> None:
    """It is not skipped: the log would prove less than it says."""
    await world.note(0, 3)
    store = MemoryStore(world.data)
    scribe = Scribe(store, hide)
    await scribe.copy()
    await store.commit(Change(deletes=(entry_key(1),)))
    with pytest.raises(StoreCorrupt, match="000000000001 is missing"):
        await scribe.read(0, 3)


def test_roles_stand_in_the_trail_by_their_names_and_people_do_not() -> None:
    """Also a person who is called nearly as a role is."""
    rule = hide_people(b"key")
    roles = ("planner", "enactor-2", "rescue", "prober-local", "board", "operator", "detector", "")
    assert [rule(one) for one in roles] == list(roles)
    people = ("anna", "planner2", "boarder", "an enactor-2", "operator\n", "Planner")
    assert all(rule(one).startswith("person-") for one in people)
    assert len({rule(one) for one in people}) == len(people)
