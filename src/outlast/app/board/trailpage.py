"""The end of the audit trail, for the board: the newest entries and the checkpoint that counts them.

The checkpoint's signature is checked; whether the entries are those that were signed is not, since that takes
every entry of the log and not the last few. The page says so, and how to find out. Nothing is read of the
store: the files are what is published, and what anybody else would see.
"""

from dataclasses import dataclass
from pathlib import Path

from outlast.drivers.trail.folder import published_in
from outlast.trail.entry import TrailEntry
from outlast.trail.note import Verifier
from outlast.trail.tiles import CHECKPOINT
from outlast.trail.verify import TamperedError, entries, read_checkpoint

SHOWN = 50
TRIES = 3
"""The scribe writes files before it counts them, and clears smaller ones away: a reader may meet neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailSight:
    """What is shown.

    Attributes:
        checkpoint: the signed note as it is published; empty: there is none that our key has signed.
        size: how many entries it counts.
        entries: newest first, each with its index.
        key: the log's public key.
        folder: where the log lies.
        why: why nothing is shown; empty: something is.
    """

    checkpoint: str = ""
    size: int = 0
    entries: tuple[tuple[int, TrailEntry], ...] = ()
    key: str
    folder: str
    why: str = ""

    @property
    def earlier(self) -> int:
        """Before which index the next older page begins; 0: there is none."""
        return self.entries[-1][0] if self.entries else 0


def look_at_trail(folder: Path, key: Verifier, *, before: int = 0) -> TrailSight:
    """Return the newest entries below index `before` (0: of all)."""
    if not (folder / CHECKPOINT).exists():
        why = "Nothing is published yet: `outlast up` does so within seconds of its first plan."
        return TrailSight(key=str(key), folder=str(folder), why=why)
    why = ""
    for _ in range(TRIES):
        try:
            return _read(folder, key, before)
        except TamperedError as error:
            why = f"It cannot be read: {error}"
    return TrailSight(key=str(key), folder=str(folder), why=why)


def published_checkpoint(folder: Path) -> str:
    """Return the signed note as it is published; empty: there is none."""
    try:
        return (folder / CHECKPOINT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _read(folder: Path, key: Verifier, before: int) -> TrailSight:
    note = published_checkpoint(folder)
    size = read_checkpoint(lambda _: note.encode(), key).size
    end = min(before, size) if before else size
    found = list(entries(published_in(folder), size, first=max(0, end - SHOWN), end=end))
    return TrailSight(
        checkpoint=note,
        size=size,
        entries=tuple(reversed(found)),
        key=str(key),
        folder=str(folder),
    )
