"""A small outcome made by hand, for reports: three services, two regions, three countries, four hours."""

from datetime import UTC, datetime

import numpy as np

from outlast.drill.outcome import Event, EventKind, Judgement, Loop, Outcome

MINUTES = 240


def event(at_min: float, kind: EventKind, subject: str, because: str = "") -> Event:
    return Event(at_s=at_min * 60, kind=kind, subject=subject, because=because)


def _events(crowd: int) -> tuple[Event, ...]:
    return (
        event(30, EventKind.FAULT, "store.example"),
        event(30, EventKind.DOWN, "store", "store.example"),
        event(31, EventKind.DOWN, "shop", "store"),
        *(event(32 + one % 150, EventKind.DOWN, f"company-{one}", "shop") for one in range(crowd)),
        event(85, EventKind.ACTION, "store.example"),
        event(90, EventKind.UP, "store"),
        event(95, EventKind.UP, "shop"),
    )


def made_outcome(*, crowd: int = 0, title: str = "Name of the store emptied") -> Outcome:
    """Return an outcome: `store` fails from minute 30 to 90 in `east`, `shop` with it, `log` never.

    Args:
        crowd: services beside them that fail with `store`, each a little differently where over 1,000.
    """
    services = ("store", "shop", "log", *(f"company-{number}" for number in range(crowd)))
    served = np.ones((MINUTES, len(services), 2), dtype=np.float32)
    served[30:90, 0, 0] = 0.0
    served[31:95, 1, 0] = 0.4
    served[:, 0, 1] = np.nan
    for number in range(crowd):
        served[32 + number % 150 : 185, 3 + number, 0] = 0.5
    degraded = np.zeros_like(served)
    degraded[100:110, 2] = 0.5
    people = np.zeros((len(services), 3), dtype=np.float32)
    people[1] = (1_000_000, 500_000, 10_000)
    people[3:] = 1000
    homes = np.zeros((len(services), 3, 2), dtype=np.float32)
    homes[:, 0, 0] = homes[:, 2, 0] = 1.0
    homes[:, 1, 1] = 1.0
    reports = np.zeros((MINUTES, 3), dtype=np.float32)
    reports[31:95, 0] = 800
    return Outcome(
        scenario="made",
        title=title,
        start=datetime(2025, 10, 20, 6, 40, tzinfo=UTC),
        services=services,
        regions=("east", "west"),
        countries=("US", "DE", "SG"),
        name_of=("store",),
        served=served,
        degraded=degraded,
        meters={"queue": np.ones_like(served[:, :3])},
        names=np.ones((MINUTES, 1), dtype=np.float32),
        people=people,
        homes=homes,
        awake=np.full((MINUTES, 3), 0.5, dtype=np.float32),
        reports=reports,
        events=_events(crowd),
        judgements=(
            Judgement(name="shop stays up", held=False, shown=0.4, wanted=0.99, text="0.40 < 0.99"),
        ),
        metastable=(Loop(mechanism="retries", services=("shop",), healed_s=600.0),),
        provenance={"world": "made", "seed": "1"},
    )
