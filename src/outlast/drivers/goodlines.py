"""The lines of a last-known-good file: made, sealed, checked, and read back.

    TAG ENDPOINT PROVIDER GENERATION AT_NS {"plan": ..., "fence": ...}    a publication
    TAG ENDPOINT PROVIDER GENERATION AT_NS null                           a mark: it was seen

TAG is HMAC-SHA256 over the rest of the line, under a key derived from the TSIG secret of the endpoint's
provider. Whoever can rescue holds that secret anyway; whoever does not hold it cannot make a line that
a rescue would publish. Each line stands for itself: damage to one costs that line, never its neighbours,
not even where the line break between two was damaged.
"""

import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from outlast.model.errors import LastGoodError
from outlast.model.fence import Fence
from outlast.model.names import EndpointName, ProviderName
from outlast.model.plan import Layout, Plan
from outlast.model.units import Generation, Nanos

LINE_BYTES_MAX = 4 * 1024 * 1024
"""A plan with 4,000 targets takes about 0.8 MiB; what is longer is no line of ours."""

PROBLEMS_MAX = 1_000
"""Problems told of one file. After so many it is another file, not a damaged one."""

_HEADER = re.compile(rb"outlast-lastgood 1 ([0-9A-Za-z_-]{1,128})\n")
_KEY_LABEL = b"outlast last-known-good 1\0"
_MARK = b"null"
_ENDPOINT = re.compile(rb'"endpoint":"([^"]*)"')
_TAG = re.compile(rb"[0-9a-f]{64} ")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodPublication:
    """The last publication of an endpoint that was confirmed, and when it was read back."""

    plan: Plan
    fence: Fence
    confirmed_at_ns: Nanos


