"""Plans and what becomes of them: ruling, receipt, proof or drift.

A plan is the immutable, numbered, wanted publication of one endpoint. It carries its records (plans
are data in the record set, not references), so that publishing in place leaves nothing in the DNS that
a clean-up could delete.
"""

from dataclasses import dataclass
from enum import StrEnum

from outlast.model.fence import Fence
from outlast.model.health import Verdict
from outlast.model.names import (
    DEFAULT_CELL,
    CellName,
    DnsName,
    EnactorName,
    EndpointName,
    ProviderName,
    RegionName,
    TargetName,
)
from outlast.model.records import Family, RecordSet, RecordType
from outlast.model.units import Generation, Nanos


class Origin(StrEnum):
    """Who asked for a plan."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    ROLLBACK = "rollback"
    RESCUE = "rescue"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One target in a plan: whether it is published, how, and why.

    Attributes:
        weight: its weight in the topology.
        percent: how much of that weight it gets now, 0 to 100; less than 100 while it ramps up
            or is being drained.
        size: what it counts for in floors and budgets: its capacity, or 1 where not every target of
            the endpoint declares one.
        published: whether its address stands in the record set.
        verdict: what was believed of its address when the plan was made.
        why: one line for people, such as `healthy` or `down, but kept: floor of 2 targets`.
    """

    target: TargetName
    region: RegionName
    family: Family
    address: str
    weight: int
    percent: int
    size: int
    published: bool
    verdict: Verdict
    why: str

    @property
    def serves(self) -> bool:
        """Whether it is published and not known to be down."""
        return self.published and self.verdict is not Verdict.DOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityProof:
    """Whether what stays published can carry the demand.

    Attributes:
        family: the family for which this is the tightest.
        published: capacity of the published targets that are not known to be down.
        declared: capacity of all targets.
        demand: the endpoint's peak load; 0: not declared, nothing can be proved.
    """

    family: Family
    published: int
    declared: int
    demand: int

    @property
    def holds(self) -> bool | None:
        """True or false; None where capacity or demand is not declared."""
        if not self.demand or not self.declared:
            return None
        return self.published >= self.demand

    def __str__(self) -> str:
        if self.holds is None:
            return "capacity not declared"
        sign = "carries" if self.holds else "CANNOT carry"
        return f"{self.published} of {self.declared} {sign} a demand of {self.demand}"


class Lagging(StrEnum):
    """What becomes of a change if one of several providers lags: the operator's choice."""

    HOLD = "hold"
    """Nothing changes anywhere until all are ready."""
    GO_ON = "go_on"
    """After the window the others go on; whoever lags follows when it can."""
    ROLL_BACK = "roll_back"
    """Nothing changes until all are ready; if one fails between, the others go back to what was."""


