"""The scribe copies the journal into the audit trail, where nobody can quietly edit it.

Whoever does a thing writes it into the journal in the same commit of the store, so nothing is done without
a note. The scribe follows the journal and gives each note its place in the log:

    trail/head                     entries so far, and the store's revision up to which notes were taken
    trail/entry/<index>            the entries

Both change in one compare-and-swap, so any number of scribes can work at once: one wins, the others look
again. An entry carries its note's key, by which it is known again after the store has gone back in time.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from outlast.drivers import entries
from outlast.drivers.entries import Note
from outlast.model.errors import StoreCorrupt
from outlast.model.units import Generation
from outlast.ports import Change, Entry, Store
from outlast.trail.entry import TrailEntry, pack, pseudonym, unpack

HEAD = "trail/head"
BATCH = 100
"""Entries of one commit: a store takes 128 keys at once, and notes of one revision stay together."""
BLOCK = 1000
BLOCK_DIGITS = 3
"""Entries that are read at once, by the digits that their keys differ in."""
DATA_BYTES_MAX = 32_768
"""A thing whose JSON is longer is left out of its entry: the text and the generation still name it."""

ROLES = re.compile(
    r"(planner|guard|outlast|board|operator|detector|scribe"
    r"|(enactor|prober|cleaner|drill|rescue)(-[a-z0-9.-]+)?)\Z"
)
"""Names in the journal that are no person's; `operator` and `board` carry out what a person asked for."""

Hide = Callable[[str], str]
"""Return what stands for a name in the log: itself for a role, a pseudonym for a person."""


@dataclass(frozen=True, slots=True)
class TrailHead:
    """How the log in the store stands."""

    size: int = 0
    revision: int = 0


_HEAD = msgspec.json.Decoder(TrailHead)


def entry_key(index: int) -> str:
    """Return where an entry stands in the store."""
    return f"trail/entry/{index:012d}"


def hide_people(secret: bytes) -> Hide:
    """Return the rule that leaves roles as they are and gives everybody else a pseudonym."""

    def hide(name: str) -> str:
        role = ROLES.match(name) is not None
        return name if role or not name else pseudonym(name, secret)

    return hide


class Scribe:
    """Copies notes into the log. Raises `StoreError` as the store does."""

    def __init__(self, store: Store, hide: Hide) -> None:
        self._store = store
        self._hide = hide
        self._kept: set[str] = set()
        """Notes whose entries were put back: the store that went back in time may hold them again."""

    async def head(self) -> TrailHead:
        """Return how the log stands."""
        entry = await self._store.get(HEAD)
        return _head(entry)

    async def copy(self) -> int:
        """Copy the notes that are new; return how many entries the log has then."""
        while True:
            found = await self._store.get(HEAD)
            head, revision = _head(found), found.revision if found is not None else 0
            notes = await self._notes(await self._taken(head, revision))
            while notes:
                batch = _batch(notes)
                made = [pack(await self._entry(one)) for one in batch if one.key not in self._kept]
                after = TrailHead(head.size + len(made), batch[-1].revision)
                if (done := await self._append(head, revision, after, made)) is None:
                    break
                head, revision, notes = after, done, notes[len(batch) :]
            else:
                return head.size

    async def _append(
        self, head: TrailHead, revision: int, after: TrailHead, made: Sequence[bytes]
    ) -> int | None:
        """Write entries behind the last one, unless another scribe did meanwhile."""
        puts = [(HEAD, msgspec.json.encode(after))]
        puts += [(entry_key(head.size + index), one) for index, one in enumerate(made)]
        return await self._store.commit(Change(requires=((HEAD, revision),), puts=tuple(puts)))

    async def read(self, first: int, size: int) -> list[bytes]:
        """Return the raw entries from `first` up to `size`.

        Raises:
            StoreCorrupt: one is missing.
        """
        found: dict[str, bytes] = {}
        for block in range(first // BLOCK, -(-size // BLOCK)):
            page = await self._store.scan(entry_key(block * BLOCK)[:-BLOCK_DIGITS])
            found |= {entry.key: entry.value for entry in page.entries}
        wanted = [entry_key(index) for index in range(first, size)]
        if lost := next((key for key in wanted if key not in found), None):
            raise StoreCorrupt(
                f"the audit trail's {lost} is missing from the store",
                remedy="the published files hold it: `outlast log verify` tells up to where",
            )
        return [found[key] for key in wanted]

    async def put_back(self, first: int, raw: Sequence[bytes]) -> None:
        """Write entries again that the store lost by going back in time."""
        for start in range(0, len(raw), BATCH):
            found = await self._store.get(HEAD)
            head, revision = _head(found), found.revision if found is not None else 0
            if head.size != first + start:
                return  # another scribe was quicker
            some = raw[start : start + BATCH]
            self._kept |= {f"journal/{unpack(one).note}" for one in some}
            after = TrailHead(head.size + len(some), head.revision)
            await self._append(head, revision, after, some)

    async def _taken(self, head: TrailHead, revision: int) -> int:
        """Return the revision up to which notes were taken: before the head itself, in its own history.

        A head from another one can come into a store that was replaced meanwhile; then all is looked
        through, and what the log has already is known by its name.
        """
        if not head.revision or head.revision < revision:
            return head.revision
        page = await self._store.scan("trail/entry/")
        self._kept |= {f"journal/{unpack(one.value).note}" for one in page.entries}
        return 0

    async def _notes(self, revision: int) -> list[Entry]:
        page = await self._store.scan("journal/", newer_than=revision)
        return sorted(page.entries, key=lambda one: (one.revision, one.key))

    async def _entry(self, found: Entry) -> TrailEntry:
        note = entries.decode(entries.NOTE, found)
        return TrailEntry(
            at_ns=note.at_ns,
            event=note.event,
            about=note.endpoint,
            by=self._hide(note.by),
            text=note.text,
            generation=note.generation,
            data=await self._data(note),
            note=found.key.removeprefix("journal/"),
        )

    async def _data(self, note: Note) -> dict[str, object] | None:
        """Return the thing itself: what the note carries, or the plan with its ruling."""
        if note.event != "plan":
            return note.data
        key = f"plan/{note.endpoint}/{Generation(note.generation):018d}"
        plan = await self._store.get(key)
        if plan is None or len(plan.value) > DATA_BYTES_MAX:
            return note.data
        return msgspec.json.decode(plan.value, type=dict[str, object])


def _head(entry: Entry | None) -> TrailHead:
    return entries.decode(_HEAD, entry) if entry is not None else TrailHead()


def _batch(notes: Sequence[Entry]) -> Sequence[Entry]:
    """Return the first notes, all those of a revision or none."""
    end = min(BATCH, len(notes))
    while end < len(notes) and notes[end].revision == notes[end - 1].revision:
        end += 1
    return notes[:end]
