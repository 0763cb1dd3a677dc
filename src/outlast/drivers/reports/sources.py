"""Sources: who reports in bulk, and who has stopped. Silence is not health.

A source that hands in every ten seconds and then nothing for minutes is broken, cut off, or switched off; its
zeros must not be read as "nobody complains". How long is too long is learnt from its own pace.

A source may be the only ear in some countries, and says so when its token is made. While every ear of a
country is silent, nothing is known of it: its series are neither judged nor learned from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GAPS = 5
"""So many of its usual gaps without a word count as silence."""

SILENT_MIN_S = 120.0
"""And at least so long: one slow request is no silence."""

EVERYWHERE = ""
"""In the place of a country: all of them."""


@dataclass(slots=True)
class _Pace:
    last_s: float
    gap_s: float = 0.0


class Sources:
    """When each source was last heard."""

    def __init__(self, *, public: bool = True) -> None:
        """Make it.

        Args:
            public: whether anybody may report, so that somebody always may be heard.
        """
        self._paces: dict[str, _Pace] = {}
        self._ears: dict[str, frozenset[str]] = {}
        self._public = public

    def know(self, ears: Mapping[str, Iterable[str]], now_s: float) -> None:
        """Learn which sources there are, with the countries of which each is the ear."""
        self._ears = {name: frozenset(some) for name, some in ears.items()}
        self._paces = {name: one for name, one in self._paces.items() if name in self._ears}
        for name, some in self._ears.items():
            if some and name not in self._paces:
                self._paces[name] = _Pace(now_s)  # from now on it is waited for

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

    def deaf(self, now_s: float) -> frozenset[str]:
        """Return the countries of which nothing can be heard; `EVERYWHERE` among them: of none."""
        silent = self.silent(now_s)
        heard = frozenset(
            one for name, some in self._ears.items() if name not in silent for one in some
        )
        lost = frozenset(one for name in silent for one in self._ears.get(name, ())) - heard
        alone = not self._public and len(silent) == len(self._paces) > 0
        return lost | {EVERYWHERE} if alone else lost

    @property
    def heard(self) -> dict[str, float]:
        """When each was last heard."""
        return {name: one.last_s for name, one in sorted(self._paces.items())}
