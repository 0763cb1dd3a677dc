"""Wellness: the votes of all vantages, gathered, and what they make of each subject.

The planner's memory of health. It holds what the ledger says and calls `core.observe` for every
judgement; it decides nothing by itself.
"""

from collections.abc import Iterable
from dataclasses import replace

from outlast.core.observe import VantageView, combine, find_sick
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
        sick = find_sick(
            tuple(self._views[name] for name in sorted(self._views)),
            sick_ratio=self._settings.sick_ratio,
            window_ns=seconds(self._settings.sick_window_s),
        )
        max_age_ns = seconds(self._settings.evidence_max_age_s)
        silent = frozenset(
            name for name, view in self._views.items() if now_ns - view.heard_at_ns > max_age_ns
        )
        everything = sick.keys() != self.sick.keys() or silent != self._silent
        self.sick, self._silent = sick, silent
        return None if everything else changed

    def judge(self, subject: Subject, now_ns: Nanos) -> tuple[Health, bool]:
        """Return a subject's health as of now, and whether its verdict changed."""
        votes = []
        for vantage, vote in sorted(self._votes.get(subject, {}).items()):
            view = self._views.get(vantage)
            heard_at_ns = view.heard_at_ns if view is not None else vote.at_ns
            votes.append((replace(vote, trusted=vantage not in self.sick), heard_at_ns))
        before = self._health.get(subject)
        health = combine(
            subject,
            tuple(votes),
            before=before,
            now_ns=now_ns,
            max_age_ns=seconds(self._settings.evidence_max_age_s),
        )
        self._health[subject] = health
        return health, before is None or before.verdict is not health.verdict
