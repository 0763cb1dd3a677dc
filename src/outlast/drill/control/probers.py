"""Probers: vantages that probe what stands behind endpoints, and count with `core.observe`.

A probe is good with the chance that a request has, so a target that answers half of its requests wavers, as
it does in earnest; one that takes longer than the check's time-out answers none. Results that change nothing
any more (a target long known to be up that is up) are not counted one by one: no decision reads how many.

A vantage in a region that is dark is silent. What it said grows old, and is then no evidence.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from outlast.core import observe
from outlast.core.messages import Probed
from outlast.core.observe import RegionView, VantageView
from outlast.drill.layout import Layout
from outlast.model.health import Report, Verdict, Vote
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.topology import CheckKind, HealthCheck, subject_of
from outlast.model.units import Nanos, seconds

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Watched:
    """One address, as one vantage sees it."""

    subject: Subject
    door: int
    column: int
    check: HealthCheck
    due_ns: int
    vote: Vote | None = None

    def settled(self, share: float) -> bool:
        """Whether one more result of the kind that must come would change nothing."""
        vote = self.vote
        if vote is None or 0.0 < share < 1.0:
            return False
        if share >= 1.0:
            return vote.verdict is Verdict.UP and vote.good_run > 0
        return vote.verdict is Verdict.DOWN and vote.bad_run > 0


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote on its way to the store."""

    vantage: VantageName
    subject: Subject
    vote: Vote


class Prober:
    """One vantage.

    Attributes:
        column: the region it stands in; -1: in none of ours.
    """

    def __init__(
        self, vantage: VantageName, column: int, world: Layout, random: Random, *, begin_ns: int
    ) -> None:
        self.vantage = vantage
        self.column = column
        self._random = random
        self.watched = tuple(_watched(world, begin_ns))
        names = tuple(one.name for one in world.regions)
        self._region = {one.subject: names[one.column] for one in self.watched}
        self._failing: dict[Subject, bool] = {}
        judged: dict[RegionName, int] = {}
        for region in self._region.values():
            judged[region] = judged.get(region, 0) + 1
        self._views = {
            region: RegionView(region=region, judged=count, failing=0, onset_ns=None)
            for region, count in sorted(judged.items())
        }

    def probe(self, until_ns: int, lives: Floats) -> list[tuple[int, Cast]]:
        """Probe up to an instant; return the votes with when they are cast.

        Args:
            lives: share of requests that each region answers [endpoint, region].
        """
        found: list[tuple[int, Cast]] = []
        for one in self.watched:
            interval_ns = seconds(one.check.interval_s)
            share = float(lives[one.door, one.column])
            if one.settled(share):
                one.due_ns += max(0, (until_ns - one.due_ns) // interval_ns + 1) * interval_ns
                continue
            while one.due_ns <= until_ns:
                found += self._once(one, share)
                one.due_ns += interval_ns
        return found

    def _once(self, one: Watched, share: float) -> list[tuple[int, Cast]]:
        good = share >= 1.0 or (share > 0.0 and self._random.random() < share)
        at_ns = Nanos(one.due_ns + (0 if good else seconds(one.check.timeout_s)))
        report = Report(vantage=self.vantage, subject=one.subject, good=good, at_ns=at_ns)
        event = Probed(report=report, rise=one.check.rise, fall=one.check.fall)
        one.vote, casts = observe.step(one.vote, event)
        return [(at_ns, Cast(self.vantage, one.subject, cast.vote)) for cast in casts]

    def view(self, heard_at_ns: Nanos, cast: Cast | None = None) -> VantageView:
        """Return how the world looks from here once a vote is cast."""
        if cast is not None:
            before = self._failing.get(cast.subject, False)
            now = self._failing[cast.subject] = cast.vote.bad_run > 0
            region = self._region[cast.subject]
            view = self._views[region]
            failing = view.failing + now - before
            self._views[region] = view.moved(failing=failing, at_ns=cast.vote.at_ns)
        views = tuple(self._views.values())
        return VantageView(vantage=self.vantage, regions=views, heard_at_ns=heard_at_ns)

    def restart(self, at_ns: int) -> None:
        """Begin anew: whatever was counted is forgotten."""
        for one in self.watched:
            one.vote, one.due_ns = None, max(one.due_ns, at_ns)


def _watched(world: Layout, begin_ns: int) -> list[Watched]:
    columns = {one.name: column for column, one in enumerate(world.regions)}
    found = [
        Watched(
            subject=subject_of(endpoint.name, target.name, family),
            door=door,
            column=columns[target.region],
            check=target.check,
            due_ns=begin_ns,
        )
        for door, endpoint in enumerate(world.endpoints)
        for target in endpoint.targets
        if target.check.kind is not CheckKind.NONE and target.region in columns
        for family in target.families
    ]
    for place, one in enumerate(found):  # spread over the interval, as the fleet spreads them
        one.due_ns += seconds(one.check.interval_s) * place // len(found)
    return found
