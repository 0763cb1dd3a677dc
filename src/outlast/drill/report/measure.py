"""What a report says in figures: levels of trouble, people hit, spans of trouble, who took whom down.

One pass over an outcome gives everything that the page, the figures and the terminal show, so that they
never disagree. People are counted once for each service that fails them: somebody who can reach neither
bank nor messenger counts twice. `Hit.share_ratio` has no such flaw: it is failing use over all use.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outlast.drill.outcome import Outcome

Floats = NDArray[np.float32]
Levels = NDArray[np.uint8]

# Share not served at which each level of trouble begins; level 0 is below the first.
TROUBLE_BEGINS = (0.005, 0.05, 0.15, 0.35, 0.65, 0.95)
TROUBLE_TEXTS = ("none", "0.5-5 %", "5-15 %", "15-35 %", "35-65 %", "65-95 %", "95-100 %")
# Share of a country's use that fails.
USE_BEGINS = (0.001, 0.01, 0.03, 0.1, 0.2, 0.4)
USE_TEXTS = ("below 0.1 %", "0.1-1 %", "1-3 %", "3-10 %", "10-20 %", "20-40 %", "over 40 %")
DEGRADED = 7
"""The level of what is served, but with less than its full function."""
ABSENT = 8
"""The level of what does not run, or is not known."""
DOWN_BELOW = 0.9
"""As in `outcome.EventKind.DOWN`."""


MINUTES_AT_ONCE = 64
"""Of thousands of services; each step between would otherwise be as large as the run itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """People.

    Attributes:
        people: people hit, once a service [minute, country].
        share_ratio: failing use over all use [minute, country].
        user_minutes: lost, by service.
    """

    people: Floats
    share_ratio: Floats
    user_minutes: NDArray[np.float64]

    @property
    def lost(self) -> float:
        """All user-minutes lost."""
        return float(self.user_minutes.sum())

    @property
    def peak(self) -> int:
        """The minute at which most people are hit."""
        return int(self.people.sum(axis=1).argmax()) if len(self.people) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of trouble of a service in the region that it hit hardest.

    Attributes:
        from_min, until_min: minutes after the start; `until_min` None: it lasted to the end.
        worst_ratio: the smallest share served.
        mean_ratio: the mean share served.
    """

    from_min: int
    until_min: int | None
    worst_ratio: float
    mean_ratio: float


def people_hit(outcome: Outcome) -> Hit:
    """Count the people, minute by minute."""
    using = outcome.people.sum(axis=0)
    people = np.zeros((outcome.minutes, len(outcome.countries)), dtype=np.float32)
    user_minutes = np.zeros(len(outcome.services))
    for minute, hit in enumerate(outcome.affected()):
        people[minute] = hit.sum(axis=0)
        user_minutes += hit.sum(axis=1)
    online = outcome.awake * using
    share = np.divide(people, online, out=np.zeros_like(people), where=online > 0)
    return Hit(people=people, share_ratio=share, user_minutes=user_minutes)


def hardest(outcome: Outcome) -> NDArray[np.intp]:
    """Return the region in which each service fared worst."""
    lost = np.zeros(outcome.served.shape[1:])
    for served in outcome.served:  # a minute at a time: all at once is as large as the run itself
        lost += 1.0 - np.nan_to_num(served, nan=1.0)
    return np.asarray(lost.argmax(axis=1))


def at_region(series: Floats, regions: NDArray[np.intp]) -> Floats:
    """Return a series [minute, service] from one [minute, service, region]."""
    return np.asarray(series[:, np.arange(len(regions)), regions])


def trouble_levels(served: Floats, degraded: Floats) -> Levels:
    """Return the level of trouble of each sample."""
    levels = np.zeros(served.shape, dtype=np.uint8)
    for begin in range(0, len(served), MINUTES_AT_ONCE):
        part = slice(begin, begin + MINUTES_AT_ONCE)
        lost = 1.0 - np.nan_to_num(served[part], nan=1.0)
        found = levels[part]
        for begins in TROUBLE_BEGINS:
            found += lost >= begins
        found[(found == 0) & (np.nan_to_num(degraded[part]) >= TROUBLE_BEGINS[1])] = DEGRADED
        found[np.isnan(served[part])] = ABSENT
    return levels


def use_levels(share: Floats) -> Levels:
    """Return the level of a share of failing use."""
    return np.asarray(np.digitize(share, USE_BEGINS), dtype=np.uint8)


def spans(served: Floats, *, below: float = DOWN_BELOW, gap_min: int = 10) -> tuple[Span, ...]:
    """Return the stretches [minute] in which less than `below` was served; short pauses do not part them."""
    down = np.nan_to_num(served, nan=1.0) < below
    edges = np.flatnonzero(np.diff(np.concatenate(([False], down, [False])).astype(np.int8)))
    found: list[tuple[int, int]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        if found and begin - found[-1][1] < gap_min:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return tuple(
        Span(
            from_min=begin,
            until_min=end if end < len(served) else None,
            worst_ratio=float(np.nanmin(served[begin:end])),
            mean_ratio=float(np.nanmean(served[begin:end])),
        )
        for begin, end in found
    )
