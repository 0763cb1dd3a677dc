"""Remembering: what detection found, as lines of the journal, from which the audit trail is made.

    alarm        a series changed its state: about the service
    verdict      what explains it: about the cause, and it concerns the services that it explains
    suggestion   what a person may want to do: about its subject

No reporter is in them, and no name that anybody made up. On a bad day two thousand series ring in one minute:
a few get a line of their own, the others one line together.

While the store is away, lines wait, a bounded number; each says of which minute it is.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from outlast.app.reports.watching import Entry
from outlast.detect.belief import NAMES_MAX, Suggestion
from outlast.detect.verdict import Verdict
from outlast.drivers.ledger import Ledger
from outlast.model.units import NS_PER_S, iso

ROLE = "detector"
ALARMS_MAX = 20
"""Alarms of one minute that get a line of their own."""

WAITING_MAX = 1_000
CONCERNED_MAX = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not in the journal yet."""

    event: str
    text: str
    about: str
    data: dict[str, object]


class Memory:
    """Lines that wait for the store."""

    def __init__(self, *, replay: bool = False) -> None:
        """Begin with none; those of a replay say so, and of which minute they are."""
        self._lines: deque[Line] = deque(maxlen=WAITING_MAX)
        self._replay = replay

    def alarms(self, entries: Sequence[Entry]) -> None:
        """Take the alarms of one minute."""
        for one in entries[:ALARMS_MAX]:
            data = {"minute": one.minute, **one.data}
            self._put("alarm", one.minute, one.text, str(one.data["service"]), data)
        rest = entries[ALARMS_MAX:]
        if rest:
            names = sorted({str(one.data["service"]) for one in rest} - {""})
            text = f"{len(rest)} further alarms in this minute, of {len(names)} services"
            data = {"minute": rest[0].minute, "concerns": names[:CONCERNED_MAX]}
            self._put("alarm", rest[0].minute, text, "", data)

    def verdict(self, entry: Entry, verdict: Verdict) -> None:
        """Take a verdict, with its alternatives."""
        causes = [one.cause.name for one in verdict.suspects]
        explained = [name for one in verdict.suspects for name in one.explained]
        data: dict[str, Any] = {
            "minute": entry.minute,
            **entry.data,
            "unexplained": verdict.unexplained[:NAMES_MAX],
            "alternatives": [
                {"cause": str(one.cause), "posterior": one.posterior}
                for one in verdict.alternatives
            ],
            "concerns": [*dict.fromkeys([*causes, *explained])][:CONCERNED_MAX],
        }
        self._put("verdict", entry.minute, entry.text, causes[0] if causes else "", data)

    def _put(self, event: str, minute: int, text: str, about: str, data: dict[str, Any]) -> None:
        if self._replay:
            text = f"replayed, {iso(minute * 60 * NS_PER_S)[:16]}: {text}"
        self._lines.append(Line(event, text, about, data))

    def suggestion(self, one: Suggestion) -> None:
        """Take a suggestion."""
        data = msgspec.to_builtins(one)
        self._lines.append(Line("suggestion", str(one), one.subject, data))

    async def write(self, ledger: Ledger) -> None:
        """Write what waits, oldest first.

        Raises:
            StoreError: the store cannot be used; what was not written goes on waiting.
        """
        while self._lines:
            one = self._lines[0]
            await ledger.note(one.event, one.text, endpoint=one.about, by=ROLE, data=one.data)
            if self._lines and self._lines[0] is one:
                self._lines.popleft()
