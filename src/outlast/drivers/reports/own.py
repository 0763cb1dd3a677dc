"""Own evidence: what the control plane itself sees, read from its ledger as it happens; the second class.

Its probers go to fixed addresses, target by target: their votes say of a *region*, by the pinned road,
whether it serves. Its enactors and its witness ask the DNS: what they say of an *endpoint* needs nothing of
what stands behind the name. So a region and a name that leads to it are told apart by evidence that is there
anyway, without a question of anybody.

What is not known is left out. A vantage that was not heard of late, one that counts as sick, an enactor that
gives no sign of life: none of their old words count, the good ones least of all.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from outlast.core.observe import VantageView
from outlast.detect.belief import Feed, Order
from outlast.detect.cells import Evidence, ProbeSeen, Road
from outlast.drivers.entries import Alive, EndpointRow
from outlast.drivers.ledger import Ledger
from outlast.drivers.prober import assignments_of
from outlast.drivers.reports.orders import Answer, Orders, Wanted
from outlast.drivers.wellness import Wellness
from outlast.model.errors import StoreReplaced
from outlast.model.health import Verdict
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.plan import Drift, DriftKind
from outlast.model.topology import Topology
from outlast.model.units import NS_PER_S, Nanos, iso
from outlast.ports import Clock

UNSERVED = frozenset({DriftKind.EMPTY, DriftKind.UNREACHABLE, DriftKind.CONTENT, DriftKind.FOREIGN})
"""What clients would feel. An older plan of ours, or a fence that is gone, still answers."""

LOOK_RATIO = 100.0
MISSED_MAX = 3
"""Signs of life that an enactor may miss."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the ledger shows."""

    probes: tuple[ProbeSeen, ...] = ()
    feeds: tuple[Feed, ...] = ()
    orders: tuple[Order, ...] = ()


