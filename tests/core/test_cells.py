"""Cells: one budget over many endpoints, one cell at a time, and enactors that stay in theirs."""

from dataclasses import replace

import pytest
from tests.support.builders import (
    T0,
    V4,
    at,
    endpoint,
    healths,
    plan,
    provider,
    situation,
    target,
    waiver,
)

from outlast.core import loop
from outlast.core.blast import cell_budget, published, withdrawn
from outlast.core.bounds import within
from outlast.core.cells import Book, Standing, Withdrawal
from outlast.core.messages import (
    CellChanged,
    CommitLost,
    CommitPlan,
    HeadChanged,
    HealthChanged,
    LoopCommand,
    LoopEvent,
    Newest,
    OverridesChanged,
    TopologyChanged,
    WakeAt,
)
from outlast.core.plan import Situation, make
from outlast.model.names import CellName, EnactorName, EndpointName
from outlast.model.override import Override
from outlast.model.plan import Plan
from outlast.model.policy import Reach
from outlast.model.records import Family, RecordType
from outlast.model.shares import Share
from outlast.model.topology import Budget, Cell, Endpoint, Floors, Settings
from outlast.model.units import Generation, Nanos, seconds

TARGETS = ("eu-1", "eu-2", "us-1", "us-2")
PAY, SEARCH = CellName("pay"), CellName("search")
QUARTER = Budget(removed_ratio=0.25, window_s=600)
BAKE_S = 300


def shop(number: int, cell: CellName = PAY, *targets: str) -> Endpoint:
    """One of many endpoints of four targets, that may itself lose them all."""
    of = endpoint(
        *(targets or TARGETS),
        name=f"{cell}{number}",
        budget=Budget(removed_ratio=1.0),
        floors=Floors(share_ratio=0.0),
    )
    return replace(of, cell=cell)


class Planning:
    """Endpoints planned one after the other, as the planner does, every allowed plan committed at once."""

    def __init__(self, *endpoints: Endpoint, cells: tuple[Cell, ...]) -> None:
        self.book = Book(cells, BAKE_S)
        self.endpoints = {one.name: one for one in endpoints}
        self.states: dict[EndpointName, loop.State] = {}
        for one in endpoints:
            self.book.meet(one)
            self.turn(one, 0, HeadChanged(plan=plan(one), at_ns=at(0)))

    def turn(self, of: Endpoint, second: float, *more: LoopEvent) -> list[LoopCommand]:
        """Take an endpoint as it is now, all of it up unless said otherwise."""
        now_ns = at(second)
        standing = self.book.standing(of.cell, now_ns)
        known = (
            CellChanged(standing=standing, at_ns=now_ns),
            TopologyChanged(endpoint=of, provider=provider(), settings=Settings(), at_ns=now_ns),
            HealthChanged(health=healths(of, since=second), sick=(), at_ns=now_ns),
        )
        state, commands = loop.step(self.states.get(of.name, loop.State()), *known, *more)
        self.book.take(of, published(state.head), state.withdrawals, state.reserved)
        self.states[of.name] = state
        return list(commands)

    def commit(self, commands: list[LoopCommand], second: float) -> None:
        for one in commands:
            if isinstance(one, CommitPlan):
                of = self.endpoints[one.plan.endpoint]
                event = HeadChanged(plan=one.plan, at_ns=at(second))
                self.states[of.name] = loop.recall(self.states[of.name], event)

    def push(self, of: Endpoint, second: float) -> list[LoopCommand]:
        """An edit of the topology reaches the planner."""
        self.endpoints[of.name] = of
        commands = self.turn(of, second)
        self.commit(commands, second)
        return commands

    def published(self, cell: CellName) -> int:
        heads = [one.head for one in self.states.values() if one.head is not None]
        return sum(
            len(one.addresses(one.layout.names[0], RecordType.A))
            for one in heads
            if one.layout.cell == cell
        )


def two_cells(count: int = 8) -> Planning:
    """Two cells of as many endpoints, of which each may lose a quarter in ten minutes."""
    return Planning(
        *(shop(number, cell) for cell in (PAY, SEARCH) for number in range(count)),
        cells=(Cell(name=PAY, budget=QUARTER), Cell(name=SEARCH, budget=QUARTER)),
    )


def test_a_push_that_hits_every_endpoint_takes_one_cells_budget_and_no_more() -> None:
    """Each endpoint could lose half; of the 32 addresses in a cell 8 go, and in the other cell none."""
    planning = two_cells()
    for cell in (PAY, SEARCH):
        for number in range(8):
            planning.push(shop(number, cell, "eu-1", "us-1"), 1)
    assert planning.published(PAY) == 32 - 8
    assert planning.published(SEARCH) == 32


