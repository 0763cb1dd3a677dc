"""Hours: what a detector reads from the stream, put into history; a file for each hour in which it arrived.

The stream is read from its beginning after every start, and forgets after two days. So an hour is that in
which the stream took a message, the same each time it is read, and one that has its file already is left
alone: a second reading may lack its beginning. An hour has ended when a message of a later one comes, for
messages come in their order; no clock of ours could say it of a stream that was away.

The price: the last hour waits for the first report of the next.
"""

from collections.abc import Iterable

from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, added, regrid
from outlast.drivers.reports.history import History

PARTS_MAX = 60
"""Messages that are kept apart before they are added up."""


class Hours:
    """The hour that goes on, and those that ended and have no file yet."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._hour = 0
        self._parts: list[MinuteCounts] = []
        self._ended: dict[int, MinuteCounts] = {}

    @property
    def ended(self) -> bool:
        """Whether there is something to write."""
        return bool(self._ended)

    def take(self, at_s: int, counts: MinuteCounts, grid: Grid) -> None:
        """Take a message's counts.

        Args:
            at_s: when the stream took it, in seconds since 1970.
            grid: what is watched; counts of anything else are left out.
        """
        hour = at_s // 3600
        if hour > self._hour:
            if self._parts and not self._history.has(_name(self._hour)):
                self._ended[self._hour] = _summed(self._parts, grid)
            self._hour, self._parts = hour, []
        self._parts.append(counts)
        if len(self._parts) >= PARTS_MAX:
            self._parts = [_summed(self._parts, grid)]

    def settle(self) -> None:
        """Write the hours that ended.

        Raises:
            StoreError: the disk is full or broken; they go on waiting.
        """
        for hour, counts in [*self._ended.items()]:
            self._history.write(_name(hour), counts)
            del self._ended[hour]


def _name(hour: int) -> str:
    return f"hour-{hour:08d}"


def _summed(parts: Iterable[MinuteCounts], grid: Grid) -> MinuteCounts:
    return added([regrid(one, grid)[0] for one in parts], grid)
