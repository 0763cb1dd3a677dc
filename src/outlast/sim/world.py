"""The virtual world around the production core: a zone, a store, and what is on its way between them.

Twin of `drivers/pump.py` and the providers: it carries out the commands of `core.messages` and gives back
events. What it models of a DNS server is what RFC 2136 promises and what was seen of real ones: a
transaction is carried out wholly or not at all and only if all its conditions hold; an address beside a
CNAME is dropped without a word; an abandoned write may be carried out after its sender gave up.

Everything here is either a frozen value or a cell that holds frozen values, so that a state is a tuple.
"""

from dataclasses import dataclass, field, replace

from outlast.core.messages import ReportDrift
from outlast.core.sweep import Laid
from outlast.core.tree import leads_to, place_of, through
from outlast.model.fence import epoch_name, parse_fence
from outlast.model.health import Health
from outlast.model.names import DnsName
from outlast.model.override import Override
from outlast.model.plan import Absent, Layout, Observation, Plan, Receipt, Transaction
from outlast.model.records import RecordSet, RecordType, weights_name
from outlast.model.topology import Endpoint
from outlast.model.units import NO_GENERATION, Generation, Nanos

Zone = tuple[RecordSet, ...]
"""All records, sorted by name and type."""

ADDRESSES = (RecordType.A, RecordType.AAAA)


def _key(one: RecordSet) -> tuple[str, str]:
    return one.name, one.rtype


def find(zone: Zone, name: DnsName, rtype: RecordType) -> tuple[str, ...]:
    """Return the values at a name and type; none if there is no such record set."""
    for one in zone:
        if one.name == name and one.rtype is rtype:
            return one.values
    return ()


def put(zone: Zone, *record_sets: RecordSet) -> Zone:
    """Put record sets in the place of those of the same name and type."""
    known = {_key(one): one for one in (*zone, *record_sets)}
    return tuple(known[key] for key in sorted(known))


def drop(zone: Zone, *keys: tuple[DnsName, RecordType]) -> Zone:
    """Remove record sets; removing nothing is no error."""
    return tuple(one for one in zone if (one.name, one.rtype) not in keys)


def holds(zone: Zone, transaction: Transaction) -> bool:
    """Whether all conditions of a transaction are true now."""
    for condition in transaction.conditions:
        values = find(zone, condition.name, condition.rtype)
        if isinstance(condition, Absent):
            if values:
                return False
        elif values != tuple(sorted(condition.values)):
            return False
    return True


def carry_out(zone: Zone, transaction: Transaction) -> Zone | None:
    """Carry a transaction out as a server does; None: a condition did not hold, nothing changed."""
    if not holds(zone, transaction):
        return None
    zone = drop(zone, *transaction.deletions)
    aliases = {one.name for one in zone if one.rtype is RecordType.CNAME}
    kept = [
        one
        for one in transaction.additions
        if one.rtype is RecordType.TXT or one.name not in aliases
    ]
    return put(zone, *kept)


def observe(zone: Zone, layout: Layout, at_ns: Nanos) -> Observation:
    """Read one endpoint, as `Provider.read` does: through pointers, where its names lead into a tree."""
    seen = _names(zone, layout, at_ns)
    top = leads_to(seen)
    whole = through(seen, _names(zone, place_of(layout, top), at_ns)) if top else seen
    return seen if whole is None else whole


def _names(zone: Zone, layout: Layout, at_ns: Nanos) -> Observation:
    names = {*layout.names, *(weights_name(name) for name in layout.names)}
    return Observation(
        endpoint=layout.endpoint,
        provider=layout.provider,
        epoch=find(zone, epoch_name(layout.zone), RecordType.TXT),
        fence=find(zone, layout.fence_at, RecordType.TXT),
        record_sets=tuple(one for one in zone if one.name in names),
        at_ns=at_ns,
    )


def generation_at(zone: Zone, layout: Layout) -> Generation:
    """The generation that the fence in the zone names; 0: no well-formed fence."""
    fence = parse_fence(find(zone, layout.fence_at, RecordType.TXT))
    return fence.generation if fence is not None else NO_GENERATION


@dataclass(frozen=True, slots=True)
class Row:
    """What the store holds of one endpoint."""

    head: Plan | None = None
    receipt: Receipt | None = None
    found: ReportDrift | None = None
    archive: tuple[Plan, ...] = ()

    def archived(self, plan: Plan) -> "Row":
        """Return the row with a plan as its newest."""
        others = tuple(one for one in self.archive if one.generation != plan.generation)
        return replace(self, head=plan, archive=(*others, plan))

    @property
    def confirmed(self) -> Generation:
        """Generation of the last receipt."""
        return self.receipt.fence.generation if self.receipt is not None else NO_GENERATION


@dataclass(frozen=True, slots=True)
class Truth:
    """What the checks know of an endpoint that no part of the system is told.

    Attributes:
        high: the highest generation that ever stood in the DNS.
        good: the plan that stood there last; what an operator's rescue file holds.
        allowed: (generation, digest) of every plan that the guard let pass, sorted.
        hurt: whether the store lost something; what it can still return is then nobody's promise.
    """

    high: Generation = NO_GENERATION
    good: Plan | None = None
    allowed: tuple[tuple[Generation, str], ...] = ()
    hurt: bool = False


@dataclass(slots=True)
class World:
    """The shared cells.

    Attributes:
        zone, before: the zone, and as it was before the last change.
        rows: the store, one row an endpoint; `copies` is an older copy of it.
        overrides: as operators and planner placed them.
        endpoints: the topology as it is now.
        health: per endpoint, what the planner is told.
        late: writes that nobody waits for any more.
        truths: per endpoint, for the checks.
        faults: how many faults are left; turns: how many changes of health.
        ups: per endpoint, which targets are really up.
        laid: the store's list of trees that may stand.
        cached: pointers that changed and that resolvers may still follow: name, target, until which minute.
        minutes: time, for those who wait for a TTL to pass.
    """

    zone: Zone
    rows: list[Row]
    endpoints: list[Endpoint]
    health: list[tuple[Health, ...]]
    truths: list[Truth]
    faults: int
    turns: int
    now_ns: Nanos
    before: Zone = ()
    copies: tuple[Row, ...] = ()
    overrides: tuple[Override, ...] = ()
    late: tuple[Transaction, ...] = ()
    leapt: bool = False
    ups: list[tuple[bool, ...]] = field(default_factory=list)
    laid: tuple[Laid, ...] = ()
    cached: tuple[tuple[DnsName, DnsName, int], ...] = ()
    minutes: int = 0

    def write(self, transaction: Transaction) -> bool:
        """Let the server carry out a transaction; False: refused."""
        after = carry_out(self.zone, transaction)
        if after is None:
            return False
        self.change(after)
        return True

    def change(self, zone: Zone) -> None:
        """Give the zone a new content, whoever did it."""
        if zone != self.zone:
            self.before, self.zone = self.zone, zone

    def store(self, index: int, row: Row) -> None:
        """Commit a row; the older copy is the store as it was before its first plan but one."""
        if row.head is not self.rows[index].head:
            self.copies = tuple(self.rows)
        self.rows[index] = row
