"""Every engine does what a dictionary would: random changes, reads and reopenings, on two open stores."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from outlast.drivers.stores.memory import MemoryData, MemoryStore
from outlast.drivers.stores.sqlite import SqliteStore
from outlast.ports import Change, Entry, Store

T = TypeVar("T")

KEYS = st.sampled_from(["a", "a/1", "a/2", "a0", "b", "b/\U0010ffff", "é"])
VALUES = st.binary(max_size=3)
HANDLES = st.integers(0, 1)
AGES = st.sampled_from(["right", "absent", "stale", "future"])


class StoreMachine(RuleBasedStateMachine):
    """The store under test beside its model: a dictionary and a number."""

    engine: Callable[[Path], Callable[[], Awaitable[Store]]]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.model: dict[str, Entry] = {}
        self.revision = 0
        self.stores: list[Store] = []

    @initialize()
    def begin(self) -> None:
        async def make() -> None:
            self.open_store = type(self).engine(Path(self.folder.name))
            self.stores = [await self.open_store(), await self.open_store()]

        self.runner.run(make())

    @rule(
        handle=HANDLES,
        required=st.dictionaries(KEYS, AGES, max_size=3),
        puts=st.dictionaries(KEYS, VALUES, max_size=3),
        deletes=st.sets(KEYS, max_size=2),
    )
    def commit(
        self, handle: int, required: dict[str, str], puts: dict[str, bytes], deletes: set[str]
    ) -> None:
        change = Change(
            requires=tuple((key, self._at(key, age)) for key, age in required.items()),
            puts=tuple(puts.items()),
            deletes=tuple(sorted(deletes - puts.keys())),
        )
        got = self.runner.run(self.stores[handle].commit(change))
        assert got == self._expect(change)

    @rule(changes=st.lists(st.tuples(KEYS, VALUES, AGES), min_size=2, max_size=6))
    def commit_together(self, changes: list[tuple[str, bytes, str]]) -> None:
        """Commits that wait together are carried out in the order of their arrival."""
        wanted = [
            Change(requires=((key, self._at(key, age)),), puts=((key, value),))
            for key, value, age in changes
        ]

        async def all_at_once() -> list[int | None]:
            return await asyncio.gather(*(self.stores[0].commit(change) for change in wanted))

        assert self.runner.run(all_at_once()) == [self._expect(change) for change in wanted]

    @rule(
        handle=HANDLES, prefix=st.sampled_from(["", "a", "a/", "b/", "z"]), back=st.integers(0, 4)
    )
    def scan(self, handle: int, prefix: str, back: int) -> None:
        since = max(0, self.revision - back) if back else 0
        page = self.runner.run(self.stores[handle].scan(prefix, newer_than=since, limit=3))
        expected = [
            self.model[key]
            for key in sorted(self.model)
            if key.startswith(prefix) and self.model[key].revision > since
        ]
        assert list(page.entries) == expected[:3]
        assert page.revision == self.revision

    @rule(handle=HANDLES, key=KEYS)
    def get(self, handle: int, key: str) -> None:
        assert self.runner.run(self.stores[handle].get(key)) == self.model.get(key)

    @rule(handle=HANDLES)
    def wait(self, handle: int) -> None:
        if self.revision:
            waiting = asyncio.wait_for(self.stores[handle].wait(self.revision - 1), 20)
            assert self.runner.run(_outcome(waiting)) == self.revision

    @rule(handle=HANDLES)
    def reopen(self, handle: int) -> None:
        async def again() -> None:
            await self.stores[handle].close()
            self.stores[handle] = await self.open_store()

        self.runner.run(again())

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        for store in self.stores:
            page = self.runner.run(store.scan(""))
            assert list(page.entries) == [self.model[key] for key in sorted(self.model)]

    def teardown(self) -> None:
        for store in self.stores:
            self.runner.run(store.close())
        self.runner.close()
        self.folder.cleanup()

    def _at(self, key: str, age: str) -> int:
        right = self.model[key].revision if key in self.model else 0
        return {"right": right, "absent": 0, "stale": max(0, right - 1), "future": right + 1}[age]

    def _expect(self, change: Change) -> int | None:
        """Carry the change out on the model."""
        for key, required in change.requires:
            if (self.model[key].revision if key in self.model else 0) != required:
                return None
        gone = [self.model.pop(key) for key in change.deletes if key in self.model]
        if gone or change.puts:
            self.revision += 1
        for key, value in change.puts:
            self.model[key] = Entry(key, value, self.revision)
        return self.revision


async def _outcome(waiting: Awaitable[T]) -> T:
    return await waiting


class MemoryMachine(StoreMachine):
    @staticmethod
    def engine(_: Path) -> Callable[[], Awaitable[Store]]:
        data = MemoryData()

        async def open_store() -> Store:
            return MemoryStore(data)

        return open_store


class SqliteMachine(StoreMachine):
    @staticmethod
    def engine(folder: Path) -> Callable[[], Awaitable[Store]]:
        async def open_store() -> Store:
            return await SqliteStore.open(folder / "store.db")

        return open_store


@pytest.mark.slow
@pytest.mark.parametrize("machine", [MemoryMachine, SqliteMachine])
def test_every_engine_does_what_a_dictionary_would(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=25, stateful_step_count=30, deadline=None),
    )