class _Payload(msgspec.Struct, frozen=True):
    plan: Plan
    fence: Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line whose tag is right, its payload not decoded yet.

    Attributes:
        raw: all of it, line break included.
    """

    endpoint: EndpointName
    generation: Generation
    at_ns: Nanos
    payload: bytes
    raw: bytes

    @property
    def is_mark(self) -> bool:
        """Whether it only says that a generation was seen."""
        return self.payload == _MARK

    @property
    def age(self) -> tuple[int, int]:
        """What makes one line newer than another. Generations never decrease; clocks may."""
        return self.generation, self.at_ns


class Reader:
    """Decodes publications. One for many lines: to learn the types costs more than a line."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Payload)

    def publication(self, line: Line) -> GoodPublication:
        """Decode a line.

        Raises:
            LastGoodError: the tag is right and the content still unknown to us.
        """
        try:
            payload = self._decoder.decode(line.payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise problem(line.endpoint, f"another version of outlast wrote it: {error}") from error
        return GoodPublication(plan=payload.plan, fence=payload.fence, confirmed_at_ns=line.at_ns)


class Sealer:
    """Makes and checks tags, with one derived key a provider.

    Args:
        keys: the TSIG secret of each provider, in bytes.
    """

    def __init__(self, keys: Mapping[ProviderName, bytes]) -> None:
        # A key of its own for this purpose: a tag must never be of use as a TSIG signature.
        self._keys = {
            provider: hmac.digest(secret, _KEY_LABEL + provider.encode(), "sha256")
            for provider, secret in keys.items()
        }

    def publication(self, publication: GoodPublication) -> bytes:
        """Return the line of a publication.

        Raises:
            LastGoodError: there is no key for its provider, or it is too long.
        """
        plan = publication.plan
        payload = msgspec.json.encode(_Payload(plan, publication.fence))
        return self._seal(plan.layout, plan.generation, publication.confirmed_at_ns, payload)

    def mark(self, layout: Layout, generation: Generation) -> bytes:
        """Return the line that says that a generation was seen.

        Raises:
            LastGoodError: there is no key for its provider.
        """
        return self._seal(layout, generation, Nanos(0), _MARK)

    def _seal(self, layout: Layout, generation: Generation, at_ns: Nanos, payload: bytes) -> bytes:
        key = self._keys.get(layout.provider)
        if key is None:
            raise problem(layout.endpoint, f"no key for the provider {layout.provider!r}")
        body = f"{layout.endpoint} {layout.provider} {generation} {at_ns} ".encode() + payload
        line = hmac.digest(key, body, "sha256").hex().encode() + b" " + body + b"\n"
        if len(line) > LINE_BYTES_MAX:
            raise problem(layout.endpoint, f"{len(line):,} bytes do not fit in {LINE_BYTES_MAX:,}")
        return line

    def open(self, raw: bytes) -> Line:
        """Check a line's tag.

        Raises:
            LastGoodError: the line is not whole, not ours, or was altered.
        """
        parts = raw.removesuffix(b"\n").split(b" ", 5)
        where = _named(parts, raw)
        if not raw.endswith(b"\n"):
            raise problem(where, "its line is cut off, or still being written")
        try:
            tag, endpoint, provider, generation, at_ns, payload = parts
            key = self._keys.get(ProviderName(provider.decode()))
        except ValueError:
            raise problem(where, "this is no line of a last-known-good file") from None
        if key is None:
            raise problem(where, f"no key for the provider {provider.decode()!r}")
        body = raw[len(tag) + 1 : -1]
        if not hmac.compare_digest(hmac.digest(key, body, "sha256").hex().encode(), tag):
            raise problem(where, "it was altered, or written with another key")
        return Line(
            endpoint=EndpointName(endpoint.decode()),
            generation=Generation(int(generation)),
            at_ns=Nanos(int(at_ns)),
            payload=payload,
            raw=raw,
        )


def _named(parts: list[bytes], raw: bytes) -> str:
    """Tell which endpoint a refused line seems to be for; either of its two names may be damaged."""
    names = [parts[1]] if parts[1:] else []
    inside = _ENDPOINT.search(raw)
    if inside and inside[1] not in names:
        names.append(inside[1])
    spelt = " or ".join(repr(name[:80].decode("ascii", "replace")) for name in names)
    return f"endpoint {spelt}" if spelt else "a line"


@dataclass(slots=True)
class Found:
    """What was read from one file or several: the newest lines, and what was refused.

    Attributes:
        newest: the newest publication's line of each endpoint.
        marks: the line of each endpoint with the highest generation of all.
        topology: digest of the topology that it was written under; empty: not known.
    """

    newest: dict[EndpointName, Line] = field(default_factory=dict)
    marks: dict[EndpointName, Line] = field(default_factory=dict)
    problems: list[LastGoodError] = field(default_factory=list)
    topology: str = ""

    def keep(self, line: Line) -> None:
        """Take a line in, if it is news. Of equals the later counts."""
        for kept in (self.marks,) if line.is_mark else (self.marks, self.newest):
            held = kept.get(line.endpoint)
            if held is None or line.age >= held.age:
                kept[line.endpoint] = line

    def take(self, other: "Found") -> None:
        """Take in everything that another file held."""
        self.problems += other.problems
        self.topology = self.topology or other.topology
        for line in (*other.newest.values(), *other.marks.values()):
            self.keep(line)


def header(topology: str) -> bytes:
    """Return a file's first line."""
    return f"outlast-lastgood 1 {topology or '-'}\n".encode()


def read(path: Path, sealer: Sealer) -> Found:
    """Read a file. Never raises: what cannot be used is among the problems."""
    found = Found()
    try:
        with path.open("rb") as file:
            _read_header(path, file, found)
            for raw in lines(file):
                _take(path, raw, sealer, found)
                if len(found.problems) >= PROBLEMS_MAX:
                    found.problems.append(problem(path, "and more; the rest was not read"))
                    break
    except OSError as error:
        found.problems.append(problem(path, f"it cannot be read: {error.strerror or error}"))
    return found


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Read to the end as it is now: the rest of a line that is being written is no line of its own."""
    while raw := file.readline(LINE_BYTES_MAX):
        yield raw
        if not raw.endswith(b"\n") and len(raw) < LINE_BYTES_MAX:
            return


def _read_header(path: Path, file: BinaryIO, found: Found) -> None:
    first = file.readline(LINE_BYTES_MAX)
    ours = _HEADER.fullmatch(first)
    if ours:
        found.topology = ours[1].decode().removeprefix("-")
        return
    found.problems.append(problem(path, "its first line is not that of a last-known-good file"))
    tag = _TAG.search(first)
    # Every line stands for itself, so what follows a damaged first line is tried all the same.
    file.seek(tag.start() if tag else len(first))


def _take(path: Path, raw: bytes, sealer: Sealer, found: Found) -> None:
    try:
        found.keep(sealer.open(raw))
    except LastGoodError as error:
        found.problems.append(LastGoodError(f"{path}: {error.what}", remedy=error.remedy))
        # If it was the line break that was damaged, two good lines stand here as one.
        for piece in _pieces(raw):
            try:
                found.keep(sealer.open(piece))
            except LastGoodError as again:
                found.problems.append(LastGoodError(f"{path}: {again.what}", remedy=again.remedy))


def _pieces(raw: bytes) -> Iterator[bytes]:
    starts = [tag.start() for tag in _TAG.finditer(raw)]
    if starts in ([], [0]):
        return
    for start, end in zip([0, *starts], [*starts, len(raw)], strict=True):
        if start < end:
            yield raw[start : end - 1] + b"\n" if end < len(raw) else raw[start:]


def problem(where: object, what: str) -> LastGoodError:
    """Return the error for a file or an endpoint."""
    return LastGoodError(
        f"{where}: {what}",
        remedy="it is passed over; everything else can still be used",
    )
