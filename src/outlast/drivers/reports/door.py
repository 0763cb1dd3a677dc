"""Door: what one request for `POST /v1/reports` may ask for, and what it is answered. No sockets here.

    202  kept, on disk; the body says how many of the reports count and what became of the others
    400  no reports; the body says where     401  a token that is none
    404, 405  not here, not so               408  the request did not arrive in time
    413  too long, or too many               415  neither JSON nor lines of it, or compressed
    429  too fast; Retry-After says when     503  too many wait, or the disk is full: come again, nothing
                                                  of this request counts

The traps: a compressed body may be a million times as long as it says (so none is taken), and a proxy's
`X-Forwarded-For` is written by whoever likes (so it is read only from named proxies, from the right).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from outlast.detect.intake import Fate
from outlast.drivers.reports.decode import BadReports, Group, Report, read_json, read_lines
from outlast.drivers.reports.identity import network_of
from outlast.drivers.reports.limits import Buckets, Limits
from outlast.drivers.reports.tokens import Source, find_source
from outlast.model.errors import StoreError

PATH = b"/v1/reports"
LINES = (b"application/x-ndjson", b"application/jsonl", b"application/ndjson")
OTHERS = (b"application/json", b"text/json", b"")
Headers = Sequence[tuple[bytes, bytes]]

Tally = tuple[int, ...]
"""How many reports had each fate, in the order of `Fate`."""

NOTHING: Tally = (0,) * len(Fate)
_NAMES = tuple(fate.name.lower() for fate in Fate)


class Busy(Exception):
    """More reports wait than may."""


class Refused(Exception):
    """A request that is not taken, with its HTTP status."""

    def __init__(self, status: int, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.after_s = after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Who may come in.

    Attributes:
        sources: with their tokens.
        proxies: addresses whose `X-Forwarded-For` is believed.
        public: whether anybody may report without a token.
    """

    sources: tuple[Source, ...] = ()
    proxies: frozenset[str] = frozenset()
    public: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class _Told:
    """What the headers say."""

    lines: bool = False
    token: str = ""
    kind: bytes = b""
    forwarded: list[bytes] = field(default_factory=list)


class Door:
    """Decides what may go on to the desk."""

    def __init__(
        self, rights: Rights, limits: Limits, *, heard: Callable[[str], None] | None = None
    ) -> None:
        """Make it.

        Args:
            heard: told the name of each bulk source that hands something in.
        """
        self.rights = rights
        self.limits = limits
        self._heard = heard
        self._buckets = Buckets()

    def open(self, headers: Headers, body: bytes | bytearray, peer: str, now_s: float) -> Group:
        """Return the reports of a request.

        Args:
            peer: the address it came from.
            now_s: the present, in seconds since 1970.

        Raises:
            Refused: it is not taken.
        """
        told = _read(headers)
        source = self._source(told.token, now_s)
        if len(body) > self.limits.body_bytes:
            raise Refused(413, f"a request may have {self.limits.body_bytes} bytes")
        try:
            read = read_lines if told.lines else read_json
            reports = read(body, int(now_s))
        except BadReports as error:
            raise Refused(400, str(error)) from error
        if source is None:
            return self._public(reports, self._sender(peer, told.forwarded), now_s)
        self._weigh(reports, self.limits.bulk_batch)
        self._slow_down(f"token {source.name}", len(reports), source.reports_s, now_s)
        if self._heard is not None:
            self._heard(source.name)
        return Group(reports)

    def _source(self, token: str, now_s: float) -> Source | None:
        if token:
            source = find_source(self.rights.sources, token, now_s)
            if source is None:
                raise Refused(401, "this token is none of ours")
            return source
        if not self.rights.public:
            raise Refused(401, "a token is needed: Authorization: Bearer ...")
        return None

    def _public(self, reports: list[Report], peer: str, now_s: float) -> Group:
        self._weigh(reports, self.limits.public_batch)
        rate_s = self.limits.public_reports_s
        self._slow_down(network_of(peer) or peer, len(reports), rate_s, now_s)
        return Group(reports, peer or "nobody")

    @staticmethod
    def _weigh(reports: list[Report], most: int) -> None:
        if len(reports) > most:
            raise Refused(413, f"a request may have {most} reports")

    def _slow_down(self, sender: str, number: int, rate_s: float, now_s: float) -> None:
        wait_s = self._buckets.take(sender, number, rate_s=rate_s, now_s=now_s)
        if wait_s > 0:
            raise Refused(429, "too many reports from one sender", wait_s)

    def _sender(self, peer: str, forwarded: list[bytes]) -> str:
        """Return the address of the sender: the last hop that no trusted proxy wrote about itself."""
        if peer not in self.rights.proxies:
            return peer
        hops = [hop.strip() for line in forwarded for hop in line.decode("latin-1").split(",")]
        for hop in reversed(hops):
            if hop not in self.rights.proxies:
                return hop if network_of(hop) else peer
        return peer


def _read(headers: Headers) -> _Told:
    told = _Told()
    for name, value in headers:
        if name == b"content-type":
            told.kind = value.partition(b";")[0].strip().lower()
        elif name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            told.token = token.strip()
            if scheme.lower() != "bearer" or not told.token:
                raise Refused(401, "a token is sent as: Authorization: Bearer ...")
        elif name == b"x-forwarded-for":
            told.forwarded.append(value)
        elif name == b"content-encoding" and value.strip().lower() != b"identity":
            raise Refused(415, "send it uncompressed")
    told.lines = told.kind in LINES
    if not told.lines and told.kind not in OTHERS:
        raise Refused(415, "send application/json or application/x-ndjson")
    return told


def reply_to(found: Tally | Exception) -> Reply:
    """Return the answer to a request that was handed in, or was not."""
    match found:
        case tuple():
            return _READY.get(found) or _kept(found)
        case Refused(status=status, why=why, after_s=after_s):
            return _refused(status, why, after_s)
        case Busy():
            return _refused(503, "too many reports wait", 1.0)
        case StoreError(what=what):
            return _refused(503, what, 5.0)
        case _:
            return _refused(500, "a fault of its own; these reports do not count", 0.0)


def _kept(tally: Tally) -> Reply:
    return Reply(202, msgspec.json.encode(dict(zip(_NAMES, tally, strict=True))))


def _refused(status: int, why: str, after_s: float) -> Reply:
    more: list[tuple[bytes, bytes]] = []
    if after_s > 0:
        more.append((b"retry-after", str(max(1, round(after_s))).encode()))
    if status == 405:
        more.append((b"allow", b"POST"))
    return Reply(status, msgspec.json.encode({"error": why}), tuple(more))


ONE: dict[int, Tally] = {int(fate): tuple(int(other is fate) for other in Fate) for fate in Fate}
"""The tally of a single report, by its fate."""

_READY = {tally: _kept(tally) for tally in (NOTHING, *ONE.values())}
