"""Observe: probe results become verdicts, votes become health, sick monitors are told from sick targets.

Three steps, each pure:

1. `step` counts results of one subject at one vantage: `fall` bad ones in a row make it down, `rise`
   good ones make it up again. The first good result of a subject never judged before makes it up at
   once: at start there is no history to be careful about.
2. `find_sick` looks at each vantage as a whole. Many unrelated targets that begin to fail at once, as
   seen from one place, mean that the place is sick: its network, its resolver, its clock. Such a vantage
   loses its vote. (Meta, October 2021: health logic withdrew everything at once, since everything looked
   dead from where it stood.) When it is well again, `weigh` goes on doubting what it found dead meanwhile,
   until it has probed that again.
3. `combine` takes the vote. Evidence that is missing or old counts for nothing: the answer is then
   *unknown*, which keeps things as they are. A majority of those who know decides; a tie is unknown.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from outlast.core.messages import CastVote, Probed
from outlast.model.health import Health, Verdict, Vote
from outlast.model.names import RegionName, Subject, VantageName
from outlast.model.units import Nanos


def step(vote: Vote | None, event: Probed) -> tuple[Vote, tuple[CastVote, ...]]:
    """Count one probe result.

    A vote is cast (sent to the planner) when the verdict changes, and also when a run of good results is
    broken or resumed: the planner judges vantages by how many subjects *begin* to fail, which must be
    known before any of them has failed `fall` times.
    """
    report = event.report
    if vote is None:
        vote = Vote(
            vantage=report.vantage,
            verdict=Verdict.UNKNOWN,
            good_run=0,
            bad_run=0,
            since_ns=report.at_ns,
            run_since_ns=report.at_ns,
            at_ns=report.at_ns,
        )
    good_run = vote.good_run + 1 if report.good else 0
    bad_run = 0 if report.good else vote.bad_run + 1
    turned = (good_run == 1) if report.good else (bad_run == 1)
    verdict = _judge(vote.verdict, good_run=good_run, bad_run=bad_run, event=event)
    new = Vote(
        vantage=report.vantage,
        verdict=verdict,
        good_run=good_run,
        bad_run=bad_run,
        since_ns=vote.since_ns if verdict is vote.verdict else report.at_ns,
        run_since_ns=report.at_ns if turned else vote.run_since_ns,
        at_ns=report.at_ns,
        detail=report.detail,
    )
    return new, (CastVote(vote=new),) if turned or verdict is not vote.verdict else ()


def _judge(verdict: Verdict, *, good_run: int, bad_run: int, event: Probed) -> Verdict:
    if bad_run >= event.fall:
        return Verdict.DOWN
    if good_run >= event.rise or (good_run and verdict is Verdict.UNKNOWN):
        return Verdict.UP
    return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionView:
    """How one region looks from one vantage.

    Attributes:
        judged: subjects of the region that the vantage probes.
        failing: those whose last result was bad.
        onset_ns: since when more than half of them have been failing; None: they are not.
    """

    region: RegionName
    judged: int
    failing: int
    onset_ns: Nanos | None

    def moved(self, *, failing: int, at_ns: Nanos) -> "RegionView":
        """Return the view after the number of failing subjects changed."""
        most = failing * 2 > self.judged
        onset_ns = (self.onset_ns if self.onset_ns is not None else at_ns) if most else None
        return RegionView(
            region=self.region, judged=self.judged, failing=failing, onset_ns=onset_ns
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageView:
    """How the world looks from one vantage, and when it last said so."""

    vantage: VantageName
    regions: tuple[RegionView, ...]
    heard_at_ns: Nanos


def find_sick(
    views: tuple[VantageView, ...], *, sick_ratio: float, window_ns: Nanos
) -> dict[VantageName, str]:
    """Return the sick vantages with the reason, for people.

    A vantage is sick when more than `sick_ratio` of the regions it sees, and at least two, began to fail
    within `window_ns` of each other. It is not if at least one other vantage, and the majority of all,
    see the very same regions failing: then it is the regions. But where *every* region fails it is
    sick whoever agrees: that is either a fault that monitors share or one in which removing
    addresses cannot help.
    """
    failing = {view.vantage: _fell_together(view, window_ns) for view in views}
    sick: dict[VantageName, str] = {}
    for view in views:
        mine = failing[view.vantage]
        seen = sum(1 for one in view.regions if one.judged)
        if len(mine) < 2 or len(mine) <= sick_ratio * seen:
            continue
        agreeing = sum(1 for other in failing.values() if mine <= other)
        if len(mine) < seen and agreeing >= 2 and agreeing * 2 > len(views):
            continue
        sick[view.vantage] = (
            f"{len(mine)} of {seen} regions began to fail at once from {view.vantage} "
            f"({', '.join(sorted(mine))})"
        )
    return sick


def _fell_together(view: VantageView, window_ns: Nanos) -> frozenset[RegionName]:
    """The largest group of regions whose failures began within the window of each other."""
    onsets = sorted(
        (one.onset_ns, one.region)
        for one in view.regions
        if one.judged and one.onset_ns is not None
    )
    groups = [
        frozenset(region for onset_ns, region in onsets if 0 <= onset_ns - first_ns <= window_ns)
        for first_ns, _ in onsets
    ]
    return max(groups, key=len, default=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time in which a vantage was sick.

    Attributes:
        began_ns: when the first of the regions that failed together did.
        ended_ns: when the vantage was well again; None: it is sick.
    """

    began_ns: Nanos
    ended_ns: Nanos | None = None

    def is_fresh(self, heard_at_ns: Nanos, doubt_ns: Nanos) -> bool:
        """Whether the vantage is sick, or well for less than `doubt_ns`."""
        return self.ended_ns is None or heard_at_ns - self.ended_ns <= doubt_ns


