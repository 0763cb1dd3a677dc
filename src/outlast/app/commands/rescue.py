"""`outlast rescue`: the last known good publication again, with DNS credentials and nothing else.

No store, no planner, no running enactor is needed: only the topology file for the providers, their
credentials, and the files in which the enactors of this machine remembered what they had confirmed. The
write goes through the fence, as a newer generation than whatever stands there, by the very machine that
enactors run; automation adopts it when it is back and holds still for a while.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from outlast.app.options import open_world, world_options
from outlast.app.remembered import remember
from outlast.app.session import Agree
from outlast.app.show import console, print_diff
from outlast.app.wiring import World
from outlast.core import enact
from outlast.core.adopt import RESCUE_LEAP
from outlast.core.dual import at_place
from outlast.core.messages import (
    Confirm,
    EnactCommand,
    EnactEvent,
    FetchNewest,
    Newest,
    Read,
    ReadFailed,
    ReadProvider,
    ReportDrift,
    RetryAt,
    Woken,
    Write,
    Wrote,
)
from outlast.core.verify import same_content
from outlast.drivers.goodlines import GoodPublication
from outlast.drivers.lastgood import LastGood
from outlast.model.errors import ConfigError, ProviderError
from outlast.model.fence import RESCUER, parse_fence
from outlast.model.names import EnactorName, EndpointName
from outlast.model.plan import DriftKind, Observation, Origin, Plan, Receipt
from outlast.model.units import NO_GENERATION, Generation, iso
from outlast.ports import Provider

TRIES_MAX = 5
RETRY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """What would be done for one endpoint.

    Attributes:
        found: what the DNS holds now.
        stands: whether that is the last known good publication already.
    """

    good: GoodPublication
    plan: Plan
    found: Observation
    stands: bool


@click.command(
    epilog="""
    \b
    Examples:
      outlast rescue world.yaml                    shows what it would restore, then asks
      outlast rescue world.yaml shop --yes
      outlast rescue world.yaml --from /backup/enactor-1.log --yes

    Works with everything of Outlast stopped, its store lost or damaged. Endpoints that stand as they were
    last confirmed are left alone. Ends with 0 when all asked for stands, 1 when something could not be
    restored.
    """
)
@world_options
@click.argument("names", nargs=-1)
@click.option(
    "--from",
    "sources",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Last-known-good files to use. [default: those of this machine's enactors]",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def rescue(
    file: Path,
    state: Path | None,
    names: tuple[str, ...],
    *,
    sources: tuple[Path, ...],
    yes: bool,
) -> int:
    """Restore the last known good publication of NAMES, or of every endpoint of FILE."""
    world = open_world(file, state, kept=True)
    files = list(sources) or world.state.last_good_files()
    if not files:
        raise ConfigError(
            f"there is no last-known-good file below {world.state.root}",
            remedy="give one with --from, or the right folder with --state",
        )
    good = asyncio.run(remember(world, files, content=not sources))
    for problem in good.problems:
        click.echo(f"left out: {problem}", err=True)
    wanted = list(choose(world, good, names))

    def agree(what: str) -> bool:
        return yes or click.confirm(f"{what}?")

    return asyncio.run(bring_back(world, console(), good, wanted, agree=agree))


def choose(world: World, good: LastGood, names: tuple[str, ...]) -> Iterator[GoodPublication]:
    """The publications to restore: those asked for, else all of the topology that are remembered."""
    by_name = {
        str(name): endpoint.name
        for endpoint in world.topology.endpoints
        for name in (endpoint.name, *(one.name for one in endpoint.names))
    }
    asked = [by_name.get(name.rstrip("."), EndpointName(name)) for name in names]
    missing = [name for name in asked if name not in good.entries]
    if missing:
        known = ", ".join(sorted(good.entries)) or "none"
        raise ConfigError(
            f"no last known good publication of {', '.join(missing)}", remedy=f"there are: {known}"
        )
    known_names = {one.name for one in world.topology.endpoints}
    for name, entry in sorted(good.entries.items()):
        if name in asked or (not asked and name in known_names):
            yield entry
        elif not asked:
            click.echo(f"left out: {name} is not in the topology; name it to restore it", err=True)


async def bring_back(
    world: World,
    out: Console,
    good: LastGood,
    wanted: list[GoodPublication],
    *,
    agree: Agree,
) -> int:
    """Show, and restore, what is not as it was last confirmed."""
    providers = world.providers()
    failed = 0
    try:
        for entry in (
            replace(one, plan=at_place(one.plan, name))
            for one in wanted
            for name in one.plan.layout.providers
        ):
            provider = providers.get(entry.plan.layout.provider)
            if provider is None:
                name = entry.plan.layout.provider
                out.print(f"[red]{entry.plan.endpoint}[/]: provider {name} is not in the topology")
                failed += 1
                continue
            highest = good.highest.get(entry.plan.endpoint, NO_GENERATION)
            failed += not await _one(world, out, provider, entry, highest=highest, agree=agree)
    finally:
        for provider in providers.values():
            await provider.close()
    return 1 if failed else 0


async def _one(
    world: World,
    out: Console,
    provider: Provider,
    entry: GoodPublication,
    *,
    highest: Generation,
    agree: Agree,
) -> bool:
    """Restore one endpoint; return whether it stands in the end."""
    name = entry.plan.endpoint
    try:
        rescue = _prepare(world, entry, await provider.read(entry.plan.layout), highest)
    except ProviderError as error:
        out.print(f"[red]{name}[/] cannot be read: {escape(str(error))}")
        return False
    if rescue.stands:
        out.print(f"[green]{name}[/] stands as confirmed at {iso(entry.confirmed_at_ns)}")
        return True
    confirmed = f"generation {entry.plan.generation}, confirmed at {iso(entry.confirmed_at_ns)}"
    out.print(f"[bold]{name}[/]: the last known good is {confirmed}")
    print_diff(out, rescue.found.record_sets, rescue.plan.record_sets)
    of = f"generation {entry.plan.generation} of {name} at {entry.plan.layout.provider}"
    if not agree(f"publish {of} again, as generation {rescue.plan.generation}"):
        return False
    drive = _Drive(world=world, provider=provider, rescue=rescue, highest=highest)
    result = await drive.run()
    if isinstance(result, Receipt):
        out.print(f"[green]{name} is restored[/]: {result.fence}")
        return True
    out.print(f"[red]{name} is not restored[/]: {escape(result)}")
    return False


def _prepare(
    world: World, entry: GoodPublication, found: Observation, highest: Generation
) -> Rescue:
    fence = parse_fence(found.fence)
    stands = (
        fence is not None
        and same_content(entry.plan, found)
        and (fence.digest == entry.plan.digest)
    )
    live = fence.generation if fence is not None else NO_GENERATION
    generation = Generation(max(live, highest, entry.plan.generation) + RESCUE_LEAP)
    plan = replace(
        entry.plan,
        generation=generation,
        base=live,
        owns=True,
        origin=Origin.RESCUE,
        made_at_ns=world.clock.now_ns(),
        signature="",  # that of the plan as it was; under a new number it would look forged
        reason=f"rescued: the content of generation {entry.plan.generation}",
    )
    return Rescue(good=entry, plan=plan, found=found, stands=stands)


@dataclass(slots=True)
class _Drive:
    """The enactor's own machine, with the rescued plan as the newest one."""

    world: World
    provider: Provider
    rescue: Rescue
    highest: Generation
    why: str = "no answer"
    receipt: Receipt | None = None

    async def run(self) -> Receipt | str:
        """Return the receipt, or why there is none after some tries."""
        layout = self.rescue.plan.layout
        state = enact.State(enactor=EnactorName(RESCUER), layout=layout)
        for _ in range(TRIES_MAX):
            events: list[EnactEvent] = [Woken(layout=layout, at_ns=self.world.clock.now_ns())]
            while events:
                state, commands = enact.step(state, events.pop(0))
                for command in commands:
                    event = await self._carry_out(command)
                    events += [event] if event is not None else []
            if self.receipt is not None:
                return self.receipt
            await asyncio.sleep(RETRY_S)
        return self.why

    async def _carry_out(self, command: EnactCommand) -> EnactEvent | None:
        clock = self.world.clock
        match command:
            case ReadProvider(layout=layout):
                try:
                    observation = await self.provider.read(layout)
                except ProviderError as error:
                    return ReadFailed(detail=str(error), at_ns=clock.now_ns())
                return Read(observation=observation, at_ns=clock.now_ns())
            case FetchNewest():
                return Newest(
                    plan=self.rescue.plan,
                    confirmed=self.rescue.good.plan.generation,
                    nonce=clock.nonce(),
                    at_ns=clock.now_ns(),
                )
            case Write(transaction=transaction):
                outcome = await self.provider.write(transaction)
                return Wrote(outcome=outcome, at_ns=clock.now_ns())
            case Confirm(receipt=receipt):
                self.receipt = receipt
            case ReportDrift(drift=drift, observation=observation):
                self.why = drift.message
                if drift.kind is DriftKind.AHEAD and observation is not None:
                    # Somebody moved on meanwhile: go above them.
                    good = self.rescue.good
                    self.rescue = _prepare(self.world, good, observation, self.highest)
            case RetryAt():
                pass
        return None
