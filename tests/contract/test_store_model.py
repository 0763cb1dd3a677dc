"""Every engine does what a dictionary would: random changes, reads and reopenings, on two open stores."""

import asyncio
import tempfile
from collections.abc import Awaitable
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
from tests.support.engines import ENGINES, Engine, Etcds

from outlast.ports import Change, Entry, Store

T = TypeVar("T")

KEYS = st.sampled_from(["a", "a/1", "a/2", "a0", "b", "b/\U0010ffff", "é"])
VALUES = st.binary(max_size=3)
HANDLES = st.integers(0, 1)
AGES = st.sampled_from(["right", "absent", "stale", "future"])


class StoreMachine(RuleBasedStateMachine):
    """The store under test beside its model: a dictionary and a number."""

    engine: Engine
    etcds: Etcds

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
            self.open_store = type(self).engine(Path(self.folder.name), self.etcds)
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
        self._judge(change, self.runner.run(self.stores[handle].commit(change)))

    @rule(changes=st.lists(st.tuples(KEYS, VALUES, AGES), min_size=2, max_size=6))
    def commit_together(self, changes: list[tuple[str, bytes, str]]) -> None:
        """Commits that wait together are carried out one after the other, in whatever order.

        Those that took place show the order; one that was refused must be refusable somewhere in it.
        """
        wanted = [
            Change(requires=((key, self._at(key, age)),), puts=((key, value),))
            for key, value, age in changes
        ]

        async def all_at_once() -> list[int | None]:
            return await asyncio.gather(*(self.stores[0].commit(change) for change in wanted))

        answers = list(zip(wanted, self.runner.run(all_at_once()), strict=True))
        states = [dict(self.model)]
        for change, got in sorted(answers, key=lambda one: one[1] or 0):
            if got is not None:
                self._judge(change, got)
                states.append(dict(self.model))
        for change, got in answers:
            assert got is not None or any(not _holds(change, one) for one in states)

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

    def _judge(self, change: Change, got: int | None) -> None:
        """Carry the change out on the model, which tells all but the new revision."""
        if not _holds(change, self.model):
            assert got is None
            return
        assert got is not None
        gone = [self.model.pop(key) for key in change.deletes if key in self.model]
        if gone or change.puts:
            assert got > self.revision
            self.revision = got
        assert got == self.revision
        for key, value in change.puts:
            self.model[key] = Entry(key, value, self.revision)


def _holds(change: Change, model: dict[str, Entry]) -> bool:
    return all((model[key].revision if key in model else 0) == at for key, at in change.requires)


async def _outcome(waiting: Awaitable[T]) -> T:
    return await waiting


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_does_what_a_dictionary_would(engine: Engine, etcds: Etcds) -> None:
    kind = {"engine": staticmethod(engine), "etcds": etcds}
    run_state_machine_as_test(
        type("Machine", (StoreMachine,), kind),
        settings=settings(max_examples=25, stateful_step_count=30, deadline=None),
    )
