"""Rows of the heat map: every service, in the outcome's order, which is the order of dependency.

A world has thousands of services and a picture a hundred rows. Services that fared alike to the level and
the minute share one row with their number on it, so no service is left out; if the rows are still too
many, those that hurt fewest people are drawn together as their mean.
"""

from dataclasses import dataclass

import numpy as np

from outlast.drill.outcome import EventKind, Outcome
from outlast.drill.report.measure import (
    ABSENT,
    Floats,
    Hit,
    Levels,
    Span,
    at_region,
    hardest,
    spans,
    trouble_levels,
)

ROWS_MAX = 110
NAMES_MAX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        services: who fared so.
        region: where it was worst; empty: there is but one region, or they differ.
        levels: of trouble, by minute.
        spans: of trouble.
        worst_ratio: the smallest share served.
        user_minutes: lost by all of them together.
        because: what began it, as far as known.
    """

    services: tuple[str, ...]
    region: str
    levels: Levels
    spans: tuple[Span, ...]
    worst_ratio: float
    user_minutes: float
    because: str

    @property
    def title(self) -> str:
        """A short name."""
        more = len(self.services) - 1
        return self.services[0] + (f" and {more:,} more" if more else "")

    @property
    def down_min(self) -> int:
        """Minutes in which less than nine tenths were served."""
        return sum((span.until_min or len(self.levels)) - span.from_min for span in self.spans)

    @property
    def members(self) -> str:
        """Who they are, as far as there is room."""
        named = ", ".join(self.services[:NAMES_MAX])
        more = len(self.services) - NAMES_MAX
        return f"{named} and {more:,} more" if more > 0 else named


def rows_of(outcome: Outcome, hit: Hit) -> tuple[Row, ...]:
    """Return the rows, at most `ROWS_MAX` and one for the rest."""
    where = hardest(outcome)
    served = at_region(outcome.served, where)
    levels = trouble_levels(served, at_region(outcome.degraded, where))
    groups: dict[bytes, list[int]] = {}
    for index in range(len(outcome.services)):
        if (levels[:, index] != ABSENT).any():
            groups.setdefault(levels[:, index].tobytes(), []).append(index)
    kept, rest = _chosen(outcome, hit, list(groups.values()))
    made = [
        _row(outcome, members, served[:, members[0]], levels[:, members[0]], hit=hit)
        for members in kept
    ]
    if rest:
        mean = np.nanmean(served[:, rest], axis=1).astype(np.float32)
        made.append(_row(outcome, rest, mean, trouble_levels(mean, np.zeros_like(mean)), hit=hit))
    return tuple(made)


def _chosen(
    outcome: Outcome, hit: Hit, groups: list[list[int]]
) -> tuple[list[list[int]], list[int]]:
    """Part the groups into those drawn and the services of the others."""
    if len(groups) <= ROWS_MAX:
        return groups, []
    caused = {event.because for event in outcome.events if event.kind is EventKind.DOWN}
    used = outcome.people.sum(axis=1)

    def weight(group: list[int]) -> tuple[bool, bool, float]:
        return (
            any(outcome.services[one] in caused for one in group),
            not used[group].any(),
            float(hit.user_minutes[group].sum()),
        )

    best = sorted(range(len(groups)), key=lambda one: weight(groups[one]), reverse=True)
    drawn = set(best[:ROWS_MAX])
    kept = [group for index, group in enumerate(groups) if index in drawn]
    rest = [one for index, group in enumerate(groups) if index not in drawn for one in group]
    return kept, rest


def _row(outcome: Outcome, members: list[int], served: Floats, levels: Levels, *, hit: Hit) -> Row:
    services = tuple(outcome.services[one] for one in members)
    regions = {_region(outcome, one) for one in members[:NAMES_MAX]}
    return Row(
        services=services,
        region=regions.pop() if len(regions) == 1 and len(outcome.regions) > 1 else "",
        levels=levels,
        spans=spans(served),
        worst_ratio=float(np.nanmin(served)),
        user_minutes=float(hit.user_minutes[members].sum()),
        because=next(
            (
                event.because
                for event in outcome.events
                if event.kind is EventKind.DOWN and event.subject in services[:1]
            ),
            "",
        ),
    )


def _region(outcome: Outcome, service: int) -> str:
    lost = np.nansum(1.0 - outcome.served[:, service], axis=0)
    return outcome.regions[int(lost.argmax())] if lost.max() > 0 else ""
