"""Guards, in plain and in asynchronous code: the order of limits, the ladder, cancellation."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_type

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.client import (
    Application,
    Dependency,
    Instead,
    LastGood,
    Later,
    OtherRegion,
    Outbox,
    Overdue,
    Refused,
    Value,
    deadline,
    left_s,
)
from outlast.client.breaker import State
from outlast.client.facts import Degraded, Fact, Hedged, Moved, Retried


def declared(**options: Any) -> tuple[Dependency, list[Fact]]:
    application = Application("test")
    facts: list[Fact] = []
    application.hooks.add(facts.append)
    options.setdefault("because", "a test")
    return application.dependency("db", essential=True, **options), facts


class Down(OSError):
    """What a dependency raises that is down."""


def test_the_signature_is_kept() -> None:
    """Type checkers and people see the function that was written."""
    db, _ = declared()

    @db.guard
    def double(number: int, *, extra: int = 0) -> int:
        """Double."""
        return 2 * number + extra

    assert_type(double(2), int)
    assert double(2, extra=1) == 5
    assert double.__doc__ == "Double."


def test_sync_fails_over_to_the_value_and_back() -> None:
    """A failure is answered by the fallback; the first success ends the trouble."""
    db, facts = declared(fallbacks=(Value(7),))
    broken = [True]

    @db.guard
    def ask() -> int:
        if broken[0]:
            raise Down
        return 1

    assert ask() == 7
    assert facts == [Degraded("db", "Down", "value")]
    broken[0] = False
    assert ask() == 1
    assert db.gate.trouble is None
    assert db.gate.quick


async def test_a_hung_dependency_trips_the_circuit() -> None:
    """The time-out sits inside the circuit: of 20 calls only those until it trips reach the dependency."""
    db, _ = declared(timeout_s=0.02, fallbacks=(Value(0),), calls_min=3)
    reached = 0

    @db.guard
    async def hang() -> int:
        nonlocal reached
        reached += 1
        await asyncio.sleep(30)
        return 1

    for _ in range(20):
        assert await hang() == 0
    assert reached == 3
    assert db.gate.home.state is State.OPEN


async def test_the_time_out_really_cancels() -> None:
    """The function under way is cancelled, and not left behind."""
    db, _ = declared(timeout_s=0.02)
    ended = asyncio.Event()

    @db.guard
    async def hang() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    began = time.monotonic()
    with pytest.raises(Overdue, match=r"db did not answer within 0\.02 s"):
        await hang()
    assert ended.is_set()
    assert time.monotonic() - began < 5
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_the_callers_cancellation_wins_over_ours() -> None:
    """Cancelled from outside in the very turn in which the time-out rings, a task ends as cancelled."""
    db, _ = declared(timeout_s=0.02, fallbacks=(Value(1),))
    started = asyncio.Event()

    @db.guard
    async def hang() -> int:
        started.set()
        await asyncio.sleep(30)
        return 0

    task = asyncio.create_task(hang())
    await started.wait()
    loop = asyncio.get_running_loop()
    loop.call_later(0.02, task.cancel)
    time.sleep(0.05)  # noqa: ASYNC251 - so that both timers are due in one turn of the loop
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("timeout_s", [None, 5.0])
async def test_cancellation_at_every_await_leaks_nothing(timeout_s: float | None) -> None:
    """Wherever a call is cancelled, its permit returns, and nothing is counted against the dependency."""
    for turns in range(12):
        db, _ = declared(
            timeout_s=timeout_s, fallbacks=(LastGood(60), Value(0)), retry_budget=0.5, concurrent=2
        )
        calls = 0

        async def ask() -> int:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0)
            if calls == 1:
                raise Down
            await asyncio.sleep(0)
            return 1

        task = asyncio.create_task(db.guard(ask)())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert db.gate.bulkhead.busy == 0, turns
        assert db.gate.home.state is State.CLOSED


async def test_a_cancelled_probe_leaves_room_for_the_next() -> None:
    """The caller of a probe leaves; the next call is a probe again."""
    db, _ = declared(calls_min=1, open_s=0.01)
    mode = ["fail"]

    @db.guard
    async def ask() -> int:
        if mode[0] == "fail":
            raise Down
        if mode[0] == "hang":
            await asyncio.sleep(30)
        return 1

    with pytest.raises(Down):
        await ask()
    await asyncio.sleep(0.02)
    mode[0] = "hang"
    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    mode[0] = "good"
    assert await ask() == 1


def test_a_full_bulkhead_refuses() -> None:
    """Above its limit a call is not queued but refused."""
    db, _ = declared(concurrent=1, fallbacks=(Value("busy"),))
    inside, leave = threading.Event(), threading.Event()

    @db.guard
    def work() -> str:
        inside.set()
        leave.wait(10)
        return "done"

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)
    assert work() == "busy"
    leave.set()
    thread.join(10)
    assert work() == "done"


def test_retries_come_out_of_the_budget() -> None:
    """In a full outage a thousand calls make at most a tenth more."""
    db, facts = declared(retry_budget=0.1, fallbacks=(Value(0),), calls_min=1_000_000)
    reached = 0

    @db.guard
    def ask() -> int:
        nonlocal reached
        reached += 1
        raise Down

    for _ in range(1000):
        ask()
    assert 1000 < reached <= 1100
    assert sum(isinstance(one, Retried) for one in facts) == reached - 1000


def test_what_may_not_be_repeated_is_not() -> None:
    """idempotent=False: one attempt, whatever the budget."""
    db, _ = declared(retry_budget=0.5, fallbacks=(Value(0),))
    reached = 0

    def pay() -> int:
        nonlocal reached
        reached += 1
        raise Down

    assert db.guard(idempotent=False)(pay)() == 0
    assert reached == 1


class Answer(Exception):
    """An HTTP error as clients raise it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.response = type("R", (), {"status_code": status, "headers": {}})