def follow_spells(
    spells: Mapping[VantageName, Spell],
    views: tuple[VantageView, ...],
    sick: Collection[VantageName],
    *,
    window_ns: Nanos,
    doubt_ns: Nanos,
) -> dict[VantageName, Spell]:
    """Return each vantage's last spell, after `find_sick`; a relapse while it is fresh continues it."""
    found: dict[VantageName, Spell] = {}
    for view in views:
        last = spells.get(view.vantage)
        if view.vantage in sick:
            goes_on = last is not None and last.is_fresh(view.heard_at_ns, doubt_ns)
            began_ns = last.began_ns if last is not None and goes_on else _first(view, window_ns)
            found[view.vantage] = Spell(began_ns=began_ns)
        elif last is not None:
            ended_ns = last.ended_ns if last.ended_ns is not None else view.heard_at_ns
            found[view.vantage] = replace(last, ended_ns=ended_ns)
    return found


def in_doubt(
    spells: Mapping[VantageName, Spell], views: tuple[VantageView, ...], doubt_ns: Nanos
) -> frozenset[VantageName]:
    """Return the vantages that are sick or only just well: when these change, judge everything anew."""
    return frozenset(
        view.vantage
        for view in views
        if view.vantage in spells and spells[view.vantage].is_fresh(view.heard_at_ns, doubt_ns)
    )


def _first(view: VantageView, window_ns: Nanos) -> Nanos:
    """When the first of the regions began to fail that fell together."""
    fell = _fell_together(view, window_ns)
    onsets = [one.onset_ns for one in view.regions if one.region in fell]
    return min((one for one in onsets if one is not None), default=view.heard_at_ns)


def weigh(vote: Vote, spell: Spell | None, *, heard_at_ns: Nanos, doubt_ns: Nanos) -> Vote:
    """Return the vote, untrusted if the vantage is sick, or well again and this is from its bad time.

    A vantage whose own network returns probes one region first: that makes it well, while what it believes
    of the others is as old as the trouble. So what it found dead meanwhile is doubted, and stays as it is in
    the answers, until all has surely been probed once more (`doubt_ns` after its recovery), and while good
    results come in of it. What it had found dead before, and what it finds alive, counts at once.
    """
    if spell is None:
        return vote
    if spell.ended_ns is None:
        return replace(vote, trusted=False)
    from_then = spell.began_ns <= vote.since_ns and (
        # A probe that was sent into the trouble may run into its time-out after it.
        min(vote.since_ns, vote.run_since_ns) <= spell.ended_ns
    )
    unproven = vote.good_run > 0 or spell.is_fresh(heard_at_ns, doubt_ns)
    doubted = vote.verdict is Verdict.DOWN and from_then and unproven
    return replace(vote, trusted=not doubted)


def combine(
    subject: Subject,
    votes: tuple[tuple[Vote, Nanos], ...],
    *,
    before: Health | None,
    now_ns: Nanos,
    max_age_ns: Nanos,
) -> Health:
    """Take the vote on one subject.

    Args:
        subject: what is voted on.
        votes: each vantage's vote, with the time up to which the vantage is known to have probed the
            subject. Untrusted votes are kept for people and not counted.
        before: the last result, for `since_ns`.
        now_ns: the time.
        max_age_ns: evidence older than this is no evidence.
    """
    fresh = [
        (vote, heard_at_ns)
        for vote, heard_at_ns in votes
        if vote.trusted
        and vote.verdict is not Verdict.UNKNOWN
        and now_ns - heard_at_ns <= max_age_ns
    ]
    up = sum(1 for vote, _ in fresh if vote.verdict is Verdict.UP)
    down = len(fresh) - up
    verdict = Verdict.UP if up > down else Verdict.DOWN if down > up else Verdict.UNKNOWN
    same = before is not None and before.verdict is verdict
    return Health(
        subject=subject,
        verdict=verdict,
        since_ns=before.since_ns if before is not None and same else now_ns,
        evidence_at_ns=max((heard_at_ns for _, heard_at_ns in fresh), default=Nanos(0)),
        votes=tuple(vote for vote, _ in votes),
    )
