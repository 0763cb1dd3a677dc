"""Sources: who reports in bulk, and who has stopped. Silence is not health.

A source that hands in every ten seconds and then nothing for minutes is broken, cut off, or switched off; its
zeros must not be read as "nobody complains". How long is too long is learnt from its own pace.
"""

from dataclasses import dataclass

GAPS = 5
"""So many of its usual gaps without a word count as silence."""

SILENT_MIN_S = 120.0
"""And at least so long: one slow request is no silence."""


@dataclass(slots=True)
class _Pace:
    last_s: float
    gap_s: float = 0.0


class Sources:
    """When each source was last heard."""

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}

    def hear(self, name: str, now_s: float) -> None:
        """Take note of a word from a source."""
        pace = self._paces.get(name)
        if pace is None:
            self._paces[name] = _Pace(now_s)
            return
        gap_s = now_s - pace.last_s
        pace.gap_s = gap_s if not pace.gap_s else 0.9 * pace.gap_s + 0.1 * gap_s
        pace.last_s = now_s

    def silent(self, now_s: float) -> dict[str, float]:
        """Return the sources that have gone silent, with for how long in seconds."""
        return {
            name: now_s - pace.last_s
            for name, pace in sorted(self._paces.items())
            if now_s - pace.last_s > max(SILENT_MIN_S, GAPS * pace.gap_s)
        }

    @property
    def all_known(self) -> int:
        """How many have ever been heard."""
        return len(self._paces)