@pytest.mark.parametrize(
    ("status", "failure"), [(404, False), (422, False), (403, True), (429, True), (503, True)]
)
def test_an_answer_is_no_failure(status: int, failure: bool) -> None:  # noqa: FBT001
    """A 404 is an answer and reaches the caller; 429 and 503 are none."""
    db, _ = declared(fallbacks=(Value(0),))

    @db.guard
    def ask() -> int:
        raise Answer(status)

    if failure:
        assert ask() == 0
    else:
        with pytest.raises(Answer):
            ask()
        assert db.gate.trouble is None


def test_the_ladder_is_climbed_in_order() -> None:
    """Other region, last good value, other function, constant: each where the one before gives nothing."""
    db, facts = declared(
        hosts=("home", "away"),
        fallbacks=(OtherRegion(), LastGood(60), Instead(lambda who: f"guest {who}")),
    )
    down: set[str] = set()

    @db.guard
    def ask(who: str) -> str:
        if db.host in down:
            raise Down
        return f"{who} at {db.host}"

    assert ask("ann") == "ann at home"
    down.add("home")
    assert ask("ann") == "ann at away"
    down.add("away")
    assert ask("ann") == "ann at home"
    assert ask("bob") == "guest bob"
    assert [one.by for one in facts if isinstance(one, Degraded)] == [
        "other-region",
        "last-good",
        "instead",
    ]


def test_the_other_region_has_a_circuit_of_its_own() -> None:
    """Home being open refuses nothing to the other region."""
    db, _ = declared(hosts=("home", "away"), fallbacks=(OtherRegion(),), calls_min=2, open_s=60)
    asked: list[str] = []

    @db.guard
    def ask() -> str:
        asked.append(db.host)
        if db.host == "home":
            raise Down
        return db.host

    for _ in range(6):
        assert ask() == "away"
    assert asked.count("home") == 2


def test_without_a_fallback_the_true_error_comes() -> None:
    """The dependency's own exception, with notes of what else failed."""
    db, _ = declared(fallbacks=(Instead(_raising),))

    @db.guard
    def ask() -> int:
        raise Down("no route")

    with pytest.raises(Down, match="no route") as caught:
        ask()
    assert "fallback failed too" in caught.value.__notes__[0]


def _raising() -> int:
    raise ValueError("nothing here")


def test_what_must_not_be_lost_waits_in_the_outbox(tmp_path: Path) -> None:
    """Later: kept across a restart, replayed in order, gone once replayed, kept if the replay fails."""
    db, _ = declared(fallbacks=(Later(Outbox(tmp_path / "out.sqlite")),))
    written: list[str] = []
    down = True

    def write(line: str) -> None:
        if down:
            raise Down
        written.append(line)

    guarded = db.guard(write)
    guarded("one")
    guarded("two")
    again = Outbox(tmp_path / "out.sqlite")
    operations = {one.operation: write for one in again.waiting()}
    with pytest.raises(Down):
        again.replay(operations)
    down = False
    assert again.replay(operations) == 2
    assert written == ["one", "two"]
    assert again.waiting() == []


