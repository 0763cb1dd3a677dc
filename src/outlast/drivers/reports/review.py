"""Review: names that people report and the topology does not know, kept apart for people to look at.

Half of them are misspelt, some are a service that somebody forgot to enter, and in a bad hour most are
abuse. So the number of names is bounded: when it is full, the rarest half goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NAMES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Named:
    """An unknown name.

    Attributes:
        first_s, last_s: when it came, in seconds since 1970.
    """

    name: str
    reports: int
    first_s: int
    last_s: int


class Review:
    """What waits to be looked at, most frequent first."""

    def __init__(self, limit: int = NAMES_MAX) -> None:
        self._limit = limit
        self._names: dict[str, Named] = {}
        self.dropped = 0

    def add(self, names: Mapping[str, int], now_s: int) -> None:
        """Take names with their numbers of reports."""
        for name, number in names.items():
            known = self._names.get(name)
            if known is None:
                self._names[name] = Named(name, number, now_s, now_s)
            else:
                self._names[name] = Named(name, known.reports + number, known.first_s, now_s)
        if len(self._names) > self._limit:
            kept = self.most(self._limit // 2)
            self.dropped += len(self._names) - len(kept)
            self._names = {one.name: one for one in kept}

    def most(self, limit: int) -> list[Named]:
        """Return the most frequent names."""
        return sorted(self._names.values(), key=lambda one: (-one.reports, one.name))[:limit]
