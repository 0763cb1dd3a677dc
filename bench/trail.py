"""How many entries a second the audit trail takes, beside bare hashing and pymerkle.

    python -m bench.trail            # 100,000 entries
    python -m bench.trail --quick    # 5,000

Bare hashing is the physical limit of verification: two SHA-256 for each entry, one of the entry and one of
a node, in the same interpreter. pymerkle keeps a tree in memory and no files.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from bench.harness import Case, compare, machine, markdown, options
from pymerkle import InmemoryTree

from outlast.drivers.clock import SystemClock
from outlast.drivers.ledger import Ledger
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.drivers.trail.folder import TileFolder
from outlast.drivers.trail.scribe import Scribe
from outlast.model.units import Nanos
from outlast.trail.entry import TrailEntry, pack
from outlast.trail.note import Signer
from outlast.trail.verify import verify

SIGNER = Signer.of("outlast.bench/trail", b"k" * 32)
NOTES_AT_ONCE = 64


def entries_of(count: int) -> list[bytes]:
    """Return entries as the planner makes them."""
    return [
        pack(
            TrailEntry(
                at_ns=Nanos(index),
                event="plan",
                about=f"shop-{index}",
                by="planner",
                text="health changed: eu-1 is down",
                generation=index,
            )
        )
        for index in range(count)
    ]


def rate(count: int, work: Callable[[], object]) -> float:
    """Return how many entries a second some work takes."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def publish(raw: list[bytes]) -> float:
    """Publish to an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        return rate(len(raw), lambda: TileFolder(Path(folder), SIGNER).add(raw))


def check(raw: list[bytes]) -> float:
    """Verify a published log."""
    with tempfile.TemporaryDirectory() as folder:
        made = TileFolder(Path(folder), SIGNER)
        made.add(raw)
        return rate(len(raw), lambda: verify(made.read, SIGNER.verifier))


def bare(raw: list[bytes]) -> float:
    """Hash what verification must hash."""
    node = bytes(65)

    def work() -> None:
        for one in raw:
            sha256(b"\0" + one).digest()
            sha256(node).digest()

    return rate(len(raw), work)


def peer(raw: list[bytes]) -> float:
    """Append to pymerkle's tree and ask for its root."""

    def work() -> None:
        tree = InmemoryTree(algorithm="sha256")
        for one in raw:
            tree.append_entry(one)
        tree.get_root()

    return rate(len(raw), work)


def copy(count: int) -> float:
    """Copy notes from the journal of an SQLite store into the log."""

    async def work() -> float:
        with tempfile.TemporaryDirectory() as folder:
            store = await SqliteStore.open(Path(folder) / "store.db")
            ledger = Ledger(store, SystemClock(), "planner")
            for first in range(0, count, NOTES_AT_ONCE):
                some = range(first, min(count, first + NOTES_AT_ONCE))
                await asyncio.gather(
                    *(ledger.note("plan", f"number {one}", endpoint="shop") for one in some)
                )
            scribe = Scribe(store, lambda name: name)
            began = time.perf_counter()
            copied = await scribe.copy()
            took_s = time.perf_counter() - began
            await store.close()
            if copied != count:
                raise SystemExit(f"{copied} of {count} notes were copied")
            return count / took_s

    return asyncio.run(work())


def main() -> None:
    """Measure and print."""
    given = options("Copy, publish and verify the audit trail.")
    count = 5_000 if given.quick else 100_000
    raw = entries_of(count)
    cases = [
        Case("bare hashing", run=lambda: bare(raw)),
        Case("verify a published log", run=lambda: check(raw), beside="bare hashing"),
        Case("pymerkle: append and root", run=lambda: peer(raw)),
        Case("publish", run=lambda: publish(raw), beside="pymerkle: append and root"),
        Case("copy from the journal (SQLite)", run=lambda: copy(count)),
    ]
    sys.stdout.write(f"{count} entries; {machine()}\n\n")
    sys.stdout.write(markdown(compare(cases, given.rounds, warm_up=False)) + "\n")


if __name__ == "__main__":
    main()