def test_all_endpoints_of_a_cell_count_before_the_first_is_judged() -> None:
    """Else a planner that starts would hold the first one to a share of itself alone."""
    book = Book((Cell(name=PAY, budget=QUARTER),))
    for number in range(4):
        book.meet(shop(number))
    standing = book.standing(PAY, at(0))
    assert standing is not None
    assert standing.left(Family.IPV4) == 4


def test_the_next_cell_has_its_turn_once_the_first_has_baked() -> None:
    planning = two_cells(1)
    planning.push(shop(0, PAY, "eu-1", "eu-2", "us-1"), 1)
    late = planning.push(shop(0, SEARCH, "eu-1", "eu-2", "us-1"), BAKE_S)
    assert WakeAt(at_ns=at(1 + BAKE_S)) in late, "it wakes by itself"
    assert planning.published(SEARCH) == 4
    planning.push(shop(0, SEARCH, "eu-1", "eu-2", "us-1"), 1 + BAKE_S)
    assert planning.published(SEARCH) == 3


def test_a_cells_budget_comes_back_when_its_window_has_passed() -> None:
    planning = two_cells(2)
    planning.push(shop(0, PAY, "eu-1", "us-1"), 1)
    blocked = planning.push(shop(1, PAY, "eu-1", "us-1"), 2)
    assert WakeAt(at_ns=at(601)) in blocked
    assert planning.published(PAY) == 6
    planning.push(shop(1, PAY, "eu-1", "us-1"), 601)
    assert planning.published(PAY) == 4


def test_what_is_on_its_way_to_the_store_is_spent() -> None:
    """Ten endpoints are stepped before the first commit is answered."""
    planning = two_cells(2)
    both = [planning.turn(shop(number, PAY, "eu-1", "us-1"), 1) for number in range(2)]
    assert [any(isinstance(one, CommitPlan) for one in some) for some in both] == [True, False]


def test_a_commit_that_was_lost_gives_back_what_it_reserved() -> None:
    planning = two_cells(2)
    planning.turn(shop(0, PAY, "eu-1", "us-1"), 1)
    state = loop.recall(planning.states[EndpointName("pay0")], CommitLost(at_ns=at(1)))
    assert not state.reserved
    planning.book.take(shop(0), (), state.withdrawals)
    assert planning.book.standing(PAY, at(1)) == replace(
        planning.book.standing(PAY, at(1)) or _full(), spent=(), frees_at_ns=Nanos(0)
    )


def test_deaths_leave_in_all_cells_at_once() -> None:
    """A region that is gone must not wait for another cell to bake."""
    planning = two_cells(1)
    planning.push(shop(0, PAY, "eu-1", "eu-2", "us-1"), 1)
    of = shop(0, SEARCH)
    died = HealthChanged(health=healths(of, "eu-1", since=2), sick=(), at_ns=at(2))
    planning.commit(planning.turn(of, 2, died), 2)
    assert planning.published(SEARCH) == 3


def test_the_dead_beyond_the_cells_budget_stay_and_the_plan_is_not_blocked_for_it() -> None:
    """A plan that the guard must block would also hold back what heals."""
    of = shop(0)
    asked = replace(
        situation(of, head=plan(of), healthy=healths(of, "eu-1", "eu-2", since=99)),
        cell=Standing(cell=Cell(name=PAY, budget=QUARTER), whole=((V4, 16),), spent=((V4, 3),)),
    )
    wanted = make(asked, Generation(2))
    kept = [one for one in wanted.members if "cell's budget" in one.why]
    assert [one.target for one in kept] == ["eu-2"]
    assert not cell_budget(_Case(asked, wanted))
    waived = replace(asked, overrides=(waiver("cell-budget", of="pay0"),))
    assert sum(1 for one in make(waived, Generation(2)).members if one.published) == 2


def test_what_an_edit_may_not_take_yet_does_not_keep_a_dead_target_in_the_answer() -> None:
    """The push is held, the death is not."""
    planning = two_cells(1)
    planning.push(shop(0, SEARCH, "eu-1", "eu-2", "us-1"), 1)
    pushed = replace(
        shop(0, PAY),
        targets=(*(target(one) for one in TARGETS[:3]), replace(target("us-2"), ipv4="192.0.2.99")),
    )
    died = HealthChanged(health=healths(pushed, "eu-1", since=2), sick=(), at_ns=at(2))
    planning.endpoints[pushed.name] = pushed
    planning.commit(planning.turn(pushed, 2, died), 2)
    head = planning.states[pushed.name].head
    assert head is not None
    standing = {one.address for one in head.members if one.published}
    assert standing == {target(one).ipv4 for one in TARGETS[1:]}


