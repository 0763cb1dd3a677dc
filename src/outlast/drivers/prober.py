"""Prober: one vantage at work: probes, counts with `core.observe`, and casts its votes in the ledger.

Votes travel when a verdict changes or a run of results breaks, not with each probe: a quiet world costs
one sign of life a second, whatever the number of targets. The sign says that everything was probed as
planned up to then; subjects for which that is not true get an *unknown* vote of their own, since missing
evidence must never look like fresh evidence.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from outlast.core import observe
from outlast.core.messages import Probed
from outlast.core.observe import RegionView, VantageView
from outlast.drivers.facts import Event, Fact, Tell
from outlast.drivers.ledger import Ledger
from outlast.drivers.probes.fleet import Fleet
from outlast.drivers.storewatch import StoreWatch
from outlast.model.errors import StoreError
from outlast.model.health import Report, Verdict, Vote
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.topology import CheckKind, HealthCheck, Topology, subject_of
from outlast.model.units import NS_PER_S, Nanos
from outlast.ports import Assignment, Clock

SIGN_OF_LIFE_S = 1.0
STORE_RETRY_S = 0.5
MISSED_MAX = 3
"""Intervals without a result after which a vantage no longer claims to know a subject."""


def assignments_of(topology: Topology) -> list[tuple[Assignment, RegionName]]:
    """Return everything that a vantage has to probe, with the region it stands in."""
    found = []
    for endpoint in topology.endpoints:
        for target in endpoint.targets:
            if target.check.kind is CheckKind.NONE:
                continue
            for family in target.families:
                assignment = Assignment(
                    subject=subject_of(endpoint.name, target.name, family),
                    host=str(target.address(family)),
                    server_name=target.check.host or str(endpoint.names[0].name),
                    check=target.check,
                )
                found.append((assignment, target.region))
    return found


class Prober:
    """One vantage of one topology. `run` works until it is cancelled."""

    def __init__(
        self,
        vantage: VantageName,
        topology: Topology,
        *,
        ledger: Ledger,
        clock: Clock,
        tell: Tell,
        fleet: Callable[[Callable[[tuple[Report, ...]], None]], Fleet] | None = None,
    ) -> None:
        self.vantage = vantage
        self.role = f"prober {vantage}"
        self._ledger = ledger
        self._clock = clock
        self._tell = tell
        self._make_fleet = fleet or (lambda emit: Fleet(vantage, clock, emit))
        self._fleet: Fleet | None = None
        self._checks: dict[Subject, HealthCheck] = {}
        self._regions: dict[Subject, RegionName] = {}
        self._votes: dict[Subject, Vote] = {}
        self._views: dict[RegionName, RegionView] = {}
        self._failing: dict[RegionName, int] = {}
        self._unsent: dict[Subject, Vote] = {}
        self._news = asyncio.Event()
        self.change_topology(topology)

    @property
    def doing(self) -> str:
        """One line for people."""
        down = sum(1 for vote in self._votes.values() if vote.verdict is Verdict.DOWN)
        return f"{len(self._checks)} addresses probed, {down} down"

    def change_topology(self, topology: Topology) -> None:
        """Probe what another topology asks for."""
        found = assignments_of(topology)
        self._checks = {one.subject: one.check for one, _ in found}
        self._regions = {one.subject: region for one, region in found}
        self._votes = {key: one for key, one in self._votes.items() if key in self._checks}
        judged: dict[RegionName, int] = {}
        self._failing = {}
        for subject, region in self._regions.items():
            judged[region] = judged.get(region, 0) + 1
            vote = self._votes.get(subject)
            self._failing[region] = self._failing.get(region, 0) + _fails(vote)
        self._views = {
            region: self._view(region, count) for region, count in sorted(judged.items())
        }
        self._assignments = [one for one, _ in found]
        if self._fleet is not None:
            self._fleet.update(self._assignments)

    def _view(self, region: RegionName, judged: int) -> RegionView:
        known = self._views.get(region)
        view = RegionView(
            region=region,
            judged=judged,
            failing=0,
            onset_ns=known.onset_ns if known is not None else None,
        )
        return view.moved(failing=self._failing[region], at_ns=self._clock.now_ns())

    async def run(self) -> None:
        """Probe until cancelled."""
        self._tell(
            Fact(event=Event.STARTED, role=self.role, detail=f"{len(self._checks)} addresses")
        )
        self._fleet = self._make_fleet(self.take)
        try:
            self._fleet.update(self._assignments)
            store = StoreWatch(self._tell, self.role)
            while True:
                try:
                    await self._send()
                    store.back()
                except StoreError as error:
                    store.lost(error)
                    await asyncio.sleep(STORE_RETRY_S)
                    continue
                await self._wait()
        finally:
            await self._fleet.close()
            self._fleet = None

    def take(self, reports: tuple[Report, ...]) -> None:
        """Count a batch of probe results."""
        for report in reports:
            check = self._checks.get(report.subject)
            if check is None:
                continue
            before = self._votes.get(report.subject)
            event = Probed(report=report, rise=check.rise, fall=check.fall)
            vote, casts = observe.step(before, event)
            self._votes[report.subject] = vote
            if casts:
                self._unsent[report.subject] = vote
                self._count(self._regions[report.subject], _fails(vote) - _fails(before), report)
        if self._unsent:
            self._news.set()

    def _count(self, region: RegionName, change: int, report: Report) -> None:
        if not change:
            return
        self._failing[region] += change
        view = self._views[region]
        self._views[region] = view.moved(failing=self._failing[region], at_ns=report.at_ns)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(SIGN_OF_LIFE_S):
                await self._news.wait()
        except TimeoutError:
            self._give_up_overdue()
        self._news.clear()

    def _give_up_overdue(self) -> None:
        """What was not probed for several intervals is no longer known."""
        now_ns = self._clock.now_ns()
        for subject, vote in self._votes.items():
            check = self._checks[subject]
            limit_ns = (MISSED_MAX * check.interval_s + check.timeout_s) * NS_PER_S
            if vote.verdict is not Verdict.UNKNOWN and now_ns - vote.at_ns > limit_ns:
                missed = replace(
                    vote,
                    verdict=Verdict.UNKNOWN,
                    good_run=0,
                    bad_run=0,
                    since_ns=now_ns,
                    run_since_ns=now_ns,
                    detail="not probed of late",
                )
                self._unsent[subject] = missed
        self._votes.update(self._unsent)

    async def _send(self) -> None:
        unsent, self._unsent = self._unsent, {}
        view = VantageView(
            vantage=self.vantage,
            regions=tuple(self._views.values()),
            heard_at_ns=Nanos(self._clock.now_ns()),
        )
        try:
            await self._ledger.cast(view, tuple(unsent.values()), tuple(unsent))
        except StoreError:
            self._unsent = unsent | self._unsent
            raise


def _fails(vote: Vote | None) -> int:
    return int(vote is not None and vote.bad_run > 0)
