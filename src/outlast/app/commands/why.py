"""`outlast why`: the answer for one name, explained address by address."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from outlast.app.options import find_endpoint, json_option, open_world, world_options
from outlast.app.preview import Preview, learn, preview
from outlast.app.session import Session, open_session
from outlast.app.show import console, print_ruling
from outlast.app.wiring import World
from outlast.core import loop
from outlast.core.plan import make, what_if_down
from outlast.core.verify import compare
from outlast.model.health import Health
from outlast.model.names import Subject
from outlast.model.plan import Drift, Member, Plan, Proof, Ruling
from outlast.model.topology import Endpoint, subject_of
from outlast.model.units import Generation, iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One address.

    Attributes:
        stands: whether the DNS holds it now; None: the DNS could not be read.
        if_it_fails: what one more failure, of this address, would do.
    """

    member: Member
    health: Health
    stands: bool | None
    if_it_fails: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Everything about one endpoint; what `--json` prints."""

    endpoint: str
    names: tuple[str, ...]
    published: Proof | Drift | None
    unread: str
    plan: Plan | None
    ruling: Ruling | None
    wish: Plan | None
    reasons: tuple[Reason, ...]
    sick: dict[str, str]


@click.command(
    epilog="""
    \b
    Examples:
      outlast why world.yaml www.shop.test
      outlast why world.yaml shop --json | jq '.reasons[].member'

    Tells what the DNS holds and what was last planned; for each address the votes of every vantage with
    their counters, the guard's rule that kept it in or out, and what would happen if it failed as well.
    """
)
@world_options
@click.argument("name")
@json_option
def why(file: Path, state: Path | None, name: str, *, as_json: bool) -> int:
    """Explain the answer for NAME (an endpoint or one of its DNS names)."""
    world = open_world(file, state, kept=True)
    endpoint = find_endpoint(world, name)
    found = asyncio.run(_explain(world, endpoint))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        _print(console(), found)
    return 0 if isinstance(found.published, Proof) else 1


async def _explain(world: World, endpoint: Endpoint) -> Why:
    async with open_session(world, "why", writes=False) as session:
        return await explain(session, endpoint)


def as_text(found: Why) -> str:
    """Return what the command prints, without colours."""
    text = io.StringIO()
    _print(Console(file=text, width=100, color_system=None, highlight=False), found)
    return text.getvalue()


async def explain(session: Session, endpoint: Endpoint) -> Why:
    """Explain the answer of one endpoint.

    Raises:
        StoreError: the store cannot be used.
    """
    world = session.world
    known = await learn(world, session.ledger, session.providers, endpoints=[endpoint])
    one = preview(world, endpoint, known)
    observation = known.observations.get(endpoint.name)
    head = one.head
    row = known.rows.get(endpoint.name)
    standing = (
        {value for records in observation.record_sets for value in records.values}
        if observation is not None
        else None
    )
    now = _plan_now(one, known.at_ns)
    reasons = tuple(
        Reason(
            member=member,
            health=known.health[_subject(endpoint, member)],
            stands=member.address in standing if standing is not None else None,
            if_it_fails=_one_more(one, now, member, known.at_ns),
        )
        for member in (now.members if now is not None else ())
    )
    return Why(
        endpoint=endpoint.name,
        names=tuple(it.name for it in endpoint.names),
        published=compare(head, observation) if head and observation is not None else None,
        unread=known.unread.get(endpoint.name, ""),
        plan=head,
        ruling=one.ruling
        or (row.head.ruling if row is not None and row.head is not None else None),
        wish=one.plan,
        reasons=reasons,
        sick={str(name): why for name, why in known.sick.items()},
    )


def _subject(endpoint: Endpoint, member: Member) -> Subject:
    return subject_of(endpoint.name, member.target, member.family)


def _plan_now(one: Preview, at_ns: int) -> Plan | None:
    """What would be planned at this moment, whether or not it differs from the newest plan."""
    situation = loop.situation_of(one.state, type(one.state.since_ns)(at_ns))
    return make(situation, Generation(one.state.newest + 1)) if situation is not None else None


def _one_more(one: Preview, now: Plan | None, member: Member, at_ns: int) -> str:
    """Say what would become of the endpoint if this address failed as well."""
    situation = loop.situation_of(one.state, type(one.state.since_ns)(at_ns))
    if situation is None or now is None or not member.serves:
        return ""
    subject = _subject(one.endpoint, member)
    plan = make(what_if_down(situation, subject), Generation(one.state.newest + 1))
    after = next(
        it for it in plan.members if (it.target, it.family) == (member.target, member.family)
    )
    left = [it.target for it in plan.members if it.serves and it.family is member.family]
    joined = sorted({it.target for it in plan.members if it.serves} - set(_serving(now)))
    if after.published:
        return f"it would stay published: {after.why}"
    text = f"it goes; {', '.join(left)} {'serves' if len(left) == 1 else 'serve'}"
    if joined:
        text += f" ({', '.join(joined)} joining)"
    return f"{text}; {plan.proof}"


def _serving(plan: Plan) -> Iterator[str]:
    return (one.target for one in plan.members if one.serves)


def _print(out: Console, found: Why) -> None:
    out.print(f"[bold]{found.endpoint}[/]  {', '.join(found.names)}")
    if found.unread:
        out.print(f"the DNS cannot be read: {escape(found.unread)}", style="red")
    elif isinstance(found.published, Proof):
        fence = found.published.fence
        out.print(
            f"the DNS holds exactly generation {fence.generation} (written by {fence.writer}, "
            f"digest {fence.digest[:12]})"
        )
    elif isinstance(found.published, Drift):
        out.print(f"the DNS differs: {found.published.kind}: {escape(found.published.message)}")
    for vantage, reason in found.sick.items():
        out.print(f"vantage {vantage} counts as sick: {escape(reason)}", style="red")
    if found.plan is None:
        out.print("there is no plan yet", style="yellow")
    else:
        made = f"{found.plan.origin} at {iso(found.plan.made_at_ns)}"
        out.print(f"{found.plan}: {made}: {escape(found.plan.reason)}")
        out.print(f"capacity: {found.plan.proof}")
    for one in found.reasons:
        _print_reason(out, one)
    if found.wish is not None:
        out.print(f"it should become {found.wish}: {escape(found.wish.reason)}")
    if found.ruling is not None:
        print_ruling(out, found.ruling)


def _print_reason(out: Console, one: Reason) -> None:
    member = one.member
    stands = {True: "in the DNS", False: "not in the DNS", None: "DNS not read"}[one.stands]
    colour = "green" if member.serves else "yellow" if member.published else "red"
    out.print(
        f"\n  [{colour}]{member.address}[/]  {member.target} in {member.region}, {stands}"
        + (f", weight {member.weight} at {member.percent} %" if member.published else "")
    )
    out.print(f"    why: {escape(member.why)}")
    for vote in one.health.votes:
        out.print(f"    vote: {escape(str(vote))}; since {iso(vote.since_ns)}")
    if one.if_it_fails:
        out.print(f"    one more failure: {escape(one.if_it_fails)}")
