"""Standing: how every endpoint stands, gathered from store and DNS; what `outlast status` shows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outlast.app.observing import Observations, observe
from outlast.app.session import Session
from outlast.app.trees import TreeLine, tree_lines
from outlast.app.wiring import World
from outlast.core.verify import compare
from outlast.drivers.entries import Alive, EndpointRow
from outlast.drivers.sweeper import all_trees
from outlast.drivers.wellness import Wellness
from outlast.model.health import Verdict
from outlast.model.names import DEFAULT_CELL, EndpointName
from outlast.model.override import Evacuation, Freeze, Override, Waiver, is_over
from outlast.model.plan import Observation, Plan, Proof
from outlast.model.records import RecordType
from outlast.model.topology import Endpoint, Topology
from outlast.model.units import NS_PER_S, iso

MEANWHILE = (
    "while the store cannot be used, what is published stays published; nothing is removed for its "
    "health, nothing new is planned, and nothing is healed"
)

GONE_AFTER = 3
"""Signs of life missed until a role counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One endpoint's state.

    Attributes:
        published: generation that the DNS holds, or the last confirmed one where it was not asked.
        wanted: the newest plan's generation.
        answers: what the first name answers, as regions: `eu-west:2 us-east:1`.
        state: `ok`, or what is wrong, in a word: the worst thing found.
        detail: one line for people.
        down: what some vantage holds to be down, such as `us-1/ipv4`.
        since_ns: since when the state or, while that is `ok`, the detail is known; 0: not known.
    """

    endpoint: str
    names: tuple[str, ...]
    published: int
    wanted: int
    answers: str
    state: str
    detail: str
    down: tuple[str, ...] = ()
    since_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLine:
    """One cell's state, where the topology has cells.

    Attributes:
        endpoints: how many it has.
        wrong: how many of them need somebody.
        enactors: those of its own that are alive; empty: it has none of its own, or they are gone.
        spent: what went of its budget, as the planner last said; empty: nothing.
    """

    cell: str
    endpoints: int
    wrong: int
    enactors: tuple[str, ...] = ()
    spent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything; what `--json` prints.

    Attributes:
        store_reachable: whether the store could be read.
        meanwhile: what that means until it can be; empty: it can.
    """

    at: str
    topology: str
    store: str
    store_reachable: bool = True
    meanwhile: str = ""
    roles: tuple[Alive, ...] = ()
    gone: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    sick: tuple[str, ...] = ()
    disagreeing: tuple[str, ...] = ()
    endpoints: tuple[Line, ...]
    orphans: tuple[str, ...] = ()
    cells: tuple[CellLine, ...] = ()
    trees: tuple[TreeLine, ...] = ()

    @property
    def wrong(self) -> list[Line]:
        """The endpoints that are not as they should be."""
        return [one for one in self.endpoints if one.state != "ok"]

    @property
    def is_well(self) -> bool:
        """Whether nobody needs to look."""
        return self.store_reachable and not (
            self.wrong or self.orphans or self.sick or self.disagreeing
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the lines are made from."""

    rows: Mapping[EndpointName, EndpointRow] = field(default_factory=dict)
    down: Mapping[str, list[str]] = field(default_factory=dict)
    down_since: Mapping[str, int] = field(default_factory=dict)
    frozen: Mapping[EndpointName | None, str] = field(default_factory=dict)
    observations: Mapping[EndpointName, Observation] = field(default_factory=dict)
    unread: Mapping[EndpointName, str] = field(default_factory=dict)


async def with_store(session: Session, *, ask: bool) -> Status:
    """Return how everything stands; `ask`: whether to ask the DNS as well."""
    world, ledger = session.world, session.ledger
    rows = {row.endpoint: row for row in (await ledger.rows())[0]}
    overrides, _ = await ledger.overrides()
    votes, _ = await ledger.votes()
    views, _ = await ledger.views()
    roles = await ledger.roles()
    endpoints = list(world.topology.endpoints)
    found = await observe(world, endpoints, session.providers) if ask else Observations()
    now_ns = world.clock.now_ns()
    wellness = Wellness(world.topology.settings)
    wellness.hear(views, votes, now_ns)
    in_force = [one for one in overrides or () if not is_over(one, now_ns)]
    down: dict[str, list[str]] = defaultdict(list)
    down_since: dict[str, int] = {}
    for subject, vote in votes:
        if vote.verdict is Verdict.DOWN:
            endpoint, _, address = subject.partition("/")
            down[endpoint].append(address)
            down_since[endpoint] = min(vote.since_ns, down_since.get(endpoint, vote.since_ns))
    known = _Known(
        rows=rows,
        down=down,
        down_since=down_since,
        frozen={one.endpoint: one.reason for one in in_force if isinstance(one, Freeze)},
        observations=found,
        unread=found.unread,
    )
    names = {one.name for one in endpoints}
    missing = [one for one in roles if now_ns - one.at_ns > GONE_AFTER * one.every_s * NS_PER_S]
    alive = tuple(one for one in roles if one not in missing)
    lines = tuple(_line(one, known) for one in endpoints)
    return Status(
        at=iso(now_ns),
        topology=f"{world.file} ({world.digest[:12]})",
        store=world.store_name,
        roles=alive,
        gone=tuple(f"{one.kind} {one.name}: last seen {iso(one.at_ns)}" for one in missing),
        overrides=tuple(describe(one) for one in in_force),
        sick=tuple(wellness.sick.values()),
        disagreeing=tuple(
            f"{server} about {drift.endpoint}: {drift.kind}: {drift.message}"
            for server, drift in await ledger.disagreements()
        ),
        endpoints=lines,
        cells=_cells(world.topology, lines, alive),
        trees=tree_lines(rows, await all_trees(ledger.store)),
        orphans=tuple(sorted(name for name, row in rows.items() if row.head and name not in names)),
    )


async def without_store(world: World, why: str) -> Status:
    """The store cannot be used: the DNS still can be asked."""
    providers = world.providers()
    endpoints = list(world.topology.endpoints)
    try:
        observations = await observe(world, endpoints, providers)
    finally:
        for provider in providers.values():
            await provider.close()
    known = _Known(observations=observations, unread=observations.unread)
    return Status(
        at=iso(world.clock.now_ns()),
        topology=f"{world.file} ({world.digest[:12]})",
        store=f"UNUSABLE: {why}",
        store_reachable=False,
        meanwhile=MEANWHILE,
        endpoints=tuple(_line(one, known) for one in endpoints),
    )


def _cells(
    topology: Topology, lines: Sequence[Line], alive: Sequence[Alive]
) -> tuple[CellLine, ...]:
    """Sum the lines up by cell; nothing where the topology has no cells."""
    if not topology.cells:
        return ()
    names = [one.name for one in topology.cells]
    cell_of = {str(one.name): one.cell for one in topology.endpoints}
    if DEFAULT_CELL in cell_of.values() and DEFAULT_CELL not in names:
        names.append(DEFAULT_CELL)
    said = [part for one in alive if one.kind == "planner" for part in one.doing.split("; ")]
    found = []
    for name in names:
        mine = [line for line in lines if cell_of[line.endpoint] == name]
        found.append(
            CellLine(
                cell=name,
                endpoints=len(mine),
                wrong=sum(1 for line in mine if line.state != "ok"),
                enactors=tuple(
                    one.name
                    for one in alive
                    if one.kind == "enactor" and one.name.rpartition("-")[0] == name
                ),
                spent="; ".join(
                    one.removeprefix(f"cell {name}: ")
                    for one in said
                    if one.startswith(f"cell {name}: ")
                ),
            )
        )
    return tuple(found)


def _line(endpoint: Endpoint, known: _Known) -> Line:
    row = known.rows.get(endpoint.name)
    observation = known.observations.get(endpoint.name)
    head = row.head.plan if row is not None and row.head is not None else None
    found = compare(head, observation) if head is not None and observation is not None else None
    state, detail = _state(endpoint, known, row, head)
    published = found.fence.generation if isinstance(found, Proof) else 0
    if found is None and row is not None:
        published = row.confirmed
    return Line(
        endpoint=endpoint.name,
        names=tuple(one.name for one in endpoint.names),
        published=published,
        wanted=head.generation if head is not None else 0,
        answers=_answers(endpoint, observation),
        state=state,
        detail=detail,
        down=tuple(sorted(set(known.down.get(endpoint.name, ())))),
        since_ns=_since_ns(endpoint, known, row, state),
    )


def _since_ns(endpoint: Endpoint, known: _Known, row: EndpointRow | None, state: str) -> int:
    """Since when it is known, by whoever wrote it down; a fresh look alone knows no beginning."""
    if state == "ok":
        return known.down_since.get(endpoint.name, 0)
    if row is not None and state == "blocked" and row.blocked is not None:
        return row.blocked.at_ns
    if row is not None and row.found is not None and row.found.drift.kind == state:
        return row.found.drift.at_ns
    return 0


def _state(
    endpoint: Endpoint, known: _Known, row: EndpointRow | None, head: Plan | None
) -> tuple[str, str]:
    """The worst that is true of an endpoint, and one line about it."""
    observation = known.observations.get(endpoint.name)
    if endpoint.name in known.unread:
        return "unreadable", known.unread[endpoint.name].splitlines()[0]
    found = compare(head, observation) if head is not None and observation is not None else None
    if found is not None and not isinstance(found, Proof):
        return found.kind.value, found.message
    for scope in (endpoint.name, None):
        if scope in known.frozen:
            return "frozen", known.frozen[scope]
    if row is not None and row.blocked is not None:
        return "blocked", "; ".join(one.message for one in row.blocked.ruling.findings)
    if head is None:
        return "no plan", "nothing was planned yet: is `outlast up` running?"
    down = sorted(known.down.get(endpoint.name, ()))
    return "ok", f"down: {', '.join(down)}" if down else ""


def _answers(endpoint: Endpoint, observation: Observation | None) -> str:
    if observation is None:
        return ""
    regions = {
        str(target.address(family)): target.region
        for target in endpoint.targets
        for family in target.families
    }
    counts: dict[str, int] = {}
    for one in observation.record_sets:
        if one.name != endpoint.names[0].name or one.rtype is RecordType.TXT:
            continue
        for value in one.values:
            region = regions.get(value, "foreign")
            counts[region] = counts.get(region, 0) + 1
    return " ".join(f"{region}:{count}" for region, count in sorted(counts.items())) or "EMPTY"


def describe(override: Override) -> str:
    """One line about an override."""
    match override:
        case Freeze(endpoint=endpoint, until_ns=until_ns):
            end = f"until {iso(until_ns)}" if until_ns is not None else "until thawed"
            what = f"frozen: {endpoint or 'everything'} {end}"
        case Evacuation(region=region, step_count=count, returning=True):
            what = f"coming back: {region} in {count} steps from {iso(override.at_ns)}"
        case Evacuation(region=region, step_count=count):
            what = f"evacuated: {region} in {count} steps from {iso(override.at_ns)}"
        case Waiver(rule=rule, endpoint=endpoint, until_ns=until_ns):
            what = f"waived: {rule} for {endpoint or 'everything'} until {iso(until_ns)}"
    return f"{what} (by {override.by}: {override.reason})"
