"""What would have helped: one line for each run of the same disaster with something changed."""

from dataclasses import dataclass

from outlast.drill.outcome import Outcome
from outlast.drill.report.measure import DOWN_BELOW, Hit, at_region, hardest, people_hit, spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """One run in a few figures.

    Attributes:
        name: of the change.
        label: what it means, for people.
        user_minutes: lost.
        people_peak: hit at once, at most.
        reports: written by users.
        service_minutes: minutes below nine tenths, all services together, each where it fared worst.
        last_min: the minute at which the last service came back; None: one never did.
    """

    name: str
    label: str
    user_minutes: float
    people_peak: float
    reports: float
    service_minutes: int
    last_min: int | None


def measured(outcome: Outcome, *, name: str, label: str = "", hit: Hit | None = None) -> Measures:
    """Return a run's figures."""
    people = hit or people_hit(outcome)
    served = at_region(outcome.served, hardest(outcome))
    last: int | None = 0
    total = 0
    for index in range(served.shape[1]):
        if not (served[:, index] < DOWN_BELOW).any():
            continue
        for span in spans(served[:, index]):
            total += (span.until_min or outcome.minutes) - span.from_min
            last = None if span.until_min is None or last is None else max(last, span.until_min)
    return Measures(
        name=name,
        label=label,
        user_minutes=people.lost,
        people_peak=float(people.people.sum(axis=1).max(initial=0.0)),
        reports=float(outcome.reports.sum()),
        service_minutes=total,
        last_min=last,
    )
