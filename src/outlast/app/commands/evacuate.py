"""`outlast evacuate` and `restore`: drain a region and bring it back, with proof."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from outlast.app.carrying import carries
from outlast.app.drain import Progress, endpoints_in, follow, prove, safe_at_ns
from outlast.app.options import (
    DurationType,
    by_option,
    open_world,
    operator,
    reason_option,
    until,
    world_options,
)
from outlast.app.preview import Preview, checksum_of
from outlast.app.session import DECLINED, Agree, Session, always, open_session
from outlast.app.show import console, print_ruling
from outlast.app.standing import describe
from outlast.app.wiring import World
from outlast.core.guard import WAIVABLE
from outlast.model.errors import ConfigError
from outlast.model.names import RegionName
from outlast.model.override import Evacuation, Waiver, is_over
from outlast.model.topology import Endpoint
from outlast.model.units import iso, seconds, utc

SETTLE_S = 60.0
"""How long publishing may take beyond the steps themselves before the command gives up watching."""


@click.command(
    epilog="""
    \b
    Examples:
      outlast evacuate world.yaml us-east --reason "power work tonight"
      outlast evacuate world.yaml us-east --steps 4 --every 2m --reason "drain before the upgrade"
      outlast evacuate world.yaml us-east --dry-run --reason "would it fit?"
      outlast evacuate world.yaml us-east --waive capacity --for 1h --reason "region is on fire"

    First the proof: for each endpoint, what would remain when the region is empty, and whether it carries
    the declared demand; and, simulated, whether essential services carry theirs. If that fails nothing is
    begun (exit code 1), unless the rule is waived by name, for a stated time. Ctrl-C stops watching, not the
    evacuation: `outlast restore` does.
    """
)
@world_options
@click.argument("region")
@click.option(
    "--steps", type=click.IntRange(1, 100), default=1, show_default=True, help="How many."
)
@click.option("--every", type=DurationType(), default=30.0, help="From step to step. [30s]")
@click.option("--dry-run", is_flag=True, help="Show the proof; begin nothing.")
@click.option("--no-wait", is_flag=True, help="Begin, and do not watch.")
@click.option("--waive", "rules", type=click.Choice(WAIVABLE), multiple=True, help="Rule to waive.")
@click.option("--for", "for_s", type=DurationType(), default=3600.0, help="How long waived. [1h]")
@reason_option
@by_option
def evacuate(
    file: Path,
    state: Path | None,
    region: str,
    *,
    steps: int,
    every: float,
    dry_run: bool,
    no_wait: bool,
    rules: tuple[str, ...],
    for_s: float,
    reason: str,
    by: str,
) -> int:
    """Drain REGION, in steps, and say when it is safe to power off."""
    world = open_world(file, state, kept=True)
    name = region_of(world, region)
    now_ns = world.clock.now_ns()
    evacuation = Evacuation(
        region=name, reason=reason, by=by, at_ns=now_ns, step_count=steps, step_s=every
    )
    waivers = [
        Waiver(
            rule=rule,
            endpoint=None,
            reason=reason,
            by=by,
            at_ns=now_ns,
            until_ns=until(world, for_s + steps * every),
        )
        for rule in rules
    ]
    return asyncio.run(_evacuate(world, evacuation, waivers, dry_run=dry_run, wait=not no_wait))


@click.command(
    epilog="""
    \b
    Examples:
      outlast restore world.yaml us-east
      outlast restore world.yaml us-east --steps 4 --every 2m

    Targets come back when their probes say that they are up, ramping up where the policy says so.
    """
)
@world_options
@click.argument("region")
@click.option(
    "--steps", type=click.IntRange(1, 100), default=1, show_default=True, help="How many."
)
@click.option("--every", type=DurationType(), default=30.0, help="From step to step. [30s]")
@click.option("--no-wait", is_flag=True, help="Lift the evacuation, and do not watch.")
@click.option("--by", default=operator, show_default="your login", help="Who asks for it.")
def restore(
    file: Path,
    state: Path | None,
    region: str,
    *,
    steps: int,
    every: float,
    no_wait: bool,
    by: str,
) -> int:
    """Take REGION back into service, in steps."""
    world = open_world(file, state, kept=True)
    back = Evacuation(
        region=region_of(world, region),
        reason="coming back",
        by=by,
        at_ns=world.clock.now_ns(),
        step_count=steps,
        step_s=every,
        returning=True,
    )
    return asyncio.run(_restore(world, back, wait=not no_wait))


def region_of(world: World, text: str) -> RegionName:
    """Return the region of that name.

    Raises:
        ConfigError: there is none.
    """
    known = [one.name for one in world.topology.regions]
    if text not in known:
        raise ConfigError(
            f"there is no region {text!r} in {world.file}", remedy=f"regions: {', '.join(known)}"
        )
    return RegionName(text)


async def _evacuate(
    world: World, evacuation: Evacuation, waivers: list[Waiver], *, dry_run: bool, wait: bool
) -> int:
    out = console()
    endpoints = endpoints_in(world, evacuation.region)

    if dry_run:
        async with open_session(world, "operator", writes=False) as session:
            return await _rehearse(session, out, evacuation, waivers)
    async with open_session(world, "operator", writes=True) as session:
        code = await begin_evacuation(session, out, evacuation, waivers)
        if code or not endpoints:
            return code
        if not wait:
            out.print("begun; `outlast status` tells how far it is")
            return 0
        return await _watch(session, out, endpoints, evacuation)


async def _rehearse(
    session: Session, out: Console, evacuation: Evacuation, waivers: Sequence[Waiver]
) -> int:
    """Show the proof, and stop where it would begin."""
    asked: list[str] = []

    def agree(what: str) -> bool:
        asked.append(what)
        return False

    code = await begin_evacuation(session, out, evacuation, waivers, agree=agree)
    if not asked:
        return code
    out.print("it fits; nothing was begun (--dry-run)")
    return 0


async def begin_evacuation(
    session: Session,
    out: Console,
    evacuation: Evacuation,
    waivers: Sequence[Waiver] = (),
    *,
    agree: Agree = always,
) -> int:
    """Show the proof that the rest carries the load and, if the guard allows it, begin to drain."""
    region = evacuation.region
    endpoints = endpoints_in(session.world, region)
    if not endpoints:
        out.print(f"no endpoint has a target in {region}: nothing to drain")
        return 0
    proofs = await prove(session, endpoints, evacuation, waivers)
    for one in proofs:
        _print_proof(out, one, region)
    allowed = all(one.ruling is None or one.ruling.allowed for one in proofs)
    every = (*waivers, *await _waived(session))
    if not await carries(out, session.world.topology, region, every) or not allowed:
        out.print(
            f"[red]refused[/]: {region} stays in service. Waive a rule by name "
            "(--waive RULE --for 1h) if it is meant, or repair what is named above."
        )
        return 1
    steps = f"in {evacuation.step_count} steps"
    if not agree(f"evacuate {region} {steps}, {checksum_of(proofs)}"):
        return DECLINED
    for waiver in waivers:
        await session.ledger.place(waiver, f"{waiver.rule} waived: {waiver.reason}")
    await session.ledger.place(evacuation, f"evacuating {region} {steps}: {evacuation.reason}")
    return 0


async def _waived(session: Session) -> list[Waiver]:
    """Return the waivers of everything that are in force already."""
    overrides, _ = await session.ledger.overrides()
    now_ns = session.world.clock.now_ns()
    waivers = [one for one in overrides or () if isinstance(one, Waiver)]
    return [one for one in waivers if one.endpoint is None and not is_over(one, now_ns)]


async def _watch(
    session: Session, out: Console, endpoints: list[Endpoint], evacuation: Evacuation
) -> int:
    length_s = (evacuation.step_count - 1) * evacuation.step_s + SETTLE_S
    deadline_ns = evacuation.at_ns + seconds(length_s)
    with out.status("evacuating") as line:

        def tell(progress: Progress) -> None:
            waiting = f", waiting for {', '.join(progress.unproved)}" if progress.unproved else ""
            line.update(f"{progress.left} addresses of {evacuation.region} published{waiting}")

        progress = await follow(
            session,
            endpoints,
            lambda one: one.left == 0 and not one.unproved,
            region=evacuation.region,
            deadline_ns=deadline_ns,
            tell=tell,
        )
    if progress.left or progress.unproved:
        out.print(
            f"[red]not drained yet[/]: {progress.left} addresses of {evacuation.region} are still "
            f"published{' for ' + ', '.join(progress.unproved) if progress.unproved else ''}; "
            "see `outlast status` and `outlast why`"
        )
        return 1
    safe_ns = safe_at_ns(endpoints, progress.confirmed_ns)
    longest_s = max(one.ttl_s for one in endpoints)
    out.print(
        f"[green]{evacuation.region} is empty[/]: confirmed in the DNS at {iso(progress.confirmed_ns)}"
    )
    out.print(
        f"[bold]safe to power off at {utc(safe_ns):%H:%M:%S} UTC[/]: one TTL ({longest_s} s) later. "
        "Connections that are open by then last until they are closed; resolvers that ignore TTLs exist."
    )
    return 0


def _print_proof(out: Console, one: Preview, region: str) -> None:
    plan = one.plan or one.head
    if plan is None:
        out.print(f"{one.endpoint.name}: nothing is published yet")
        return
    stay: dict[str, int] = {}
    for member in plan.members:
        if member.published:
            stay[member.region] = stay.get(member.region, 0) + 1
    rest = " ".join(f"{name}:{count}" for name, count in sorted(stay.items()))
    out.print(f"[bold]{one.endpoint.name}[/] without {region}: {rest}; {escape(str(plan.proof))}")
    if one.ruling is not None and one.ruling.findings:
        print_ruling(out, one.ruling)


async def _restore(world: World, back: Evacuation, *, wait: bool) -> int:
    out, region = console(), back.region
    endpoints = endpoints_in(world, region)
    async with open_session(world, "operator", writes=True) as session:
        if code := await begin_return(session, out, back):
            return code
        if not wait or not endpoints:
            out.print(f"{region} may serve again; targets return as their probes allow")
            return 0
        last_step_ns = back.at_ns + seconds((back.step_count - 1) * back.step_s)
        with out.status("restoring") as line:
            progress = await follow(
                session,
                endpoints,
                lambda one: (
                    one.left > 0 and not one.unproved and world.clock.now_ns() >= last_step_ns
                ),
                region=region,
                deadline_ns=last_step_ns + seconds(SETTLE_S),
                tell=lambda one: line.update(f"{one.left} addresses of {region} published"),
            )
    if not progress.left:
        out.print(
            f"[yellow]{region} may serve again, and nothing of it is published yet[/]: its targets are "
            "not up, or wait in a later tier; see `outlast why`"
        )
        return 1
    out.print(f"[green]{region} serves again[/]: {progress.left} addresses published")
    return 0


async def begin_return(
    session: Session, out: Console, back: Evacuation, agree: Agree = always
) -> int:
    """Put the way back in the place of the way out, if there is one."""
    overrides, _ = await session.ledger.overrides()
    found = [
        one
        for one in overrides or ()
        if isinstance(one, Evacuation) and one.region == back.region and not one.returning
    ]
    if not found:
        out.print(f"{back.region} is not being evacuated")
        return 1
    for one in found:
        out.print(escape(describe(one)))
    if not agree(f"take {back.region} back in {back.step_count} steps"):
        return DECLINED
    for one in found:
        if back.step_count > 1:
            text = f"{back.region} comes back in {back.step_count} steps"
            await session.ledger.place(back, text)
        else:
            await session.ledger.lift(one, f"{back.region} back in service", by=back.by)
    return 0
