"""Compare-and-swap transactions per second: the SQLite store beside bare sqlite3 on the same disk.

    python -m bench.store [--quick] [--rounds N]

Both use a file in WAL mode with synchronous=FULL, so that each acknowledged transaction is on the disk.
Each update changes the content: SQLite skips the write, and the sync, where the bytes stay the same.

- *sequential*: each swap waits for the answer to the one before. Bare: the single autocommit statement
  `UPDATE ... WHERE key = ? AND revision = ?`, and beside it the transaction that does what the store
  does (a revision of the whole store, an index by revision): `BEGIN IMMEDIATE`, compare, put, `COMMIT`.
- *31 concurrent*: 31 writers with a key each. Bare sqlite3 has one connection and no group commit.
- *group of 100*: 100 changes that wait together, beside 100 bare updates in one transaction.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.harness import Case, compare, machine, markdown, options

from outlast.drivers.stores.sqlite import SqliteStore
from outlast.ports import Change

WRITERS = 31
GROUP = 100
_TABLES = """
    CREATE TABLE entry (key TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL);
    CREATE INDEX entry_by_revision ON entry (revision);
    CREATE TABLE store (revision INTEGER NOT NULL);
    INSERT INTO store VALUES (0);
"""
_SWAP = "UPDATE entry SET revision = ?, value = ? WHERE key = ? AND revision = ?"


class Bare:
    """A file as anybody would write to it with the standard library."""

    def __init__(self, path: Path, *, indexed: bool) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.executescript(_TABLES)
        if not indexed:
            self.connection.execute("DROP INDEX entry_by_revision")
        self.serial = 0
        for number in range(GROUP):
            self.connection.execute("INSERT INTO entry VALUES (?, 0, x'')", (f"k{number}",))
        self.revisions = [0] * GROUP

    def swap(self, number: int) -> None:
        """Compare and swap one key, in whatever transaction there is."""
        self.serial += 1
        done = self.connection.execute(
            _SWAP, (self.serial, value(self.serial), f"k{number}", self.revisions[number])
        )
        if done.rowcount != 1:
            raise AssertionError("a compare that should have matched did not")
        self.revisions[number] = self.serial

    def swap_like_the_store(self, number: int) -> None:
        """Do in one explicit transaction all that the store does for one change."""
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        revision = execute("SELECT revision FROM store").fetchone()[0] + 1
        at = execute("SELECT revision FROM entry WHERE key = ?", (f"k{number}",)).fetchone()[0]
        if at != self.revisions[number]:
            raise AssertionError("a compare that should have matched did not")
        row = (revision, value(revision), f"k{number}")
        execute("UPDATE entry SET revision = ?, value = ? WHERE key = ?", row)
        execute("UPDATE store SET revision = ?", (revision,))
        execute("COMMIT")
        self.revisions[number] = revision

    def swap_group(self) -> None:
        """Swap all keys in one transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        for number in range(GROUP):
            self.swap(number)
        self.connection.execute("COMMIT")


class Ours:
    """The store, driven from an event loop of its own."""

    def __init__(self, path: Path) -> None:
        self.runner = asyncio.Runner()
        self.store = self.runner.run(SqliteStore.open(path))
        self.revisions = [0] * GROUP
        self.serial = 0

    async def swap(self, number: int) -> None:
        """Compare and swap one key."""
        self.serial += 1
        key = f"k{number}"
        change = Change(
            requires=((key, self.revisions[number]),), puts=((key, value(self.serial)),)
        )
        revision = await self.store.commit(change)
        if revision is None:
            raise AssertionError("a compare that should have matched did not")
        self.revisions[number] = revision

    def sequential(self, count: int) -> None:
        """Swap one key after another's answer."""

        async def run() -> None:
            for _ in range(count):
                await self.swap(0)

        self.runner.run(run())

    def concurrent(self, count: int) -> None:
        """Let `WRITERS` swap a key each, again and again."""

        async def write(number: int) -> None:
            for _ in range(count // WRITERS):
                await self.swap(number)

        async def run() -> None:
            await asyncio.gather(*(write(number) for number in range(WRITERS)))

        self.runner.run(run())

    def groups(self, count: int) -> None:
        """Let `GROUP` changes wait together, again and again."""

        async def run() -> None:
            for _ in range(count // GROUP):
                await asyncio.gather(*(self.swap(number) for number in range(GROUP)))

        self.runner.run(run())

    def close(self) -> None:
        """Release the store."""
        self.runner.run(self.store.close())
        self.runner.close()


def value(serial: int) -> bytes:
    """Return 200 bytes that no earlier update held."""
    return serial.to_bytes(8, "big") * 25


def repeated(step: Callable[[], None], count: int) -> Callable[[int], None]:
    """Turn one step that does `count` swaps into a run of any number."""

    def run(swaps: int) -> None:
        for _ in range(swaps // count):
            step()

    return run


def rate(run: Callable[[int], None], count: int) -> Callable[[], float]:
    """Measure how many swaps a second a run makes."""

    def measure() -> float:
        began_s = time.perf_counter()
        run(count)
        return count / (time.perf_counter() - began_s)

    return measure


def cases(folder: Path, *, count: int) -> tuple[list[Case], Ours]:
    """Return what is compared, and the store to be closed afterwards."""
    plain = Bare(folder / "plain.db", indexed=False)
    alike = Bare(folder / "alike.db", indexed=True)
    ours = Ours(folder / "ours.db")
    many = count // GROUP * GROUP * 5
    concurrent = count // WRITERS * WRITERS * 5
    statement = repeated(lambda: plain.swap(0), 1)
    return [
        Case("sqlite3, one statement, sequential", rate(statement, count)),
        Case(
            "sqlite3, BEGIN IMMEDIATE, what the store does",
            rate(repeated(lambda: alike.swap_like_the_store(0), 1), count),
        ),
        Case(
            "store, sequential",
            rate(ours.sequential, count),
            beside="sqlite3, one statement, sequential",
        ),
        Case(
            f"store, {WRITERS} concurrent",
            rate(ours.concurrent, concurrent),
            beside="sqlite3, one statement, sequential",
        ),
        Case(f"sqlite3, {GROUP} in one transaction", rate(repeated(plain.swap_group, GROUP), many)),
        Case(
            f"store, {GROUP} waiting together",
            rate(ours.groups, many),
            beside=f"sqlite3, {GROUP} in one transaction",
        ),
    ], ours


def main() -> None:
    """Print the table."""
    chosen = options("compare-and-swap transactions per second of the SQLite store")
    with tempfile.TemporaryDirectory() as name:
        compared, ours = cases(Path(name), count=500 if chosen.quick else 4_000)
        print(machine(Path(name)))
        print()
        print(markdown(compare(compared, chosen.rounds)))
        ours.close()


if __name__ == "__main__":
    main()
