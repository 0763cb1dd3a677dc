"""Several real processes on one file: nothing acknowledged is lost, nobody wins twice, news spreads."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from outlast.drivers.stores.sqlite import SqliteStore
from outlast.ports import Entry

WRITER = Path(__file__).with_name("writer.py")
DEADLINE_S = 60.0

pytestmark = pytest.mark.slow


async def start(path: Path, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, WRITER, path, *arguments, stdin=PIPE, stdout=PIPE
    )


async def lines_until(process: Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().strip() for _ in range(count)]


async def test_kill_9_of_a_writing_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    promised: dict[str, int] = {}
    for turn in range(6):
        process = await start(path, "append", f"turn{turn}")
        async with asyncio.timeout(DEADLINE_S):
            told = await lines_until(process, 3 + 7 * turn)
            process.kill()
            assert process.stdout is not None
            told += (await process.stdout.read()).decode().split()
            await process.wait()
        promised[f"turn{turn}"] = int(told[-1])
        store = await SqliteStore.open(path)
        for name, count in promised.items():
            found = {entry.key for entry in (await store.scan(f"{name}/")).entries}
            assert {f"{name}/{number}" for number in range(count)} <= found
        page = await store.scan("")
        assert page.revision >= max(entry.revision for entry in page.entries)
        await store.close()
    assert sum(promised.values()) > 100


async def test_of_racing_processes_exactly_one_wins_each_revision(tmp_path: Path) -> None:
    """They also all make the store at the same moment, which only one of them can."""
    path, rounds = tmp_path / "new" / "store.db", 150
    async with asyncio.timeout(DEADLINE_S):
        processes = [await start(path, "race", f"p{number}", str(rounds)) for number in range(4)]
        told = [(await process.communicate())[0].decode().split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    wins = sorted(int(win) for one in told for win in one)
    assert wins == list(range(1, rounds + 1))
    assert sorted(one.name for one in path.parent.iterdir()) == ["store.db"]


async def test_another_processes_commit_ends_a_wait_within_50_ms(tmp_path: Path) -> None:
    """The best of five counts, since a busy machine may keep this very process waiting longer."""
    path = tmp_path / "store.db"
    store = await SqliteStore.open(path)
    delays_s = []
    for turn in range(5):
        process = await start(path, "once", f"k{turn}")
        assert process.stdin is not None
        async with asyncio.timeout(DEADLINE_S):
            await lines_until(process, 1)
            waiting = asyncio.create_task(store.wait((await store.scan("")).revision))
            process.stdin.write(b"go\n")
            await lines_until(process, 1)
            done_s = time.monotonic()
            revision = await waiting
            delays_s.append(time.monotonic() - done_s)
            page = await store.scan("", newer_than=revision - 1)
            assert page.entries == (Entry(f"k{turn}", b"x", revision),)
            await process.communicate(b"end\n")
    assert min(delays_s) < 0.05, delays_s
    await store.close()


async def test_nobody_looks_at_the_disk_while_nobody_waits(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store.db")
    revision = (await store.scan("")).revision
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.wait(revision), 0.1)
    assert store._watch is not None
    async with asyncio.timeout(DEADLINE_S):
        await store._watch
    await store.close()
