"""What the control plane's ledger says becomes evidence, and what it does not say any more does not."""

from pathlib import Path

import pytest
from tests.reports.test_detecting import MovedClock, write_world
from tests.support.builders import fence

from outlast.config import load
from outlast.core.observe import RegionView, VantageView
from outlast.detect.cells import ProbeSeen, Road
from outlast.detect.evidence import touched
from outlast.detect.roads import roads_of
from outlast.drivers import entries
from outlast.drivers.entries import Alive, Found
from outlast.drivers.ledger import Ledger
from outlast.drivers.reports.inquirer import orderable
from outlast.drivers.reports.orders import LASTS_S, ORDERS_MAX, Answer, Orders
from outlast.drivers.reports.own import OwnEvidence
from outlast.drivers.stores.memory import MemoryStore
from outlast.model.health import Verdict, Vote
from outlast.model.names import (
    EnactorName,
    EndpointName,
    ProviderName,
    RegionName,
    Subject,
    VantageName,
)
from outlast.model.plan import Drift, DriftKind, Receipt
from outlast.model.topology import Topology
from outlast.model.units import NO_GENERATION, NS_PER_S
from outlast.ports import Change


class Case:
    """A ledger in memory, and evidence read from it."""

    def __init__(self, folder: Path) -> None:
        self.clock = MovedClock()
        self.topology: Topology = load(write_world(folder)).topology
        self.store = MemoryStore()
        self.ledger = Ledger(self.store, self.clock, "test")
        self.own = OwnEvidence(self.topology, self.clock)

    async def alive(self) -> None:
        """Let an enactor give a sign of life."""
        sign = Alive(kind="enactor", name="e1", doing="", at_ns=self.clock.now_ns(), every_s=2.0)
        await self.ledger.alive(sign)

    async def published(self) -> None:
        """Let the endpoint be confirmed."""
        receipt = Receipt(
            endpoint=EndpointName("tables"),
            provider=ProviderName("dns"),
            enactor=EnactorName("e1"),
            fence=fence(),
            at_ns=self.clock.now_ns(),
        )
        await self.store.commit(
            Change(puts=(("endpoint/tables/receipt", entries.encode(receipt)),))
        )

    async def found(self, kind: DriftKind) -> None:
        """Let the DNS differ."""
        drift = Drift(
            endpoint=EndpointName("tables"),
            provider=ProviderName("dns"),
            kind=kind,
            message="so it is",
            at_ns=self.clock.now_ns(),
        )
        await self.ledger.report(Found(drift=drift, observation=None, seen=NO_GENERATION))

    async def vote(self, vantage: str, east: Verdict, west: Verdict) -> None:
        """Let a vantage vote on both regions; it looks at each of them."""
        now_ns = self.clock.now_ns()
        votes = {
            Subject(f"tables/{name}/ipv4"): Vote(
                vantage=VantageName(vantage),
                verdict=verdict,
                good_run=int(verdict is Verdict.UP),
                bad_run=int(verdict is Verdict.DOWN),
                since_ns=now_ns,
                run_since_ns=now_ns,
                at_ns=now_ns,
            )
            for name, verdict in (("e", east), ("w", west))
        }
        regions = tuple(
            RegionView(
                region=RegionName(region),
                judged=1,
                failing=int(verdict is Verdict.DOWN),
                onset_ns=now_ns if verdict is Verdict.DOWN else None,
            )
            for region, verdict in (("east", east), ("west", west))
        )
        view = VantageView(vantage=VantageName(vantage), regions=regions, heard_at_ns=now_ns)
        await self.ledger.cast(view, tuple(votes.values()), tuple(votes))

    async def seen(self) -> list[ProbeSeen]:
        """What is evidence now."""
        return [*(await self.own.look(self.ledger)).probes]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A world of two regions with one endpoint in both."""
    return Case(tmp_path)


async def test_votes_say_how_regions_are_by_pinned_addresses(case: Case) -> None:
    await case.vote("frankfurt", Verdict.DOWN, Verdict.UP)
    await case.vote("dublin", Verdict.UNKNOWN, Verdict.UP)
    assert await case.seen() == [
        ProbeSeen(subject="west", good=True, road=Road.PINNED, country="IE", place="dublin"),
        ProbeSeen(subject="east", good=False, road=Road.PINNED, place="frankfurt"),
        ProbeSeen(subject="west", good=True, road=Road.PINNED, place="frankfurt"),
    ]


async def test_a_sick_vantage_says_nothing(case: Case) -> None:
    """Every region fails at once from it: that is it."""
    await case.vote("frankfurt", Verdict.DOWN, Verdict.DOWN)
    look = await case.own.look(case.ledger)
    assert look.probes == ()
    assert "it counts as sick" in look.feeds[0].silent


@pytest.mark.parametrize(
    ("kind", "felt"),
    [
        (DriftKind.EMPTY, [("tables", Road.ASKED, False)]),
        (DriftKind.UNREACHABLE, [("tables", Road.ASKED, False)]),
        (DriftKind.FOREIGN, [("tables", Road.ASKED, False)]),
        (DriftKind.BEHIND, []),
        (DriftKind.FENCE_ABSENT, []),
    ],
)
async def test_what_verification_finds_is_evidence_of_the_name_if_clients_feel_it(
    case: Case, kind: DriftKind, felt: list[tuple[str, Road, bool]]
) -> None:
    """An older plan still answers; whether well, nobody knows."""
    await case.alive()
    await case.published()
    assert [one.good for one in await case.seen()] == [True]
    case.own = OwnEvidence(case.topology, case.clock)
    await case.found(kind)
    assert [(one.subject, one.road, one.good) for one in await case.seen()] == felt


async def test_without_an_enactor_that_lives_old_proofs_are_no_evidence(case: Case) -> None:
    await case.alive()
    await case.published()
    case.clock.at_ns += 10 * NS_PER_S
    look = await case.own.look(case.ledger)
    assert look.probes == ()
    assert look.feeds[0].silent.startswith("not heard since")


async def test_a_store_that_went_back_in_time_is_read_anew(case: Case) -> None:
    """Votes of a store that is gone are no evidence."""
    for _ in range(5):
        await case.vote("frankfurt", Verdict.DOWN, Verdict.UP)
    assert len(await case.seen()) == 2
    case.ledger = Ledger(MemoryStore(), case.clock, "test")
    view = VantageView(
        vantage=VantageName("frankfurt"), regions=(), heard_at_ns=case.clock.now_ns()
    )
    await case.ledger.cast(view, (), ())
    assert await case.seen() == []


def test_a_question_to_the_dns_needs_nothing_behind_the_name(case: Case) -> None:
    """It clears no region, and blames none."""
    roads = roads_of(case.topology)
    asked = {str(one) for one in touched(roads, "tables", Road.ASKED)}
    resolved = {str(one) for one in touched(roads, "tables", Road.RESOLVED)}
    assert asked == {"name `tables`"}
    assert resolved == {"name `tables`", "region `east`", "region `west`"}


# orders


async def test_an_order_ends_by_itself_and_takes_its_answers_along(case: Case) -> None:
    orders = Orders(case.store, case.clock)
    assert await orders.place("tables", Road.RESOLVED)
    (order,) = await orders.lasting()
    answer = Answer(
        vantage="dublin",
        subject="tables",
        road=Road.RESOLVED,
        good=False,
        at_ns=case.clock.now_ns(),
    )
    await orders.answer(order, answer)
    assert (await case.own.look(case.ledger)).orders[0].answer == "bad"
    assert [one.good for one in await case.seen()] == [False]
    case.clock.at_ns += int((LASTS_S - 1) * NS_PER_S)
    assert await case.seen() == [], "an old answer is no evidence"
    assert await orders.place("tables", Road.RESOLVED)
    case.clock.at_ns += int((LASTS_S - 1) * NS_PER_S)
    assert [one.at_ns for one in await orders.lasting()] == [order.at_ns], "it went on"
    case.clock.at_ns += int(2 * NS_PER_S)
    assert await orders.lasting() == []
    assert (await case.store.scan("answer/")).entries == ()


async def test_the_number_of_orders_is_bounded(case: Case) -> None:
    orders = Orders(case.store, case.clock)
    placed = [await orders.place(f"name/{one}", Road.PINNED) for one in range(ORDERS_MAX + 2)]
    assert placed == [True] * ORDERS_MAX + [False] * 2
    assert await orders.place("name/0", Road.PINNED), "one that lasts may go on"


def test_only_what_the_control_plane_can_probe_is_ordered(case: Case) -> None:
    """No service: what its users feel is not what a probe of an endpoint sees."""
    assert orderable(case.topology) == {
        ("east", Road.PINNED),
        ("west", Road.PINNED),
        *(("tables", road) for road in Road),
    }