class OwnEvidence:
    """Follows a ledger."""

    def __init__(self, topology: Topology, clock: Clock) -> None:
        self._clock = clock
        self._forget()
        self.change_topology(topology)

    def _forget(self) -> None:
        self._revision = 0
        self._votes: dict[tuple[VantageName, Subject], Verdict] = {}
        self._rows: list[EndpointRow] = []
        self._rows_due_s = 0.0

    def change_topology(self, topology: Topology) -> None:
        """Go on with another topology."""
        self._settings = topology.settings
        self._region = {one.subject: region for one, region in assignments_of(topology)}
        self._judged = Counter(self._region.values())
        countries = {one.name: one.country for one in topology.regions}
        self._country = {
            one.name: countries.get(one.region, "") if one.region else ""
            for one in topology.vantages
        }
        self._endpoints = frozenset(one.name for one in topology.endpoints)

    async def look(self, ledger: Ledger) -> Look:
        """Return what is seen now.

        Raises:
            StoreError: the ledger cannot be read; then nothing is known.
        """
        try:
            votes, revision = await ledger.votes(newer_than=self._revision)
        except StoreReplaced:
            self._forget()
            votes, revision = await ledger.votes()
        self._revision = revision
        self._votes |= {(one.vantage, subject): one.verdict for subject, one in votes}
        views, _ = await ledger.views()
        rows = await self._all_rows(ledger)
        roles, others = await ledger.roles(), await ledger.disagreements()
        now_ns = self._clock.now_ns()
        deaf = self._deaf(views, now_ns)
        awake = any(_lives(one, now_ns) for one in roles)
        named = [*self._names(rows, others)] if awake else []
        orders = Orders(ledger.store, self._clock)
        answers = await orders.answers(self._settings.evidence_max_age_s)
        feeds = (*self._vantages(views, deaf), *_enactors(roles, now_ns, named))
        probes = (*self._regions(deaf), *named, *self._answered(answers, deaf))
        return Look(probes, feeds, tuple(_ordered(await orders.lasting(), answers)))

    async def _all_rows(self, ledger: Ledger) -> list[EndpointRow]:
        """Return every endpoint's row, as it is now or was lately: looking takes a hundredth of the time.

        What a drift leaves behind when it is over is a deletion, which only a look at all of them shows; of
        a hundred thousand endpoints that takes a second.
        """
        began_s = time.monotonic()
        if began_s >= self._rows_due_s:
            self._rows, _ = await ledger.rows()
            ended_s = time.monotonic()
            self._rows_due_s = ended_s + LOOK_RATIO * (ended_s - began_s)
        return self._rows

    # probes

    def _deaf(self, views: Sequence[VantageView], now_ns: Nanos) -> dict[VantageName, str]:
        """Return the vantages that say nothing that counts, with why."""
        wellness = Wellness(self._settings)
        wellness.hear(views, (), now_ns)
        deaf = {one: f"it counts as sick: {why}" for one, why in wellness.sick.items()}
        limit_ns = self._settings.evidence_max_age_s * NS_PER_S
        for view in views:
            if now_ns - view.heard_at_ns > limit_ns:
                deaf[view.vantage] = f"not heard since {iso(view.heard_at_ns)}"
        heard = {one.vantage for one in views}
        return deaf | {
            one: "never heard" for one, _ in self._votes if one not in heard and one not in deaf
        }

    def _regions(self, deaf: dict[VantageName, str]) -> Iterator[ProbeSeen]:
        """Yield how each region looks from each vantage: most of it down, or up and nothing down."""
        counts: Counter[tuple[VantageName, RegionName, Verdict]] = Counter()
        for (vantage, subject), verdict in self._votes.items():
            if vantage not in deaf and subject in self._region:
                counts[vantage, self._region[subject], verdict] += 1
        for vantage, region in sorted({(one, two) for one, two, _ in counts}):
            half = self._judged[region] / 2
            down = counts[vantage, region, Verdict.DOWN]
            up = counts[vantage, region, Verdict.UP]
            if down > half or (up > half and not down):
                yield ProbeSeen(
                    subject=region,
                    good=not down,
                    road=Road.PINNED,
                    country=self._country.get(vantage, ""),
                    place=vantage,
                )

    def _answered(
        self, answers: Sequence[Answer], deaf: dict[VantageName, str]
    ) -> Iterator[ProbeSeen]:
        """Yield what was found by order."""
        for one in answers:
            vantage = VantageName(one.vantage)
            if vantage not in deaf:
                yield ProbeSeen(
                    subject=one.subject,
                    good=one.good,
                    road=one.road,
                    country=self._country.get(vantage, ""),
                    place=f"{vantage}, by order",
                )

    def _vantages(
        self, views: Sequence[VantageView], deaf: dict[VantageName, str]
    ) -> Iterator[Feed]:
        for view in views:
            failing = [
                f"{one.failing} of {one.judged} in {one.region}"
                for one in view.regions
                if one.failing
            ]
            yield Feed(
                evidence=Evidence.PROBE,
                name=f"vantage {view.vantage}",
                heard_ns=view.heard_at_ns,
                silent=deaf.get(view.vantage, ""),
                says=f"failing: {', '.join(failing[:5])}" if failing else "nothing fails",
            )

    # the DNS

    def _names(
        self, rows: Sequence[EndpointRow], others: Sequence[tuple[str, Drift]]
    ) -> Iterator[ProbeSeen]:
        """Yield what the DNS answers for each endpoint, at its primary and at the servers that differ."""
        for row in rows:
            if row.endpoint not in self._endpoints or row.receipt is None:
                continue
            bad = row.found is not None and row.found.drift.kind in UNSERVED
            if bad or row.found is None:
                yield ProbeSeen(
                    subject=row.endpoint, good=not bad, road=Road.ASKED, place="primary"
                )
        for server, drift in others:
            if drift.endpoint in self._endpoints and drift.kind in UNSERVED:
                yield ProbeSeen(subject=drift.endpoint, good=False, road=Road.ASKED, place=server)


def _ordered(orders: Sequence[Wanted], answers: Sequence[Answer]) -> Iterator[Order]:
    """Yield orders with what was answered."""
    for one in orders:
        good = {it.good for it in answers if (it.subject, it.road) == (one.subject, one.road)}
        said = (
            "divided" if len(good) > 1 else {True: "good", False: "bad"}[good.pop()] if good else ""
        )
        yield Order(
            subject=one.subject,
            road=one.road,
            good_means=one.good_means,
            bad_means=one.bad_means,
            at_ns=one.at_ns,
            answer=said,
        )


def _lives(one: Alive, now_ns: Nanos) -> bool:
    return one.kind == "enactor" and now_ns - one.at_ns <= MISSED_MAX * one.every_s * NS_PER_S


def _enactors(roles: Sequence[Alive], now_ns: Nanos, named: Sequence[ProbeSeen]) -> Iterator[Feed]:
    bad = sorted({one.subject for one in named if not one.good})
    for one in roles:
        if one.kind == "enactor":
            yield Feed(
                evidence=Evidence.PROBE,
                name=f"the DNS, by {one.name}",
                heard_ns=one.at_ns,
                silent="" if _lives(one, now_ns) else f"not heard since {iso(one.at_ns)}",
                says=f"wrong answers: {', '.join(bad[:5])}" if bad else "names answer as planned",
            )
