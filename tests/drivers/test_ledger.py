"""The ledger: what roles tell each other, with the conditions that keep it true."""

import pytest
from tests.support.builders import at, endpoint, evacuation, fence_of, freeze, plan, vote, waiver

from outlast.core.messages import Announce, CommitPlan
from outlast.core.observe import RegionView, VantageView
from outlast.core.retire import Delete
from outlast.drivers.clock import SystemClock
from outlast.drivers.entries import Alive, Found
from outlast.drivers.ledger import Ledger
from outlast.drivers.stores.memory import MemoryStore
from outlast.model.errors import StoreCorrupt
from outlast.model.names import EnactorName, EndpointName, RegionName, Subject, VantageName
from outlast.model.plan import Drift, DriftKind, Finding, Plan, Receipt, Ruling, Severity
from outlast.model.units import Generation
from outlast.ports import Change

OF = endpoint("eu-1", "us-1", "ap-1")
API = EndpointName("api")
FIRST = plan(OF)
SECOND = plan(OF, "us-1", generation=2, head=FIRST)


def command(wanted: Plan, expected: int = 0) -> CommitPlan:
    """The planner's wish to make a plan the newest."""
    ruling = Ruling(endpoint=wanted.endpoint, generation=wanted.generation, findings=())
    return CommitPlan(plan=wanted, ruling=ruling, expected=Generation(expected))


def receipt(wanted: Plan) -> Receipt:
    """Its confirmation."""
    return Receipt(
        endpoint=wanted.endpoint,
        provider=wanted.layout.provider,
        enactor=EnactorName("e1"),
        fence=fence_of(wanted),
        at_ns=at(1),
    )


def found(wanted: Plan) -> Found:
    """A drift."""
    drift = Drift(
        endpoint=wanted.endpoint,
        provider=wanted.layout.provider,
        kind=DriftKind.EMPTY,
        message="no addresses",
        at_ns=at(2),
    )
    return Found(drift=drift, observation=None, seen=Generation(0))


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


@pytest.fixture
def ledger(store: MemoryStore) -> Ledger:
    """A ledger on it."""
    return Ledger(store, SystemClock(), "planner")


async def test_a_plan_becomes_the_newest_only_if_the_newest_is_the_one_expected(
    ledger: Ledger,
) -> None:
    assert await ledger.commit_plan(command(FIRST))
    assert not await ledger.commit_plan(command(FIRST))
    assert not await ledger.commit_plan(command(SECOND, expected=0))
    assert await ledger.commit_plan(command(SECOND, expected=1))
    row = await ledger.row(API)
    assert row.head is not None
    assert row.head.plan == SECOND
    assert await ledger.generations(API) == [1, 2]
    kept = await ledger.plan(API, Generation(1))
    assert kept is not None
    assert kept.plan == FIRST


async def test_rows_tell_only_what_changed_since_a_revision(ledger: Ledger) -> None:
    await ledger.commit_plan(command(FIRST))
    rows, revision = await ledger.rows()
    assert [row.endpoint for row in rows] == [API]
    assert (await ledger.rows(newer_than=revision))[0] == []
    await ledger.confirm(receipt(FIRST))
    (row,), _ = await ledger.rows(newer_than=revision)
    assert row.head is None, "it did not change"
    assert row.confirmed == 1


async def test_a_confirmation_ends_what_was_found(ledger: Ledger) -> None:
    await ledger.commit_plan(command(FIRST))
    await ledger.report(found(FIRST))
    assert (await ledger.row(API)).found == found(FIRST)
    await ledger.confirm(receipt(FIRST))
    assert (await ledger.row(API)).found is None
    await ledger.report(found(FIRST))
    await ledger.settle(API)
    assert (await ledger.row(API)).found is None


async def test_a_blocked_plan_stands_until_it_is_allowed_or_not_wanted_any_more(
    ledger: Ledger,
) -> None:
    finding = Finding(rule="budget", severity=Severity.BLOCK, message="too much")
    ruling = Ruling(endpoint=API, generation=Generation(1), findings=(finding,))
    announce = Announce(plan=FIRST, ruling=ruling, at_ns=at(1))
    await ledger.block(announce)
    blocked = (await ledger.row(API)).blocked
    assert blocked is not None
    assert blocked.ruling == ruling
    await ledger.unblock(API)
    assert (await ledger.row(API)).blocked is None
    await ledger.block(announce)
    await ledger.commit_plan(command(FIRST))
    assert (await ledger.row(API)).blocked is None


