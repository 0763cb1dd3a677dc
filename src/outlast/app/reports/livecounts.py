"""Live counts: what came since detection last looked, held back until its minute is there."""

from collections.abc import Sequence

from outlast.detect.cells import Grid
from outlast.detect.counts import MinuteCounts, added, counts_of, none, part_of, regrid
from outlast.detect.intake import Batch
from outlast.drivers.reports.journal import Record


class LiveCounts:
    """Counts since the last look."""

    def __init__(self) -> None:
        self._parts: list[MinuteCounts] = []

    def count(self, batch: Batch, grid: Grid) -> None:
        """Take reports that are kept."""
        self._parts.append(counts_of(batch, grid))

    def records(self) -> Sequence[Record]:
        """Nothing more needs to be kept."""
        return ()

    def kept(self, records: Sequence[Record]) -> None:
        """Nothing was."""

    def put(self, counts: MinuteCounts) -> None:
        """Take counts that others made."""
        self._parts.append(counts)

    def take(self, grid: Grid, minute: int) -> MinuteCounts:
        """Return what came, in the codes of a grid.

        Clocks of senders are wrong: what is dated after this minute waits for its own. Else one report
        from the future would have minutes judged that are not over.
        """
        parts, self._parts = self._parts, []
        found = added([regrid(one, grid)[0] for one in parts], grid)
        end = int(found.minute.searchsorted(minute, side="right")) if len(found) else 0
        if end < len(found):
            self._parts.append(part_of(found, end, len(found)))
        return part_of(found, 0, end) if end else none(grid)