class Laying(StrEnum):
    """How an endpoint's plans are put into the DNS: the operator's choice."""

    AUTO = "auto"
    """In place; as a tree where a plan does not fit one transaction."""
    IN_PLACE = "in_place"
    TREE = "tree"
    """Under names that bear the plan's number, to which its own names then point, see `core.tree`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where an endpoint lies in the DNS: what must be read to see all of it.

    Attributes:
        zone: the zone of all its names.
        fence_at: the name of the fence.
        names: every name it publishes at, whether or not it has records there now.
        cell: whose enactors may write it.
        mirrors: further providers that publish the same, each behind a fence of its own.
        lagging: what becomes of a change if one of them lags.
        window_s: after what time one counts as lagging.
        tree: whether the plan is laid as a tree, to which the names then point.
    """

    endpoint: EndpointName
    provider: ProviderName
    zone: DnsName
    fence_at: DnsName
    names: tuple[DnsName, ...]
    cell: CellName = DEFAULT_CELL
    mirrors: tuple[ProviderName, ...] = ()
    lagging: Lagging = Lagging.GO_ON
    window_s: float = 5.0
    tree: bool = False

    @property
    def providers(self) -> tuple[ProviderName, ...]:
        """Everybody who publishes it."""
        return (self.provider, *self.mirrors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The wanted publication of one endpoint.

    Attributes:
        generation: grows with each plan of the endpoint, never reused.
        base: the generation it was derived from; a plan whose base is no longer the newest is stale.
        digest: `records.digest_of(record_sets)`.
        record_sets: the records, canonical order.
        floor: addresses that must stay at each name and family, for the enactor's own last check.
        owns: whether records found at its names without a fence may be replaced.
        members: every target with the reason for its state.
        made_at_ns: when it was made.
        reason: one line: what changed.
        signature: the planner's, see `fence.signed_text`; empty: it is not signed.
    """

    layout: Layout
    generation: Generation
    base: Generation
    digest: str
    record_sets: tuple[RecordSet, ...]
    floor: int
    owns: bool
    members: tuple[Member, ...]
    proof: CapacityProof
    made_at_ns: Nanos
    origin: Origin
    reason: str
    signature: str = ""

    @property
    def endpoint(self) -> EndpointName:
        """The endpoint it is for."""
        return self.layout.endpoint

    def addresses(self, name: DnsName, rtype: RecordType) -> tuple[str, ...]:
        """Return the values published at a name, none if the plan has no such record set."""
        for one in self.record_sets:
            if one.name == name and one.rtype is rtype:
                return one.values
        return ()

    def __str__(self) -> str:
        counts: dict[str, int] = {}
        for member in self.members:
            if member.published:
                counts[member.region] = counts.get(member.region, 0) + 1
        regions = " ".join(f"{region}:{count}" for region, count in sorted(counts.items()))
        return f"plan {self.generation} {self.endpoint} {regions} (base {self.base})"


class Severity(StrEnum):
    """How a finding counts."""

    BLOCK = "block"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason in a ruling.

    Attributes:
        rule: the guard's rule, such as `floor-share`; operators override rules by this name.
        message: what, with figures.
        remedy: what to do next; may be empty for notes.
        overridden: a blocking rule that an operator's named, unexpired override switched off.
    """

    rule: str
    severity: Severity
    message: str
    remedy: str = ""
    overridden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The guard's answer to one plan, with all its reasons."""

    endpoint: EndpointName
    generation: Generation
    findings: tuple[Finding, ...]

    @property
    def allowed(self) -> bool:
        """Whether nothing blocks."""
        return not any(
            one.severity is Severity.BLOCK and not one.overridden for one in self.findings
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a provider holds for one endpoint, read in one go.

    Attributes:
        epoch: values at the zone's epoch name; empty: none there.
        fence: values at the fence's name; empty: none there.
        record_sets: what stands at the plan's names and their `_weights`, types A, AAAA, CNAME, TXT;
            canonical order.
        at_ns: when the reading began, so everything in it is at least as new.
        laid: values at the name of what is laid ready, where an endpoint has several providers.
        below: label of the tree to which the names point and whose records these are; empty: they stand
            at the names themselves.
    """

    endpoint: EndpointName
    provider: ProviderName
    epoch: tuple[str, ...]
    fence: tuple[str, ...]
    record_sets: tuple[RecordSet, ...]
    at_ns: Nanos
    laid: tuple[str, ...] = ()
    below: str = ""


class DriftKind(StrEnum):
    """How the DNS differs from the plan."""

    EMPTY = "empty"
    """A name that should have addresses has none."""
    FENCE_ABSENT = "fence-absent"
    FENCE_FOREIGN = "fence-foreign"
    """Something stands at the fence's name, but no single well-formed fence."""
    BEHIND = "behind"
    """An older plan of ours is published."""
    AHEAD = "ahead"
    """A newer generation than we know of is published: rescued, or our store went back in time."""
    FOREIGN = "foreign"
    """Records stand at our names that we never published: ownership must be settled by a person."""
    CONTENT = "content"
    """The fence names the plan, but the records are not the plan's."""
    UNREACHABLE = "unreachable"
    LAGGING = "lagging"
    """Another provider of the same endpoint is not ready for the newest plan, or has not taken it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What differs at one server. Only ever input to the next turn."""

    endpoint: EndpointName
    provider: ProviderName
    kind: DriftKind
    message: str
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was asked of the DNS was exactly the plan."""

    endpoint: EndpointName
    provider: ProviderName
    fence: Fence
    at_ns: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An enactor confirmed, by reading back, that a plan is published.

    Attributes:
        healed: the kind of drift that this write repaired; empty for an ordinary move.
        took_ns: from taking up the plan to its confirmation.
    """

    endpoint: EndpointName
    provider: ProviderName
    enactor: EnactorName
    fence: Fence
    at_ns: Nanos
    healed: str = ""
    took_ns: Nanos = Nanos(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Condition of a write: exactly these values stand at a name and type (RFC 2136 section 2.4.2)."""

    name: DnsName
    rtype: RecordType
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Condition of a write: no record of this name and type exists (RFC 2136 section 2.4.3)."""

    name: DnsName
    rtype: RecordType


Condition = Held | Absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One write: all of it if every condition holds, else nothing.

    Attributes:
        zone: everything in it lies in this zone.
        conditions: never empty; there is no unconditional write in Outlast.
        deletions: record sets to remove first, by name and type; removing nothing is no error.
        additions: record sets to put in their place.
    """

    zone: DnsName
    conditions: tuple[Condition, ...]
    deletions: tuple[tuple[DnsName, RecordType], ...]
    additions: tuple[RecordSet, ...]

    def __post_init__(self) -> None:
        if not self.conditions:
            raise ValueError("a write without a condition")


class OutcomeKind(StrEnum):
    """What became of a write."""

    APPLIED = "applied"
    REFUSED = "refused"
    """A condition did not hold; nothing changed. It may have been our own first copy: read back."""
    REJECTED = "rejected"
    """The server will not do it, now or later, unless something is mended; nothing changed."""
    UNKNOWN = "unknown"
    """No answer. The write may still be applied after this moment. Never the same as failed."""
    BUSY = "busy"
    """Nothing changed (SERVFAIL, throttled); the same write may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The provider's answer to a transaction, with one line for people."""

    kind: OutcomeKind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"
