"""What people change while reports are taken in: tokens, keys, names, the topology; and what is tidied up."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tests.reports.desks import GRID, NOW_S
from tests.reports.people import topology
from tests.reports.test_detecting import counted, joined
from tests.reports.test_keeping import batch
from tests.support.system import invoke
from tests.support.waiting import answered, eventually

from outlast.app.options import open_world
from outlast.app.reports.grids import grid_of
from outlast.app.reports.housekeeping import KEEP_S, Housekeeping
from outlast.app.reports.livecounts import LiveCounts
from outlast.app.reports.serving import Serving, Wanted
from outlast.app.reports.watching import Entry
from outlast.app.web import listen
from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts
from outlast.detect.intake import Intake, Rules
from outlast.drivers.clock import SystemClock
from outlast.drivers.reports.decode import Coder
from outlast.drivers.reports.desk import Desk
from outlast.drivers.reports.history import History
from outlast.drivers.reports.identity import ROTATION_S, Identity, Key, Rotating
from outlast.drivers.reports.journal import Journal, cut_record, rows_record, segments
from outlast.drivers.reports.review import Review, decide, read_decided, shown, write_decided
from outlast.drivers.reports.stream import Outbox
from outlast.drivers.reports.tokens import Source, find_source, fingerprint, renewed
from outlast.model.topology import Address

WAIT_S = 240.0
SMALL = Rules(memory_slots=1 << 10, network_slots=1 << 10)


class Open:
    """A process of `outlast reports serve`, in this one."""

    def __init__(
        self, folder: Path, http: httpx.AsyncClient, told: list[Entry], serving: Serving
    ) -> None:
        self.folder = folder
        self.http = http
        self.told = told
        self.serving = serving

    @property
    def state(self) -> Path:
        """Where it keeps what it keeps."""
        return self.folder / "state" / "reports"

    async def outlast(self, command: str, *arguments: str) -> str:
        """Run a command on the same state."""
        words = ["reports", command, str(self.folder / "world.yaml"), "--state"]
        done = await asyncio.to_thread(invoke, *words, str(self.folder / "state"), *arguments)
        assert done.code == 0, done.err
        return done.out.strip()

    async def report(self, token: str = "", **more: object) -> httpx.Response:
        """Hand a report in."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"service": "app-1", "country": "US", "reporter": str(time.monotonic()), **more}
        return await self.http.post("/v1/reports", json=body, headers=headers)

    async def answers(self, wanted: int, token: str = "") -> None:
        """Wait until a report is answered so."""

        async def so() -> bool:
            return (await self.report(token)).status_code == wanted

        await answered(so, f"a report is answered {wanted}")

    async def counts(self, service: str) -> None:
        """Wait until a report counts."""

        async def so() -> bool:
            return bool((await self.report(service=service)).json().get("counted") == 1)

        await answered(so, f"a report of {service} counts")

    async def says(self, kind: str) -> str:
        """Wait until it says something of a kind."""
        await eventually(lambda: any(one.kind == kind for one in self.told), deadline_s=WAIT_S)
        return next(one.text for one in reversed(self.told) if one.kind == kind)


@asynccontextmanager
async def serving(
    folder: Path, *, public: bool = True, meanwhile: Callable[[Path], None] = lambda _: None
) -> AsyncIterator[Open]:
    """Serve reports of a small world; `meanwhile`: what happens while it starts, given its folder."""
    world = open_world(topology(folder), folder / "state")
    told: list[Entry] = []
    found = Serving(world, Wanted(public=public, rules=SMALL), told.append)
    meanwhile(folder / "state" / "reports")
    sock = listen(Address(host="127.0.0.1", port=0))
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    task = asyncio.create_task(found.run(sock))
    try:
        await eventually(found.ready.is_set, deadline_s=WAIT_S)
        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            yield Open(folder, http, told, found)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        sock.close()


@pytest.mark.slow
async def test_a_token_is_known_exchanged_and_ended_without_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path, public=False) as there:
        assert (await there.report()).status_code == 401
        first = await there.outlast("token", "carrier")
        await there.answers(202, first)
        second = await there.outlast("token", "carrier", "--overlap", "1h")
        await there.answers(202, second)
        assert (await there.report(first)).status_code == 202
        await there.outlast("token", "carrier", "--end")
        await there.answers(401, second)
        await there.answers(401, first)


