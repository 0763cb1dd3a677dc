"""`outlast apply`: publish exactly what was previewed, or refuse."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from outlast.app.commands.plan import DETAILS_MAX, print_previews
from outlast.app.oneshot import publish
from outlast.app.options import (
    DurationType,
    by_option,
    find_endpoint,
    open_world,
    until,
    world_options,
)
from outlast.app.preview import (
    Knowledge,
    Preview,
    checksum_of,
    learn,
    preview_all,
    remember_grounds,
)
from outlast.app.session import DECLINED, Agree, Session, open_session
from outlast.app.show import console
from outlast.app.wiring import World
from outlast.core.guard import WAIVABLE
from outlast.core.messages import CommitPlan
from outlast.core.verify import compare
from outlast.drivers.facts import Fact
from outlast.model.errors import ConfigError, OutlastError
from outlast.model.names import EnactorName, EndpointName
from outlast.model.override import Waiver
from outlast.model.plan import Drift, Origin, Plan, Proof
from outlast.model.topology import Endpoint

ENACTOR = EnactorName("apply")


@click.command(
    epilog="""
    \b
    Examples:
      outlast apply world.yaml --checksum 5f1c0b7e2a9d4c33    what `outlast plan` showed, or nothing
      outlast apply world.yaml shop --yes                     whatever is wanted now, shown first
      outlast apply world.yaml shop --yes --adopt --reason "zone taken over from the old script"
      outlast apply world.yaml shop --yes --waive budget --for 10m --reason "moving to new hosts"

    Ends with 0 when everything allowed was published and read back from the DNS, with 1 when the guard
    blocked something, the preview changed meanwhile, or a write could not be confirmed in time.
    """
)
@world_options
@click.argument("names", nargs=-1)
@click.option("--checksum", help="Publish only if the preview still has this checksum.")
@click.option("--yes", is_flag=True, help="Publish what is wanted now, without a checksum.")
@click.option("--adopt", is_flag=True, help="Take over records that Outlast did not publish.")
@click.option(
    "--waive", "rules", type=click.Choice(WAIVABLE), multiple=True, help="Switch a rule off."
)
@click.option(
    "--for", "for_s", type=DurationType(), default=600.0, help="How long a waiver lasts. [10m]"
)
@click.option("--reason", default="", help="Why; required with --waive and --adopt.")
@by_option
@click.option(
    "--wait", "wait_s", type=DurationType(), default=30.0, help="How long to wait for proof. [30s]"
)
def apply(
    file: Path,
    state: Path | None,
    names: tuple[str, ...],
    *,
    checksum: str | None,
    yes: bool,
    adopt: bool,
    rules: tuple[str, ...],
    for_s: float,
    reason: str,
    by: str,
    wait_s: float,
) -> int:
    """Publish what `outlast plan` previewed, through the same guard and the same fence as automation."""
    if bool(checksum) == yes:
        raise ConfigError(
            "say what to publish: the preview with a checksum, or whatever is wanted now",
            remedy="run `outlast plan`, then `outlast apply --checksum ...`; or give --yes",
        )
    rules = (*rules, "ownership") if adopt else rules
    if rules and not reason:
        raise ConfigError("a waiver needs a reason", remedy='add --reason "why this is right now"')
    world = open_world(file, state, warn=True)
    endpoints = [find_endpoint(world, one) for one in names] or list(world.topology.endpoints)
    waivers = [
        Waiver(
            rule=rule,
            endpoint=endpoint.name,
            reason=reason,
            by=by,
            at_ns=world.clock.now_ns(),
            until_ns=until(world, for_s),
        )
        for rule in dict.fromkeys(rules)
        for endpoint in endpoints
    ]
    agree = _unchanged(checksum)
    return asyncio.run(_apply(world, endpoints, waivers, agree=agree, wait_s=wait_s))


def _unchanged(checksum: str | None) -> Agree:
    """Agree to what has this checksum; None: to whatever is wanted now."""

    def agree(now: str) -> bool:
        if checksum is not None and now != checksum:
            raise OutlastError(
                f"what would be published now has the checksum {now}, not {checksum}",
                remedy="something changed since the preview: run `outlast plan` again",
            )
        return True

    return agree


async def _apply(
    world: World, endpoints: list[Endpoint], waivers: list[Waiver], *, agree: Agree, wait_s: float
) -> int:
    async with open_session(world, "apply", writes=True) as session:
        return await publish_wanted(
            session, console(), endpoints, waivers, agree=agree, wait_s=wait_s
        )


async def publish_wanted(
    session: Session,
    out: Console,
    endpoints: list[Endpoint],
    waivers: Sequence[Waiver] = (),
    *,
    agree: Agree,
    wait_s: float,
) -> int:
    """Show what would change and publish what the guard allows of it; `agree` is told the checksum."""
    world = session.world
    known = await learn(
        world, session.ledger, session.providers, endpoints=endpoints, shortcut=not waivers
    )
    known = replace(known, overrides=(*known.overrides, *waivers))
    previews = preview_all(world, endpoints, known)
    print_previews(out, world, known, previews, everything=False)
    if not agree(checksum_of(previews)):
        return DECLINED
    for waiver in waivers:
        text = f"{waiver.rule} waived for {waiver.endpoint}: {waiver.reason}"
        await session.ledger.place(waiver, text)
    plans = await _commit(session, known, previews)
    facts: list[Fact] = []
    found = await publish(
        session,
        plans,
        name=ENACTOR,
        tell=facts.append,
        timeout_s=wait_s,
        seen=known.observations,
    )
    _print_found(out, found)
    if not waivers:
        await remember_grounds(session.ledger, known, previews)
    proved = all(isinstance(one, Proof) for one in found.values())
    blocked = any(one.ruling is not None and not one.ruling.allowed for one in previews)
    if not any(one.plan is not None for one in previews):
        out.print("nothing to publish: the newest plans already say what is wanted")
    return 0 if proved and not blocked and not known.unread else 1


def _print_found(out: Console, found: Mapping[EndpointName, Proof | Drift]) -> None:
    proofs = {name: one for name, one in found.items() if isinstance(one, Proof)}
    for endpoint, proof in list(proofs.items())[:DETAILS_MAX]:
        out.print(f"[green]published[/] {endpoint}: {proof.fence}")
    if len(proofs) > DETAILS_MAX:
        out.print(f"[green]published[/] {len(proofs) - DETAILS_MAX} more endpoints")
    for endpoint, one in found.items():
        if not isinstance(one, Proof):
            out.print(f"[red]not confirmed[/] {endpoint}: {one.kind}: {escape(one.message)}")


async def _commit(session: Session, known: Knowledge, previews: list[Preview]) -> list[Plan]:
    """Commit the allowed plans; also return the newest ones of endpoints whose DNS may differ."""
    plans: list[Plan] = []
    commands: list[CommitPlan] = []
    for one in previews:
        command = next((it for it in one.commands if isinstance(it, CommitPlan)), None)
        if command is None:
            if one.head is not None and one.plan is None and not _stands(known, one.head):
                plans.append(one.head)
            continue
        plan = command.plan
        if plan.origin is Origin.AUTOMATIC:
            plan = replace(plan, origin=Origin.MANUAL)
        commands.append(replace(command, plan=plan))
    for command, committed in zip(
        commands, await session.ledger.commit_plans(commands), strict=True
    ):
        if not committed:
            raise OutlastError(
                f"{command.plan.endpoint}: a newer plan was made meanwhile; nothing of it was published",
                remedy="run `outlast plan` again",
            )
    return [*plans, *(command.plan for command in commands)]


def _stands(known: Knowledge, head: Plan) -> bool:
    """Whether the DNS was just seen to hold the newest plan, and the store knows it."""
    observation = known.observations.get(head.endpoint)
    proved = observation is not None and isinstance(compare(head, observation), Proof)
    return proved and known.rows[head.endpoint].confirmed == head.generation
