"""Calendars: when an exercise is held (iCalendar, RFC 5545), and when it must not be."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from outlast.model.errors import ConfigError

LINE_OCTETS_MAX = 75
"""RFC 5545, section 3.1: longer lines are folded."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK_MIN = 7 * 24 * 60
_WEEKLY = re.compile(r"([a-z]{3}) (\d{1,2}):(\d{2}) ?- ?([a-z]{3}) (\d{1,2}):(\d{2})\Z")
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})\Z")


@dataclass(frozen=True, slots=True)
class Blocked:
    """A window in which no exercise may run: every week, or from one day to another, both included."""

    text: str
    week_min: tuple[int, int] | None = None
    days: tuple[datetime, datetime] | None = None

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether an exercise would run in it."""
        if self.days is not None:
            return begin < self.days[1] and end > self.days[0]
        minute = begin
        while minute < end:
            if self._holds(minute):
                return True
            minute += timedelta(minutes=1)
        return self._holds(begin)

    def _holds(self, at: datetime) -> bool:
        assert self.week_min is not None
        first, last = self.week_min
        now = (at.weekday() * 24 + at.hour) * 60 + at.minute
        return (now - first) % _WEEK_MIN < (last - first) % _WEEK_MIN


def parse_blocked(text: str) -> Blocked:
    """Read a blocked window: `fri 16:00-mon 08:00` (UTC) or `2026-12-20..2027-01-03`.

    Raises:
        ConfigError: it is neither.
    """
    weekly, dates = _WEEKLY.match(text.lower()), _DATES.match(text)
    try:
        if weekly is not None:
            first, hour, minute, last, until_hour, until_minute = weekly.groups()
            begin = _in_week(first, int(hour), int(minute))
            return Blocked(text, (begin, _in_week(last, int(until_hour), int(until_minute))))
        if dates is not None:
            begin_day, end_day = (
                datetime.fromisoformat(one).replace(tzinfo=UTC) for one in dates.groups()
            )
            return Blocked(text, days=(begin_day, end_day + timedelta(days=1)))
    except ValueError:
        pass  # told below, with the words that are understood
    raise ConfigError(
        f"{text!r} is no blocked window",
        remedy="write `fri 16:00-mon 08:00` (UTC, each week) or `2026-12-20..2027-01-03`",
    )


def _in_week(day: str, hour: int, minute: int) -> int:
    if hour > 24 or minute > 59:
        raise ValueError(f"{hour}:{minute} is no time")
    return (DAYS.index(day) * 24 + hour) * 60 + minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An exercise in a calendar."""

    begin: datetime
    length_s: float
    title: str
    text: str
    made: datetime


def icalendar(entry: Entry) -> str:
    """Return a calendar with one entry; the same exercise keeps its identity when it is sent again."""
    digest = sha256(f"{entry.begin.isoformat()} {entry.title}".encode()).hexdigest()[:24]
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Outlast//drill//EN",
        "BEGIN:VEVENT",
        f"UID:{digest}@outlast",
        f"DTSTAMP:{entry.made:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{entry.begin:%Y%m%dT%H%M%SZ}",
        f"DURATION:PT{max(round(entry.length_s), 1)}S",
        f"SUMMARY:{_escaped(entry.title)}",
        f"DESCRIPTION:{_escaped(entry.text)}",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{_escaped(entry.title)}",
        "TRIGGER:-PT1H",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(_folded(one) + "\r\n" for one in lines)


def _escaped(text: str) -> str:
    for sign in ("\\", ";", ","):
        text = text.replace(sign, "\\" + sign)
    return text.replace("\n", "\\n")


def _folded(line: str) -> str:
    parts, rest = [], line
    while len(rest.encode()) > LINE_OCTETS_MAX:
        cut = LINE_OCTETS_MAX
        while len(rest[:cut].encode()) > LINE_OCTETS_MAX:
            cut -= 1
        parts.append(rest[:cut])
        rest = " " + rest[cut:]
    return "\r\n".join([*parts, rest])
