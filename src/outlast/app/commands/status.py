"""`outlast status`: what is published, wanted and wrong, in one screen."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from outlast.app.options import json_option, open_world, world_options
from outlast.app.preview import read_all
from outlast.app.session import Session, open_session
from outlast.app.show import console
from outlast.app.wiring import World
from outlast.core.verify import compare
from outlast.drivers.entries import Alive, EndpointRow
from outlast.drivers.wellness import Wellness
from outlast.model.errors import StoreError
from outlast.model.health import Verdict, Vote
from outlast.model.names import EndpointName, Subject
from outlast.model.override import Evacuation, Freeze, Override, Waiver, is_over
from outlast.model.plan import Observation, Proof
from outlast.model.topology import Endpoint
from outlast.model.units import NS_PER_S, iso

ASKED_MAX = 200
"""More endpoints than this are told from the store alone, unless --dns asks for every one."""

GONE_AFTER = 3
"""Signs of life missed until a role counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One endpoint's state.

    Attributes:
        published: generation that the DNS holds, or the last confirmed one where it was not asked.
        wanted: the newest plan's generation.
        state: `ok`, or what is wrong, in a word: the worst thing found.
        detail: one line for people.
    """

    endpoint: str
    names: tuple[str, ...]
    published: int
    wanted: int
    answers: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What `--json` prints."""

    at: str
    topology: str
    store: str
    roles: tuple[Alive, ...]
    gone: tuple[str, ...]
    overrides: tuple[str, ...]
    sick: tuple[str, ...]
    disagreeing: tuple[str, ...]
    endpoints: tuple[Line, ...]
    orphans: tuple[str, ...]

    @property
    def wrong(self) -> list[Line]:
        """The endpoints that are not as they should be."""
        return [one for one in self.endpoints if one.state != "ok"]


@click.command(
    epilog="""
    \b
    Examples:
      outlast status world.yaml
      outlast status world.yaml --wrong            only what needs somebody
      watch -n 2 outlast status world.yaml

    Ends with 0 if every endpoint stands as wanted, 1 if something is wrong, 3 if the store is unusable
    (the DNS is then still asked and shown).
    """
)
@world_options
@click.option("--wrong", "only_wrong", is_flag=True, help="Show only what needs somebody.")
@click.option("--dns/--no-dns", default=None, help="Ask the DNS. [default: up to 200 endpoints]")
@json_option
def status(
    file: Path, state: Path | None, *, only_wrong: bool, dns: bool | None, as_json: bool
) -> int:
    """Show what is published, wanted and wrong for FILE."""
    world = open_world(file, state)
    ask = dns if dns is not None else len(world.topology.endpoints) <= ASKED_MAX
    found, broken = asyncio.run(_gather(world, ask=ask))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        _print(console(), found, only_wrong=only_wrong)
    if broken:
        return 3
    return 1 if found.wrong or found.orphans or found.sick or found.disagreeing else 0


async def _gather(world: World, *, ask: bool) -> tuple[Status, bool]:
    try:
        async with open_session(world, "status", writes=False) as session:
            return await _with_store(session, ask=ask), False
    except StoreError as error:
        return await _without_store(world, str(error)), True


async def _with_store(session: Session, *, ask: bool) -> Status:
    world, ledger = session.world, session.ledger
    rows = {row.endpoint: row for row in (await ledger.rows())[0]}
    overrides, _ = await ledger.overrides()
    votes, _ = await ledger.votes()
    views, _ = await ledger.views()
    roles = await ledger.roles()
    endpoints = list(world.topology.endpoints)
    observations: Mapping[EndpointName, Observation] = {}
    unread: Mapping[EndpointName, str] = {}
    if ask:
        observations, unread = await read_all(world, endpoints, session.providers)
    now_ns = world.clock.now_ns()
    wellness = Wellness(world.topology.settings)
    wellness.hear(views, votes, now_ns)
    in_force = [one for one in overrides or () if not is_over(one, now_ns)]
    known = {one.name for one in endpoints}
    lines = tuple(
        _line(one, rows.get(one.name), observations.get(one.name), unread, votes, in_force)
        for one in endpoints
    )
    missing = [one for one in roles if now_ns - one.at_ns > GONE_AFTER * one.every_s * NS_PER_S]
    return Status(
        at=iso(now_ns),
        topology=f"{world.file} ({world.digest[:12]})",
        store=str(world.state.store) if world.state.has_store() else "none yet",
        roles=tuple(one for one in roles if one not in missing),
        gone=tuple(f"{one.kind} {one.name}: last seen {iso(one.at_ns)}" for one in missing),
        overrides=tuple(describe(one) for one in in_force),
        sick=tuple(wellness.sick.values()),
        disagreeing=tuple(
            f"{server} about {drift.endpoint}: {drift.kind}: {drift.message}"
            for server, drift in await ledger.disagreements()
        ),
        endpoints=lines,
        orphans=tuple(sorted(name for name, row in rows.items() if row.head and name not in known)),
    )


