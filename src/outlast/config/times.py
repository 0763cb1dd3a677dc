"""Times in scenario files, as people write them: `40m` after the start, or `07:26` by the clock (UTC).

A bare number is seconds. A clock time means its first instant at or after the start, so a drill that
begins at 22:00 may say `03:15`; for later days the day is written in front.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_SPAN = re.compile(rf"(?:({_NUMBER})d)?(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s?)?\Z")
_CLOCK = re.compile(r"(?:(\d{4}-\d{2}-\d{2})[ T])?(\d{1,2}):(\d{2})(?::(\d{2}))?Z?\Z")
_PLAIN = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?\Z", re.IGNORECASE)
_UNITS_S = (86_400, 3600, 60, 1)
SPAN_REMEDY = "write `90`, `90s`, `40m`, `2h` or `1h30m`"
TIME_REMEDY = "write a time after the start, such as `40m`, or by the clock (UTC), such as `07:26`"


@dataclass(frozen=True, slots=True)
class Clock:
    """A time by the clock, in UTC; without a day: the first one at or after the start."""

    at: time
    on: date | None = None

    def after(self, start: datetime) -> float:
        """Return seconds after the start; below 0 where the day is before it."""
        instant = datetime.combine(self.on or start.date(), self.at, tzinfo=UTC)
        if self.on is None and instant < start:
            instant += timedelta(days=1)
        return (instant - start).total_seconds()


When = float | Clock


def parse_span(text: str) -> float:
    """Read a length of time, in seconds."""
    found = _SPAN.match(text.replace(" ", ""))
    if not text or found is None or not any(found.groups()):
        raise ValueError("it is no length of time")
    return sum(float(one) * unit for one, unit in zip(found.groups(), _UNITS_S, strict=True) if one)


def parse_when(text: str) -> When:
    """Read a time: after the start, or by the clock."""
    found = _CLOCK.match(text)
    if found is None:
        try:
            return parse_span(text)
        except ValueError:
            raise ValueError("it is no time") from None
    day, hour, minute, second = found.groups()
    try:
        on = date.fromisoformat(day) if day else None
        return Clock(time(int(hour), int(minute), int(second or 0)), on)
    except ValueError:
        raise ValueError("there is no such time") from None


def parse_instant(text: str) -> datetime:
    """Read an instant: a day and a time, in UTC."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        text += " 00:00"
    when = parse_when(text)
    if not isinstance(when, Clock) or when.on is None:
        raise ValueError("it is no day with a time")
    return datetime.combine(when.on, when.at, tzinfo=UTC)


def parse_amount(text: str) -> When:
    """Read a number, a percentage, a length of time or a time by the clock."""
    if _PLAIN.match(text):
        return float(text)
    if text.endswith("%") and _PLAIN.match(text[:-1]):
        return float(text[:-1]) / 100
    try:
        return parse_when(text)
    except ValueError:
        raise ValueError("it is no number, percentage or time") from None


def seconds_after(when: When, start: datetime) -> float:
    """Return seconds after the start."""
    return when.after(start) if isinstance(when, Clock) else when