@pytest.mark.slow
async def test_a_token_is_known_though_the_past_is_still_being_learnt_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was withdrawn must not hold until a day of reports was gone through."""
    known, minutes = threading.Event(), History.minutes

    def slow(history: History, since_s: int, until_s: int, grid: Grid) -> MinuteCounts:
        known.wait(WAIT_S)
        return minutes(history, since_s, until_s, grid)

    monkeypatch.setattr(History, "minutes", slow)
    try:
        async with serving(tmp_path, public=False) as there:
            await there.answers(202, await there.outlast("token", "carrier"))
    finally:
        known.set()


@pytest.mark.slow
async def test_a_broken_token_file_changes_nothing_and_is_told(tmp_path: Path) -> None:
    """An editor that saves half a file must not lock everybody out."""
    async with serving(tmp_path, public=False) as there:
        token = await there.outlast("token", "carrier")
        await there.answers(202, token)
        (there.state / "tokens.json").write_text("[{")
        await eventually(
            lambda: any(
                one.kind == "tokens" and "not taken over" in one.text for one in there.told
            ),
            deadline_s=WAIT_S,
        )
        assert (await there.report(token)).status_code == 202


@pytest.mark.slow
async def test_a_name_that_is_accepted_counts_and_one_that_is_ignored_is_not_shown(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as there:
        for name in ("app-one", "app-one", "\x1b[2Jrude", "nobody"):
            assert (await there.report(service=name)).json()["unknown"] == 1
        await asyncio.to_thread(there.serving.review.save)
        listed = await there.outlast("review")
        assert listed.splitlines()[0].split()[0] == "2"
        assert listed.splitlines()[0].endswith("app-one")
        assert "\x1b" not in listed
        await there.outlast("review", "--accept", "app-one=app-1", "--ignore", "nobody")
        await there.counts(service="App-One")
        assert (await there.report(service="nobody")).json()["unknown"] == 1
        await asyncio.to_thread(there.serving.review.save)
        listed = await there.outlast("review")
        assert "app-one" not in listed
        assert "nobody" not in listed
        assert (there.state / "review.json").stat().st_mode & 0o077 == 0


@pytest.mark.slow
async def test_a_name_that_is_accepted_while_it_starts_counts(tmp_path: Path) -> None:
    """What was decided between two looks at the file is seen at the second."""

    def decided(folder: Path) -> None:
        write_decided(folder, decide(read_decided(folder), [("shpo", "app-1")], []))

    async with serving(tmp_path, meanwhile=decided) as there:
        await there.counts("shpo")


@pytest.mark.slow
async def test_a_topology_edited_in_flight_is_taken_over_and_one_with_faults_is_not(
    tmp_path: Path,
) -> None:
    """Reports of the new service count within a second; those of the others never stop to."""
    async with serving(tmp_path) as there:
        assert (await there.report(service="late")).json()["unknown"] == 1
        file = tmp_path / "world.yaml"
        text = file.read_text()
        file.write_text(text + "  late: {regions: [nowhere]}\n")
        assert "not taken over" in await there.says("topology")
        assert (await there.report(service="app-2")).json()["counted"] == 1
        file.write_text(text + "  late: {regions: [east]}\n")
        await there.counts(service="late")
        assert (await there.report(service="app-3")).json()["counted"] == 1


@pytest.mark.slow
async def test_after_a_restart_detection_knows_what_the_last_day_was_like(tmp_path: Path) -> None:
    """Else a process that is restarted in an outage is blind for two hours."""
    world = open_world(topology(tmp_path), tmp_path / "state")
    grid, minute = grid_of(world.topology), int(time.time()) // 60
    parts = [counted(grid, minute - one, lambda _: 3) for one in range(200, 0, -1)]
    History(world.state.root / "reports" / "history").write("past", joined(grid, parts))
    async with serving(tmp_path) as there:
        state = there.serving.detecting.watcher.state
        await eventually(lambda: state.charts.settled, deadline_s=WAIT_S)
        at = grid.flat(grid.services.index("app-1"), grid.countries.index("DE"))
        assert state.charts.level[at] > 1.2, "it is 1 where nothing was heard"
        assert not [one for one in there.told if one.kind in {"alarm", "verdict"}]


def test_an_older_token_ends_when_it_is_said_to_and_not_later_than_before() -> None:
    old = Source(name="a", sha256=fingerprint("old"), since_s=0, until_s=500)
    other = Source(name="b", sha256=fingerprint("other"), since_s=0)
    new = Source(name="a", sha256=fingerprint("new"), since_s=100)
    sources = renewed([old, other], new, "a", 1000)
    assert find_source(sources, "old", 499) is not None
    assert find_source(sources, "old", 500) is None
    assert find_source(sources, "new", 9999) == new
    assert find_source(sources, "other", 9999) == other
    assert find_source(renewed(sources, None, "a", 0), "new", 100) is None


def test_the_last_word_on_a_name_holds(tmp_path: Path) -> None:
    write_decided(tmp_path, decide(read_decided(tmp_path), [("shpo", "shop")], ["x"]))
    write_decided(tmp_path, decide(read_decided(tmp_path), [("x", "shop")], ["shpo"]))
    found = read_decided(tmp_path)
    assert (found.accepted, found.ignored) == ({"x": "shop"}, ("shpo",))
    assert shown("a\x1b[2J\u202eb") == "a\ufffd[2J\ufffdb"


def test_an_accepted_name_never_takes_the_place_of_a_service() -> None:
    coder = Coder(GRID, {"bank": "shop", "BANQUE": "bank", "gone": "airline"})
    assert coder.service("bank") == GRID.services.index("bank")
    assert coder.service("banque") == GRID.services.index("bank")
    assert coder.service("gone") == -1


def test_the_key_for_reporters_rotates_while_the_process_runs(tmp_path: Path) -> None:
    """And one that cannot be replaced goes on being used: reports are worth more than a rotation."""
    said: list[str] = []
    keys = Rotating(tmp_path / "key", lambda kind, text: said.append(f"{kind}: {text}"))
    first = keys.identity(1000)
    assert keys.identity(1000 + ROTATION_S - 1) is first
    second = keys.identity(1000 + ROTATION_S)
    assert first.of(["a"]) != second.of(["a"])
    (tmp_path / "key").write_text("{")
    assert keys.identity(1000 + 3 * ROTATION_S) is second
    assert keys.identity(1001 + 3 * ROTATION_S) is second
    assert len(said) == 1, said
    assert said[0].startswith("lost: the key for reporters")


# tidying up


def old(path: Path) -> None:
    """Let a file be as old as segments may become."""
    past = time.time() - KEEP_S - 60
    os.utime(path, (past, past))


def house(folder: Path, journal: Journal, outbox: Outbox | None = None) -> Housekeeping:
    """What tidies up."""
    desk = Desk(
        Coder(GRID),
        Intake(SMALL),
        journal,
        Identity(Key(bytes(16), 0)),
        clock=SystemClock(),
        review=Review(folder),
    )
    history = History(folder / "history")
    return Housekeeping(folder, journal, history, desk, outbox=outbox, say=print)


async def test_closed_segments_become_history_while_the_process_runs(tmp_path: Path) -> None:
    """And are deleted once they are old; the one that is written to is left alone."""
    journal = Journal(tmp_path / "journal", GRID)
    tidy = house(tmp_path, journal)
    for reporter in (5, 6):
        journal.append([rows_record(batch(reporter), GRID)])
        journal.roll()
    journal.append([rows_record(batch(7), GRID)])
    await tidy.turn()
    history = History(tmp_path / "history")
    assert [one.reports for one in history.series(0, NOW_S + 60, 60)] == [2]
    assert len(segments(tmp_path / "journal")) == 3
    for one in segments(tmp_path / "journal"):
        old(one.path)
    await tidy.turn()
    assert [one.number for one in segments(tmp_path / "journal")] == [3]
    journal.close()


async def test_a_workers_segments_go_once_all_in_them_was_acknowledged(tmp_path: Path) -> None:
    """What lies behind the last cut of a segment goes out with a cut of the next."""
    journal = Journal(tmp_path / "journal", GRID)
    for number in range(1, 5):
        journal.append([cut_record(number), rows_record(batch(10 + number), GRID)])
        journal.roll()
    outbox = Outbox("w", GRID, folder=tmp_path)
    tidy = house(tmp_path, journal, outbox)
    journal.append([rows_record(batch(20), GRID)])
    for one in segments(tmp_path / "journal"):
        old(one.path)
    await tidy.turn()
    assert [one.number for one in segments(tmp_path / "journal")] == [1, 2, 3, 4, 5]
    (tmp_path / "sent").write_text("3")
    await tidy.turn()
    assert [one.number for one in segments(tmp_path / "journal")] == [3, 4, 5]
    journal.close()
    again = Outbox("w", GRID, folder=tmp_path)
    again.recover(segments(tmp_path / "journal"), Intake(SMALL))
    assert [(one.serial, one.counts().total) for one in again.unsent] == [(4, 1)]


def test_numbers_of_messages_go_on_where_the_journal_was_deleted(tmp_path: Path) -> None:
    """A detector drops what is numbered as something that it has seen."""
    (tmp_path / "sent").write_text("41")
    outbox = Outbox("w", GRID, folder=tmp_path)
    outbox.recover([], Intake(SMALL))
    outbox.count(batch(5), GRID)
    assert outbox.due()
    outbox.kept(outbox.records())
    assert [one.serial for one in outbox.unsent] == [42]


async def test_a_disk_that_is_full_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal", GRID)
    journal.append([rows_record(batch(5), GRID)])
    journal.roll()
    journal.append([rows_record(batch(6), GRID)])
    tidy, said = house(tmp_path, journal), list[str]()
    tidy._say = lambda _, text: said.append(text)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("outlast.drivers.reports.history.pq.write_table", full)
        await tidy.turn()
        await tidy.turn()
    assert len(said) == 1, said
    assert "No space left" in said[0]
    await tidy.turn()
    history = History(tmp_path / "history")
    assert [one.reports for one in history.series(0, NOW_S + 60, 60)] == [1]
    journal.close()


def test_a_report_from_the_future_waits_for_its_minute() -> None:
    """One clock that is two minutes ahead must not have minutes judged that are not over."""
    live, minute = LiveCounts(), NOW_S // 60
    live.count(batch(5, at_s=NOW_S), GRID)
    live.count(batch(6, at_s=NOW_S + 120), GRID)
    now = live.take(GRID, minute)
    assert now.minute.tolist() == [minute]
    assert len(live.take(GRID, minute + 1)) == 0
    assert live.take(GRID, minute + 2).minute.tolist() == [minute + 2]
