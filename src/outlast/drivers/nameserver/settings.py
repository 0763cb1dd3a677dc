"""Settings, facts and figures: what goes into the name server beside its zones, and what comes out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from outlast.model.names import DnsName
from outlast.model.topology import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what clients can make the server spend. Every one of them is a defence.

    Attributes:
        connections_max: TCP connections in all; the longest idle one without a valid signature is
            closed to let a newcomer in.
        connections_client_max: TCP connections of one address.
        idle_s: after this time without a complete message a TCP connection is closed (RFC 7766
            section 6.2.3). Bytes that trickle in do not count: that is how slow loris works.
        updates_queued_max: updates that wait for the disk; more get SERVFAIL, which says "try again".
        updates_connection_max: of these, updates of one connection; more are not read meanwhile.
        transfers_max: zone transfers at once.
        hot_answers_max: prepared answers kept, about half a kilobyte each.
        names_max: names in one zone; an update that would exceed it is refused.
    """

    connections_max: int = 2048
    connections_client_max: int = 512
    idle_s: float = 30.0
    updates_queued_max: int = 4096
    updates_connection_max: int = 256
    transfers_max: int = 4
    hot_answers_max: int = 65_536
    names_max: int = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """Response-rate limiting over UDP, where a sender's address can be forged.

    Attributes:
        answers_per_s: answers a client network (/24, /56) gets in the long run; 0: not limited.
        burst: answers it can get at once after a rest.
        slip: every so many limited answers one is sent truncated, so that a real client behind a forged
            flood still finds its way, over TCP; 0: none.
        exempt: networks that are never limited, in CIDR notation.
        networks_max: client networks remembered.
    """

    answers_per_s: float = 1000.0
    burst: float = 2000.0
    slip: int = 2
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    networks_max: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A name server's name and, where the name lies in one of our zones, its addresses."""

    name: DnsName
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServerSettings:
    """How the zones look and how they are answered.

    Attributes:
        nameservers: the NS records of every zone, the first one also in the SOA record. Empty: one,
            `ns.` below each zone, at the addresses listened on.
        contact: mailbox in the SOA record, in the form of a name (RFC 1035 section 8); empty:
            `hostmaster.` below each zone.
        negative_ttl_s: how long resolvers keep "no such name" (RFC 2308): SOA minimum and SOA TTL.
        ns_ttl_s: TTL of the NS records and of the name servers' addresses.
        refresh_s, retry_s, expire_s: for secondaries (RFC 1912 section 2.2).
        answers_max: addresses in one answer; 0: all.
        payload: largest UDP answer in bytes. 1232 passes unfragmented (DNS flag day 2020).
        secondaries: who may transfer the zones, and is notified.
        notify_delay_s: changes within this time are told in one NOTIFY.
        snapshot_bytes: a journal longer than this, and than the snapshot, is folded into a new snapshot.
    """

    nameservers: tuple[Host, ...] = ()
    contact: DnsName | None = None
    negative_ttl_s: int = 5
    ns_ttl_s: int = 3600
    refresh_s: int = 60
    retry_s: int = 10
    expire_s: int = 1_209_600
    answers_max: int = 0
    payload: int = 1232
    secondaries: tuple[Address, ...] = ()
    notify_delay_s: float = 0.1
    snapshot_bytes: int = 16 * 1024 * 1024
    limits: Limits = field(default_factory=Limits)
    rate_limit: RateLimit = field(default_factory=RateLimit)


class FactKind(StrEnum):
    """What a fact is about."""

    STARTED = "started"
    STOPPED = "stopped"
    UPDATED = "updated"
    UPDATE_REFUSED = "update-refused"
    SIGNATURE_REFUSED = "signature-refused"
    TRANSFERRED = "transferred"
    TRANSFER_REFUSED = "transfer-refused"
    NOTIFY_UNANSWERED = "notify-unanswered"
    DISK_FAILED = "disk-failed"
    JOURNAL_TORN = "journal-torn"
    SNAPSHOT_WRITTEN = "snapshot-written"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, for logs and metrics: its kind, and one line for people."""

    kind: FactKind
    detail: str


FactHook = Callable[[Fact], None]
"""Takes facts. It is called in the event loop: it must not raise and must not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServerStats:
    """Counts since the start.

    Attributes:
        answers: answers by response code, such as `("NOERROR", 12)`.
        truncated: answers sent with the TC bit because they did not fit.
        limited_dropped, limited_truncated: answers that rate limiting held back, or made short.
        ignored: packets that got no answer: too short, or answers themselves.
        unsent: answers for which the socket had no room.
        updates_applied: acknowledged, whether or not they changed anything.
        updates_refused: answered with anything but NOERROR.
        connections: TCP connections open now.
        connections_refused: connections closed at once, being too many.
    """

    queries_udp: int
    queries_tcp: int
    answers: tuple[tuple[str, int], ...]
    truncated: int
    limited_dropped: int
    limited_truncated: int
    ignored: int
    unsent: int
    updates_applied: int
    updates_refused: int
    transfers: int
    notifies: int
    connections: int
    connections_refused: int
    names: int


class Counters:
    """The counts under way. Plain attributes: a packet has some microseconds for everything."""

    def __init__(self) -> None:
        self.queries_udp = 0
        self.queries_tcp = 0
        self.answers: dict[int, int] = {}
        self.truncated = 0
        self.limited_dropped = 0
        self.limited_truncated = 0
        self.ignored = 0
        self.unsent = 0
        self.updates_applied = 0
        self.updates_refused = 0
        self.transfers = 0
        self.notifies = 0
        self.connections_refused = 0

    def answered(self, rcode: int) -> None:
        """Count an answer by its response code."""
        self.answers[rcode] = self.answers.get(rcode, 0) + 1
