"""The archivist: looks into the store a few times a second, from outside, and keeps what it saw.

Plans retire, and a store that is taken away takes its plans with it. To judge afterwards whether what was
published had been allowed, every plan that was ever in any store must be known. Stores that a fault takes
away are therefore moved aside, not deleted, which the running processes cannot tell apart; they are read
once more at the end, for what was committed between the last look and the loss.
"""

import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from chaos.history import Archived, Recorder
from outlast.drivers import entries
from outlast.model.errors import StoreCorrupt
from outlast.ports import Entry

BUSY_S = 1.0
PIECES = ("", "-wal", "-shm")
"""A store is three files."""


@dataclass(slots=True)
class Archivist:
    """Reads one store by its path; `aside` is where taken stores go."""

    store: Path
    aside: Path
    recorder: Recorder
    since_ns: int = 0
    _known: dict[tuple[str, str], tuple[int, Archived]] = field(default_factory=dict)

    def look(self) -> bool:
        """Look once; False where the store cannot be read at this moment."""
        at_ns = time.monotonic_ns()
        plans = self._read(self.store)
        if plans is None:
            return False
        self.recorder.looked(plans, since_ns=self.since_ns, at_ns=at_ns)
        return True

    def heads(self) -> dict[str, tuple[int, str]]:
        """Return generation and digest of each endpoint's newest plan."""
        newest: dict[str, tuple[int, str]] = {}
        for one in self._read(self.store) or ():
            if one.generation > newest.get(one.endpoint, (0, ""))[0]:
                newest[one.endpoint] = (one.generation, one.digest)
        return newest

    def overrides(self) -> list[tuple[str, str]]:
        """Return kind and scope of each override that the store has."""
        connection = _connect(self.store)
        try:
            keys = connection.execute(
                "SELECT key FROM entry WHERE key LIKE 'override/%'"
            ).fetchall()
        finally:
            connection.close()
        return [(key.split("/")[1], key.split("/")[2]) for (key,) in keys]

    def take_aside(self) -> Path:
        """Move the store out of the way, all of its files, and return where it lies now."""
        place = self.aside / f"store-{time.monotonic_ns()}.db"
        for piece in PIECES:
            path = Path(f"{self.store}{piece}")
            if path.exists():
                path.rename(Path(f"{place}{piece}"))
        self.since_ns = time.monotonic_ns()
        return place

    def copy(self, place: Path) -> None:
        """Make a whole copy of the store, as a nightly backup would."""
        with _connect(self.store) as source, sqlite3.connect(place) as target:
            source.backup(target)
        source.close()
        target.close()

    def put(self, copy: Path) -> None:
        """Put a copy in the place of the store."""
        draft = self.store.with_name("restored.db")
        draft.write_bytes(copy.read_bytes())
        draft.replace(self.store)
        self.since_ns = time.monotonic_ns()

    def read_asides(self) -> None:
        """Read all that was taken away, for plans that no look had found."""
        for path in sorted(self.aside.glob("store-*.db")):
            self._read(path)

    def _read(self, path: Path) -> list[Archived] | None:
        if not path.exists():
            return None
        try:
            connection = _connect(path)
        except sqlite3.Error:
            return None
        try:
            rows = connection.execute(
                "SELECT key, revision FROM entry WHERE key >= 'plan/' AND key < 'plan0'"
            ).fetchall()
            return [self._plan(connection, path, key, revision) for key, revision in rows]
        except (sqlite3.Error, msgspec.MsgspecError, StoreCorrupt, TypeError):
            return None
        finally:
            connection.close()

    def _plan(
        self, connection: sqlite3.Connection, path: Path, key: str, revision: int
    ) -> Archived:
        known = self._known.get((path.name, key))
        if known is not None and known[0] == revision:
            return known[1]
        value = connection.execute("SELECT value FROM entry WHERE key = ?", (key,)).fetchone()[0]
        head = entries.decode(entries.HEAD, Entry(key, value, revision))
        plan = head.plan
        found = Archived(
            endpoint=plan.endpoint,
            generation=plan.generation,
            digest=plan.digest,
            origin=plan.origin,
            allowed=head.ruling.allowed,
        )
        self._known[path.name, key] = (revision, found)
        self.recorder.plans[found.endpoint, found.generation, found.digest, found.allowed] = found
        return found


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_S)
    connection.execute("PRAGMA query_only = 1")
    return connection
