"""Calls kept for later in one SQLite file, and replayed when you say so.

A call is kept with an idempotency key and is deleted only once its replay has returned, so a crash in
between replays it again: at least once, never lost. The function that is replayed must therefore be safe to
repeat; `current_key()` gives it the key for the other side's deduplication. Replay is never automatic: the
hour after an outage is the wrong hour to send everything again at once.
"""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENTRIES_MAX = 100_000
"""A bound, so that an outage of days does not fill the disk; above it `put` refuses."""

_KEY: ContextVar[str] = ContextVar("outlast_replay_key", default="")


@dataclass(frozen=True, slots=True)
class Kept:
    """A call in the outbox."""

    key: str
    operation: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    kept_at_s: float
    tries: int


class Outbox:
    """A durable queue of calls."""

    def __init__(self, path: str | Path, *, entries_max: int = ENTRIES_MAX) -> None:
        self._path = str(path)
        self._entries_max = entries_max
        self._lock = threading.Lock()

    def put(self, operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Keep a call durably and return its idempotency key.

        Raises:
            TypeError: the arguments cannot be written as JSON.
            OSError: it is full, or the file cannot be written.
        """
        key = uuid.uuid4().hex
        row = (key, operation, json.dumps([list(args), dict(kwargs)]), time.time())
        try:
            with self._lock, closing(self._open()) as base, base:
                if base.execute("SELECT count(*) FROM calls").fetchone()[0] >= self._entries_max:
                    raise OSError(f"the outbox {self._path} is full: {self._entries_max} calls")
                base.execute(
                    "INSERT INTO calls (key, operation, call, kept_at_s) VALUES (?,?,?,?)", row
                )
        except sqlite3.Error as error:
            raise OSError(f"the outbox {self._path} cannot be written: {error}") from error
        return key

    def waiting(self) -> list[Kept]:
        """Return the calls that wait, eldest first."""
        with self._lock, closing(self._open()) as base:
            rows = base.execute(
                "SELECT key, operation, call, kept_at_s, tries FROM calls ORDER BY number"
            ).fetchall()
        return [
            Kept(key, operation, tuple(args), kwargs, kept_at_s, tries)
            for key, operation, (args, kwargs), kept_at_s, tries in (
                (one[0], one[1], json.loads(one[2]), one[3], one[4]) for one in rows
            )
        ]

    def replay(self, operations: Mapping[str, Callable[..., Any]], *, most: int = 1000) -> int:
        """Call what was kept, eldest first, and return how many went through; stop at the first failure.

        Args:
            operations: by the name that the call was kept under: the *unguarded* functions, or a failure
                would land in the outbox again.
            most: calls at a time.

        Raises:
            KeyError: an operation is not in `operations`.
            Exception: whatever the function raised; its call stays.
        """
        done = 0
        for call in self.waiting()[:most]:
            token = _KEY.set(call.key)
            try:
                operations[call.operation](*call.args, **call.kwargs)
            except BaseException:
                self._write("UPDATE calls SET tries = tries + 1 WHERE key = ?", call.key)
                raise
            finally:
                _KEY.reset(token)
            self._write("DELETE FROM calls WHERE key = ?", call.key)
            done += 1
        return done

    def _write(self, statement: str, key: str) -> None:
        with self._lock, closing(self._open()) as base, base:
            base.execute(statement, (key,))

    def _open(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._path, timeout=5.0)
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=FULL")
        base.execute(
            "CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL,"
            " operation TEXT NOT NULL, call TEXT NOT NULL, kept_at_s REAL NOT NULL,"
            " tries INTEGER NOT NULL DEFAULT 0)"
        )
        return base


def current_key() -> str:
    """Return the idempotency key of the call that is being replayed; empty outside of a replay."""
    return _KEY.get()
