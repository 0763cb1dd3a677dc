"""Marks: which key stands where in an etcd, and the mark that each commit leaves there.

    <prefix>k/<key>       the entries
    <prefix>m             the mark: a number of its own for each commit, in its transaction
    <prefix>s/<lease>     one for each process that writes, gone with its lease

Others may keep things in the same etcd, whose revision then moves without us. The revision of the mark
moves with our commits alone: that is the store's revision. And the mark's history tells whether a
certain commit took place, and whether an etcd that comes back is the one that went away: one that was
restored from a snapshot has another mark at the revision last seen, or none.

What was seen last is not enough: a commit can be acknowledged and taken back by a restoration, while others
write past its revision before we look again. So each mark that a reading or a commit of our own has shown
waits until the watch, which brings every mark in order, brings the same one (`Marks.brought`).
"""

from collections import deque
from dataclasses import dataclass

from outlast.drivers.stores.etcd import wire
from outlast.drivers.stores.etcd.faults import Trouble, store_error
from outlast.drivers.stores.etcd.link import Link
from outlast.drivers.stores.revisions import rewound
from outlast.model.errors import StoreError, StoreReplaced


@dataclass(frozen=True, slots=True)
class Keys:
    """Where things stand below a prefix."""

    prefix: bytes

    def entry(self, key: str) -> bytes:
        """Where an entry stands."""
        return self.prefix + b"k/" + key.encode()

    def name(self, place: bytes) -> str:
        """The entry that stands at a place."""
        return place[len(self.prefix) + 2 :].decode()

    @property
    def mark(self) -> bytes:
        """Where the mark stands; sorts after all entries, so that one watch covers both."""
        return self.prefix + b"m"

    @property
    def watched(self) -> tuple[bytes, bytes]:
        """The range of entries and mark."""
        return self.prefix + b"k/", self.mark + b"\0"

    def session(self, lease: int) -> bytes:
        """Where a session stands."""
        return self.prefix + b"s/%016x" % lease

    def below(self, prefix: str) -> tuple[bytes, bytes]:
        """The range of entries whose key begins so."""
        start = self.entry(prefix)
        return start, _after(start)


def _after(start: bytes) -> bytes:
    """Return the first key after all that begin so. UTF-8 has no byte 0xff, so the last one can grow."""
    return start[:-1] + bytes((start[-1] + 1,))


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark: its revision, its number, and the revision of all of etcd when it was read."""

    revision: int = 0
    number: bytes = b""
    read_at: int = 0


def mark_in(found: wire.Found) -> Mark:
    """Return the mark that a range holds; none: that of an empty store."""
    if not found.entries:
        return Mark(read_at=found.revision)
    one = found.entries[0]
    return Mark(one.revision, one.value, found.revision)


class Marks:
    """The marks of one store, as far as they were seen."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self.last = Mark()
        self.replaced: StoreReplaced | None = None
        self._brought = 0
        self._unproven: deque[Mark] = deque(maxlen=_UNPROVEN_MAX)

    @property
    def oldest_unproven(self) -> Mark | None:
        """The first of those that the watch has not brought yet."""
        return self._unproven[0] if self._unproven else None

    async def read(self) -> Mark:
        """Return the present mark: a linearizable read, which a member that is cut off cannot answer.

        Raises:
            StoreReplaced: it lies behind one seen before; StoreError: nobody answers.
        """
        known = self.last
        return self.note(mark_in(await self._range()), known)

    def note(self, mark: Mark, known: Mark) -> Mark:
        """Take note of a mark that was asked for when another one was the last known.

        Raises:
            StoreReplaced: it lies behind that, or is another one at its revision.
        """
        older = mark.revision < known.revision
        if older or (mark.revision == known.revision and mark.number != known.number):
            raise self._remember(rewound(known.revision, mark.revision))
        self.left(mark)
        return mark

    def brought(self, mark: Mark) -> None:
        """Take note of the next mark that the watch brings: those seen up to there must be among them.

        Raises:
            StoreReplaced: one seen before never came, so it belonged to another store.
        """
        self._brought = mark.revision
        while self._unproven and self._unproven[0].revision <= mark.revision:
            seen = self._unproven.popleft()
            if (seen.revision, seen.number) != (mark.revision, mark.number):
                raise self._remember(rewound(seen.revision, mark.revision))

    def unproven(self, known: Mark, why: str) -> StoreReplaced:
        """Return the error for an etcd of which it can't be told whether it still is the same."""
        return self._remember(
            StoreReplaced(
                f"whether etcd still is the store that was at revision {known.revision} cannot be told: "
                f"{why}",
                remedy="nothing to do: what was remembered of it is forgotten, and all is read anew",
            )
        )

    def _remember(self, error: StoreReplaced) -> StoreReplaced:
        self.replaced = self.replaced or error
        return error

    def left(self, mark: Mark) -> None:
        """Take note of a mark that a commit of our own has left, or a reading has shown."""
        if mark.revision <= self.last.revision:
            return
        self.last = mark
        if mark.revision > self._brought:  # else the watch was quicker
            self._unproven.append(mark)

    async def prove_same(self, known: Mark, now: Mark) -> None:
        """See that the store which had one mark is the one that has another now.

        Raises:
            StoreReplaced: it is another one, or it can't be told any more.
        """
        if now.revision == known.revision:
            then = now
        else:
            try:
                then = mark_in(await self._range(known.revision))
            except Trouble as trouble:
                raise self.unproven(known, str(trouble)) from trouble
        if known.revision and (then.revision, then.number) != (known.revision, known.number):
            raise self._remember(rewound(known.revision, now.revision))

    async def fate(self, number: bytes, *, since: int) -> int | None:
        """Return the revision of the commit that left a mark of this number; None: there was none.

        Args:
            since: a revision that the store had before the commit was tried.

        Raises:
            StoreError: it can't be told.
        """
        mark = await self.read()
        for _ in range(_LOOK_BACK_MAX):
            if mark.number == number:
                return mark.revision
            if mark.revision <= since:
                return None
            try:
                mark = mark_in(await self._range(mark.revision - 1))
            except Trouble as trouble:
                raise store_error(trouble) from trouble
        raise StoreError(
            f"whether a commit took place cannot be told: {_LOOK_BACK_MAX:,} others came after it",
            remedy="nothing to do: whoever sent it reads the store again",
        )

    async def _range(self, revision: int = 0) -> wire.Found:
        request = wire.ask_range(self._keys.mark, revision=revision)
        return wire.read_range(await self._link.ask(wire.RANGE, request))


_LOOK_BACK_MAX = 2_000
"""Commits to look back over, about a second of them at full load."""

_UNPROVEN_MAX = 10_000
"""Marks that wait for the watch; where nobody follows the store, the oldest are let go."""
