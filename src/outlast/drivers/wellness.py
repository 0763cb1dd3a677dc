"""Wellness: the votes of all vantages, gathered, and what they make of each subject.

The planner's memory of health. It holds what the ledger says and calls `core.observe` for every
judgement; it decides nothing by itself.
"""

from collections.abc import Iterable

from outlast.core.observe import (
    Spell,
    VantageView,
    combine,
    find_sick,
    follow_spells,
    in_doubt,
    weigh,
)
from outlast.model.health import Health, Vote
from outlast.model.names import Subject, VantageName
from outlast.model.topology import Settings
from outlast.model.units import Nanos, seconds


class Wellness:
    """Votes and views of all vantages, and the health of every subject that was asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._votes: dict[Subject, dict[VantageName, Vote]] = {}
        self._views: dict[VantageName, VantageView] = {}
        self._silent: frozenset[VantageName] = frozenset()
        self._spells: dict[VantageName, Spell] = {}
        self._doubt: frozenset[VantageName] = frozenset()
        self._health: dict[Subject, Health] = {}
        self.sick: dict[VantageName, str] = {}

    def hear(
        self,
        views: Iterable[VantageView],
        votes: Iterable[tuple[Subject, Vote]],
        now_ns: Nanos,
    ) -> set[Subject] | None:
        """Take in news; return the subjects that may have changed, None: all of them may have."""
        for view in views:
            self._views[view.vantage] = view
        changed: set[Subject] = set()
        for subject, vote in votes:
            self._votes.setdefault(subject, {})[vote.vantage] = vote
            changed.add(subject)
        known = tuple(self._views[name] for name in sorted(self._views))
        max_age_ns = seconds(self._settings.evidence_max_age_s)
        window_ns = seconds(self._settings.sick_window_s)
        sick = find_sick(known, sick_ratio=self._settings.sick_ratio, window_ns=window_ns)
        self._spells = follow_spells(
            self._spells, known, sick, window_ns=window_ns, doubt_ns=max_age_ns
        )
        silent = frozenset(one.vantage for one in known if now_ns - one.heard_at_ns > max_age_ns)
        doubt = in_doubt(self._spells, known, max_age_ns)
        same = sick.keys() == self.sick.keys() and (silent, doubt) == (self._silent, self._doubt)
        self.sick, self._silent, self._doubt = sick, silent, doubt
        return changed if same else None

    def judge(self, subject: Subject, now_ns: Nanos) -> tuple[Health, bool]:
        """Return a subject's health as of now, and whether its verdict changed."""
        max_age_ns = seconds(self._settings.evidence_max_age_s)
        votes = []
        for vantage, vote in sorted(self._votes.get(subject, {}).items()):
            view = self._views.get(vantage)
            heard_at_ns = view.heard_at_ns if view is not None else vote.at_ns
            spell = self._spells.get(vantage)
            weighed = weigh(vote, spell, heard_at_ns=heard_at_ns, doubt_ns=max_age_ns)
            votes.append((weighed, heard_at_ns))
        before = self._health.get(subject)
        health = combine(
            subject,
            tuple(votes),
            before=before,
            now_ns=now_ns,
            max_age_ns=max_age_ns,
        )
        self._health[subject] = health
        return health, before is None or before.verdict is not health.verdict
