"""Times on pictures: hours of the day in UTC, seldom enough to be read."""

from collections.abc import Iterator
from datetime import timedelta

from outlast.drill.outcome import Outcome

STEPS_MIN = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)


def clock(outcome: Outcome, minute: float) -> str:
    """Return a time of the day, with the day where the run is longer than one."""
    at = outcome.start + timedelta(minutes=minute)
    return at.strftime("%d %b %H:%M" if outcome.minutes > 1440 else "%H:%M")


def ticks(outcome: Outcome, most: int) -> Iterator[tuple[int, str]]:
    """Yield minutes and their labels: whole hours of the day where the run is long enough."""
    step = next((one for one in STEPS_MIN if outcome.minutes / one <= most), STEPS_MIN[-1])
    first = -(outcome.start.hour * 60 + outcome.start.minute) % step
    for minute in range(first, outcome.minutes, step):
        yield minute, clock(outcome, minute)


def length(minutes: float) -> str:
    """Return a duration for people: `42 min`, `2 h 52 min`."""
    whole = round(minutes)
    hours, rest = divmod(whole, 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def count(amount: float) -> str:
    """Return a number of people for people: three figures of it."""
    for limit, unit, text in ((1e9, 1e9, "bn"), (1e6, 1e6, "m"), (1e4, 1e3, "k")):
        if amount >= limit:
            return f"{amount / unit:.3g} {text}"
    return f"{amount:,.0f}"
