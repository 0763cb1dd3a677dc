"""Revisions: how far a role has read each part of the ledger."""

from dataclasses import dataclass


@dataclass(slots=True)
class Revisions:
    """Up to which revision each part of the ledger was read."""

    rows: int = 0
    overrides: int = 0
    views: int = 0
    votes: int = 0

    @property
    def oldest(self) -> int:
        """The one that is farthest behind: news is whatever came after it."""
        return min(self.rows, self.overrides, self.views, self.votes)