def test_a_deadline_travels_down() -> None:
    """What is called inside has what is left, and not its own longer time-out."""
    db, _ = declared(timeout_s=10.0)
    seen: list[float | None] = []

    @db.guard
    def ask() -> None:
        seen.append(left_s())

    with deadline(0.5):
        ask()
    ask()
    assert seen[0] is not None
    assert seen[1] is not None
    assert seen[0] <= 0.5 < seen[1] <= 10.0
    with deadline(0.0), pytest.raises(Refused):
        ask()


async def test_a_hurried_caller_proves_nothing() -> None:
    """Cut short well before its declared time, a dependency is not counted as failing."""
    db, _ = declared(timeout_s=5.0, calls_min=1)

    @db.guard
    async def slow() -> None:
        await asyncio.sleep(30)

    with deadline(0.02), pytest.raises(Overdue):
        await slow()
    assert db.gate.home.state is State.CLOSED


async def test_the_slow_call_is_hedged_out_of_the_budget() -> None:
    """After the 95th percentile a second copy goes out; the loser is cancelled."""
    db, facts = declared(hedge=0.9, retry_budget=0.1)
    calls = 0
    cancelled = asyncio.Event()

    @db.guard
    async def ask() -> int:
        nonlocal calls
        calls += 1
        if calls == 25:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return calls

    for _ in range(24):
        await ask()
    assert await ask() == 26
    assert cancelled.is_set()
    assert [one for one in facts if isinstance(one, Hedged)] == [Hedged("db")]


async def test_the_block_form_has_limits() -> None:
    """A block raises Overdue, counts it, and is refused at an open circuit."""
    db, facts = declared(timeout_s=0.02, calls_min=1)
    with pytest.raises(Overdue):
        async with db.block():
            await asyncio.sleep(30)
    assert Moved("db", "", "open") in facts
    with pytest.raises(Refused), db.block():
        pass
    assert db.gate.bulkhead.busy == 0


def test_switched_off_by_hand_and_by_level() -> None:
    """A held circuit and a brown-out level send nothing; release and level 0 do again."""
    application = Application("test")
    extra = application.dependency("extra", essential=False, fallbacks=(Value(0),), off_at=2)
    ask = extra.guard(_one)
    extra.hold_open()
    assert ask() == 0
    extra.release()
    assert ask() == 1
    application.set_level(2, "load")
    assert ask() == 0
    assert {one.name for one in application.degradations()} == {"2", "extra"}
    application.set_level(0)
    assert ask() == 1
    assert application.degradations() == ()


def _one() -> int:
    return 1


@given(st.lists(st.sampled_from(["good", "bad", "slow"]), max_size=60))
def test_permits_always_come_back(calls: list[str]) -> None:
    """However calls end, all permits are there at the end and the fallback or result was given."""
    db, _ = declared(fallbacks=(Value(0),), concurrent=3, calls_min=5, retry_budget=0.2)

    @db.guard
    def ask(what: str) -> int:
        if what == "bad":
            raise Down
        return 1

    db.gate.budget = None
    for what in calls:
        assert ask(what) in {0, 1}
    assert db.gate.bulkhead.busy == 0


def test_a_child_process_is_not_stuck_by_its_parents_lock() -> None:
    """Fork while a thread holds the lock of a gate: the child's guard works."""
    db, _ = declared(fallbacks=(Value(0),), concurrent=1)
    fail = db.guard(_fail)
    with db.gate.lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if fail() == 0 else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    gc.collect()


def _fail() -> int:
    raise Down


def test_threads_share_a_guard() -> None:
    """Eight threads, thousands of calls: permits whole, and the circuit saw every failure's rate."""
    db, _ = declared(fallbacks=(Value(0),), concurrent=8)

    @db.guard
    def ask(number: int) -> int:
        if number % 50 == 0:
            raise Down
        return 1

    def work() -> None:
        for number in range(1, 2000):
            ask(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    _all(thread.start for thread in threads)
    _all(thread.join for thread in threads)
    assert db.gate.bulkhead.busy == 0
    assert db.gate.home.state is State.CLOSED


def _all(steps: Any) -> None:
    for step in steps:
        call: Callable[[], None] = step
        call()