async def _without_store(world: World, why: str) -> Status:
    """The store cannot be used: the DNS still can be asked."""
    providers = world.providers()
    endpoints = list(world.topology.endpoints)
    try:
        observations, unread = await read_all(world, endpoints, providers)
    finally:
        for provider in providers.values():
            await provider.close()
    return Status(
        at=iso(world.clock.now_ns()),
        topology=f"{world.file} ({world.digest[:12]})",
        store=f"UNUSABLE: {why}",
        roles=(),
        gone=(),
        overrides=(),
        sick=(),
        disagreeing=(),
        endpoints=tuple(
            _line(one, None, observations.get(one.name), unread, [], []) for one in endpoints
        ),
        orphans=(),
    )


def _line(
    endpoint: Endpoint,
    row: EndpointRow | None,
    observation: Observation | None,
    unread: Mapping[EndpointName, str],
    votes: list[tuple[Subject, Vote]],
    overrides: list[Override],
) -> Line:
    head = row.head.plan if row is not None and row.head is not None else None
    found = compare(head, observation) if head is not None and observation is not None else None
    state, detail = "ok", ""
    down = sorted(
        subject.split("/", 1)[1]
        for subject, vote in votes
        if vote.verdict is Verdict.DOWN and subject.startswith(f"{endpoint.name}/")
    )
    if down:
        state, detail = "ok", f"out: {', '.join(down)}"
    frozen = [
        one
        for one in overrides
        if isinstance(one, Freeze) and one.endpoint in (None, endpoint.name)
    ]
    if frozen:
        state, detail = "frozen", frozen[0].reason
    if row is not None and row.blocked is not None and not frozen:
        reasons = "; ".join(one.message for one in row.blocked.ruling.findings)
        state, detail = "blocked", reasons
    if found is not None and not isinstance(found, Proof):
        state, detail = found.kind.value, found.message
    if endpoint.name in unread:
        state, detail = "unreadable", unread[endpoint.name].splitlines()[0]
    if head is None and state == "ok":
        state, detail = "no plan", "nothing was planned yet: is `outlast up` running?"
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
    )


def _answers(endpoint: Endpoint, observation: Observation | None) -> str:
    """What the first name answers, as regions: `eu-west:2 us-east:1`."""
    if observation is None:
        return ""
    regions = {
        str(target.address(family)): target.region
        for target in endpoint.targets
        for family in target.families
    }
    counts: dict[str, int] = {}
    for one in observation.record_sets:
        if one.name != endpoint.names[0].name or one.rtype == "TXT":
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
        case Evacuation(region=region, step_count=count):
            what = f"evacuated: {region} in {count} steps from {iso(override.at_ns)}"
        case Waiver(rule=rule, endpoint=endpoint, until_ns=until_ns):
            what = f"waived: {rule} for {endpoint or 'everything'} until {iso(until_ns)}"
    return f"{what} (by {override.by}: {override.reason})"


def _print(out: Console, found: Status, *, only_wrong: bool) -> None:
    out.print(f"{found.at}  {escape(found.topology)}  store {escape(found.store)}")
    for one in found.roles:
        out.print(f"  [green]alive[/] {one.kind} {one.name}: {escape(one.doing)}")
    for gone in found.gone:
        out.print(f"  [red]gone[/]  {escape(gone)}")
    if not found.roles and not found.gone:
        out.print("  [yellow]no role is running[/]; what is published stays as it is")
    for sick in found.sick:
        out.print(f"  [red]sick vantage[/], nothing is removed on its word: {escape(sick)}")
    for server in found.disagreeing:
        out.print(f"  [red]differs[/] {escape(server)}")
    for override in found.overrides:
        out.print(f"  [cyan]{escape(override)}[/]")
    table = Table(box=None, pad_edge=False)
    for heading in ("endpoint", "DNS", "wanted", "answers", "state", "detail"):
        table.add_column(heading, overflow="fold")
    for line in found.wrong if only_wrong else found.endpoints:
        style = "green" if line.state == "ok" else "red"
        table.add_row(
            line.endpoint,
            str(line.published or "-"),
            str(line.wanted or "-"),
            line.answers,
            f"[{style}]{line.state}[/]",
            escape(line.detail),
        )
    out.print(table)
    for orphan in found.orphans:
        out.print(f"[yellow]orphaned[/] {orphan}: not in the topology, still published")
    wrong = len(found.wrong)
    out.print(f"{len(found.endpoints)} endpoints, {wrong} not as they should be")
