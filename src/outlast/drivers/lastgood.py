"""The last-known-good file: what `outlast rescue` restores with nothing but DNS credentials.

Each enactor of a machine keeps one: per endpoint the last plan whose publication it confirmed, its
fence, when, and the highest generation that it ever saw, which is the enactor's own high-water mark.

The file is a log of lines (`goodlines`). A new publication is one line more, so a change costs the same
with ten endpoints as with 100,000. When more than half of it is superseded, the live lines move to a
new file that takes the old one's place, which stays beside it as `NAME.previous`. Readers need no
lock: they find whole lines, and perhaps one at the end that is being written.

What no tag can show is that the newest lines were cut off cleanly. An older publication of the same
endpoint is restored then, through the fence, as a newer generation.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from outlast.drivers import goodlines
from outlast.drivers.goodlines import Found, GoodPublication, Sealer
from outlast.model.errors import LastGoodError
from outlast.model.fence import Fence
from outlast.model.names import EndpointName, ProviderName
from outlast.model.plan import Layout, Plan
from outlast.model.records import digest_of
from outlast.model.units import NO_GENERATION, Generation, Nanos

SLACK_BYTES = 1024 * 1024
"""Superseded lines that are tolerated besides as many bytes as are live."""

UNREAD_BYTES_MAX = 512 * 1024 * 1024
"""Up to this size a writer that has not read the file lets it grow: it does not know what is live, and to
find out would cost a command that changes one endpoint the reading of 100,000."""


@dataclass(frozen=True, slots=True)
class LastGood:
    """What could be read, and what could not.

    Attributes:
        entries: the newest valid publication of each endpoint.
        highest: the highest generation ever seen of each endpoint.
        problems: what was refused, naming the file and, where it can be told, the endpoint.
        topology: digest of the topology that it was written under, for people: it bears no tag.
    """

    entries: Mapping[EndpointName, GoodPublication]
    highest: Mapping[EndpointName, Generation]
    problems: tuple[LastGoodError, ...] = ()
    topology: str = ""


class LastGoodFile:
    """One enactor's file, for writing.

    `load` and `flush` block on the disk: call them from a thread, one at a time. The others do not,
    and may be called meanwhile.

    Args:
        path: the file; made (0600, in a directory of 0700) by the first `flush`.
        keys: the TSIG secret of each provider.
        topology: digest of the topology in force, for people.
    """

    def __init__(
        self, path: Path, keys: Mapping[ProviderName, bytes], *, topology: str = ""
    ) -> None:
        self.path = path
        self._sealer = Sealer(keys)
        self._topology = topology
        self._lock = threading.Lock()
        self._highest: dict[EndpointName, Generation] = {}
        self._pending: dict[tuple[EndpointName, bool], bytes] = {}
        self._live: dict[tuple[EndpointName, bool], int] = {}
        self._live_bytes = 0
        self._size = 0
        self._loaded = False

    def load(self) -> LastGood:
        """Read the file and go on from what it holds: call it once, before the first `remember`.

        A file that is missing is an empty one. Never raises: see `LastGood.problems`.
        """
        self._loaded = True
        if not self.path.exists():
            return LastGood({}, {})
        found = goodlines.read(self.path, self._sealer)
        self._count(found)
        good = _decoded(found)
        with self._lock:
            self._highest = dict(good.highest)
        return good

    def highest(self, endpoint: EndpointName) -> Generation:
        """Return the highest generation ever seen of an endpoint, 0 if none."""
        return self._highest.get(endpoint, NO_GENERATION)

    def saw(self, layout: Layout, generation: Generation) -> LastGoodError | None:
        """Raise an endpoint's high-water mark; `flush` writes it.

        Returns:
            None, or why it cannot be kept. Publishing must not depend on it.
        """
        if generation <= self.highest(layout.endpoint):
            return None
        return self._keep(
            layout.endpoint, generation, lambda: self._sealer.mark(layout, generation), mark=True
        )

    def remember(self, plan: Plan, fence: Fence, at_ns: Nanos) -> LastGoodError | None:
        """Take note of a confirmed publication; `flush` writes it.

        Returns:
            None, or why it cannot be kept. Publishing must not depend on it.

        Raises:
            ValueError: the fence does not name this plan with this content.
        """
        if (fence.generation, fence.digest) != (plan.generation, digest_of(plan.record_sets)):
            raise ValueError(f"the fence {fence} is not the one of {plan}")
        good = GoodPublication(plan=plan, fence=fence, confirmed_at_ns=at_ns)
        return self._keep(
            plan.endpoint, plan.generation, lambda: self._sealer.publication(good), mark=False
        )

    def flush(self) -> LastGoodError | None:
        """Write what is remembered, synced to the disk. What could not be written is kept.

        Returns:
            None, or what failed; the next `flush` tries again.
        """
        with self._lock:
            taken, self._pending = self._pending, {}
        if not taken:
            return None
        try:
            self._append(taken)
        except OSError as error:
            with self._lock:
                self._pending = taken | self._pending
            return self._unwritable(error)
        try:
            tolerated = 2 * self._live_bytes + SLACK_BYTES
            if self._size > (tolerated if self._loaded else max(tolerated, UNREAD_BYTES_MAX)):
                self._compact()
        except OSError as error:
            return self._unwritable(error)
        return None

    def _keep(
        self,
        endpoint: EndpointName,
        generation: Generation,
        seal: Callable[[], bytes],
        *,
        mark: bool,
    ) -> LastGoodError | None:
        try:
            line = seal()
        except LastGoodError as error:
            return error
        with self._lock:
            self._pending[endpoint, mark] = line
            self._highest[endpoint] = max(generation, self.highest(endpoint))
        return None

    def _append(self, lines: Mapping[tuple[EndpointName, bool], bytes]) -> None:
        if not self.path.exists():
            self._rewrite(())
            self._live, self._live_bytes = {}, 0
            self._loaded = True
        with self.path.open("r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                _write(file, b"".join((_line_break(file, size), *lines.values())))
                os.fsync(file.fileno())
            except OSError:
                # Half a line would only be one more problem to report at the next reading; where it
                # cannot be cut off either, the next line begins on a line of its own.
                with contextlib.suppress(OSError):
                    file.truncate(size)
                raise
            self._size = file.tell()
        for place, line in lines.items():
            self._live_bytes += len(line) - self._live.get(place, 0)
            self._live[place] = len(line)

    def _compact(self) -> None:
        """Move the live lines to a new file. They are read and checked again: what is at fault stays."""
        found = goodlines.read(self.path, self._sealer)
        self._count(found)
        self._rewrite(line.raw for line in _live_lines(found))

    def _count(self, found: Found) -> None:
        lines = _live_lines(found)
        self._live = {(line.endpoint, line.is_mark): len(line.raw) for line in lines}
        self._live_bytes = sum(self._live.values())

    def _rewrite(self, lines: Iterable[bytes]) -> None:
        """Put a new file in place of the old one, which is kept beside it."""
        draft = self.path.with_name(f"{self.path.name}.new")
        previous = previous_of(self.path)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(goodlines.header(self._topology))
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        if self.path.exists():
            previous.unlink(missing_ok=True)
            previous.hardlink_to(self.path)
        draft.replace(self.path)
        _sync_folder(self.path.parent)
        self._size = size

    def _unwritable(self, error: OSError) -> LastGoodError:
        return LastGoodError(
            f"{self.path}: the last-known-good file cannot be written: {error.strerror or error}",
            remedy="make room, or let the user that runs outlast write there; it is tried again with "
            "the next publication, and publishing goes on meanwhile",
        )


def merge_last_good(paths: Sequence[Path], keys: Mapping[ProviderName, bytes]) -> LastGood:
    """Read several enactors' files and take the newest valid publication of each endpoint.

    Where a file is missing or damaged, its copy from before the last compaction is read too. Never
    raises: what cannot be used is among the problems, and the rest still can.
    """
    sealer = Sealer(keys)
    all_found = Found()
    for path in paths:
        found = goodlines.read(path, sealer)
        all_found.take(found)
        previous = previous_of(path)
        if found.problems and previous.exists():
            all_found.take(goodlines.read(previous, sealer))
    return _decoded(all_found)


def previous_of(path: Path) -> Path:
    """Return where the copy from before the last compaction lies."""
    return path.with_name(f"{path.name}.previous")


def _decoded(found: Found) -> LastGood:
    entries: dict[EndpointName, GoodPublication] = {}
    problems = list(found.problems)
    reader = goodlines.Reader()
    for line in found.newest.values():
        try:
            entries[line.endpoint] = reader.publication(line)
        except LastGoodError as error:
            problems.append(error)
    highest = {endpoint: line.generation for endpoint, line in found.marks.items()}
    return LastGood(entries, highest, tuple(problems), found.topology)


def _live_lines(found: Found) -> list[goodlines.Line]:
    marks = [
        line
        for endpoint, line in found.marks.items()
        if endpoint not in found.newest or line.generation > found.newest[endpoint].generation
    ]
    return [*found.newest.values(), *marks]


def _line_break(file: BinaryIO, size: int) -> bytes:
    """Return what closes a line that a crash left open, so that the next one stands alone."""
    if not size:
        return b""
    file.seek(size - 1)
    return b"" if file.read(1) == b"\n" else b"\n"


def _write(file: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