async def test_plans_are_retired_only_while_the_newest_is_the_one_that_was_known(
    ledger: Ledger,
) -> None:
    await ledger.commit_plan(command(FIRST))
    await ledger.commit_plan(command(SECOND, expected=1))
    stale = Delete(generations=(Generation(1),), newest=Generation(1))
    assert not await ledger.delete_plans(API, stale)
    assert await ledger.generations(API) == [1, 2]
    known = Delete(generations=(Generation(1),), newest=Generation(2))
    assert await ledger.delete_plans(API, known)
    assert await ledger.generations(API) == [2]


async def test_a_released_endpoint_is_forgotten_but_for_its_history(ledger: Ledger) -> None:
    await ledger.commit_plan(command(FIRST))
    await ledger.confirm(receipt(FIRST))
    await ledger.forget(API)
    row = await ledger.row(API)
    assert (row.head, row.receipt) == (None, None)
    assert await ledger.generations(API) == []
    events = [one.event for one in await ledger.history(API, limit=10)]
    assert events == ["plan", "published", "released"]


async def test_an_override_takes_the_place_of_one_of_the_same_scope(ledger: Ledger) -> None:
    await ledger.place(freeze(None), "all")
    await ledger.place(freeze("api"), "one")
    await ledger.place(freeze("api", until=50), "one, for a while")
    await ledger.place(evacuation("eu"), "drain")
    await ledger.place(waiver("budget"), "waived")
    overrides, _ = await ledger.overrides()
    assert overrides is not None
    assert len(overrides) == 4
    assert freeze("api", until=50) in overrides


async def test_a_lifted_override_wakes_those_who_watch(ledger: Ledger) -> None:
    await ledger.place(freeze("api"), "one")
    _, revision = await ledger.overrides()
    unchanged, _ = await ledger.overrides(newer_than=revision)
    assert unchanged is None
    await ledger.lift(freeze("api"), "thawed", by="ada")
    assert await ledger.wait(revision) > revision
    changed, _ = await ledger.overrides(newer_than=revision)
    assert changed == []
    last = (await ledger.history(API, limit=10))[-1]
    assert (last.text, last.by) == ("thawed", "ada")


async def test_votes_of_many_subjects_are_cast_in_batches_and_read_with_their_subject(
    ledger: Ledger,
) -> None:
    subjects = tuple(Subject(f"api/t-{number}/ipv4") for number in range(250))
    region = RegionView(region=RegionName("eu"), judged=250, failing=0, onset_ns=None)
    view = VantageView(vantage=VantageName("v1"), regions=(region,), heard_at_ns=at(1))
    await ledger.cast(view, tuple(vote() for _ in subjects), subjects)
    votes, _ = await ledger.votes()
    assert {subject for subject, _ in votes} == set(subjects)
    views, _ = await ledger.views()
    assert views == [view]


async def test_history_is_in_order_limited_and_has_what_concerns_everything(
    ledger: Ledger,
) -> None:
    for number in range(5):
        await ledger.note("test", f"note {number}", endpoint="api")
    await ledger.note("test", "for all")
    await ledger.note("test", "another", endpoint="shop")
    texts = [one.text for one in await ledger.history(API, limit=3)]
    assert texts == ["note 3", "note 4", "for all"]
    await ledger.prune_journal(API, kept=2)
    texts = [one.text for one in await ledger.history(API, limit=10)]
    assert texts == ["note 3", "note 4", "for all"]


async def test_signs_of_life_are_replaced_and_taken_back(ledger: Ledger) -> None:
    for second in (1, 2):
        sign = Alive(kind="enactor", name="e1", doing="rests", at_ns=at(second), every_s=2.0)
        await ledger.alive(sign)
    assert [one.at_ns for one in await ledger.roles()] == [at(2)]
    await ledger.gone("enactor", "e1")
    assert await ledger.roles() == []


async def test_an_entry_that_is_no_entry_is_a_damaged_store(
    ledger: Ledger, store: MemoryStore
) -> None:
    await store.commit(Change(puts=(("endpoint/api/head", b"{"),)))
    with pytest.raises(StoreCorrupt):
        await ledger.row(API)