@pytest.mark.parametrize(
    ("pushed", "lost"),
    [
        (shop(0, PAY, "eu-1"), 3),
        (replace(shop(0), targets=tuple(replace(target(one), weight=0) for one in TARGETS)), 0),
        (replace(shop(0), targets=(*map(target, TARGETS[:3]), target("us-2", weight=0))), 1),
        (replace(shop(0), targets=(*map(target, TARGETS[:3]), target("us-3"))), 1),
    ],
)
def test_what_an_edit_takes_from_clients_counts_however_it_is_written(
    pushed: Endpoint, lost: int
) -> None:
    """Deleted, of weight 0, or under another address; where all are standbys they serve."""
    asked = situation(pushed, head=plan(shop(0)))
    gone = withdrawn(asked, make(asked, Generation(2)))
    assert len(gone) == lost
    assert all(one.pushed for _, one in gone)


def test_evacuations_and_waivers_are_an_operators_doing() -> None:
    planning = two_cells(1)
    planning.push(shop(0, PAY, "eu-1", "eu-2", "us-1"), 1)
    lifted: tuple[Override, ...] = (
        waiver("cell-turn", of="search0"),
        waiver("cell-budget", of="search0"),
    )
    of = shop(0, SEARCH, "eu-1", "us-1")
    waived = OverridesChanged(overrides=lifted, at_ns=at(2))
    planning.endpoints[of.name] = of
    planning.commit(planning.turn(of, 2, waived), 2)
    assert planning.published(SEARCH) == 2


def test_a_share_is_taken_of_what_is_published_where_the_edit_names_less() -> None:
    """Otherwise an edit that deletes nearly everything would also shrink its own measure."""
    book = Book((Cell(name=PAY, budget=QUARTER),))
    book.take(shop(0, PAY, "eu-1"), ((V4, 4),), ())
    assert _whole(book) == ((V4, 4),)
    gone = (Withdrawal(family=V4, pushed=True, at_ns=at(1)),) * 3
    book.take(shop(0, PAY, "eu-1"), ((V4, 1),), gone)
    assert _whole(book) == ((V4, 4),), "nor does it shrink as it works"


def test_withdrawals_move_with_an_endpoint_that_changes_its_cell() -> None:
    book = Book((Cell(name=PAY, budget=QUARTER), Cell(name=SEARCH, budget=QUARTER)))
    gone = (Withdrawal(family=V4, pushed=True, at_ns=at(1)),)
    book.take(shop(0), (), gone)
    book.take(replace(shop(0), cell=SEARCH), (), gone)
    assert _spent(book, PAY) == ()
    assert _spent(book, SEARCH) == ((V4, 1),)


def test_an_enactor_of_one_cell_is_told_of_no_plan_of_another() -> None:
    newest = Newest(plan=_planned(shop(0, SEARCH)), confirmed=Generation(0), nonce="0", at_ns=at(0))
    assert within(Reach(only=(PAY,)), newest).plan is None
    assert within(Reach(never=(SEARCH,)), newest).plan is None
    assert within(Reach(only=(SEARCH,)), newest) == newest
    assert within(Reach(), newest) == newest


def test_enactors_of_a_cell_take_turns_among_themselves() -> None:
    """Three shared enactors would otherwise each be waited for before a cell's own one acts."""
    shared, own = tuple(map(EnactorName, ("e1", "e2", "e3"))), (EnactorName("pay-1"),)
    share = Share(peers=shared, own={PAY: own}, reach=Reach(only=(PAY,)))
    assert share.rank(own[0], _planned(shop(0)).layout) == 0
    assert share.rank(own[0], _planned(shop(0, SEARCH)).layout) == len(shared)


class _Case:
    def __init__(self, asked: Situation, wanted: Plan) -> None:
        self.situation, self.plan = asked, wanted


def _planned(of: Endpoint) -> Plan:
    return plan(of)


def _full() -> Standing:
    return Standing(cell=Cell(name=PAY), whole=(), spent=())


def _whole(book: Book) -> object:
    standing = book.standing(PAY, Nanos(seconds(T0)))
    return standing.whole if standing is not None else None


def _spent(book: Book, cell: CellName) -> object:
    standing = book.standing(cell, at(2))
    return standing.spent if standing is not None else None
